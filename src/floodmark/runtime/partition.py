"""One task on one partition: fetch, process, commit, in that order and never two at once.

Back-pressure is the order itself: what is held is one slice of records here, the outputs since the last commit, and one
fetch of the partition in aiokafka (`FETCH_BYTES`, or one larger message), while other partitions and the heartbeats
go on. A commit is one transaction of the outputs and the offset; records before `live` are replayed, and their outputs
dropped, for they are out already.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from floodmark.letters import broken
from floodmark.records import Output, Record, Task
from floodmark.runtime.attending import Attending
from floodmark.runtime.delivery import Outbox
from floodmark.runtime.errors import RunError, SchemasAwayError
from floodmark.runtime.pace import Pace, slices
from floodmark.runtime.recovery import Recovery, Start
from floodmark.runtime.snapshots import Saved, Snapshots
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.warming import Warming

log = structlog.get_logger(__name__)

FETCH_BYTES = 1_048_576
HELD = 2_000
"""Most outputs that wait for a commit."""
_PLAIN = 10
"""A commit without outputs, of an offset only, waits this many times as long: nobody waits for it."""
_RETRY_SECONDS = 1.0
_WAIT_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_ANSWER_SECONDS = 10.0
"""A broker that has not answered a fetch for so long is away, or stands still: a fetch waits for half a second."""


@dataclass(frozen=True)
class Member:
    """What all partitions of one member of a group share. Durations in seconds."""

    group: str
    stage: str
    consumer: AIOKafkaConsumer
    recovery: Recovery
    snapshots: Snapshots | None
    telemetry: Telemetry
    most: int
    """Records fetched at once."""
    idle: float
    """Silence after which the task says that nothing comes."""
    patience: float
    """Silence of others after which the task goes on without them; it repeats its own word `WORDS` times in it."""
    commit: float
    """Longest wait of an output for its transaction."""
    snapshot: float
    """Time between two snapshots."""
    supply: Callable[[Sequence[Record]], Awaitable[None]] | None = None
    """Gets what the records need beside the state before the task is given them. Raises SchemasAwayError."""
    clock: Callable[[], float] = time.monotonic


class Partition:
    """`start` it, `stop` it, and it can be started again where it stopped; `close` it for good."""

    def __init__(self, source: TopicPartition, make: Callable[[], Task], outbox: Outbox, member: Member) -> None:
        """`make` makes the task, empty."""
        self.source = source
        self.task: Task | None = None
        self.make = make
        self.committed: int | None = None
        self.live: asyncio.Event = asyncio.Event()
        self.left_out = False
        self.warming: Warming | None = None
        self._outbox = outbox
        self._member = member
        self._telemetry = member.telemetry
        self._clock = member.clock
        self._pace = Pace()
        self._mute = 0  # records before this offset are replayed: their outputs are out already
        self._done: int | None = None  # the offset after the last record that was processed
        self._fetched: int | None = None  # the consumer's position: past control records and compacted ones
        self._empty_since: float | None = None  # nothing has been fetched since then
        self._pending: list[Output] = []
        self._since: float | None = None  # when the first record that is not committed was processed
        self._attending = Attending(self.topic, self.partition, member.idle, member.patience, member.telemetry.presence)
        self._snapshot: int | None = None  # position of the newest snapshot
        self._snapshot_at = float("-inf")
        self._saving: asyncio.Task[None] | None = None
        self._interruptible = False
        self._stopping = False
        self._unsupplied = ""  # why the records in hand have to wait
        self._work: asyncio.Task[None] | None = None

    @property
    def topic(self) -> str:
        return str(self.source.topic)

    @property
    def partition(self) -> int:
        return int(self.source.partition)

    def lag(self) -> int | None:
        if self._fetched is None or self.source not in self._member.consumer.assignment():
            return None
        end = self._end()
        return None if end is None else max(0, end - self._fetched)

    def _end(self) -> int | None:
        """The end of the partition; None if its broker has not said it lately."""
        return None if self._unanswered() > _ANSWER_SECONDS else self._member.consumer.highwater(self.source)

    def _unanswered(self) -> float:
        """Seconds for which the partition's broker has not answered; 0 while there are records in hand: then it is not
        asked."""
        if self._empty_since is None or self.source not in self._member.consumer.assignment():
            return 0.0
        answered = self._member.consumer.last_poll_timestamp(self.source)
        silent = time.time() - answered / 1000 if answered is not None else 0.0
        return max(0.0, min(silent, self._clock() - self._empty_since))

    def replaying(self) -> int | None:
        """Records that are still to be replayed in silence; None while the task is being recovered."""
        if self.task is None or self._fetched is None:
            return None
        return max(0, self._mute - self._fetched)

    def learning(self) -> int:
        """Records that changed detectors have still to learn from."""
        return self.warming.left if self.warming is not None else 0

    @property
    def position(self) -> int:
        """The offset after the last record that was processed."""
        return self._done if self._done is not None else 0

    def snapshot_age(self) -> float | None:
        """Seconds since the newest snapshot that this process has written; None before the first."""
        return self._clock() - self._snapshot_at if self._snapshot is not None else None

    @property
    def missing(self) -> int | None:
        """Of those that the task has to hear of, how many it does not hear; None where it waits for nobody."""
        return self._attending.missing

    @property
    def waited(self) -> float:
        """Seconds that the oldest item which waits for others has waited, 0 if none does."""
        return self._attending.waited

    def troubles(self) -> list[str]:
        """Why what arrives now would not be told, in words; empty if it would."""
        place = f"{self.topic}/{self.partition}"
        if self.task is None:
            return [f"{place} is being recovered"]
        if self._unsupplied:
            return [f"{place} waits: {self._unsupplied}"]
        if not self.live.is_set():
            return [f"{place} is being recovered: {self.replaying() or 0:,} records are still to be replayed"]
        if self._attending.missing is None and self.task.awaited() is not None:
            return [f"{place} has just begun to listen"]
        if (seconds := self._unanswered()) > _ANSWER_SECONDS:
            return [f"{place} cannot be read: its broker has not answered for {seconds:.0f} s"]
        return self._attending.troubles(self._clock(), self.lag())

    def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Recover if it is the first time, then work until `stop`; `ended` is called with the asyncio task."""
        self._stopping = False
        self._empty_since = None
        self._attending.begin()
        name = f"{self._member.group} {self.topic}/{self.partition}"
        self._work = asyncio.create_task(self._run(), name=name)
        self._work.add_done_callback(ended)

    async def stop(self) -> None:
        """Return when the slice in hand is processed and committed. What was fetched beyond it is left to be read
        again: a task that is slow must not make a stop, or a rebalance, wait for all of a fetch.
        """
        self._stopping = True
        if self._work is None:
            return
        if self._interruptible:
            self._work.cancel()
        await asyncio.wait({self._work})

    async def close(self) -> None:
        """Give the task up."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.wait({self._saving})
        await self._outbox.close()

    async def save(self) -> None:
        """Write a last snapshot, so that the next owner has nothing to replay. Only while stopped."""
        if self._saving is not None:
            await asyncio.wait({self._saving})
        while self._member.snapshots is not None and self._member.snapshots.busy:  # with another task's
            await asyncio.sleep(_LOOK_SECONDS)
        if self.at_rest():
            await self._save()
            if self._saving is not None:
                await asyncio.wait({self._saving})

    def at_rest(self) -> bool:
        """Whether all that was processed is committed, so that the state is that of the committed offset."""
        return self.live.is_set() and self._done == self.committed

    def replace(self, task: Task, *, left_out: bool) -> None:
        """Go on with another task that has the same state (a reload). Only while stopped."""
        self.task = task
        self.left_out = left_out
        self.outdate()

    def outdate(self) -> None:
        """The state has changed by other means than records: the next snapshot is due at once."""
        self._snapshot, self._snapshot_at = None, float("-inf")

    async def _run(self) -> None:
        if self.task is None and not await self._recover():
            return
        self._go_live()  # where nothing is to be replayed it is heard before its first record, however long that takes
        while not self._stopping:
            records = await self._fetch(self._patience())
            if records:
                self._empty_since = None
                self._attending.heard(self._clock())
                await self._take(records)
            elif self._empty_since is None:
                self._empty_since = self._clock()
            if not records and self.live.is_set() and self._done is not None and (self._fetched or 0) > self._done:
                # Past what is no record (the end of a transaction): else it would look as if nobody read on here.
                self._done = self._fetched
                self._since = self._clock() if self._since is None else self._since
            self._go_live()
            self._attend()
            if self._due():
                await self._commit()
            if self.at_rest() and self._clock() - self._snapshot_at >= self._member.snapshot:
                await self._save()
        await self._commit()

    async def _recover(self) -> bool:
        """Whether the task is where it was; False if a stop came first."""
        self._interruptible = True
        try:
            start: Start = await self._member.recovery.start(self.source, self.make, self._outbox)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            return False
        finally:
            self._interruptible = False
        self._member.consumer.seek(self.source, start.position)
        self._fetched = start.position
        self._mute = self._done = self.committed = start.live
        self._snapshot = start.snapshot
        if start.snapshot is not None:
            self._snapshot_at = self._clock()
        self.left_out = start.left_out
        self.task = start.task
        self._attending.heard(self._clock(), records=False)
        return True

    def _go_live(self) -> None:
        """Be heard, if it is not yet and all is replayed."""
        if self.live.is_set() or self.replaying() != 0:
            return
        self.live.set()
        log.info("live", group=self._member.group, topic=self.topic, partition=self.partition, at=self._mute)

    def _patience(self) -> float:
        """How long to wait for records before something else is due."""
        wait = self._attending.wait(self._clock(), _WAIT_SECONDS)
        if self._since is not None:
            wait = min(wait, self._since + self._wait() - self._clock())
        return max(wait, 0.001)

    async def _fetch(self, seconds: float) -> list[Any]:
        """The next records, or none after `seconds`. Only here, where nothing is in flight, may `stop` interrupt."""
        consumer = self._member.consumer
        self._interruptible = True
        try:
            found = await consumer.getmany(
                self.source, timeout_ms=max(1, int(seconds * 1000)), max_records=self._member.most
            )
            records: list[Any] = found.get(self.source, [])
            if records:
                self._fetched = records[-1].offset + 1
            elif consumer.highwater(self.source) is not None:
                self._fetched = await consumer.position(self.source)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            return []
        except OffsetOutOfRangeError:
            await self._skip_to_what_is_left()
            return []
        except NoOffsetForPartitionError:  # asked before we had sought
            return []
        except KafkaError as error:
            # A wrong checksum is fetched again: never skipped, whether the disk or the network is to blame.
            if not (error.retriable or isinstance(error, CorruptRecordException)):
                raise
            log.warning("fetch failed, will try again", topic=self.topic, partition=self.partition, reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
            return []
        finally:
            self._interruptible = False
        return records

    async def _skip_to_what_is_left(self) -> None:
        """Retention has deleted what comes next: say so, count it, and go on with the oldest that is left."""
        begin = (await self._member.consumer.beginning_offsets([self.source]))[self.source]
        gone = begin - (self._fetched or 0)
        if gone > 0:
            log.error(
                "records were deleted by the topic's retention before they were read: they are lost to us",
                topic=self.topic,
                partition=self.partition,
                records=gone,
            )
            self._telemetry.lost.labels(self.topic, self.partition).inc(gone)
        self._member.consumer.seek(self.source, begin)
        self._fetched = begin

    async def _take(self, records: list[Any]) -> None:
        muted = records[0].offset < self._mute
        replayed = [record for record in records if record.offset < self._mute] if muted else []
        for some in (replayed, records[len(replayed) :]):
            for piece, size in slices(some, self._pace):
                # What is not begun is read again by whoever goes on, here or elsewhere.
                if self._stopping or not await self._supplied(piece):
                    self._fetched = piece[0].offset
                    self._member.consumer.seek(self.source, self._fetched)
                    return
                await self._process(piece, size)
                self._attending.heard(self._clock())
                self._attend()
                if self._due():
                    await self._commit()
                await asyncio.sleep(0)

    async def _supplied(self, records: Sequence[Any]) -> bool:
        """Wait until all is there that the records need; False if a stop came first."""
        supply = self._member.supply
        while supply is not None and not self._stopping:
            try:
                await supply(cast("Sequence[Record]", records))
            except SchemasAwayError as error:
                if not self._unsupplied:
                    log.warning("records wait", topic=self.topic, partition=self.partition, reason=str(error))
                self._unsupplied = str(error)
            else:
                if self._unsupplied:
                    log.info("records need wait no longer", topic=self.topic, partition=self.partition)
                self._unsupplied = ""
                return True
            # Meanwhile the task goes on saying that it is there, and what it has said goes out.
            self._attend()
            if self._due():
                await self._commit()
            await asyncio.sleep(_RETRY_SECONDS)
        return not self._stopping

    async def _process(self, records: Sequence[Any], size: int) -> None:
        # A ConsumerRecord has a Record's fields; to copy each would cost more than to decode it.
        batch = cast("Sequence[Record]", records)
        began = time.perf_counter()
        # What takes long even record by record must not hold up the heartbeats, which share our event loop.
        outputs = await asyncio.to_thread(self._judge, batch) if self._pace.slow(size) else self._judge(batch)
        seconds = time.perf_counter() - began
        self._pace.update(size, seconds)
        self._telemetry.process_seconds.labels(self._member.group).observe(seconds)
        last = batch[-1].offset + 1
        if last <= self._mute:
            self._telemetry.replayed.labels(self.topic, self.partition).inc(len(batch))
            return
        self._telemetry.records.labels(self.topic, self.partition).inc(len(batch))
        self._pending += outputs
        self._done = last
        if self._since is None:
            self._since = self._clock()
        for remark in self._told().remarks():
            log.warning(remark, topic=self.topic, partition=self.partition)

    def _judge(self, batch: Sequence[Record]) -> list[Output]:
        """The task's outputs. A task never raises for bad input; if it does for a bug, it is tried record by record,
        and a record that makes it raise goes to the dead letters: one record must not hold up the stream.
        """
        try:
            return self._told().process(batch)
        except Exception as error:
            where = {"topic": self.topic, "partition": self.partition, "offset": batch[0].offset, "records": len(batch)}
            log.exception("a task raised (a bug in Floodmark, please report it)", group=self._member.group, **where)
            if len(batch) == 1:
                self._telemetry.failures.labels(self.topic, self.partition).inc()
                return [broken(batch[0], self._member.stage, error)]
        return [output for record in batch for output in self._judge([record])]

    def _told(self) -> Task:
        if self.task is None:
            raise RuntimeError(f"{self.source}: no task before recovery")
        return self.task

    def _attend(self) -> None:
        """What is due by the clock and not by records."""
        now, end = self._clock(), self._end()
        try:
            said = self._attending.look(now, self._told(), self._fetched, end, live=self.live.is_set())
        except Exception:
            log.exception(
                "a task raised when it was to speak (a bug in Floodmark)", topic=self.topic, partition=self.partition
            )
            self._telemetry.failures.labels(self.topic, self.partition).inc()
            return
        if said:
            self._pending += said
            self._since = now if self._since is None else self._since

    def _wait(self) -> float:
        return self._member.commit if self._pending else _PLAIN * self._member.commit

    def _due(self) -> bool:
        return self._since is not None and (len(self._pending) >= HELD or self._clock() - self._since >= self._wait())

    async def _commit(self) -> None:
        if self._since is None:
            return
        position = None if self._done == self.committed else self._done
        await self._outbox.commit(self._pending, position)
        self._pending, self._since, self.committed = [], None, self._done

    async def _save(self) -> None:
        """Begin to write a snapshot: of this very moment, while the work goes on. At most one at a time a process."""
        snapshots, position, task = self._member.snapshots, self.committed, self._told()
        if snapshots is None or position is None or position == self._snapshot or snapshots.busy:
            return
        if self.left_out:  # a restart from the older one knows what has still to be learned; this one would forget it
            return
        name = f"{self._member.group}/{self.topic}/{self.partition}"
        forked = asyncio.Event()
        self._snapshot, self._snapshot_at = position, self._clock()
        self._saving = asyncio.create_task(
            self._saved(snapshots.save(name, position, task.snapshot, forked.set)), name=f"snapshot {name}"
        )
        self._saving.add_done_callback(lambda _: forked.set())
        await forked.wait()  # the picture is taken: from here on the state may change

    async def _saved(self, saving: Awaitable[Saved]) -> None:
        counted = self._telemetry.snapshots
        try:
            saved = await saving
        except RunError as error:
            counted.labels(self._member.group, "failed").inc()
            self._snapshot = None
            log.error(
                "snapshot not written, will try again", topic=self.topic, partition=self.partition, reason=str(error)
            )
        else:
            counted.labels(self._member.group, "saved").inc()
            self._telemetry.snapshot_bytes.labels(self._member.group, self.topic, self.partition).set(saved.bytes)
