"""The notifier's consumer group: a desk for each partition of the alerts that this process is given.

A rebalance gives all desks up, in order: what is under way is answered and committed first. All that a desk knows is in
its ledger, so nothing is kept beyond it; a reload is the same, under another config.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from floodmark.config.models import Config
from floodmark.notify import ledger
from floodmark.notify.aside import Aside, topics_of
from floodmark.notify.desk import Desk
from floodmark.notify.elsewhere import Ask, Elsewhere
from floodmark.notify.hearing import Hearing
from floodmark.notify.ledger import Ledger
from floodmark.notify.metrics import Metrics
from floodmark.notify.partition import Member, Partition
from floodmark.notify.posting import Posting
from floodmark.runtime.connection import client_settings
from floodmark.runtime.delivery import Mail, Outbox
from floodmark.runtime.errors import RunError, UnreachableError, refused
from floodmark.runtime.group import member_of
from floodmark.runtime.plain import Plain
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.transactions import Transactions
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

_NOWHERE = TopicPartition("", -1)
_LOOK_SECONDS = 0.02
_RECALLS = 8
"""Ledgers that are read at a time: each is read with a consumer of its own."""


@dataclass(frozen=True)
class Work:
    """What is to be done, and under which config."""

    config: Config
    posting: Posting
    make: Callable[[], Desk]
    silences: Mapping[str, Ask] = field(default_factory=dict)
    """How to ask targets for the silences that people made there."""


@dataclass(frozen=True)
class Setting:
    """What a life of the run has besides. `counts`: the partitions of the topics that are heard aside."""

    mail: Mail
    turns: Turns
    telemetry: Telemetry
    metrics: Metrics
    hearing: Hearing | None
    counts: Mapping[str, int]
    embedded: bool = False


class Group(ConsumerRebalanceListener):
    """One member of the group. `failed` is done, with the exception, when it cannot go on."""

    def __init__(self, work: Work, setting: Setting) -> None:
        kafka = work.config.kafka
        self.name = f"{kafka.group}-notify"
        self.assigned = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._kafka = kafka
        self._topic = work.config.topics.alerts
        self._work = work
        self._setting = setting
        self._consumer = setting.turns.share(member_of(kafka, self.name))
        self._partitions: dict[TopicPartition, Partition] = {}
        self._first = asyncio.Event()
        self._turn = asyncio.Lock()
        self._recalls = asyncio.Semaphore(_RECALLS)
        self._leaving = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        return self.assigned and all(partition.live.is_set() for partition in self._partitions.values())

    def views(self) -> Iterable[Partition]:
        return list(self._partitions.values())

    def owns(self, source: TopicPartition) -> bool:
        return source in self._partitions

    async def ends(self) -> Mapping[TopicPartition, int]:
        """The end of each partition of the alerts. Raises KafkaError."""
        sources = [TopicPartition(self._topic, p) for p in self._consumer.partitions_for_topic(self._topic) or ()]
        found: Mapping[TopicPartition, int] = await self._consumer.end_offsets(sources)
        return found

    async def start(self) -> None:
        """Connect, join, and return once every desk of the first assignment is at work. Raises RunError."""
        try:
            self._consumer.subscribe([self._topic], listener=self)
            await self._consumer.start()
        except KafkaConnectionError as error:
            raise UnreachableError(f"Kafka is not reachable at {', '.join(self._kafka.brokers)}: {error}") from error
        except UnknownTopicOrPartitionError as error:
            raise UnreachableError(f"Topic {self._topic} was not found while joining") from error
        except KafkaError as error:
            raise self._sentence(error) from error
        self._watch = asyncio.create_task(self._watching(), name=f"{self.name} watch")
        self._watch.add_done_callback(self._ended)
        first = asyncio.ensure_future(self._first.wait())
        waiting: set[asyncio.Future[Any]] = {first, self.failed}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
        while not self.live and not self.failed.done():
            await asyncio.sleep(_LOOK_SECONDS)
        if self.failed.done():
            self.failed.result()

    async def reload(self, work: Work, counts: Mapping[str, int]) -> None:
        """Go on under another config."""
        async with self._turn:
            sources = list(self._partitions)
            await self._release()
            self._work, self._setting = work, replace(self._setting, counts=counts)
            self._take(sources)

    async def drain(self) -> None:
        """Finish what is under way, commit it, leave the group, disconnect."""
        self._leaving = True
        try:
            async with self._turn:
                await self._release()
        finally:
            if self._watch is not None:
                self._watch.cancel()
            await self._consumer.stop()

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
            self.assigned = False
            await self._release()

    async def _release(self) -> None:
        await asyncio.gather(*(partition.stop() for partition in self._partitions.values()))
        self._partitions = {}

    async def _assign(self, assigned: set[TopicPartition]) -> None:
        async with self._turn:
            if self._leaving:
                return
            self._take(sorted(assigned))
            self.assigned = True
            self._setting.telemetry.rebalances.labels(self.name).inc()
            log.info("partitions assigned", group=self.name, partitions=sorted(s.partition for s in assigned))
            self._first.set()

    def _take(self, sources: Iterable[TopicPartition]) -> None:
        member = self._member()
        for source in sources:
            partition = Partition(source, member, self._outbox(source), self._aside(source), self._elsewhere(source))
            self._partitions[source] = partition
            partition.start(self._ended)

    def _member(self) -> Member:
        setting, work = self._setting, self._work
        topic = work.config.topics.deliveries
        return Member(
            group=self.name,
            config=work.config,
            consumer=self._consumer,
            posting=work.posting,
            hearing=setting.hearing,
            telemetry=setting.telemetry,
            metrics=setting.metrics,
            make=work.make,
            recall=partial(self._recall, topic),
            counts=setting.counts,
            proof=self._kafka.session_timeout / 2,
        )

    async def _recall(self, topic: str, partition: int) -> Ledger:
        async with self._recalls:
            return await ledger.read(self._kafka, topic, partition, self._setting.turns)

    def _outbox(self, source: TopicPartition) -> Outbox:
        client = client_settings(self._kafka)
        if self._setting.embedded:
            return Plain(client, source, self.name, self._setting.mail, self._consumer)
        return Transactions(client, source, self.name, self._setting.mail)

    def _aside(self, source: TopicPartition) -> Aside | None:
        if source.partition != 0 or not topics_of(self._work.config):
            return None
        return Aside(self._work.config, self._setting.turns)

    def _elsewhere(self, source: TopicPartition) -> Elsewhere | None:
        hearing = self._setting.hearing
        if source.partition != 0 or not self._work.silences or hearing is None:
            return None
        return Elsewhere(self._work.silences, hearing.of_one)

    async def _watching(self) -> None:
        """Hear of the coordinator's errors also while no partition is ours, when nobody fetches."""
        while True:
            await self._consumer.getmany(_NOWHERE)
            await asyncio.sleep(1)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()  # also of the second that fails: asyncio would complain of what nobody looked at
        if error is not None and not self.failed.done():
            self.failed.set_exception(self._sentence(error) if isinstance(error, KafkaError) else error)
            self.failed.exception()  # looked at: `run` raises it, unless it is stopping anyway

    def _sentence(self, error: KafkaError) -> RunError:
        known = refused(error, self._kafka.security.username)
        return known or UnreachableError(f"Group {self.name} has to join again: {error}")
