"""Filebeat's events, and those of other shippers and loggers of the Elastic Common Schema (ECS), to logs.

Filebeat's `@timestamp` is the time at which it read the line. The line's own time is taken where it says one (JSON, or
RFC 3339 at its beginning), else the earlier of `@timestamp` and `event.created`: ECS has the one or the other for the
time of reading, depending on whether the line's time was parsed, and nothing happens after it was read.
Source: the ECS field reference; filebeat's `filestream`, `container`, `syslog` and `journald` inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.structs import astuple

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, is_wrapped, unwrapped, when
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import device_of, seems
from floodmark.decode.lifted import Lifted, lifted_count, lifted_level, lifted_trace
from floodmark.decode.places import NOTHING, PARTS, Placed, PlacedDecoder, Places, child, placed, scalars, text_of
from floodmark.decode.severities import of_level, on_scale
from floodmark.signals import Log, Scalar

_Odd = str | int | float | bool | list[Any] | None
"""What others than Filebeat may have under a name that is an object of ECS."""


class _File(Struct, gc=False):
    path: Any = None


class _Log(Struct, gc=False):
    level: Any = None
    file: _File | _Odd = None
    syslog: Any = None


class _Event(Struct, gc=False):
    created: Any = None
    original: Any = None


class _Ecs(Lifted):
    timestamp: Any = field(name="@timestamp", default=None)
    message: Any = None
    stream: Any = None
    log: _Log | _Odd = None
    event: _Event | _Odd = None
    trace: Any = None
    level: Any = None
    severity: Any = None
    syslog: Any = None
    json: Raw = NOTHING


class FilebeatDecoder(PlacedDecoder[_Ecs]):
    """Decodes ECS events of logs."""

    def __init__(self, limits: Limits) -> None:
        self._admission = Admission(limits)
        super().__init__(_Ecs, self._log, self._admission, limits)
        self._places = Places(self._admission, _labels)

    def _log(self, event: _Ecs, latest: float) -> Log:
        body = self._admission.body(event.message if event.message is not None else _unnamed(event))
        if event.timestamp is None:
            raise EventError("missing_field", "@timestamp is missing")
        time = self._admission.time(event.timestamp, latest)
        if isinstance(event.event, _Event) and isinstance(event.event.created, str | int | float):
            time = min(time, self._admission.time(event.event.created, latest))
        attributes: dict[str, Scalar] = {}
        if event.stream is not None:
            attributes["stream"] = text_of(event.stream)[:32]
        partial = False
        if is_wrapped(body) and (inner := unwrapped(body)) is not None:
            body, partial, attributes["stream"] = inner.body, inner.partial, inner.stream
            time = inner.time if inner.time is not None and inner.time <= latest else time
        said = facts(body)
        time = when(said, body, time, latest)
        program, host, level = "", "", ""
        syslog = event.syslog
        if isinstance(event.log, _Log):
            level, syslog = of_level(event.log.level), event.log.syslog or syslog
            if isinstance(event.log.file, _File) and event.log.file.path is not None:
                attributes["log.file.path"] = text_of(event.log.file.path)[: self._limits.label]
        level = level or of_level(event.level if event.level is not None else event.severity)
        if syslog is not None and isinstance(syslog, dict):
            program, host, told = _of_syslog(syslog)
            level = level or told
        if seems(body) and (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, program, host = device.body, device.service, device.host or host
            time, level = device.time or time, device.severity or level
        labels = self._places.of(astuple(event)[:PARTS], said.service, program, host)
        return self._admission.line(
            time,
            body,
            level or said.severity or lifted_level(event),
            labels,
            attributes,
            (text_of(child(event.trace, "id")) if event.trace is not None else "") or said.trace or lifted_trace(event),
            partial=partial,
            count=said.lines if event.log_count is event.repeat_count else lifted_count(event) or said.lines,
        )


def _unnamed(event: _Ecs) -> str:
    """The text of an event without a message: the original, or what the JSON parser left under `json`."""
    if isinstance(event.event, _Event) and event.event.original is not None:
        return text_of(event.event.original)
    if event.json:
        return bytes(event.json).decode()
    raise EventError("missing_field", "message is missing")


def _of_syslog(syslog: Mapping[str, Any]) -> tuple[str, str, str]:
    """Program, host and severity by what Filebeat's inputs of syslog and of the journal leave under `syslog`."""
    program = text_of(syslog.get("identifier")) or text_of(syslog.get("appname"))
    written = text_of(syslog.get("severity_label")) or text_of(child(syslog.get("severity"), "name"))
    number = child(syslog.get("severity"), "code")
    if number is None and isinstance(syslog.get("priority"), int):
        number = syslog["priority"] & 7
    return program, text_of(syslog.get("hostname")), of_level(written) or on_scale(number, "syslog")


def _labels(parts: list[Any], said: str, program: str, host: str) -> dict[str, Any]:
    labels, fields = scalars(parts[_LABELS]), scalars(parts[_FIELDS])
    found = placed(parts, said or text_of(fields.get("service")), program, host)
    found["env"] = found["env"] or fields.get("env") or labels.get("env")
    return {**labels, **fields, **{name: value for name, value in found.items() if value}}


_LABELS = Placed.__struct_fields__.index("labels")
_FIELDS = Placed.__struct_fields__.index("fields")
