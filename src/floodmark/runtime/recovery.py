"""How a task comes to where it left off: fence, committed offset, snapshot, replay. In this order and no other (law 3).

1. `Outbox.open` fences the old owner; what it had begun is ended.
2. The committed offset C is read. Nobody else can move it now.
3. The newest sound snapshot S ≤ C is loaded. (One ahead of C would hold records whose outputs were never committed.)
4. Records S..C are replayed with outputs suppressed: they are out already, and law 1 makes the state what it was.

Without a snapshot the task learns from the recent past, silently, up to C. On a first start C is the end of the topic
(or its beginning, see `kafka.start`), and it is committed at once: from then on nothing is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from floodmark.config.models import State
from floodmark.records import Task
from floodmark.runtime.delivery import Outbox
from floodmark.runtime.snapshots import Snapshots
from floodmark.runtime.telemetry import Telemetry
from floodmark.state import StateError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Start:
    """Where a task begins: it reads from `position`, and is heard from `live` on."""

    task: Task
    position: int
    live: int
    snapshot: int | None = None
    """Position of the snapshot that was loaded."""
    left_out: bool = False
    """The config has changed since: something is still to be learned from the recent past."""


@dataclass(frozen=True)
class Recovery:
    """What recovering any task of a group takes."""

    group: str
    consumer: AIOKafkaConsumer
    snapshots: Snapshots | None
    state: State
    telemetry: Telemetry
    first: Mapping[str, Literal["latest", "earliest"]]
    """Where each topic is taken up that has no committed offset."""
    now: Callable[[], float] = time.time
    resume: Callable[[str, int], Awaitable[bytes | None]] | None = None
    """Gets the state of a task at its committed offset from what it has written, rather than from a snapshot."""

    async def start(self, source: TopicPartition, make: Callable[[], Task], outbox: Outbox) -> Start:
        """Make the task of `source` what it was at its committed offset, or as near as can be; opens `outbox`.

        Raises RunError, KafkaError.
        """
        await outbox.open()
        committed = await self.consumer.committed(source)
        begin = (await self.consumer.beginning_offsets([source]))[source]
        end = (await self.consumer.end_offsets([source]))[source]
        where = {"group": self.group, "topic": source.topic, "partition": source.partition}
        if committed is None:
            committed = begin if self.first.get(source.topic) == "earliest" else end
            await outbox.commit([], committed)
            log.info("first start", at=committed, **where)
        elif committed < begin:
            self._lost(begin - committed, where)
            committed = begin
        elif committed > end:
            log.warning("the topic is shorter than what was read of it: it was made anew, and is read anew", **where)
            committed = begin
        if self.resume is not None:
            return await self._resumed(source, make, committed)
        restored = await self._restored(source, make, committed)
        if restored is not None and restored.position >= begin:
            log.info("state restored", snapshot=restored.position, replay=committed - restored.position, **where)
            self.telemetry.recoveries.labels(self.group, "snapshot").inc()
            return restored
        if restored is not None:
            log.warning(
                "the snapshot is older than what the topic still holds: learning anew from what is there",
                snapshot=restored.position,
                oldest=begin,
                **where,
            )
        position = await self.back_to(source, self.state.history, begin, committed)
        origin = "history" if position < committed else "nothing"
        log.info("no state to go on from", learning_from=position, records=committed - position, **where)
        self.telemetry.recoveries.labels(self.group, origin).inc()
        return Start(make(), position, committed)

    async def back_to(self, source: TopicPartition, seconds: float, begin: int, end: int) -> int:
        """The offset `seconds` ago by the records' Kafka timestamps, within `begin` and `end`.

        Where nothing before `end` is so young, because the work stood still for longer, it looks twice as far back, and
        again: what was before such an outage would else be forgotten, with the anomalies that wait for an incident.
        """
        if seconds <= 0 or begin >= end:
            return end
        now = self.now()
        while True:
            moment = max(0, int((now - seconds) * 1000))
            found: Any = (await self.consumer.offsets_for_times({source: moment}))[source]
            if moment == 0 or (found is not None and found.offset < end):
                return end if found is None else max(begin, min(found.offset, end))
            seconds *= 2

    async def _resumed(self, source: TopicPartition, make: Callable[[], Task], committed: int) -> Start:
        """The task as what it has written says. Nothing is to be replayed: that and the offset are one transaction."""
        state = await self.resume(source.topic, source.partition) if self.resume is not None else None
        task = make()
        if state is not None:
            task.restore(state)
        log.info("resumed", group=self.group, topic=source.topic, partition=source.partition, at=committed)
        self.telemetry.recoveries.labels(self.group, "nothing" if state is None else "snapshot").inc()
        return Start(task, committed, committed)

    async def _restored(self, source: TopicPartition, make: Callable[[], Task], committed: int) -> Start | None:
        """The task as the newest snapshot up to `committed` that it understands has it; None if there is none."""
        if self.snapshots is None:
            return None
        found = await self.snapshots.load(f"{self.group}/{source.topic}/{source.partition}", committed)
        if found is None:
            return None
        task = make()
        try:
            left_out = task.restore(found.state)
        except StateError as error:
            log.error(
                "a snapshot cannot be used: learning anew",
                topic=source.topic,
                partition=source.partition,
                snapshot=found.position,
                reason=str(error),
            )
            self.telemetry.snapshots.labels(self.group, "unusable").inc()
            return None
        if left_out:
            log.info(
                "the config has changed since the snapshot: part of the state is learned anew",
                topic=source.topic,
                partition=source.partition,
                **{f"left_out_{kind}": count for kind, count in left_out.items()},
            )
        return Start(task, found.position, committed, found.position, bool(left_out))

    def _lost(self, records: int, where: Mapping[str, Any]) -> None:
        log.error(
            "records were deleted by the topic's retention before they were read: they are lost to us",
            records=records,
            **where,
        )
        self.telemetry.lost.labels(where["topic"], where["partition"]).inc(records)
