"""Quantities as people write them: durations ("90s", "5m", "2h", "1d"), budgets ("1/week"), sizes ("1MB").

Each is a pydantic type that parses to a plain number, so that the stages never see a string.
"""

from __future__ import annotations

import re
from typing import Annotated

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


def size(value: object) -> int:
    """Bytes from "1MB", "512KiB" or a plain number. Raises ValueError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)\s*([A-Za-z]*)", value.strip())
        if match and match[2].lower() in _BYTES and int(match[1]) > 0:
            return int(match[1]) * _BYTES[match[2].lower()]
    raise ValueError(f"{value!r} is not a size; write it like 1MB or 512KiB")


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
