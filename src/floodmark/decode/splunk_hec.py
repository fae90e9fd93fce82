"""Events of Splunk's HTTP Event Collector (HEC) to logs and metrics, as its senders write them.

A message is one event, or several behind one another with or without a line break between them. An event is an object
with `event` (a text, or an object, which is kept as JSON text), and beside it `time`, `host`, `source`, `sourcetype`
and `fields`. Where `event` is "metric", its `fields` hold values as `metric_name:NAME`, or one as `metric_name` and
`_value`; the other fields are its labels. What is of the other signal than the input is left out, and counted
(`other_event`). The service is that of the fields or of the event itself, else the `sourcetype` unless it only names a
form, else the `source`. Source: Splunk's "Format events for HTTP Event Collector"; Docker's splunk logging driver.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, repeated, when
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.devices import device_of, seems
from floodmark.decode.native import in_plain_words, whole
from floodmark.decode.places import labels_by_name, text_of
from floodmark.decode.severities import of_level
from floodmark.decode.wire import MetricEvent
from floodmark.records import Record
from floodmark.signals import Log, Signal, SignalName

_FORMS: Final = frozenset(
    {"", "_json", "json", "httpevent", "generic_single_line", "too_small", "none", "syslog", "text"}
)
"""Source types that say how an event is written, and not what has written it."""
_LEVELS: Final = ("level", "severity", "log.level", "severity_text", "loglevel", "otel.log.severity.text")
_one = msgspec.json.Decoder(dict[str, Any]).decode
_many = msgspec.json.Decoder(list[Any]).decode
_next = json.JSONDecoder().raw_decode


class _Unread(str):
    """A part of a message that is no event."""

    __slots__ = ()


class SplunkHecDecoder:
    """Decodes the events of one signal. Counts are those of `Admission`, and other_event."""

    def __init__(self, signal: SignalName, limits: Limits) -> None:
        self._signal = signal
        self._limits = limits
        self._admission = Admission(limits)

    def counts(self) -> Mapping[str, int]:
        return self._admission.counts

    def decode(self, record: Record) -> Decoded:
        """The events of one message, in order. Refused as a whole: empty, too_large, too_many_events, not_json."""
        value = record.value
        if not value:
            return whole("empty", "the message has no value", b"")
        if len(value) > self._limits.message:
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
            return whole("too_large", words, value)
        latest = self._admission.begin(record)
        events = self._taken_apart(value)
        if len(events) > self._limits.events:
            words = f"the message holds more events than limits.events ({self._limits.events})"
            return whole("too_many_events", words, value)
        if events and all(isinstance(each, _Unread) for each in events):
            return whole("not_json", f"the message is not JSON: {value[:60].decode(errors='replace')!r}", value)
        found = Decoded([], [])
        alone = len(events) == 1
        for index, event in enumerate(events):
            if isinstance(event, _Unread):
                words = f"this part of the message is not JSON: {event[:60]!r}"
                found.refused.append(Refused(index, "not_json", words, event.encode(errors="replace")))
                continue
            try:
                found.signals.extend(self._signals(event, latest))
            except EventError as error:
                own = value if alone else json.dumps(event, separators=(",", ":")).encode()
                found.refused.append(Refused(None if alone else index, error.error, error.message, own))
        return found

    def _taken_apart(self, value: bytes) -> list[Any]:
        """The events of a message. What cannot be read is an `_Unread`, up to the next line that begins with one."""
        try:
            return _many(value) if value[:1] == b"[" else [_one(value)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        text = self._admission.utf8(value).strip("\ufeff \t\r\n\0")
        events: list[Any] = []
        at = 0
        while at < len(text) and len(events) <= self._limits.events:
            try:
                event, end = _next(text, at)
                json.dumps(event, ensure_ascii=False).encode()  # half a surrogate pair is no text
            except (ValueError, RecursionError):
                next_line = text.find("\n{", at)
                end = len(text) if next_line < 0 else next_line + 1
                event = _Unread(text[at:end].rstrip())
            at = end
            events.extend(event if isinstance(event, list) else [event])
            while at < len(text) and text[at] in " \t\r\n,":
                at += 1
        return events

    def _signals(self, event: Any, latest: float) -> list[Signal]:
        if not isinstance(event, dict):
            raise EventError("wrong_type", "an event must be an object")
        if (event.get("event") == "metric") != (self._signal == "metric"):
            self._admission.counts["other_event"] += 1
            return []
        return self._metrics(event, latest) if self._signal == "metric" else [self._log(event, latest)]

    def _log(self, event: dict[str, Any], latest: float) -> Log:
        said_there = event.get("event")
        if said_there is None or said_there == "":
            raise EventError("missing_field", "event is missing")
        stream, tag = "", ""
        if isinstance(said_there, dict) and "line" in said_there and ("tag" in said_there or "source" in said_there):
            stream, tag = text_of(said_there.get("source")), text_of(said_there.get("tag"))  # Docker's driver
            said_there = said_there["line"]
        body = self._admission.body(said_there)
        said = facts(body)
        if event.get("time") in (None, ""):
            time = when(said, body, self._admission.kafkas or 0.0, latest) or self._admission.arrival()
        else:
            time = self._admission.time(event["time"], latest)
        fields = event["fields"] if isinstance(event.get("fields"), dict) else {}
        labels = labels_by_name(fields, said.service)
        labels["host"] = labels.get("host") or event.get("host")
        labels["service"] = labels.get("service") or _service(event, tag)
        if seems(body) and (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, labels["service"] = device.body, device.service
            labels["host"] = device.host or labels["host"]
            said = said._replace(severity=device.severity or said.severity)
        level = said.severity or next((found for name in _LEVELS if (found := of_level(fields.get(name)))), "")
        attributes = self._admission.attributes({**fields, **({"stream": stream} if stream else {})})
        kept = {name: each for name, each in labels.items() if isinstance(each, str | int | float) and each != ""}
        return self._admission.line(
            time,
            body,
            level,
            self._admission.labels(kept, "labels"),
            attributes,
            text_of(fields.get("trace_id")) or said.trace,
            count=repeated(fields.get("log_count")) or repeated(fields.get("repeat_count")) or said.lines,
        )

    def _metrics(self, event: dict[str, Any], latest: float) -> list[Signal]:
        fields = event.get("fields")
        if not isinstance(fields, dict):
            raise EventError("missing_field", "fields is missing, which hold the values of a metric")
        stamp = event.get("time")
        when = self._admission.arrival() if stamp in (None, "") else stamp
        values = {name[12:]: each for name, each in fields.items() if name.startswith("metric_name:")}
        if isinstance(fields.get("metric_name"), str):
            values[fields["metric_name"]] = fields.get("_value")
        if not values:
            raise EventError("missing_field", "fields holds no metric_name")
        labels = {
            name: each for name, each in fields.items() if not name.startswith("metric_name") and name != "_value"
        }
        labels = {"host": event.get("host"), **labels}
        found: list[Signal] = []
        for name, value in values.items():
            native = {"timestamp": when, "name": name, "value": value, "labels": labels}
            try:
                made = msgspec.convert(native, MetricEvent)
            except msgspec.ValidationError as error:
                raise in_plain_words(str(error)) from None
            found.append(self._admission.metric(made, latest))
        return found


def _service(event: dict[str, Any], tag: str) -> str:
    kind, source = text_of(event.get("sourcetype")), text_of(event.get("source"))
    if tag and not (len(tag) == 12 and tag.isalnum() and not tag.isalpha()):
        return tag  # Docker's, unless it is the id of the container
    return kind if kind.lower() not in _FORMS else source.rsplit("/", 1)[-1].removeprefix("http:").removesuffix(".log")
