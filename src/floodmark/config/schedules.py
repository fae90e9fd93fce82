"""Who is on call: a pure function of a schedule, the time, and who stands in for whom.

Turns change at a time of day by the clocks of the schedule, so that a week with a change of the clocks has 167 or 169
hours and the handoff stays at nine. Between two handoffs nobody comes back: of an hour that the clocks have twice, the
first counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from floodmark.config.calendars import Calendar, Shift
from floodmark.config.hours import ends, wall
from floodmark.config.notify import DAYS, Hours, Layer, Schedule
from floodmark.config.quantities import clock

_DAY: Final = 86400.0
_EPOCH: Final = date(2024, 1, 1)
"""A Monday."""
_GRAIN: Final = 900.0
"""Seconds between two looks for a gap: nobody changes turns more often than on the quarter of an hour."""


class Standin(Struct, omit_defaults=True):
    """Somebody who is on call in place of whom the schedule names."""

    schedule: str
    person: str
    since: float
    until: float


class Rotation(NamedTuple):
    """People who take turns, of one layer."""

    people: tuple[str, ...]
    every: float
    start: float | None
    handoff: str | None
    hours: tuple[Hours, ...]


def rotations(schedule: Schedule) -> Iterator[Rotation]:
    """Those of a schedule, the last one that has somebody goes."""
    if schedule.rotation:
        yield _rotation(schedule, ())
    for layer in schedule.layers:
        yield _rotation(layer, tuple(layer.hours))


def _rotation(turns: Schedule | Layer, hours: tuple[Hours, ...]) -> Rotation:
    handoff = turns.handoff if turns.start is None or "handoff" in turns.model_fields_set else None
    return Rotation(tuple(turns.rotation), turns.every, turns.start, handoff, hours)


def on_call(
    schedule: Schedule, now: float, standins: Iterable[Standin] = (), calendar: Calendar | None = None
) -> str | None:
    """Who is on call; None: nobody. Of those who stand in, the last one goes; then those of the config."""
    found = [each.person for each in standins if each.since <= now < each.until]
    found = found[-1:] or [each.person for each in schedule.overrides if each.from_ <= now < each.to][-1:]
    if found:
        return found[0]
    if calendar is not None:
        return calendar.on_call(now)
    for rotation in reversed(list(rotations(schedule))):
        if rotation.hours and ends(rotation.hours, now, schedule.timezone) is None:
            continue
        if (person := _turn(rotation, schedule.timezone, now)[0]) is not None:
            return person
    return None


def next_handoff(schedule: Schedule, now: float) -> float:
    """When turns change next; a week from now if nobody takes turns."""
    changes = [_turn(each, schedule.timezone, now)[1] for each in rotations(schedule)]
    return min(changes, default=now + 7 * _DAY)


def gaps(schedule: Schedule, now: float, calendar: Calendar | None = None, days: int = 30) -> list[tuple[float, float]]:
    """When nobody is on call, in the days to come."""
    until = now + days * _DAY
    if calendar is not None:
        here = [Shift(o.person, o.from_, o.to) for o in schedule.overrides]
        return _between(sorted((s.start, s.end) for s in (*calendar.shifts(now, until), *here)), now, until)
    found: list[tuple[float, float]] = []
    if any(not each.hours and (each.start or 0.0) <= now for each in rotations(schedule)):
        return found
    at = now - now % _GRAIN
    while at < until:
        if on_call(schedule, max(at, now)) is None:
            start = found.pop()[0] if found and found[-1][1] >= at else max(at, now)
            found.append((start, min(at + _GRAIN, until)))
        at += _GRAIN
    return found


def first_handoff(text: str) -> tuple[date, float]:
    """The first day of 2024 on which turns change, and the seconds of that day. Raises ValueError in words."""
    words = text.lower().split()
    day = words[0][:3] if len(words) == 2 else "mon"
    try:
        if len(words) in (1, 2) and day in DAYS:
            return _EPOCH + timedelta(days=DAYS.index(day)), clock(words[-1])
    except ValueError:
        pass
    raise ValueError(f"{text!r} is not a handoff; write it like mon 09:00, or 09:00 for daily turns")


def _turn(rotation: Rotation, timezone: str, now: float) -> tuple[str | None, float]:
    """Whose turn it is, and until when."""
    if rotation.start is not None and now < rotation.start:
        return None, rotation.start
    zone = ZoneInfo(timezone)
    day, seconds = _beginning(rotation.start, rotation.handoff, timezone)
    if rotation.every % _DAY:  # turns of hours are counted, whatever the clocks do
        number = int((now - wall(day, seconds, zone)) // rotation.every)
        until = wall(day, seconds, zone) + (number + 1) * rotation.every
    else:
        length = max(1, int(rotation.every // _DAY))
        number = (datetime.fromtimestamp(now, zone).date() - day).days // length
        if wall(day + timedelta(days=number * length), seconds, zone) > now:
            number -= 1
        until = wall(day + timedelta(days=(number + 1) * length), seconds, zone)
    return rotation.people[number % len(rotation.people)], until


@lru_cache(maxsize=1000)
def _beginning(start: float | None, handoff: str | None, timezone: str) -> tuple[date, float]:
    """The day of the first handoff, and the seconds of that day."""
    if start is None:
        return first_handoff(handoff or "mon 09:00")
    there = datetime.fromtimestamp(start, ZoneInfo(timezone))
    if handoff is None:
        return there.date(), there.hour * 3600.0 + there.minute * 60 + there.second
    day, seconds = first_handoff(handoff)
    back = (there.date() - day).days % (7 if " " in handoff.strip() else 1)
    first = there.date() - timedelta(days=back)
    if wall(first, seconds, ZoneInfo(timezone)) > start:
        first -= timedelta(days=7 if " " in handoff.strip() else 1)
    return first, seconds


def _between(shifts: list[tuple[float, float]], now: float, until: float) -> list[tuple[float, float]]:
    found, at = [], now
    for start, end in shifts:
        if start > at:
            found.append((at, min(start, until)))
        at = max(at, end)
    return [*found, (at, until)] if at < until else found
