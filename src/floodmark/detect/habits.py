"""The hours of a series: what its long silences so far say of the one that has begun.

A shop sends nothing at night. That is learned from silences of hours, each of which was told or expected: once two of
them began at this time of day, the series rests until it usually comes back. A silence in its hours is told as ever. It
must never read a clock or the series' values.
"""

from __future__ import annotations

from typing import Final

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
