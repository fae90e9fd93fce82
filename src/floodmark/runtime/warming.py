"""A detector whose parameters changed learns from the recent past, while the rest of its task goes on.

A second task of the new config reads the last hours of the partition with a consumer of its own, its outputs dropped.
When it has come to where the first one is, the first stops for a moment between two commits, takes over what it lacks
(`Task.graft`), and goes on. It must never commit, and never write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from floodmark.records import Record, Task
from floodmark.runtime.errors import SchemasAwayError
from floodmark.runtime.pace import Pace, slices
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

_RETRY_SECONDS = 1.0
_NEAR = 5_000
"""So few records behind, the first task is stopped and the rest is read."""


class Warming:
    """One run over the recent past of `source`. `left` is the number of records that it has still to read."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        source: TopicPartition,
        task: Task,
        turns: Turns,
        supply: Callable[[Sequence[Record]], Awaitable[None]] | None = None,
    ) -> None:
        """`settings` are a client's; `task` is new and empty; `turns` are those of all clients of the run; `supply` is
        `partition.Member`'s."""
        self._supply = supply
        self.left = 0
        self.task = task
        self._source = source
        self._pace = Pace()
        self._next = 0
        self._consumer = turns.share(
            AIOKafkaConsumer(
                **settings, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
            )
        )

    async def run(self, begin: int, position: Callable[[], int], stopped: Callable[[], Awaitable[int]]) -> None:
        """Read from `begin` until near `position()`, then call `stopped`, which stops the first task and gives the
        offset where it stands, and read exactly up to there. Raises KafkaError.
        """
        await self._consumer.start()
        try:
            self._consumer.assign([self._source])
            self._consumer.seek(self._source, begin)
            self._next = begin
            while (left := position() - self._next) > _NEAR:
                self.left = left
                await self._read(position())
            end = await stopped()
            while self._next < end:
                self.left = end - self._next
                await self._read(end)
            self.left = 0
        finally:
            await self._consumer.stop()

    async def _read(self, end: int) -> None:
        """Process some records before `end`."""
        found = await self._consumer.getmany(self._source, timeout_ms=200, max_records=2000)
        records = [record for record in found.get(self._source, []) if record.offset < end]
        for piece, size in slices(records, self._pace):
            await self._supplied(piece)
            began = time.perf_counter()
            if self._pace.slow(size):
                await asyncio.to_thread(self.task.process, piece)
            else:
                self.task.process(piece)
            self._pace.update(size, time.perf_counter() - began)
            await asyncio.sleep(0)
        self._next = min(end, await self._consumer.position(self._source))

    async def _supplied(self, records: Sequence[Record]) -> None:
        while self._supply is not None:
            try:
                await self._supply(records)
            except SchemasAwayError:  # the partition itself says so
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return
