"""What is new, to every open page: a bounded queue for each, in which later news of a thing replace earlier."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from floodmark.console.store import Event

QUEUE: Final = 256
"""News that wait for a browser; with more it is told that something is missing."""


class Follower:
    """One browser. `news` waits for what is there; None: something is missing, and the page asks again."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, str], Event] = OrderedDict()
        self._there = asyncio.Event()
        self.gap = False

    def offer(self, events: Sequence[Event]) -> None:
        if self.gap:
            return
        for each in events:
            self._waiting.pop((each.kind, each.id), None)
            self._waiting[each.kind, each.id] = each
        if len(self._waiting) > QUEUE:
            self._waiting.clear()
            self.gap = True
        self._there.set()

    async def news(self, seconds: float) -> list[Event] | None:
        """What has come, after at most so many seconds; None once after a gap."""
        try:
            async with asyncio.timeout(seconds):
                await self._there.wait()
        except TimeoutError:
            return []
        self._there.clear()
        if self.gap:
            self.gap = False
            return None
        found = list(self._waiting.values())
        self._waiting.clear()
        return found


class Crowd:
    """All browsers that follow."""

    def __init__(self) -> None:
        self.followers: set[Follower] = set()

    def tell(self, events: Sequence[Event]) -> None:
        for each in self.followers:
            each.offer(events)
