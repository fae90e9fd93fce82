"""Delivery: how the outputs of one task leave, together with the offset that they came from.

Two guarantees, and nothing else in the runtime knows which one holds:

- `transactions.Transactions`: exactly once. Outputs and offset are one Kafka transaction (KIP-98), fenced per task.
- `plain.Plain`: at least once, for the embedded broker, which neither fences nor stores transactional offsets.

What both share is here: outputs are made to fit what their topics take, sent, and waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from floodmark.letters import shortened
from floodmark.records import Output, Stream
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.topics import LARGEST_MESSAGE
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

BATCH_BYTES = 262_144


class Outbox(Protocol):
    """Where one task's outputs go. Used by one task only, one call at a time."""

    async def open(self) -> None:
        """Connect; whoever had this task before can commit no more (where the guarantee says so). Raises KafkaError."""
        ...

    async def commit(self, outputs: Sequence[Output], next_offset: int | None) -> None:
        """Write `outputs`; the task's records before `next_offset` are then done (None: nothing new is done).

        Returns once both are safe. Raises FencedError if the task has another owner now, RunError for what no retry
        mends, UnreachableError where the task has to begin again at the committed offset.
        """
        ...

    async def close(self) -> None:
        """Disconnect. What was not committed is gone: its records are read again."""
        ...


@dataclass(frozen=True)
class Mail:
    """What the outboxes of a group share: where streams go, what fits, who counts."""

    topics: Mapping[Stream, str]
    largest: Mapping[str, int]
    """Bytes of a message that each topic takes; Kafka's default where unknown."""
    telemetry: Telemetry
    on_output: Callable[[Output], None] | None = None
    """Called with each output once it is safe."""
    turns: Turns | None = None
    """Shared with all clients of the run."""

    def producer(self, settings: Mapping[str, Any], **more: Any) -> AIOKafkaProducer:
        """An idempotent producer with acks=all (KIP-98), not started."""
        producer = AIOKafkaProducer(
            **settings,
            enable_idempotence=True,
            acks="all",
            compression_type="lz4",
            max_request_size=max(self.largest.values(), default=LARGEST_MESSAGE),
            max_batch_size=min(BATCH_BYTES, *self.largest.values()) if self.largest else BATCH_BYTES,
            **more,
        )
        return producer if self.turns is None else self.turns.share(producer)

    def fitted(self, output: Output) -> Output:
        """The output, or what can be said of it where it is larger than its topic takes."""
        size = 200 + len(output.key or b"") + len(output.value or b"")  # 61 of the batch, the rest of the record
        size += sum(len(name) + len(value) + 10 for name, value in output.headers)
        limit = self.largest.get(self.topics[output.stream], LARGEST_MESSAGE)
        return output if size <= limit else self.cut(output)

    def cut(self, output: Output) -> Output:
        """What can be said of an output that no topic takes: a dead letter without its value."""
        size = len(output.value or b"")
        log.error("an output is larger than its topic takes: value left out", stream=output.stream, bytes=size)
        self.telemetry.oversize.inc()
        return shortened(output, self.topics[output.stream])

    async def send(self, producer: AIOKafkaProducer, outputs: list[Output]) -> KafkaError | None:
        """Send all and wait for all acknowledgements; the first failure, if any.

        An output that the broker finds too large is replaced in `outputs` by what fits.
        """
        sent: list[tuple[int, asyncio.Future[Any]]] = []
        failure: KafkaError | None = None
        try:
            for index, output in enumerate(outputs):
                topic = self.topics[output.stream]
                key = b"" if output.key is None and output.value is None else output.key  # Kafka refuses two nulls
                partitions: list[int | None] = [output.partition]
                if output.everywhere:
                    partitions = sorted(await producer.partitions_for(topic))
                for partition in partitions:
                    acknowledgement = await producer.send(
                        topic, output.value, key, partition, headers=list(output.headers)
                    )
                    acknowledgement.add_done_callback(_looked_at)
                    sent.append((index, acknowledgement))
        except KafkaError as error:
            failure = error
        results = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        for (index, _), result in zip(sent, results, strict=True):
            if isinstance(result, MessageSizeTooLargeError):
                outputs[index] = self.cut(outputs[index])
            if isinstance(result, KafkaError):
                failure = failure or result
            elif isinstance(result, BaseException):
                raise result
        return failure

    def delivered(self, outputs: Sequence[Output]) -> None:
        """Count what is safe, and tell who wants to know."""
        for output in outputs:
            self.telemetry.outputs.labels(output.stream).inc()
            if output.stream == "dead_letters":
                self.telemetry.dead_letters.inc()
                self.telemetry.refusals.hear(output)
            else:
                self.telemetry.delays.hear(output)
            if self.on_output is not None:
                self.on_output(output)


def _looked_at(acknowledgement: asyncio.Future[Any]) -> None:
    """Where the sending is cancelled nobody else looks, and asyncio would complain of that."""
    if not acknowledgement.cancelled():
        acknowledgement.exception()
