"""Syslog lines to logs: RFC 5424, RFC 3164 (BSD), the lines of rsyslog's file format, which have no priority, and those
of network devices (`devices`).

A record is `<PRI>`, a time, a host, a program, and the message. Only RFC 5424 is exact; the rest is custom, and read as
liberally as rsyslog reads it. A time without year and offset is told by `local_times`. A line with a priority but no
time that we know has Kafka's (RFC 3164, 4.3.3); one with neither is refused. A message may hold several records, as a
stream of TCP has them (RFC 6587): each after its length, or each on a line that begins with a priority.
"""

from __future__ import annotations

import re
from typing import Final

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import NOTHING_SAID, facts
from floodmark.decode.decoder import EventError
from floodmark.decode.devices import Device, device_of, program_of, seems, with_tag
from floodmark.decode.local_times import bsd_time, local_time
from floodmark.decode.severities import SYSLOG, of_level
from floodmark.decode.text_lines import TextDecoder
from floodmark.records import Record
from floodmark.signals import Log, Scalar

_PRI = re.compile(r"<(\d{1,3})>(1 )?", re.ASCII)
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\S{8,40}", re.ASCII)
_STRUCTURED = re.compile(r'(?:\[(?:[^\]"\\]|"(?:[^"\\]|\\.)*+"|\\.)*+\])++', re.DOTALL)
_PARAMETER = re.compile(r'(?<=\s)([^\s="\]]{1,64}+)="((?:[^"\\]|\\.)*+)"|\[([^\s\]"=]+)', re.DOTALL)
_TAG = re.compile(r"([^\s:\[]{1,128})(?:\[[^\]\s]{0,64}\])?(:)?(?: |$)")
_ADDRESS: Final = re.compile(
    r"(?:\d{1,3}\.){3}\d{1,3}|(?=[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:)[0-9A-Fa-f:.]{2,45}(?:%\w{1,32})?"
)
_MERAKI: Final = re.compile(r"(\d{10}(?:\.\d{1,9})?) (\S{1,255}) ((\w{1,64}) .*)", re.DOTALL)
_SEQUENCE: Final = re.compile(r":? ?(?:\d{1,10}: )+(?=[*.;]?[A-Z0-9])|: (?=[*.;]?(?:[A-Z][a-z]{2}|\d{4}) )")
_TOPICS: Final = re.compile(r"([a-z0-9-]{1,32})((?:,!?[a-z0-9-]{1,32}){1,6})[ :]")
"""RouterOS: system,info,account user admin logged in."""
_EVENT: Final = re.compile(r"(CEF|LEEF):\d(?:\.\d)?\|(?:\\.|[^|\\]){0,128}\|((?:\\.|[^|\\]){1,128})\|")
_PANOS: Final = re.compile(r"\d?,(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d),\w{4,32},([A-Z]{3,16}),")
_LEVEL: Final = re.compile(r"(emerg|alert|crit|err|warning|notice|info|debug) (?=[^\s:\[]+(?:\[\d+\])?:)")
_PROCURVE: Final = re.compile(r"\d{5} (?=[\w-]+: )")
_COUNTED: Final = re.compile(rb"\s*(\d{1,7})\s(?=<\d{1,3}>)")
_NEXT: Final = re.compile(rb"(?<![\r\n\0])[\r\n\0]++(?=(?:\d{1,7}\s)?<\d{1,3}>)")
_NAMES: Final = """kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock
local0 local1 local2 local3 local4 local5 local6 local7"""
_FACILITIES: Final = _NAMES.split()
_ESCAPED: Final = re.compile(r'\\(["\\\]])')
_BOM: Final = "\ufeff"
_MOST: Final = 4096
"""Pairs of program and host whose labels are known."""


