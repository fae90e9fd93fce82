"""Filebeat's events, and those of other shippers of the Elastic Common Schema (ECS), to logs.

Filebeat's `@timestamp` is the time at which it read the line. The line's own time is taken where it says one (JSON, or
RFC 3339 at its beginning), else the earlier of `@timestamp` and `event.created`: ECS has the one or the other for the
time of reading, depending on whether the line's time was parsed, and nothing happens after it was read.
Source: the ECS field reference; filebeat's `filestream`, `container` and `journald` inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct, field

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, own_time
from floodmark.decode.decoder import EventError
from floodmark.decode.native import JsonDecoder
from floodmark.decode.places import NOTHING, Places, child, scalars, service_of, text_of
from floodmark.decode.severities import of_level
from floodmark.signals import Log, Scalar

_Odd = str | int | float | bool | list[Any] | None
"""What others than Filebeat may have under a name that is an object of ECS."""


class _File(Struct, gc=False):
    path: Any = None


class _Log(Struct, gc=False):
    level: Any = None
    file: _File | _Odd = None


class _Event(Struct, gc=False):
    created: str | int | float | None = None
    original: str | None = None


class _Trace(Struct, gc=False):
    id: Any = None


class _Ecs(Struct, gc=False):
    timestamp: str | int | float = field(name="@timestamp")
    message: Any = None
    stream: Any = None
    log: _Log | _Odd = None
    event: _Event | _Odd = None
    trace: _Trace | _Odd = None
    level: Any = field(name="log.level", default=None)
    trace_id: Any = field(name="trace.id", default=None)
    service_name: Any = field(name="service.name", default=None)
    json: Raw = NOTHING
    service: Raw = NOTHING
    host: Raw = NOTHING
    kubernetes: Raw = NOTHING
    container: Raw = NOTHING
    labels: Raw = NOTHING
    fields: Raw = NOTHING
    cloud: Raw = NOTHING
    orchestrator: Raw = NOTHING


class FilebeatDecoder(JsonDecoder[_Ecs]):
    """Decodes ECS events of logs."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(_Ecs, self._log, admission, limits, raw=True)
        self._places = Places(admission, _labels)

    def _log(self, event: _Ecs, latest: float) -> Log:
        body = event.message
        if body is None:
            body = _unnamed(event)
        elif not isinstance(body, str):
            body = self._admission.text(body)
        said = facts(body)
        time = self._admission.time(event.timestamp, latest)
        if isinstance(event.event, _Event) and event.event.created is not None:
            time = min(time, self._admission.time(event.event.created, latest))
        own = said.time if said.time is not None else own_time(body)
        if own is not None and own <= latest:
            time = own
        labels = self._places.of(
            text_of(event.service_name) or said.service,
            event.service,
            event.host,
            event.kubernetes,
            event.container,
            event.labels,
            event.fields,
            event.cloud,
            event.orchestrator,
        )
        level, trace = of_level(event.level), text_of(event.trace_id)
        attributes: dict[str, Scalar] = {}
        if event.stream is not None:
            attributes["stream"] = text_of(event.stream)[:32]
        if isinstance(event.log, _Log):
            level = of_level(event.log.level) or level
            if isinstance(event.log.file, _File):
                attributes["log.file.path"] = text_of(event.log.file.path)[: self._limits.label]
        if isinstance(event.trace, _Trace):
            trace = text_of(event.trace.id) or trace
        return self._admission.line(time, body, level or said.severity, labels, attributes, trace or said.trace)


def _unnamed(event: _Ecs) -> str:
    """The text of an event without a message: the original, or what the JSON parser left under `json`."""
    if isinstance(event.event, _Event) and event.event.original is not None:
        return event.event.original
    if event.json:
        return bytes(event.json).decode()
    raise EventError("missing_field", "message is missing")


def _labels(
    name: str, service: Any, host: Any, pod: Any, container: Any, labels: Any, fields: Any, cloud: Any, cluster: Any
) -> Mapping[str, Any]:
    called = child(pod, "container", "name") or child(container, "name")
    return {
        **scalars(labels),
        **scalars(fields),
        "service": child(service, "name")
        or name
        or scalars(fields).get("service")
        or service_of(child(pod, "labels"), called),
        "env": child(service, "environment") or scalars(fields).get("env") or scalars(labels).get("env"),
        "namespace": child(pod, "namespace"),
        "pod": child(pod, "pod", "name"),
        "container": called,
        "host": child(pod, "node", "name") or child(host, "name") or child(host, "hostname"),
        "region": child(cloud, "region"),
        "cluster": child(cluster, "cluster", "name"),
    }
