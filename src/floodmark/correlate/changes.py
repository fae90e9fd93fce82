"""The recent changes of a partition's scopes, ready to be attached to incidents.

Bounded in time and in number: the oldest go first, and what goes before its time is counted. Never reads a clock:
`expire` is told the event time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from floodmark.alerts import ChangeNotice
from floodmark.correlate.group import Group
from floodmark.signals import ChangeStatus

EFFECT = 300.0
"""Seconds within which a change has its first effects."""
SLACK = 60.0
"""A change is often announced a little after its first effect is measured."""
CHANGES = 5_000
"""Most changes remembered at once."""
ATTACHED = 20
"""Changes attached to one incident; those nearest to its start stay."""


_RANK: Final[dict[ChangeStatus, int]] = {"started": 0, "": 1, "cancelled": 2, "failed": 3, "succeeded": 4}
"""Of what is said at one time, the last of these is how it ended."""


class Known(Struct):
    """A change, and all that was said of it: the newest word of each status, so that it does not matter in which order
    they came. `notice` is what they come to; its time is when it began, `last` when it was last heard of."""

    notice: ChangeNotice
    last: float
    words: dict[ChangeStatus, ChangeNotice] = field(default_factory=dict)

    def hear(self, notice: ChangeNotice) -> bool:
        """Take another word on it; whether it says anything new."""
        before = self.notice
        known = self.words.get(notice.status)
        if known is None or _age(notice) > _age(known):
            self.words[notice.status] = notice
        self.last = max(self.last, notice.time.timestamp())
        began = min(before.time, notice.time)
        merged: ChangeNotice | None = None
        for word in sorted(self.words.values(), key=_age):
            merged = word if merged is None else _after(merged, word)
        if merged is not None:
            self.notice = replace(merged, time=began)
        return self.notice != before


def _age(word: ChangeNotice) -> tuple[object, ...]:
    return (word.time, _RANK[word.status], *(getattr(word, name) for name in word.__struct_fields__ if name != "time"))


def _after(before: ChangeNotice, word: ChangeNotice) -> ChangeNotice:
    """A later word: what it leaves out stays as it was."""
    texts = {
        name: getattr(word, name) or getattr(before, name)
        for name in ("summary", "version", "environment", "url", "actor")
    }
    return replace(word, **texts)


class RecentChanges:
    """Changes by scope and service, in time order. A change whose scope is empty belongs to every scope."""

    def __init__(self, capacity: int = CHANGES) -> None:
        self.evicted = 0
        """Changes that went because there were too many, before their time."""
        self._capacity = capacity
        self._by_time: list[tuple[float, str, ChangeNotice]] = []
        self._by_service: dict[tuple[str, str], dict[str, Known]] = {}

    def __len__(self) -> int:
        return len(self._by_time)

    def state(self) -> object:
        return self._by_time, self._by_service

    def restore(
        self,
        state: tuple[list[tuple[float, str, ChangeNotice]], dict[tuple[str, str], dict[str, Known]]],
    ) -> None:
        """Go on from what `state` gave."""
        self._by_time, self._by_service = state

    def add(self, time: float, notice: ChangeNotice) -> bool:
        """Remember a change, or what else is said of one; False if all of it was known already."""
        of_service = self._by_service.setdefault((notice.scope, notice.service), {})
        known = of_service.get(notice.id)
        if known is not None:
            place = bisect_left(self._by_time, (known.notice.time.timestamp(), notice.id), key=lambda entry: entry[:2])
            if not known.hear(notice):
                return False
            del self._by_time[place]
            insort(self._by_time, _entry(known.notice), key=lambda entry: entry[:2])
            return True
        of_service[notice.id] = Known(notice, time, {notice.status: notice})
        insort(self._by_time, _entry(notice), key=lambda entry: entry[:2])
        if len(self._by_time) > self._capacity:
            self.evicted += 1
            self._drop(1)
        return True

    def knows(self, notice: ChangeNotice) -> bool:
        """Whether something was said of the change before."""
        return notice.id in self._by_service.get((notice.scope, notice.service), {})

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
        """The changes of these services that went on within [since, until], in the order in which they began."""
        found = [
            _entry(known.notice)
            for service in services
            for where in dict.fromkeys((scope, ""))
            for known in self._by_service.get((where, service), {}).values()
            if since <= known.last and known.notice.time.timestamp() <= until
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


def _entry(notice: ChangeNotice) -> tuple[float, str, ChangeNotice]:
    return notice.time.timestamp(), notice.id, notice
