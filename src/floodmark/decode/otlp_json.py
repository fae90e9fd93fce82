"""OTLP in JSON, as the OpenTelemetry Collector's Kafka exporter writes it (`encoding: otlp_json`).

The JSON of OTLP is not quite that of protobuf: ids are hex and enumerations are numbers. 64-bit integers are text, and
so is a number that JSON lacks ("NaN"); where a producer writes numbers all the same, or an enumeration's name, they
are understood. Attributes stay raw until they are met for the first time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from floodmark.decode.decoder import EventError
from floodmark.decode.mending import parsed_json, readable, strict_json, without_nulls
from floodmark.decode.native import in_plain_words
from floodmark.decode.otlp import SCOPE, Attributes, OtlpDecoder, Place, without_data
from floodmark.decode.points import Points

_T = TypeVar("_T")

_Int = int | str | float
_Float = float | str
_NONE: Final = Raw(b"null")


class _Struct(Struct, rename="camel", gc=False):
    pass


class _Point(_Struct):
    time_unix_nano: _Int = 0
    start_time_unix_nano: _Int = 0
    attributes: Raw = _NONE
    flags: int = 0
    exemplars: Any = None


class _Number(_Point):
    as_double: _Float | None = None
    as_int: _Int | None = None


class _Histogram(_Point):
    count: _Int = 0
    sum: _Float | None = None
    bucket_counts: list[_Int] = []
    explicit_bounds: list[_Float] = []


class _Buckets(_Struct):
    offset: int | str = 0
    bucket_counts: list[_Int] = []


class _Exponential(_Point):
    count: _Int = 0
    sum: _Float | None = None
    scale: int | str = 0
    zero_count: _Int = 0
    zero_threshold: _Float = 0.0
    positive: _Buckets | None = None
    negative: _Buckets | None = None


class _AtQuantile(_Struct):
    quantile: _Float = 0.0
    value: _Float = 0.0


class _Summary(_Point):
    count: _Int = 0
    sum: _Float = 0.0
    quantile_values: list[_AtQuantile] = []


class _Gauges(_Struct):
    data_points: list[_Number] | None = None


class _Sums(_Gauges):
    aggregation_temporality: _Int = 0
    is_monotonic: bool = False


class _Histograms(_Struct):
    data_points: list[_Histogram] | None = None
    aggregation_temporality: _Int = 0


class _Exponentials(_Struct):
    data_points: list[_Exponential] | None = None
    aggregation_temporality: _Int = 0


class _Summaries(_Struct):
    data_points: list[_Summary] | None = None


class _Metric(_Struct):
    name: str | None = ""
    unit: str | None = ""
    gauge: _Gauges | None = None
    sum: _Sums | None = None
    histogram: _Histograms | None = None
    exponential_histogram: _Exponentials | None = None
    summary: _Summaries | None = None


class _ScopeMetrics(_Struct):
    scope: Raw = _NONE
    metrics: list[_Metric] | None = None
    instrumentation_library: Raw = _NONE


class _ResourceMetrics(_Struct):
    resource: Raw = _NONE
    scope_metrics: list[_ScopeMetrics] | None = None
    instrumentation_library_metrics: list[_ScopeMetrics] | None = None


class _MetricsData(_Struct):
    resource_metrics: list[_ResourceMetrics] | None


class _KeyValue(_Struct):
    key: str
    value: Any = None


class _Owner(_Struct):
    """A resource, or a scope."""

    name: str | None = ""
    attributes: Raw = _NONE


_message = msgspec.json.Decoder(_MetricsData)
_owner = msgspec.json.Decoder(_Owner | None)
_attributes = msgspec.json.Decoder(list[_KeyValue] | None)
_metric = msgspec.json.Decoder(_Metric)
_DATA: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_POINTS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "gauge": msgspec.json.Decoder(_Number),
    "sum": msgspec.json.Decoder(_Number),
    "histogram": msgspec.json.Decoder(_Histogram),
    "exponentialHistogram": msgspec.json.Decoder(_Exponential),
    "summary": msgspec.json.Decoder(_Summary),
}
"""What a point is, by the field of its metric."""


class OtlpJsonDecoder(OtlpDecoder):
    """Decodes `ExportMetricsServiceRequest` in JSON."""

    def _resources(self, value: bytes, points: Points) -> Iterator[tuple[bytes, Iterator[tuple[bytes, Any]]]]:
        try:
            message = _message.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = _piecewise(value, points)
        for each in message.resource_metrics or ():
            scopes = (*(each.scope_metrics or ()), *(each.instrumentation_library_metrics or ()))
            yield bytes(each.resource), ((_owner_of(scope), scope.metrics or ()) for scope in scopes)

    def _data(self, metric: _Metric) -> tuple[str, Any]:
        for field in _DATA:
            if (data := getattr(metric, field)) is not None:
                return field, data
        raise without_data(metric.name)

    def _raw(self, attributes: Raw) -> bytes:
        return bytes(attributes)

    def _labels(self, place: Place, attributes: Raw) -> Attributes:
        raw = (place.resource, place.scope, bytes(attributes))
        try:
            return self._pairs(*raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        try:
            return self._pairs(*(readable(part, self._counts) for part in raw))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EventError("wrong_type", f"the attributes are no OTLP in JSON: {error}") from None

    def _pairs(self, owner: bytes, between: bytes, attributes: bytes) -> Attributes:
        counts = self._counts
        resource, scope = _owner.decode(owner), _owner.decode(between)
        found = _plain(resource.attributes, counts) if resource else []
        if scope is not None and scope.name:
            found.append((SCOPE, scope.name))
        found += _plain(scope.attributes, counts) if scope else []
        return found + _plain(attributes, counts)

    def _value(self, point: _Number) -> float:
        value = point.as_double
        if value is not None:
            return value if type(value) is float else float(value)
        return float(int(point.as_int)) if point.as_int is not None else math.nan


def _owner_of(scope: _ScopeMetrics) -> bytes:
    """The scope, which was called an instrumentation library once."""
    return bytes(scope.scope if scope.scope != _NONE else scope.instrumentation_library)


def _plain(raw: bytes | Raw, counts: Counter[str]) -> list[tuple[str, Any]]:
    """Attributes as plain data. One without a name is left out and counted."""
    try:
        return [(pair.key, value_of(pair.value)) for pair in _attributes.decode(raw) or ()]
    except msgspec.ValidationError:
        found = msgspec.json.decode(raw)
        if not isinstance(found, list):
            raise
    named = [each for each in found if isinstance(each, dict) and isinstance(each.get("key"), str)]
    counts["members_dropped"] += len(found) - len(named)
    return [(each["key"], value_of(each.get("value"))) for each in named]


def value_of(value: Any) -> Any:
    """An `AnyValue` as plain data; what is none is kept as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return value or None
    ((which, inner),) = value.items()
    if which in ("intValue", "doubleValue"):
        return _number_of(inner, float if which == "doubleValue" else int)
    values = inner.get("values") if isinstance(inner, dict) else None
    if which == "arrayValue" and isinstance(values, list):
        return [value_of(each) for each in values]
    if which == "kvlistValue" and isinstance(values, list):
        pairs = (each for each in values if isinstance(each, dict))
        return {str(each.get("key")): value_of(each.get("value")) for each in pairs}
    return inner


