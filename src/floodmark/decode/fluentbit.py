"""Fluent Bit's and Fluentd's records to logs, as their Kafka outputs write them (`format json`).

The line is under `log` (tail, Docker), `message` or `MESSAGE` (systemd), with the newline that ended it. Fluent Bit
adds the time as `@timestamp`, by default in seconds with a fraction: of the line if a parser found it, else of the
reading. So what a runtime has written beside the line (`time` of Docker's json-file, the journal's microseconds) counts
before it. There is no severity: it is taken from the line, from what `Merge_Log` has lifted out of it, or from
systemd's `PRIORITY`. Source: Fluent Bit's out_kafka, filter_kubernetes, in_systemd and in_forward; Docker's fluentd
logging driver.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, field
from msgspec.structs import astuple

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, is_wrapped, readable, unwrapped, when
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import device_of, named, seems
from floodmark.decode.journald import Journal, is_true, journal_level, journal_time
from floodmark.decode.lifted import lifted_count, lifted_level, lifted_trace
from floodmark.decode.places import NOTHING, PARTS, PlacedDecoder, Places, placed, text_of
from floodmark.decode.severities import of_level, syslog_severity
from floodmark.signals import Log, Scalar

_DOCKERS: Final = 16_384
"""Bytes at which Docker cuts a line."""


class _Record(Journal):
    timestamp: Any = field(name="@timestamp", default=None)
    log: Any = None
    message: Any = None
    msg: Any = None
    log_processed: Raw = NOTHING
    time: Any = None
    date: Any = None
    plain_timestamp: Any = field(name="timestamp", default=None)
    stream: Any = None
    source: Any = None
    tag: Any = field(name="logtag", default=None)
    level: Any = None
    severity: Any = None
    small_priority: Any = field(name="priority", default=None)
    pri: Any = None
    partial_message: Any = None
    partial_last: Any = None


class FluentBitDecoder(PlacedDecoder[_Record]):
    """Decodes Fluent Bit's records of logs."""

    def __init__(self, limits: Limits) -> None:
        self._admission = Admission(limits)
        super().__init__(_Record, self._log, self._admission, limits)
        self._places = Places(self._admission, placed)

    def _log(self, event: _Record, latest: float) -> Log:
        body = self._body(event)
        partial = event.tag == "P" or (event.container_partial is not None and is_true(event.container_partial))
        if event.partial_message is not None:
            partial = is_true(event.partial_message) and not is_true(event.partial_last)
        elif body[-1:] != "\n" and len(body) >= _DOCKERS // 4 and event.time is not None and event.stream is not None:
            partial = partial or len(body.encode(errors="replace")) >= _DOCKERS
        body = self._admission.body(body)
        stream = event.stream if event.stream is not None else event.source
        attributes: dict[str, Scalar] = {} if stream is None else {"stream": text_of(stream)[:32]}
        time = self._time(event, latest)
        if is_wrapped(body) and (inner := unwrapped(body)) is not None:
            body, partial, attributes["stream"] = inner.body, inner.partial, inner.stream
            time = inner.time if inner.time is not None and inner.time <= latest else time
        if event.ident:
            body = named(body, event.ident)
        said = facts(body)
        time = when(said, body, time, latest)
        level = of_level(event.level) if event.level is not None else ""
        if not level:
            level = of_level(event.severity)
            if isinstance(event.log, dict):
                level = level or of_level(event.log.get("level"))
        program, host = "", ""
        if seems(body) and (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, program, host = device.body, device.service, device.host
            time, level = device.time or time, device.severity or level
        if not level:
            level = said.severity if event.journal_priority is None else journal_level(event, said.severity)
            level = level or lifted_level(event)
        if not level and event.small_priority is not None:
            level = syslog_severity(event.small_priority)
        labels = self._places.of(astuple(event)[:PARTS], said.service, program, host)
        return self._admission.line(
            time,
            body,
            level,
            labels,
            attributes,
            said.trace or lifted_trace(event),
            partial=partial,
            count=said.lines if event.log_count is event.repeat_count else lifted_count(event) or said.lines,
        )

    def _time(self, event: _Record, latest: float) -> float:
        """What was written beside the line when it was said, else when it was read, else Kafka's time."""
        if event.time is not None and (own := readable(event.time)) is not None and own <= latest:
            return own
        if event.journal_message is not None and (own := journal_time(event, latest)) is not None:
            return own
        if isinstance(event.timestamp, str | int | float):
            return self._admission.time(event.timestamp, latest)
        for each in (event.plain_timestamp, event.date):
            if each is not None and (own := readable(each)) is not None and own <= latest:
                return own
        return self._admission.arrival()

    def _body(self, event: _Record) -> str:
        """The line; for a record whose line was taken away when it was merged, all that `Merge_Log` made of it."""
        body = event.log if isinstance(event.log, str) or event.message is None else event.message
        if body is None:
            body = event.journal_message if event.journal_message is not None else event.msg
        if isinstance(body, str):
            return body
        if body is not None:
            return self._admission.body(body)
        if event.log_processed:
            return bytes(event.log_processed).decode()
        raise EventError("missing_field", "log is missing, and so are message and MESSAGE")
