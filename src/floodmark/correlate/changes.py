"""The recent changes of a partition's scopes, ready to be attached to incidents.

Bounded in time and in number: the oldest go first, and what goes before its time is counted. Never reads a clock:
`expire` is told the event time.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from floodmark.alerts import ChangeNotice
from floodmark.correlate.group import Group

EFFECT = 300.0
"""Seconds within which a change has its first effects."""
SLACK = 60.0
"""A change is often announced a little after its first effect is measured."""
CHANGES = 5_000
"""Most changes remembered at once."""
ATTACHED = 20
"""Changes attached to one incident; those nearest to its start stay."""


class RecentChanges:
    """Changes by scope and service, in time order. A change whose scope is empty belongs to every scope."""

    def __init__(self, capacity: int = CHANGES) -> None:
        self.evicted = 0
        """Changes that went because there were too many, before their time."""
        self._capacity = capacity
        self._by_time: list[tuple[float, str, ChangeNotice]] = []
        self._by_service: dict[tuple[str, str], dict[str, ChangeNotice]] = {}

    def __len__(self) -> int:
        return len(self._by_time)

    def state(self) -> object:
        return self._by_time, self._by_service

    def restore(
        self,
        state: tuple[list[tuple[float, str, ChangeNotice]], dict[tuple[str, str], dict[str, ChangeNotice]]],
    ) -> None:
        """Go on from what `state` gave."""
        self._by_time, self._by_service = state

    def add(self, time: float, notice: ChangeNotice) -> bool:
        """Remember a change; False if it was known already."""
        of_service = self._by_service.setdefault((notice.scope, notice.service), {})
        if notice.id in of_service:
            return False
        of_service[notice.id] = notice
        insort(self._by_time, (time, notice.id, notice), key=lambda entry: entry[:2])
        if len(self._by_time) > self._capacity:
            self.evicted += 1
            self._drop(1)
        return True

    def before(self, scope: str, service: str, onset: float) -> ChangeNotice | None:
        """The newest change of a service that what began at `onset` may be the effect of."""
        found = self._of(scope, [service], onset - EFFECT, onset + SLACK)
        return found[-1] if found else None

    def expire(self, before: float) -> None:
        """Forget the changes before a time."""
        old = 0
        while old < len(self._by_time) and self._by_time[old][0] < before:
            old += 1
        if old:
            self._drop(old)

    def attach(self, group: Group, services: Iterable[str], since: float, until: float) -> None:
        """Attach the changes of these services within [since, until] to a group."""
        for notice in self._of(group.scope, services, since, until):
            group.changes[notice.id] = notice
        if len(group.changes) > ATTACHED:
            nearest = sorted(
                group.changes.values(), key=lambda c: (abs(c.time.timestamp() - group.started), c.time, c.id)
            )
            group.changes = {change.id: change for change in nearest[:ATTACHED]}

    def _of(self, scope: str, services: Iterable[str], since: float, until: float) -> list[ChangeNotice]:
        """The changes of these services within [since, until], in time order."""
        found = [
            (time, notice.id, notice)
            for service in services
            for where in dict.fromkeys((scope, ""))
            for notice in self._by_service.get((where, service), {}).values()
            if since <= (time := notice.time.timestamp()) <= until
        ]
        found.sort(key=lambda entry: entry[:2])
        return [notice for _, _, notice in found]

    def _drop(self, number: int) -> None:
        for _, _, notice in self._by_time[:number]:
            key = (notice.scope, notice.service)
            self._by_service[key].pop(notice.id, None)
            if not self._by_service[key]:
                del self._by_service[key]
        del self._by_time[:number]
