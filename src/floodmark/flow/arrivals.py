"""When the records of a partition were here, as far as Kafka's times can be believed. It must never read a clock.

In a partition order is arrival, so its time (`now`) is the newest of Kafka's that is believed. A time far ahead of that
is doubted, and the record held until the next two have come: if neither lies behind it the stream has stood still and
goes on, else the time is no time, and the record is handed on without it. Times far behind stand for themselves, but
if only such ones come, it was the time of the partition that was wrong: it goes back.

Where Kafka has no time (files, a broken client) the events' own are looked at in the same way.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from floodmark.decode.timestamps import EARLIEST, LATEST
from floodmark.records import Record, changed

_LEAST: Final = 30.0
"""Seconds ahead that are never doubted, nor those of `_GAPS` usual gaps between two records or of two usual pauses."""
_GAPS: Final = 20.0
_YOUNG: Final = 180.0
"""The usual gap, in seconds, before it is known."""
_LONGEST: Final = 600.0
"""A longer pause is none that is usual, in seconds."""
_FIRST: Final = 8
_BLOCK: Final = 1_024
"""Records over which the usual gap is taken: the first time, and at most."""
_MANY: Final = 4
"""Records that are looked at together, at least."""
_NO_TIMES: Final[NDArray[np.float64]] = np.empty(0)
_HELD: Final = 2
_RUN: Final = 3
"""Records in a row, at least, that are behind when the time of the partition goes back; and those without a time of
Kafka's after which their own are looked at."""
_MAKERS: Final = 10_000
_FEW: Final = 10
"""A time that no more records have agreed with was plainly wrong."""
_PROVEN: Final = 1_000
"""A time that so many records have agreed with goes back when more than so many are behind it."""

Own = Callable[[Record], list[float]]
"""The times of the events in a record, in epoch seconds. Where Kafka has none, those that they have themselves."""


class Run(NamedTuple):
    """Records to be handled, and when each was here, in epoch seconds. Negative: no later than that. NaN: not known.

    `back`: before they are handled, event time has to go back to this; `wrong`: it was plainly wrong to be later.
    """

    records: Sequence[Record]
    arrivals: NDArray[np.float64]
    back: float | None = None
    wrong: bool = False


