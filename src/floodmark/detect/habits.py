"""The hours of a series: what its long silences and its alarms so far say of what is odd now.

A shop sends nothing at night. That is learned from silences of hours, each of which was told or expected: once two of
them began at this time of day, the series rests until it usually comes back. A silence in its hours is told as ever.

And load begins at nine. A season cannot be learned while its edges alarm each day, for the points of an alarm are not
learned. So what an alarm has told on two of the last days, at this time of day, in this direction and as far, is usual.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from floodmark.alerts import Direction

Silence = tuple[float, float]
"""From the last point before it to the first one after it, epoch seconds."""

LONG: Final = 4 * 3600.0
"""Seconds of silence, at least, that say something of the hours of a series. Shorter ones say how regular it is."""
_DAY: Final = 86_400.0
_AROUND: Final = 3600.0
"""Seconds within which two silences begin at the same time of day; clocks are changed by as much."""
_MOST: Final = 14
_MEMORY: Final = 15 * _DAY
_ENOUGH: Final = 2
"""Silences at this time of day before they are a habit."""
_RANDOM: Final = 3
"""So many silences, this one at no usual time: it is not a matter of hours."""
_DAYS: Final = 4
"""Days back that say what is usual of a value: from a Monday to the Thursday before."""
_EDGE: Final = 1800.0
"""Seconds by which an edge may come earlier or later than on other days."""
_FARTHER: Final = 0.1
"""Share of what its values reached on those days, by which one may be beyond them."""
_EPISODES: Final = 12


class Episode(NamedTuple):
    """A series was odd from `start` to `end`, in one direction; its values, and what was expected of the first, were
    within `low` and `high`. `usual`: nobody was told."""

    start: float
    end: float
    direction: Direction
    low: float
    high: float
    usual: bool = False

    def reaches(self, value: float) -> bool:
        return self.low - _FARTHER * (self.high - self.low) <= value <= self.high + _FARTHER * (self.high - self.low)


def with_episode(episodes: tuple[Episode, ...], new: Episode) -> tuple[Episode, ...]:
    """Those that are kept with one more, which may be the newest as it goes on."""
    before = episodes[-1] if episodes else new
    if before is not new and before.start == new.start:
        episodes = episodes[:-1]
    return (*episodes, new)[-_EPISODES:]


def usual(episodes: tuple[Episode, ...], time: float, value: float, direction: Direction) -> Episode | None:
    """The episode that an odd value belongs to if it was so on two of the last days, at this time of day and as far, or
    if such an episode still goes on; else None."""
    now = episodes[-1] if episodes else None
    if now is not None and now.usual and now.direction == direction and time - now.end <= _EDGE and now.reaches(value):
        return now._replace(end=time)
    alike = [
        (days, each)
        for days in range(1, _DAYS + 1)
        for each in episodes
        if each.direction == direction and each.start - _EDGE <= time - days * _DAY <= each.end + _EDGE
    ]
    if direction == "none" or len({days for days, _ in alike}) < _ENOUGH:
        return None
    low, high = min(each.low for _, each in alike), max(each.high for _, each in alike)
    found = Episode(time, time, direction, low, high, usual=True)
    return found if found.reaches(value) else None


def with_silence(silences: tuple[Silence, ...], last: float, back: float) -> tuple[Silence, ...]:
    """Those that are kept once the series, silent since `last`, is back."""
    return (*(each for each in silences if last - each[0] <= _MEMORY), (last, back))[-_MOST:]


def has_hours(silences: tuple[Silence, ...], last: float) -> bool:
    """Whether a silence that began at `last` may be a matter of hours: it has begun at this time of day before, or too
    little is known."""
    return len(silences) < _RANDOM or bool(_alike(silences, last))


def usual_return(silences: tuple[Silence, ...], last: float) -> float | None:
    """When a series that is silent since `last` is usually back; None if it has no habit of being silent now.

    The latest time of day of those silences, but for one that went on longer than all others. On the day of the week
    on which it was longer a week ago (a weekend) it may be so again.
    """
    alike = _alike(silences, last)
    if len(alike) < _ENOUGH:
        return None
    backs = sorted((back - start) % _DAY + start + days * _DAY for days, start, back in alike)
    weekly = [back + days * _DAY for days, _, back in alike if not days % 7]
    return max([backs[-2 if len(backs) > _ENOUGH else -1], *weekly])


def _alike(silences: tuple[Silence, ...], last: float) -> list[tuple[int, float, float]]:
    """Of the silences that began at this time of day on an earlier one: how many days ago, and from when to when."""
    found = []
    for start, back in silences:
        days = round((last - start) / _DAY)
        if days >= 1 and abs(last - start - days * _DAY) <= _AROUND and last - start <= _MEMORY:
            found.append((days, start, back))
    return found
