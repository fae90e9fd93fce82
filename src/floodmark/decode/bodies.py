"""What the text of a log line itself says: its own time, severity, service and trace. Only what is plain is taken.

Shippers know when they read a line and which container wrote it; the rest is mostly in the line: as JSON, or as words
before the message. The text itself stays as it is, for the miner.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from floodmark.decode.decoder import EventError
from floodmark.decode.severities import severity
from floodmark.decode.timestamps import parse

_WORDS: Final = 6
"""Words at the beginning among which a severity is looked for."""
_HEAD: Final = 160
"""Characters in which these words must lie."""


class Facts(NamedTuple):
    """What a line says; None or empty for what it does not say. `time`: epoch seconds."""

    time: float | None = None
    severity: str = ""
    service: str = ""
    trace: str = ""


class _Json(Struct, gc=False):
    """The names that logging libraries have for the same things (ECS, Bunyan, pino, zap, logrus, structlog)."""

    ecs_time: Any = msgspec.field(name="@timestamp", default=None)
    timestamp: Any = None
    time: Any = None
    ts: Any = None
    level: Any = None
    severity: Any = None
    ecs_level: Any = msgspec.field(name="log.level", default=None)
    levelname: Any = None
    service: Any = None
    ecs_service: Any = msgspec.field(name="service.name", default=None)
    trace_id: Any = None
    camel_trace: Any = msgspec.field(name="traceId", default=None)
    ecs_trace: Any = msgspec.field(name="trace.id", default=None)


_decode = msgspec.json.Decoder(_Json).decode
_NOTHING: Final = Facts()
_BUNYAN: Final = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
"""Levels of Bunyan and pino."""


_SEVERITIES: Final = "TRACE DEBUG INFO NOTICE WARN WARNING ERROR ERR SEVERE CRITICAL FATAL PANIC"


def _spellings() -> dict[str, str]:
    found = {}
    for word in _SEVERITIES.split():
        level = severity(word)
        for plain in (word, f"[{word}]", f"{word}:", f"<{word}>", f"({word})", f"|{word}|"):
            found[plain] = level
        small = word.lower()
        for marked in (f"[{small}]", f"<{small}>", f"{small}:"):
            found[marked] = level
        for key in ("level", "lvl", "severity"):
            for value in (small, word, f'"{small}"', f'"{word}"'):
                found[f"{key}={value}"] = level
    return found


_MARKS: Final = _spellings()
_KLOG: Final = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}


def facts(text: str) -> Facts:
    """The facts of a line."""
    if text[:1] == "{":
        return _of_json(text)
    words = text[:_HEAD].split(None, _WORDS)
    for word in words[:_WORDS]:
        if word in _MARKS:
            return Facts(severity=_MARKS[word])
    if words and len(words[0]) == 5 and words[0][0] in _KLOG and words[0][1:].isdigit():
        return Facts(severity=_KLOG[words[0][0]])  # Kubernetes' klog: E1015 11:01:46.499073
    return _NOTHING


def own_time(text: str) -> float | None:
    """The time at the beginning of a line that is not JSON, if it is RFC 3339 with an offset."""
    if text[4:5] != "-" or text[7:8] != "-" or text[10:11] != "T":
        return None
    return _time(text[:40].split(None, 1)[0])


def _of_json(text: str) -> Facts:
    try:
        said = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _NOTHING
    stamps = (said.ecs_time, said.timestamp, said.time, said.ts)
    time = next((found for stamp in stamps if stamp is not None and (found := _time(stamp)) is not None), None)
    level = next((each for each in (said.level, said.severity, said.ecs_level, said.levelname) if each is not None), "")
    service = said.ecs_service or said.service
    if isinstance(service, dict):
        service = service.get("name")
    trace = said.trace_id or said.camel_trace or said.ecs_trace
    return Facts(time, of_level(level), _name(service), _name(trace))


def of_level(level: object) -> str:
    """The severity that a value of a field `level` means; empty if it is none."""
    if isinstance(level, str):
        return severity(level)
    if type(level) is int:
        return _BUNYAN.get(level) or severity(level)
    return ""


def _name(value: object) -> str:
    return value if isinstance(value, str) else ""


def _time(value: object) -> float | None:
    if type(value) not in (str, int, float):
        return None
    try:
        return parse(value)  # type: ignore[arg-type]  # the line above says so
    except (EventError, ValueError, OverflowError):
        return None
