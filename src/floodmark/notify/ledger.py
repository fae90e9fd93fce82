"""The deliveries topic as the notifier's memory: what was committed for one partition of the alerts, and how far other
topics are read.

It is compacted: of each key the newest record holds, and one without a value holds no more. Besides the desk's entries
it has positions in topics that the group has no offsets of; they are committed with what was made of what lay before
them, so that nothing is passed over and nothing is heard twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from msgspec import Struct

from floodmark.config.models import Kafka
from floodmark.notify.desk import Entry
from floodmark.records import Headers, Output
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import RunError, UnreachableError, refused
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

POSITION: Final = "dev.floodmark.notify-position.v1"
_WAIT_MS: Final = 500
_FETCH_BYTES: Final = 4_194_304

Positions = dict[tuple[str, int], int]
"""Topic and partition → the next offset."""


class Position(Struct, frozen=True):
    """How far a partition of another topic is read."""

    topic: str
    partition: int
    next: int


class Ledger(NamedTuple):
    """What a partition of the topic holds: the desk's entries, in the order in which they were last written."""

    entries: list[Entry]
    positions: Positions


class _Reading:
    """What records come to as they are read: the topic holds many more than the newest of each key."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._positions: Positions = {}

    def take(self, records: Iterable[Any]) -> None:
        """The next records. What is no entry of ours is passed over."""
        for record in records:
            if record.key and _is_position(record.headers):
                self._place(record)
            elif record.key:
                self._entries.pop(record.key, None)
                if record.value is not None:
                    self._entries[record.key] = Entry(record.key, record.value, tuple(record.headers))

    def _place(self, record: Any) -> None:
        try:
            said = msgspec.json.decode(record.value or b"", type=Position)
        except msgspec.MsgspecError:
            log.warning("a position in the deliveries topic cannot be read", offset=record.offset)
        else:
            self._positions[said.topic, said.partition] = said.next

    def ledger(self) -> Ledger:
        return Ledger(list(self._entries.values()), self._positions)


def held(records: Iterable[Any]) -> Ledger:
    """What the records of a partition come to, in their order."""
    reading = _Reading()
    reading.take(records)
    return reading.ledger()


def written(entries: Iterable[Entry], positions: Mapping[tuple[str, int], int], partition: int) -> list[Output]:
    """Entries and positions as records of a partition of the topic."""
    outputs = [Output("deliveries", each.key, each.value, each.headers, partition=partition) for each in entries]
    for (topic, number), following in positions.items():
        key = f"position|{topic}|{number}".encode()
        body = msgspec.json.encode(Position(topic, number, following))
        outputs.append(Output("deliveries", key, body, (("ce_type", POSITION.encode()),), partition=partition))
    return outputs


async def read(kafka: Kafka, topic: str, partition: int, turns: Turns | None = None) -> Ledger:
    """What a partition of the topic holds now. Nobody else may write to it: fence first. Raises RunError."""
    source = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        **client_settings(kafka),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    if turns is not None:
        turns.share(consumer)
    reading = _Reading()
    try:
        await consumer.start()
        consumer.assign([source])
        end = (await consumer.end_offsets([source]))[source]
        await consumer.seek_to_beginning(source)
        while await consumer.position(source) < end:  # the last of them may be no record but a transaction's marker
            batch = await consumer.getmany(source, timeout_ms=_WAIT_MS)
            reading.take(batch.get(source, []))
    except KafkaError as error:
        raise _sentence(error, kafka, topic) from error
    finally:
        await consumer.stop()
    return reading.ledger()


def _is_position(headers: Headers) -> bool:
    return any(name == "ce_type" and value == POSITION.encode() for name, value in headers)


def _sentence(error: KafkaError, kafka: Kafka, topic: str) -> RunError:
    if isinstance(error, KafkaConnectionError):
        return UnreachableError(f"Kafka is not reachable at {', '.join(kafka.brokers)}: {error}")
    known = refused(error, kafka.security.username)
    return known or UnreachableError(f"Topic {topic} has to be read again: {error}")
