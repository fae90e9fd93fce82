"""JSON of rsyslog's omkafka to logs, whichever template wrote it.

rsyslog has no one form: the templates StdJSONFmt and FullJSONFmt, `%jsonmesg%`, and the list templates of its manual
differ in names. The severity is called `priority` (or `syslogseverity-text`); the message may begin with the space that
followed the tag. Source: rsyslog's properties and built-in templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.structs import astuple

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts, repeated
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import device_of, named, program_of
from floodmark.decode.places import NOTHING, PlacedDecoder, Places, child, text_of
from floodmark.decode.severities import of_level, syslog_severity
from floodmark.signals import Log, Scalar


class _Line(Struct, gc=False):
    hostname: Raw = NOTHING
    host: Raw = NOTHING
    upper_host: Raw = field(name="HOSTNAME", default=NOTHING)
    fromhost: Raw = NOTHING
    app: Raw = NOTHING
    app_name: Raw = field(name="app-name", default=NOTHING)
    programname: Raw = NOTHING
    tag: Raw = NOTHING
    syslogtag: Raw = NOTHING
    env: Raw = NOTHING
    service: Raw = NOTHING
    message: Any = None
    msg: Any = None
    ecs_time: Any = field(name="@timestamp", default=None)
    timereported: Any = None
    timestamp: Any = None
    timegenerated: Any = None
    severity: Any = None
    priority: Any = None
    severity_text: Any = field(name="syslogseverity-text", default=None)
    syslogseverity: Any = None
    facility: Any = None
    log: Any = None
    level: Any = None
    log_count: Any = None
    repeat_count: Any = None


_PARTS = 11


class RsyslogJsonDecoder(PlacedDecoder[_Line]):
    """Decodes rsyslog's JSON."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(_Line, self._log, admission, limits)
        self._places = Places(admission, _labels)

    def _log(self, event: _Line, latest: float) -> Log:
        body = event.message if event.message is not None else event.msg
        if body is None:
            raise EventError("missing_field", "message is missing")
        # one space follows the tag; what is indented further may belong to a trace
        body = self._admission.body(body).rstrip("\r\n ").removeprefix(" ")
        body = named(body, event.syslogtag, event.tag, event.programname, event.app)
        said = facts(body)
        stamps = (event.ecs_time, event.timereported, event.timestamp, event.timegenerated)
        stamp = next((each for each in stamps if each is not None), None)
        time = self._admission.arrival() if stamp is None else self._admission.time(stamp, latest)
        level = (
            syslog_severity(event.severity_text)
            or syslog_severity(event.severity)
            or syslog_severity(event.priority)
            or syslog_severity(event.syslogseverity)
            or of_level(child(event.log, "level") if event.log is not None else event.level)
            or said.severity
        )
        program, host = "", ""
        if (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, program, host = device.body, device.service, device.host
            time, level = device.time or time, device.severity or level
        labels = self._places.of(astuple(event)[:_PARTS], said.service, program, host)
        attributes: dict[str, Scalar] = {}
        if event.facility is not None:
            attributes["syslog.facility"] = text_of(event.facility)[:32]
        count = repeated(event.log_count) or repeated(event.repeat_count) or said.lines
        return self._admission.line(time, body, level, labels, attributes, said.trace, count=count)


def _labels(parts: list[Any], said: str, device: str, device_host: str) -> Mapping[str, Any]:
    hosts = [text_of(each) or text_of(child(each, "name")) or text_of(child(each, "hostname")) for each in parts[:4]]
    programs = [program_of(text_of(each)) for each in parts[4:9]]
    return {
        "service": device or said or text_of(child(parts[10], "name")) or next((name for name in programs if name), ""),
        "host": device_host or next((name for name in hosts if name and name != "-"), None),
        "env": text_of(parts[9]) or child(parts[10], "environment"),
    }
