"""One consumer group: joins, makes a task for each partition it is given, gives them up in order.

On a revocation what is in flight is finished, delivered and committed before the group goes on (aiokafka rebalances
eagerly: all partitions are revoked, then some are assigned again). A task whose partition comes straight back keeps
its state if the committed offset is exactly where it stopped; else a new task is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from floodmark.config.models import Kafka
from floodmark.records import Output, Stream, Task
from floodmark.runtime.connection import client_settings
from floodmark.runtime.delivery import AtLeastOnce
from floodmark.runtime.errors import RunError, UnreachableError, refused
from floodmark.runtime.partition import FETCH_BYTES, Partition
from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)

_NEVER_MS = 2**31 - 1
_NOWHERE = TopicPartition("", -1)


@dataclass(frozen=True)
class Route:
    """A consumer group's work: `task(topic, partition, tasks)` makes the task of one partition.

    `group` follows the configured prefix ("detect" → floodmark-detect) and names the stage in dead letters; `tasks` is
    the number of partitions over all `topics`.
    """

    group: str
    topics: tuple[str, ...]
    task: Callable[[str, int, int], Task]


class Group(ConsumerRebalanceListener):
    """One member of one consumer group. `failed` is done, with the exception, when it cannot go on."""

    def __init__(
        self,
        kafka: Kafka,
        route: Route,
        topics: Mapping[Stream, str],
        telemetry: Telemetry,
        *,
        idle: float,
        largest: Mapping[str, int],
        on_output: Callable[[Output], None] | None,
    ) -> None:
        self.name = f"{kafka.group}-{route.group}"
        self.assigned = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._route = route
        self._kafka = kafka
        self._telemetry = telemetry
        self._idle = idle
        settings = client_settings(kafka)
        session = int(kafka.session_timeout * 1000)
        self._consumer = AIOKafkaConsumer(
            **settings,
            group_id=self.name,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            session_timeout_ms=session,
            heartbeat_interval_ms=min(3000, session // 3),
            rebalance_timeout_ms=max(60_000, session),  # a revocation waits for acknowledgements
            # Liveness is the heartbeat, which shares our event loop. aiokafka would leave the group after five minutes
            # without a fetch, also when it simply has no partition, and then never come back.
            max_poll_interval_ms=_NEVER_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            metadata_max_age_ms=60_000,
            # Sticky (KIP-54) keeps tasks where their state is. aiokafka's keeps what it remembers in the class,
            # so that two groups of one process would mix it up: each has a class of its own.
            partition_assignment_strategy=(type("Sticky", (StickyPartitionAssignor,), {}),),
        )
        self._delivery = AtLeastOnce(
            settings,
            consumer=self._consumer,
            group=self.name,
            topics=topics,
            telemetry=telemetry,
            largest=largest,
            on_output=on_output,
        )
        self._partitions: dict[TopicPartition, Partition] = {}
        self._kept: dict[TopicPartition, Partition] = {}
        self._tasks = 0
        self._first = asyncio.Event()
        self._turn = asyncio.Lock()
        self._leaving = False
        self._watch: asyncio.Task[None] | None = None

    def views(self) -> Iterable[Partition]:
        return list(self._partitions.values())

    async def start(self) -> None:
        """Connect, join, and return once the first assignment is in work. Raises RunError."""
        try:
            await self._delivery.start()
            self._consumer.subscribe(self._route.topics, listener=self)
            await self._consumer.start()
        except KafkaConnectionError as error:
            raise UnreachableError(f"Kafka is not reachable at {', '.join(self._kafka.brokers)}: {error}") from error
        except UnknownTopicOrPartitionError as error:
            raise RunError(f"A topic of {', '.join(self._route.topics)} has gone while joining") from error
        except KafkaError as error:
            raise self._sentence(error) from error
        self._watch = asyncio.create_task(self._watching(), name=f"{self.name} watch")
        self._watch.add_done_callback(self._ended)
        first = asyncio.ensure_future(self._first.wait())
        waiting: set[asyncio.Future[Any]] = {first, self.failed}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
        if self.failed.done():
            self.failed.result()

    async def drain(self) -> None:
        """Finish what is in flight, deliver and commit it, leave the group, disconnect."""
        self._leaving = True
        try:
            async with self._turn:
                await self._release()
        finally:
            if self._watch is not None:
                self._watch.cancel()
            await self._consumer.stop()
            await self._delivery.close()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._guarded(self._revoke())

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._guarded(self._assign(assigned))

    async def _guarded(self, step: Coroutine[Any, Any, None]) -> None:
        """aiokafka logs and swallows what a listener raises, so it is caught before and made to fail the run."""
        task = asyncio.ensure_future(step)
        await asyncio.wait({task})
        self._ended(task)

    async def _revoke(self) -> None:
        async with self._turn:
            await self._release()

    async def _release(self) -> None:
        self.assigned = False
        released = self._partitions
        await asyncio.gather(*(partition.stop() for partition in released.values()))
        await self._delivery.settle()
        self._partitions, self._kept = {}, released

    async def _assign(self, assigned: set[TopicPartition]) -> None:
        async with self._turn:
            if self._leaving:
                return
            tasks = sum(len(self._consumer.partitions_for_topic(topic) or ()) for topic in self._route.topics)
            kept = 0
            for source in sorted(assigned):
                partition = self._kept.get(source)
                if partition is None or tasks != self._tasks or not await self._untouched(partition):
                    partition = self._partition(source, tasks)
                else:
                    kept += 1
                self._partitions[source] = partition
            for partition in self._partitions.values():
                partition.start(self._ended)
            self._kept, self._tasks, self.assigned = {}, tasks, True
            self._telemetry.rebalances.labels(self.name).inc()
            log.info("partitions assigned", group=self.name, partitions=len(assigned), of=tasks, state_kept=kept)
            self._first.set()

    async def _untouched(self, partition: Partition) -> bool:
        return partition.position is not None and partition.position == await self._consumer.committed(partition.source)

    def _partition(self, source: TopicPartition, tasks: int) -> Partition:
        return Partition(
            source,
            self._route.task(source.topic, source.partition, tasks),
            self._consumer,
            self._delivery,
            self._telemetry,
            group=self.name,
            stage=self._route.group,
            most=self._kafka.max_poll_records,
            idle=self._idle,
        )

    async def _watching(self) -> None:
        """Hear of the coordinator's errors also while no partition is ours, when nobody fetches."""
        while True:
            await self._consumer.getmany(_NOWHERE)
            await asyncio.sleep(1)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.failed.done():
            return
        error = task.exception()
        if error is not None:
            self.failed.set_exception(self._sentence(error) if isinstance(error, KafkaError) else error)
            self.failed.exception()  # looked at: `run` raises it, unless it is stopping anyway

    def _sentence(self, error: KafkaError) -> RunError:
        """What aiokafka gives up on: a refusal is final, for all else a new member is made from nothing.

        (A heartbeat that meets a coordinator still loading is such a case: aiokafka cannot go on after it.)
        """
        known = refused(error, self._kafka.security.username)
        return known or UnreachableError(f"Group {self.name} has to join again: {error}")
