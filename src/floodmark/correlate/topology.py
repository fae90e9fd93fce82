"""The service graph, as the correlator asks it: who is near whom, who depends on whom, and in which words.

It is the configuration's, and what detect tasks have learned from spans. A learned dependency goes a day after it was
last told of; there are never more than `LEARNED`. Answers are cached per service until the graph changes.
An entity that the topology does not name has no neighbours and no dependencies; it is never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final

from floodmark.config.models import Service

LEARNED: Final = 10_000
"""Learned dependencies that are kept; those that were not told of for longest go first."""
CACHED: Final = 500_000
"""Services in the answers that are kept, all together."""
KEPT: Final = 86_400.0
"""Seconds for which a learned dependency is kept after it was last told of. Detect tasks tell it each hour."""


class Topology:
    """Services and their dependencies. A dependency that is not itself configured is a service without dependencies."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._configured = [(name, called) for name, service in services.items() for called in service.depends_on]
        self._named = list(services)
        self._learned: dict[tuple[str, str], float] = {}
        self._oldest = float("inf")
        self.evicted = 0
        """Learned dependencies that went because there were too many, before their time."""
        self._build()

    def _build(self) -> None:
        self._calls: dict[str, list[str]] = {name: [] for name in self._named}
        self._callers: dict[str, list[str]] = {}
        for name, called in (*self._configured, *sorted(self._learned)):
            if called != name and called not in self._calls.setdefault(name, []):
                self._calls[name].append(called)
                self._callers.setdefault(called, []).append(name)
        for called in self._callers:
            self._calls.setdefault(called, [])
        self._near: dict[tuple[str, int], dict[str, int]] = {}
        self._closures: dict[str, dict[str, int]] = {}
        self._cached = 0

    @property
    def learned(self) -> int:
        """How many dependencies are learned."""
        return len(self._learned)

    def learn(self, calls: Iterable[tuple[str, str]], time: float) -> None:
        """Callers and what they called, told at event time `time` (seconds)."""
        new = False
        for call in calls:
            new = new or call not in self._learned
            self._learned[call] = max(self._learned.get(call, time), time)
        beyond = self.learned - LEARNED
        oldest = sorted(self._learned, key=lambda each: (self._learned[each], each)) if beyond > 0 else []
        for call in oldest[:beyond]:
            del self._learned[call]
            self.evicted += 1
        self._oldest = min(self._learned.values(), default=float("inf"))
        if new:
            self._build()

    def expire(self, now: float) -> None:
        """Event time is `now`: forget what was last told of more than a day ago."""
        if now - self._oldest <= KEPT:
            return
        self._learned = {call: told for call, told in self._learned.items() if now - told <= KEPT}
        self._oldest = min(self._learned.values(), default=float("inf"))
        self._build()

    def state(self) -> object:
        return self._learned

    def restore(self, learned: dict[tuple[str, str], float]) -> None:
        """Go on from what `state` gave."""
        self._learned = learned
        self._oldest = min(learned.values(), default=float("inf"))
        self._build()

    def __contains__(self, entity: object) -> bool:
        return entity in self._calls

    def __len__(self) -> int:
        return len(self._calls)

    def depends_on(self, entity: str) -> list[str]:
        """What `entity` calls directly."""
        return self._calls.get(entity, [])

    def dependents(self, entity: str) -> list[str]:
        """Who calls `entity` directly."""
        return self._callers.get(entity, [])

    def near(self, entity: str, hops: int) -> Mapping[str, int]:
        """Entities at most `hops` dependencies away in either direction, nearest first, with their distance.

        `entity` itself is among them at distance 0, whether the topology knows it or not.
        """
        if entity not in self._calls:
            return {entity: 0}
        if (known := self._near.get((entity, hops))) is None:
            known = _spread(entity, hops, self._calls, self._callers)
            self._make_room(len(known))
            self._near[entity, hops] = known
        return known

    def within(self, entities: Iterable[str], hops: int) -> Set[str]:
        """All that is at most `hops` dependencies away from any of the entities, in either direction, with them."""
        found = set(entities)
        edge = found
        for _ in range(hops):
            edge = {other for here in edge for graph in (self._calls, self._callers) for other in graph.get(here, ())}
            edge -= found
            found |= edge
        return found

    def closure(self, entity: str) -> Mapping[str, int]:
        """All that `entity` depends on, directly or through others, with the number of steps; not `entity` itself."""
        if entity not in self._calls:
            return {}
        if (known := self._closures.get(entity)) is None:
            known = _spread(entity, len(self._calls), self._calls)
            del known[entity]
            self._make_room(len(known))
            self._closures[entity] = known
        return known

    def _make_room(self, more: int) -> None:
        """Answers are kept as long as they are not too large together: each may name every service."""
        self._cached += more
        if self._cached > CACHED:
            self._near, self._closures, self._cached = {}, {}, more

    def connection(self, one: str, other: str, hops: int) -> str:
        """How two near entities are connected, as a clause: "checkout depends on payment"."""
        for caller, called in ((one, other), (other, one)):
            if called in self._calls.get(caller, ()):
                return f"{caller} depends on {called}"
        for caller, called in ((one, other), (other, one)):
            if called in self.closure(caller):
                return f"{caller} depends on {called} through others"
        return f"{one} and {other} are {hops} dependencies apart"


def _spread(start: str, steps: int, *graphs: Mapping[str, list[str]]) -> dict[str, int]:
    """Breadth first from `start` over the union of the graphs, in the order of the configuration."""
    found = {start: 0}
    edge = [start]
    for distance in range(1, steps + 1):
        further: list[str] = []
        for here in edge:
            for graph in graphs:
                for other in graph.get(here, ()):
                    if other not in found:
                        found[other] = distance
                        further.append(other)
        if not further:
            break
        edge = further
    return found
