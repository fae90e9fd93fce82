"""Filebeat's events, and those of other shippers and loggers of the Elastic Common Schema (ECS), to logs.

Filebeat's `@timestamp` is the time at which it read the line. The line's own time is taken where it says one (JSON, or
RFC 3339 at its beginning), else the earlier of `@timestamp` and `event.created`: ECS has the one or the other for the
time of reading, depending on whether the line's time was parsed, and nothing happens after it was read.
Source: the ECS field reference; filebeat's `filestream`, `container`, `syslog` and `journald` inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, field
from msgspec.structs import astuple

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, repeated, unwrapped, when
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import device_of
from floodmark.decode.places import NOTHING, PARTS, Placed, PlacedDecoder, Places, child, placed, scalars, text_of
from floodmark.decode.severities import of_level, on_scale
from floodmark.signals import Log, Scalar


class _Ecs(Placed):
    timestamp: Any = field(name="@timestamp", default=None)
    message: Any = None
    stream: Any = None
    log: Any = None
    event: Any = None
    trace: Any = None
    level: Any = field(name="log.level", default=None)
    top_level: Any = field(name="level", default=None)
    syslog: Any = None
    log_count: Any = None
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
        created = child(event.event, "created")
        if isinstance(created, str | int | float):
            time = min(time, self._admission.time(created, latest))
        attributes: dict[str, Scalar] = {}
        if event.stream is not None:
            attributes["stream"] = text_of(event.stream)[:32]
        partial = False
        if (inner := unwrapped(body)) is not None:
            body, partial, attributes["stream"] = inner.body, inner.partial, inner.stream
            time = inner.time if inner.time is not None and inner.time <= latest else time
        said = facts(body)
        time = when(said, body, time, latest)
        program, host, level = "", "", ""
        syslog = child(event.log, "syslog") or event.syslog
        if isinstance(syslog, dict):
            program, host, level = _of_syslog(syslog)
        level = of_level(child(event.log, "level")) or of_level(event.level) or of_level(event.top_level) or level
        if (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, program, host = device.body, device.service, device.host or host
            time, level = device.time or time, device.severity or level
        path = child(event.log, "file", "path")
        if path is not None:
            attributes["log.file.path"] = text_of(path)[: self._limits.label]
        labels = self._places.of(astuple(event)[:PARTS], said.service, program, host)
        return self._admission.line(
            time,
            body,
            level or said.severity,
            labels,
            attributes,
            text_of(child(event.trace, "id")) or said.trace,
            partial=partial,
            count=repeated(event.log_count) or said.lines,
        )


def _unnamed(event: _Ecs) -> str:
    """The text of an event without a message: the original, or what the JSON parser left under `json`."""
    original = child(event.event, "original")
    if original is not None:
        return text_of(original)
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
