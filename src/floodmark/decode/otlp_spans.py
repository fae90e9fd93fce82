"""OpenTelemetry's spans (OTLP TracesData, ExportTraceServiceRequest), in protobuf and in JSON. Never raises for what a
producer wrote.

Every span is read by itself, so that a bad one refuses itself and no other, and so that a message cannot make more
objects than `limits.events` spans of at most a megabyte do: the outer layers of the protobuf form are walked by hand.
In OTLP/JSON ids are hex and 64-bit numbers are text, other than in protobuf's own JSON mapping.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from floodmark.config.models import Limits
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.timestamps import EARLIEST, LATEST
from floodmark.records import Record
from floodmark.signals import Span, SpanKind

KINDS: Final[tuple[SpanKind, ...]] = ("internal", "internal", "server", "client", "producer", "consumer")
"""By OTLP's number; 0 is unspecified, which the specification says to take for internal."""
NAMES: Final = {
    "host.name": "host",
    "k8s.pod.name": "pod",
    "service.instance.id": "instance",
    "deployment.environment": "env",
    "deployment.environment.name": "env",
}
"""Resource attributes by the label that Floodmark has for them; others keep their name."""
PEERS: Final = ("peer.service", "server.address", "net.peer.name")
"""Attributes that name the service that a span calls, best first."""

_LARGEST: Final = 1_000_000
"""Bytes of one span or resource: what they hold takes a multiple as objects."""
_ERROR: Final = 2
_HEX = re.compile(r"[0-9a-f]+")
_WHOLE = re.compile(r"\d{1,20}", re.ASCII)


class _Raw(NamedTuple):
    """One span of a message: the labels of its resource, or why they cannot be used, and its own text."""

    resource: Mapping[str, str] | EventError
    text: bytes


class _Parsed(NamedTuple):
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


