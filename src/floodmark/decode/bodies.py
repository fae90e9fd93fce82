"""What the text of a log line itself says: its own time, severity, service and trace. Only what is plain is taken.

Shippers know when they read a line and which container wrote it; the rest is mostly in the line: as JSON, or as words
before the message. The text itself stays as it is, for the miner; but what a container runtime has wrapped around a
line, and its shipper has not taken off, is taken off here (`unwrapped`).
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from floodmark.decode.decoder import EventError
from floodmark.decode.levels import level_of_line
from floodmark.decode.severities import NAMES, of_level, on_scale
from floodmark.decode.timestamps import parse

_LONGEST: Final = 65_536
"""Characters of what is nearly JSON that are looked at."""
_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)|[@-Z\\^_])")
_OWN: Final = re.compile(
    r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(?:(Z|[+-]\d\d:?\d\d)|( ?(?:UTC|GMT)))", re.ASCII
)
_CRI: Final = re.compile(r"(\d{4}-\d\d-\d\dT\S{9,30}) (stdout|stderr) ([PF])(?::\S{0,64})?(?: |$)", re.ASCII)


class Facts(NamedTuple):
    """What a line says; None or empty for what it does not say. `time`: epoch seconds. `lines`: how many it is."""

    time: float | None = None
    severity: str = ""
    service: str = ""
    trace: str = ""
    lines: int = 1


class Wrapped(NamedTuple):
    """A line as a container runtime has written it to a file: when, to which stream, and whether it goes on."""

    body: str
    time: float | None
    stream: str
    partial: bool


class _Json(Struct, gc=False):
    """The names that loggers have for the same things (ECS, Bunyan, pino, zap, logrus, structlog, Serilog, MongoDB)."""

    ecs_time: Any = msgspec.field(name="@timestamp", default=None)
    timestamp: Any = None
    time: Any = None
    ts: Any = None
    compact_time: Any = msgspec.field(name="@t", default=None)
    upper_time: Any = msgspec.field(name="Timestamp", default=None)
    mongo_time: Any = msgspec.field(name="t", default=None)
    level: Any = None
    severity: Any = None
    ecs_level: Any = msgspec.field(name="log.level", default=None)
    levelname: Any = None
    level_name: Any = None
    loglevel: Any = None
    log_level: Any = None
    camel_log_level: Any = msgspec.field(name="logLevel", default=None)
    net_level: Any = msgspec.field(name="LogLevel", default=None)
    upper_level: Any = msgspec.field(name="Level", default=None)
    shouted_level: Any = msgspec.field(name="LEVEL", default=None)
    shouted_severity: Any = msgspec.field(name="SEVERITY", default=None)
    upper_severity: Any = msgspec.field(name="Severity", default=None)
    compact_level: Any = msgspec.field(name="@l", default=None)
    at_level: Any = msgspec.field(name="@level", default=None)
    lvl: Any = None
    severity_text: Any = None
    camel_text: Any = msgspec.field(name="severityText", default=None)
    upper_text: Any = msgspec.field(name="SeverityText", default=None)
    syslog_level: Any = msgspec.field(name="syslog_severity", default=None)
    priority: Any = None
    journal_priority: Any = msgspec.field(name="PRIORITY", default=None)
    levelno: Any = None
    severity_number: Any = None
    camel_number: Any = msgspec.field(name="severityNumber", default=None)
    upper_number: Any = msgspec.field(name="SeverityNumber", default=None)
    mongo_level: Any = msgspec.field(name="s", default=None)
    mongo_component: Any = msgspec.field(name="c", default=None)
    compact_template: Any = msgspec.field(name="@mt", default=None)
    compact_message: Any = msgspec.field(name="@m", default=None)
    short_message: Any = None
    log: Any = None
    service: Any = None
    service_name: Any = None
    camel_service: Any = msgspec.field(name="serviceName", default=None)
    ecs_service: Any = msgspec.field(name="service.name", default=None)
    trace_id: Any = None
    camel_trace: Any = msgspec.field(name="traceId", default=None)
    ecs_trace: Any = msgspec.field(name="trace.id", default=None)
    compact_trace: Any = msgspec.field(name="@tr", default=None)
    upper_trace: Any = msgspec.field(name="TraceId", default=None)
    log_count: Any = None
    repeat_count: Any = None
    camel_count: Any = msgspec.field(name="repeatCount", default=None)


class _Docker(Struct, gc=False):
    log: str
    time: str
    stream: str = ""


_decode = msgspec.json.Decoder(_Json).decode
_docker = msgspec.json.Decoder(_Docker).decode
NOTHING_SAID: Final = Facts()
_GRADED: Final = {level: Facts(severity=level) for level in ("", *NAMES)}
_NO_JSON: Final = re.compile(r"\bNaN\b|\bInfinity\b|,\s*[}\]]")
_COMMA: Final = re.compile(r",(?=\s*[}\]])")
_LEVEL: Final = re.compile(
    r"""["'](?:@l|level|severity|lvl|log\.?_?level|levelname|level_name|severity_?text)["']\s*:\s*"""
    r"""(?:["']([\w +-]{1,32})["']|(\d{1,5})\b)""",
    re.IGNORECASE,
)
"""A level in what is no JSON: cut off, or written by a language's own print."""


