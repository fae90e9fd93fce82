"""Series as a line of text: a block for each point, and marks under those that are outside of what was expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from floodmark.alerts import Point

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII: Final = "_.-=+*#@"
_NONE: Final = " "
WIDTH: Final = 48


def merged(told: Iterable[Sequence[Point]]) -> list[Point]:
    """The points of an anomaly from all that was told of it: one of a time told before replaces it."""
    points = {point.time: point for each in told for point in each}
    return [points[time] for time in sorted(points)]


def spark(points: Sequence[Point], width: int = WIDTH, *, ascii: bool = False) -> str:
    """The newest points, a character each; empty if none has a value. Each stands between the least and the largest of
    them and of what was expected."""
    shown = points[-width:]
    values = [each for point in shown for each in (point.observed, point.low, point.high) if _is(each)]
    if not any(_is(point.observed) for point in shown):
        return ""
    low, high = min(values), max(values)  # type: ignore[type-var]
    steps = _ASCII if ascii else _BLOCKS
    return "".join(_step(point.observed, low, high, steps) for point in shown)  # type: ignore[arg-type]


def marks(points: Sequence[Point], width: int = WIDTH) -> str:
    """A ^ under each point that is outside of its band; empty if there is none."""
    return "".join("^" if outside(point) else " " for point in points[-width:]).rstrip()


def outside(point: Point) -> bool:
    """Whether a point is beyond what was expected of it."""
    if point.observed is None:
        return False
    below = point.low is not None and point.observed < point.low
    return below or (point.high is not None and point.observed > point.high)


def _step(value: float | None, low: float, high: float, steps: str) -> str:
    if value is None or not math.isfinite(value):
        return _NONE
    if high <= low:
        return steps[len(steps) // 2]
    return steps[min(len(steps) - 1, int((value - low) / (high - low) * len(steps)))]


def _is(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
