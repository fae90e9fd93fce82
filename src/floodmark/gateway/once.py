"""What is sent again is written once, so far as one process can know.

Two kinds of repetition. A delivery that says what it is known by (its id, or all that it signed) is remembered for some
time after it was written: whoever sends it again is told yes, and nothing is written. One that says nothing is
remembered only while its outcome is open: we have told its sender to come again, since Kafka did not answer in time,
and Kafka may take it all the same. When it comes again it is the same one, and its sender is told what became of it.

Bounded: of what was written the oldest is forgotten beyond `MOST`; of what waits, the producer bounds the bytes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal

MOST: Final = 20_000


@dataclass(slots=True)
class _Entry:
    task: asyncio.Task[None]
    until: float
    told: bool = False
    """Whether a sender was told yes."""


class Once:
    """The deliveries of all sources that are known, by (source, what it is known by)."""

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        """`clock` counts seconds and does not go back."""
        self._clock = clock
        self._most = most
        self._known: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._open: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def waiting(self) -> int:
        """Bodies that Kafka has not acknowledged."""
        return len(self._open)

    async def write(
        self,
        source: str,
        id: str,
        digest: str,
        send: Callable[[], Coroutine[Any, Any, None]],
        *,
        wait: float,
        keep: float,
    ) -> Literal["taken", "repeated"]:
        """Send, unless it was sent already. `id` is empty of what says nothing; `digest` is then that of the body.

        Raises TimeoutError if Kafka has not answered within `wait` seconds, and what `send` raises. `keep`: seconds for
        which it is known after this.
        """
        key = (source, f"id {id}" if id else f"body {digest}")
        entry = self._entry(key)
        if entry is None:
            task = asyncio.create_task(send())
            self._open.add(task)
            task.add_done_callback(self._closed)
            entry = _Entry(task, self._clock() + keep)
            if id:
                self._remember(key, entry)
        try:
            async with asyncio.timeout(wait):
                await asyncio.shield(entry.task)
        except TimeoutError:
            if not entry.task.done():  # its outcome is open: known until somebody is told it
                self._remember(key, entry)
            raise
        except BaseException:
            if self._known.get(key) is entry:
                del self._known[key]
            raise
        if not id and self._known.get(key) is entry:
            del self._known[key]
        repeated, entry.told = entry.told, True
        return "repeated" if repeated else "taken"

    async def drain(self, seconds: float) -> int:
        """Wait for what is open; how many are still open then."""
        if self._open:
            await asyncio.wait(set(self._open), timeout=seconds)
        return len(self._open)

    def _entry(self, key: tuple[str, str]) -> _Entry | None:
        entry = self._known.get(key)
        if entry is None:
            return None
        failed = entry.task.done() and (entry.task.cancelled() or entry.task.exception() is not None)
        if failed or (entry.task.done() and self._clock() >= entry.until):
            del self._known[key]
            return None
        return entry

    def _remember(self, key: tuple[str, str], entry: _Entry) -> None:
        self._known[key] = entry
        self._known.move_to_end(key)
        if len(self._known) > self._most:
            oldest = next((old for old, each in self._known.items() if each.task.done()), None)
            if oldest is not None:
                del self._known[oldest]

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, for whoever waited may have gone
