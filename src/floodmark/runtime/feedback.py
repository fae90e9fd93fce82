"""What commands read and write of feedback: all that was said, one verdict more, and the anomaly that is meant.

It must never change a record: what was said is history, and only more can be said.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from floodmark.config.models import Kafka
from floodmark.records import Listener
from floodmark.runtime.connection import client_settings
from floodmark.runtime.reading import existing, in_words, reading, records

_AGO: Final = (3600, 86400, 7 * 86400)
"""Seconds back to where an anomaly is looked for, the newest first."""
_ID: Final = "ce_id"


async def hear_all(kafka: Kafka, listener: Listener) -> Sequence[str]:
    """Let the listener hear all of its topic; what was wrong with it, in lines. Raises RunError."""
    wrong: list[str] = []
    async with reading(kafka, listener.topic) as (consumer, sources):
        for source in sources:
            async for record in records(consumer, source, 0, 0):
                remark = listener.hear(record)
                if remark is not None and remark.wrong:
                    wrong.append(f"{source.topic}/{source.partition}@{record.offset}: {remark.facts['reason']}")
    return wrong


async def say(kafka: Kafka, topic: str, value: bytes) -> None:
    """Write a record to the first partition of the topic; returns once all replicas have it. Raises RunError."""
    await existing(kafka, topic)  # or the producer might create it, with the broker's own retention
    producer = AIOKafkaProducer(**client_settings(kafka), acks="all", enable_idempotence=True)
    with in_words(kafka):
        try:
            await producer.start()
            headers = [("content-type", b"application/json")]
            await producer.send_and_wait(topic, value, partition=0, headers=headers)
        finally:
            await producer.stop()


async def find_anomaly(kafka: Kafka, topic: str, anomaly: str) -> bytes | None:
    """The body of a record about the anomaly of this id, of the last seven days; None if there is none.

    Raises RunError.
    """
    prefix = f"{anomaly}/".encode()
    async with reading(kafka, topic) as (consumer, sources):
        for ago in _AGO:
            since = int((time.time() - ago) * 1000)
            for source in sources:
                async for record in records(consumer, source, 0, since):
                    if _named(record).startswith(prefix):
                        value: bytes | None = record.value
                        return value
    return None


def _named(record: Any) -> bytes:
    return next((value for name, value in record.headers if name == _ID), b"")
