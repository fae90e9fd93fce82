"""Syslog lines to logs: RFC 5424, RFC 3164 (BSD), and the lines of rsyslog's file format, which have no priority.

A line is `<PRI>`, a time, a host, a program, and the message. Only RFC 5424 is exact; the rest is custom, and read as
liberally as rsyslog reads it. A time without year and offset is told by `local_times`. A line with a priority but no
time that we know has Kafka's (RFC 3164, 4.3.3); one with neither is refused.
"""

from __future__ import annotations

import re
from typing import Final

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts
from floodmark.decode.decoder import EventError
from floodmark.decode.local_times import bsd_time, local_time
from floodmark.decode.severities import SYSLOG
from floodmark.decode.text_lines import TextDecoder
from floodmark.records import Record
from floodmark.signals import Log, Scalar

_PRI = re.compile(r"<(\d{1,3})>(1 )?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\S{8,40}", re.ASCII)
_STRUCTURED = re.compile(r'(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*+"|\\.)*+\])++', re.DOTALL)
_PARAMETER = re.compile(r'(?<=\s)([^\s="\]]{1,64}+)="((?:[^"\\]|\\.)*+)"|\[([^\s\]"=]+)', re.DOTALL)
_TAG = re.compile(r"([^\s:\[]{1,128})(?:\[[^\]\s]{0,64}\])?(:)?(?: |$)")
_NAMES: Final = """kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock
local0 local1 local2 local3 local4 local5 local6 local7"""
_FACILITIES: Final = _NAMES.split()
_ESCAPED: Final = re.compile(r'\\(["\\\]])')
_BOM: Final = "\ufeff"


class SyslogDecoder(TextDecoder):
    """Decodes syslog lines, one a message."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(self._log, Admission(limits), limits, split=False)

    def _log(self, line: str, record: Record, latest: float) -> Log:
        attributes: dict[str, Scalar] = {}
        level = ""
        start = _PRI.match(line)
        if start is not None:
            priority = int(start[1])
            if priority > 191:
                raise EventError("wrong_type", f"<{priority}> is no priority of syslog, which ends at <191>")
            level = SYSLOG[priority & 7]
            attributes["syslog.facility"] = _FACILITIES[priority >> 3]
            line = line[start.end() :]
        if start is not None and start[2]:
            time, host, program, body = self._exact(line, latest, attributes)
        else:
            time, host, program, body = self._customary(line, record, latest, priority=start is not None)
        labels = self._admission.labels(
            {name: value for name, value in (("service", program), ("host", host)) if value and value != "-"}, "labels"
        )
        return self._admission.line(time, body, level or facts(body).severity, labels, attributes)

    def _exact(self, line: str, latest: float, attributes: dict[str, Scalar]) -> tuple[float, str, str, str]:
        """RFC 5424 after the version: time, host, program and message."""
        parts = line.split(" ", 5)
        if len(parts) < 6:
            raise EventError("missing_field", "the line ends within the header of RFC 5424")
        stamp, host, program, _, identity, rest = parts
        time = self._admission.arrival() if stamp == "-" else self._admission.time(stamp, latest)
        if identity != "-":
            attributes["syslog.msgid"] = identity[: self._limits.label]
        body = rest[1:]
        if rest[:1] == "[":
            data = _STRUCTURED.match(rest)
            if data is None:
                raise EventError("wrong_type", "the structured data of the line does not end")
            body = rest[data.end() :]
            element = ""
            for name, value, opened in _PARAMETER.findall(data[0]):
                if opened:
                    element = opened
                elif len(attributes) < self._limits.labels and len(element) + len(name) < self._limits.label:
                    attributes[f"{element}.{name}"] = _ESCAPED.sub(r"\1", value)[: self._limits.label]
        elif rest[:1] != "-":
            raise EventError("wrong_type", "the line has neither structured data nor a - in its place")
        # rsyslog keeps the space that followed an RFC 3164 tag, after its own
        return time, host, program, body.removeprefix(" ").removeprefix(_BOM).removeprefix(" ")

    def _customary(self, line: str, record: Record, latest: float, *, priority: bool) -> tuple[float, str, str, str]:
        """RFC 3164, or a line of a log file: time, host, program and message."""
        arrival = self._admission.kafkas
        exact = _ISO.match(line)
        if exact is not None:
            word = exact[0].rstrip(":")
            try:
                time = self._admission.time(word, latest)
            except EventError:
                time = self._admission.time(local_time(word, arrival), latest)
            end = exact.end()
        elif (found := bsd_time(line, arrival)) is not None:
            time, end = self._admission.time(found[0], latest), found[1]
        elif priority:
            return self._admission.arrival(), "", *_tagged(line)
        else:
            raise EventError("wrong_type", "the line begins with neither a priority nor a time, as syslog's lines do")
        rest = line[end:].lstrip(": ") if line[end : end + 1] == ":" else line[end:].removeprefix(" ")
        local = _TAG.match(rest)
        if local is not None and local[2]:  # a program and a colon, and no host before it
            return time, "", *_tagged(rest)
        host, _, rest = rest.partition(" ")
        return time, host, *_tagged(rest)


def _tagged(text: str) -> tuple[str, str]:
    """Program and message; without a program if the text does not begin with one."""
    tag = _TAG.match(text)
    if tag is None or not (tag[2] or "[" in tag[0]):
        return "", text.removeprefix(" ")
    return tag[1], text[tag.end() :]
