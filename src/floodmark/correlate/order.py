"""Puts the items of many detect tasks into one event-time order, behind the smallest of their watermarks.

This is what makes an incident independent of how partitions interleave (law 6): items wait here until no task can
send an older one, and leave by (time, kind, onset, id). It never drops an item and never reads a clock; what is late
is said to be late, and what the bound of the buffer forces out early is counted.

Whom it waits for is what the tasks say themselves: each word names all of them. A task that is `Absence`'s is not
waited for until it speaks again, so that nobody is waited for in vain for ever (law 10).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Set
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

from floodmark.alerts import Absence, Anomaly, ChangeNotice, Dependencies, Watermark
from floodmark.records import Heard

BUFFER = 50_000
"""Most items that wait. Evidence is not kept, so an item takes about a kilobyte."""
TASKS = 10_000
"""Most detect tasks that are waited for."""

HEALED = 3600.0
"""Seconds by which a watermark that goes back had gone wrong; as far as `limits.ahead` lets an event be ahead."""
EARLIEST = 1e8
"""Epoch seconds, March 1973: no event is older."""

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
    """What a task has said last. `words`: how often it has spoken; `moves`: with something new, or idle."""

    time: float
    tasks: int
    idle: bool
    topics: dict[str, int]
    words: int = 0
    moves: int = 0


class _Roster(NamedTuple):
    """Who there is, by the newest word in event time (not in arrival, so that interleaving does not matter)."""

    time: float
    tasks: int
    topics: Mapping[str, int]

    def follows(self, other: _Roster) -> bool:
        if self[:2] != other[:2] or self.topics == other.topics:
            return self[:2] >= other[:2]
        return sorted(self.topics.items()) > sorted(other.topics.items())

    def names(self) -> frozenset[str]:
        topics = self.topics
        return frozenset(islice((f"{topic}/{i}" for topic in sorted(topics) for i in range(topics[topic])), TASKS))


class Blocker(NamedTuple):
    """Who holds up the oldest item: `task` has not been heard (`time` is -inf), or is at `time` (epoch s)."""

    task: str
    time: float


class EventOrder:
    """Buffer and watermarks of one partition of the anomalies topic."""

    def __init__(self, capacity: int = BUFFER) -> None:
        self.passed = -math.inf
        """Everything older than this has been handled; what still comes from before is late."""
        self.forced = 0
        """Items that left before the watermark reached them, because the buffer was full."""
        self.backwards = 0
        """Watermarks below an earlier one of the same task; the earlier one stays."""
        self.healed = 0
        """Times that `passed` went back, since watermarks that had gone wrong were right again."""
        self.forgotten = 0
        """Tasks that are no longer waited for since the number of tasks shrank."""
        self._capacity = capacity
        self._waiting: list[tuple[Stamp, Item]] = []
        self._since: dict[int, float] = {}  # by arrival, of the items that wait; in the order in which they came
        self._newest = -math.inf
        self._arrivals = 0
        self._said: dict[str, _Said] = {}
        self._absent: set[str] = set()
        self._unheard = False  # all that have never spoken are done without
        self._went_back = False  # a watermark has, since `heal` was asked
        self._roster = _Roster(-math.inf, 1, {})
        self._names: frozenset[str] = frozenset()  # of the roster; empty if it names none (an older release)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def tasks(self) -> int:
        """How many detect tasks are known."""
        return len(self._said)

    @property
    def known(self) -> Set[str]:
        """The detect tasks that have spoken, and are not gone."""
        return self._said.keys()

    @property
    def all_idle(self) -> bool:
        """Whether nobody is waited for, as nothing comes to anybody."""
        return self._unheard_name() is None and not self._awake()

    @property
    def absent(self) -> int:
        """How many detect tasks are done without."""
        return len(self._absent)

    @property
    def since(self) -> float:
        """Kafka's time (epoch seconds) of the item that has waited longest; NaN if none waits, or it is not known."""
        return next(iter(self._since.values()), math.nan)

    def heard(self) -> dict[str, Heard]:
        """How often each task that is waited for has spoken; those who never have are 0 times, and "" is whoever there
        may be where nobody has said who there is."""
        found = {name: Heard(0, 0) for name in sorted(self._names)}
        found |= {name: Heard(said.words, said.moves) for name, said in self._said.items()}
        return found or {"": Heard(0, 0)}

    def blocker(self) -> Blocker | None:
        """Who holds up the first item that waits; None if nothing waits, or nobody is to blame."""
        if not self._waiting:
            return None
        if (unheard := self._unheard_name()) is not None:
            return Blocker(unheard, -math.inf)
        awake = [(said.time, name) for name, said in self._said.items() if not said.idle and name not in self._absent]
        time, name = min(awake, default=(math.inf, ""))
        return Blocker(name, time) if time <= self._waiting[0][0].time else None

    def state(self) -> object:
        return (
            *(self.passed, self._waiting, self._since, self._newest, self._arrivals),
            *(self._said, self._absent, self._unheard, self._went_back, self._roster),
        )

    def restore(
        self,
        state: tuple[
            float,
            list[tuple[Stamp, Item]],
            dict[int, float],
            float,
            int,
            dict[str, _Said],
            set[str],
            bool,
            bool,
            _Roster,
        ],
    ) -> None:
        """Go on from what `state` gave; what a smaller buffer does not hold leaves with the next item."""
        self.passed, self._waiting, self._since, self._newest, self._arrivals = state[:5]
        self._said, self._absent, self._unheard, self._went_back, self._roster = state[5:]
        self._names = self._roster.names()

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

    def push(self, stamp: Stamp, item: Item, since: float = math.nan) -> Iterator[tuple[Stamp, Item]]:
        """Keep an item that is not late; yield the oldest ones if that is more than the buffer holds.

        `since`: Kafka's time of the item, epoch seconds.
        """
        heapq.heappush(self._waiting, (stamp, item))
        self._since[stamp.arrival] = since
        self._newest = max(self._newest, stamp.time)
        while len(self._waiting) > self._capacity:
            self.forced += 1
            first = self._popped()
            self.passed = max(self.passed, first[0].time)
            yield first

    def hear(self, mark: Watermark) -> None:
        """Note what a task says of its progress. The number of tasks is the newest said.

        A task goes back only by more than `HEALED`: then its watermark had gone wrong, and is right again. A little is
        a task that began anew, and 1970 is one to which nothing has come.
        """
        time = mark.time.timestamp()
        said = self._said.get(mark.task)
        if said is None:
            said = self._said[mark.task] = _Said(time, max(1, mark.tasks), mark.idle, mark.topics)
            moved, self._unheard = True, False
        else:
            healed = EARLIEST <= time < said.time - HEALED
            moved = time > said.time or mark.idle or healed
            self.backwards += time < said.time
            if healed or time >= said.time:
                said.time = time
            said.tasks, said.topics = max(1, mark.tasks), mark.topics
            self._went_back |= healed
            said.idle = mark.idle
        said.words += 1
        said.moves += moved
        if moved:
            # One that is there, but stands where it was when it was given up, is still not waited for.
            self._absent.discard(mark.task)
        roster = _Roster(said.time, said.tasks, said.topics)
        if self._roster.time > said.time + HEALED and self._roster.time > max(s.time for s in self._said.values()):
            self._roster = self._roster._replace(time=-math.inf)  # it was the word of a watermark that had gone wrong
        if roster.follows(self._roster):
            if roster.topics != self._roster.topics:
                self._names = roster.names()
            self._roster = roster
        self._forget_the_gone()

    def forgo(self, absence: Absence) -> None:
        """Go on without those that it names, each until it speaks again."""
        if not absence.tasks:
            self._unheard = True
        self._absent.update(absence.tasks[: max(0, TASKS - len(self._absent))])

    def take(self) -> Iterator[tuple[Stamp, Item]]:
        """Yield what the watermarks have passed, in order, and move `passed` there."""
        yield from self._until(self._limit())

    def heal(self) -> bool:
        """Move `passed` back to where the watermarks are, if they had gone wrong; whether it did."""
        went_back, self._went_back = self._went_back, False
        limit = self._limit() if went_back else math.inf
        if not -math.inf < limit < self.passed - HEALED:
            return False
        self.passed = limit
        self.healed += 1
        return True

    def drain(self) -> Iterator[tuple[Stamp, Item]]:
        """Yield everything, as if all watermarks were infinite."""
        yield from self._until(math.inf)

    def _until(self, limit: float) -> Iterator[tuple[Stamp, Item]]:
        # Strictly before: a task at W may still send an item at W.
        while self._waiting and self._waiting[0][0].time < limit:
            yield self._popped()
        self.passed = max(self.passed, limit)

    def _popped(self) -> tuple[Stamp, Item]:
        first = heapq.heappop(self._waiting)
        del self._since[first[0].arrival]
        return first

    def _unheard_name(self) -> str | None:
        """A task that there is, has not spoken, and is not done without; "" if it cannot be named; None: no such."""
        if self._unheard:
            return None
        if self._names:
            return min(self._names - self._said.keys() - self._absent, default=None)
        known = self._said.keys() | self._absent
        return None if self._said and len(known) >= min(self._roster.tasks, TASKS) else ""

    def _limit(self) -> float:
        if self._unheard_name() is not None:
            return -math.inf
        if awake := self._awake():
            return min(awake)
        # Nobody is waited for: nothing is to come before what we have, as far as anybody knows.
        return max(self._newest + _TICK, *(said.time for said in self._said.values()), -math.inf)

    def _awake(self) -> list[float]:
        """Where those are who are waited for."""
        return [said.time for name, said in self._said.items() if not said.idle and name not in self._absent]

    def _forget_the_gone(self) -> None:
        """Once all the tasks that there are said to be agree on who there is, those beyond are gone."""
        roster, names = self._roster, self._names
        expected = min(roster.tasks, TASKS)
        if len(self._said) <= expected:
            return

        def agrees(task: str) -> bool:
            said = self._said[task]
            return said.tasks == roster.tasks and said.topics == roster.topics and (not names or task in names)

        agreeing = sum(map(agrees, self._said))
        if agreeing < expected and len(self._said) <= TASKS:
            return  # whoever has not spoken since may yet
        by_age = sorted(self._said, key=lambda task: (agrees(task), self._said[task].time, task))
        for task in by_age[: len(self._said) - expected]:
            del self._said[task]
            self._absent.discard(task)
            self.forgotten += 1