def facts(text: str) -> Facts:
    """The facts of a line."""
    if text[:1] == "{":
        return _of_json(text)
    return _GRADED[level_of_line(text if "\x1b" not in text else plain(text))]


def plain(text: str) -> str:
    """A text without the colours of a terminal, and what else it is told by escape sequences."""
    return _ANSI.sub("", text)


def own_time(text: str) -> float | None:
    """The time at the beginning of a line that is not JSON, if it has an offset."""
    found = _OWN.match(text)
    if found is None:
        return None
    clock = found[1].replace(",", ".")
    return _time(clock + (found[2] or "Z"))


def when(said: Facts, body: str, shippers: float, latest: float) -> float:
    """A line's own time, if it says one that can be; else the shipper's."""
    if said.time is None and body[4:5] != "-" and body[:1] != "[":
        return shippers
    own = said.time if said.time is not None else own_time(body)
    return own if own is not None and own <= latest else shippers


def readable(value: object) -> float | None:
    """The time in a field that may hold anything; None if it is none."""
    return None if value is None else _time(value)


def is_wrapped(text: str) -> bool:
    """Whether `unwrapped` is worth its price: a glance."""
    return text[10:11] == "T" or text[:8] == '{"log":"'


def unwrapped(text: str) -> Wrapped | None:
    """What is in a line of Docker's json-file, or of the container runtime interface; None for any other line."""
    if text[:8] == '{"log":"':
        try:
            line = _docker(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None
        whole = line.log.endswith("\n")  # Docker cuts at 16 KiB, and writes the newline with the last piece
        return Wrapped(line.log.rstrip("\r\n") if whole else line.log, _time(line.time), line.stream, not whole)
    if text[10:11] == "T" and (found := _CRI.match(text)) is not None:
        return Wrapped(text[found.end() :], _time(found[1]), found[2], found[3] == "P")
    return None


def _of_json(text: str) -> Facts:
    try:
        said = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        nearly = _loosely(text[:_LONGEST])
        if nearly is None:
            level = _LEVEL.search(text[:_LONGEST])
            return Facts(severity=of_level(level[1] or level[2])) if level is not None else NOTHING_SAID
        said = nearly
    stamps = (said.ecs_time, said.timestamp, said.time, said.ts, said.compact_time, said.upper_time, said.mongo_time)
    time = next((found for stamp in stamps if stamp is not None and (found := _time(stamp)) is not None), None)
    service = said.ecs_service or said.service or said.service_name or said.camel_service
    if isinstance(service, dict):
        service = service.get("name")
    trace = said.trace_id or said.camel_trace or said.ecs_trace or said.compact_trace or said.upper_trace
    count = repeated(said.log_count) or repeated(said.repeat_count) or repeated(said.camel_count) or 1
    return Facts(time, _level(said), _name(service), _name(trace), count)


def _level(said: _Json) -> str:
    """The level of a line in JSON: a name before a number, and each number on its own scale."""
    level = said.level if said.level is not None else said.severity
    if level is not None and (found := on_scale(level, "syslog" if said.short_message is not None else None)):
        return found if type(level) is str or said.levelname is None else of_level(said.levelname) or found
    for each in (
        *(said.severity, said.ecs_level, said.levelname, said.level_name, said.loglevel, said.log_level),
        *(said.camel_log_level, said.net_level, said.upper_level, said.shouted_level, said.upper_severity),
        *(said.shouted_severity, said.compact_level, said.at_level, said.lvl),
        *(said.severity_text, said.camel_text, said.upper_text),
    ):
        if each is not None and (found := of_level(each)):
            return found
    for each in (said.syslog_level, said.journal_priority):
        if each is not None and (found := on_scale(each, "syslog")):
            return found
    if type(said.priority) is str and not said.priority.isdecimal() and (found := of_level(said.priority)):
        return found
    for each in (said.severity_number, said.camel_number, said.upper_number):
        if each is not None and (found := on_scale(each, "opentelemetry")):
            return found
    if said.levelno is not None:
        return on_scale(said.levelno, "python")
    if isinstance(said.log, dict):
        return of_level(said.log.get("level"))
    if type(said.mongo_level) is str and type(said.mongo_component) is str:  # {"t": …, "s": "E", "c": "NETWORK"}
        return of_level(said.mongo_level[:1])
    if said.compact_time is not None and (said.compact_template is not None or said.compact_message is not None):
        return "INFO"  # Serilog leaves out @l for it
    return ""


def _loosely(text: str) -> _Json | None:
    """Of an object that is nearly JSON: with NaN, Infinity, or a comma before a bracket."""
    if _NO_JSON.search(text) is None:
        return None
    try:
        parsed = json.loads(_COMMA.sub("", text))
        json.dumps(parsed, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return msgspec.convert(parsed, _Json)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None


def repeated(value: object) -> int:
    """How many lines a field says that its record stands for; 0 if it says nothing of the kind."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        value = int(value)
    return value if type(value) is int and value > 0 else 0


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""


def _time(value: object) -> float | None:
    if isinstance(value, dict):
        value = value.get("$date")  # MongoDB
    if type(value) not in (str, int, float):
        return None
    try:
        return parse(value)  # type: ignore[arg-type]  # the line above says so
    except (EventError, ValueError, OverflowError):
        return None
