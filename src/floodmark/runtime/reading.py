"""What a topic of our own holds now, for commands: committed records, from a moment on, to where it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaConnectionError, KafkaError, ProducerFenced

from floodmark.config.models import Kafka
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import MissingTopicsError, RunError, UnreachableError, refused
from floodmark.runtime.topics import partitions

_WAIT_MS: Final = 100
"""How long a broker may hold a fetch that finds nothing: what else is asked of it waits for so long."""


async def existing(kafka: Kafka, topic: str) -> int:
    """The partitions of the topic. Raises RunError, also if there is none."""
    count = (await partitions(kafka, [topic]))[topic]
    if count is None:
        raise MissingTopicsError([topic], "floodmark topics create")
    return count


@asynccontextmanager
async def reading(
    kafka: Kafka, topic: str, group: str | None = None
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """A consumer of committed records, and the partitions of the topic. `group`: whose offsets are asked for.

    Raises RunError, also for what Kafka refuses within.
    """
    count = await existing(kafka, topic)
    consumer = AIOKafkaConsumer(
        **client_settings(kafka),
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_WAIT_MS,
    )
    with in_words(kafka):
        try:
            await consumer.start()
            yield consumer, [TopicPartition(topic, number) for number in range(count)]
        finally:
            await consumer.stop()


async def records(consumer: AIOKafkaConsumer, source: TopicPartition, begin: int, since: int) -> AsyncIterator[Any]:
    """The committed records of a partition from offset `begin` and Kafka time `since` (ms) to where it ends now."""
    start = max(begin, (await consumer.beginning_offsets([source]))[source])
    end = (await consumer.end_offsets([source]))[source]
    if since:
        found: Any = (await consumer.offsets_for_times({source: since}))[source]
        start = max(start, found.offset if found is not None else end)
    if start >= end:
        return
    consumer.assign([source])
    consumer.seek(source, start)
    while await consumer.position(source) < end:  # the last of them may be no record but a transaction's marker
        batch = await consumer.getmany(source, timeout_ms=500, max_records=1000)
        for record in batch.get(source, []):
            if record.offset < end:
                yield record


@contextmanager
def in_words(kafka: Kafka) -> Iterator[None]:
    """What Kafka refuses, as a sentence for the operator."""
    try:
        yield
    except (ProducerFenced, InvalidProducerEpoch):  # for whoever has a fence to say
        raise
    except KafkaError as error:
        if isinstance(error, KafkaConnectionError):
            raise UnreachableError(f"Kafka is not reachable at {', '.join(kafka.brokers)}: {error}") from error
        if known := refused(error, kafka.security.username):
            raise known from error
        raise RunError(f"Kafka refused: {error}; what was done before is noted, so do it again") from error
