"""Quantities as others write them, as they are written here. A guess at what was meant, for hints only."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from typing import Final

from floodmark.config.problems import nearest

NUMBER: Final = r"(\d+(?:[.,]\d+)?)"
_UNITS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
_PERIODS: Final[Mapping[str, tuple[str, float]]] = {
    **dict.fromkeys(("s", "sec", "second", "seconds", "secondly"), ("hour", 3600.0)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), ("hour", 60.0)),
    **dict.fromkeys(("h", "hr", "hour", "hours", "hourly"), ("hour", 1.0)),
    **dict.fromkeys(("d", "day", "days", "daily"), ("day", 1.0)),
    **dict.fromkeys(("w", "wk", "week", "weeks", "weekly"), ("week", 1.0)),
    **dict.fromkeys(("mo", "month", "months", "monthly"), ("month", 1.0)),
    **dict.fromkeys(("q", "quarter", "quarters"), ("month", 1 / 3)),
    **dict.fromkeys(("y", "yr", "year", "years", "yearly"), ("month", 1 / 12)),
}
_COUNTS: Final[Mapping[str, float]] = {"once": 1, "one": 1, "a": 1, "an": 1, "twice": 2, "two": 2, "three": 3}
_NEVER: Final = ("never", "none", "off", "forever", "infinite", "infinity", "inf", "unlimited", "0")


def _duration(value: str) -> str:
    text = value.strip().lower()
    if text in _NEVER:
        return "write one that is long enough, such as 365d"
    if text.startswith("-"):
        return "a duration cannot be negative"
    if iso := re.fullmatch(r"p(?:(\d+)w)?(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?", text):
        return write("".join(f"{n}{unit}" for n, unit in zip(iso.groups(), "wdhms", strict=True) if n))
    if clock := re.fullmatch(r"(\d+):(\d\d)(?::(\d\d))?", text):
        hours, minutes, seconds = clock[1], clock[2], clock[3]
        parts = ((hours, "h"), (minutes, "m"), (seconds, "s")) if seconds else ((hours, "m"), (minutes, "s"))
        return write("".join(f"{int(n)}{unit}" for n, unit in parts if int(n)))
    months = re.fullmatch(rf"{NUMBER}\s*(mo|months?|y|years?)", text)
    if months:
        days = float(months[1].replace(",", ".")) * (30 if months[2].startswith("mo") else 365)
        return write(f"{days:g}d")
    found = re.findall(rf"{NUMBER}\s*([a-z]+)", text)
    if found and not re.sub(rf"{NUMBER}\s*[a-z]+|and|[\s,]", "", text) and all(unit in _UNITS for _, unit in found):
        return write("".join(f"{n.replace(',', '.')}{_UNITS[unit]}" for n, unit in found))
    if re.fullmatch(NUMBER, text):
        return "leave the quotes out, or write a unit, as in 30s"
    return ""


def _budget(value: str) -> str:
    text = value.strip().lower()
    if text in _NEVER:
        return "write the least that you can bear, such as 1/month"
    if text.endswith("%"):
        return "a budget is no share: say how many in which time"
    alone = _PERIODS.get(text)
    if alone is not None and text.endswith("ly"):
        return write(f"{alone[1]:g}/{alone[0]}")
    found = re.fullmatch(
        rf"(?:{NUMBER}x?|(once|one|twice|two|three|an?))\s*(?:times?\s*)?(?:/|per|an?|each|every|in|a)?\s*"
        rf"{NUMBER}?\s*([a-z]+)",
        text,
    )
    if found is None or found[4] not in _PERIODS:
        return ""
    count = float(found[1].replace(",", ".")) if found[1] else _COUNTS[found[2]]
    period, share = _PERIODS[found[4]]
    each = float(found[3].replace(",", ".")) if found[3] else 1.0
    if count <= 0 or each <= 0:
        return "write the least that you can bear, such as 1/month"
    return write(_rounded(count * share / each * _A_DAY[period]))


_A_DAY: Final[Mapping[str, float]] = {"hour": 24.0, "day": 1.0, "week": 1 / 7, "month": 1 / 30}


def _rounded(a_day: float) -> str:
    """A budget in the longest period in which it is a whole number, else of three digits in a month."""
    for period in ("month", "week", "day", "hour"):
        count = a_day / _A_DAY[period]
        if abs(count - round(count)) < 1e-6 * count and round(count) in range(
            1, 7 if period in ("week", "month") else 1000
        ):
            return f"{round(count)}/{period}"
    return f"{a_day / _A_DAY['month']:.3g}/month"


def _size(value: str) -> str:
    found = re.fullmatch(
        rf"{NUMBER}\s*(b|bytes?|k|kb|kib|m|mb|mib|megabytes?|g|gb|gib|gigabytes?)", value.strip().lower()
    )
    if found is None:
        return ""
    count = float(found[1].replace(",", "."))
    unit = found[2]
    if unit[0] == "b":
        return write(f"{count:.0f}")
    binary = "ib" in unit
    factor = {"k": 0.001, "m": 1.0, "g": 1024.0 if binary else 1000.0}[unit[0]]
    megas = count * factor
    end = "iB" if binary else "B"
    kilos = megas * (1024 if binary else 1000)
    return write(
        f"{megas:.0f}M{end}" if megas == int(megas) and megas else f"{kilos:.0f}K{end}" if binary else f"{kilos:.0f}kB"
    )


def _clock(value: str) -> str:
    found = re.fullmatch(r"(\d{1,2})(?:[:.h]?(\d\d))?(?::\d\d)?\s*(am|pm|a\.m\.|p\.m\.|h|uhr)?", value.strip().lower())
    if found is None:
        return ""
    hour, half = int(found[1]), (found[3] or "")[:1]
    if half in ("a", "p") and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return write(f'"{hour:02d}:{found[2] or "00"}"') if hour <= 24 else ""


def _moment(value: str) -> str:
    text = value.strip()
    if re.fullmatch(r"(?:now)?\s*\+?\s*(?:\d+[smhdw])*|now|today|tomorrow", text):
        return "write the moment itself: the file says the same tomorrow"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return f"say the time and its offset: {text}T00:00:00Z"
    if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?", text):
        whole = text.replace(" ", "T") + (":00" if text.count(":") == 1 else "")
        return f"say the offset: {whole}Z for UTC, {whole}+01:00 for Berlin's winter"
    return ""


def _timezone(value: str) -> str:
    if re.match(r"(?:utc|gmt)?\s*[-+]\d", value.strip().lower()):
        return "an offset is no timezone, for it changes with the season; name a place"
    near = nearest(value.replace(" ", "_"), zoneinfo.available_timezones())
    return f"did you mean {near!r}?" if near else ""


def _source(value: str) -> str:
    """A path as jq, JSONPath or a template has it."""
    path = re.sub(r"^\{\{\s*(.*?)\s*\}\}$", r"\1", value.strip())
    path = path.replace("['", ".").replace("']", "").replace("[*]", "").replace("/", ".").lstrip("$.")
    return write(path) if re.fullmatch(r"[\w@-]+(?:\.[\w@-]+|\[\d+\])*", path) else ""


_JAVA: Final = (
    ("yyyy", "%Y"), ("MMM", "%b"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"), ("mm", "%M"), ("ss", "%S"),
    ("SSS", "%f"), ("'T'", "T"), ("'Z'", "Z"), ("XXX", "%z"), ("Z", "%z"), ("a", "%p"),
)  # fmt: skip


def _stamp_format(value: str) -> str:
    """Java's letters, or a word for a unit."""
    words = r"(?:unix|epoch)?[_ -]?(?:time)?[_ -]?(ms|millis|milliseconds|us|micros|ns|nanos|s|sec|seconds)?"
    unit = re.fullmatch(words, value.lower())
    if value and unit:
        word = unit[1] or "s"
        return write({"mil": "ms", "mic": "us", "nan": "ns", "sec": "s"}.get(word[:3], word))
    if value.lower() in ("iso8601", "iso", "rfc3339", "iso-8601"):
        return "leave it out: that is read by itself"
    text, found = value, ""
    while text:
        letters = next(((java, ours) for java, ours in _JAVA if text.startswith(java)), None)
        java, ours = letters or (text[0], text[0])
        if letters is None and java.isalpha() and java != "T":
            return ""
        found += ours
        text = text[len(java) :]
    return write(f'"{found}"') if "%" in found else ""


def write(text: str) -> str:
    return f"write {text}" if text else ""


FORMS: Final = {
    "source": _source, "stamp_format": _stamp_format, "duration": _duration, "budget": _budget, "size": _size,
    "clock": _clock, "moment": _moment, "timezone": _timezone,
}  # fmt: skip
"""What gives the hint, by the name of the quantity; an empty text if nobody can say."""
