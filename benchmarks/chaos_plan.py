"""What goes wrong in the chaos benchmark, and when: pure data, no clock, no Kafka. A seed always gives the same plan.

Seconds are counted from a phase's start: the moment at which its first workers are ready. Three tracks run side by
side: what happens to the broker (one thing at a time), what happens to the workers (the same), and odd records. The
strong faults go through all that. The end of a phase is calm: nothing new happens, and all has time to catch up.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

WORKERS: Final = 3
"""Most workers; a phase begins with `FIRST` of them."""
FIRST: Final = 2
SERVICES: Final = ("web", "cart", "search", "payment", "login")
REGIONS: Final = ("af", "us", "sa", "se", "eu", "me")
"""Scopes. Their names are such that each is the key of another one of six partitions."""
FAULTS: Final = ("slow", "errors", "both")
BROKER: Final = ("stop", "kill", "freeze")
"""SIGTERM, kill -9, SIGSTOP; started again (or continued) at the end."""
OUTAGE_SECONDS: Final = (1.0, 120.0)
POISON: Final = ("text", "binary", "huge", "untimed")
TIMES: Final = ("microseconds", "seconds", "zero", "week_ahead")
"""Kafka times of records whose own time is right: in the wrong unit, none, or a week ahead."""
CLOCKS: Final = {"fast-clock": 3540.0, "slow-clock": -3600.0}
"""Sources and how far their clocks are off, in seconds. Not a full hour ahead: beyond it is refused as bad input."""
TROUBLES: Final = (*BROKER, "kill -9", "pause", "join", "leave")
KINDS: Final = (*TROUBLES, "clocks", "times", "poison")
"""What can be left out."""
FORGOTTEN: Final = 44.0
"""With no shared store a worker joins after so long: longer than `state.history` (30 s) and `correlate.idle` (10 s), so
that what a silent task has once said is beyond what the newcomer reads."""


class Fault(NamedTuple):
    """A service is hit in a region. It is hit in all of them at once: every correlate task has one to tell."""

    at: float
    seconds: float
    service: str
    region: str
    kind: str

    @property
    def end(self) -> float:
        return round(self.at + self.seconds, 1)


class Trouble(NamedTuple):
    """Something happens to the broker or to a worker, and lasts. A join or a leave lasts no time."""

    at: float
    seconds: float
    kind: str
    worker: int = -1

    @property
    def end(self) -> float:
        return round(self.at + self.seconds, 1)


class Oddity(NamedTuple):
    """One odd record: poison, or with a wild Kafka time. `number` is its own within the phase."""

    at: float
    kind: str
    number: int


class Phase(NamedTuple):
    """A stretch of the run with a fleet and topics of its own. `shared`: its workers have one store for all."""

    name: str
    shared: bool
    seconds: float
    calm: float
    faults: tuple[Fault, ...]
    troubles: tuple[Trouble, ...]
    oddities: tuple[Oddity, ...]
    clocks: dict[str, float]
    """When the sources of `CLOCKS` begin."""


class Tempo(NamedTuple):
    """How dense a run is, in seconds."""

    shared: bool
    share: float
    """Of the run's time, for this phase."""
    first_fault: float
    every: float
    lasts: float
    calm: float
    start_outage: tuple[float, float]
    outages: tuple[float, float]
    """From the end of one thing that happens to the broker to the next one."""
    outage: tuple[float, float]
    works: tuple[float, float]
    """The same for the workers."""
    pause: tuple[float, float]
    oddities: tuple[float, float]
    join_is_last: bool = False
    """After the join of a phase without a shared store nothing more happens to the workers."""


LONG: Final = Tempo(True, 0.5, 60, 120, 40, 120, (40, 60), (60, 150), OUTAGE_SECONDS, (25, 70), (3, 25), (4, 15))
LONG_OWN: Final = LONG._replace(shared=False)
SHORT: Final = Tempo(True, 0.45, 15, 27, 14, 37, (6, 9), (10, 14), (11, 14), (8, 12), (9, 11), (2, 5))
"""Of a run of three minutes. The second outage is longer than the ten seconds in which a frozen broker must be noticed,
a pause longer than a session."""
SHORT_OWN: Final = SHORT._replace(shared=False, share=0.55, every=45, join_is_last=True)
"""The second fault comes after the join: the newcomer has to tell its part of it."""


def plan(seed: int, minutes: float, kinds: Iterable[str] = KINDS) -> tuple[Phase, ...]:
    """Two phases. `kinds`: what may happen, of `KINDS`; leaving some out moves nothing else.

    Raises ValueError if it is to take less than three minutes.
    """
    if minutes < 3:
        raise ValueError("a run takes at least 3 minutes")
    shared, own = (LONG, LONG_OWN) if minutes >= 10 else (SHORT, SHORT_OWN)
    allowed = frozenset(kinds)
    return (
        _phase(random.Random(f"{seed}/shared"), "shared store", shared, minutes * 60, allowed),
        _phase(random.Random(f"{seed}/own"), "own stores or none", own, minutes * 60, allowed),
    )


