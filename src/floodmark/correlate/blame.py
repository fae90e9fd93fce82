"""Where the trouble comes from, as the flow of blame through the service graph.

Each affected entity has a share of the blame, by its evidence and by how early it moved, and each kind of evidence
hands it on in its own way. A full disk, a leak, silence and time spent in the entity itself stay where they are.
Failures and latency go on to the dependencies that are affected too, the more the stronger these are, and to whom the
lines and labels of the series name. Load goes the other way: to the callers whose load has changed, or who are ill
themselves. What is not handed on stays. So the end of a chain collects what its callers pass down to it, and a loss
of traffic goes up to where it began. A dependency without any symptom receives a little: a third party has no series
of its own.

The graph may have circles; what is still on its way after `_ROUNDS` steps stays where it is. Shares add up to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from floodmark.correlate.kinds import Kind
from floodmark.correlate.topology import Topology

_ROUNDS: Final = 12
_STAY: Final = 0.5
"""By how much an entity's own illness holds back what could be handed on, against that of a dependency. What stays by
its kind holds it back once more, in full."""
_REST: Final = 0.2
"""What holds back where there is no evidence at all."""
_NAMED: Final = 0.9
"""What a series hands on to those it speaks of."""
_UNMOVED: Final = 0.5
"""How strong the dependencies without symptoms are, all those of a caller together."""
_ACROSS: Final = 0.36
"""A dependency's dependency, where that in between is not affected."""
_MOVED: Final = 1.0
"""Nats of load that say that it has changed."""
_CLEAR: Final = 7.0
"""Nats of load that leave no doubt; and of illness that explains it."""
_TICK: Final = 60.0
"""Seconds: onsets this close are the same moment, for most series have a point a minute."""
_FADE: Final = 120.0
"""Seconds by which a later onset explains an earlier one 1/e as well, beyond a tick, and has 1/e of the blame."""


class Finding(NamedTuple):
    """What one family of an entity's series says: its nats, and the nats in those that speak of another entity."""

    nats: float
    kind: Kind
    named: Mapping[str, float]


class Affected(NamedTuple):
    """An entity with symptoms. `onset` is when the first of them began that is no mere chance, epoch seconds."""

    findings: Sequence[Finding]
    onset: float


class _Strength(NamedTuple):
    """An entity's nats by what becomes of the blame for them."""

    standing: float
    passing: float
    load: float

    @property
    def ill(self) -> float:
        return self.standing + self.passing


class Blame:
    """The affected part of the service graph, with what flows in it.

    `quiet`: dependencies without symptoms that may be to blame, with how much each attracts of an affected caller's
    blame (1: as a measured one of several).
    """

    def __init__(self, affected: Mapping[str, Affected], quiet: Mapping[str, float], topology: Topology) -> None:
        self._affected = affected
        self._quiet = quiet
        self._strengths = {entity: _strength(one.findings) for entity, one in affected.items()}
        self._called = {entity: _dependencies(entity, affected, topology) for entity in affected}
        self._callers: dict[str, list[tuple[str, float]]] = {entity: [] for entity in affected}
        for entity, called in self._called.items():
            for dependency, share in called:
                self._callers[dependency].append((entity, share))
        self._unmoved = {
            entity: [called for called in topology.depends_on(entity) if called not in affected] for entity in affected
        }

    def source(self, entity: str) -> float:
        """By how much a change of load began at this affected entity, 0 to 1: its own has changed, that of no caller
        has, and it is not ill, which would explain it."""
        own = self._strengths[entity]
        if own.load <= _MOVED or any(self._strengths[caller].load >= _MOVED for caller, _ in self._callers[entity]):
            return 0.0
        strongest = max(f.nats for f in self._affected[entity].findings if f.kind == "load")
        return min(1.0, strongest / _CLEAR) * math.exp(-own.ill / _CLEAR)

    def shares(self) -> dict[str, float]:
        """The blame that stays with each entity, affected or quiet."""
        stays = dict.fromkeys((*self._affected, *self._quiet), 0.0)
        passing, load = dict(stays), dict.fromkeys(self._affected, 0.0)
        _begin(self._affected, stays, passing, load)
        down = {entity: self._down(entity) for entity in self._affected}
        up = {entity: self._up(entity) for entity in self._affected}
        for _ in range(_ROUNDS):
            next_passing, next_load = dict.fromkeys(stays, 0.0), dict.fromkeys(self._affected, 0.0)
            for entity in self._quiet:
                stays[entity] += passing[entity]
            for entity in self._affected:
                stays[entity] += _hand_on(passing[entity], down[entity], next_passing)
                ill, callers = up[entity]
                next_passing[entity] += ill * load[entity]
                stays[entity] += _hand_on(load[entity], callers, next_load) - ill * load[entity]
            passing, load = next_passing, next_load
        for entity in stays:
            stays[entity] += passing[entity] + load.get(entity, 0.0)
        return stays

    def _down(self, entity: str) -> list[tuple[str, float]]:
        """Shares of its failures and latency that its dependencies explain."""
        own = self._strengths[entity]
        routes = [
            (called, share * math.log1p(self._strengths[called].ill) * self._in_time(called, entity))
            for called, share in self._called[entity]
        ]
        unmoved = self._unmoved[entity]
        routes += [
            (called, _UNMOVED * self._quiet[called] / len(unmoved)) for called in unmoved if called in self._quiet
        ]
        holds = _REST + _STAY * math.log1p(own.ill) + math.log1p(own.standing)
        total = holds + math.fsum(weight for _, weight in routes)
        return [(called, weight / total) for called, weight in routes]

    def _up(self, entity: str) -> tuple[float, list[tuple[str, float]]]:
        """The share of its change of load that its own illness explains, and those that its callers do."""
        own = self._strengths[entity]
        routes = []
        for caller, share in self._callers[entity]:
            its = self._strengths[caller]
            weight = math.log1p(its.load) + math.log1p(its.ill)
            routes.append((caller, share * weight))
        ill = math.log1p(own.ill)
        total = _REST + _STAY * math.log1p(own.load) + ill + math.fsum(weight for _, weight in routes)
        return ill / total, [(caller, weight / total) for caller, weight in routes]

    def _in_time(self, cause: str, effect: str) -> float:
        late = self._affected[cause].onset - self._affected[effect].onset - _TICK
        return math.exp(-max(0.0, late) / _FADE)


