"""Metrics as series: gauges as they are, counters and deltas as rates. It must never guess a value that was not sent.

A counter's rate is the increase over the time between two samples. A value below the last one is a reset, and the
value itself is then the increase since (Prometheus's rule for `increase`). A delta is an increase already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from floodmark.config.models import Detect, Limits
from floodmark.detect.bank import layout
from floodmark.detect.bank.table import Recency, Table
from floodmark.detect.sampling import Identity, SeriesSampler
from floodmark.detect.series import Finding, Sample, Series, label_entity, label_scope, series_key
from floodmark.signals import Metric, Origin

_Identity = tuple[str, tuple[tuple[str, str], ...]]
_KINDS: Final = {"gauge": layout.GAUGE, "counter": layout.COUNTER, "delta": layout.DELTA}


class MetricSeries:
    """A `Maker[Metric]`. Holds, for at most `limits.series` series, the identity and the last sample.

    The last samples are rows of a table, which the kernel of the bank reads and writes: it does what `observe` does.
    """

    def __init__(self, limits: Limits, detect: Detect, sampler: SeriesSampler | None = None) -> None:
        self._limits = limits
        self._detect = detect
        self._sampler = sampler or SeriesSampler()
        self._slots: dict[_Identity, int] = {}
        self._series: dict[int, Series] = {}
        self._table = Table(layout.METRIC)
        self._recency = Recency()
        self._uses = 0
        self._counts: Counter[str] = Counter()

    def observe(self, signal: Metric) -> list[Sample | Finding]:
        self._uses += 1
        slot = self._slot(Origin(signal.name, signal.labels, signal.kind, signal.unit), self._uses)
        last = self.rows[slot]
        last["used"] = self._uses
        time, value, newest = signal.time, signal.value, float(last["time"])
        if value is None:
            self._counts["skipped:no_value"] += 1
            return []
        if time <= newest:
            self._counts["skipped:duplicate" if time == newest else "skipped:out_of_order"] += 1
            return []
        if signal.kind != "gauge":
            if value < 0 and signal.kind == "counter":
                self._counts["skipped:negative_counter"] += 1
                return []
            before, since = float(last["value"]), time - newest
            last["time"], last["value"] = time, value
            if math.isnan(before):
                return []
            if signal.kind == "delta":
                before = 0.0
            elif value < before:
                self._counts["counter_resets"] += 1
                before = 0.0
            return [Sample(self._series[slot], time, (value - before) / since)]
        last["time"] = time
        return [Sample(self._series[slot], time, value)]

    # -- for the kernel

    @property
    def rows(self) -> layout.Rows:
        return self._table.rows

    def ref(self, origin: Origin, uses: int) -> int:
        """How the kernel finds the series of an origin (see `layout.Points`). `uses`: the bank's clock."""
        slot = self._slot(origin, uses + 1)  # may make the table grow
        return int(self.rows["token"][slot]) << layout.KIND_BITS | _KINDS[origin.kind]

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

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {"metric_series": len(self._slots)}

    def state(self) -> object:
        return self._slots, self._series, self._table.state()

    def restore(self, state: tuple[dict[_Identity, int], dict[int, Series], Any]) -> None:
        """Go on from what `state` gave; beyond smaller limits the least recently used go, and are counted."""
        self._slots, self._series, table = state
        self._table.restore(table)
        self._table.check(self._series)
        while len(self._slots) > self._limits.series:
            self._evict()

    def unlink(self) -> None:
        """The core is another one, or its detectors are: it has to be asked for every series again."""
        self.rows["series"] = layout.UNKNOWN

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
        self._table.give_back(slot)
        self._counts["evicted:series"] += 1

    def _slot(self, origin: Origin, use: int) -> int:
        identity = (origin.name, tuple(sorted(origin.labels.items())))
        slot = self._slots.get(identity)
        return self._admit(origin, identity, use) if slot is None else slot

    def _admit(self, origin: Origin, identity: _Identity, use: int) -> int:
        detect = self._detect
        rate = origin.kind != "gauge"
        series = Series(
            key=series_key(origin.name, origin.labels),
            name=origin.name,
            labels=dict(sorted(origin.labels.items())),
            entity=label_entity(origin.labels, detect.entity, origin.name),
            scope=label_scope(origin.labels, detect.scope),
            signal="metric",
            kind="rate" if rate else "gauge",
            unit=f"{origin.unit}/s" if rate and origin.unit else origin.unit,
        )
        if len(self._slots) >= self._limits.series:
            self._evict()
        slot, _ = self._table.take()
        row = self.rows[slot]
        row["time"], row["value"], row["series"] = -math.inf, math.nan, layout.UNKNOWN
        row["used"] = use
        self._slots[identity] = slot
        self._series[slot] = series
        self._sampler.add(series.key, identity)
        return slot
