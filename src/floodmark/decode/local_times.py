"""Times without an offset, or without a year too, told by the time at which Kafka has the message.

Such a time is a wall clock somewhere, and the message was on its way for a while. The rule: the year is the one that
brings it nearest to Kafka's time (so December's lines that come in January are of the old year). The offset is the
one, in half hours from -12:00 to +14:00, that makes the message between 5 minutes ahead of Kafka's time and 25 minutes
old. If no such offset does, the message is older than that, and its clock is taken for UTC. So a line that was held up
for more than 25 minutes can be told wrong by half hours: senders that buffer should send an offset.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime
from typing import Final

from floodmark.decode.decoder import EventError

_HALF_HOUR: Final = 1800.0
_AHEAD: Final = 300.0
_EAST: Final = 14 * 3600.0
_WEST: Final = -12 * 3600.0
_MONTHS: Final = {name: i for i, name in enumerate(calendar.month_abbr)}
_BSD = re.compile(
    r"([*.;])?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:(\d{4}) )?"
    r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}(\d{1,2})(?: (\d{4}))? (\d\d):(\d\d):(\d\d)"
    r"(?:[.,](\d{1,9}))?(?: ((?:19|20)\d\d)(?=:? |:?\Z))?"
    r"(?: ?(Z|UTC|GMT)(?=[ :]|\Z)| ?([+-]\d\d:?\d\d)(?=[ :]|\Z)"
    r"| (?:WES?T|CES?T|MES?T|EES?T|MSK|BST|IST|SAST|BRT|ART|[AECMPH]K?[SD]T|JST|KST|HKT|SGT|A[CEW][SD]T|NZ[SD]T)"
    r"(?=[ :]|\Z))?",
    re.ASCII,
)
_UNSET: Final = 86_400.0
"""Seconds from Kafka's time beyond which a device's clock that says it is not set is not believed."""


def bsd_time(text: str, arrival: float | None) -> tuple[float, int] | None:
    """Epoch seconds of a text that begins with "Nov 23 02:40:00" (RFC 3164), and how long that is; None if it does not.

    So it is with what devices add: a mark before it, the year, a fraction, a zone. Of zones UTC and offsets are taken
    at their word; other names mean one thing here and another there. A time marked `*` is of a clock that was never
    set: Kafka's is taken if it is not near. `arrival`: Kafka's time, epoch seconds. Raises EventError if that is needed
    and not known, or if there is no such day.
    """
    match = _BSD.match(text)
    if match is None:
        return None
    mark, first, month, day, year, hour, minute, second, fraction, last, utc, offset = match.groups()
    year = first or year or last
    exact = utc or offset
    if arrival is None and not (year and exact):
        raise _unplaced(match[0])
    now = datetime.fromtimestamp(arrival or 0, UTC)
    years = (int(year),) if year else (now.year - 1, now.year, now.year + 1)
    moments = []
    for each in years:
        try:
            moment = datetime(each, _MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC)
        except ValueError:  # 29 February, mostly
            continue
        moments.append(moment.timestamp())
    if not moments:
        raise EventError("not_a_time", f"{match[0]!r} is not a real time")
    clock = min(moments, key=lambda seconds: abs(seconds - (arrival or 0)))
    if offset:
        clock -= _seconds(offset)
    time = clock if exact or arrival is None else zoned(clock, arrival)
    if mark == "*" and arrival is not None and abs(time - arrival) > _UNSET:
        return arrival, match.end()
    return time + (float(f"0.{fraction}") if fraction else 0.0), match.end()


def _seconds(offset: str) -> float:
    sign = -1 if offset[0] == "-" else 1
    return sign * (int(offset[1:3]) * 3600.0 + int(offset[-2:]) * 60.0)


def local_time(text: str, arrival: float | None) -> float:
    """Epoch seconds of an ISO 8601 text without an offset. Raises EventError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise EventError("not_a_time", f"timestamp {text[:60]!r} is not a time") from None
    if moment.tzinfo is not None:
        return moment.timestamp()
    if arrival is None:
        raise _unplaced(text)
    clock = moment.replace(tzinfo=UTC).timestamp()
    return zoned(clock, arrival)


def zoned(clock: float, arrival: float) -> float:
    """Epoch seconds of a wall clock, which is given as if it were UTC."""
    offset = (arrival + _AHEAD - clock) // _HALF_HOUR * -_HALF_HOUR
    return clock - offset if _WEST <= offset <= _EAST else clock


def _unplaced(text: str) -> EventError:
    words = f"time {text[:60]!r} has no offset, and Kafka's time of the message, which would tell it, is not known"
    return EventError("not_a_time", words)