def _phase(draw: random.Random, name: str, tempo: Tempo, run: float, kinds: frozenset[str]) -> Phase:
    seconds = run * tempo.share
    last = seconds - tempo.calm
    faults = tuple(_faults(draw, tempo, last))
    troubles = [*_broker(draw, tempo, last), *_work(draw, tempo, last)]
    oddities = [oddity for oddity in _oddities(draw, tempo, last) if _family(oddity.kind) in kinds]
    begins = {source: _tenths(draw, 0.1 * last, 0.3 * last) for source in CLOCKS}
    return Phase(
        name,
        tempo.shared,
        seconds,
        tempo.calm,
        faults,
        tuple(sorted(trouble for trouble in troubles if trouble.kind in kinds)),
        tuple(oddities),
        begins if "clocks" in kinds else {},
    )


def _faults(draw: random.Random, tempo: Tempo, last: float) -> Iterator[Fault]:
    """Each hits another service, until all have been hit; no service is hit twice in a row."""
    services = _shuffled(draw, SERVICES)
    kinds = _shuffled(draw, FAULTS)
    at, before = tempo.first_fault, ""
    while at <= last:
        service = next(services)
        if service == before:
            service = next(services)
        begin, kind, before = _tenths(draw, at - 2, at + 2), next(kinds), service
        yield from (Fault(begin, tempo.lasts, service, region, kind) for region in REGIONS)
        at += tempo.every


def _broker(draw: random.Random, tempo: Tempo, last: float) -> Iterator[Trouble]:
    """The first thing happens right after the start."""
    kinds = _shuffled(draw, BROKER)
    outage = Trouble(_tenths(draw, 1, 4), _tenths(draw, *tempo.start_outage), next(kinds))
    while outage.end <= last:
        yield outage
        at = round(outage.end + _tenths(draw, *tempo.outages), 1)
        low, high = tempo.outage
        seconds = math.exp(draw.uniform(math.log(low), math.log(min(high, max(low, last - at)))))
        outage = Trouble(at, round(seconds, 1), next(kinds))


def _work(draw: random.Random, tempo: Tempo, last: float) -> Iterator[Trouble]:
    """Kills, pauses, joins and leaves; never fewer than one worker is left."""
    running = set(range(FIRST))
    join = None if tempo.shared else _tenths(draw, FORGOTTEN, FORGOTTEN + 2)
    kinds = _shuffled(draw, ("kill -9", "pause", "join", "leave") if tempo.shared else ("kill -9", "pause"))
    at = _tenths(draw, *tempo.works)
    while join is not None or at <= last:
        kind = next(kinds)
        if kind == "join" and len(running) == WORKERS:
            kind = "leave"
        if kind == "leave" and len(running) == 1:
            kind = "join"
        seconds = 0.0
        if kind == "pause":
            seconds = _tenths(draw, *tempo.pause)
        elif kind == "kill -9":
            seconds = _tenths(draw, 0, 4)
        if join is not None and round(at + seconds, 1) > join:
            at, kind, seconds, join = join, "join", 0.0, None
            kinds = _shuffled(draw, ("kill -9", "pause", "leave", "join"))
            last = at if tempo.join_is_last else last
        worker = draw.choice(sorted(set(range(WORKERS)) - running if kind == "join" else running))
        if kind == "join":
            running.add(worker)
        elif kind == "leave":
            running.discard(worker)
        trouble = Trouble(at, seconds, kind, worker)
        if trouble.end > last:
            return
        yield trouble
        at = round(trouble.end + _tenths(draw, *tempo.works), 1)


def _oddities(draw: random.Random, tempo: Tempo, last: float) -> Iterator[Oddity]:
    kinds = _shuffled(draw, (*(f"poison {kind}" for kind in POISON), *(f"time {kind}" for kind in TIMES)))
    at = draw.uniform(*tempo.oddities)
    number = 0
    while at <= last:
        yield Oddity(round(at, 1), next(kinds), number)
        at += draw.uniform(*tempo.oddities)
        number += 1


def _family(kind: str) -> str:
    return "poison" if kind.startswith("poison") else "times"


def _tenths(draw: random.Random, low: float, high: float) -> float:
    return round(draw.uniform(low, high), 1)


def _shuffled(draw: random.Random, kinds: Sequence[str]) -> Iterator[str]:
    """All of them in a random order, then all in another one, for ever."""
    while True:
        yield from draw.sample(kinds, len(kinds))
