"""What a snapshot of a detect stage has learned, to be looked at and held against another: it needs no config.

It reads the private parts of models, as the bank's `carry` does, and must never change one. The bytes are read by the
state's codec alone, so that no code runs that they ask for; what they refer to and only a config has stays None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from floodmark.detect import snapshots
from floodmark.detect.bank import layout
from floodmark.detect.bank.table import unpacked
from floodmark.detect.heads import RiverScore
from floodmark.detect.model import SeriesModel
from floodmark.detect.stage import State
from floodmark.detect.watched import Watched
from floodmark.state import StateError

_SLIGHT: Final = 0.05
"""A change that nobody would speak of."""
_FEW: Final = 10
"""Points above the first rung, below which nothing is said of a tail."""


class Learned(NamedTuple):
    """What is known of a series. `seen`: points learned. `level`: where it is; `error`: by how much a forecast of it is
    usually off; `season`: what it is forecast by, "", "daily" or "weekly" (the longest that has been learned). `tail`:
    how far what is odd goes beyond what is usual, by head: 1 is a tail as the normal distribution has it. `budget`:
    alarms of late. `alarm`: one is open. `own`: it has a model of River's, which is not looked into."""

    entity: str
    signal: str
    kind: str
    unit: str
    seen: int
    level: float
    error: float
    season: str
    tail: Mapping[str, float]
    budget: float
    alarm: bool
    own: bool = False


class Picture(NamedTuple):
    """All that a snapshot has learned. `made_by`: the form of the state. `shapes`: digests of the settings that shaped
    its parts. `tick`: event time, -inf before the first."""

    made_by: str
    shapes: Mapping[str, str]
    tick: float
    series: Mapping[str, Learned]
    log_sources: int
    models: int


class Shift(NamedTuple):
    """What is otherwise about a series: how much, to be ranked by, and in words."""

    key: str
    size: float
    words: tuple[str, ...]


class Difference(NamedTuple):
    """What came, what went, and what changed most first."""

    came: tuple[str, ...]
    went: tuple[str, ...]
    changed: tuple[Shift, ...]
    same: int


def picture(data: bytes) -> Picture:
    """What a snapshot has learned. Raises StateError if the bytes are none of this release."""
    snapshot = snapshots.opened(data)
    state = snapshots.codec(monitored=snapshot.monitored).loads(snapshot.state, {}, lenient=True)
    if not isinstance(state, State):
        raise StateError("the snapshot does not hold the state of a detect task")
    try:
        tick, _ = state.clock
        watched, bank, _ = state.core[0]
        rows = unpacked(bank[0][0], layout.SERIES)
        series = {key: _learned(each, rows) for key, each in watched.items()}
        return Picture(snapshot.made_by, snapshot.shapes, float(tick), series, len(state.logs[0]), len(state.models[0]))
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        raise StateError(f"the snapshot does not hold what it should ({type(error).__name__}: {error})") from None


def difference(before: Picture, after: Picture) -> Difference:
    """What is otherwise in `after`."""
    both = [key for key in after.series if key in before.series]
    shifts = (_shift(key, before.series[key], after.series[key]) for key in both)
    changed = sorted((each for each in shifts if each.words), key=lambda each: (-each.size, each.key))
    return Difference(
        tuple(sorted(after.series.keys() - before.series.keys())),
        tuple(sorted(before.series.keys() - after.series.keys())),
        tuple(changed),
        len(both) - len(changed),
    )


def _learned(watched: Watched, rows: Any) -> Learned:
    series, model = watched.series, watched.out
    if model is not None:
        seen, level, error, season, tail = _of_model(model)
    elif 0 <= watched.slot < len(rows):
        seen, level, error, season, tail = _of_row(rows[watched.slot])
    else:
        raise StateError(f"there is no model of {series.key}")
    own = model is not None and any(head is None or isinstance(head, RiverScore) for head in model._heads)
    return Learned(
        series.entity, series.signal, series.kind, series.unit, seen, level, error, season, tail,
        float(watched.openings[0]), watched.alarm is not None, own,
    )  # fmt: skip


