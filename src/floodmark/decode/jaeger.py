"""Jaeger's spans (api_v2), as Jaeger and the Collector's Kafka exporter write them, in protobuf and in JSON; and in the
JSON of Jaeger's query service, whose spans are beside their processes.

A message is one span, or several of one process. Source: jaeger-idl's model.proto; the query service's json model.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from floodmark.decode.decoder import EventError
from floodmark.decode.descriptors import messages
from floodmark.decode.otlp_records import Raw, Walk, wires
from floodmark.decode.otlp_spans import KINDS, PEERS, Parsed, SpanDecoder
from floodmark.decode.timestamps import parse
from floodmark.signals import Span

_MESSAGES: Final = messages(
    "jaeger",
    {
        "KeyValue": "key:1:string v_type:2:int32 v_str:3:string v_bool:4:bool v_int64:5:int64 v_float64:6:double",
        "SpanRef": "trace_id:1:bytes span_id:2:bytes ref_type:3:int32",
        "Process": "service_name:1:string tags:2:KeyValue*",
        "Time": "seconds:1:int64 nanos:2:int32",
        "Span": "trace_id:1:bytes span_id:2:bytes operation_name:3:string references:4:SpanRef* start_time:6:Time "
        "duration:7:Time tags:8:KeyValue* process:10:Process",
    },
)
_VALUES: Final = ("v_str", "v_bool", "v_int64", "v_float64")
_HEX: Final = re.compile("[0-9a-f]+")
_SECONDS: Final = re.compile(r"-?\d{1,12}(\.\d{1,9})?s", re.ASCII)
_KNOWN: Final = {"hostname": "host.name"}
"""Tags of Jaeger's own clients by their names in OpenTelemetry."""
_OF_THE_CLIENT: Final = {"client-uuid", "jaeger.version", "ip"}
"""Tags of a process that are another's at each start; they name nothing."""
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


def kind_of(name: str) -> int:
    """OTLP's number of a kind by its name; 0 if it is not known."""
    name = name.lower().removeprefix("span_kind_")
    return KINDS.index(name) if name in KINDS[1:] else 0


def is_error(tags: Mapping[str, str]) -> bool:
    """Whether the tags of a span say that it failed: by OpenTracing's or Zipkin's tag, or by OpenTelemetry's."""
    if tags.get("error", "false").lower() not in ("false", "0"):
        return True
    return tags.get("otel.status_code", "").upper() == "ERROR" or tags.get("status.code") == "2"


class _Spans(SpanDecoder):
    """What both forms share."""

    begins, ends = "start_time", "duration"

    def _process(self, service: str, tags: Mapping[str, str]) -> Mapping[str, str]:
        """The labels of a process."""
        named = {_KNOWN.get(name, name): value for name, value in tags.items() if name not in _OF_THE_CLIENT}
        return self._labels({**named, "service.name": service or tags.get("service.name", "")})

    def _tagged(
        self, name: str, start: float, duration: float, ids: tuple[str, str, str], tags: Mapping[str, str]
    ) -> Parsed:
        begin, took = round(start * 1e9), round(duration * 1e9)
        kind, peers = kind_of(tags.get("span.kind", "")), {key: tags[key] for key in PEERS if key in tags}
        return Parsed(name, kind, begin, begin + took, is_error(tags), *ids, peers)


class JaegerProtoDecoder(_Spans):
    """`jaeger_proto`: a Span, or a Batch of them."""

    def _records(self, value: bytes) -> Iterator[Raw]:
        data = memoryview(value)
        if wires(data).get(6) == 2:  # a span has its start there, a batch nothing
            yield Raw({}, value)
            return
        walk = Walk(len(value))
        labels: Mapping[str, str] = {}
        for text in walk.embedded(data, 2):
            labels = self._of_process(_parsed("Process", bytes(text)))
        for text in walk.embedded(data, 1):
            yield Raw(labels, bytes(text))

    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Span:
        span = _parsed("Span", text)
        parents = [each for each in span.references if not each.ref_type] or list(span.references)
        parent = next((each.span_id for each in parents if each.trace_id in (span.trace_id, b"")), b"")
        ids = (self._trace_id(span.trace_id), self._id(span.span_id, 8), self._id(parent, 8))
        if not span.HasField("start_time"):
            raise EventError("missing_field", "start_time is missing")
        parsed = self._tagged(
            span.operation_name, _seconds(span.start_time), _seconds(span.duration), ids, _tags(span.tags)
        )
        return self._admit(self._of_process(span.process) if span.HasField("process") else labels, parsed, latest)

    def _trace_id(self, data: bytes) -> str:
        return self._id(data.rjust(16, b"\0") if len(data) == 8 else data, 16)

    def _of_process(self, process: Any) -> Mapping[str, str]:
        return self._process(process.service_name, _tags(process.tags))