class _SpanDecoder:
    """What the forms share: limits, labels, plausibility. `counts` are the repairs so far:

    attributes_cut (of resources, beyond the limits), id_dropped (not 16 or 8 bytes), id_base64 (in JSON),
    negative_duration (now zero), operation_cut, service_unknown (without service.name).
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def decode(self, record: Record) -> Decoded:
        """The spans of one message, in order. Refused as a whole: empty, too_large, too_many_events, not_json,
        not_protobuf."""
        value = record.value
        if not value:
            return Decoded([], [Refused(None, "empty", "the message has no value", b"")])
        latest = record.timestamp / 1000 + self._limits.ahead if record.timestamp >= 0 else math.inf
        spans: list[_Raw] = []
        try:
            if len(value) > self._limits.message:
                words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
                raise EventError("too_large", words)
            for raw in self._spans(value):
                spans.append(raw)
                if len(spans) > self._limits.events:
                    words = f"the message holds more spans than limits.events ({self._limits.events})"
                    raise EventError("too_many_events", words)
        except EventError as error:
            return Decoded([], [Refused(None, error.error, error.message, value)])
        out = Decoded([], [])
        for index, (resource, text) in enumerate(spans):
            try:
                if isinstance(resource, EventError):
                    raise resource
                if len(text) > _LARGEST:
                    raise EventError("too_large", f"the span has {len(text)} bytes, more than {_LARGEST}")
                out.signals.append(self._admit(resource, self._parse(text), latest))
            except EventError as error:
                out.refused.append(Refused(index, error.error, error.message, text))
        return out

    def _spans(self, value: bytes) -> Iterator[_Raw]:
        raise NotImplementedError

    def _parse(self, text: bytes) -> _Parsed:
        raise NotImplementedError

    def _admit(self, labels: Mapping[str, str], span: _Parsed, latest: float) -> Span:
        if not span.end or not span.start:
            raise EventError("missing_field", f"{'end' if span.start else 'start'}TimeUnixNano is missing")
        time = span.end / 1_000_000_000  # of whole numbers, so that it is rounded once
        if not EARLIEST <= time < LATEST:
            raise EventError("implausible_time", f"endTimeUnixNano {span.end} is not between 1973 and 2100")
        if time > latest:
            raise EventError("from_the_future", "endTimeUnixNano is later than Kafka's time by more than limits.ahead")
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

    def _labels(self, attributes: Mapping[str, str]) -> Mapping[str, str]:
        """The labels that the attributes of a resource are."""
        service = attributes.get("service.name", "")
        labels = {"service": service[: self._limits.label]} if service else {}
        for name, value in attributes.items():
            label = NAMES.get(name, name)
            if name == "service.name" or not value or label == "service":
                continue
            if max(len(label), len(value)) > self._limits.label or len(labels) >= self._limits.labels:
                self._counts["attributes_cut"] += 1
            else:
                labels[label] = value
        return labels

    def _id(self, data: bytes, size: int) -> str:
        """Hex; empty if it is no id. One of zeros only is no id, and usual for the parent of a root."""
        if not any(data):
            return ""
        if len(data) != size:
            self._counts["id_dropped"] += 1
            return ""
        return data.hex()


class ProtoSpanDecoder(_SpanDecoder):
    """`otlp_proto`: ExportTraceServiceRequest, which is TracesData on the wire."""

    def _spans(self, value: bytes) -> Iterator[_Raw]:
        walk = _Walk(len(value))
        for group in walk.embedded(memoryview(value), 1):
            resource: Mapping[str, str] | EventError = {}
            for own in walk.embedded(group, 1):
                resource = self._resource(bytes(own))
            for scope in walk.embedded(group, 2):
                for span in walk.embedded(scope, 2):
                    yield _Raw(resource, bytes(span))

    def _resource(self, text: bytes) -> Mapping[str, str] | EventError:
        if len(text) > _LARGEST:
            return EventError("too_large", f"the resource has {len(text)} bytes, more than {_LARGEST}")
        try:
            resource = Resource.FromString(text)
        except DecodeError:
            return EventError("not_protobuf", "the resource is no protobuf")
        return self._labels({each.key: _of_any(each.value) for each in resource.attributes})

    def _parse(self, text: bytes) -> _Parsed:
        try:
            span = ProtoSpan.FromString(text)
        except DecodeError:
            raise EventError("not_protobuf", "the span is no protobuf") from None
        return _Parsed(
            span.name,
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == _ERROR,
            self._id(span.trace_id, 16),
            self._id(span.span_id, 8),
            self._id(span.parent_span_id, 8),
            {each.key: _of_any(each.value) for each in span.attributes if each.key in PEERS},
        )


class _Json(msgspec.Struct, rename="camel", gc=False):
    """Producers may leave out, or write null for, whatever is empty."""


class _JsonAttribute(_Json):
    key: str = ""
    value: dict[str, Any] | None = None


class _JsonResource(_Json):
    attributes: list[_JsonAttribute] | None = None


class _JsonStatus(_Json):
    code: int | str | None = None


class _JsonSpan(_Json):
    name: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: int | str | None = None
    end_time_unix_nano: int | str | None = None
    status: _JsonStatus | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    attributes: list[_JsonAttribute] | None = None


class _JsonScope(_Json):
    spans: list[msgspec.Raw] | None = None


class _JsonGroup(_Json):
    resource: _JsonResource | None = None
    scope_spans: list[_JsonScope] | None = None


class _JsonTraces(_Json):
    resource_spans: list[_JsonGroup] | None


_TRACES: Final = msgspec.json.Decoder(_JsonTraces)
_SPAN: Final = msgspec.json.Decoder(_JsonSpan)


class JsonSpanDecoder(_SpanDecoder):
    """`otlp_json`: OTLP/JSON, one TracesData a message."""

    def _spans(self, value: bytes) -> Iterator[_Raw]:
        try:
            value.decode()  # text that we skip over must be UTF-8 too
            groups = _TRACES.decode(value).resource_spans
        except msgspec.ValidationError as error:
            raise EventError("wrong_type", f"the message is no OTLP TracesData: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("not_json", f"the message is not JSON: {error}") from None
        for group in groups or ():
            labels = self._labels(_texts((group.resource and group.resource.attributes) or []))
            for scope in group.scope_spans or ():
                for span in scope.spans or ():
                    yield _Raw(labels, bytes(span))

    def _parse(self, text: bytes) -> _Parsed:
        try:
            span = _SPAN.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("wrong_type", f"the span is no OTLP span: {error}") from None
        kind = _enum(span.kind, "SPAN_KIND_", ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
        status = _enum(span.status.code if span.status else None, "STATUS_CODE_", ("UNSET", "OK", "ERROR"))
        return _Parsed(
            span.name or "",
            kind,
            _nanoseconds("startTimeUnixNano", span.start_time_unix_nano),
            _nanoseconds("endTimeUnixNano", span.end_time_unix_nano),
            status == _ERROR,
            self._text_id(span.trace_id, 16),
            self._text_id(span.span_id, 8),
            self._text_id(span.parent_span_id, 8),
            _texts([each for each in span.attributes or [] if each.key in PEERS]),
        )

    def _text_id(self, text: str | None, size: int) -> str:
        """Hex, as OTLP says, or base64, as those write it who use protobuf's own mapping."""
        lower = (text or "").lower()
        if len(lower) == 2 * size and _HEX.fullmatch(lower):
            return lower if lower.strip("0") else ""
        try:
            data = base64.b64decode(text or "", validate=True)
        except (binascii.Error, ValueError):
            data = b"\xff"
        found = self._id(data, size)
        self._counts["id_base64"] += bool(found)
        return found


