"""Fluent Bit's records to logs, as its Kafka output writes them (`format json`).

The time is added as `@timestamp`, by default in seconds with a fraction. The line is under `log` (tail), `message` or
`MESSAGE` (systemd), with the newline that ended it. There is no severity: it is taken from the line, from what
`Merge_Log` has lifted out of it, or from systemd's `PRIORITY`. Source: Fluent Bit's out_kafka, filter_kubernetes and
in_systemd.
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
from floodmark.decode.severities import syslog_severity
from floodmark.decode.severities import of_level
from floodmark.signals import Log, Scalar


class _Record(Struct, gc=False):
    timestamp: str | int | float | None = field(name="@timestamp", default=None)
    log: Any = None
    message: Any = None
    journal: Any = field(name="MESSAGE", default=None)
    msg: Any = None
    log_processed: Raw = NOTHING
    stream: Any = None
    tag: Any = field(name="logtag", default=None)
    level: Any = None
    severity: Any = None
    priority: Any = field(name="PRIORITY", default=None)
    trace_id: Any = None
    kubernetes: Raw = NOTHING
    host: Raw = NOTHING
    hostname: Raw = NOTHING
    journal_host: Raw = field(name="_HOSTNAME", default=NOTHING)
    identifier: Raw = field(name="SYSLOG_IDENTIFIER", default=NOTHING)
    service: Raw = NOTHING
    container_name: Raw = NOTHING
    cluster: Raw = NOTHING
    env: Raw = NOTHING


class FluentBitDecoder(JsonDecoder[_Record]):
    """Decodes Fluent Bit's records of logs."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(_Record, self._log, admission, limits, raw=True)
        self._places = Places(admission, _labels)

    def _log(self, event: _Record, latest: float) -> Log:
        body = self._body(event)
        if body[-1:] == "\n":
            body = body.rstrip("\r\n")
        said = facts(body)
        stamp = event.timestamp
        time = self._admission.arrival() if stamp is None else self._admission.time(stamp, latest)
        level = of_level(event.level) or of_level(event.severity) or syslog_severity(event.priority) or said.severity
        labels = self._places.of(
            said.service,
            event.kubernetes,
            event.host,
            event.hostname,
            event.journal_host,
            event.identifier,
            event.service,
            event.container_name,
            event.cluster,
            event.env,
        )
        attributes: dict[str, Scalar] = {} if event.stream is None else {"stream": text_of(event.stream)[:32]}
        trace = text_of(event.trace_id) or said.trace
        return self._admission.line(time, body, level, labels, attributes, trace, partial=event.tag == "P")

    def _body(self, event: _Record) -> str:
        """The line; for a record whose line was taken away when it was merged, all that `Merge_Log` made of it."""
        body = event.log if event.log is not None else event.message
        if body is None:
            body = event.journal if event.journal is not None else event.msg
        if isinstance(body, str):
            return body
        if body is not None:
            return self._admission.text(body)
        if event.log_processed:
            return bytes(event.log_processed).decode()
        raise EventError("missing_field", "log is missing, and so are message and MESSAGE")


def _labels(
    said: str,
    pod: Any,
    host: Any,
    hostname: Any,
    journal_host: Any,
    identifier: Any,
    service: Any,
    container: Any,
    cluster: Any,
    env: Any,
) -> Mapping[str, Any]:
    called = child(pod, "container_name") or (container.lstrip("/") if isinstance(container, str) else None)
    return {
        "service": said
        or (service if isinstance(service, str) else child(service, "name"))
        or service_of(child(pod, "labels"), called)
        or identifier,
        "namespace": child(pod, "namespace_name"),
        "pod": child(pod, "pod_name"),
        "container": called,
        "host": child(pod, "host")
        or (host if isinstance(host, str) else child(host, "name"))
        or hostname
        or journal_host,
        "cluster": cluster,
        "env": env,
    }
