"""Vector's log events to logs, as its Kafka sink writes them (`encoding.codec: json`).

The line is `message`, its time `timestamp`. Where it came from depends on the source: `kubernetes.pod_*`
(kubernetes_logs), `container_name` (docker_logs), `appname` and `hostname` (syslog), `host` and `file` (file). Source:
Vector's reference of sources. For names that `log_schema` has changed there is format `json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct, field

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts
from floodmark.decode.decoder import EventError
from floodmark.decode.native import JsonDecoder
from floodmark.decode.places import NOTHING, Places, child, service_of, text_of
from floodmark.decode.severities import of_level
from floodmark.signals import Log, Scalar


class _Event(Struct, gc=False):
    message: Any = None
    timestamp: str | int | float | None = None
    severity: Any = None
    level: Any = None
    stream: Any = None
    file: Any = None
    trace_id: Any = None
    partial: Any = field(name="_partial", default=None)
    kubernetes: Raw = NOTHING
    service: Raw = NOTHING
    appname: Raw = NOTHING
    container_name: Raw = NOTHING
    host: Raw = NOTHING
    hostname: Raw = NOTHING
    journal_unit: Raw = field(name="_SYSTEMD_UNIT", default=NOTHING)
    env: Raw = NOTHING
    cluster: Raw = NOTHING


class VectorLogDecoder(JsonDecoder[_Event]):
    """Decodes Vector's log events."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(_Event, self._log, admission, limits, raw=True)
        self._places = Places(admission, _labels)

    def _log(self, event: _Event, latest: float) -> Log:
        body = event.message
        if body is None:
            raise EventError("missing_field", "message is missing")
        if not isinstance(body, str):
            body = self._admission.text(body)
        if body[-1:] == "\n":
            body = body.rstrip("\r\n")
        said = facts(body)
        stamp = event.timestamp
        time = self._admission.arrival() if stamp is None else self._admission.time(stamp, latest)
        level = of_level(event.severity) or of_level(event.level) or said.severity
        labels = self._places.of(
            said.service,
            event.kubernetes,
            event.service,
            event.appname,
            event.container_name,
            event.host,
            event.hostname,
            event.journal_unit,
            event.env,
            event.cluster,
        )
        attributes: dict[str, Scalar] = {}
        if event.stream is not None:
            attributes["stream"] = text_of(event.stream)[:32]
        if event.file is not None:
            attributes["log.file.path"] = text_of(event.file)[: self._limits.label]
        trace = text_of(event.trace_id) or said.trace
        return self._admission.line(time, body, level, labels, attributes, trace, partial=event.partial is True)


def _labels(
    said: str,
    pod: Any,
    service: Any,
    appname: Any,
    container: Any,
    host: Any,
    hostname: Any,
    unit: Any,
    env: Any,
    cluster: Any,
) -> Mapping[str, Any]:
    called = child(pod, "container_name") or container
    return {
        "service": said
        or (service if isinstance(service, str) else child(service, "name"))
        or appname
        or service_of(child(pod, "pod_labels"), called)
        or unit,
        "namespace": child(pod, "pod_namespace"),
        "pod": child(pod, "pod_name"),
        "container": called,
        "host": child(pod, "pod_node_name") or hostname or host,
        "env": env,
        "cluster": cluster,
    }
