"""Entities: what many small surprises at once say of one host, service or model whose series are each too faint to
alarm.

Of every minute of event time the p-values of an entity's metric series are joined as by the truncated product method
(Zaykin et al. 2002, Genetic Epidemiology 22): the sum of -ln p over the series with a small p. The theory of that sum
wants independence, which the series of one host do not have; so nothing is read off it. What the sum usually is, and
how far it strays, is learned from the entity's own past, and the tail gives the p-value as it does for any head.

It must never look at a point: the rows of the bank say what each series was like at its oddest (see `layout`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from floodmark.alerts import Evidence
from floodmark.config.models import Detector
from floodmark.detect.anomalies import Support, rarity
from floodmark.detect.bank import layout
from floodmark.detect.bank.table import Table
from floodmark.detect.series import Finding, Series, series_key
from floodmark.detect.tail import Tail, deviation, surprisal
from floodmark.detect.watched import HOLD, NORMAL

_PERIOD: Final = 60.0
"""Seconds of event time that are judged together."""
_FEWEST: Final = 4
"""Series that an entity must have to be more than these."""
_SOFT: Final = NORMAL
"""A larger p-value counts nothing."""
_STRONG: Final = 0.05
"""A smaller one must be found in at least `_ENOUGH` series."""
_ENOUGH: Final = 3
_CAP: Final = 7.0
"""Most nats that one series counts: by itself it would be an alarm of its own, and none of the entity's."""
_FLOOR: Final = 0.5
"""Smallest scale, about half of what independent, exact p-values would have."""
_FADING: Final = 0.002
_CLIP: Final = 6.0
_TO_SIGMA: Final = 1.2533
_YOUNG: Final = 10
"""Periods before there is a scale."""
_MEMORY: Final = 20_000.0
_YOUNG_TAIL: Final = 2_000.0
"""Of a tail, as in `tail`."""
_TOLD: Final = 10
"""Series that are named in the evidence, and `_SAID` in the summary."""
_SAID: Final = 4
_HEARD: Final = 3.0
"""Intervals for which a series counts as there after its last point."""

ENTITY: Final = np.dtype(
    [
        ("token", "i8"),
        ("members", "i8"),  # series in the bank
        ("seen", "i8"),  # periods learned
        # Of the nats a series: their mean, and their mean absolute deviation times the root of how many series.
        ("mean", "f8"),
        ("spread", "f8"),
        # The upper side of its tail.
        ("points", "f8"),
        ("weight", "f8"),
        ("above", "f8", (3,)),
        ("excess", "f8", (3,)),
        # When it was last odd, NaN if it is not, and since when.
        ("odd", "f8"),
        ("since", "f8"),
    ]
)

_LEARNED: Final = ("seen", "mean", "spread", "points", "weight", "above", "excess")

EntitiesState = tuple[float, dict[int, Series], Any]


class Contribution(NamedTuple):
    """A series by its row, how odd it was, and which way: 1, -1, or 0 for neither."""

    slot: int
    p_value: float
    way: int


class _Period(NamedTuple):
    """The sums of a period, by row of the entities: series heard, whether one of them had a point, nats, and series
    with a small p-value. Then the series that count, by their rows, with owner, p-value and way."""

    heard: NDArray[np.int64]
    fresh: NDArray[np.bool_]
    nats: NDArray[Any]
    strong: NDArray[np.int64]
    slots: NDArray[np.int64]
    owners: NDArray[np.int64]
    p: NDArray[np.float64]
    ways: NDArray[np.int64]

    def contributions(self, owner: int) -> list[Contribution]:
        mine = np.flatnonzero(self.owners == owner)
        columns = (self.slots[mine].tolist(), self.p[mine].tolist(), self.ways[mine].tolist())
        return [Contribution(*each) for each in zip(*columns, strict=True)]


class Verdict(NamedTuple):
    """An entity is odd, after so many periods that were `seen`: `contributions` are those of its `heard` series that
    count."""

    entity: Series
    time: float
    p_value: float
    seen: int
    heard: int
    contributions: list[Contribution]

    def finding(self, tenants: Mapping[int, Series]) -> Finding:
        """In words. `tenants`: the series of those rows."""
        ranked = sorted(self.contributions, key=lambda each: (each.p_value, tenants[each.slot].key))
        parts = [(tenants[each.slot], ("", " up", " down")[each.way], each.p_value) for each in ranked]
        names = list(dict.fromkeys(f"{series.name}{way}" for series, way, _ in parts))
        named = ", ".join(names[:_SAID]) + (", …" if len(names) > _SAID else "")
        facts: dict[str, float | str] = {"odd": len(ranked), "of": self.heard}
        for i, (series, way, p_value) in enumerate(parts[:_TOLD], 1):
            facts[f"series_{i}"] = f"{series.key}{way}, p = {p_value:.2g}"
        support = Support(self.seen, self.seen, unit="minutes")
        what = f"{len(ranked)} of {self.heard} series are odd at once"
        return Finding(
            series=self.entity,
            time=self.time,
            head="entity",
            p_value=self.p_value,
            direction="none",
            observed=float(len(ranked)),
            expected=None,
            low=None,
            high=None,
            summary=f"{self.entity.entity}: {what}: {named} ({rarity(self.p_value, support)})",
            evidence=Evidence(facts=facts),
            seen=self.seen,
        )


