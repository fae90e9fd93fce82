"""Quantities as people write them: durations ("90s", "5m", "2h", "1d"), budgets ("1/week"), sizes ("1MB"), times.

Each is a pydantic type that parses to a plain number, so that the stages never see a string; but for the names of
timezones, which are proved and stay names.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PERIODS = {"hour": 3600.0, "day": 86400.0, "week": 604800.0, "month": 2592000.0}
_BYTES = {"": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "kib": 1_024, "mib": 1_048_576}


def duration(value: object) -> float:
    """Seconds from "90s", "5m", "1h30m", or a plain number of seconds.

    Raises ValueError for anything else, in words that show the form.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < 0:
            raise ValueError("a duration cannot be negative")
        return float(value)
    if isinstance(value, str):
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdw])", value.replace(" ", ""))
        if parts and "".join(n + u for n, u in parts) == value.replace(" ", ""):
            return sum(float(n) * _SECONDS[u] for n, u in parts)
    raise ValueError(f"{value!r} is not a duration; write it like 30s, 5m, 2h or 1d")


def budget(value: object) -> float:
    """False alarms a second from "1/week", "3/day", "0.5/month". Raises ValueError for anything else."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(hour|day|week|month)\s*", value)
        if match and float(match[1]) > 0:
            return float(match[1]) / _PERIODS[match[2]]
    if isinstance(value, float) and 0 < value < 1:  # already parsed: a model made in code
        return value
    raise ValueError(f"{value!r} is not an alert budget; write it like 1/week, 3/day or 0.5/month")


def budget_in_words(rate: float) -> str:
    """A budget, events a second, as a person says it: "once a week", "twice a day", "once in 2 months"."""
    for name, seconds in _PERIODS.items():  # the shortest in which there is about one, or more
        times = rate * seconds
        if times >= 0.95 or name == "month":
            break
    if round(1 / times) > 1:
        return f"once in {1 / times:.0f} months"
    often = "once" if times < 1.5 else "twice" if times < 2.5 else f"{times:.0f} times"
    return f"{often} {'an' if name == 'hour' else 'a'} {name}"


def size(value: object) -> int:
    """Bytes from "1MB", "512KiB" or a plain number. Raises ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", value.strip())
        if match and match[2].lower() in _BYTES and int(match[1]) > 0:
            return int(match[1]) * _BYTES[match[2].lower()]
    raise ValueError(f"{value!r} is not a size; write it like 1MB or 512KiB")


def pattern(value: object) -> str:
    """A regular expression of Python's `re` without groups. Raises ValueError for anything else."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a regular expression")
    try:
        re.compile(value)  # alone first, so that what is said of it has its own places
        compiled = re.compile(f"(?:{value})")
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {_in_words(value, error)}") from None
    if compiled.groups:
        raise ValueError(f"{value!r} has a group; write (?:…) for brackets that only hold things together")
    if compiled.match(""):
        raise ValueError(f"{value!r} matches an empty text; it would match everywhere")
    return value


def _in_words(pattern: str, error: re.error) -> str:
    """What is wrong with a regular expression, and where, for who has not written it for Python's `re`."""
    said, at = error.msg, (error.pos or 0) + 1
    sign = pattern[at - 1 : at]
    if "unterminated subpattern" in said:
        return f"the ( at character {at} is never closed; write ) at its end, or \\( for a bracket itself"
    if "unterminated character set" in said:
        return f"the [ at character {at} is never closed; write ] at its end, or \\[ for a bracket itself"
    if "unbalanced parenthesis" in said:
        return f"the ) at character {at} closes nothing; write \\) for a bracket itself"
    if "nothing to repeat" in said:
        return f"there is nothing before the {sign} at character {at} to repeat; write .{sign} for any text"
    if "multiple repeat" in said:
        return f"the {sign} at character {at} repeats what is repeated already"
    if "bad escape (end" in said:
        return "it ends with a backslash; write two for a backslash itself"
    if "bad escape" in said:
        return f"Python knows no {said.removeprefix('bad escape ')} (character {at})"
    if "unknown extension ?<" in said:
        return f"groups cannot have names here; write (?:…) (character {at})"
    if "global flags" in said:
        return "flags such as (?i) must stand around what they are for, as in (?i:…)"
    return f"{said} (character {at})"


def clock(value: object) -> float:
    """Seconds since midnight from "06:00" or "22:30"; "24:00" is the end of the day.

    Raises ValueError for anything else.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([01]?\d|2[0-4]):([0-5]\d)\s*", value)
        if match and (seconds := int(match[1]) * 3600.0 + int(match[2]) * 60.0) <= 86400.0:
            return seconds
    raise ValueError(f"{value!r} is not a time of day; write it like 06:00 or 22:30")


def moment(value: object) -> float:
    """Seconds since the epoch from an ISO 8601 time with its offset. Raises ValueError for anything else."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value.strip())
            if time.tzinfo is not None:
                return time.timestamp()
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"{value!r} is not a time; write it like 2026-01-31T22:00:00Z or 2026-01-31T22:00:00+01:00")


def offset(value: object) -> float:
    """Seconds since a start from a duration, or since the epoch from an ISO 8601 time: what is above 1e8 is the latter.

    Raises ValueError for anything else.
    """
    try:
        seconds = duration(value)
    except ValueError:
        return moment(value)
    if seconds >= 1e8:
        raise ValueError(f"{value!r} is longer than three years; write a time like 2026-01-31T22:00:00Z")
    return seconds


def timezone(value: object) -> str:
    """The name, if the timezone database of this machine has it. Raises ValueError if not."""
    if isinstance(value, str):
        try:
            return ZoneInfo(value).key
        except (LookupError, ValueError, OSError):  # unknown; a path that leads out of the database; a folder of it
            pass
    raise ValueError(f"{value!r} is not a timezone; write it like Europe/Berlin or UTC")


Duration = Annotated[
    float,
    BeforeValidator(duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[smhdw])\s*)+$"},
                {"type": "number", "minimum": 0},
            ]
        }
    ),
]
Budget = Annotated[
    float,
    BeforeValidator(budget),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*/\s*(hour|day|week|month)\s*$"}),
]
Size = Annotated[
    int,
    BeforeValidator(size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d+\s*([kKmM]i?)?[bB]?$"},
                {"type": "integer", "minimum": 1},
            ]
        }
    ),
]
Pattern = Annotated[str, BeforeValidator(pattern), WithJsonSchema({"type": "string", "format": "regex"})]
Clock = Annotated[
    float,
    BeforeValidator(clock),
    WithJsonSchema({"type": "string", "pattern": r"^\s*([01]?\d|2[0-4]):[0-5]\d\s*$"}),
]
Moment = Annotated[float, BeforeValidator(moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Offset = Annotated[float, BeforeValidator(offset)]
Timezone = Annotated[str, BeforeValidator(timezone)]
