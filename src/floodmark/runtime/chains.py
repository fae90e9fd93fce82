"""The end of a chain of the audit trail, from the topic itself: for whoever takes over the partition that it is of.

To be asked for once the old owner is fenced, so that nothing of his can follow. What he has written last may stand
behind a transaction of somebody else that is still open: it is waited for that (`transactions.TIMEOUT_MS` at most), for
an end that was passed over would fork the chain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from floodmark.audits import Head, Stored, last
from floodmark.config.models import Kafka
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import UnreachableError
from floodmark.runtime.reading import existing, in_words

_SECONDS: Final = 60.0


async def resume(kafka: Kafka, topic: str, chain: str, keys: Sequence[bytes] = ()) -> bytes | None:
    """The end of a chain as the state of its task; None if it has not begun. Raises RunError, KafkaError."""
    head: Head | None = last(await entries(kafka, topic, chain.encode()), chain, keys)
    return None if head is None else msgspec.json.encode(head)


async def entries(kafka: Kafka, topic: str, key: bytes | None = None) -> list[Stored]:
    """All that is committed of what is written by now, partition by partition; with a key, of that.

    Raises RunError, KafkaError.
    """
    found: list[Stored] = []
    for number in range(await existing(kafka, topic)):
        found += await _written(kafka, TopicPartition(topic, number), key)
    return found


async def _written(kafka: Kafka, source: TopicPartition, key: bytes | None) -> list[Stored]:
    with in_words(kafka):
        async with AIOKafkaConsumer(**client_settings(kafka)) as uncommitted:
            end = (await uncommitted.end_offsets([source]))[source]
        found: list[Stored] = []
        consumer = AIOKafkaConsumer(
            **client_settings(kafka), isolation_level="read_committed", enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=100,
        )  # fmt: skip
        await consumer.start()
        try:
            consumer.assign([source])
            await consumer.seek_to_beginning(source)
            async with asyncio.timeout(_SECONDS):
                while await consumer.position(source) < end:
                    batch: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=500, max_records=2000)
                    ours = (record for record in batch.get(source, []) if key is None or record.key == key)
                    found += [Stored(source.partition, each.offset, each.key, each.value) for each in ours]
        except TimeoutError:
            raise UnreachableError(f"{source.topic}/{source.partition} cannot be read to its end") from None
        finally:
            await consumer.stop()
    return found
