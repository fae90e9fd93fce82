"""What it means that a series has been silent: it has ended, it rests as is its habit, or somebody should be told.

A series whose kind goes on in siblings has ended, as a pod does that is replaced. One that is usually silent at this
time of day is given until it usually comes back. It must never open or close an alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from floodmark.detect.habits import usual_return
from floodmark.detect.kin import Kind, kind, renewed
from floodmark.detect.watched import Absence, Watched
from floodmark.detect.watchlist import Watchlist

_AGAIN: Final = 120.0
"""Seconds after which it is looked again whether the kind of a series that was told to be silent goes on."""
_ALIVE: Final = 3.0
"""Intervals since its last point for which a series counts as one that goes on."""
_BEFORE: Final = 1800.0
"""Seconds by which whoever takes its place may have come before it went."""
_LATE: Final = 1800.0
"""Seconds by which a series may come back later than it usually does, beside the silence that makes any stale."""
_KEPT: Final = 4 * 86_400.0
"""Seconds for which a series that was told to be silent is remembered: as long as a weekend with holidays."""


class Absences:
    """Judges silences; holds counters only, for what it decides is kept with the series."""

    def __init__(self, watchlist: Watchlist) -> None:
        self._watchlist = watchlist
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def accepts(self, watched: Watched, due: float) -> bool:
        """Whether nobody is told of the silence that makes a series stale at `due`; then its absence says why."""
        before = watched.absent(watched.last)
        if before is None and self._ended(watched, due):
            self._counts["ended"] += 1
            watched.absence = Absence(watched.last, max(due, watched.last + watched.detector.adopt), True, False)
            return True
        back = usual_return(watched.silences, watched.last) if before is None else None
        until = (back or 0.0) + _LATE + due - watched.last
        if back is not None and until > due:
            self._counts["held:hours"] += 1
            watched.absence = Absence(watched.last, until, False, True)
            return True
        return False

    def told(self, watched: Watched, due: float) -> None:
        """The silence has been told: it is looked at again while it may turn out that the series has ended."""
        again = kind(watched.series) is not None
        watched.absence = Absence(watched.last, due + _AGAIN, False, True) if again else None

    def ended(self, watched: Watched, due: float) -> bool:
        """Whether a series whose silence was told has turned out to have ended: its kind goes on again."""
        if not self._ended(watched, due):
            return False
        self._counts["ended"] += 1
        watched.absence = Absence(watched.last, max(due, watched.last + watched.detector.adopt), True, False)
        return True

    def give_up(self, watched: Watched) -> None:
        """Its silence was told for long enough. Its return would still say something, of its hours."""
        self._counts["forgotten:stale"] += 1
        watched.absence = Absence(watched.last, watched.last + _KEPT, True, True)

    def _ended(self, watched: Watched, due: float) -> bool:
        """Whether it has ended as its kind does, and is not missed."""
        mine = kind(watched.series)
        if mine is None:
            return False
        if mine.finite:
            return True
        alive = self._alive(watched, mine, due)
        if any(renewed(watched.series, each.series) for each in alive):
            return True
        replaced = any(each.born >= watched.last - _BEFORE for each in alive)
        if not mine.fleeting or replaced:
            return replaced
        return bool(alive) and not any(_ordinal(each) > _ordinal(watched) for each in alive)

    def _alive(self, watched: Watched, of: Kind, due: float) -> list[Watched]:
        """Its siblings that have gone on after it, and still do."""
        series, found = self._watchlist.series, []
        _, own = self._watchlist.pulse(watched)
        for key in self._watchlist.kin.siblings(watched.series, of):
            other = series[key]
            last, interval = self._watchlist.pulse(other)
            if last > watched.last + own and last >= due - _ALIVE * max(interval, own):
                found.append(other)
        return found


def _ordinal(watched: Watched) -> int:
    mine = kind(watched.series)
    return mine.ordinal if mine is not None and mine.ordinal is not None else 0
