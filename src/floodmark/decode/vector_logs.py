"""Vector's log events to logs, as its Kafka sink writes them (`encoding.codec: json`).

The line is `message`, its time `timestamp`. Where it came from depends on the source: `kubernetes.pod_*`
(kubernetes_logs), `container_name` (docker_logs), `appname` and `hostname` (syslog), `host` and `file` (file), the
journal's own fields (journald). Source: Vector's reference of sources. For names that `log_schema` has changed there is
format `json`.
"""

from __future__ import annotations

from typing import Any

from msgspec import field
from msgspec.structs import astuple

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, is_wrapped, unwrapped, when
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import device_of, named, seems
from floodmark.decode.journald import Journal, is_true, journal_level, journal_time
from floodmark.decode.lifted import lifted_count, lifted_level, lifted_trace
from floodmark.decode.places import PARTS, PlacedDecoder, Places, child, placed, text_of
from floodmark.decode.severities import of_level, syslog_severity
from floodmark.signals import Log, Scalar


class _Event(Journal):
    message: Any = None
    timestamp: Any = None
    severity: Any = None
    level: Any = None
    log: Any = None
    stream: Any = None
    file: Any = None
    partial: Any = field(name="_partial", default=None)
    source_type: Any = None


class VectorLogDecoder(PlacedDecoder[_Event]):
    """Decodes Vector's log events."""

    def __init__(self, limits: Limits) -> None:
        self._admission = Admission(limits)
        super().__init__(_Event, self._log, self._admission, limits)
        self._places = Places(self._admission, placed)

    def _log(self, event: _Event, latest: float) -> Log:
        body = event.message if event.message is not None else event.journal_message
        if body is None:
            raise EventError("missing_field", "message is missing")
        body = self._admission.body(body)
        partial = event.partial is True or (event.container_partial is not None and is_true(event.container_partial))
        attributes: dict[str, Scalar] = {}
        if event.stream is not None:
            attributes["stream"] = text_of(event.stream)[:32]
        if event.file is not None:
            attributes["log.file.path"] = text_of(event.file)[: self._limits.label]
        time = self._time(event, latest)
        if is_wrapped(body) and (inner := unwrapped(body)) is not None:
            body, partial, attributes["stream"] = inner.body, inner.partial, inner.stream
            time = inner.time if inner.time is not None and inner.time <= latest else time
        if event.appname:
            body = named(body, event.appname)
        said = facts(body)
        time = when(said, body, time, latest)
        level = syslog_severity(event.severity) if event.severity is not None else ""
        level = level or of_level(event.level if event.log is None else child(event.log, "level"))
        program, host = "", ""
        if seems(body) and (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, program, host = device.body, device.service, device.host
            time, level = device.time or time, device.severity or level
        if not level:
            level = said.severity if event.journal_priority is None else journal_level(event, said.severity)
            level = level or lifted_level(event)
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

    def _time(self, event: _Event, latest: float) -> float:
        """When it was by the journal, else by Vector, else Kafka's time."""
        if event.said_at is not None and (own := journal_time(event, latest)) is not None:
            return own
        stamp = event.timestamp
        return self._admission.arrival() if stamp is None else self._admission.time(stamp, latest)
