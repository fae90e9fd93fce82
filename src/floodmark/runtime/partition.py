"""One task on one partition: fetch, process, deliver, in that order and never two at once.

Back-pressure is the order itself: the next fetch waits until the outputs of the last one are acknowledged, so what
is held is one slice of records here and one fetch of the partition in aiokafka (`FETCH_BYTES`, or one larger
message), while the other partitions and the heartbeats go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError

from floodmark.records import Output, Record, Task
from floodmark.runtime.delivery import Delivery
from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)

SLICE = 500
SLICE_BYTES = 65_536
"""Most records, and bytes of them, between two turns of the event loop: a heartbeat waits no longer than one slice
takes. A message may be an array of many events, so that bytes say more of the work than records do."""
FETCH_BYTES = 1_048_576
_RETRY_SECONDS = 1.0
_WAIT_SECONDS = 1.0


class Partition:
    """`start` it, `stop` it, and it can be started again where it stopped."""

    def __init__(
        self,
        source: TopicPartition,
        task: Task,
        consumer: AIOKafkaConsumer,
        delivery: Delivery,
        telemetry: Telemetry,
        *,
        group: str,
        stage: str,
        most: int,
        idle: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most` records are fetched at once; after `idle` seconds without any the task is told, once a silence."""
        self.source = source
        self.task = task
        self.position: int | None = None  # the offset after the last record whose outputs are delivered
        self._consumer = consumer
        self._delivery = delivery
        self._telemetry = telemetry
        self._group = group
        self._stage = stage
        self._most = most
        self._idle = idle
        self._clock = clock
        self._heard = clock()
        self._said_idle = False
        self._fetched: int | None = None  # the consumer's position: past control records and compacted ones
        self._interruptible = False
        self._stopping = False
        self._work: asyncio.Task[None] | None = None

    @property
    def topic(self) -> str:
        return str(self.source.topic)

    @property
    def partition(self) -> int:
        return int(self.source.partition)

    def lag(self) -> int | None:
        if self._fetched is None or self.source not in self._consumer.assignment():
            return None
        highwater = self._consumer.highwater(self.source)
        return None if highwater is None else max(0, highwater - self._fetched)

    def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Work until `stop`; `ended` is called with the asyncio task however it ends."""
        self._stopping = False
        self._work = asyncio.create_task(self._run(), name=f"{self._group} {self.topic}/{self.partition}")
        self._work.add_done_callback(ended)

    async def stop(self) -> None:
        """Return when what was fetched is processed and delivered; nothing more is fetched."""
        self._stopping = True
        if self._work is None:
            return
        if self._interruptible:
            self._work.cancel()
        await asyncio.wait({self._work})

    async def _run(self) -> None:
        while not self._stopping:
            due = self._heard + self._idle - self._clock()
            records = await self._fetch(_WAIT_SECONDS if self._said_idle or due <= 0 else min(due, _WAIT_SECONDS))
            if records:
                await self._take(records)
                self._heard, self._said_idle = self._clock(), False
            elif not self._said_idle and self._clock() - self._heard >= self._idle and self.lag() == 0:
                await self._say_idle()

    async def _fetch(self, seconds: float) -> list[Any]:
        """The next records, or none after `seconds`. Only here, where nothing is in flight, may `stop` interrupt."""
        self._interruptible = True
        try:
            found = await self._consumer.getmany(
                self.source, timeout_ms=max(1, int(seconds * 1000)), max_records=self._most
            )
            records: list[Any] = found.get(self.source, [])
            if records:
                self._fetched = records[-1].offset + 1
            elif self._consumer.highwater(self.source) is not None:
                self._fetched = await self._consumer.position(self.source)
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

    async def _take(self, records: list[Any]) -> None:
        outputs: list[Output] = []
        for some in slices(records):
            batch = [
                Record(
                    r.topic,
                    r.partition,
                    r.offset,
                    -1 if r.timestamp is None else r.timestamp,
                    r.key,
                    r.value,
                    r.headers,
                )
                for r in some
            ]
            started = time.perf_counter()
            outputs += self._process(batch)
            self._telemetry.process_seconds.labels(self._group).observe(time.perf_counter() - started)
            self._telemetry.records.labels(self.topic, self.partition).inc(len(batch))
            await asyncio.sleep(0)
        next_offset = records[-1].offset + 1
        await self._delivery.deliver(self.source, outputs, next_offset)
        self.position = next_offset

    def _process(self, batch: Sequence[Record]) -> list[Output]:
        """The task's outputs. A task never raises for bad input; if it does for a bug, it is tried record by record,
        and a record that makes it raise goes to the dead letters: one record must not hold up the stream.
        """
        try:
            return self.task.process(batch)
        except Exception as error:
            where = {"topic": self.topic, "partition": self.partition, "offset": batch[0].offset, "records": len(batch)}
            log.exception("a task raised (a bug in Floodmark, please report it)", group=self._group, **where)
            if len(batch) == 1:
                self._telemetry.failures.labels(self.topic, self.partition).inc()
                return [dead_letter(batch[0], self._stage, error)]
        return [output for record in batch for output in self._process([record])]

    async def _say_idle(self) -> None:
        self._said_idle = True
        try:
            outputs = self.task.idle()
        except Exception:
            log.exception("a task raised in idle (a bug in Floodmark)", topic=self.topic, partition=self.partition)
            self._telemetry.failures.labels(self.topic, self.partition).inc()
            return
        await self._delivery.deliver(self.source, outputs, None)


def slices(records: Sequence[Any]) -> Iterator[list[Any]]:
    """The records in their order, in pieces of at most `SLICE` records and `SLICE_BYTES`; a larger record is alone."""
    piece: list[Any] = []
    size = 0
    for record in records:
        length = len(record.value or b"")
        if piece and (len(piece) >= SLICE or size + length > SLICE_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(record)
        size += length
    if piece:
        yield piece


def dead_letter(record: Record, stage: str, error: Exception) -> Output:
    """`record` untouched, with the place it came from and the error in headers."""
    why = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "stage": stage,
        "error": type(error).__name__,
        "message": str(error)[:1000],
    }
    headers = tuple((f"floodmark.{name}", str(value).encode("utf-8", "replace")) for name, value in why.items())
    return Output("dead_letters", record.key, record.value, (*record.headers, *headers))
