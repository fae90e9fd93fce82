"""Records of ours, written by commands: once, and safe when it returns."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer

from floodmark.config.models import Kafka
from floodmark.records import Output
from floodmark.runtime.connection import client_settings
from floodmark.runtime.reading import existing, in_words


async def write(kafka: Kafka, topic: str, output: Output) -> tuple[int, int]:
    """Write a record; its partition and offset, once all replicas have it. Raises RunError."""
    await existing(kafka, topic)  # or the producer might create it, with the broker's own retention
    producer = AIOKafkaProducer(**client_settings(kafka), acks="all", enable_idempotence=True)
    with in_words(kafka):
        try:
            await producer.start()
            headers = list(output.headers)
            sent = await producer.send_and_wait(topic, output.value, output.key, output.partition, headers=headers)
        finally:
            await producer.stop()
    return sent.partition, sent.offset
