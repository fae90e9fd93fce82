"""JSON of syslog-ng's kafka destination to logs: `$(format-json --scope rfc5424 …)` and its kin.

The names are syslog-ng's macros: MESSAGE, PRIORITY (the severity), HOST, PROGRAM, ISODATE. DATE has no year and counts
only where there is no ISODATE; R_ISODATE and S_ISODATE are when it was received and sent. Source: syslog-ng's macros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.structs import astuple

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import device_of, named, program_of
from floodmark.decode.local_times import bsd_time
from floodmark.decode.places import NOTHING, PlacedDecoder, Places, text_of
from floodmark.decode.severities import syslog_severity
from floodmark.signals import Log, Scalar


class _Line(Struct, rename="upper", gc=False):
    program: Raw = NOTHING
    host: Raw = NOTHING
    host_from: Raw = NOTHING
    message: Any = None
    msg: Any = None
    isodate: Any = None
    s_isodate: Any = None
    r_isodate: Any = None
    unixtime: Any = None
    date: Any = None
    priority: Any = None
    level: Any = None
    facility: Any = None
    structured: Any = field(name="_SDATA", default=None)


class SyslogNgJsonDecoder(PlacedDecoder[_Line]):
    """Decodes syslog-ng's JSON."""

    def __init__(self, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(_Line, self._log, admission, limits)
        self._places = Places(admission, _labels)

    def _log(self, event: _Line, latest: float) -> Log:
        body = event.message if event.message is not None else event.msg
        if body is None and event.priority is not None:
            body = ""  # format-json leaves out what is empty, and only a line of syslog has a priority
        if body is None:
            raise EventError("missing_field", "MESSAGE is missing")
        body = self._admission.body(body).rstrip("\r\n")
        body = named(body, event.program)
        said = facts(body)
        level = syslog_severity(event.priority) or syslog_severity(event.level) or said.severity
        time, program, host = self._when(event, latest), "", ""
        if (device := device_of(body, self._admission.kafkas, latest)) is not None:
            body, program, host = device.body, device.service, device.host
            time, level = device.time or time, device.severity or level
        labels = self._places.of(astuple(event)[:3], said.service, program, host)
        attributes: dict[str, Scalar] = {}
        if event.facility is not None:
            attributes["syslog.facility"] = text_of(event.facility)[:32]
        if isinstance(event.structured, dict):
            for element, parameters in event.structured.items():
                for name, value in parameters.items() if isinstance(parameters, dict) else ():
                    if len(attributes) < self._limits.labels and len(element) + len(name) < self._limits.label:
                        attributes[f"{element}.{name}"] = text_of(value)[: self._limits.label]
        return self._admission.line(time, body, level, labels, attributes, said.trace, count=said.lines)

    def _when(self, event: _Line, latest: float) -> float:
        for stamp in (event.isodate, event.s_isodate, event.unixtime, event.r_isodate):
            if stamp is not None:
                return self._admission.time(stamp, latest)
        found = bsd_time(event.date, self._admission.kafkas) if isinstance(event.date, str) else None
        return self._admission.arrival() if found is None else self._admission.time(found[0], latest)


def _labels(parts: list[Any], said: str, device: str, device_host: str) -> Mapping[str, Any]:
    program, host, host_from = parts
    return {
        "service": device or said or program_of(text_of(program)),
        "host": device_host or text_of(host) or text_of(host_from),
    }