class Entities:
    """The entities of the series in a bank. There are never more of them than series.

    An entity's number, in the row of each of its series, is its row here plus one.
    """

    def __init__(self, detector: Callable[[Series], Detector], *, enabled: bool) -> None:
        """`detector`: which one judges a series; that of an entity is called "entity"."""
        self._detector = detector
        self._enabled = enabled
        self._swept = -math.inf
        self._numbers: dict[tuple[str, str], int] = {}
        self._entities: dict[int, Series] = {}
        self._table = Table(ENTITY)

    def __len__(self) -> int:
        return len(self._entities)

    def join(self, series: Series) -> int:
        """A series more: the number of its entity, 0 if entities are not judged."""
        if not self._enabled:
            return 0
        name = (series.scope, series.entity)
        number = self._numbers.get(name)
        if number is None:
            slot, _ = self._table.take()
            self._table.rows["odd"][slot] = np.nan
            number = self._numbers[name] = slot + 1
            self._entities[number] = _entity(series)
        self._table.rows["members"][number - 1] += 1
        entity = self._entities[number]
        shared = {label: value for label, value in entity.labels.items() if series.labels.get(label) == value}
        if len(shared) < len(entity.labels):
            self._entities[number] = replace(entity, labels=shared)
        return number

    def leave(self, number: int) -> None:
        """One of its series has gone; with the last one the entity goes."""
        if number:
            self._table.rows["members"][number - 1] -= 1
            if not self._table.rows["members"][number - 1]:
                self._forget(number)

    def ended(self, watermark: float) -> float | None:
        """The end of the last period that is over by now; None if it has been judged."""
        end = watermark // _PERIOD * _PERIOD
        return end if self._enabled and end > self._swept else None

    def back(self, tick: float) -> None:
        """Event time goes back to `tick`."""
        self._swept = min(self._swept, tick)

    def judge(self, end: float, rows: layout.Rows, is_open: Callable[[str], bool]) -> list[Verdict]:
        """The entities that are odd in the period that ends at `end`, by the rows of the bank, which begin anew.

        `is_open`: whether an alarm is open on the series of that key.
        """
        self._swept = end
        table = self._table.rows
        period = _period(rows, end, self._table.top)
        at = np.flatnonzero((period.heard >= _FEWEST) & period.fresh)
        before, heard = table[at], period.heard[at]
        mean = period.nats[at] / heard
        away = np.where(before["seen"] > 0, (mean - before["mean"]) * np.sqrt(heard), 0.0)
        z = away / np.maximum(_FLOOR, _TO_SIGMA * before["spread"])
        z[before["seen"] < _YOUNG] = 0.0
        learned = (z < 2.0) & np.isnan(before["odd"])
        _pass(table, at[learned & (before["seen"] >= _YOUNG)])
        found = []
        for i in np.flatnonzero(~learned).tolist():
            slot = int(at[i])
            entity, row = self._entities[slot + 1], table[slot]
            detector = self._detector(entity)
            p_value, learned[i] = _live(row, end, max(float(z[i]), 0.0), detector, bool(period.strong[slot] >= _ENOUGH))
            level = HOLD if is_open(entity.key) else _level(detector)
            if detector.enabled and row["odd"] == end and p_value < level:
                seen = int(before["seen"][i])
                found.append(Verdict(entity, end, p_value, seen, int(heard[i]), period.contributions(slot)))
        _learn(table, at[learned], mean[learned], away[learned])
        return found

    def state(self) -> EntitiesState:
        return self._swept, self._entities, self._table.state()

    def restore(self, state: EntitiesState) -> None:
        """Go on from what `state` gave, without series: all have to join again, then `prune` drops the others."""
        if not self._enabled:
            return
        self._swept, self._entities, table = state
        self._table.restore(table)
        self._table.check(number - 1 for number in self._entities)
        self._table.rows["members"] = 0
        self._numbers = {(each.scope, each.entity): number for number, each in self._entities.items()}

    def prune(self) -> None:
        """Forget the entities that no series has joined."""
        for number in [each for each in self._entities if not self._table.rows["members"][each - 1]]:
            self._forget(number)

    def graft(self, state: EntitiesState) -> None:
        """Take over what another task has learned of entities of which it has seen more. Nothing of it is odd now."""
        _, entities, table = state
        other = Table(ENTITY)
        other.restore(table)
        for theirs, entity in entities.items():
            number = self._numbers.get((entity.scope, entity.entity))
            if number is None or other.rows["seen"][theirs - 1] <= self._table.rows["seen"][number - 1]:
                continue
            row = self._table.rows[number - 1]
            for name in _LEARNED:
                row[name] = other.rows[name][theirs - 1]

    def _forget(self, number: int) -> None:
        entity = self._entities.pop(number)
        del self._numbers[entity.scope, entity.entity]
        self._table.give_back(number - 1)


