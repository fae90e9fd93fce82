"""OpenTelemetry's spans (OTLP TracesData, ExportTraceServiceRequest), in protobuf and in JSON. Never raises for what a
producer wrote.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from floodmark.decode.decoder import EventError
from floodmark.decode.native import in_plain_words
from floodmark.decode.otlp_records import (
    Json,
    JsonAttribute,
    JsonGroup,
    JsonMessage,
    JsonRecords,
    ProtoRecords,
    RecordDecoder,
    enum,
    nanoseconds,
    of_any,
    texts,
)
from floodmark.decode.protobuf import parsed
from floodmark.signals import Span, SpanKind

KINDS: Final[tuple[SpanKind, ...]] = ("internal", "internal", "server", "client", "producer", "consumer")
"""By OTLP's number; 0 is unspecified, which the specification says to take for internal."""
PEERS: Final = ("peer.service", "server.address", "net.peer.name")
"""Attributes that name the service that a span calls, best first."""

_ERROR: Final = 2


class Parsed(NamedTuple):
    """What both forms have. Times are nanoseconds; ids hex."""

    name: str
    kind: int
    start: int
    end: int
    error: bool
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, str]


class SpanDecoder(RecordDecoder):
    """What the forms and formats share. `counts` has also negative_duration (now zero), operation_cut, service_unknown
    (no service is named)."""

    noun = "span"
    begins, ends = "startTimeUnixNano", "endTimeUnixNano"
    """What the format calls the times of a span."""

    def _admit(self, labels: Mapping[str, str], span: Parsed, latest: float) -> Span:
        if not span.end or not span.start:
            raise EventError("missing_field", f"{self.ends if span.start else self.begins} is missing")
        time = self._time(self.ends, span.end, latest)
        if not span.name:
            raise EventError("missing_field", "name is empty")
        limit = self._limits.label
        self._counts["negative_duration"] += span.end < span.start
        self._counts["operation_cut"] += len(span.name) > limit
        self._counts["service_unknown"] += "service" not in labels
        peer = next((peer for name in PEERS if (peer := service_of(span.attributes.get(name, "")))), "")
        return Span(
            time,
            max(0, span.end - span.start) / 1_000_000_000,
            labels.get("service", "unknown_service"),
            span.name[:limit],
            KINDS[span.kind] if 0 <= span.kind < len(KINDS) else "internal",
            span.error,
            span.trace_id,
            span.span_id,
            span.parent_id,
            peer[:limit],
            {name: value for name, value in labels.items() if name != "service"},
        )


class _OtlpSpans(SpanDecoder):
    """OTLP's spans in both forms."""

    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Span:
        return self._admit(labels, self._parse(text), latest)

    @abstractmethod
    def _parse(self, text: bytes) -> Parsed: ...


class ProtoSpanDecoder(ProtoRecords, _OtlpSpans):
    """`otlp_proto`: ExportTraceServiceRequest, which is TracesData on the wire."""

    def _parse(self, text: bytes) -> Parsed:
        try:
            span = parsed(ProtoSpan, text, self._counts)
        except EventError as error:
            raise EventError("not_protobuf", f"the span cannot be read: {error.message}") from None
        return Parsed(
            span.name,
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == _ERROR,
            self._id(span.trace_id, 16),
            self._id(span.span_id, 8),
            self._id(span.parent_span_id, 8),
            {each.key: of_any(each.value) for each in span.attributes if each.key in PEERS},
        )


class _JsonStatus(Json):
    code: int | str | None = None


class _JsonSpan(Json):
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: int | float | str | None = None
    end_time_unix_nano: int | float | str | None = None
    status: _JsonStatus | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    attributes: list[JsonAttribute | None] | None = None


_SPAN: Final = msgspec.json.Decoder(_JsonSpan)


class JsonSpanDecoder(JsonRecords, _OtlpSpans):
    """`otlp_json`: OTLP/JSON, one TracesData a message."""

    names = ("resourceSpans", ("scopeSpans", "instrumentationLibrarySpans"), ("spans",))

    def _groups(self, message: JsonMessage) -> list[JsonGroup] | msgspec.UnsetType | None:
        return message.resource_spans

    def _scopes(self, group: JsonGroup) -> Iterable[list[msgspec.Raw] | None]:
        scopes = (*(group.scope_spans or ()), *(group.instrumentation_library_spans or ()))
        return (scope.spans for scope in scopes)

    def _parse(self, text: bytes) -> Parsed:
        try:
            span = _SPAN.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            words = in_plain_words(str(error))
            raise EventError(words.error, f"the span cannot be read: {words.message}") from None
        kind = enum(span.kind, "SPAN_KIND_", ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
        status = enum(span.status.code if span.status else None, "STATUS_CODE_", ("UNSET", "OK", "ERROR"))
        return Parsed(
            span.name or "",
            kind,
            nanoseconds("startTimeUnixNano", span.start_time_unix_nano),
            nanoseconds("endTimeUnixNano", span.end_time_unix_nano),
            status == _ERROR,
            self._text_id(span.trace_id, 16),
            self._text_id(span.span_id, 8),
            self._text_id(span.parent_span_id, 8),
            texts([each for each in span.attributes or [] if each and each.key in PEERS]),
        )


def service_of(address: str) -> str:
    """The service that an address names, without its port: none for one of numbers, the first part of a name within
    Kubernetes."""
    name, _, port = address.strip().partition(":")
    if ":" in port or name == "localhost" or not name.strip("0123456789."):
        return ""
    inside = name.endswith(".svc") or ".svc." in name
    return name.partition(".")[0] if inside else name
