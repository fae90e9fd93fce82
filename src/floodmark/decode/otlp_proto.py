"""OTLP in protobuf, as the OpenTelemetry Collector's Kafka exporter writes it (`encoding: otlp_proto`).

upb parses; walking attributes in Python is what would take the time. So the messages are declared once more,
compatible on the wire with `opentelemetry.proto.metrics.v1`, with resource, scope and attributes as bytes: they are
read by the official classes when they are met for the first time. Field numbers are OTLP's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from floodmark.decode.decoder import EventError
from floodmark.decode.descriptors import messages
from floodmark.decode.otlp import SCOPE, Attributes, OtlpDecoder, Place, without_data
from floodmark.decode.points import Points
from floodmark.decode.protobuf import parsed

_POINT = "start_time_unix_nano:2:fixed64 time_unix_nano:3:fixed64"
_FIELDS = {
    "NumberDataPoint": f"{_POINT} as_double:4:double? as_int:6:sfixed64? attributes:7:bytes* flags:8:uint32 "
    "exemplars:5:bytes",
    "HistogramDataPoint": f"{_POINT} count:4:fixed64 sum:5:double? bucket_counts:6:fixed64* explicit_bounds:7:double* "
    "attributes:9:bytes* flags:10:uint32 exemplars:8:bytes",
    "Buckets": "offset:1:sint32 bucket_counts:2:uint64*",
    "ExponentialHistogramDataPoint": f"attributes:1:bytes* {_POINT} count:4:fixed64 sum:5:double? scale:6:sint32 "
    "zero_count:7:fixed64 positive:8:Buckets negative:9:Buckets flags:10:uint32 exemplars:11:bytes "
    "zero_threshold:14:double",
    "ValueAtQuantile": "quantile:1:double value:2:double",
    "SummaryDataPoint": f"{_POINT} count:4:fixed64 sum:5:double quantile_values:6:ValueAtQuantile* attributes:7:bytes* "
    "flags:8:uint32",
    "Gauge": "data_points:1:NumberDataPoint*",
    "Sum": "data_points:1:NumberDataPoint* aggregation_temporality:2:int32 is_monotonic:3:bool",
    "Histogram": "data_points:1:HistogramDataPoint* aggregation_temporality:2:int32",
    "ExponentialHistogram": "data_points:1:ExponentialHistogramDataPoint* aggregation_temporality:2:int32",
    "Summary": "data_points:1:SummaryDataPoint*",
    "Metric": "name:1:bytes unit:3:bytes gauge:5:Gauge sum:7:Sum histogram:9:Histogram "
    "exponential_histogram:10:ExponentialHistogram summary:11:Summary",
    "ScopeMetrics": "scope:1:bytes metrics:2:Metric*",
    "ResourceMetrics": "resource:1:bytes scope_metrics:2:ScopeMetrics* library_metrics:1000:ScopeMetrics*",
    "MetricsData": "resource_metrics:1:ResourceMetrics*",
}
_MESSAGE: Any = messages("otlp", _FIELDS)["MetricsData"]
_unknown: Any = UnknownFieldSet  # the types know no iteration
_DATA = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_OLD = range(4, 12)
"""Numbers among which a kind of data that is not known would be; older versions had other kinds there."""


class OtlpProtoDecoder(OtlpDecoder):
    """Decodes `ExportMetricsServiceRequest` or, which is the same on the wire, `MetricsData`."""

    def _resources(self, value: bytes, points: Points) -> Iterator[tuple[bytes, Iterator[tuple[bytes, Any]]]]:
        def refuse(path: str, why: str) -> None:
            points.refuse(EventError("not_protobuf", f"{path} cannot be read: {why}"))

        try:
            message = parsed(_MESSAGE, value, self._counts, refuse)
        except EventError as error:
            words = f"the message is no OTLP metrics in protobuf: {error.message}"
            raise EventError(error.error, words) from None
        if not message.resource_metrics and not points.refused(value):
            raise EventError("not_protobuf", "the message holds no resource metrics of OTLP in protobuf")
        for each in message.resource_metrics:
            scopes = (*each.scope_metrics, *each.library_metrics)
            yield each.resource, ((scope.scope, scope.metrics) for scope in scopes)

    def _data(self, metric: Any) -> tuple[str, Any]:
        for field in _DATA:
            if metric.HasField(field):
                return field, getattr(metric, field)
        numbers = [each.field_number for each in _unknown(metric)]
        raise without_data(metric.name, [f"field {number}" for number in numbers if number in _OLD])

    def _raw(self, attributes: Any) -> tuple[bytes, ...]:
        return tuple(attributes)

    def _labels(self, place: Place, attributes: Any) -> Attributes:
        try:
            counts = self._counts
            scope = parsed(InstrumentationScope, place.scope, counts)
            found: list[tuple[str, Any]] = list(_plain(parsed(Resource, place.resource, counts).attributes))
            if scope.name:
                found.append((SCOPE, scope.name))
            found += _plain(scope.attributes)
            found += _plain(parsed(KeyValue, raw, counts) for raw in attributes)
        except EventError as error:
            raise EventError("not_protobuf", f"the attributes are no OTLP in protobuf: {error.message}") from None
        return found

    def _value(self, point: Any) -> float:
        value = point.as_double
        if value or point.HasField("as_double"):  # what is not zero is there
            return value  # type: ignore[no-any-return]
        return float(point.as_int) if point.HasField("as_int") else math.nan


def _plain(pairs: Iterable[KeyValue]) -> Attributes:
    return ((pair.key, value_of(pair.value)) for pair in pairs)


def value_of(value: AnyValue) -> Any:
    which = value.WhichOneof("value")
    if which == "array_value":
        return [value_of(each) for each in value.array_value.values]
    if which == "kvlist_value":
        return dict(_plain(value.kvlist_value.values))
    return getattr(value, which) if which else None
