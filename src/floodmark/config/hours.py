"""Hours that come again every week, by the clocks of a place. Pure.

A day of the clocks may have 23 or 25 hours. Hours that the clocks leave out begin when the clocks have jumped; of those
that they have twice, the first counts as a beginning and the last as an end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from floodmark.config.notify import DAYS, Hours

_DAYS_AHEAD: Final = 8


def wall(day: date, seconds: float, zone: ZoneInfo, fold: int = 0) -> float:
    """Epoch seconds of a time of day by the clocks of a zone; seconds may be a whole day and more."""
    whole = day + timedelta(days=int(seconds // 86400))
    rest = int(seconds % 86400)
    there = datetime(whole.year, whole.month, whole.day, rest // 3600, rest % 3600 // 60, rest % 60, tzinfo=zone)
    return there.replace(fold=fold).timestamp()


def windows(hours: Hours, now: float, default: str, ahead: int = _DAYS_AHEAD) -> Iterator[tuple[float, float]]:
    """When the hours begin and end, from the one that may go on now to those of the next days."""
    zone = ZoneInfo(hours.timezone or default)
    today = datetime.fromtimestamp(now, zone).date()
    length = hours.to if hours.to > hours.from_ else hours.to + 86400.0
    for ago in range(-2, ahead):
        day = today + timedelta(days=ago)
        if DAYS[day.weekday()] in hours.days:
            yield wall(day, hours.from_, zone), wall(day, length, zone, fold=1)


def ends(hours: Iterable[Hours], now: float, default: str = "UTC") -> float | None:
    """When the hours that it is in are over; None if it is in none. Hours that follow at once count as the same."""
    sides = sorted(side for each in hours for side in windows(each, now, default))
    until: float | None = None
    for start, end in sides:
        if start <= (now if until is None else until) and end > (now if until is None else until):
            until = end
    return until


def begins(hours: Sequence[Hours], now: float, default: str = "UTC") -> float:
    """When it is next in one of the hours: now, if it is or there are none."""
    if not hours or ends(hours, now, default) is not None:
        return now
    return min((start for each in hours for start, _ in windows(each, now, default) if start > now), default=now)
