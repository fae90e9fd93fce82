"""The Kafka side of the benchmarks: make topics, fill them, read them whole, ask what a group has committed.

It uses librdkafka, not the client that the engine uses: an error that both shared would not be seen.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "integration"))

from apache_kafka import ApacheKafka, KafkaUnavailableError

__all__ = ["ApacheKafka", "KafkaUnavailableError"]

QUIET: Mapping[str, str | int] = {
    "log_level": 0,
    "socket.keepalive.enable": "true",
    # A broker that is back is found again at once; while it starts it may not know its topics, and is asked again soon.
    "reconnect.backoff.max.ms": 1000,
    "topic.metadata.refresh.interval.ms": 2000,
}

Place = tuple[str, int]
"""Topic and partition."""


class Message(NamedTuple):
    """A record to be produced. `timestamp` in milliseconds since the epoch."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Written(NamedTuple):
    """A record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> str:
        return next((value.decode(errors="replace") for key, value in self.headers if key == name), "")


@contextlib.contextmanager
def broker(heap: str = "512m", more: Mapping[str, str] | None = None) -> Iterator[ApacheKafka]:
    """An Apache Kafka that can be killed and comes back soon. `more`: properties. Raises KafkaUnavailableError."""
    properties = {
        "broker.session.timeout.ms": "3000",  # for so long a restarted broker waits for its own dead registration
        "broker.heartbeat.interval.ms": "500",
        "log.segment.bytes": "268435456",
        "group.min.session.timeout.ms": "1000",
        **(more or {}),
    }
    with ApacheKafka.start(properties, heap) as kafka:
        yield kafka


def create_topics(bootstrap: str, topics: Mapping[str, int], config: Mapping[str, str] | None = None) -> None:
    """Create `topics` (partitions by name), each with this config. Raises KafkaException."""
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    made = admin.create_topics([NewTopic(name, count, 1, config=dict(config or {})) for name, count in topics.items()])
    for future in made.values():
        future.result(30)


class Sender:
    """Sends messages in order; idempotent, so that an input is the same however often the broker dies."""

    def __init__(self, bootstrap: str, linger_ms: int = 20) -> None:
        self.failure: KafkaError | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": linger_ms,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 262_144,
                "message.timeout.ms": 0,
                "delivery.report.only.error": True,
                **QUIET,
            }
        )

    def send(self, messages: Iterable[Message]) -> None:
        """Returns when all are handed over; they are acknowledged after `flush`."""
        for m in messages:
            self.put(m.topic, m.partition, m.key, m.value, m.timestamp, m.headers)

    def put(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        more: Any = {"headers": list(headers)} if headers else {}
        while True:
            try:
                self._producer.produce(
                    topic, value, key, partition=partition, timestamp=timestamp, on_delivery=self._told, **more
                )
                break
            except BufferError:
                self._producer.poll(0.05)

    def flush(self) -> None:
        """Wait for all acknowledgements. Raises KafkaException."""
        self._producer.flush()
        if self.failure is not None:
            raise KafkaException(self.failure)

    def _told(self, error: KafkaError | None, _: object) -> None:
        self.failure = self.failure or error


def ends(bootstrap: str, topics: Sequence[str]) -> dict[Place, int]:
    """The end offset of every partition, with what is not committed yet."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends", **QUIET})
    try:
        return {
            (topic, partition): consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1]
            for topic, partition in _partitions(consumer, topics)
        }
    finally:
        consumer.close()


def read_committed(bootstrap: str, topics: Sequence[str], on: Callable[[Written], None]) -> None:
    """Call `on` with all that a read-committed consumer is shown of the topics, a partition's records in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "readers",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            **QUIET,
        }
    )
    try:
        left = _partitions(consumer, topics)
        consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in left])
        silent = time.monotonic() + 30
        while left and time.monotonic() < silent:
            for message in consumer.consume(1000, 0.5):
                silent = time.monotonic() + 30
                error = message.error()
                topic, partition = str(message.topic()), int(message.partition() or 0)
                if error is None:
                    on(written(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((topic, partition))
                else:
                    raise KafkaException(error)
        if left:
            raise TimeoutError(f"{sorted(left)} cannot be read to the end")
    finally:
        consumer.close()


def written(message: KafkaMessage) -> Written:
    """A record that a consumer was given."""
    headers = tuple((str(k), _bytes(v) or b"") for k, v in _pairs(message.headers()))
    topic, partition, offset = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
    return Written(topic, partition, offset, _bytes(message.key()), _bytes(message.value()), headers)


class Committed:
    """Asks again and again what a group has committed, without joining it. Close it."""

    def __init__(self, bootstrap: str, group: str, topics: Sequence[str]) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **QUIET})
        self._places = [TopicPartition(topic, number) for topic, number in _partitions(self._consumer, topics)]

    def now(self) -> dict[Place, int]:
        """The committed offsets, of the partitions that have one."""
        try:
            found = self._consumer.committed(self._places, timeout=10)
        except KafkaException:  # the coordinator is on its way
            return {}
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def total(self) -> int:
        """Sum of them."""
        return sum(self.now().values())

    def close(self) -> None:
        self._consumer.close()


def committed(bootstrap: str, group: str, topics: Sequence[str]) -> dict[Place, int]:
    """What a group has committed now."""
    with contextlib.closing(Committed(bootstrap, group, topics)) as asking:
        return asking.now()


def _partitions(consumer: Consumer, topics: Sequence[str]) -> set[Place]:
    known = consumer.list_topics(timeout=20).topics
    return {(topic, partition) for topic in topics for partition in known[topic].partitions}


def _pairs(headers: object) -> Iterable[tuple[str, bytes | str | None]]:
    return headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
