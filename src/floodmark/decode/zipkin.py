"""Zipkin's spans (v2), in JSON and in protobuf: a list of them a message, or one.

Times are microseconds. A tag `error` says that a span failed, whatever it says but "false". Source: zipkin-api's
zipkin.proto and zipkin2-api.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from floodmark.decode.decoder import EventError
from floodmark.decode.descriptors import messages
from floodmark.decode.jaeger import is_error, kind_of, length_of, text_of
from floodmark.decode.otlp_records import NAMES, Raw, Walk
from floodmark.decode.otlp_spans import PEERS, Parsed, SpanDecoder
from floodmark.decode.timestamps import parse
from floodmark.signals import Span

_MESSAGES: Final = messages(
    "zipkin",
    {
        "Endpoint": "service_name:1:string",
        "Tag": "key:1:string value:2:string",
        "Span": "trace_id:1:bytes parent_id:2:bytes id:3:bytes kind:4:int32 name:5:string timestamp:6:fixed64 "
        "duration:7:uint64 local_endpoint:8:Endpoint remote_endpoint:9:Endpoint tags:11:Tag*",
    },
)
_KINDS: Final = ("", "client", "server", "producer", "consumer")
_HEX: Final = re.compile("[0-9a-f]+")
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_NO_NAME: Final = "unknown"
"""What Zipkin's own collector writes for a span without a name."""


class _Spans(SpanDecoder):
    """What both forms share."""

    begins, ends = "timestamp", "duration"

    def _made(
        self,
        name: str,
        kind: str,
        start: float,
        duration: float,
        ids: tuple[str, str, str],
        ends: tuple[str, str],
        tags: Mapping[str, str],
        latest: float,
    ) -> Span:
        """`start` in epoch seconds, `duration` in seconds; `ends`: the services here and at the other end."""
        here, there = ends
        peers = {key: tags[key] for key in PEERS if key in tags}
        if there and kind in ("client", "producer"):  # of the others it is who called
            peers["peer.service"] = there
        begin = round(start * 1e9)
        number = kind_of(kind or tags.get("span.kind", ""))
        span = Parsed(name or _NO_NAME, number, begin, begin + round(duration * 1e9), is_error(tags), *ids, peers)
        known = {key: tags[key] for key in NAMES if key in tags}
        return self._admit(self._labels({**known, "service.name": here}), span, latest)


class ZipkinProtoDecoder(_Spans):
    """`zipkin_proto`: ListOfSpans."""

    def _records(self, value: bytes) -> Iterator[Raw]:
        for text in Walk(len(value)).embedded(memoryview(value), 1):
            yield Raw({}, bytes(text))

    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Span:
        try:
            span = _MESSAGES["Span"].FromString(text)
        except DecodeError:
            raise EventError("not_protobuf", "the span is no protobuf of Zipkin's") from None
        if not span.timestamp or not span.duration:
            raise EventError("missing_field", f"{'duration' if span.timestamp else 'timestamp'} is missing")
        trace = span.trace_id.rjust(16, b"\0") if len(span.trace_id) == 8 else span.trace_id
        ids = (self._id(trace, 16), self._id(span.id, 8), self._id(span.parent_id, 8))
        kind = _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else ""
        ends = (span.local_endpoint.service_name, span.remote_endpoint.service_name)
        tags = {each.key: each.value for each in span.tags}
        start, duration = parse(span.timestamp), length_of(span.duration)
        return self._made(span.name, kind, start, duration, ids, ends, tags, latest)


class ZipkinJsonDecoder(_Spans):
    """`zipkin_json`: an array of spans, or one."""

    def _records(self, value: bytes) -> Iterator[Raw]:
        try:
            value.decode()  # text that we skip over must be UTF-8 too
            many = value.lstrip()[:1] == b"["
            spans = [bytes(each) for each in _ELEMENTS.decode(value)] if many else [value]
            if not many:
                _OBJECT.decode(value)
        except msgspec.ValidationError as error:
            raise EventError("wrong_type", f"the message holds no spans of Zipkin: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("not_json", f"the message is not JSON: {error}") from None
        for span in spans:
            # Traces, as Zipkin's query API answers, are arrays of spans themselves.
            for text in _ELEMENTS.decode(span) if span.lstrip()[:1] == b"[" else (span,):
                yield Raw({}, bytes(text))

    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Span:
        try:
            span = _OBJECT.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("wrong_type", f"the span is no span of Zipkin: {error}") from None
        if "binaryAnnotations" in span:
            raise EventError("wrong_type", "the span is of Zipkin's version 1: only version 2 is read")
        start = span.get("timestamp")
        if not isinstance(start, str | int | float) or isinstance(start, bool):
            raise EventError("missing_field", "timestamp is missing")
        ids = (
            self._told_id(span.get("traceId"), 16),
            self._told_id(span.get("id"), 8),
            self._told_id(span.get("parentId"), 8),
        )
        tags = span.get("tags")
        told = {name: text_of(value) for name, value in tags.items()} if isinstance(tags, dict) else {}
        kind, name = span.get("kind"), span.get("name")
        return self._made(
            name if isinstance(name, str) else "",
            kind.lower() if isinstance(kind, str) else "",
            parse(start),
            length_of(span.get("duration")),
            ids,
            (_service(span.get("localEndpoint")), _service(span.get("remoteEndpoint"))),
            told,
            latest,
        )

    def _told_id(self, text: object, size: int) -> str:
        """Hex; a trace may have half of it."""
        if not isinstance(text, str) or not text:
            return ""
        lower = text.lower()
        if not _HEX.fullmatch(lower) or len(lower) > 2 * size:
            self._counts["id_dropped"] += 1
            return ""
        return lower.zfill(2 * size) if lower.strip("0") else ""


def _service(endpoint: object) -> str:
    name = endpoint.get("serviceName") if isinstance(endpoint, dict) else None
    return name if isinstance(name, str) else ""
