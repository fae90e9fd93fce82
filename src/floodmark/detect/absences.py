"""What it means that a series has been silent: it has ended, it rests as is its habit, or somebody should be told.

A series whose kind goes on in siblings has ended, as a pod does that is replaced. One that is usually silent at this
time of day is given until it usually comes back. It must never open or close an alarm.
"""

from __future__ import annotations

import math
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
_TOGETHER: Final = 300.0
"""Seconds within which series that are first heard were there before: it is we who came."""
_PAUSES: Final = 4
"""Pauses of its kind for which a series that has ended is remembered."""
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
        if self.ended(watched, due):
            return True
        if watched.absent(watched.last) is not None:  # it has been waited for
            return False
        back, late = usual_return(watched.silences, watched.last), _LATE + due - watched.last
        pause = self._pause(watched)
        until = max(back + late if back is not None else due, watched.last + 2 * pause)
        if until <= due:
            return False
        self._counts["held:hours"] += 1
        watched.absence = Absence(watched.last, until, False, True)
        return True

    def told(self, watched: Watched, due: float) -> None:
        """The silence has been told: it is looked at again while it may turn out that the series has ended."""
        again = kind(watched.series) is not None
        watched.absence = Absence(watched.last, due + _AGAIN, False, True) if again else None

    def ended(self, watched: Watched, due: float) -> bool:
        """Whether the series has ended, or one whose silence was told has turned out to: its kind goes on."""
        mine = kind(watched.series)
        if mine is None or not self._ended(watched, mine, due):
            return False
        self._counts["ended"] += 1
        # As long as its successors last, it says how long its kind may pause.
        births = [each.born for each in self._siblings(watched, mine) if each.born > watched.last]
        kept = max(watched.detector.adopt, _PAUSES * (min(births) - watched.last) if births else 0.0)
        watched.absence = Absence(watched.last, max(due, watched.last + kept), True, False)
        return True

    def give_up(self, watched: Watched) -> None:
        """Its silence was told for long enough. Its return would still say something, of its hours; but whose name was
        made up does not return."""
        self._counts["forgotten:stale"] += 1
        mine = kind(watched.series)
        watched.absence = Absence(watched.last, watched.last + _KEPT, True, mine is None or not mine.fleeting)

    def _ended(self, watched: Watched, mine: Kind, due: float) -> bool:
        """Whether it has ended as its kind does, and is not missed."""
        if mine.finite:
            return True
        siblings = self._siblings(watched, mine)
        if mine.fleeting and any(each.born > watched.last for each in siblings):  # one that came since: it is judged
            return True
        alive = [each for each in siblings if self._goes_on(each, watched, due)]
        if any(renewed(watched.series, each.series) for each in alive):
            return True
        came = max(watched.last - _BEFORE, watched.born + _TOGETHER)
        replaced = any(each.born >= came for each in alive)
        if not mine.fleeting or replaced:
            return replaced
        return bool(alive) and not any(_ordinal(each) > _ordinal(watched) for each in alive)

    def _siblings(self, watched: Watched, of: Kind) -> list[Watched]:
        series = self._watchlist.series
        return [series[key] for key in self._watchlist.kin.siblings(watched.series, of)]

    def _goes_on(self, other: Watched, watched: Watched, due: float) -> bool:
        """Whether a sibling was heard after it, and still is."""
        _, own = self._watchlist.pulse(watched)
        last, interval = self._watchlist.pulse(other)
        return last > watched.last + own and last >= due - _ALIVE * max(interval, own)

    def _pause(self, watched: Watched) -> float:
        """The longest pause that its kind has made between one that came and went and the next, as a job does that is
        run each hour; 0 if it did so less than twice."""
        mine = kind(watched.series)
        if mine is None or not mine.fleeting:
            return 0.0
        pauses: list[float] = []
        end = math.inf
        for each in sorted([watched, *self._siblings(watched, mine)], key=lambda each: each.born):
            last, interval = self._watchlist.pulse(each)
            if each.born - end > _ALIVE * interval:
                pauses.append(each.born - end)
            end = last if end == math.inf else max(end, last)
        return max(pauses) if len(pauses) > 1 else 0.0


def _ordinal(watched: Watched) -> int:
    mine = kind(watched.series)
    return mine.ordinal if mine is not None and mine.ordinal is not None else 0
