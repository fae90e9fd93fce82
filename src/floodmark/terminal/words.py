"""Small pieces of text that all pages share. What a record holds was written by anybody: it must be made safe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from floodmark.alerts import SEVERITIES, Severity

COLOURS: Final[dict[Severity, str]] = {
    "info": "dim",
    "warning": "yellow",
    "error": "red",
    "critical": "bold red",
}


def safe(text: str, most: int = 1_000) -> str:
    """The text on one line, without anything that a terminal would obey."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: most + 1])
    return line if len(text) <= most else f"{line[:most]}…"


def clock(time: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def lasting(time: timedelta) -> str:
    """How long something lasts: "40 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    seconds = max(0, round(time.total_seconds()))
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def at_least(severity: Severity, least: Severity) -> bool:
    """Whether one is as bad as another."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def many(count: int, noun: str) -> str:
    """A number with its noun: "1 anomaly", "2 anomalies"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("y") else f"{count:,} {noun}s"
