"""Connections to a broker that does not take them are opened by turns: one client tries, the others wait for it.

A task has a producer of its own, and every aiokafka client tries a dead address ten times a second: with a dozen tasks
that is more than a hundred connections a second, exactly when a broker comes up again. Here all clients of a run share
what each of them learns of an address. It must never keep a client from an address that works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aiokafka.client import ConnectionGroup

T = TypeVar("T")

FIRST_SECONDS = 0.25
"""Pause after the first failure at an address; it doubles with each."""
LONGEST_SECONDS = 2.0
"""Longest pause. It is also how long a client waits for its turn before it is told that there is no connection."""
FORGET_SECONDS = 600.0
"""After so long without an attempt a failure is forgotten."""

Address = tuple[str, int]


class Turns:
    """Who may try which address, and when. `attempts` counts the connections that were tried."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        """`clock` counts seconds, from anywhere; default: the event loop's."""
        self.attempts = 0
        self._clock = clock
        self._failing: dict[Address, _Failing] = {}  # bounded by the brokers that failed within `FORGET_SECONDS`

    async def wait(self, address: Address) -> bool:
        """Whether it is the caller's turn now; False if none came within `LONGEST_SECONDS`."""
        clock = self._clock or asyncio.get_running_loop().time
        end = clock() + LONGEST_SECONDS
        while (failing := self._failing.get(address)) is not None:
            now = clock()
            if now >= failing.until:
                failing.until = now + failing.pause  # the others wait for what becomes of this attempt
                break
            if now >= end:
                return False
            try:
                async with asyncio.timeout(min(failing.until, end) - now):
                    await failing.over.wait()
            except TimeoutError:
                continue
        self.attempts += 1
        return True

    def tell(self, address: Address, *, connected: bool) -> None:
        """What became of an attempt."""
        if connected:
            if (over := self._failing.pop(address, None)) is not None:
                over.over.set()
            return
        now = (self._clock or asyncio.get_running_loop().time)()
        for old in [each for each, failing in self._failing.items() if now - failing.until > FORGET_SECONDS]:
            del self._failing[old]  # a broker that has moved
        failing = self._failing.setdefault(address, _Failing())
        failing.pause = min(LONGEST_SECONDS, 2 * failing.pause) if failing.pause else FIRST_SECONDS
        failing.until = now + failing.pause

    def share(self, client: T) -> T:
        """The same consumer or producer, not started yet, that opens its connections by turns from now on."""
        inner: Any = getattr(client, "_client", None) or client.client  # type: ignore[attr-defined]
        connect = inner._get_conn

        async def by_turns(node: Any, **how: Any) -> Any:
            broker = inner.cluster.broker_metadata(node)
            held = inner._conns.get((node, how.get("group", ConnectionGroup.DEFAULT)))
            if broker is None or (held is not None and held.connected()):
                return await connect(node, **how)
            address = (broker.host, broker.port)
            if not await self.wait(address):
                inner.force_metadata_update()  # as after any failure: the broker may have moved
                return None
            found = await connect(node, **how)
            self.tell(address, connected=found is not None)
            return found

        inner._get_conn = by_turns
        return client


class _Failing:
    def __init__(self) -> None:
        self.pause = 0.0
        self.until = 0.0
        self.over = asyncio.Event()