class Arrivals:
    """The time of one partition. State: `now`, what it is usually like, and at most two records that are held.

    Counts: kafka_time:impossible (no time between 1973 and 2100), kafka_time:wild (far ahead of what came after), and
    kafka_time:mended (the time of the partition went back).
    """

    def __init__(self, own: Own) -> None:
        self._own = own
        self._now = -math.inf
        self._by_own = False
        self._missing = 0
        self._held: list[tuple[Record, float]] = []
        self._behind: list[float] = []
        self._n_behind = 0
        self._agreed = 0
        self._before = (-math.inf, 0)  # where it was before it went back, and how many had agreed
        self._gap = _YOUNG
        self._pause, self._step = 0.0, 0.0  # the longest of late, and of this block
        self._since, self._n, self._size = -math.inf, 0, _FIRST
        self._counts: Counter[str] = Counter()

    def take(self, records: Sequence[Record]) -> Iterator[Run]:
        """Hand on what is certain by now, in order. How records are split into calls changes nothing."""
        at, run = 0, _Open()
        stamps = self._stamps(records)
        while at < len(records):
            if (some := self._plain(stamps[at:])) is not None:
                run.add(records[at : at + len(some)], some)
                at += len(some)
                continue
            record = records[at]
            at += 1
            for given, arrival, back, wrong in self._one(record, self._time(record)):
                if back is not None:
                    if run.records:
                        yield run.closed()
                    run = _Open(back, wrong=wrong)
                run.add((given,), (arrival,))
        if run.records:
            yield run.closed()

    def near(self, time: float) -> float | None:
        """The arrival of the next record, if its time, in epoch seconds, needs no thought; does what `take` does."""
        if self._held or not abs(time - self._now) <= self._reach:
            return None
        self._missing, self._by_own = 0, False
        self._near(time)
        return self._now

    def finish(self) -> Iterator[Run]:
        """Nothing will follow: what is held is believed."""
        held, self._held = self._held, []
        if held:
            self._jump(max(time for _, time in held))
            here = [self._here(record) for record, _ in held]
            yield Run([record for record, _ in here], np.array([arrival for _, arrival in here]))

    @property
    def now(self) -> float:
        """The time of the partition."""
        return self._now

    @property
    def idle(self) -> bool:
        """Whether no record is held."""
        return not self._held

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {"held_records": len(self._held)}

    def state(self) -> list[Any]:
        """Plain data."""
        held = [(list(record), time) for record, time in self._held]
        gap = (self._gap, self._pause, self._step, self._since, self._n, self._size)
        rest = (self._behind, self._n_behind, self._agreed, self._before)
        return [self._now, self._by_own, self._missing, held, gap, rest]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from what `state` gave. Raises TypeError or ValueError if it is not sound."""
        self._now, self._by_own, self._missing, held, gap, rest = state
        self._held = [
            (Record._make((*fields[:6], tuple((name, value) for name, value in fields[6]), fields[7])), float(time))
            for fields, time in held
        ]
        self._gap, self._pause, self._step, self._since, self._n, self._size = gap
        behind, self._n_behind, self._agreed, before = rest
        self._behind, self._before = list(behind), (before[0], before[1])

    # -- one by one

    @property
    def _reach(self) -> float:
        """Seconds ahead of the partition's time that are not doubted."""
        return max(_LEAST, _GAPS * self._gap, 2 * self._pause)

    def _time(self, record: Record) -> float:
        """The time that says when the record was here, NaN if there is none."""
        seconds = record.timestamp / 1000
        if EARLIEST <= seconds < LATEST:
            self._missing, self._by_own = 0, False
            return seconds
        self._missing += 1
        if record.timestamp != -1:
            self._counts["kafka_time:impossible"] += 1
        if self._now == -math.inf or self._missing >= _RUN:
            self._by_own = True
        return self._newest(self._own(changed(record, timestamp=-1))) if self._by_own else math.nan

    def _newest(self, times: list[float]) -> float:
        """Of a record's own times the newest that is not doubted; the earliest if all are."""
        if not times:
            return math.nan
        times = sorted(times)
        newest, reached = times[0], max(self._now, times[0]) if self._now == -math.inf else self._now
        for time in times:
            if time > reached + self._reach:
                break
            newest, reached = time, max(reached, time)
        return newest

    def _one(self, record: Record, time: float) -> Iterator[tuple[Record, float, float | None, bool]]:
        """The records that are certain with this one: each with its arrival, and whether time goes back before it."""
        waiting = [(record, time)]
        while waiting:
            record, time = waiting.pop(0)
            if math.isnan(time):  # it says nothing of others that are held, and need not wait for them
                yield self._without(record), -self._now if self._now > -math.inf else math.nan, None, False
            elif self._held:
                first, doubted = self._held[0]
                if time < doubted - self._reach:
                    self._counts["kafka_time:wild"] += 1
                    waiting = [*self._held[1:], (record, time), *waiting]
                    self._held = []
                    yield self._without(first), -self._now, None, False
                elif len(self._held) < _HELD:
                    self._held.append((changed(record), time))
                else:
                    waiting = [self._held[1], (record, time), *waiting]
                    self._held = []
                    self._jump(doubted)
                    yield *self._here(first), None, False
            elif time > self._now + self._reach and self._now > -math.inf:
                if self._own(record):
                    self._held.append((changed(record), time))
                else:  # there is nothing in it that could be too early
                    yield record, -self._now, None, False
            elif time < self._now - self._reach:
                yield self._late(record, time)
            else:
                self._near(time)
                yield *self._here(record), None, False

    def _here(self, record: Record) -> tuple[Record, float]:
        """The record and its arrival. Only Kafka's own time says that it was not earlier."""
        return (self._without(record), -self._now) if self._by_own else (record, self._now)

    def _without(self, record: Record) -> Record:
        """The record without Kafka's time."""
        return changed(record, timestamp=-1, by=round(self._now * 1000) if self._now > -math.inf else -1)

    def _near(self, time: float) -> None:
        self._agreed += 1
        self._behind, self._n_behind = [], 0
        if self._now == -math.inf:
            self._since = self._now = time
        self._step = max(self._step, time - self._now)
        self._now = max(self._now, time)
        self._n += 1
        self._measure()

    def _measure(self) -> None:
        if self._n == self._size:
            self._gap = (self._now - self._since) / self._n
            self._pause, self._step = min(_LONGEST, max(self._step, self._pause / 2)), 0.0
            self._since, self._n, self._size = self._now, 0, min(_BLOCK, 2 * self._size)

    def _jump(self, time: float) -> None:
        """The stream goes on at another time. The way there is no gap between two records."""
        self._since += time - self._now
        self._step = max(self._step, time - self._now)
        self._now = time
        self._behind, self._n_behind = [], 0
        high, agreed = self._before
        if time >= high - self._reach and agreed:  # it was right before it went back
            self._agreed = 2 * agreed
        else:
            self._agreed = 1

    def _late(self, record: Record, time: float) -> tuple[Record, float, float | None, bool]:
        self._behind = [*self._behind, time][-_RUN:]
        self._n_behind += 1
        if self._n_behind < _RUN or self._n_behind <= min(self._agreed, _PROVEN):
            return changed(record, by=round(self._now * 1000)), -self._now, None, False
        self._counts["kafka_time:mended"] += 1
        wrong = self._agreed <= _FEW
        self._before = self._now, min(self._agreed, _PROVEN)
        newest = max(self._behind)
        self._jump(newest)
        self._agreed = 1
        return *self._here(record), newest, wrong

    # -- many at once

    def _stamps(self, records: Sequence[Record]) -> NDArray[np.float64]:
        """Kafka's times, epoch seconds; none if it is not worth it to look at many at once."""
        if len(records) < _MANY:
            return _NO_TIMES
        return np.fromiter(map(attrgetter("timestamp"), records), np.int64, len(records)) / 1000

    def _plain(self, stamps: NDArray[np.float64]) -> Sequence[float] | NDArray[np.float64] | None:
        """The arrivals of the next records, so many as need no thought, up to the end of a block; None if the first
        does. Does what `_one` does."""
        stamps = stamps[: self._size - self._n]
        if len(stamps) < _MANY or self._held or self._now == -math.inf:
            return None
        reach = self._reach
        steps = stamps[1:] - stamps[:-1]
        if 0 <= stamps[0] - self._now <= reach and steps.min() >= 0 and steps.max() <= reach and stamps[-1] < LATEST:
            reached, found = stamps, len(stamps)
        else:
            reached = np.maximum.accumulate(np.maximum(stamps, self._now))
            before = np.concatenate(([self._now], reached[:-1]))
            off = (np.abs(stamps - before) > reach) | (stamps < EARLIEST) | (stamps >= LATEST)
            found = int(off.argmax()) if off.any() else len(stamps)
            if found == 0:
                return None
        self._missing, self._by_own = 0, False
        self._agreed += found
        self._behind, self._n_behind = [], 0
        self._step = max(self._step, float(np.diff(reached[:found], prepend=self._now).max()))
        self._now = float(reached[found - 1])
        self._n += found
        self._measure()
        return reached[:found]


