"""One desk on one partition of the alerts: hear, commit, send, settle, in that order and never two at once.

What is to be told is committed before it is sent, with the offset of what it came from; what has come of it is
committed after. So a crash loses nothing, and sends at most once more what was under way, under the same id. Whoever
gets the partition next fences us, reads the ledger, and goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from floodmark.actions import Action
from floodmark.alerts import ChangeNotice, Incident
from floodmark.config.models import Config
from floodmark.events import MalformedEventError, decode, encode
from floodmark.letters import broken
from floodmark.notify import ledger
from floodmark.notify.aside import Aside, News
from floodmark.notify.desk import Desk, Job
from floodmark.notify.elsewhere import Elsewhere
from floodmark.notify.hearing import Hearing
from floodmark.notify.ledger import Ledger, Positions
from floodmark.notify.metrics import Delays, Metrics
from floodmark.notify.posting import Posting
from floodmark.notify.sink import Outcome
from floodmark.records import EARLIEST, Output, Record, Task, arrival
from floodmark.runtime.delivery import Outbox
from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)

FINISH_SECONDS: Final = 15.0
"""So long a stop waits for what is under way; what has no answer by then is sent once more by whoever goes on."""
_LOOK_SECONDS: Final = 1.0
"""Longest time between two looks at the desk."""
_PAUSE_SECONDS: Final = 0.02
_SLOW_SECONDS: Final = 0.5
"""After so long without an answer to a commit Kafka may be away."""
_OFFSETS_SECONDS: Final = 1.0
_POSITIONS_SECONDS: Final = 10.0
"""Longest time until an offset, or positions, are committed with which nothing else has to be."""
_RETRY_SECONDS: Final = 1.0
_MOST: Final = 500
_ANSWER_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Member:
    """What all partitions of one member share, under one config."""

    group: str
    config: Config
    consumer: AIOKafkaConsumer
    posting: Posting
    hearing: Hearing | None
    telemetry: Telemetry
    metrics: Metrics
    make: Callable[[], Desk]
    recall: Callable[[int], Awaitable[Ledger]]
    """Reads the ledger of a partition."""
    counts: Mapping[str, int]
    """How many partitions the topics have that are heard aside."""
    embedded: bool = False
    proof: float = 7.5
    """Seconds for which it is certain that nobody else has the partition, after a commit: less than a session."""
    clock: Callable[[], float] = time.time


def passed() -> float:
    """Seconds of a clock that goes on while this process, or its host, stands still."""
    suspended_too = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return time.clock_gettime(suspended_too) if suspended_too is not None else time.monotonic()


class Partition:
    """`start` it, `stop` it, once."""

    def __init__(
        self,
        source: TopicPartition,
        member: Member,
        outbox: Outbox,
        aside: Aside | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`aside`, `elsewhere`: what else is heard here."""
        self.source = source
        self.desk: Desk | None = None
        self.task: Task | None = None  # of the telemetry's view: there is none here
        self.live = asyncio.Event()
        self._member = member
        self._outbox = outbox
        self._aside = aside
        self._elsewhere = elsewhere
        self._clock = member.clock
        self._delays = Delays(member.metrics, member.clock)
        self._stopping = False
        self._woken = asyncio.Event()
        self._inbox: deque[tuple[list[Any], int]] = deque()
        self._news: deque[News] = deque()
        self._room = asyncio.Event()
        self._answers: deque[tuple[Job, Outcome]] = deque()
        self._letters: list[Output] = []
        self._acts: list[Action] = []
        self._sending: dict[asyncio.Task[None], bool] = {}  # whether it is under way
        self._next: int | None = None  # the offset after the last record that was heard
        self._committed: int | None = None
        self._positions: Positions = {}
        self._unsaid: Positions = {}  # positions that are not committed
        self._proved = passed()  # when it was last certain that the partition is ours
        self._doubted = False
        self._asked: float | None = None  # since when a commit is under way
        self._since: float | None = None  # when something was heard of which nothing is committed yet
        self._answered = 0.0  # monotonic: when the broker last answered a fetch
        self._work: asyncio.Task[None] | None = None

    @property
    def topic(self) -> str:
        return str(self.source.topic)

    @property
    def partition(self) -> int:
        return int(self.source.partition)

    # What the telemetry asks of any partition.

    def lag(self) -> int | None:
        end = self._member.consumer.highwater(self.source) if self._owned() else None
        return None if end is None or self._next is None else max(0, end - self._next)

    def replaying(self) -> int | None:
        return 0 if self.live.is_set() else None

    def learning(self) -> int:
        return 0

    def snapshot_age(self) -> float | None:
        return None

    @property
    def missing(self) -> int | None:
        return None

    @property
    def waited(self) -> float:
        return 0.0

    def troubles(self) -> list[str]:
        """Why what arrives now would not be told, in words."""
        place = f"{self.topic}/{self.partition}"
        if not self.live.is_set():
            return [f"{place} is being recovered"]
        silent = time.monotonic() - self._answered
        if silent > _ANSWER_SECONDS and not self._inbox:
            return [f"{place} cannot be read: its broker has not answered for {silent:.0f} s"]
        return []

    # Its life.

    def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """`ended` is called with the asyncio task."""
        self._work = asyncio.create_task(self._run(), name=f"{self._member.group} {self.topic}/{self.partition}")
        self._work.add_done_callback(ended)

    async def stop(self) -> None:
        """Return when what is under way is answered, or has had its time, and all that is known is committed."""
        self._stopping = True
        self._woken.set()
        if self._work is not None:
            if not self.live.is_set():
                self._work.cancel()
            await asyncio.wait({self._work})

    async def _run(self) -> None:
        feeding: list[asyncio.Task[None]] = []
        try:
            await self._recover()
            feeding.append(asyncio.create_task(self._feed()))
            if self._aside is not None:
                feeding.append(asyncio.create_task(self._feed_aside(self._aside)))
            if self._elsewhere is not None:
                feeding.append(asyncio.create_task(self._feed_acts(self._elsewhere)))
            for each in feeding:
                each.add_done_callback(lambda _: self._woken.set())
            while not self._stopping:
                for each in feeding:
                    if each.done():
                        each.result()
                await self._turn()
                await self._wait()
            await self._finish()
        finally:
            for task in (*feeding, *self._sending):
                task.cancel()
            if feeding or self._sending:
                await asyncio.wait({*feeding, *self._sending})
            await self._close()

    async def _close(self) -> None:
        if self.desk is not None:
            if self._member.hearing is not None:
                self._member.hearing.leave(self.desk)
            self._member.metrics.retire(self.desk)
            self.desk = None
        if self._aside is not None:
            await self._aside.stop()
        await self._outbox.close()

    async def _recover(self) -> None:
        """Fence, read the offset, read the ledger, restore: in this order, so that nobody else can change them."""
        await self._outbox.open()
        start, first = await self._offset()
        found: Ledger = await self._member.recall(self.partition)
        desk = self._member.make()
        desk.restore(found.entries, self._clock())
        self.desk = desk  # from now on it is taken leave of, whatever comes
        if self._member.hearing is not None:
            self._member.hearing.join(desk, self._woken.set)
        if self._aside is not None:
            before = found.positions
            self._positions = await self._aside.start(before, self._member.counts)
            self._unsaid = {place: at for place, at in self._positions.items() if before.get(place) != at}
        self._member.consumer.seek(self.source, start)
        self._next = start
        self._committed = None if first else start
        if first or self._unsaid:
            await self._commit([])
        self._answered = time.monotonic()
        self.live.set()
        where = {"group": self._member.group, "topic": self.topic, "partition": self.partition}
        if first and found.entries:  # Kafka forgets the offsets of a group that was away for offsets.retention.minutes
            log.warning(
                "Kafka has forgotten how far people had been told: what came while nobody ran is told to nobody; "
                "see `floodmark incidents`", at=start, **where,
            )  # fmt: skip
        log.info("live", at=start, first_start=first, remembered=len(found.entries), **where)

    async def _offset(self) -> tuple[int, bool]:
        """Where to go on, and whether it is a first start: then what is there already is told to nobody."""
        consumer, source = self._member.consumer, self.source
        committed = await consumer.committed(source)
        begin = (await consumer.beginning_offsets([source]))[source]
        end = (await consumer.end_offsets([source]))[source]
        if committed is None:
            return end, True
        if committed < begin:
            self._lost(begin - committed)
            return begin, False
        if committed > end:
            log.warning("the topic was made anew: it is read from its beginning", topic=self.topic)
            return begin, False
        return committed, False

    async def _wait(self) -> None:
        """Until there is something to do."""
        seconds = _LOOK_SECONDS
        if self.desk is not None:
            seconds = min(seconds, self.desk.due() - self._clock())
        try:
            async with asyncio.timeout(max(_PAUSE_SECONDS, seconds)):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _turn(self) -> None:
        """Hear what has come, commit what follows from it, send what is ready."""
        desk = self._desk()
        self._hear()
        jobs = desk.ready(self._clock())
        for fault in desk.faults():
            self._bug(
                "something of a case could not be told; it is tried again in a minute", fault.error, key=fault.key
            )
        await self._commit_changes()
        for job in jobs:
            task = asyncio.create_task(self._tell(job))
            self._sending[task] = False
            task.add_done_callback(self._sent)

    async def _finish(self) -> None:
        """The end: nothing new is sent; what is under way has its time."""
        waiting = [task for task, under_way in self._sending.items() if not under_way]
        for task in waiting:
            task.cancel()
        if self._sending:
            await asyncio.wait(set(self._sending), timeout=FINISH_SECONDS)
        late = [task for task in self._sending if not task.done()]
        if late:
            log.info("some messages have no answer yet: they are sent once more", count=len(late), topic=self.topic)
        self._hear(records=False)
        await self._commit_changes(last=True)

    # Hearing.

    async def _feed(self) -> None:
        """Bring records, one fetch ahead at most."""
        consumer = self._member.consumer
        while True:
            try:
                found = await consumer.getmany(self.source, timeout_ms=500, max_records=_MOST)
            except OffsetOutOfRangeError:
                await self._skip_to_what_is_left()
                continue
            except NoOffsetForPartitionError:
                consumer.seek(self.source, self._next or 0)
                continue
            except KafkaError as error:
                # A wrong checksum is fetched again: never skipped, whether the disk or the network is to blame.
                if not (error.retriable or isinstance(error, CorruptRecordException)):
                    raise
                log.warning("fetch failed, will try again", topic=self.topic, reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._note_answer()
            records: list[Any] = found.get(self.source, [])
            # Past what is no record (the end of a transaction) too: else it would look as if nobody read on here.
            following = records[-1].offset + 1 if records else await self._position()
            if following is None or following == self._next:
                continue
            self._inbox.append((records, following))
            await self._handed_over(self._inbox)

    async def _feed_aside(self, aside: Aside) -> None:
        while True:
            self._news.append(await aside.news())
            await self._handed_over(self._news)

    async def _feed_acts(self, elsewhere: Elsewhere) -> None:
        while True:
            self._acts += await elsewhere.news()
            self._woken.set()

    async def _handed_over(self, box: deque[Any]) -> None:
        self._woken.set()
        while box:
            self._room.clear()
            await self._room.wait()

    async def _position(self) -> int | None:
        if not self._owned() or self._member.consumer.highwater(self.source) is None:
            return None
        return int(await self._member.consumer.position(self.source))

    def _note_answer(self) -> None:
        polled = self._member.consumer.last_poll_timestamp(self.source) if self._owned() else None
        age = max(0.0, time.time() - polled / 1000) if polled else 0.0
        self._answered = max(self._answered, time.monotonic() - age)

    def _hear(self, *, records: bool = True) -> None:
        """Answers first: what is known of a message matters to what comes. `records`: also what came in."""
        desk, now = self._desk(), self._clock()
        while self._answers:
            job, outcome = self._answers.popleft()
            try:
                desk.settle(job, outcome, now)
            except Exception as error:  # noqa: BLE001 - it is told, and counted
                self._bug("what a target has answered could not be taken in", error, key=job.message.key)
        if not records:
            return
        while self._inbox:
            some, following = self._inbox.popleft()
            for record in some:
                self._revise(desk, record, now)
            self._next = following
            self._since = now if self._since is None else self._since
        while self._news:
            news = self._news.popleft()
            self._member.metrics.records.labels("wrong").inc(news.wrong)
            for body in news.bodies:
                self._member.metrics.records.labels("taken").inc()
                try:
                    if isinstance(body, ChangeNotice):
                        desk.change(body, now)
                    else:
                        desk.request(body, now)
                except Exception as error:  # noqa: BLE001 - it is told, and counted
                    self._bug("a change or a request could not be taken in", error, key=body.id)
            self._positions.update(news.positions)
            self._unsaid.update(news.positions)
            self._since = now if self._since is None else self._since
        self._room.set()

    def _revise(self, desk: Desk, record: Record, now: float) -> None:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        try:
            body = decode(record)
        except MalformedEventError as error:
            self._member.metrics.records.labels("wrong").inc()
            log.warning("a record is no incident of ours: it is passed over", reason=str(error), **place)
            return
        if not isinstance(body, Incident):
            self._member.metrics.records.labels("wrong").inc()
            return
        self._member.metrics.records.labels("taken").inc()
        self._member.telemetry.records.labels(self.topic, self.partition).inc()
        at = arrival(record)
        self._delays.come(body.id, body.revision, at if at >= EARLIEST else now)
        try:
            desk.revise(body, now)
        except Exception as error:
            log.exception("the desk raised (a bug in Floodmark, please report it)", **place)
            self._member.telemetry.failures.labels(self.topic, self.partition).inc()
            self._letters.append(broken(record, "notify", error))

    # Sending.

    async def _tell(self, job: Job) -> None:
        task = asyncio.current_task()

        async def begin() -> bool:
            await self._proof()
            if self._stopping or task is None:
                return False
            self._sending[task] = True
            return True

        outcome = await self._member.posting.tell(job, begin)
        if outcome is None:
            return
        self._member.metrics.count(job, outcome)
        self._delays.told(job, outcome)
        self._answers.append((job, outcome))
        self._woken.set()

    async def _proof(self) -> None:
        """Return once it is known that the partition is ours, as of so short a time ago that nobody else can have it.

        A process that stood still may wake up with messages in hand while another one has told of what came after. Only
        a commit shows that we are not fenced. While one takes long nothing more is sent either: were Kafka away, it
        would all be sent again.
        """
        while not self._stopping and not self._certain():
            await asyncio.sleep(_PAUSE_SECONDS)

    def _certain(self) -> bool:
        now = passed()
        if self._asked is not None:
            return now - self._asked < _SLOW_SECONDS and now - self._proved < self._member.proof
        if now - self._proved < self._member.proof:
            return True
        self._doubted = True
        self._woken.set()
        return False

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("telling a target has failed (a bug in Floodmark, please report it)", exc_info=error)

    # Committing.

    async def _commit_changes(self, *, last: bool = False) -> None:
        desk = self._desk()
        entries, acts = desk.changed(), [*desk.actions(), *self._acts]
        self._acts = []
        outputs = [] if self._member.config.actions is None else [self._act(action) for action in acts]
        outputs += ledger.written(entries, {}, self.partition)
        letters, self._letters = self._letters, []
        outputs += letters
        seconds = self._clock() - self._since if self._since is not None else 0.0
        moved = self._next != self._committed
        if outputs or (self._doubted and not last):
            await self._commit(outputs)
        elif (moved and (last or seconds >= _OFFSETS_SECONDS)) or (
            self._unsaid and (last or seconds >= _POSITIONS_SECONDS)
        ):
            await self._commit([])

    async def _commit(self, outputs: list[Output]) -> None:
        said = dict(self._unsaid)
        following = self._next if self._next != self._committed else None
        if self._doubted:
            following = self._next  # there has to be something in the transaction
        self._asked = asked = passed()
        await self._outbox.commit([*outputs, *ledger.written([], said, self.partition)], following)
        self._asked, self._proved, self._doubted = None, asked, False
        self._committed = self._next
        self._unsaid = {place: at for place, at in self._unsaid.items() if said.get(place) != at}
        self._since = None

    def _act(self, action: Action) -> Output:
        return encode(action, source=f"notify/{self.topic}/{self.partition}", key=action.key())

    # What goes wrong.

    async def _skip_to_what_is_left(self) -> None:
        begin = (await self._member.consumer.beginning_offsets([self.source]))[self.source]
        if (gone := begin - (self._next or 0)) > 0:
            self._lost(gone)
        self._member.consumer.seek(self.source, begin)

    def _bug(self, words: str, error: Exception, **facts: str) -> None:
        """It must not keep all else from being told."""
        log.error(f"{words} (a bug in Floodmark, please report it)", exc_info=error, **facts)
        self._member.telemetry.failures.labels(self.topic, self.partition).inc()

    def _lost(self, records: int) -> None:
        log.error(
            "records were deleted by the topic's retention before they were read: nobody is told of them",
            topic=self.topic, partition=self.partition, records=records,
        )  # fmt: skip
        self._member.telemetry.lost.labels(self.topic, self.partition).inc(records)

    def _owned(self) -> bool:
        return self.source in self._member.consumer.assignment()

    def _desk(self) -> Desk:
        if self.desk is None:
            raise RuntimeError(f"{self.source}: no desk before recovery")
        return self.desk
