"""When silence means something: the deadlines of series, in event time.

An open alarm without further points is over, a metric that has stopped coming is stale, and one that stays so is
forgotten. It must never open or close an alarm itself: it says which deadlines have passed.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from floodmark.detect.schedules import Schedules
from floodmark.detect.watched import Watched
from floodmark.detect.watchlist import Watchlist, matches

_STALE_INTERVALS: Final = 5.0
"""Intervals without a point, at least, before a series is stale; its own longest gap counts double."""
_STALE_SECONDS: Final = 60.0
"""No shorter silence makes a series stale."""
_SPORADIC: Final = 0.03
"""Where a larger share of points comes late, silence means nothing."""

_Entry = tuple[float, str]
DeadlinesState = tuple[list[_Entry], float]


class Deadlines:
    """One deadline for each series that has one. Where it was moved, the old entry stays until it has passed.

    `resumed`: the whole stream stood still until then.
    """

    def __init__(self, watchlist: Watchlist, schedules: Schedules) -> None:
        """`schedules`: when silence is not told; it is later, if it lasts."""
        self._watchlist = watchlist
        self._schedules = schedules
        self._counts: Counter[str] = Counter()
        self._heap: list[_Entry] = []
        self.resumed = float("-inf")

    def state(self) -> DeadlinesState:
        return self._heap, self.resumed

    def restore(self, state: DeadlinesState) -> None:
        self._heap, self.resumed = state

    def set(self, watched: Watched) -> None:
        """Set the deadline that the series now has."""
        watched.due = self._free(watched, self._of(watched))
        if watched.due is not None:
            heapq.heappush(self._heap, (watched.due, watched.series.key))
        if watched.slot >= 0:
            self._watchlist.bank.scheduled(watched.slot, watched.due is not None)

    def set_earlier(self, watched: Watched) -> None:
        """Other settings hold: set the deadline if it is earlier now. A later one is seen when the old one passes."""
        due = self._free(watched, self._of(watched))
        if due is not None and (watched.due is None or due < watched.due):
            self.set(watched)

    def passed(self, watermark: float) -> Iterator[tuple[Watched, float]]:
        """The series whose deadline is at `watermark` or before it, and the deadline, in order.

        The caller sets a new one, or removes the series, before it asks for the next.
        """
        if lifted := self._schedules.lifted():
            for each in self._watchlist.series.values():
                if each.due is not None and any(matches(window.match, each.series) for window in lifted):
                    self.set_earlier(each)
        self._postpone(watermark)
        while self._heap and self._heap[0][0] <= watermark:
            entry = heapq.heappop(self._heap)
            watched = self._current(entry)
            if watched is None:
                continue
            meant = self._of(watched)
            due = self._free(watched, meant)
            if due is not None and due <= watermark:
                yield watched, due
                continue
            if meant is not None and meant <= watermark:
                self._counts[f"held:{self._schedules.why(watched.series, watched.detector, meant)}"] += 1
            self.set(watched)

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def _current(self, entry: _Entry) -> Watched | None:
        """The series, unless it has gone or its deadline is another one now."""
        time, key = entry
        watched = self._watchlist.series.get(key)
        return watched if watched is not None and watched.due == time else None

    def _postpone(self, watermark: float) -> None:
        """Of the deadlines that are due, move on those of series in the bank that have been heard since: all at once,
        because these are nearly all. The rest stay as they are, in their order."""
        due: list[_Entry] = []
        banked: list[Watched] = []
        heap = self._heap
        while heap and heap[0][0] <= watermark:
            entry = heapq.heappop(heap)
            while heap and heap[0] == entry:  # set twice for the same time
                heapq.heappop(heap)
            watched = self._current(entry)
            if watched is None:
                continue
            if watched.out is None:
                banked.append(watched)
            else:
                due.append(entry)
        if banked:
            _, interval, last, gap, late = self._watchlist.bank.pulses([watched.slot for watched in banked])
            ends = _stale_at(last, interval, gap, self.resumed)
            heard = (ends > watermark) & (late <= _SPORADIC)
            for watched, end, moves in zip(banked, ends.tolist(), heard.tolist(), strict=True):
                if moves:
                    watched.due = end
                    heapq.heappush(heap, (end, watched.series.key))
                else:
                    due.append((watched.due or 0.0, watched.series.key))
        for entry in due:
            heapq.heappush(heap, entry)

    def _free(self, watched: Watched, due: float | None) -> float | None:
        """The deadline, or when it may be told of if that is later. An open alarm ends at any time."""
        if due is None or watched.alarm is not None:
            return due
        return self._schedules.free(watched.series, watched.detector, due)

    def _of(self, watched: Watched) -> float | None:
        """When further silence means something; None: never."""
        alarm, detector, absence = watched.alarm, watched.detector, watched.absence
        if alarm is not None:
            if alarm.stale:
                gone = min(watched.last + detector.adopt, alarm.tell_at)
                return gone if absence is None else min(gone, absence.until)
            return alarm.last_odd + watched.quiet + (watched.interval if watched.model.seen else 0.0)
        if watched.series.signal != "metric" or "stale" not in detector.heads:
            return None
        if watched.out is None:
            pulse = self._watchlist.bank.pulses([watched.slot])
            seen, interval, last, gap, late = (column.item() for column in pulse)
        else:
            seen, interval = watched.out.seen, watched.out.interval
            last, gap, late = watched.last, watched.gap, watched.sporadic.value
        expected = watched.absent(last)
        if expected is not None:
            return expected.until
        if seen < detector.warmup or late > _SPORADIC:
            return None
        return float(_stale_at(last, interval, gap, self.resumed))


def _stale_at(last: Any, interval: Any, gap: Any, resumed: float) -> Any:
    """When a series is stale that has been silent since `last`, or since the stream went on; numbers or arrays."""
    silence = np.maximum(_STALE_INTERVALS * np.maximum(interval, 1.0), 2 * gap)
    return np.maximum(last, resumed) + np.maximum(silence, _STALE_SECONDS)
