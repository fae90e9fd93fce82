"""What the groups of a scope look like where nothing is wrong: learned from those that opened no incident.

One `Null` a scope: how often groups come that are so surprising (a tail, as the series have one, a level up), which
series are odd together, how talkative each neighbourhood is, and what changes usually do. It never reads a clock, and
all of it is bounded and fades.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

from msgspec import Struct, field

MEMORY: Final = 14 * 86_400.0
"""Seconds after which what was learned counts 1/e."""
_RUNGS: Final = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0)
"""Nats from which exceedances are counted; the highest that has seen enough speaks for what is beyond."""
_ENOUGH: Final = 10.0
_RATE: Final = 24 / 86_400
_RATE_WEIGHT: Final = 43_200.0
_RATE_AT_ONCE: Final = 900.0
"""Before anything is known: groups a second above the first rung, and the seconds for which that counts: for half a
day against fewer, but not for long against more, as large fleets have them."""
_EXCESS: Final = 2.3
_EXCESS_WEIGHT: Final = 8.0
"""The mean excess in nats, and the groups for which it counts."""
_FAR: Final = 10.0
"""Nats of excess beyond which a group counts no more."""
_STEEPEST: Final = 2.3
"""The mean excess that is taken for chance at most: a steeper tail has been raised by what was real."""
_CORRECTION: Final = 6.0
_REAL: Final = 16.0
"""Nats by which the bar is higher for e times as many incidents as the budget has; and the times of the budget from
which on they are real: a bar that is too low opens a few times too many. It is highest at the root of that."""
_FEW: Final = 10.0
_LONE: Final = 13.5
"""As long as so few groups are known, the bar is low enough for a single series that is as odd as can be."""
_NAMES: Final = 1_000
_TOGETHER: Final = 32
"""Families that are known, and with how many others each."""
_ECHO: Final = 0.15
_COMPANY: Final = (0.10, 0.15, 0.2, 0.25, 0.3, 0.3)
_SPREAD: Final = 0.03
_PRIOR: Final = 20.0
_PAIR: Final = 4.0
"""Prior shares of groups with a second family, and a second entity, with their weights; and the weight for a pair."""
_SPREADS: Final = 30
"""Entities of a group from which it teaches nothing of neighbours."""
_ENTITIES: Final = 20_000
_GENERATION: Final = 5_000.0
"""Groups after which all that was counted is halved."""
_KINDS: Final = 64
_EFFECTS: Final = 1_000
DAY: Final = 86_400.0


class Tail(Struct):
    """Rate and mean excess of null groups above each rung, by event time."""

    now: float | None = None
    seconds: float = 0.0
    counts: list[float] = field(default_factory=lambda: [0.0] * len(_RUNGS))
    excess: list[float] = field(default_factory=lambda: [0.0] * len(_RUNGS))
    opened: float = 0.0
    groups: float = 0.0

    def advance(self, time: float) -> None:
        """Event time is `time`."""
        if self.now is not None and time > self.now:
            kept = math.exp((self.now - time) / MEMORY)
            self.seconds = self.seconds * kept + time - self.now
            self.counts = [count * kept for count in self.counts]
            self.excess = [excess * kept for excess in self.excess]
            self.opened *= kept
            self.groups *= kept
        self.now = time if self.now is None else max(self.now, time)

    def learn(self, surprise: float) -> None:
        """A group that was chance."""
        self.groups += 1
        for i, rung in enumerate(_RUNGS):
            if surprise > rung:
                self.counts[i] += 1
                self.excess[i] += min(surprise - rung, _FAR)

    def line(self) -> tuple[float, float, float]:
        """From which surprise on it speaks, how many groups a second are above that, and their mean excess."""
        known = [i for i, count in enumerate(self.counts) if count >= _ENOUGH]
        i = known[-1] if known else 0
        rate = self._rate(self.counts[i], _RATE * math.exp((_RUNGS[0] - _RUNGS[i]) / _EXCESS))
        excess = (self.excess[i] + _EXCESS * _EXCESS_WEIGHT) / (self.counts[i] + _EXCESS_WEIGHT)
        return _RUNGS[i], rate, excess

    def _rate(self, count: float, usual: float) -> float:
        """So many in `seconds`, where `usual` a second were thought of before; soon more, and slowly less."""
        return max((count + weight * usual) / (self.seconds + weight) for weight in (_RATE_WEIGHT, _RATE_AT_ONCE))

    def bar(self, budget: float) -> float:
        """The surprise that chance reaches `budget` times a second; 0 if even the faintest group may open.

        It is not above what the many faint groups bear out: a few that were real must not raise it until the next
        ones are missed. Where incidents have opened somewhat more often than they may by chance, it is higher; where
        they are far more, they are taken to be real.
        """
        rung, rate, excess = self.line()
        faint = self._rate(self.counts[0], _RATE)
        most = _RUNGS[0] + _STEEPEST * math.log(max(1.0, faint / budget))
        expected = self.seconds * budget
        times = (self.opened + 1) / (expected + 1)
        more = (1 - math.exp(-expected)) * _CORRECTION * math.log(max(1.0, min(times, _REAL / times)))
        if self.groups < _FEW:  # nothing is known yet that would keep a lone series, as odd as can be, from opening one
            most = min(most, _LONE)
        return max(0.0, min(rung + excess * math.log(rate / budget), most) + more)

    def apart(self, surprise: float, budget: float) -> float:
        """Seconds between two groups as surprising, by chance; at the bar as many as the budget allows."""
        _, _, excess = self.line()
        beyond = (surprise - self.bar(budget)) / min(excess, _STEEPEST)
        return min(1e12, math.exp(min(25.0, max(-25.0, beyond))) / budget)


class Null(Struct):
    """What chance does in one scope. Times are event time, epoch seconds."""

    tail: Tail = field(default_factory=Tail)
    _families: dict[str, float] = field(default_factory=dict)
    _pairs: dict[str, dict[str, float]] = field(default_factory=dict)
    _across: dict[str, dict[str, float]] = field(default_factory=dict)
    _heard: dict[str, float] = field(default_factory=dict)
    _echoed: list[float] = field(default_factory=lambda: [_ECHO * _PRIOR, _PRIOR])
    _accompanied: list[tuple[float, float]] = field(default_factory=lambda: [(q * _PRIOR, _PRIOR) for q in _COMPANY])
    _noise: dict[str, tuple[float, float]] = field(default_factory=dict)  # count, and when
    _noises: float = 0.0
    _seconds: float = 0.0
    _then: float | None = None
    _changes: dict[str, float] = field(default_factory=dict)
    _effects: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def company(self, entities: int) -> float:
        """Of null groups with so many entities, the share that has one more."""
        more, all_of_them = self._accompanied[min(entities, len(_COMPANY)) - 1]
        return min(0.9, more / all_of_them)

    def echo(self, family: str, other: str) -> float:
        """How probable it is that `other` is odd where `family` of the same entity is."""
        usual = min(0.9, self._echoed[0] / self._echoed[1])
        row = self._pairs.get(family)
        if row is None:
            return usual
        return (row.get(other, 0.0) + _PAIR * usual) / (self._families[family] + _PAIR)

    def spread(self, family: str, other: str) -> float:
        """How probable it is that `other` of a neighbour is odd where `family` is, as the load of all goes together."""
        row = self._across.get(family)
        if row is None:
            return _SPREAD
        return min(0.95, (row.get(other, 0.0) + _PAIR * _SPREAD) / (self._heard[family] + _PAIR))

    def talk(self, entities: Iterable[str]) -> float:
        """Families of these entities that are odd by chance in a second."""
        now = self._then or 0.0
        usual = self._noises / (self._seconds + DAY) / max(1, len(self._noise)) * DAY
        noise = (self._noise.get(entity, (0.0, now)) for entity in entities)
        # The entities may be a set: their order must not matter, not even in the last digit.
        return math.fsum(usual + count * math.exp((time - now) / MEMORY) for count, time in noise) / (
            self._seconds + DAY
        )

    def effects(self, kind: str, family: str) -> tuple[float, float, float]:
        """How many changes of a kind there were, how many of them moved the family, and by how many nats."""
        moved, total = self._effects.get((kind, family), (0.0, 0.0))
        return self._changes.get(kind, 0.0), moved, total / moved if moved else 0.0

    def changed(self, kind: str) -> None:
        """There was a change."""
        if kind in self._changes or len(self._changes) < _KINDS:
            self._changes[kind] = self._changes.get(kind, 0.0) + 1

    def met(self, families: Mapping[str, Iterable[str]]) -> None:
        """Which families were odd together, by entity; of any group, as what hangs together does so in faults, too."""
        for own in families.values():
            names = sorted(own)
            for name in names:
                if name not in self._families and len(self._families) >= _NAMES:
                    least = min(self._families, key=lambda known: (self._families[known], known))
                    del self._families[least]
                    self._pairs.pop(least, None)
                self._families[name] = self._families.get(name, 0.0) + 1
                others = self._pairs.setdefault(name, {})
                for other in names:
                    if other != name:
                        _count(others, other)

    def learn(
        self,
        time: float,
        surprise: float,
        families: Mapping[str, Iterable[str]],
        effects: Mapping[tuple[str, str], float],
    ) -> None:
        """A group was chance: its surprise, its families by entity, and what changes (kind, family) did, in nats."""
        self.tail.advance(time)
        self.tail.learn(surprise)
        for own in families.values():
            for name in own:
                if name not in self._heard and len(self._heard) >= _NAMES:
                    oldest = next(iter(self._heard))
                    del self._heard[oldest]
                    self._across.pop(oldest, None)
                self._heard[name] = self._heard.pop(name, 0.0) + 1
        if 1 < len(families) <= _SPREADS:
            for entity, own in families.items():
                others = {other for near, them in families.items() if near != entity for other in them}
                for name in own:
                    row = self._across.setdefault(name, {})
                    for other in sorted(others):
                        _count(row, other)
        if self._then is not None and time > self._then:
            kept = math.exp((self._then - time) / MEMORY)
            self._seconds = self._seconds * kept + time - self._then
            self._noises *= kept
        now = self._then = time if self._then is None else max(self._then, time)
        several = False
        for entity, own in families.items():
            number = len(set(own))
            several = several or number > 1
            count, then = self._noise.pop(entity, (0.0, now))
            self._noise[entity] = count * math.exp((then - now) / MEMORY) + number, now
            self._noises += number
        for entity in list(islice(self._noise, max(0, len(self._noise) - _ENTITIES))):
            count, then = self._noise.pop(entity)
            self._noises = max(0.0, self._noises - count * math.exp((then - now) / MEMORY))
        self._echoed[0] += several
        self._echoed[1] += 1
        for i in range(min(len(families), len(_COMPANY))):
            more, all_of_them = self._accompanied[i]
            self._accompanied[i] = more + (len(families) > i + 1), all_of_them + 1
        for key, said in effects.items():
            if key in self._effects or len(self._effects) < _EFFECTS:
                moved, total = self._effects.get(key, (0.0, 0.0))
                self._effects[key] = moved + 1, total + said
        if self._echoed[1] > _GENERATION:
            self._halve()

    def _halve(self) -> None:
        """What was learned first counts less and less."""
        for counts in (self._families, self._heard, self._changes):
            for key in counts:
                counts[key] /= 2
        for rows in (self._pairs, self._across):
            for row in rows.values():
                for key in row:
                    row[key] /= 2
        self._echoed = [count / 2 for count in self._echoed]
        self._accompanied = [(more / 2, all_of_them / 2) for more, all_of_them in self._accompanied]
        self._effects = {key: (moved / 2, total / 2) for key, (moved, total) in self._effects.items()}


def _count(row: dict[str, float], other: str) -> None:
    if other not in row and len(row) >= _TOGETHER:
        del row[min(row, key=lambda known: (row[known], known))]
    row[other] = row.get(other, 0.0) + 1
