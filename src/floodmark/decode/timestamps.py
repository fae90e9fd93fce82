"""Times as producers write them, to float epoch seconds. Never guesses: a time without an offset is refused.

Two forms are understood:

- RFC 3339 text: any offset or Z, upper or lower case, "T" or a space between date and time, any number of digits
  of fraction, a leap second (taken as the second after :59). As programs print it, there may be a blank before the
  offset, which may be UTC or GMT, have hours only (+02), or be followed by the name of its zone, as Go does.
- A number, or its text, since the epoch, whose unit is told by its magnitude:

  ===================  ============  ======================
  magnitude            unit          span
  ===================  ============  ======================
  1e8  up to 1e11      seconds       March 1973 to year 5138
  1e11 up to 1e14      milliseconds  March 1973 to year 5138
  1e14 up to 1e17      microseconds  March 1973 to year 5138
  1e17 up to 1e20      nanoseconds   March 1973 to year 5138
  ===================  ============  ======================

Whatever the form, a time before 1e8 s (March 1973, so all of 1970 and anything negative) or from 2100 on is
implausible: one such event would drag the watermark of its partition to the end of time. The same holds for Kafka's own
time of a message, which a producer may set as it likes (`arrival`).

Results are rounded once, to the nearest float (steps of 0.24 µs in this century).
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from floodmark.decode.decoder import EventError
from floodmark.records import EARLIEST, LATEST, Record, arrival, bound

__all__ = ["EARLIEST", "LATEST", "arrival", "ended", "latest", "parse"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.(\d{0,40}))?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:)(\d\d)(?:[.,](\d{1,40}))?"
    r" ?(?:([Zz]|UTC|GMT)|([+-]\d\d(?::?\d\d)?)(?: (?:[A-Z]{1,6}|[+-]\d\d(?:\d\d)?))?(?: m=[+-][\d.]{1,40})?)",
    re.ASCII,
)
_NEVER: Final = ("0001-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00", "9999-12-31")
"""How times begin that say that there is none: Go's zero, the epoch, and the end of all days."""


def parse(value: str | int | float) -> float:
    """Epoch seconds of a timestamp. Raises EventError: `not_a_time` or `implausible_time`."""
    if isinstance(value, str):
        # The usual spelling takes the interpreter's C parser; all else, and anything it could misread, the pattern.
        size = len(value)
        zoned = (20 <= size <= 27 and value[-1] == "Z") or (
            25 <= size <= 32 and value[-6] in "+-" and value[-3] == ":" and value[19] in ".+-"
        )
        if zoned and value[10] == "T" and value[4] == value[7] == "-" and value[16] == ":":
            try:
                seconds = datetime.fromisoformat(value).timestamp()
            except ValueError:
                seconds = _rfc3339(value)
        elif _NUMBER.fullmatch(value):
            seconds = _text_number(value)
        else:
            seconds = _rfc3339(value)
    elif isinstance(value, int | float):
        seconds = _number(value)
    else:
        raise EventError("wrong_type", "the timestamp must be text or a number")
    if not EARLIEST <= seconds < LATEST:
        raise EventError("implausible_time", f"timestamp {_short(value)} is not between 1973 and 2100")
    return seconds


def ended(value: str | int | float | None) -> float:
    """Epoch seconds of an end; 0 if it says in some way that there is none yet: nothing, zero, the year 1 of Go, or a
    time that is not between 1973 and 2100. Raises EventError `not_a_time`."""
    if not value or (isinstance(value, str) and value.strip().startswith(_NEVER)):
        return 0.0
    try:
        return parse(value)
    except EventError as error:
        if error.error != "implausible_time":
            raise
        return 0.0


def latest(record: Record, ahead: float) -> float:
    """The latest plausible time of an event of the message, in epoch seconds: `ahead` seconds after it was here.
    Infinite if it is not known when that was."""
    known = [seconds for seconds in (record.timestamp / 1000, bound(record) / 1000) if EARLIEST <= seconds < LATEST]
    return max(known) + ahead if known else math.inf


def _number(value: int | float) -> float:
    size = abs(value)
    if size < 10**11:
        return float(value)
    if size < 10**14:
        return value / 1_000
    if size < 10**17:
        return value / 1_000_000
    if size < 10**20:
        return value / 1_000_000_000
    raise EventError("implausible_time", f"timestamp {_short(value)} is no time in seconds to nanoseconds")


def _text_number(text: str) -> float:
    try:
        return _number(int(text))
    except ValueError:
        return _number(float(text))


def _rfc3339(text: str) -> float:
    match = _RFC3339.fullmatch(text)
    if match is None:
        if len(text) >= 16 and text[:4].isdigit() and text[4] == "-" and _RFC3339.fullmatch(text + "Z"):
            raise EventError("not_a_time", f"timestamp {_short(text)} has no offset; end it with Z or one like +01:00")
        raise EventError(
            "not_a_time",
            f"timestamp {_short(text)} is neither RFC 3339 (2026-01-31T12:00:00Z) nor a number since the epoch",
        )
    date, minute, second, fraction, zulu, offset = match.groups()
    leap = second == "60"
    try:
        moment = datetime.fromisoformat(f"{date}T{minute}{'59' if leap else second}{'+00:00' if zulu else offset}")
        whole = (moment - _EPOCH) // _SECOND + leap
    except (ValueError, OverflowError) as error:
        raise EventError("not_a_time", f"timestamp {_short(text)} is not a real time: {error}") from None
    if not fraction:
        return float(whole)
    scale = int("1" + "0" * len(fraction))
    return (whole * scale + int(fraction)) / scale  # integers, so that it is rounded once


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**40 else "(more than 40 digits)"
    return text if len(text) <= 60 else text[:57] + "…"