def _of_model(model: SeriesModel) -> tuple[int, float, float, str, dict[str, float]]:
    forecaster = model._forecaster
    season = "daily" if forecaster._daily._since is not None else ""
    weekly = forecaster._weekly
    season = "weekly" if weekly is not None and weekly._since is not None else season
    tail = {
        head.name: _stretch(each._above, each._excess, each._weight)
        for head, each in zip(model._heads, model._tails, strict=True)
    }
    return model.seen, forecaster._level.value, forecaster._error.value, season, tail


def _of_row(row: Any) -> tuple[int, float, float, str, dict[str, float]]:
    heads = int(row["heads"])
    tail = {
        _NAMES[place]: _stretch(row["above"][place].tolist(), row["excess"][place].tolist(), float(row["weight"]))
        for place, bit in enumerate(layout.TAILS)
        if heads & bit
    }
    season = "weekly" if int(row["week"]) >= 0 else "" if math.isnan(row["day_since"]) else "daily"
    return int(row["seen"]), float(row["level"]), float(row["error"]), season, tail


_NAMES: Final = ("forecast", "range", "flatline", "level", "drift", "variance", "shape")
"""Of the tails of a row, in their order."""


def _stretch(above: Iterable[float], excess: Iterable[float], weight: float) -> float:
    """How far points above the first rung of a tail go beyond it, both sides together: 1 where they are normal, and
    where they are too few to say. `weight`: of a point now."""
    points, beyond = list(above), list(excess)
    half = len(points) // 2
    count = points[0] + points[half]
    return (beyond[0] + beyond[half]) / count if count >= _FEW * (weight or 1.0) else 1.0


def _shift(key: str, before: Learned, after: Learned) -> Shift:
    """What is otherwise, in words that a person would say."""
    unit = f" {after.unit}" if after.unit else ""
    words: list[str] = []
    size = 0.0
    scale = max(before.error, after.error, 1e-3 * max(abs(before.level), abs(after.level)), 1e-12)
    moved = abs(after.level - before.level) / scale
    if moved > 1:
        words.append(f"level {before.level:.4g} → {after.level:.4g}{unit}")
        size += moved
    wider = _ratio(before.error, after.error)
    if wider > math.log(1.5):
        words.append(f"usual error {before.error:.3g} → {after.error:.3g}{unit}")
        size += wider * 2
    if before.season != after.season:
        words.append(f"season {before.season or 'none'} → {after.season or 'none'}")
        size += 2
    for head in before.tail.keys() & after.tail.keys():
        stretched = _ratio(before.tail[head], after.tail[head])
        if stretched > math.log(1.5):
            words.append(f"tail of {head} {before.tail[head]:.2g} → {after.tail[head]:.2g}")
            size += stretched
    if abs(after.budget - before.budget) > _SLIGHT:
        words.append(f"alarms of late {before.budget:.1f} → {after.budget:.1f}")
        size += abs(after.budget - before.budget)
    if before.alarm != after.alarm:
        words.append("an alarm is open" if after.alarm else "its alarm is over")
        size += 3
    if after.seen < before.seen:
        words.append(f"points {before.seen:,} → {after.seen:,}: it was learned anew")
        size += 5
    return Shift(key, size if math.isfinite(size) else 1e9, tuple(sorted(words, key=_order)))


def _order(words: str) -> int:
    """What is said first."""
    firsts = ("points", "an alarm", "its alarm", "level", "usual", "season", "alarms", "tail")
    return next(place for place, first in enumerate(firsts) if words.startswith(first))


def _ratio(before: float, after: float) -> float:
    """By how much one is larger than the other, as a logarithm."""
    if before <= 0 or after <= 0:
        return 0.0 if before == after else 1.0
    return abs(math.log(after / before))
