"""Schedules that are kept in a calendar file (iCalendar, RFC 5545): whose shift it is by the events of it.

Needs `pip install floodmark[calendars]`, which reads the form and unrolls what repeats.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from floodmark.config.models import Config

_MONTH: Final = 31 * 86400.0


class Shift(NamedTuple):
    person: str
    start: float
    end: float


class Calendar:
    """The events of a file. Raises ValueError, in words, if the text is no calendar."""

    def __init__(self, text: str) -> None:
        try:
            import icalendar  # noqa: PLC0415 - an extra
            import recurring_ical_events  # type: ignore[import-untyped]  # noqa: PLC0415
        except ImportError:
            raise ValueError("calendar files need `pip install floodmark[calendars]`") from None
        try:
            parsed = icalendar.Calendar.from_ical(text)
            self._events: Any = recurring_ical_events.of(parsed)
            self._known: tuple[float, float, list[Shift]] = (0.0, 0.0, [])
            self.shifts(0.0, 1.0)
        except Exception as error:  # noqa: BLE001 - whatever two libraries make of any text
            raise ValueError(f"it is no calendar file: {' '.join(str(error).split())[:200]}") from None

    def on_call(self, now: float) -> str | None:
        """Whose shift it is: of several that which began last."""
        since, until, shifts = self._known
        if not since <= now < until:
            since, until = now, now + _MONTH
            shifts = self.shifts(since, until)
            self._known = since, until, shifts
        held = [each for each in shifts if each.start <= now < each.end]
        return max(held, key=lambda each: each.start).person if held else None

    def shifts(self, since: float, until: float) -> list[Shift]:
        found = self._events.between(datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(until, UTC))
        return sorted((_shift(each) for each in found), key=lambda each: (each.start, each.person))


def read_calendars(config: Config, folder: Path) -> dict[str, Calendar]:
    """The calendar of each schedule that has one, by its name; relative paths are seen from the folder. Raises OSError
    and ValueError."""
    schedules = config.notify.schedules if config.notify is not None else {}
    return {
        name: Calendar((folder / each.ics).read_text(encoding="utf-8"))
        for name, each in schedules.items()
        if each.ics is not None
    }


def _shift(event: Any) -> Shift:
    start = event.start
    end = event.end
    if end == start and not isinstance(start, datetime):
        end = start + timedelta(days=1)
    return Shift(_person(event), _seconds(start), _seconds(end))


def _person(event: Any) -> str:
    attendees = event.get("ATTENDEE", [])
    attendees = attendees if isinstance(attendees, list) else [attendees]
    for each in attendees:
        return str(each).removeprefix("mailto:").removeprefix("MAILTO:").strip()
    return str(event.get("SUMMARY", "")).strip()


def _seconds(time: date | datetime) -> float:
    """A day, and a time without a zone, are taken as UTC."""
    if not isinstance(time, datetime):
        time = datetime(time.year, time.month, time.day, tzinfo=UTC)
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()


def names(calendar: Calendar, since: float, until: float) -> Iterable[str]:
    """Everybody who has a shift."""
    return dict.fromkeys(each.person for each in calendar.shifts(since, until))
