"""OTLP in JSON, as the OpenTelemetry Collector's Kafka exporter writes it (`encoding: otlp_json`).

The JSON of OTLP is not quite that of protobuf: ids are hex and enumerations are numbers. 64-bit integers are text, and
so is a number that JSON lacks ("NaN"); where a producer writes numbers all the same, or an enumeration's name, they
are understood. Attributes stay raw until they are met for the first time.
"""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from floodmark.decode.decoder import EventError
from floodmark.decode.otlp import SCOPE, Attributes, OtlpDecoder, Place

_Int = int | str
_Float = float | str
_NONE: Final = Raw(b"null")


class _Struct(Struct, rename="camel", gc=False):
    pass


class _Point(_Struct):
    time_unix_nano: _Int = 0
    start_time_unix_nano: _Int = 0
    attributes: Raw = _NONE
    flags: int = 0


class _Number(_Point):
    as_double: _Float | None = None
    as_int: _Int | None = None


class _Histogram(_Point):
    count: _Int = 0
    sum: _Float | None = None
    bucket_counts: list[_Int] = []
    explicit_bounds: list[_Float] = []


class _Buckets(_Struct):
    offset: int = 0
    bucket_counts: list[_Int] = []


class _Exponential(_Point):
    count: _Int = 0
    sum: _Float | None = None
    scale: int = 0
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
    data_points: list[_Number] = []


class _Sums(_Gauges):
    aggregation_temporality: _Int = 0
    is_monotonic: bool = False


class _Histograms(_Struct):
    data_points: list[_Histogram] = []
    aggregation_temporality: _Int = 0


class _Exponentials(_Struct):
    data_points: list[_Exponential] = []
    aggregation_temporality: _Int = 0


class _Summaries(_Struct):
    data_points: list[_Summary] = []


class _Metric(_Struct):
    name: str = ""
    unit: str = ""
    gauge: _Gauges | None = None
    sum: _Sums | None = None
    histogram: _Histograms | None = None
    exponential_histogram: _Exponentials | None = None
    summary: _Summaries | None = None


class _ScopeMetrics(_Struct):
    scope: Raw = _NONE
    metrics: list[_Metric] = []


class _ResourceMetrics(_Struct):
    resource: Raw = _NONE
    scope_metrics: list[_ScopeMetrics] = []


class _MetricsData(_Struct):
    resource_metrics: list[_ResourceMetrics]


class _KeyValue(_Struct):
    key: str
    value: dict[str, Any] | None = None


class _Owner(_Struct):
    """A resource, or a scope."""

    name: str = ""
    attributes: list[_KeyValue] | None = None


_message = msgspec.json.Decoder(_MetricsData)
_owner = msgspec.json.Decoder(_Owner | None)
_attributes = msgspec.json.Decoder(list[_KeyValue] | None)
_DATA: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


class OtlpJsonDecoder(OtlpDecoder):
    """Decodes `ExportMetricsServiceRequest` in JSON."""

    def _parse(self, value: bytes) -> _MetricsData:
        try:
            return _message.decode(value)
        except msgspec.ValidationError as error:
            raise EventError("wrong_type", f"the message is no OTLP metrics in JSON: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("not_json", f"the message is not JSON: {error}") from None

    def _data(self, metric: _Metric) -> tuple[str, Any]:
        for field in _DATA:
            if (data := getattr(metric, field)) is not None:
                return field, data
        return "", None

    def _raw(self, attributes: Raw) -> bytes:
        return bytes(attributes)

    def _labels(self, place: Place, attributes: Raw) -> Attributes:
        try:
            resource, scope = _owner.decode(place.resource), _owner.decode(place.scope)
            found = _plain(resource.attributes if resource else None)
            if scope is not None and scope.name:
                found.append((SCOPE, scope.name))
            found += _plain(scope.attributes if scope else None)
            return found + _plain(_attributes.decode(attributes))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EventError("wrong_type", f"the attributes are no OTLP in JSON: {error}") from None

    def _value(self, point: _Number) -> float:
        if point.as_double is not None:
            return float(point.as_double)
        return float(int(point.as_int)) if point.as_int is not None else math.nan


def _plain(pairs: list[_KeyValue] | None) -> list[tuple[str, Any]]:
    return [(pair.key, value_of(pair.value)) for pair in pairs or ()]


def value_of(value: Any) -> Any:
    """An `AnyValue` as plain data; what is none is kept as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return value or None
    ((which, inner),) = value.items()
    if which == "intValue":
        return int(inner) if isinstance(inner, int | str) else inner
    if which == "doubleValue":
        return float(inner) if isinstance(inner, int | float | str) else inner
    values = inner.get("values") if isinstance(inner, dict) else None
    if which == "arrayValue" and isinstance(values, list):
        return [value_of(each) for each in values]
    if which == "kvlistValue" and isinstance(values, list):
        pairs = (each for each in values if isinstance(each, dict))
        return {str(each.get("key")): value_of(each.get("value")) for each in pairs}
    return inner
