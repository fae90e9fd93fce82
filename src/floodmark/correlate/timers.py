"""The timers of groups, in event time. A group has one that counts: it may be early, and is then set again.

It never reads a clock: what is due is asked for with a time.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from floodmark.correlate.group import Group


class Timers:
    """A heap of times and group ids. Entries of groups that have gone stay until they fire, or are too many."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def state(self) -> object:
        return self._heap

    def restore(self, state: list[tuple[float, str]]) -> None:
        """Go on from what `state` gave."""
        self._heap = state

    def set(self, group: Group, due: float, groups: Mapping[str, Group]) -> None:
        """Set the timer of a group, one of `groups`, unless an earlier one will look again anyway."""
        if group.scheduled is None or due < group.scheduled:
            group.scheduled = due
            heapq.heappush(self._heap, (due, group.id))
        if len(self._heap) > 1024 + 4 * len(groups):
            self._heap = [(g.scheduled, g.id) for g in groups.values() if g.scheduled is not None]
            heapq.heapify(self._heap)

    def fire(self, until: float, groups: Mapping[str, Group]) -> tuple[float, Group] | None:
        """The next timer before `until`, and its group, which has none then."""
        while self._heap and self._heap[0][0] < until:
            time, group_id = heapq.heappop(self._heap)
            group = groups.get(group_id)
            if group is None or group.scheduled != time:
                continue  # a timer of one that has gone, or has a newer one
            group.scheduled = None
            return time, group
        return None