class JaegerJsonDecoder(_Spans):
    """`jaeger_json`: a span, an array of spans, spans and their process, or what the query service answers."""

    def _records(self, value: bytes) -> Iterator[Raw]:
        try:
            value.decode()  # text that we skip over must be UTF-8 too
            yield from self._walk(value, {})
        except msgspec.ValidationError as error:
            raise EventError("wrong_type", f"the message holds no spans of Jaeger: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("not_json", f"the message is not JSON: {error}") from None

    def _walk(self, value: bytes, labels: Mapping[str, str], depth: int = 0) -> Iterator[Raw]:
        if value.lstrip()[:1] == b"[":
            for each in _ELEMENTS.decode(value):
                yield from self._walk(bytes(each), labels, depth)
            return
        if value.lstrip()[:1] != b"{" or depth > 3:
            yield Raw(labels, value)
            return
        fields = _FIELDS.decode(value)
        if "data" in fields and "spans" not in fields:
            yield from self._walk(bytes(fields["data"]), labels, depth + 1)
        elif "spans" in fields:
            processes = {name: self._of_process(each) for name, each in _processes(fields).items()}
            for span in _ELEMENTS.decode(fields["spans"]):
                own = processes.get("", labels)
                if len(processes) > ("" in processes) and (name := _process_id(bytes(span))) in processes:
                    own = processes[name]
                yield Raw(own, bytes(span))
        else:
            yield Raw(labels, value)

    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Span:
        try:
            span = _OBJECT.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("wrong_type", f"the span is no span of Jaeger: {error}") from None
        trace = self._told_id(_get(span, "traceId", "traceID", "trace_id"), 16)
        parent = ""
        for each in _objects(span.get("references")):
            other = self._told_id(_get(each, "traceId", "traceID", "trace_id"), 16)
            if other in (trace, "") and (not parent or _get(each, "refType", "ref_type") in (None, 0, "CHILD_OF")):
                parent = self._told_id(_get(each, "spanId", "spanID", "span_id"), 8)
        if not parent:
            parent = self._told_id(_get(span, "parentSpanID", "parentSpanId"), 8)
        ids = (trace, self._told_id(_get(span, "spanId", "spanID", "span_id"), 8), parent)
        start = _get(span, "startTime", "start_time")
        if not isinstance(start, str | int | float) or isinstance(start, bool):
            raise EventError("missing_field", "startTime is missing")
        name = _get(span, "operationName", "operation_name")
        duration = length_of(span.get("duration"))
        parsed = self._tagged(name if isinstance(name, str) else "", parse(start), duration, ids, _json_tags(span))
        process = span.get("process")
        return self._admit(self._of_process(process) if isinstance(process, dict) else labels, parsed, latest)

    def _told_id(self, text: object, size: int) -> str:
        """Hex, from which the query service leaves leading zeros away, or Base64."""
        if not isinstance(text, str) or not text:
            return ""
        lower = text.lower()
        if _HEX.fullmatch(lower) and len(lower) <= 2 * size:
            return lower.zfill(2 * size) if lower.strip("0") else ""
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            data = b"\xff"
        return self._id(data.rjust(size, b"\0") if len(data) == size // 2 else data, size)

    def _of_process(self, process: Any) -> Mapping[str, str]:
        if not isinstance(process, dict):
            return {}
        service = _get(process, "serviceName", "service_name")
        return self._process(service if isinstance(service, str) else "", _json_tags(process))


def _parsed(name: str, text: bytes) -> Any:
    try:
        return _MESSAGES[name].FromString(text)
    except DecodeError:
        raise EventError("not_protobuf", f"the {name.lower()} is no protobuf of Jaeger's") from None


def _seconds(time: Any) -> float:
    return float(time.seconds + time.nanos / 1e9)


def _tags(tags: Iterable[Any]) -> dict[str, str]:
    """The tags that are no bytes, as text."""
    found = {}
    for each in tags:
        if 0 <= each.v_type < len(_VALUES):
            value = getattr(each, _VALUES[each.v_type])
            found[each.key] = ("true" if value else "false") if each.v_type == 1 else str(value)
    return found


def _json_tags(owner: Mapping[str, Any]) -> dict[str, str]:
    """The tags as text: KeyValues of the protobuf form, those of the query service, or one object of all of them."""
    tags, found = owner.get("tags"), {}
    for each in _objects(tags):
        value = _get(each, "vStr", "v_str", "vBool", "v_bool", "vInt64", "v_int64", "vFloat64", "v_float64", "value")
        if value is None and _get(each, "vType", "v_type") in ("BOOL", 1):
            value = False
        found[str(each.get("key", ""))] = text_of(value)
    together = tags if isinstance(tags, dict) else owner.get("tag")
    if isinstance(together, dict):
        found.update((name, text_of(value)) for name, value in together.items())
    return found


def text_of(value: object) -> str:
    """A tag's value as text; empty for what is no scalar."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def length_of(value: object) -> float:
    """Seconds of a duration: text such as 0.25s, or a number of microseconds. Raises EventError."""
    if value is None:
        raise EventError("missing_field", "duration is missing")
    if isinstance(value, str) and _SECONDS.fullmatch(value):
        return float(value[:-1])
    try:
        seconds = float(value) / 1e6 if not isinstance(value, bool | list | dict) else math.nan  # type: ignore[arg-type]
    except (ValueError, OverflowError, TypeError):
        seconds = math.nan
    if not abs(seconds) < 1e9:
        raise EventError("wrong_type", f"duration {str(value)[:40]!r} is no duration")
    return seconds


def _processes(fields: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    """The processes of spans by their ids; that of all of them by no id."""
    found: dict[str, Any] = {}
    for name in ("processes", "process"):
        if name in fields and bytes(fields[name])[:1] == b"{":
            told = _OBJECT.decode(fields[name])
            found.update(told if name == "processes" else {"": told})
    return found


def _process_id(span: bytes) -> str:
    found = _get(_OBJECT.decode(span), "processID", "processId", "process_id")
    return found if isinstance(found, str) else ""


def _objects(value: object) -> Iterator[dict[str, Any]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


def _get(owner: Mapping[str, Any], *names: str) -> Any:
    return next((owner[name] for name in names if name in owner), None)
