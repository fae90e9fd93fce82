"""Actions that wait until event time has come to them, so that they stand where a replay would put them too.

An action holds from its `effective` on, behind the anomalies of that time. One without, or one that comes when event
time has passed it already, holds from what has passed. Nobody is held up by an action, and none by mere waiting.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import Any, Final

from floodmark.actions import Action
from floodmark.correlate.order import Stamp

MOST: Final = 10_000
"""Actions that wait; a further one is refused."""
KIND: Final = 5
"""Behind all else of its time."""


class Waiting:
    """The actions of one partition that event time has not come to."""

    def __init__(self) -> None:
        self._heap: list[tuple[Stamp, Action]] = []
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._heap)

    def state(self) -> object:
        return self._heap, self._arrivals

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave."""
        self._heap, self._arrivals = state

    def put(self, action: Action, passed: float) -> bool:
        """Keep an action. Whether it is late: event time, which is at `passed`, has passed it."""
        wanted = _wanted(action)
        # `passed` itself is still to come: what is of that very moment goes first, as in a replay.
        self._push(max(wanted, passed), action)
        return wanted < passed or action.effective is None

    def go_back(self, passed: float) -> None:
        """Event time had gone wrong, and is at `passed` again: what was late by it may not be."""
        waiting, self._heap = sorted(self._heap), []
        for _, action in waiting:
            self._push(max(_wanted(action), passed), action)

    def before(self, stamp: Stamp | tuple[float]) -> Iterator[tuple[Stamp, Action]]:
        """The actions that stand before an item, in order; of a tuple of a time, those that are older."""
        while self._heap and self._heap[0][0] < stamp:
            yield heapq.heappop(self._heap)

    def at_once(self, passed: float) -> Iterator[tuple[Stamp, Action]]:
        """All that wait, in order, as of `passed`: nobody is there who could bring event time to them."""
        for stamp, action in self.before((math.inf,)):
            yield stamp._replace(time=min(stamp.time, passed)), action

    def _push(self, time: float, action: Action) -> None:
        self._arrivals += 1
        heapq.heappush(self._heap, (Stamp(time, KIND, time, action.id, self._arrivals), action))


def _wanted(action: Action) -> float:
    """From when on it is to hold, to the whole millisecond: what is written of it must stand where it stood."""
    if action.effective is None:
        return -math.inf
    return math.floor(round(action.effective.timestamp() * 1000, 3)) / 1000
