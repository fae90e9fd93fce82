"""Metrics as series: gauges as they are, counters and deltas as rates. It must never guess a value that was not sent.

A counter's rate is the increase over the time between two samples; what a value below the last one means is in
`readings`. A delta is an increase already, over the time since its start or, where that is not said, the sample before.

How a series is read is part of it: its unit is the first that was said, and values in another unit of the same are
turned into it; those in a unit of something else are another series. Whose producer says no kind is a gauge until it
has only grown for a day, and from then on a counter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from floodmark.config.models import Detect, Detector, Limits
from floodmark.detect import meaning, readings
from floodmark.detect.bank import layout
from floodmark.detect.bank.table import Recency, Table
from floodmark.detect.sampling import Identity, SeriesSampler
from floodmark.detect.series import Finding, Sample, Series, label_entity, label_scope, series_key
from floodmark.scales import ratio, scale
from floodmark.signals import Metric, Origin

_Identity = tuple[str, tuple[tuple[str, str], ...]]
_KINDS: Final = {
    "gauge": layout.GAUGE,
    "counter": layout.COUNTER,
    "delta": layout.DELTA,
    "untyped": layout.UNTYPED,
}
_RATES: Final = (layout.COUNTER, layout.DELTA)
_APART: Final = "\0unit"
"""In the identity of a series that is named as another one, and measures something else."""
_REMARKS: Final = 20


class MetricSeries:
    """A `Maker[Metric]`. Holds, for at most `limits.series` series, the identity and the last sample.

    The last samples are rows of a table, which the kernel of the bank reads and writes: it does what `observe` does.
    """

    def __init__(
        self,
        limits: Limits,
        detect: Detect,
        sampler: SeriesSampler | None = None,
        detectors: Sequence[Detector] = (),
    ) -> None:
        self._limits = limits
        self._detect = detect
        self._detectors = detectors
        self._sampler = sampler or SeriesSampler()
        self._slots: dict[_Identity, int] = {}
        self._series: dict[int, Series] = {}
        self._units: dict[int, str] = {}
        self._table = Table(layout.METRIC)
        self._recency = Recency()
        self._uses = 0
        self._turned: list[str] = []
        self._remarks: list[str] = []
        self._counts: Counter[str] = Counter()
        self.scaled = False
        """Whether any origin had a unit from which its values are turned into another."""

    def observe(self, signal: Metric) -> list[Sample | Finding]:
        """As the kernel does it."""
        self._uses += 1
        origin = Origin(signal.name, signal.labels, signal.kind, signal.unit)
        ref = self.ref(origin, self._uses - 1)
        slot = self._table.slot(ref >> layout.KIND_BITS)
        row, kind = self.rows[slot], ref & (layout.SCALED - 1)
        row["used"] = self._uses
        time, newest = signal.time, float(row["time"])
        if signal.value is None:
            self._counts["skipped:no_value"] += 1
            return []
        value = signal.value * origin.factor
        if time <= newest:
            self._counts["skipped:duplicate" if time == newest else "skipped:out_of_order"] += 1
            return []
        if kind in _RATES:
            rate = self._delta(row, signal, value) if kind == layout.DELTA else self._counter(row, signal, value)
            if rate is not None and math.isnan(rate):
                self.turn(ref)
                return self.observe(signal)
            return [] if rate is None else [Sample(self._series[slot], time, rate)]
        if kind == layout.UNTYPED and self._untyped(row, time, value):
            self.turn(ref)
            return self.observe(signal)
        row["time"] = time
        return [Sample(self._series[slot], time, value)]

    def _delta(self, row: Any, signal: Metric, value: float) -> float | None:
        time, start, newest = signal.time, signal.start, float(row["time"])
        since = start if newest < start < time and start > 0 else newest
        row["value"], row["time"] = value, time
        return value / (time - since) if since > -math.inf else None

    def _counter(self, row: Any, signal: Metric, value: float) -> float | None:
        """The rate, if there is one; NaN if it is no counter, as it turns out with this value."""
        if value < 0:
            self._counts["skipped:negative_counter"] += 1
            return None
        time, start, base, newest = signal.time, signal.start, float(row["value"]), float(row["time"])
        low, usual = float(row["low"]), float(row["rate"])
        verdict, rate = readings.reading(
            value, time, start, base, float(row["held"]), low, newest, float(row["began"]), usual
        )
        if row["how"] == layout.LEARNED and readings.is_lower(verdict):
            if value * 8 >= base:
                if row["falls"] + 1 >= readings.FALLS and time - row["since"] <= readings.DAY:
                    return math.nan
                if not row["falls"] or time - row["since"] > readings.DAY:
                    row["falls"], row["since"] = 0, time
                row["falls"] += 1
            if verdict != readings.DIP and not readings.is_real_reset(value, base, rate, usual):
                verdict = readings.FIRST
        row["time"] = time
        if verdict == readings.DIP:
            self._counts["counter_dips"] += 1
            row["held"] = newest if math.isnan(low) else row["held"]
            row["low"], row["lows"] = value, 0
            return None
        near = verdict in (readings.LOW, readings.HELD) and value < base
        if near and row["lows"] + 1 < readings.ACCEPTED:
            row["low"] = value
            row["lows"] += 1
            if verdict == readings.HELD:
                return None
        else:
            row["value"], row["low"], row["began"] = value, math.nan, start
        if verdict in (readings.AGAIN, readings.RESET):
            self._counts["counter_resets"] += 1
        row["rate"] = rate if verdict >= readings.GROWN else math.nan
        return rate if verdict >= readings.GROWN else None

    def _untyped(self, row: Any, time: float, value: float) -> bool:
        """Whether it is a counter, as it turns out with this value."""
        before = float(row["value"])
        if not readings.grows(value, before):
            row["since"], row["ups"] = time, 0
        elif value > before:
            if row["ups"] + 1 >= readings.ENOUGH and time - row["since"] >= readings.DAY:
                return True
            row["ups"] += 1
        row["value"] = value
        return False

    # -- for the kernel

    @property
    def rows(self) -> layout.Rows:
        return self._table.rows

    def ref(self, origin: Origin, uses: int) -> int:
        """How the kernel finds the series of an origin (see `layout.Points`), whose factor is set with that.

        `uses`: the bank's clock. Series that are read in another way from now on are `turned`.
        """
        slot = self._slot(origin, uses + 1)  # may make the table grow
        kind = self._kind(slot, origin)
        ref = int(self.rows["token"][slot]) << layout.KIND_BITS | kind
        if origin.factor == 1.0:
            return ref
        self.scaled = True
        return ref | layout.SCALED

    def turn(self, ref: int) -> None:
        """After TURN: the series of a ref is a counter from now on, or a gauge after all."""
        slot = self._table.slot(ref >> layout.KIND_BITS)
        row = self.rows[slot]
        if row["kind"] == layout.UNTYPED:
            self._become(slot, layout.COUNTER, layout.LEARNED)
            self._counts["learned:counter"] += 1
            self._remark(meaning.grown, self._series[slot])
        else:  # for good: what has been mistaken once would be again
            self._become(slot, layout.GAUGE, layout.OPEN)
            self._counts["learned:gauge"] += 1
            self._remark(meaning.fallen, self._series[slot])

    def turned(self) -> list[str]:
        """Keys of the series that are read in another way since last asked: nothing learned of them is of use."""
        turned, self._turned = self._turned, []
        return turned

    def series(self, ref: int) -> Series:
        """The series that a ref, good just now, leads to."""
        return self._series[self._table.slot(ref >> layout.KIND_BITS)]

    def link(self, ref: int, token: int) -> None:
        """Where the core has the series: a token, or one of layout's words."""
        self.rows["series"][self._table.slot(ref >> layout.KIND_BITS)] = token

    def advance(self, watermark: float) -> list[Sample | Finding]:
        return []

    def back(self, tick: float, limit: float) -> None:
        """Event time goes back to `tick`: samples from beyond `limit` were never so."""
        rows = self.rows
        beyond = rows["time"] > limit
        rows["time"][beyond], rows["value"][beyond] = -math.inf, math.nan
        rows["low"][beyond], rows["began"][beyond], rows["rate"][beyond] = math.nan, 0.0, math.nan
        rows["since"][beyond], rows["ups"][beyond], rows["falls"][beyond] = math.inf, 0, 0

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def remarks(self) -> list[str]:
        """Sentences for the operator's log that arose since last asked."""
        remarks, self._remarks = self._remarks, []
        return remarks

    def sizes(self) -> Mapping[str, int]:
        return {"metric_series": len(self._slots)}

    def state(self) -> object:
        return self._slots, self._series, self._units, self._table.state()

    def restore(self, state: tuple[dict[_Identity, int], dict[int, Series], dict[int, str], Any]) -> None:
        """Go on from what `state` gave; beyond smaller limits the least recently used go, and are counted."""
        self._slots, self._series, self._units, table = state
        self._table.restore(table)
        self._table.check(self._series)
        while len(self._slots) > self._limits.series:
            self._evict()

    def unlink(self) -> None:
        """The core is another one, or its detectors are: it has to be asked for every series again."""
        self.rows["series"] = layout.UNKNOWN

    def reconsider(self) -> None:
        """The detectors are others than before: what they say of kinds holds from now on."""
        for slot, series in self._series.items():
            row = self.rows[slot]
            forced, fixed = meaning.of_config(series, self._detectors)
            if forced is not None:
                if row["how"] != layout.FORCED or row["kind"] != _KINDS[forced]:
                    self._become(slot, _KINDS[forced], layout.FORCED)
            elif row["how"] == layout.FORCED or (fixed and row["how"] == layout.LEARNED):
                self._become(slot, layout.GAUGE if fixed else layout.UNTYPED, layout.OPEN)
            elif row["how"] == layout.OPEN:
                never = fixed or meaning.never_counts(series.name, self._units.get(slot, ""))
                row["kind"] = layout.GAUGE if never else layout.UNTYPED
                self._table.renew(slot)
        self._turned.clear()  # the core knows by itself whose detector has changed

    def kinds(self) -> dict[str, str]:
        """The kinds of the series by their keys."""
        return {series.key: series.kind for series in self._series.values()}

    def heard(self, identity: Identity) -> float:
        """Time of the newest sample of a series, -inf if it is not known."""
        slot = self._slots.get(identity)
        return float(self.rows["time"][slot]) if slot is not None else float("-inf")

    def _evict(self) -> None:
        slots = self._slots

        def used(identity: _Identity) -> int | None:
            return int(self.rows["used"][slots[identity]]) if identity in slots else None

        oldest = self._recency.oldest(
            used, lambda: zip(self.rows["used"][list(slots.values())].tolist(), slots, strict=True)
        )
        slot = slots.pop(oldest)
        del self._series[slot]
        self._units.pop(slot, None)
        self._table.give_back(slot)
        self._counts["evicted:series"] += 1

    def _slot(self, origin: Origin, use: int) -> int:
        """The row of an origin, whose factor is set with that."""
        origin.factor = 1.0
        identity = (origin.name, tuple(sorted(origin.labels.items())))
        slot = self._slots.get(identity)
        if slot is None:
            return self._admit(origin, identity, use)
        if not origin.unit or (unit := self._units.get(slot)) == origin.unit:
            return slot
        if unit is None:
            self._say_unit(slot, origin.unit)
            return slot
        factor = ratio(origin.unit, unit)
        if factor is None:
            slot, unit = self._apart(slot, origin, identity, use)
            factor = ratio(origin.unit, unit) or 1.0
        if factor != 1.0:
            origin.factor = factor
            if not self.rows["converted"][slot]:
                self.rows["converted"][slot] = 1
                self._counts["units_converted"] += 1
                self._remark(meaning.converted, self._series[slot], origin.unit, unit)
        return slot

    def _apart(self, slot: int, origin: Origin, identity: _Identity, use: int) -> tuple[int, str]:
        """The row of what has the name and labels of a series, and another dimension; and the unit of that row."""
        found = scale(origin.unit)
        of = found.of if found is not None else origin.unit
        own = (identity[0], (*identity[1], (_APART, of)))
        other = self._slots.get(own)
        if other is None:
            first, unit = self._series[slot], self._units[slot]
            labels = {**origin.labels, "_unit" if "unit" in origin.labels else "unit": origin.unit}
            other = self._admit(Origin(origin.name, labels, origin.kind, origin.unit), own, use)
            self._counts["units_apart"] += 1
            self._remark(meaning.apart, first, origin.unit, unit)
        return other, self._units.get(other, origin.unit)

    def _say_unit(self, slot: int, unit: str) -> None:
        """A unit is said of a series that had none."""
        self._units[slot] = unit
        series = self._series[slot]
        self._series[slot] = replace(series, unit=_shown(unit, rate=series.kind == "rate"))
        self._table.renew(slot)

    def _kind(self, slot: int, origin: Origin) -> int:
        """How a sample of an origin is read."""
        row = self.rows[slot]
        how = row["how"]
        if how == layout.FORCED or origin.kind == "untyped":
            return int(row["kind"])
        said = _KINDS[origin.kind]
        if how != layout.SAID:  # it is said now what was left open
            self._become(slot, said, layout.SAID)
        return said

    def _become(self, slot: int, kind: int, how: int) -> None:
        """From now on the samples of a series are of another kind, or it is known in another way."""
        row, series = self.rows[slot], self._series[slot]
        was, now = series.kind == "rate", kind in _RATES
        row["kind"], row["how"] = kind, how
        row["low"], row["rate"], row["began"] = math.nan, math.nan, 0.0
        row["ups"], row["falls"], row["lows"], row["since"] = 0, 0, 0, row["time"]
        if now and how != layout.LEARNED:
            row["value"] = math.nan
        if was != now:
            unit = _shown(self._units.get(slot, ""), rate=now)
            self._series[slot] = replace(series, kind="rate" if now else "gauge", unit=unit)
            self._turned.append(series.key)
            row["series"] = layout.UNKNOWN
        self._table.renew(slot)

    def _admit(self, origin: Origin, identity: _Identity, use: int) -> int:
        detect = self._detect
        series = Series(
            key=series_key(origin.name, origin.labels),
            name=origin.name,
            labels=dict(sorted(origin.labels.items())),
            entity=label_entity(origin.labels, detect.entity, origin.name),
            scope=label_scope(origin.labels, detect.scope),
            signal="metric",
        )
        forced, fixed = meaning.of_config(series, self._detectors)
        kind, how = _KINDS[forced or origin.kind], layout.FORCED if forced else layout.SAID
        if kind == layout.UNTYPED:
            how = layout.OPEN
            if fixed or meaning.never_counts(origin.name, origin.unit):
                kind = layout.GAUGE
        rate = kind in _RATES
        series = replace(series, kind="rate" if rate else "gauge", unit=_shown(origin.unit, rate=rate))
        if len(self._slots) >= self._limits.series:
            self._evict()
        slot, _ = self._table.take()
        row = self.rows[slot]
        row["time"], row["value"], row["series"] = -math.inf, math.nan, layout.UNKNOWN
        row["low"], row["rate"], row["since"] = math.nan, math.nan, math.inf
        row["kind"], row["how"] = kind, how
        row["used"] = use
        self._slots[identity] = slot
        self._series[slot] = series
        if origin.unit:
            self._units[slot] = origin.unit
        self._sampler.add(series.key, identity)
        return slot

    def _remark(self, say: Any, *about: Any) -> None:
        if len(self._remarks) < _REMARKS:
            self._remarks.append(say(*about))


def _shown(unit: str, *, rate: bool) -> str:
    """The unit of a series."""
    return f"{unit}/s" if rate and unit else unit