def _number_of(inner: Any, kind: type[int | float]) -> Any:
    """Text that spells a number, as it; what does not stays as it is."""
    if not isinstance(inner, str) and not (kind is float and isinstance(inner, int)):
        return inner
    try:
        return kind(inner)
    except (ValueError, OverflowError):
        return inner


def _piecewise(value: bytes, points: Points) -> _MetricsData:
    """The message of which a part is not as it should be: each part that is so refuses itself, with its place. Raises
    EventError."""
    try:
        parsed = without_nulls(parsed_json(strict_json(value, points.counts), points.counts))
        if not isinstance(parsed, dict) or "resourceMetrics" not in parsed:
            raise EventError("wrong_type", "the message is no OTLP metrics in JSON: resourceMetrics is missing")
        found: list[_ResourceMetrics] = []
        for at, resource in _members(parsed, "resourceMetrics", "", points):
            scopes: list[_ScopeMetrics] = []
            for name in ("scopeMetrics", "instrumentationLibraryMetrics"):
                for place, scope in _members(resource, name, f"{at}.", points):
                    owner = scope.get("scope", scope.get("instrumentationLibrary"))
                    kept: list[_Metric] = []
                    for each, metric in _members(scope, "metrics", f"{place}.", points):
                        with points:
                            kept.append(_sound(each, metric, points))
                    scopes.append(_ScopeMetrics(_raw(owner), kept))
            found.append(_ResourceMetrics(_raw(resource.get("resource")), scopes))
    except RecursionError:
        raise EventError("not_json", "the message is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise EventError("not_json", f"the message is not JSON: {error}") from None
    return _MetricsData(found)


def _raw(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))


def _members(owner: dict[str, Any], name: str, path: str, points: Points) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of an array, each with its place; what is no object is refused."""
    found = owner.get(name, [])
    if not isinstance(found, list):
        points.refuse(EventError("wrong_type", f"{path}{name} must be an array"))
        return
    if len(found) > points.limits.events:
        words = f"{path}{name} holds {len(found)} elements, more than limits.events ({points.limits.events})"
        raise EventError("too_many_events", words)
    for index, each in enumerate(found):
        place = f"{path}{name}[{index}]"
        if isinstance(each, dict):
            yield place, each
        else:
            points.refuse(EventError("wrong_type", f"{place} must be an object"))


def _sound(place: str, metric: dict[str, Any], points: Points) -> _Metric:
    """A metric with those of its points that can be read. Raises EventError."""
    whole = dict(metric)
    for field, of in _POINTS.items():
        if isinstance(data := metric.get(field), dict):
            sound = []
            for at, point in _members(data, "dataPoints", f"{place}.{field}.", points):
                with points:
                    _checked(of, point, at)
                    sound.append(point)
            whole[field] = {**data, "dataPoints": sound}
    return _checked(_metric, whole, place)


def _checked(decoder: msgspec.json.Decoder[_T], value: dict[str, Any], place: str) -> _T:
    try:
        return decoder.decode(msgspec.json.encode(value))
    except msgspec.ValidationError as error:
        words = in_plain_words(str(error))
        raise EventError(words.error, f"{place} cannot be read: {words.message}") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EventError("not_json", f"{place} holds what is no text: {error}") from None
