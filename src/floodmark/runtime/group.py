"""One consumer group: joins, makes a task for each partition it is given, gives them up in order.

On a revocation what is in flight is finished and committed before the group goes on (aiokafka rebalances eagerly: all
partitions are revoked, then some are assigned again). A task whose partition comes straight back keeps its state if the
committed offset is exactly where it stopped, and goes on at once; else a new task is recovered from the store, beside
those that are at work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from floodmark.config.models import Kafka, State
from floodmark.records import Record, Task
from floodmark.runtime.awake import Awake
from floodmark.runtime.connection import client_settings
from floodmark.runtime.delivery import Mail, Outbox
from floodmark.runtime.errors import RunError, UnreachableError, refused
from floodmark.runtime.partition import FETCH_BYTES, Member, Partition
from floodmark.runtime.plain import Plain
from floodmark.runtime.recovery import Recovery
from floodmark.runtime.snapshots import Snapshots
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.transactions import Transactions
from floodmark.runtime.turns import Turns
from floodmark.runtime.warming import Warming

log = structlog.get_logger(__name__)

_NEVER_MS = 2**31 - 1
_NOWHERE = TopicPartition("", -1)
_LOOK_SECONDS = 0.02

SAVE_SECONDS = 10.0
"""How long a drain may spend on last snapshots."""


@dataclass(frozen=True)
class Route:
    """A consumer group's work: `task(topic, partition, partitions)` makes the task of one partition.

    `group` follows the configured prefix ("detect" → floodmark-detect) and names the stage in dead letters;
    `partitions` is how many each of `topics` has.
    """

    group: str
    topics: tuple[str, ...]
    task: Callable[[str, int, Mapping[str, int]], Task]
    resume: Callable[[str, int], Awaitable[bytes | None]] | None = None
    """Where a task's outputs say themselves how it stands: gets its state (of topic and partition) at the committed
    offset, once the old owner is fenced. No snapshots are kept; a first start takes its topics from the beginning."""


@dataclass(frozen=True)
class Setting:
    """What all groups of a run share. `idle`: seconds after which a task says that nothing comes; `patience`: of the
    silence of others, after which it goes on without them."""

    kafka: Kafka
    state: State
    mail: Mail
    telemetry: Telemetry
    snapshots: Snapshots | None
    idle: float
    patience: float
    embedded: bool = False
    turns: Turns = field(default_factory=Turns)
    supply: Callable[[Sequence[Record]], Awaitable[None]] | None = None
    """Gets what records need beside the state (see `partition.Member`)."""
    internal: frozenset[str] = field(default_factory=frozenset)
    """Topics of our own, which are always read from their beginning."""


def member_of(kafka: Kafka, group: str) -> AIOKafkaConsumer:
    """A consumer of committed records, not started, that commits nothing by itself."""
    session = int(kafka.session_timeout * 1000)
    return AIOKafkaConsumer(
        **client_settings(kafka),
        group_id=group,
        group_instance_id=kafka.instance_id,
        auto_offset_reset="none",  # where to begin is never the client's matter, and nothing is skipped in silence
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


class Group(ConsumerRebalanceListener):
    """One member of one consumer group. `failed` is done, with the exception, when it cannot go on."""

    def __init__(self, route: Route, setting: Setting) -> None:
        kafka = setting.kafka
        self.name = f"{kafka.group}-{route.group}"
        self.assigned = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._route = route
        self._setting = setting
        self._kafka = kafka
        self._telemetry = setting.telemetry
        self._client = client_settings(kafka)
        self._consumer = member_of(kafka, self.name)
        setting.turns.share(self._consumer)
        recovery = Recovery(
            group=self.name,
            consumer=self._consumer,
            snapshots=None if route.resume else setting.snapshots,
            state=setting.state,
            telemetry=setting.telemetry,
            first={t: "earliest" if t in setting.internal or route.resume else kafka.start for t in route.topics},
            resume=route.resume,
        )
        self._recovery = recovery
        self._member = Member(
            group=self.name,
            stage=route.group,
            consumer=self._consumer,
            recovery=recovery,
            snapshots=None if route.resume else setting.snapshots,
            telemetry=setting.telemetry,
            most=kafka.max_poll_records,
            idle=setting.idle,
            patience=setting.patience,
            commit=kafka.commit_interval,
            snapshot=setting.state.interval,
            clock=Awake(),
            supply=setting.supply,
        )
        self._partitions: dict[TopicPartition, Partition] = {}
        self._kept: dict[TopicPartition, Partition] = {}
        self._warming: dict[TopicPartition, asyncio.Task[None]] = {}
        self._tasks: dict[str, int] = {}
        self._first = asyncio.Event()
        self._turn = asyncio.Lock()
        self._leaving = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        return self.assigned and all(partition.live.is_set() for partition in self._partitions.values())

    def views(self) -> Iterable[Partition]:
        return list(self._partitions.values())

    def owns(self, source: TopicPartition) -> bool:
        """Whether the partition is read by this very process."""
        return source in self._partitions

    async def ends(self) -> Mapping[TopicPartition, int]:
        """The end of each partition of the group's topics. Raises KafkaError."""
        topics = self._route.topics
        sources = [TopicPartition(t, p) for t in topics for p in self._consumer.partitions_for_topic(t) or ()]
        found: Mapping[TopicPartition, int] = await self._consumer.end_offsets(sources)
        return found

    @property
    def stage(self) -> str:
        return self._route.group

    def delivered(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether all before `ends` is processed by this very process, and what came of it is written."""
        return all(
            (partition := self._partitions.get(source)) is not None
            and partition.live.is_set()
            and partition.committed is not None
            and (partition.committed >= end or (partition.at_rest() and self._at(source, end)))
            for source, end in ends.items()
        )

    def _at(self, source: TopicPartition, end: int) -> bool:
        """Whether nothing before `end` is left to be fetched: control records of transactions count in it."""
        highwater = self._consumer.highwater(source)
        return highwater is not None and highwater >= end and self._partitions[source].lag() == 0

    async def start(self) -> None:
        """Connect, join, and return once every task of the first assignment is recovered and heard. Raises RunError."""
        try:
            self._consumer.subscribe(self._route.topics, listener=self)
            await self._consumer.start()
        except KafkaConnectionError as error:
            raise UnreachableError(f"Kafka is not reachable at {', '.join(self._kafka.brokers)}: {error}") from error
        except UnknownTopicOrPartitionError as error:
            # The next life asks for them by name.
            raise UnreachableError(f"A topic of {', '.join(self._route.topics)} was not found while joining") from error
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

    async def reload(self, route: Route) -> None:
        """Go on with tasks of another config over the same topics: state goes along, but for what has changed."""
        async with self._turn:
            await self._stop_warming()
            self._route = route
            await asyncio.gather(*(partition.stop() for partition in self._partitions.values()))
            for source, partition in self._partitions.items():
                partition.make = self._maker(source)
                if partition.task is None:  # not recovered yet: it will be, with the new config
                    continue
                state = await asyncio.to_thread(partition.task.snapshot)
                task = partition.make()
                left_out = await asyncio.to_thread(task.restore, state)
                partition.replace(task, left_out=bool(left_out))
            self._work()

    async def drain(self) -> None:
        """Finish what is in flight, commit it, write last snapshots, leave the group, disconnect."""
        self._leaving = True
        try:
            async with self._turn:
                await self._release()
                if not self.failed.done():
                    await self._save()
        finally:
            for partition in (*self._kept.values(), *self._partitions.values()):
                await partition.close()
            self._kept, self._partitions = {}, {}
            if self._watch is not None:
                self._watch.cancel()
            await self._consumer.stop()

    async def _save(self) -> None:
        """Last snapshots, as far as they fit into the time: without them a restart replays more, and no more."""
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                for partition in self._kept.values():
                    await partition.save()
        except TimeoutError:
            log.info("not all last snapshots were written: the next start replays more", group=self.name)

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
        await self._stop_warming()
        released = self._partitions
        await asyncio.gather(*(partition.stop() for partition in released.values()))
        self._partitions, self._kept = {}, self._kept | released

    async def _assign(self, assigned: set[TopicPartition]) -> None:
        async with self._turn:
            if self._leaving:
                return
            tasks = {topic: len(self._consumer.partitions_for_topic(topic) or ()) for topic in self._route.topics}
            same, self._tasks = tasks == self._tasks, tasks
            kept = 0
            for source in sorted(assigned):
                partition = self._kept.get(source)
                if partition is not None and same and await self._untouched(partition):
                    self._partitions[source] = self._kept.pop(source)
                    kept += 1
            gone, self._kept = self._kept, {}
            await asyncio.gather(*(partition.close() for partition in gone.values()))
            for source in sorted(assigned - self._partitions.keys()):
                outbox = self._outbox(source)
                self._partitions[source] = Partition(source, self._maker(source), outbox, self._member)
            self.assigned = True
            self._work()
            self._telemetry.rebalances.labels(self.name).inc()
            log.info(
                "partitions assigned",
                group=self.name,
                partitions=len(assigned),
                of=sum(tasks.values()),
                state_kept=kept,
            )
            self._first.set()

    def _work(self) -> None:
        for source, partition in self._partitions.items():
            partition.start(self._ended)
            warming = asyncio.create_task(self._warm(partition), name=f"{self.name} warming {source}")
            self._warming[source] = warming

    async def _untouched(self, partition: Partition) -> bool:
        """Whether the task is where its committed offset is, so that nobody else has had it."""
        if not partition.at_rest() or partition.committed != await self._consumer.committed(partition.source):
            return False
        self._consumer.seek(partition.source, partition.position)
        return True

    def _maker(self, source: TopicPartition) -> Callable[[], Task]:
        route, tasks = self._route, self._tasks
        return lambda: route.task(source.topic, source.partition, tasks)

    def _outbox(self, source: TopicPartition) -> Outbox:
        if self._setting.embedded:
            return Plain(self._client, source, self.name, self._setting.mail, self._consumer)
        return Transactions(self._client, source, self.name, self._setting.mail)

    async def _warm(self, partition: Partition) -> None:
        """Once the task is heard: teach it what was left out when it was restored under another config."""
        await partition.live.wait()
        source, recovery = partition.source, self._recovery
        if not partition.left_out:
            return
        where = {"group": self.name, "topic": source.topic, "partition": source.partition}
        held = False

        async def stopped() -> int:
            nonlocal held
            await self._turn.acquire()
            held = True
            await partition.stop()
            return partition.position

        try:
            oldest = (await self._consumer.beginning_offsets([source]))[source]
            begin = await recovery.back_to(source, self._setting.state.history, oldest, partition.position)
            log.info("learning what has changed", records=partition.position - begin, **where)
            partition.warming = Warming(
                self._client, source, partition.make(), self._setting.turns, self._setting.supply
            )
            await partition.warming.run(begin, lambda: partition.position, stopped)
            if partition.task is not None:
                partition.task.graft(partition.warming.task)
            partition.left_out = False
            partition.outdate()
            log.info("learned what has changed", **where)
        except KafkaError as error:
            log.error("what has changed could not be learned from the past", reason=str(error), **where)
            partition.left_out = False
        except Exception:
            log.exception("a task raised while learning (a bug in Floodmark, please report it)", **where)
            partition.left_out = False
        finally:
            partition.warming = None
            if held:
                if self._partitions.get(source) is partition:
                    partition.start(self._ended)
                self._turn.release()

    async def _stop_warming(self) -> None:
        tasks, self._warming = list(self._warming.values()), {}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

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
        """What aiokafka gives up on: a refusal is final, for all else a new member is made from nothing.

        (A heartbeat that meets a coordinator still loading is such a case: aiokafka cannot go on after it.)
        """
        known = refused(error, self._kafka.security.username)
        return known or UnreachableError(f"Group {self.name} has to join again: {error}")
