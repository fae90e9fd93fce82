"""OTLP metrics, whichever way they are written: what a point becomes. The spellings are in `otlp_proto`, `otlp_json`.

Both give messages with the fields of `opentelemetry.proto.metrics.v1`, but for attributes, which stay as they were
written: the same bytes again are the same series again. Exemplars are not read, but counted (`exemplars_unread`: points
that have any); nor are descriptions.

Source: the OpenTelemetry metrics data model, "Sums", "Histogram", "ExponentialHistogram" and "Summary".
"""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from floodmark.config.models import Limits
from floodmark.decode.buckets import explicit, exponential, numbers
from floodmark.decode.decoder import EventError
from floodmark.decode.mending import utf8
from floodmark.decode.points import Origins, PointDecoder, Points
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
    def _resources(self, value: bytes, points: Points) -> Iterator[tuple[bytes, Iterator[tuple[bytes, Any]]]]:
        """Of a message: each resource as it was written, and of each of its scopes the scope as it was written and its
        metrics. What in the message cannot be read is refused. Raises EventError."""

    @abstractmethod
    def _data(self, metric: Any) -> tuple[str, Any]:
        """The name of the field in which the points of a metric are, and it. Raises EventError if there is none."""

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
        for above, scopes in self._resources(value, points):
            for between, metrics in scopes:
                for metric in metrics:
                    try:
                        field, data = self._data(metric)
                    except EventError as error:
                        points.refuse(error)
                        continue
                    delta = field == "sum" and data.aggregation_temporality in _DELTA
                    kind: MetricKind = "delta" if delta else "gauge"
                    if field == "sum" and data.is_monotonic and not delta:
                        kind = "counter"
                    place = Place(above, between, metric.name or "", metric.unit or "", kind)
                    found = data.data_points or ()
                    points.expect(len(found))
                    if field in ("gauge", "sum"):
                        self._numbers(place, found, points)
                    else:
                        self._others(field, place, data, points)

    def _numbers(self, place: Place, found: Any, points: Points) -> None:
        size = _size(place)
        known = self._origins.family(place, size)
        add, key, read = points.add, self._raw, self._value
        for point in found:
            raw = key(point.attributes)
            origin = known.get(raw)
            try:
                if origin is None:
                    origin = points.origin(*self._named(place, point.attributes))
                    self._origins.remember(known, raw, origin, size + _width(raw))
                value = math.nan if point.flags & _NO_VALUE else read(point)
                time = int(point.time_unix_nano) / 1_000_000_000
                if place.kind == "gauge":
                    add(origin, time, value)
                else:
                    points.add_since(int(point.start_time_unix_nano) / 1_000_000_000, origin, time, value)
                if point.exemplars:
                    self._counts["exemplars_unread"] += 1
            except (EventError, ValueError, OverflowError, RecursionError) as error:
                points.refuse(_reason(place, error))

    def _others(self, field: str, place: Place, data: Any, points: Points) -> None:
        size = _size(place)
        known = self._origins.family((*place, field), size)
        make = self._summary if field == "summary" else self._histogram
        for point in data.data_points or ():
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
                    if field != "summary" and point.exemplars:
                        self._counts["exemplars_unread"] += 1
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
            bounds, counts = explicit(numbers(point.explicit_bounds), numbers(point.bucket_counts))
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
        name, unit = (self._words(part) for part in (place.name, place.unit))
        return name, labels, place.kind, unit

    def _words(self, text: str | bytes) -> str:
        return text if isinstance(text, str) else utf8(text, self._counts)


def _present(point: Any, field: str) -> float | None:
    value = getattr(point, field)
    if value is None or (hasattr(point, "HasField") and not point.HasField(field)):
        return None
    return float(value)


def without_data(name: str | bytes | None, others: Iterable[str] = ()) -> EventError:
    """Why a metric cannot be read in which no data of a known kind are. `others`: what else is in it."""
    text = name.decode(errors="replace") if isinstance(name, bytes) else name or ""
    known = "gauge, sum, histogram, exponential histogram or summary"
    instead = f", but {', '.join(others)!s:.99}" if others else ""
    return EventError("wrong_type", f"the metric {text!r:.99} holds no {known}{instead}: it cannot be read")


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
