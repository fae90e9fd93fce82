"""Exactly once: a task's outputs and its input offset are one Kafka transaction (KIP-98).

What protects against a zombie, an owner that does not know yet that its partition has gone to somebody else (a machine
that slept, a network that was cut): the `transactional.id` is the task's own, GROUP-TOPIC-PARTITION, whoever runs it.
The next owner's `open` asks the coordinator for that id's producer, which raises the producer's epoch and ends what the
old one had begun; only then does the new owner read the committed offset. From there on the old owner's writes and
commits are refused, so what it still holds can be neither published nor counted as done. That is enough, and it is all
that there is: aiokafka does not send the group's generation along with the offsets (KIP-447), so one producer may not
serve two tasks.

A fenced producer is never started again: it raises `FencedError`, the member leaves the group and joins anew, and the
coordinator decides who owns what. Any other failure of a transaction is answered in the same way, by beginning again at
the committed offset; nothing is guessed about what a broker that went away has still written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    UnknownTopicOrPartitionError,
)

from floodmark.records import Output
from floodmark.runtime.delivery import Mail
from floodmark.runtime.errors import FencedError, RunError, UnreachableError, refused

log = structlog.get_logger(__name__)

TIMEOUT_MS = 20_000
"""After so long the coordinator ends a transaction whose owner has died. One is open only while it is committed; and
where one hangs, nobody can read on in the topics that it has written to."""


class Transactions:
    """The `Outbox` of one task: one producer, one transaction a commit."""

    def __init__(self, settings: Mapping[str, Any], source: TopicPartition, group: str, mail: Mail) -> None:
        """`settings` are a client's (`client_settings`); `source` the task's partition, read by `group`."""
        self.id = f"{group}-{source.topic}-{source.partition}"
        self._settings = settings
        self._source = source
        self._group = group
        self._mail = mail
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        if self._producer is not None:  # a recovery that was interrupted: we are the owner already
            return
        producer = self._mail.producer(self._settings, transactional_id=self.id, transaction_timeout_ms=TIMEOUT_MS)
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise UnreachableError(f"Kafka is not reachable: {error}") from error
        except KafkaError as error:
            await producer.stop()
            raise self._sentence(error, ()) from error
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def commit(self, outputs: Sequence[Output], next_offset: int | None) -> None:
        producer = self._producer
        if producer is None:
            raise RuntimeError(f"{self.id}: commit before open")
        ready = [self._mail.fitted(output) for output in outputs]
        while not await self._attempt(producer, ready, next_offset):
            self._mail.telemetry.transactions.labels(self._group, "aborted").inc()
        self._mail.telemetry.transactions.labels(self._group, "committed").inc()
        self._mail.delivered(ready)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _attempt(self, producer: AIOKafkaProducer, ready: list[Output], next_offset: int | None) -> bool:
        """Whether the transaction is committed. If not, an output was too large and is cut now: try again."""
        try:
            await producer.begin_transaction()
            failure = await self._mail.send(producer, ready)
            if isinstance(failure, MessageSizeTooLargeError):
                await producer.abort_transaction()
                return False
            if failure is not None:
                raise failure
            if next_offset is not None:
                await producer.send_offsets_to_transaction({self._source: next_offset}, self._group)
            await producer.commit_transaction()
        except KafkaError as error:
            raise self._sentence(error, ready) from error
        return True

    def _sentence(self, error: KafkaError, outputs: Sequence[Output]) -> RunError:
        where = f"{self._source.topic}/{self._source.partition}"
        if isinstance(error, ProducerFenced | InvalidProducerEpoch):
            self._mail.telemetry.fenced.labels(self._group).inc()
            return FencedError(f"Task {where} of group {self._group} has another owner now: it was fenced ({self.id})")
        if sentence := refused(error, self._settings.get("sasl_plain_username")):
            return sentence
        if isinstance(error, UnknownTopicOrPartitionError):
            # The client says so too where no broker has answered it for 40 s: the next life asks, and by name.
            wanted = ", ".join(sorted({self._mail.topics[output.stream] for output in outputs}))
            return UnreachableError(f"Task {where} of group {self._group} has not found an output topic ({wanted})")
        return UnreachableError(f"Task {where} of group {self._group} could not commit: {error!r}")