class SyslogDecoder(TextDecoder):
    """Decodes records of syslog. Its memo of labels is no state."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(self._log, Admission(limits), limits, frames)
        self._known: dict[tuple[str, str], dict[str, str]] = {}

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
            body = with_tag(program, body)
            device = device_of(body, self._admission.kafkas, latest) if seems(body) else None
        else:
            device = device_of(line.lstrip(), self._admission.kafkas, latest)
            if device is None:
                time, host, program, body, own = self._customary(line, latest, priority=start is not None)
                level = own or level
                if body[:1] in "dtil%" and body:  # behind a header that a relay has added
                    device = device_of(body, self._admission.kafkas, latest)
            else:
                time, host, program, body = self._of_device(device, line, latest), "", "", ""
        if device is not None:
            time, level = device.time or time, device.severity or level
            host, program, body = device.host or host, device.service, device.body
        said = facts(body) if not level or body[:1] == "{" else NOTHING_SAID
        labels = self._known.get((program, host))
        if labels is None:
            labels = self._labels(program, host)
        return self._admission.line(
            time, body, level or said.severity, labels, attributes, said.trace, count=said.lines
        )

    def _labels(self, program: str, host: str) -> dict[str, str]:
        named = (("service", program_of(program)), ("host", host))
        told = {name: value for name, value in named if value and value != "-"}
        labels = self._admission.labels(told, "labels")
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[program, host] = labels
        return labels

    def _of_device(self, device: Device, line: str, latest: float) -> float:
        """The time of a line whose header the device has written. Raises EventError."""
        return self._admission.arrival() if device.time is None else self._admission.time(device.time, latest)

    def _exact(self, line: str, latest: float, attributes: dict[str, Scalar]) -> tuple[float, str, str, str]:
        """RFC 5424 after the version: time, host, program and message."""
        if line[10:11] != "T" and (meraki := _MERAKI.match(line)) is not None:
            return self._admission.time(meraki[1], latest), meraki[2], meraki[4], meraki[3]
        parts = line.split(" ", 5)
        if len(parts) < 6:
            raise EventError("missing_field", "the line ends within the header of RFC 5424")
        stamp, host, program, _, identity, rest = parts
        time = self._admission.arrival() if stamp == "-" else self._when(stamp, latest)
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
            if not body.strip() and identity != "-":  # Juniper says it all in the data
                body = f"{identity} {data[0]}"
        elif rest[:1] != "-":
            raise EventError("wrong_type", "the line has neither structured data nor a - in its place")
        # rsyslog keeps the space that followed an RFC 3164 tag, after its own
        return time, host, program, body.removeprefix(" ").removeprefix(_BOM).removeprefix(" ")

    def _when(self, stamp: str, latest: float) -> float:
        """Of an ISO time, which should have an offset. Raises EventError."""
        try:
            return self._admission.time(stamp, latest)
        except EventError as error:
            if error.error != "not_a_time":
                raise
            return self._admission.time(local_time(stamp, self._admission.kafkas), latest)

    def _customary(self, line: str, latest: float, *, priority: bool) -> tuple[float, str, str, str, str]:
        """RFC 3164, or a line of a log file: time, host, program, message, and the severity that these say."""
        arrival = self._admission.kafkas
        line = line.removeprefix(" ")
        if (sequence := _SEQUENCE.match(line)) is not None:
            line = line[sequence.end() :]
        exact = _ISO.match(line)
        if exact is not None:
            time, end = self._when(exact[0].rstrip(":"), latest), exact.end()
        elif (found := bsd_time(line, arrival)) is not None:
            time, end = self._admission.time(found[0], latest), found[1]
        elif priority:
            return self._admission.arrival(), "", *_tagged(line)
        else:
            raise EventError("wrong_type", "the line begins with neither a priority nor a time, as syslog's lines do")
        rest = line[end:].lstrip(": ") if line[end : end + 1] == ":" else line[end:].removeprefix(" ")
        local = _TAG.match(rest)
        if local is not None and local[2] and not _ADDRESS.fullmatch(local[1]):  # a program, and no host before it
            return time, "", *_tagged(rest)
        if rest.startswith(_REPEATED):
            return time, "", "", rest, ""
        host, _, rest = rest.partition(" ")
        return time, host.rstrip(":"), *_tagged(rest)


_REPEATED: Final = ("last message repeated ", "message repeated ", "--- last message repeated ")


def frames(value: bytes) -> list[bytes]:
    """The records of a message: one, or several framed as on TCP (RFC 6587). What follows a line break otherwise
    belongs to the same record. A length that is wrong is left out all the same."""
    value = value.rstrip(b"\r\n\0")
    counted = _COUNTED.match(value) if value[:1] != b"<" else None
    if counted is None:
        several = b"\0" in value or (value[:1] == b"<" and (b"\n" in value or b"\r" in value))
        return _NEXT.split(value) if several else [value]
    found: list[bytes] = []
    at = 0
    while counted is not None:
        begin, end = counted.end(), counted.end() + int(counted[1])
        following = _COUNTED.match(value, end) if end < len(value) else None
        if following is None and end < len(value):  # a wrong length: to where the next record begins, if one does
            there = _NEXT.search(value, begin)
            end = there.start() if there is not None else len(value)
            following = _COUNTED.match(value, end)
            if there is not None and following is None:
                return [*found, *_NEXT.split(value[begin:])]
        found.append(value[begin:end].rstrip(b"\r\n\0"))
        at, counted = end, following
    return found if at >= len(value) else [*found, value[at:]]


def _tagged(text: str) -> tuple[str, str, str]:
    """Program, message and severity; what the text does not begin with is empty."""
    level = ""
    if (said := _LEVEL.match(text)) is not None:  # BIG-IP
        level, text = of_level(said[1]), text[said.end() :]
    elif (event := _PROCURVE.match(text)) is not None:
        text = text[event.end() :]
    if text[:1].isdigit() and (panos := _PANOS.match(text)) is not None:
        return f"panos-{panos[2].lower()}", text, ""
    if text[:3] in ("CEF", "LEE") and (product := _EVENT.match(text)) is not None:
        return product[2], text, ""
    tag = _TAG.match(text)
    if tag is None or not (tag[2] or "[" in tag[0]):
        if (topics := _TOPICS.match(text)) is not None:
            levels = (of_level(topic) for topic in topics[2].lstrip(",").split(",") if len(topic) > 3)
            if found := next((each for each in levels if each), ""):
                return topics[1], text, found
        return "", text.removeprefix(" "), level
    return tag[1], text[tag.end() :], level