def service_of(address: str) -> str:
    """The service that an address names, without its port: none for one of numbers, the first part of a name within
    Kubernetes."""
    name, _, port = address.strip().partition(":")
    if ":" in port or name == "localhost" or not name.strip("0123456789."):
        return ""
    inside = name.endswith(".svc") or ".svc." in name
    return name.partition(".")[0] if inside else name


class _Walk:
    """A walk over the outer layers of a message. It ends early in one of more fields than its spans could need, since
    each takes as long as hundreds of bytes of a span."""

    def __init__(self, size: int) -> None:
        self._left = 100 + size // 8

    def embedded(self, data: memoryview, wanted: int) -> Iterator[memoryview]:
        """The embedded messages of one field, in order. Raises EventError `not_protobuf` or `too_many_events`."""
        at, size = 0, len(data)
        while at < size:
            self._left -= 1
            if self._left < 0:
                raise EventError("too_many_events", "the message has more fields than spans of its size have")
            tag, at = _varint(data, at)
            wire = tag & 7
            if wire == 0:
                _, at = _varint(data, at)
                continue
            if wire == 2:
                length, at = _varint(data, at)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise EventError("not_protobuf", f"the message is no OTLP protobuf: wire type {wire}")
            end = at + length
            if end > size:
                raise EventError("not_protobuf", "the message is no OTLP protobuf: it ends within a field")
            if wire == 2 and tag >> 3 == wanted:
                yield data[at:end]
            at = end


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise EventError("not_protobuf", "the message is no OTLP protobuf: a number does not end")


def _of_any(value: AnyValue) -> str:
    """An attribute's value as text; empty for what is no scalar."""
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return str(getattr(value, kind)) if kind in ("string_value", "int_value", "double_value") else ""


def _texts(attributes: list[_JsonAttribute]) -> dict[str, str]:
    """The scalar attributes as text."""
    found = {}
    for each in attributes:
        for name, value in (each.value or {}).items():
            if name == "boolValue":
                found[each.key] = "true" if value else "false"
            elif name in ("stringValue", "intValue", "doubleValue") and isinstance(value, str | int | float):
                found[each.key] = str(value)
    return found


def _nanoseconds(field: str, value: int | str | None) -> int:
    if isinstance(value, str) and value and not _WHOLE.fullmatch(value):
        raise EventError("not_a_time", f"{field} {value[:60]!r} is no whole number of nanoseconds")
    number = int(value or 0)
    if not 0 <= number < 2**64:
        raise EventError("implausible_time", f"{field} is no number of nanoseconds of 64 bits")
    return number


def _enum(value: int | str | None, prefix: str, names: tuple[str, ...]) -> int:
    """A number of an enumeration, or its name, which some write; 0 for what is unknown."""
    if isinstance(value, str):
        name = value.removeprefix(prefix)
        return names.index(name) if name in names else 0
    return value or 0
