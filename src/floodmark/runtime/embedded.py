"""A Kafka-protocol broker inside this process: librdkafka's mock cluster, for the demo and for fast tests.

It must never carry data that matters: it keeps about 5 MB or 100,000 messages a partition in memory, neither fences
producers nor stores transactional offsets, and has no admin API (topics are created by use, four partitions each).
See "test.mock.num.brokers" in librdkafka's CONFIGURATION.md.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from floodmark.runtime.errors import EmbeddedBrokerError

PARTITIONS = 4
"""Partitions of a topic that is created by use."""


class EmbeddedBroker:
    """`with EmbeddedBroker() as broker: broker.bootstrap` is its host:port; it lives in threads of this process.

    Raises EmbeddedBrokerError on entry if confluent-kafka is not installed or the broker does not start.
    """

    def __init__(self) -> None:
        self._client: Any = None
        self.bootstrap = ""

    def __enter__(self) -> EmbeddedBroker:
        try:
            from confluent_kafka import KafkaException, Producer  # noqa: PLC0415  optional, and slow to import
        except ImportError as error:
            raise EmbeddedBrokerError(
                "The embedded broker needs confluent-kafka; install with: pip install confluent-kafka"
            ) from error
        try:
            # The client is nothing but the handle: the mock cluster dies with it. "mock" is never resolved.
            self._client = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
            brokers = self._client.list_topics(timeout=10).brokers
        except KafkaException as error:
            raise EmbeddedBrokerError(f"The embedded broker did not start: {error}") from error
        first = next(iter(brokers.values()))
        self.bootstrap = f"{first.host}:{first.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
