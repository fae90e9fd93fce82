"""Whether anybody reads each partition of our groups: also those of processes that have died, or stand still.

A process knows of its own tasks only. That a partition is nobody's shows in the group's committed offset, which stands
where it is while the partition grows: each worker asks for it every few seconds, so that none of them says "ready"
while what arrives is read by nobody. It decides nothing, and its own failures are silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from floodmark.config.models import Kafka
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import refused

log = structlog.get_logger(__name__)

_NAMED = 5
LOOKS = 6
"""Looks within `correlate.patience`."""


class Overseen(Protocol):
    """A group of ours."""

    @property
    def name(self) -> str: ...

    def owns(self, source: TopicPartition) -> bool:
        """Whether the partition is read by this very process, which tells of it itself."""
        ...

    async def ends(self) -> Mapping[TopicPartition, int]:
        """The end of each partition of the group's topics. Raises KafkaError."""
        ...


class Standstill:
    """Which partitions have something unread and a committed offset that stands still, and since when."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, TopicPartition], tuple[int, float]] = {}

    def note(self, now: float, group: str, source: TopicPartition, committed: int, end: int) -> float:
        """Take what is known of a partition now; the seconds for which it has stood still."""
        key = group, source
        if committed >= end:
            self._since.pop(key, None)
            return 0.0
        before = self._since.get(key)
        if before is None or before[0] != committed:
            self._since[key] = committed, now
            return 0.0
        return now - before[1]


class Oversight:
    """`run` it beside the groups; `reasons` are sentences on partitions that nobody reads for longer than `patience`.

    One poll is two small requests a group. Where the cluster does not let us ask, it says so once and ends.
    """

    def __init__(self, kafka: Kafka, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.reasons: list[str] = []
        self._kafka = kafka
        self._patience = patience
        self._clock = clock
        self._standstill = Standstill()

    async def run(self, groups: Sequence[Overseen]) -> None:
        """Look again and again, until cancelled."""
        every = self._patience / LOOKS
        admin: AIOKafkaAdminClient | None = None
        try:
            while True:
                await asyncio.sleep(every)
                try:
                    async with asyncio.timeout(max(every, 5.0)):
                        if admin is None:
                            admin = AIOKafkaAdminClient(**client_settings(self._kafka))
                            await admin.start()
                        self.reasons = await self._look(admin, groups)
                except (KafkaError, OSError) as error:  # TimeoutError is an OSError
                    if isinstance(error, KafkaError) and refused(error, self._kafka.security.username):
                        log.info("how far others have read cannot be asked for: no rights", reason=str(error))
                        return
                    # What was known stays: one broker of several that hangs must not make it look well.
                    if admin is not None:
                        await admin.close()
                        admin = None
        finally:
            self.reasons = []
            if admin is not None:
                await admin.close()

    async def _look(self, admin: AIOKafkaAdminClient, groups: Sequence[Overseen]) -> list[str]:
        reasons = []
        for group in groups:
            committed: Mapping[TopicPartition, Any] = await admin.list_consumer_group_offsets(group.name)
            ends = await group.ends()
            now, still = self._clock(), []
            for source, end in sorted(ends.items()):
                told = committed.get(source)
                seconds = self._standstill.note(now, group.name, source, told.offset if told else -1, end)
                if told is not None and seconds > self._patience and not group.owns(source):
                    still.append((source, seconds))
            if still:
                reasons.append(_sentence(group.name, still))
        return reasons


def _sentence(group: str, still: list[tuple[TopicPartition, float]]) -> str:
    names = ", ".join(f"{source.topic}/{source.partition}" for source, _ in still[:_NAMED])
    more = f" and {len(still) - _NAMED} more" if len(still) > _NAMED else ""
    seconds = max(seconds for _, seconds in still)
    return f"nobody in group {group} has read on in {names}{more} for {seconds:.0f} s"
