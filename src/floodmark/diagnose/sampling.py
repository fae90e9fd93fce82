"""The newest records of topics, read without a group; nothing is committed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from floodmark.config.models import Kafka
from floodmark.records import Record, changed
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import refused

logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what it meets is said in a finding

_AT_ONCE: Final = 4
MOST: Final = 5_000
"""Records of a topic, at most, however many partitions it has."""


class Sample(NamedTuple):
    """`records`: by partition, in order. `held`: how many the topic holds, about. `reason`: why there is no sample."""

    records: list[Record]
    held: int = 0
    reason: str = ""


async def sample(kafka: Kafka, topics: Mapping[str, int], count: int, seconds: float) -> dict[str, Sample]:
    """The last `count` records of each partition of topics that exist, by their number of partitions.

    A topic may take `seconds`; what has come by then is the sample.
    """
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(topic: str, partitions: int) -> Sample:
        async with turns:
            try:
                return await _sample(kafka, topic, partitions, count, seconds)
            except (KafkaError, OSError) as error:  # asyncio.TimeoutError is an OSError
                said = refused(error, kafka.security.username) if isinstance(error, KafkaError) else None
                return Sample([], reason=str(said or error) or f"no answer in {seconds:g} s")

    found = await asyncio.gather(*(one(topic, partitions) for topic, partitions in topics.items()))
    return dict(zip(topics, found, strict=True))


async def _sample(kafka: Kafka, topic: str, partitions: int, count: int, seconds: float) -> Sample:
    consumer = AIOKafkaConsumer(
        **client_settings(kafka),
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        request_timeout_ms=max(1_000, int(seconds * 1000)),
        max_partition_fetch_bytes=262_144,
        fetch_max_wait_ms=200,
    )
    records: list[Record] = []
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            await consumer.start()
            sources = [TopicPartition(topic, number) for number in range(partitions)]
            consumer.assign(sources)
            ends: dict[Any, int] = await consumer.end_offsets(sources)
            begins: dict[Any, int] = await consumer.beginning_offsets(sources)
        each = max(1, min(count, MOST // max(1, partitions)))
        left = set()
        for source in sources:
            if ends[source] > begins[source]:
                consumer.seek(source, max(begins[source], ends[source] - each))
                left.add(source)
            else:
                consumer.pause(source)
        until = loop.time() + seconds
        while left and loop.time() < until:
            batch = await consumer.getmany(*left, timeout_ms=200, max_records=1_000)
            for source, some in batch.items():
                records += [changed(cast(Record, record)) for record in some if record.offset < ends[source]]
            for source in list(left):
                if await consumer.position(source) >= ends[source]:
                    left.discard(source)
                    consumer.pause(source)
    finally:
        await consumer.stop()
    records.sort(key=lambda record: (record.partition, record.offset))
    return Sample(records, sum(ends[source] - begins[source] for source in sources))
