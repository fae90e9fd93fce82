"""The service graph, as the correlator asks it: who is near whom, who depends on whom, and in which words.

Pure and read-only after construction; answers are cached per service, so the memory is bounded by the configuration.
An entity that the topology does not name has no neighbours and no dependencies; it is never an error.
"""

from __future__ import annotations

from collections.abc import Mapping

from floodmark.config.models import Service


class Topology:
    """Services and their dependencies. A dependency that is not itself configured is a service without dependencies."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._calls: dict[str, list[str]] = {}
        self._callers: dict[str, list[str]] = {}
        for name, service in services.items():
            self._calls.setdefault(name, [])
            for called in service.depends_on:
                if called != name and called not in self._calls[name]:
                    self._calls[name].append(called)
                    self._callers.setdefault(called, []).append(name)
        for called in self._callers:
            self._calls.setdefault(called, [])
        self._near: dict[tuple[str, int], dict[str, int]] = {}
        self._closures: dict[str, dict[str, int]] = {}

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
            known = self._near[entity, hops] = _spread(entity, hops, self._calls, self._callers)
        return known

    def closure(self, entity: str) -> Mapping[str, int]:
        """All that `entity` depends on, directly or through others, with the number of steps; not `entity` itself."""
        if entity not in self._calls:
            return {}
        if (known := self._closures.get(entity)) is None:
            known = self._closures[entity] = _spread(entity, len(self._calls), self._calls)
            del known[entity]
        return known

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
