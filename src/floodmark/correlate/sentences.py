"""The small words of incidents: durations, moments, lists, numbers of things, as a person would write them.

Pure text; it must never decide anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from floodmark.correlate.naming import cut, readable

__all__ = ["counted", "cut", "listed", "moment", "readable", "seldom", "sentence", "span"]

_DAY = 86400.0
_YEAR = 365.25 * _DAY


def span(seconds: float) -> str:
    """A duration for people, two units at most: "18 s", "4 min", "1 h 5 min", "2 d 3 h"."""
    whole = round(abs(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(whole / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def moment(seconds: float, beside: float | None = None) -> str:
    """Epoch seconds as "14:05 UTC"; with its date ("3 June 14:05 UTC") if it is half a day or more from `beside`."""
    time = datetime.fromtimestamp(seconds, UTC)
    if beside is not None and abs(seconds - beside) >= _DAY / 2:
        return f"{time.day} {time:%B %H:%M} UTC"
    return f"{time:%H:%M} UTC"


def seldom(seconds: float) -> str:
    """How often something comes that comes once in so many seconds: "about once a week", "about once in 3 months"."""
    if seconds > 10 * _YEAR:
        return "less than once in ten years"
    for size, once, many in (
        (_YEAR, "a year", "years"),
        (30.4 * _DAY, "a month", "months"),
        (7 * _DAY, "a week", "weeks"),
        (_DAY, "a day", "days"),
        (3600.0, "an hour", "hours"),
    ):
        if seconds >= 0.95 * size:
            times = round(seconds / size)
            return f"about once {once}" if times <= 1 else f"about once in {times} {many}"
    return "more than once an hour"


def listed(words: Sequence[str], most: int = 3) -> str:
    """ "a", "a and b", "a, b and c", "a, b, c and 4 more"."""
    shown = list(words[:most])
    if len(words) > most:
        shown.append(f"{len(words) - most} more")
    if len(shown) <= 1:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def counted(number: int, noun: str) -> str:
    """ "1 service", "4 services"; "1 entity", "2 entities"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def sentence(text: str) -> str:
    """A capital first, a full stop last. A name that begins the text keeps its case."""
    return text if text.endswith((".", "…")) else f"{text}."
