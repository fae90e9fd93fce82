"""Delivery: outputs are acknowledged, then the offset that they came from is committed.

Guarantee of `AtLeastOnce`: every record up to a committed offset has all its outputs acknowledged by all in-sync
replicas. After a crash the records since the last commit are read again, so outputs can be written twice, never lost.
Another guarantee is another `Delivery` (outputs and offsets in one transaction, KIP-98); nothing else knows which.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from floodmark.records import Output, Stream
from floodmark.runtime.errors import RunError, refused
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.topics import LARGEST_MESSAGE

log = structlog.get_logger(__name__)

COMMIT_SECONDS = 0.2
"""Offsets are committed at most this long after their outputs are acknowledged."""
RETRY_SECONDS = 1.0
"""Pause before a failed commit is tried again, and before a failed producer is replaced."""
BATCH_BYTES = 262_144


class Delivery(Protocol):
    """How the outputs of one consumer group leave, and how its offsets follow."""

    async def start(self) -> None:
        """Connect. Raises aiokafka's errors."""
        ...

    async def deliver(self, source: TopicPartition, outputs: Sequence[Output], next_offset: int | None) -> None:
        """Write `outputs` of `source`; its records before `next_offset` are then done (None: nothing new is done).

        Returns once the outputs are safe. Retries what can be retried, for ever; raises RunError for the rest.
        """
        ...

    async def settle(self) -> None:
        """Commit all that is delivered, now: before partitions are given up."""
        ...

    async def close(self) -> None:
        """Disconnect. Call `settle` first."""
        ...


