"""OTLP metrics, whichever way they are written: what a point becomes. The spellings are in `otlp_proto`, `otlp_json`.

Both give messages with the fields of `opentelemetry.proto.metrics.v1`, but for attributes, which stay as they were
written: the same bytes again are the same series again. Exemplars and descriptions are not read.

Source: the OpenTelemetry metrics data model, "Sums", "Histogram", "ExponentialHistogram" and "Summary".
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from floodmark.config.models import Limits
from floodmark.decode.decoder import EventError
from floodmark.decode.points import MOST_BUCKETS, Origins, PointDecoder, Points
from floodmark.signals import Histogram, MetricKind, Origin

_DELTA: Final = (1, "AGGREGATION_TEMPORALITY_DELTA")
_NO_VALUE: Final = 1
"""The flag NO_RECORDED_VALUE."""
_NAMES: Final = {
    "service.name": "service",
    "host.name": "host",
    "k8s.pod.name": "pod",
    "service.instance.id": "instance",
    "deployment.environment": "env",
    "deployment.environment.name": "env",
}
"""OpenTelemetry's names of what the rest of Floodmark calls otherwise."""
SCOPE: Final = "otel_scope_name"
"""The label of the instrumentation scope's name, as Prometheus calls it."""

Attributes = Iterable[tuple[str, Any]]


class Place(NamedTuple):
    """Of which metric a point is, as it was written; the key of its family."""

    resource: bytes
    scope: bytes
    name: str | bytes
    unit: str | bytes
    kind: MetricKind


class OtlpDecoder(PointDecoder):
    """Decodes metrics of OTLP. Labels are those of resource, scope and point; what is more particular wins."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._origins = Origins(limits)

    @abstractmethod
    def _parse(self, value: bytes) -> Any:
        """The message. Raises EventError."""

    @abstractmethod
    def _data(self, metric: Any) -> tuple[str, Any]:
        """The name of the field in which the points of a metric are, and it; an empty one if there is none."""

    @abstractmethod
    def _raw(self, attributes: Any) -> bytes | tuple[bytes, ...]:
        """The attributes of a point as they were written."""

    @abstractmethod
    def _labels(self, place: Place, attributes: Any) -> Attributes:
        """Names and plain values, those that override others last. Raises ValueError."""

    @abstractmethod
    def _value(self, point: Any) -> float:
        """NaN if there is none."""

    def _read(self, value: bytes, points: Points) -> None:
        for resource in self._parse(value).resource_metrics:
            above = bytes(resource.resource)
            for scope in resource.scope_metrics:
                between = bytes(scope.scope)
                for metric in scope.metrics:
                    field, data = self._data(metric)
                    if not field:
                        continue
                    delta = field == "sum" and data.aggregation_temporality in _DELTA
                    kind: MetricKind = "delta" if delta else "gauge"
                    if field == "sum" and data.is_monotonic and not delta:
                        kind = "counter"
                    place = Place(above, between, metric.name, metric.unit, kind)
                    points.expect(len(data.data_points))
                    if field in ("gauge", "sum"):
                        self._numbers(place, data.data_points, points)
                    else:
                        self._others(field, place, data, points)

    def _numbers(self, place: Place, found: Any, points: Points) -> None:
        size = _size(place)
        known = self._origins.family(place, size)
        add, key = points.add, self._raw
        for point in found:
            raw = key(point.attributes)
            origin = known.get(raw)
            try:
                if origin is None:
                    origin = points.origin(*self._named(place, point.attributes))
                    self._origins.remember(known, raw, origin, size + _width(raw))
                value = math.nan if point.flags & _NO_VALUE else self._value(point)
                time = int(point.time_unix_nano) / 1_000_000_000
                if place.kind == "gauge":
                    add(origin, time, value)
                else:
                    points.add_since(int(point.start_time_unix_nano) / 1_000_000_000, origin, time, value)
            except (EventError, ValueError, OverflowError, RecursionError) as error:
                points.refuse(_reason(place, error))

    def _others(self, field: str, place: Place, data: Any, points: Points) -> None:
        size = _size(place)
        known = self._origins.family((*place, field), size)
        make = self._summary if field == "summary" else self._histogram
        for point in data.data_points:
            raw = self._raw(point.attributes)

            def origin(
                kind: MetricKind, suffix: str = "", quantile: str = "", *, raw: Any = raw, point: Any = point
            ) -> Origin:
                key = (raw, suffix, quantile)
                found = known.get(key)
                if found is None:
                    name, labels, _, unit = self._named(place, point.attributes)
                    labels |= {"quantile": quantile} if quantile else {}
                    found = points.origin(name + suffix, labels, kind, unit if suffix != "_count" else "")
                    self._origins.remember(known, key, found, size + _width(raw))
                return found

            try:
                if point.flags & _NO_VALUE:
                    self._counts["no_value"] += 1
                else:
                    make(data, point, origin, points)
            except (EventError, ValueError, OverflowError, RecursionError) as error:
                points.refuse(_reason(place, error))

    def _summary(self, _: Any, point: Any, origin: Callable[..., Origin], points: Points) -> None:
        """Quantiles as gauges; count and sum as the counters that they are."""
        time = int(point.time_unix_nano) / 1_000_000_000
        points.expect(len(point.quantile_values) + 1)
        start = int(point.start_time_unix_nano) / 1_000_000_000
        points.add_since(start, origin("counter", "_count"), time, float(point.count))
        points.add_since(start, origin("counter", "_sum"), time, float(point.sum))
        for each in point.quantile_values:
            points.add(origin("gauge", "", f"{float(each.quantile):g}"), time, float(each.value))

    def _histogram(self, data: Any, point: Any, origin: Callable[..., Origin], points: Points) -> None:
        named = origin("gauge")
        total = _present(point, "sum")
        geometric = hasattr(point, "scale")
        if geometric:
            bounds, counts = exponential(point)
        else:
            counts = _numbers_of(point.bucket_counts)
            bounds = _numbers_of(point.explicit_bounds)
        points.add_histogram(
            Histogram(
                time=int(point.time_unix_nano) / 1_000_000_000,
                name=named.name,
                count=float(point.count),
                total=None if total is None or math.isnan(total) else total,
                bounds=bounds,
                counts=counts,
                labels=named.labels,
                unit=named.unit,
                start=int(point.start_time_unix_nano) / 1_000_000_000,
                cumulative=data.aggregation_temporality not in _DELTA,
                geometric=geometric,
            )
        )

    def _named(self, place: Place, attributes: Any) -> tuple[str, dict[str, str], MetricKind, str]:
        """What makes the origin of a point. Raises ValueError."""
        labels: dict[str, str] = {}
        for label, value in self._labels(place, attributes):
            if not label.startswith("telemetry."):  # the library that measures, which is no part of what is measured
                labels[_NAMES.get(label, label)] = value if isinstance(value, str) else _text(value)
        name, unit = (part if isinstance(part, str) else part.decode() for part in (place.name, place.unit))
        return name, labels, place.kind, unit


def exponential(point: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bounds and counts of an exponential histogram: negative buckets, that of zero, and positive ones.

    A bound is a power of two whose exponent is exact, so those of a coarser scale are among those of a finer one to
    the last bit. Raises OverflowError if one is beyond all numbers.
    """
    step = 2.0 ** -int(point.scale)
    below, above = (
        _numbers_of(side.bucket_counts) if side is not None else () for side in (point.negative, point.positive)
    )
    bounds: list[float] = []
    counts: list[float] = []
    if below:
        first = int(point.negative.offset)
        bounds += [-(2.0 ** ((first + i) * step)) for i in range(len(below), -1, -1)]
        counts += [0.0, *reversed(below)]
    zero = float(point.zero_threshold)
    bounds.append(zero)
    counts.append(float(point.zero_count))
    if above:
        first = int(point.positive.offset)
        lowest = 2.0 ** (first * step)
        if lowest > zero:
            bounds.append(lowest)
            counts.append(0.0)
        bounds += [2.0 ** ((first + i) * step) for i in range(1, len(above) + 1)]
        counts += above
    return tuple(bounds), (*counts, 0.0)


def _numbers_of(column: Sequence[Any]) -> tuple[float, ...]:
    if len(column) > MOST_BUCKETS:
        raise EventError("too_many_buckets", f"a histogram has {len(column)} buckets, more than {MOST_BUCKETS}")
    return tuple(map(float, column))


def _present(point: Any, field: str) -> float | None:
    value = getattr(point, field)
    if value is None or (hasattr(point, "HasField") and not point.HasField(field)):
        return None
    return float(value)


def _width(raw: bytes | tuple[bytes, ...]) -> int:
    return len(raw) if isinstance(raw, bytes) else sum(map(len, raw))


def _size(place: Place) -> int:
    return len(place.resource) + len(place.scope) + len(place.name) + len(place.unit)


def _reason(place: Place, error: Exception) -> EventError:
    if isinstance(error, EventError):
        return error
    name = place.name if isinstance(place.name, str) else place.name.decode(errors="replace")
    return EventError("wrong_type", f"a point of {name!r:.99} cannot be read: {str(error)[:200]}")


def _text(value: Any) -> str:
    """An attribute that is no text, as a label."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int | float) or value is None:
        return "" if value is None else repr(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_text)
