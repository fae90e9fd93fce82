"""JSON of rsyslog's omkafka to logs, whichever template wrote it.

rsyslog has no one form: the templates StdJSONFmt and FullJSONFmt, `%jsonmesg%`, and the list templates of its manual
differ in names. The severity is called `priority` (or `syslogseverity-text`); the message may begin with the space that
followed the tag. Source: rsyslog's properties and built-in templates.
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
from floodmark.decode.places import NOTHING, Places, text_of
from floodmark.decode.severities import syslog_severity
from floodmark.signals import Log, Scalar

_Time = str | int | float | None


class _Line(Struct, gc=False):
    message: Any = None
    msg: Any = None
    ecs_time: _Time = field(name="@timestamp", default=None)
    timereported: _Time = None
    timestamp: _Time = None
    timegenerated: _Time = None
    severity: Any = None
    priority: Any = None
    severity_text: Any = field(name="syslogseverity-text", default=None)
    syslogseverity: Any = None
    facility: Any = None
    hostname: Raw = NOTHING
    host: Raw = NOTHING
    upper_host: Raw = field(name="HOSTNAME", default=NOTHING)
    fromhost: Raw = NOTHING
    app: Raw = NOTHING
    app_name: Raw = field(name="app-name", default=NOTHING)
    programname: Raw = NOTHING
    tag: Raw = NOTHING
    syslogtag: Raw = NOTHING


class RsyslogJsonDecoder(JsonDecoder[_Line]):
    """Decodes rsyslog's JSON."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(_Line, self._log, admission, limits, raw=True)
        self._places = Places(admission, _labels)

    def _log(self, event: _Line, latest: float) -> Log:
        body = event.message if event.message is not None else event.msg
        if body is None:
            raise EventError("missing_field", "message is missing")
        # one space follows the tag; what is indented further may belong to a trace
        body = body.rstrip("\r\n ").removeprefix(" ") if isinstance(body, str) else self._admission.text(body)
        said = facts(body)
        stamps = (event.ecs_time, event.timereported, event.timestamp, event.timegenerated)
        stamp = next((each for each in stamps if each is not None), None)
        time = self._admission.arrival() if stamp is None else self._admission.time(stamp, latest)
        level = (
            syslog_severity(event.severity_text)
            or syslog_severity(event.severity)
            or syslog_severity(event.priority)
            or syslog_severity(event.syslogseverity)
            or said.severity
        )
        labels = self._places.of(
            said.service,
            event.hostname,
            event.host,
            event.upper_host,
            event.fromhost,
            event.app,
            event.app_name,
            event.programname,
            event.tag,
            event.syslogtag,
        )
        attributes: dict[str, Scalar] = {}
        if event.facility is not None:
            attributes["syslog.facility"] = text_of(event.facility)[:32]
        return self._admission.line(time, body, level, labels, attributes, said.trace)


def _labels(said: str, *parts: Any) -> Mapping[str, Any]:
    hosts, programs = parts[:4], parts[4:]
    program = next((name for name in programs if name and name != "-"), "")
    return {
        "service": said or (program.split("[", 1)[0].rstrip(":") if isinstance(program, str) else ""),
        "host": next((name for name in hosts if name and name != "-"), None),
    }
