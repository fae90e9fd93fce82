"""At least once, for the embedded broker: outputs are acknowledged, then the offset is committed to the group.

Every record before a committed offset has all its outputs acknowledged. After a crash the records since the last commit
are read again, so outputs can be written twice, never lost. Never used on a real cluster: see `transactions`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, UnknownTopicOrPartitionError

from floodmark.records import Output
from floodmark.runtime.delivery import Mail
from floodmark.runtime.errors import UnreachableError, refused

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""Pause before a failed producer is replaced, and before a failed commit is tried again."""


class Plain:
    """The `Outbox` of one task: an idempotent producer, and the consumer's own commits."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        source: TopicPartition,
        group: str,
        mail: Mail,
        consumer: AIOKafkaConsumer,
    ) -> None:
        """`settings` are a client's (`client_settings`); `source` the task's partition, read by `group`."""
        self._settings = settings
        self._source = source
        self._group = group
        self._mail = mail
        self._consumer = consumer
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        self._producer = self._producer or await self._connected()

    async def commit(self, outputs: Sequence[Output], next_offset: int | None) -> None:
        ready = [self._mail.fitted(output) for output in outputs]
        if ready:
            await self._write(ready)
            self._mail.delivered(ready)
        if next_offset is not None:
            await self._commit(next_offset)

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _write(self, ready: list[Output]) -> None:
        while True:
            producer = self._producer
            if producer is None:
                raise RuntimeError(f"{self._source}: commit before open")
            failure = await self._mail.send(producer, ready)
            if failure is None:
                return
            if sentence := refused(failure, self._settings.get("sasl_plain_username")):
                raise sentence from failure
            if isinstance(failure, UnknownTopicOrPartitionError):  # after the client has asked for 40 s
                wanted = ", ".join(sorted({self._mail.topics[output.stream] for output in ready}))
                raise UnreachableError(f"Group {self._group} has not found an output topic ({wanted})") from failure
            # An idempotent producer has a gap in its sequence after a batch that failed for good, so it is replaced,
            # and all is sent again in order: twice is allowed, reordered is not.
            log.warning("outputs not acknowledged, sending them again", group=self._group, reason=str(failure))
            self._mail.telemetry.resends.inc()
            await asyncio.sleep(RETRY_SECONDS)
            try:
                self._producer = await self._connected()
            except KafkaError as error:
                raise UnreachableError(f"Kafka does not take outputs any more: {error}") from error
            await producer.stop()

    async def _commit(self, next_offset: int) -> None:
        while True:
            try:
                await self._consumer.commit({self._source: next_offset})
            except (CommitFailedError, IllegalStateError) as error:
                # The group has moved on: the records are read again, by the next owner.
                reason = repr(error.__cause__ or error)
                log.info("offset not committed: the group is rebalancing", group=self._group, reason=reason)
            except KafkaError as error:
                if sentence := refused(error, self._settings.get("sasl_plain_username")):
                    raise sentence from error
                if not error.retriable:
                    raise UnreachableError(f"Offsets of group {self._group} cannot be committed: {error}") from error
                log.warning("offset not committed, will try again", group=self._group, reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            else:
                self._mail.telemetry.transactions.labels(self._group, "plain").inc()
            return

    async def _connected(self) -> AIOKafkaProducer:
        producer = self._mail.producer(self._settings)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer
