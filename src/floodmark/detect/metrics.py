"""Metrics as series: gauges as they are, counters as rates. It must never guess a value that was not sent.

A counter's rate is the increase over the time between two samples. A value below the last one is a reset, and the
value itself is then the increase since (Prometheus's rule for `increase`).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping

from floodmark.config.models import Detect, Limits
from floodmark.detect.series import Finding, Sample, Series, label_entity, label_scope, series_key
from floodmark.signals import Metric

_Identity = tuple[str, tuple[tuple[str, str], ...]]


class MetricSeries:
    """A `Maker[Metric]`. Holds, for at most `limits.series` series, the identity and the last sample."""

    def __init__(self, limits: Limits, detect: Detect) -> None:
        self._limits = limits
        self._detect = detect
        self._known: OrderedDict[_Identity, _Last] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def observe(self, signal: Metric) -> list[Sample | Finding]:
        identity = (signal.name, tuple(sorted(signal.labels.items())))
        last = self._known.get(identity)
        if last is None:
            last = self._admit(signal, identity)
        else:
            self._known.move_to_end(identity)
        time, value = signal.time, signal.value
        if value is None:
            self._counts["skipped:no_value"] += 1
            return []
        if time <= last.time:
            self._counts["skipped:duplicate" if time == last.time else "skipped:out_of_order"] += 1
            return []
        if signal.kind == "counter":
            if value < 0:
                self._counts["skipped:negative_counter"] += 1
                return []
            before, since = last.value, time - last.time
            last.time, last.value = time, value
            if before is None:
                return []
            if value < before:
                self._counts["counter_resets"] += 1
                before = 0.0
            return [Sample(last.series, time, (value - before) / since)]
        last.time = time
        return [Sample(last.series, time, value)]

    def advance(self, watermark: float) -> list[Sample | Finding]:
        return []

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {"metric_series": len(self._known)}

    def _admit(self, signal: Metric, identity: _Identity) -> _Last:
        detect = self._detect
        series = Series(
            key=series_key(signal.name, signal.labels),
            name=signal.name,
            labels=dict(sorted(signal.labels.items())),
            entity=label_entity(signal.labels, detect.entity, signal.name),
            scope=label_scope(signal.labels, detect.scope),
            signal="metric",
            kind="rate" if signal.kind == "counter" else "gauge",
            unit=f"{signal.unit}/s" if signal.kind == "counter" and signal.unit else signal.unit,
        )
        last = _Last(series)
        self._known[identity] = last
        if len(self._known) > self._limits.series:
            self._known.popitem(last=False)
            self._counts["evicted:series"] += 1
        return last


class _Last:
    """The last sample of a series."""

    __slots__ = ("series", "time", "value")

    def __init__(self, series: Series) -> None:
        self.series = series
        self.time = float("-inf")
        self.value: float | None = None
