"""What of a series' first points is its normal: an outage while it is being learned must not become part of it.

The first points may be of two states, with a gap between their values. Which of the two is the normal one nobody has
said, so it is the state in which the series is now: what a series came back from was the exception, and so was the
trouble in which it began. Of a count that only alarms upwards it is the lower state. It must never set apart what comes
and goes from point to point: that is how the series is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Final

_NEWEST: Final = 5
"""Points, the newest, that say where the series is now."""
_FEWEST: Final = 8
"""Points that a normal state must have: there is little to be learned from fewer."""
_LOWEST: Final = 4
"""Of a count that only alarms upwards: the lowest points, at least a quarter of all. What is no more than chance makes
of them is the normal state."""
_RUN: Final = 3
"""Points of an exception, and of each of its runs in the mean. What is shorter is a spike, which is no state."""
_RUN_UPWARDS: Final = 2
"""The same of a count that only alarms upwards."""
_LEAST: Final = 0.025
"""Of the largest magnitude in the normal state: a smaller gap is none."""
_WIDE: Final = 16.0
"""Times the gap: an exception that is spread more widely is no state, but bursts as the series may have every day."""


def normal(values: Sequence[float], *, counts: bool, upwards: bool) -> list[bool] | None:
    """Which of the first points of a series, oldest first, are of its normal state; None if there is only one state.

    `counts`: they are numbers of events, which chance alone lets vary. `upwards`: only high values are of interest.
    """
    if len(values) <= _NEWEST:
        return None
    lowest = counts and upwards
    low, high = _low(values) if lowest else _near(values, counts=counts)
    inside = [low <= value <= high for value in values]
    others, run, fewest = len(values) - sum(inside), *((_RUN_UPWARDS, _LOWEST) if lowest else (_RUN, _FEWEST))
    runs = sum(not here and (i == 0 or inside[i - 1]) for i, here in enumerate(inside))
    if others < run or others < run * runs or len(values) - others < fewest:
        return None
    if not lowest:
        out = [value for value, here in zip(values, inside, strict=True) if not here]
        if max(out) - min(out) > _WIDE * min(max(low - value, value - high) for value in out):
            return None
    return inside


def _low(values: Sequence[float]) -> tuple[float, float]:
    """How far the lower state reaches, which has at least a quarter of the points."""
    least = sorted(values)[: max(_LOWEST, len(values) // 4)]
    rate = fmean(least)
    return -math.inf, max(least[-1], rate + 2 + 3 * math.sqrt(max(rate, 0.0)))


def _near(values: Sequence[float], *, counts: bool) -> tuple[float, float]:
    """The range of the newest points, and of all that hang together with them: no gap is as wide as the range."""
    low, high = min(values[-_NEWEST:]), max(values[-_NEWEST:])
    while True:
        reach = max(high - low, _LEAST * max(abs(low), abs(high)))
        if counts:
            reach = max(reach, 2 + 2 * math.sqrt(max(high, 0.0)))
        near = [value for value in values if low - reach <= value < low or high < value <= high + reach]
        if not near:
            return low, high
        low, high = min(low, *near), max(high, *near)
