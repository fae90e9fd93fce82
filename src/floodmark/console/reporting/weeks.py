"""Weeks as ISO 8601 has them: from Monday to Sunday, by UTC, named like 2026-W48."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

_NAMED: Final = re.compile(r"(\d{4})-?W(\d{1,2})")
_LENGTH: Final = timedelta(days=7)


class Week(NamedTuple):
    """A week: its name, and from when until when."""

    name: str
    start: datetime
    end: datetime

    def holds(self, time: datetime) -> bool:
        return self.start <= time < self.end

    def before(self) -> Week:
        return week_of(self.start - _LENGTH)

    def said(self) -> str:
        """The week in words: "week 48 of 2026, 23 to 29 November, by UTC"."""
        year, number, _ = self.start.isocalendar()
        last = self.end - timedelta(days=1)
        first = f"{self.start.day} {self.start:%B}" if self.start.month != last.month else f"{self.start.day}"
        if self.start.year != last.year:
            first += f" {self.start.year}"
        return f"week {number} of {year}, {first} to {last.day} {last:%B} {last.year}, by UTC"


def week_of(time: datetime) -> Week:
    """The week in which a time lies."""
    time = time.astimezone(UTC)
    year, number, day = time.isocalendar()
    start = datetime(time.year, time.month, time.day, tzinfo=UTC) - timedelta(days=day - 1)
    return Week(f"{year}-W{number:02}", start, start + _LENGTH)


def week_named(name: str) -> Week:
    """The week of this name. Raises ValueError."""
    found = _NAMED.fullmatch(name.strip())
    try:
        if found is None or not 1971 <= int(found[1]) <= 2999:
            raise ValueError
        return week_of(datetime.fromisocalendar(int(found[1]), int(found[2]), 1).replace(tzinfo=UTC))
    except ValueError:
        raise ValueError(f"{name[:40]!r} is no week: write it like 2026-W48") from None