class _Open:
    """A run that is being put together."""

    def __init__(self, back: float | None = None, *, wrong: bool = False) -> None:
        self.records: list[Record] = []
        self._arrivals: list[NDArray[np.float64]] = []
        self._few: list[float] = []
        self._back, self._wrong = back, wrong

    def add(self, records: Sequence[Record], arrivals: Sequence[float] | NDArray[np.float64]) -> None:
        self.records += records
        if isinstance(arrivals, np.ndarray):
            self._gather()
            self._arrivals.append(arrivals)
        else:
            self._few += arrivals

    def closed(self) -> Run:
        self._gather()
        alone = self._arrivals[0] if len(self._arrivals) == 1 else np.concatenate(self._arrivals)
        return Run(self.records, alone, self._back, self._wrong)

    def _gather(self) -> None:
        if self._few:
            self._arrivals.append(np.array(self._few, np.float64))
            self._few = []


class Makers:
    """The records of one of our own topics: each of the tasks that write there side by side has a time of its own.

    State as that of `Arrivals`, of at most `_MAKERS` tasks.
    """

    def __init__(self, own: Own, made_from: Callable[[Record], tuple[str, int]]) -> None:
        """`made_from`: by which task a record was made, and when what it was made from was here, in Kafka's
        milliseconds; -1 if that is not known."""
        self._own, self._made_from = own, made_from
        self._of: OrderedDict[str, Arrivals] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def take(self, records: Sequence[Record]) -> Iterator[Run]:
        """As `Arrivals.take`. Event time goes back where that of one task does, but not behind that of others."""
        run = _Open()
        for record in records:
            maker, stamp = self._made_from(record)
            arrivals = self._of.get(maker) or self._arrivals(maker)
            if (here := arrivals.near(stamp / 1000)) is not None:
                run.add((record,), (here,))
                continue
            for given in arrivals.take([changed(record, timestamp=stamp)]):
                if given.back is not None:
                    if run.records:
                        yield run.closed()
                    others = (each.now for each in self._of.values() if each is not arrivals)
                    run = _Open(max(given.back, *others, -math.inf), wrong=given.wrong)
                run.add(given.records, given.arrivals)
        if run.records:
            yield run.closed()

    def finish(self) -> Iterator[Run]:
        for arrivals in self._of.values():
            yield from arrivals.finish()

    def counts(self) -> Mapping[str, int]:
        return sum((Counter(each.counts()) for each in self._of.values()), self._counts)

    def sizes(self) -> Mapping[str, int]:
        return {"held_records": sum(each.sizes()["held_records"] for each in self._of.values())}

    def state(self) -> list[Any]:
        """Plain data."""
        return [(maker, arrivals.state()) for maker, arrivals in self._of.items()]

    def restore(self, state: Sequence[Any]) -> None:
        """Go on from what `state` gave. Raises TypeError or ValueError if it is not sound."""
        for maker, each in state:
            self._arrivals(maker).restore(each)

    def _arrivals(self, maker: str) -> Arrivals:
        found = self._of.get(maker)
        if found is None:
            found = self._of[maker] = Arrivals(self._own)
            if len(self._of) > _MAKERS and (gone := next((m for m, each in self._of.items() if each.idle), None)):
                self._counts.update(self._of.pop(gone).counts())
        return found
