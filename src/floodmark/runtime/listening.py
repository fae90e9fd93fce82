"""A topic that every process reads whole, from its beginning: what people say (`records.Listener`).

It has no group and commits nothing: what was heard is kept in memory, and heard again after a restart.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from floodmark.config.models import Kafka
from floodmark.records import Listener, Record
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import RunError, UnreachableError, refused
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

_WAIT_MS = 500
_RETRY_SECONDS = 1.0


class Listening:
    """`start` it, and it goes on until `stop`. `failed` is done, with the exception, when it cannot go on."""

    def __init__(self, kafka: Kafka, listener: Listener, telemetry: Telemetry, turns: Turns | None = None) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._kafka = kafka
        self._listener = listener
        self._telemetry = telemetry
        self._following: asyncio.Task[None] | None = None
        self._consumer = AIOKafkaConsumer(
            listener.topic,
            **client_settings(kafka),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            metadata_max_age_ms=60_000,
        )
        if turns is not None:
            turns.share(self._consumer)

    async def start(self) -> None:
        """Returns once all that the topic holds now is heard. Raises RunError."""
        consumer, topic = self._consumer, self._listener.topic
        heard = 0
        try:
            await consumer.start()
            begins = await consumer.beginning_offsets(consumer.assignment())
            ends = await consumer.end_offsets(consumer.assignment())
            if gone := sum(begins.values()):
                log.warning(
                    "the topic has lost its oldest records: give it unlimited retention", topic=topic, lost=gone
                )
            while await self._behind(ends):
                for record in await self._fetched():
                    heard += 1
                    self._hear(record, aloud=False)
        except KafkaError as error:
            raise self._sentence(error) from error
        log.info("heard what people say", topic=topic, records=heard, standing=self._listener.standing())
        self._following = asyncio.create_task(self._follow(), name=f"listening to {topic}")
        self._following.add_done_callback(self._ended)

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})
        await self._consumer.stop()

    async def _follow(self) -> None:
        while True:
            try:
                for record in await self._fetched():
                    self._hear(record, aloud=True)
            except KafkaError as error:
                if not error.retriable:
                    raise self._sentence(error) from error
                log.warning("fetch failed, will try again", topic=self._listener.topic, reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _behind(self, ends: dict[TopicPartition, int]) -> bool:
        """Whether there is more to read before these offsets."""
        return any([await self._consumer.position(source) < end for source, end in ends.items()])

    async def _fetched(self) -> list[Record]:
        found: dict[TopicPartition, list[Any]] = await self._consumer.getmany(timeout_ms=_WAIT_MS)
        return [cast("Record", record) for records in found.values() for record in records]

    def _hear(self, record: Record, *, aloud: bool) -> None:
        """`aloud`: say it, and not only what is wrong with it."""
        remark = self._listener.hear(record)
        result = "wrong" if remark is not None and remark.wrong else "taken"
        self._telemetry.heard[self._listener.what].labels(result).inc()
        if remark is not None and (remark.wrong or aloud):
            say = log.warning if remark.wrong else log.info
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            say(remark.words, **remark.facts, **place)

    def _ended(self, following: asyncio.Task[None]) -> None:
        if not following.cancelled() and (error := following.exception()) is not None:
            self.failed.set_exception(error)
            self.failed.exception()  # looked at: `run` raises it, unless it is stopping anyway

    def _sentence(self, error: KafkaError) -> RunError:
        if isinstance(error, KafkaConnectionError):
            return UnreachableError(f"Kafka is not reachable at {', '.join(self._kafka.brokers)}: {error}")
        known = refused(error, self._kafka.security.username)
        return known or UnreachableError(f"Topic {self._listener.topic} has to be read again: {error}")
