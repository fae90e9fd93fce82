"""Vector's metrics in JSON (`encoding.codec: json` of its Kafka sink).

`incremental` says that the value is an increment since the last; `absolute` that it is the whole.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, Literal

from msgspec import Struct

from floodmark.decode.buckets import MOST_BUCKETS, sketch
from floodmark.decode.decoder import EventError
from floodmark.decode.points import JsonMessages, PointDecoder, Points, number
from floodmark.signals import Histogram, MetricKind, Origin

_Real = float | str | None
"""Vector writes null for what is no number of JSON."""


class _Value(Struct, gc=False):
    value: _Real = None


class _Set(Struct, gc=False):
    values: list[Any]


class _Weighed(Struct, gc=False):
    value: _Real = None
    rate: float = 1.0


class _Distribution(Struct, gc=False):
    samples: list[_Weighed]


class _Bucket(Struct, gc=False):
    upper_limit: _Real
    count: float


class _Histogram(Struct, gc=False):
    buckets: list[_Bucket]
    count: float
    sum: _Real = None


class _Bins(Struct, gc=False):
    k: list[int]
    n: list[float]


class _AgentSketch(Struct, gc=False):
    bins: _Bins
    count: float
    sum: _Real = None


class _Sketch(Struct, gc=False):
    """By its kind; `AgentDDSketch` is the only one that Vector has."""

    sketch: dict[str, _AgentSketch]


class _AtQuantile(Struct, gc=False):
    quantile: float
    value: _Real = None


class _Summary(Struct, gc=False):
    quantiles: list[_AtQuantile]
    count: float
    sum: _Real = None


class _Metric(Struct, gc=False):
    name: str
    kind: Literal["incremental", "absolute"]
    namespace: str = ""
    tags: dict[str, str | bool | int | float | list[str | None] | None] | None = None
    timestamp: str | int | float | None = None
    interval_ms: Any = None
    """What an increment is of, up to its time."""
    counter: _Value | None = None
    gauge: _Value | None = None
    set: _Set | None = None
    distribution: _Distribution | None = None
    aggregated_histogram: _Histogram | None = None
    aggregated_summary: _Summary | None = None
    sketch: _Sketch | None = None


_messages = JsonMessages(_Metric)


class VectorDecoder(PointDecoder):
    """Decodes one metric, or an array of them. A metric without a time has Kafka's."""

    def _read(self, value: bytes, points: Points) -> None:
        for metric in _messages.each(value, points):
            points.expect(1)
            with points:
                _add(metric, points)


def _add(metric: _Metric, points: Points) -> None:
    name = f"{metric.namespace}_{metric.name}" if metric.namespace else metric.name
    labels: dict[str, str] = {}
    for tag, value in (metric.tags or {}).items():
        if isinstance(value, list):
            labels[tag] = ",".join(each for each in value if each is not None)
        elif isinstance(value, str):
            labels[tag] = value
        elif value is not None:
            labels[tag] = str(value).lower() if isinstance(value, bool) else str(value)
    time = points.time(metric.timestamp)
    growing: MetricKind = "delta" if metric.kind == "incremental" else "counter"
    interval = metric.interval_ms
    start = time - interval / 1000 if growing == "delta" and isinstance(interval, int | float) and interval > 0 else 0.0
    if metric.counter is not None:
        points.add_since(start, points.origin(name, labels, growing), time, number(metric.counter.value))
    elif metric.gauge is not None:
        kind: MetricKind = "delta" if metric.kind == "incremental" else "gauge"
        points.add(points.origin(name, labels, kind), time, number(metric.gauge.value))
    elif metric.set is not None:
        points.add(points.origin(name, labels), time, float(len(metric.set.values)))
    elif metric.aggregated_summary is not None:
        summary = metric.aggregated_summary
        points.expect(len(summary.quantiles) + 1)
        points.add_since(start, points.origin(f"{name}_count", labels, growing), time, summary.count)
        points.add_since(start, points.origin(f"{name}_sum", labels, growing), time, number(summary.sum))
        for each in summary.quantiles:
            origin = points.origin(name, labels | {"quantile": f"{each.quantile:g}"})
            points.add(origin, time, number(each.value))
    elif metric.sketch is not None:
        for one in metric.sketch.sketch.values():
            points.add_histogram(_of_sketch(one, metric, time, points.origin(name, labels), start))
    else:
        origin = points.origin(name, labels)
        points.add_histogram(_histogram(metric, time, origin, start, points))


def _of_sketch(found: _AgentSketch, metric: _Metric, time: float, origin: Origin, start: float) -> Histogram:
    bounds, counts = sketch(found.bins.k, found.bins.n)
    return Histogram(
        time=time,
        name=origin.name,
        count=found.count,
        total=None if found.sum is None else number(found.sum),
        bounds=bounds,
        counts=counts,
        labels=origin.labels,
        start=start,
        cumulative=metric.kind == "absolute",
        geometric=True,
    )


def _histogram(metric: _Metric, time: float, origin: Origin, start: float, points: Points) -> Histogram:
    """Buckets as they are; of a distribution, each value that came is a bound. Raises EventError."""
    name, labels = origin.name, origin.labels
    if metric.distribution is not None:
        found: defaultdict[float, float] = defaultdict(float)
        for sample in metric.distribution.samples:
            value = number(sample.value)
            if math.isnan(value):
                points.counts["no_value"] += 1
            else:
                found[value] += sample.rate
        pairs = sorted(found.items())
        count = math.fsum(found.values())
        total: float | None = math.fsum(value * rate for value, rate in pairs)
    elif metric.aggregated_histogram is not None:
        histogram = metric.aggregated_histogram
        count, total = histogram.count, None if histogram.sum is None else number(histogram.sum)
        pairs = [(number(each.upper_limit), each.count) for each in histogram.buckets if each.upper_limit is not None]
    else:
        raise EventError("missing_field", f"the metric {name!r:.99} has no value of a kind that is known")
    pairs = [pair for pair in pairs if not pair[0] >= 1e308]  # the last bound is all numbers
    if len(pairs) > MOST_BUCKETS:
        raise EventError("too_many_buckets", f"{name!r:.99} has {len(pairs)} buckets, more than {MOST_BUCKETS}")
    counts = [each for _, each in pairs]
    return Histogram(
        time=time,
        name=name,
        count=count,
        total=total,
        bounds=tuple(bound for bound, _ in pairs),
        counts=(*counts, max(0.0, count - math.fsum(counts))) if pairs else (),
        labels=labels,
        start=start,
        cumulative=metric.kind == "absolute",
    )
