"""The small words of incidents: durations, lists, names of series, as a person would write them.

Pure text; it must never decide anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNITS = ("seconds", "bytes", "total", "count", "ratio", "percent", "milliseconds", "ms")


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


def cut(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis, at most `width` characters."""
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def readable(name: str) -> str:
    """A series' name without its separators and its unit: "http_request_duration_seconds" → "http request duration"."""
    words = [word for word in re.split(r"[\s_.:/|-]+", name) if word]
    while len(words) > 1 and words[-1].lower() in _UNITS:
        words.pop()
    return cut(" ".join(words), 40) if words else name


def sentence(text: str) -> str:
    """A capital first, a full stop last. A name that begins the text keeps its case."""
    return text if text.endswith((".", "…")) else f"{text}."