def _hand_on(amount: float, routes: Sequence[tuple[str, float]], to: dict[str, float]) -> float:
    """What is left of the amount."""
    rest = amount
    for entity, share in routes:
        to[entity] += amount * share
        rest -= amount * share
    return rest


def _begin(
    affected: Mapping[str, Affected],
    stays: dict[str, float],
    passing: dict[str, float],
    load: dict[str, float],
) -> None:
    """Lay out the blame: by entity with the root of its evidence, less the later it moved, and within it by finding."""
    first = min(one.onset for one in affected.values())
    weights = {
        entity: math.sqrt(math.fsum(f.nats for f in one.findings)) * math.exp((first - one.onset) / _FADE)
        for entity, one in affected.items()
    }
    total = math.fsum(weights.values())
    for entity, one in affected.items():
        nats = math.fsum(finding.nats for finding in one.findings)
        if nats <= 0 or total <= 0:
            stays[entity] += weights[entity] / total if total > 0 else 1 / len(affected)
            continue
        for finding in one.findings:
            part = weights[entity] / total * finding.nats / nats
            spoken = math.fsum(finding.named.values())
            if spoken > 0:
                handed = _NAMED * part * min(1.0, spoken / finding.nats)
                for other, said in finding.named.items():
                    passing[other] += handed * said / spoken
                part -= handed
            staying, onward, upward = _becomes(finding.kind)
            stays[entity] += staying * part
            passing[entity] += onward * part
            load[entity] += upward * part


def standing(nats: Iterable[tuple[Kind, float]]) -> float:
    """Those of them that stay where they are."""
    return math.fsum(_becomes(kind)[0] * amount for kind, amount in nats)


def _becomes(kind: Kind) -> tuple[float, float, float]:
    """Shares of a finding's blame that stay, go to dependencies, and go to callers."""
    if kind in ("resource", "silence", "own"):
        return 1.0, 0.0, 0.0
    if kind in ("failure", "latency", "outward"):
        return 0.0, 1.0, 0.0
    return (0.0, 0.0, 1.0) if kind == "load" else (0.5, 0.5, 0.0)


def _strength(findings: Sequence[Finding]) -> _Strength:
    sums = [0.0, 0.0, 0.0]
    for finding in findings:
        for place, share in enumerate(_becomes(finding.kind)):
            sums[place] += share * finding.nats
    return _Strength(*sums)


def _dependencies(entity: str, affected: Mapping[str, Affected], topology: Topology) -> list[tuple[str, float]]:
    """Affected dependencies, and those behind one that is not affected, with how well they are connected."""
    called = topology.depends_on(entity)
    found = {name: 1.0 for name in called if name in affected}
    for name in called:
        if name not in affected:
            for behind in topology.depends_on(name):
                if behind in affected and behind != entity:
                    found.setdefault(behind, _ACROSS)
    return list(found.items())
