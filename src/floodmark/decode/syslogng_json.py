"""JSON of syslog-ng's kafka destination to logs: `$(format-json --scope rfc5424 …)` and its kin.

The names are syslog-ng's macros: MESSAGE, PRIORITY (the severity), HOST, PROGRAM, ISODATE. DATE has no year and counts
only where there is no ISODATE; R_ISODATE and S_ISODATE are when it was received and sent. Source: syslog-ng's macros.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isinf
from typing import Any

from msgspec import Raw, Struct, field

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts
from floodmark.decode.decoder import EventError
from floodmark.decode.local_times import bsd_time
from floodmark.decode.native import JsonDecoder
from floodmark.decode.places import NOTHING, Places, text_of
from floodmark.decode.severities import syslog_severity
from floodmark.signals import Log, Scalar

_Time = str | int | float | None


class _Line(Struct, rename="upper", gc=False):
    message: Any = None
    msg: Any = None
    isodate: _Time = None
    s_isodate: _Time = None
    r_isodate: _Time = None
    unixtime: _Time = None
    date: str | None = None
    priority: Any = None
    level: Any = None
    facility: Any = None
    host: Raw = NOTHING
    host_from: Raw = NOTHING
    program: Raw = NOTHING
    structured: Any = field(name="_SDATA", default=None)


class SyslogNgJsonDecoder(JsonDecoder[_Line]):
    """Decodes syslog-ng's JSON."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(_Line, self._log, admission, limits, raw=True)
        self._places = Places(admission, _labels)

    def _log(self, event: _Line, latest: float) -> Log:
        body = event.message if event.message is not None else event.msg
        if body is None and event.priority is not None:
            body = ""  # format-json leaves out what is empty, and only a line of syslog has a priority
        if body is None:
            raise EventError("missing_field", "MESSAGE is missing")
        body = body.rstrip("\r\n") if isinstance(body, str) else self._admission.text(body)
        said = facts(body)
        level = syslog_severity(event.priority) or syslog_severity(event.level) or said.severity
        labels = self._places.of(said.service, event.program, event.host, event.host_from)
        attributes: dict[str, Scalar] = {}
        if event.facility is not None:
            attributes["syslog.facility"] = text_of(event.facility)[:32]
        if isinstance(event.structured, dict):
            for element, parameters in event.structured.items():
                for name, value in parameters.items() if isinstance(parameters, dict) else ():
                    if len(attributes) < self._limits.labels and len(element) + len(name) < self._limits.label:
                        attributes[f"{element}.{name}"] = text_of(value)[: self._limits.label]
        return self._admission.line(self._when(event, latest), body, level, labels, attributes, said.trace)

    def _when(self, event: _Line, latest: float) -> float:
        for stamp in (event.isodate, event.s_isodate, event.unixtime, event.r_isodate):
            if stamp is not None:
                return self._admission.time(stamp, latest)
        arrival = None if isinf(latest) else latest - self._limits.ahead
        found = bsd_time(event.date, arrival) if event.date is not None else None
        return self._admission.arrival() if found is None else self._admission.time(found[0], latest)


def _labels(said: str, program: Any, host: Any, host_from: Any) -> Mapping[str, Any]:
    return {"service": said or program, "host": host or host_from}