class AtLeastOnce:
    """An idempotent producer with acks=all (KIP-98); offsets are committed to the group once acknowledged."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        consumer: AIOKafkaConsumer,
        group: str,
        topics: Mapping[Stream, str],
        telemetry: Telemetry,
        largest: Mapping[str, int],
        on_output: Callable[[Output], None] | None = None,
    ) -> None:
        """`settings` are a client's (`client_settings`); `largest` the bytes of a message that each topic takes."""
        self._settings = dict(settings)
        self._consumer = consumer
        self._group = group
        self._topics = topics
        self._telemetry = telemetry
        self._largest = largest
        self._on_output = on_output
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()
        self._done: dict[TopicPartition, int] = {}
        self._committing = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._producer = await self._connected()

    async def deliver(self, source: TopicPartition, outputs: Sequence[Output], next_offset: int | None) -> None:
        if outputs:
            await self._write(outputs)
        if next_offset is not None:
            self._done[source] = next_offset
            if self._timer is not None and self._timer.done() and not self._timer.cancelled():
                self._timer.result()  # raises what stopped it
            if self._timer is None or self._timer.done():
                self._timer = asyncio.create_task(self._commit_soon())

    async def settle(self) -> None:
        if self._timer is not None and not self._committing.locked():
            self._timer.cancel()
        await self._commit()  # after the one that may be on its way: offsets never go back
        self._done.clear()  # what could not be committed is read again, here or by its next owner

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._producer is not None:
            await self._producer.stop()

    async def _commit_soon(self) -> None:
        await asyncio.sleep(COMMIT_SECONDS)
        while not await self._commit():
            await asyncio.sleep(RETRY_SECONDS)

    async def _commit(self) -> bool:
        """Commit what is done; whether nothing is left to commit. Raises RunError if we may not."""
        async with self._committing:
            if not self._done:
                return True
            offsets, self._done = self._done, {}
            try:
                await self._consumer.commit(offsets)
            except (CommitFailedError, IllegalStateError) as error:
                # The group has moved on: the coming revocation tries once more, else the records are read again.
                log.info(
                    "offsets not committed: the group is rebalancing",
                    group=self._group,
                    reason=repr(error.__cause__ or error),
                )
                self._done = offsets | self._done
            except KafkaError as error:
                if sentence := refused(error, self._settings.get("sasl_plain_username")):
                    raise sentence from error
                log.warning("offsets not committed, will try again", group=self._group, reason=str(error))
                self._done = offsets | self._done
            else:
                self._telemetry.commits.labels(self._group).inc()
            return not self._done

    async def _write(self, outputs: Sequence[Output]) -> None:
        ready = [self._fitted(output) for output in outputs]
        while True:
            producer = self._producer
            assert producer is not None, "start comes first"
            failure = await self._attempt(producer, ready)
            if failure is None:
                break
            if sentence := refused(failure, self._settings.get("sasl_plain_username")):
                raise sentence from failure
            if isinstance(failure, UnknownTopicOrPartitionError):  # after the client has asked for 40 s
                wanted = ", ".join(sorted({self._topics[output.stream] for output in ready}))
                raise RunError(f"An output topic is gone (one of {wanted}); create it again and restart") from failure
            # An idempotent producer has a gap in its sequence after a batch that failed for good, so it is replaced,
            # and all is sent again in order: twice is allowed, reordered is not.
            log.warning("outputs not acknowledged, sending them again", group=self._group, reason=str(failure))
            self._telemetry.resends.inc()
            await self._renew(producer)
        for output in ready:
            self._telemetry.outputs.labels(output.stream).inc()
            if output.stream == "dead_letters":
                self._telemetry.dead_letters.inc()
            if self._on_output is not None:
                self._on_output(output)

    async def _attempt(self, producer: AIOKafkaProducer, outputs: list[Output]) -> KafkaError | None:
        """Send all and wait for all acknowledgements; the first failure, if any.

        An output that the broker finds too large is replaced in `outputs` by what fits.
        """
        sent: list[tuple[int, asyncio.Future[Any]]] = []
        failure: KafkaError | None = None
        try:
            for index, output in enumerate(outputs):
                topic = self._topics[output.stream]
                key = b"" if output.key is None and output.value is None else output.key  # Kafka refuses two nulls
                partitions = sorted(await producer.partitions_for(topic)) if output.everywhere else [None]
                for partition in partitions:
                    acknowledgement = await producer.send(
                        topic, output.value, key, partition, headers=list(output.headers)
                    )
                    sent.append((index, acknowledgement))
        except KafkaError as error:
            failure = error
        results = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        for (index, _), result in zip(sent, results, strict=True):
            if isinstance(result, MessageSizeTooLargeError):
                outputs[index] = self._cut(outputs[index])
            if isinstance(result, KafkaError):
                failure = failure or result
            elif isinstance(result, BaseException):
                raise result
        return failure

    def _fitted(self, output: Output) -> Output:
        size = 200 + len(output.key or b"") + len(output.value or b"")  # 61 of the batch, the rest of the record
        size += sum(len(name) + len(value) + 10 for name, value in output.headers)
        limit = self._largest.get(self._topics[output.stream], LARGEST_MESSAGE)
        return output if size <= limit else self._cut(output)

    def _cut(self, output: Output) -> Output:
        """What can be said of an output that no topic takes: a dead letter without its value."""
        size = len(output.value or b"")
        log.error("an output is larger than its topic takes: value left out", stream=output.stream, bytes=size)
        self._telemetry.oversize.inc()
        said = (("floodmark.left-out", f"value of {size} bytes for {self._topics[output.stream]}".encode()),)
        kept = tuple((name, value) for name, value in output.headers if len(value) <= 1000)
        return Output("dead_letters", (output.key or b"")[:1000], None, (*kept[:50], *said))

    async def _renew(self, failed: AIOKafkaProducer) -> None:
        async with self._renewing:
            if self._producer is not failed:  # another partition's task has replaced it
                return
            await asyncio.sleep(RETRY_SECONDS)
            try:
                self._producer = await self._connected()
            except KafkaError as error:
                if sentence := refused(error, self._settings.get("sasl_plain_username")):
                    raise sentence from error
                log.warning("no new producer yet", group=self._group, reason=str(error))
                return
            await failed.stop()

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._settings,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            max_request_size=max(self._largest.values(), default=LARGEST_MESSAGE),
            max_batch_size=min(BATCH_BYTES, *self._largest.values()) if self._largest else BATCH_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer
