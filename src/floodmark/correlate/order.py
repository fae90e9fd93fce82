"""Puts the items of many detect tasks into one event-time order, behind the smallest of their watermarks.

This is what makes an incident independent of how partitions interleave (law 6): items wait here until no task can
send an older one, and leave by (time, kind, onset, id). It never drops an item and never reads a clock; what is late
is said to be late, and what the bound of the buffer forces out early is counted.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from floodmark.alerts import Anomaly, ChangeNotice, Dependencies, Watermark

BUFFER = 50_000
"""Most items that wait. Evidence is not kept, so an item takes about a kilobyte."""
TASKS = 10_000
"""Most detect tasks that are waited for."""

Item = Anomaly | ChangeNotice | Dependencies

_KINDS = {"opened": 1, "updated": 2, "closed": 3}
_TICK = 0.001  # times on the wire are whole milliseconds


class Stamp(NamedTuple):
    """Where an item belongs. `time` is when it became known in event time: `updated_at` of an anomaly.

    At one time, changes come before the anomalies that they may have caused, openings before updates and those before
    closings; what was learned of who calls whom is last; then the earlier onset. `arrival` only parts exact duplicates.
    """

    time: float
    kind: int
    onset: float
    id: str
    arrival: int


class _Said(Struct):
    time: float
    tasks: int
    idle: bool


class EventOrder:
    """Buffer and watermarks of one partition of the anomalies topic."""

    def __init__(self, capacity: int = BUFFER) -> None:
        self.passed = -math.inf
        """Everything older than this has been handled; what still comes from before is late."""
        self.forced = 0
        """Items that left before the watermark reached them, because the buffer was full."""
        self.backwards = 0
        """Watermarks below an earlier one of the same task; the earlier one stays."""
        self.forgotten = 0
        """Tasks that are no longer waited for since the number of tasks shrank."""
        self._capacity = capacity
        self._waiting: list[tuple[Stamp, Item]] = []
        self._newest = -math.inf
        self._arrivals = 0
        self._said: dict[str, _Said] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def tasks(self) -> int:
        """How many detect tasks are known."""
        return len(self._said)

    def state(self) -> object:
        return self.passed, self._waiting, self._newest, self._arrivals, self._said

    def restore(self, state: tuple[float, list[tuple[Stamp, Item]], float, int, dict[str, _Said]]) -> None:
        """Go on from what `state` gave; what a smaller buffer does not hold leaves with the next item."""
        self.passed, self._waiting, self._newest, self._arrivals, self._said = state

    def stamp(self, item: Item) -> Stamp:
        """The item's place in event time."""
        self._arrivals += 1
        if isinstance(item, ChangeNotice):
            time = item.time.timestamp()
            return Stamp(time, 0, time, item.id, self._arrivals)
        if isinstance(item, Dependencies):
            time = item.time.timestamp()
            return Stamp(time, 4, time, item.task, self._arrivals)
        onset = item.started_at.timestamp()
        time = max(item.updated_at.timestamp(), onset)
        return Stamp(time, _KINDS[item.event], onset, item.id, self._arrivals)

    def push(self, stamp: Stamp, item: Item) -> Iterator[tuple[Stamp, Item]]:
        """Keep an item that is not late; yield the oldest ones if that is more than the buffer holds."""
        heapq.heappush(self._waiting, (stamp, item))
        self._newest = max(self._newest, stamp.time)
        while len(self._waiting) > self._capacity:
            self.forced += 1
            first = heapq.heappop(self._waiting)
            self.passed = max(self.passed, first[0].time)
            yield first

    def hear(self, mark: Watermark) -> None:
        """Note what a task says of its progress. A task never goes back; the number of tasks is the newest said."""
        time = mark.time.timestamp()
        said = self._said.get(mark.task)
        if said is None:
            self._said[mark.task] = _Said(time, max(1, mark.tasks), mark.idle)
        else:
            if time < said.time:
                self.backwards += 1
            else:
                said.time, said.tasks = time, max(1, mark.tasks)
            said.idle = mark.idle
        self._forget_the_gone()

    def take(self) -> Iterator[tuple[Stamp, Item]]:
        """Yield what the watermarks have passed, in order, and move `passed` there."""
        yield from self._until(self._limit())

    def drain(self) -> Iterator[tuple[Stamp, Item]]:
        """Yield everything, as if all watermarks were infinite."""
        yield from self._until(math.inf)

    def _until(self, limit: float) -> Iterator[tuple[Stamp, Item]]:
        # Strictly before: a task at W may still send an item at W.
        while self._waiting and self._waiting[0][0].time < limit:
            yield heapq.heappop(self._waiting)
        self.passed = max(self.passed, limit)

    def _expected(self) -> int:
        # The newest word in event time, not in arrival, so that interleaving does not matter.
        newest = max(self._said.values(), key=lambda said: (said.time, said.tasks))
        return min(newest.tasks, TASKS)

    def _limit(self) -> float:
        if not self._said or len(self._said) < self._expected():
            return -math.inf
        awake = [said.time for said in self._said.values() if not said.idle]
        if awake:
            return min(awake)
        # Nobody is waited for: nothing is to come before what we have, as far as anybody knows.
        return max(self._newest + _TICK, *(said.time for said in self._said.values()))

    def _forget_the_gone(self) -> None:
        """Once as many tasks as there are said to be agree on their number, those beyond are gone."""
        expected = self._expected()
        if len(self._said) <= expected:
            return
        agreeing = sum(said.tasks == expected for said in self._said.values())
        if agreeing < expected and len(self._said) <= TASKS:
            return  # whoever has not spoken since may yet
        by_age = sorted(self._said, key=lambda task: (self._said[task].tasks == expected, self._said[task].time, task))
        for task in by_age[: len(self._said) - expected]:
            del self._said[task]
            self.forgotten += 1