def _entity(series: Series) -> Series:
    """The series of the entity of one. Its labels are those that all of them have; its key does not follow them."""
    labels = {"entity": series.entity} | ({"scope": series.scope} if series.scope != "default" else {})
    return Series(
        key=series_key("entity", labels),
        name="entity",
        labels=series.labels,
        entity=series.entity,
        scope=series.scope,
        signal="metric",
        kind="count",
    )


def _period(rows: layout.Rows, end: float, size: int) -> _Period:
    """What the rows of the bank say of the period that ends at `end`; they begin anew."""
    owner, p, interval = rows["entity"] - 1, rows["p"].copy(), np.maximum(rows["interval"], 1.0)
    known = (owner >= 0) & ~np.isnan(p)
    rows["p"][known] = layout.UNJUDGED
    heard = known & (rows["last"] >= end - np.maximum(_PERIOD, _HEARD * interval))
    fresh = owner[heard & (p <= 1.0)]
    p *= np.maximum(1.0, _PERIOD / interval)  # the smallest of so many
    slots = np.flatnonzero(heard & (p < _SOFT))
    owners, p = owner[slots], p[slots]
    return _Period(
        heard=np.bincount(owner[heard], minlength=size),
        fresh=np.bincount(fresh, minlength=size) > 0,
        nats=np.bincount(owners, np.minimum(_CAP, -np.log(p)), minlength=size),
        strong=np.bincount(owners[p < _STRONG], minlength=size),
        slots=slots,
        owners=owners,
        p=p,
        ways=rows["way"][slots],
    )


def _level(detector: Detector) -> float:
    """The p-value of one period below which an alarm opens."""
    return min(0.05, detector.false_alarms * _PERIOD)


def _live(row: Any, end: float, z: float, detector: Detector, enough: bool) -> tuple[float, bool]:
    """A period that is not plain, of one entity: its p-value, and whether the mean and the scale learn it.

    As with alarms: the first odd one goes to the tail only, and until nothing was odd for `refractory` only what is
    normal is learned. What has lasted for `adopt` is learned from scratch.
    """
    z = deviation(surprisal(2.0) / 2.0 * z)  # in which an exponential tail is what the tail takes for a Pareto one
    tail = Tail()
    tail._n, tail._weight = float(row["points"]), float(row["weight"])
    tail._above[:3], tail._excess[:3] = row["above"].tolist(), row["excess"].tolist()
    p_value = tail.score_one(z)
    if end - row["odd"] >= detector.refractory:
        row["odd"] = np.nan
    if np.isnan(row["odd"]):
        opens = enough and p_value < _level(detector) and row["seen"] >= detector.warmup
        if opens:
            row["odd"] = row["since"] = end
        tail.learn_one(z)
        learned = not opens
    else:
        if enough and p_value < HOLD:
            row["odd"] = end
        learned = p_value >= NORMAL
        if learned:
            tail.learn_one(z)
        if end - row["since"] >= detector.adopt:
            row["seen"], row["odd"] = 0, np.nan
            return p_value, False
    row["points"], row["weight"], row["above"], row["excess"] = tail._n, tail._weight, tail._above[:3], tail._excess[:3]
    return p_value, learned


def _pass(rows: layout.Rows, at: Any) -> None:
    """The tails learn of these rows that nothing exceeded: as `Tail.learn_one` below its first rung."""
    points, weight = rows["points"][at], rows["weight"][at]
    weight = np.where(
        weight < _YOUNG_TAIL,
        weight + 1.0,
        np.where(points > _MEMORY * weight, weight * (1.0 + 1.0 / _MEMORY), weight),
    )
    rows["weight"][at] = weight
    rows["points"][at] += weight


def _learn(rows: layout.Rows, at: Any, value: Any, away: Any) -> None:
    """Fading means that are plain ones over their first points, as in `FadingMean`; the scale as in `Scale`."""
    seen, mean, spread = rows["seen"][at], rows["mean"][at], rows["spread"][at]
    rate = np.maximum(1.0 / (seen + 1), _FADING)
    size = np.abs(away)
    size = np.where(seen >= _YOUNG, np.minimum(size, _CLIP * np.maximum(spread, _FLOOR)), size)
    rows["mean"][at] = mean + rate * (value - mean)
    rows["spread"][at] = spread + rate * (size - spread)
    rows["seen"][at] = seen + 1
