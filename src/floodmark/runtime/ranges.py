"""A stretch of topics, read once in the order of Kafka's times. It has no group and commits nothing."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from floodmark.config.models import Kafka
from floodmark.records import Record
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import MissingTopicsError
from floodmark.runtime.reading import in_words
from floodmark.runtime.topics import partitions

_WAIT_MS: Final = 500
_MOST: Final = 2_000
"""Records of one fetch."""


class Range:
    """A stretch of some topics: of each partition from its first record at or after `since` to the first at or after
    `until` (milliseconds since the epoch, -1: to where it ends now)."""

    def __init__(self, kafka: Kafka, topics: Sequence[str], since: int, until: int = -1) -> None:
        self._kafka, self._topics, self._since, self._until = kafka, list(topics), since, until
        self.partitions: dict[str, int] = {}
        self.begins: dict[TopicPartition, int] = {}
        self.ends: dict[TopicPartition, int] = {}

    @property
    def size(self) -> int:
        return sum(self.ends[source] - self.begins[source] for source in self.ends)

    async def find(self) -> None:
        """Look where the stretch begins and ends; from then on it is always the same. Raises RunError."""
        found = await partitions(self._kafka, self._topics)
        if missing := [topic for topic in self._topics if not found[topic]]:
            raise MissingTopicsError(missing, "floodmark topics create")
        self.partitions = {topic: count for topic, count in found.items() if count}
        sources = [TopicPartition(topic, n) for topic, count in self.partitions.items() for n in range(count)]
        with in_words(self._kafka):
            consumer = self._consumer()
            try:
                await consumer.start()
                firsts = await consumer.beginning_offsets(sources)
                lasts = await consumer.end_offsets(sources)
                since: Any = await consumer.offsets_for_times(dict.fromkeys(sources, self._since))
                until: Any = {}
                if self._until >= 0:
                    until = await consumer.offsets_for_times(dict.fromkeys(sources, self._until))
            finally:
                await consumer.stop()
        for source in sources:
            begin, end = since[source], until.get(source)
            self.ends[source] = min(lasts[source], end.offset if end is not None else lasts[source])
            self.begins[source] = max(firsts[source], begin.offset if begin is not None else lasts[source])
            self.ends[source] = max(self.ends[source], self.begins[source])

    async def read(self, time: Callable[[Record], float]) -> AsyncIterator[list[Record]]:
        """The committed records, by `time` (NaN: that of the one before). Raises RunError."""
        sources = [source for source in self.ends if self.begins[source] < self.ends[source]]
        if not sources:
            return
        with in_words(self._kafka):
            consumer = self._consumer()
            try:
                await consumer.start()
                consumer.assign(sources)
                for source in sources:
                    consumer.seek(source, self.begins[source])
                async for some in self._merged(consumer, sources, time):
                    yield some
            finally:
                await consumer.stop()

    async def _merged(
        self, consumer: AIOKafkaConsumer, sources: Sequence[TopicPartition], time: Callable[[Record], float]
    ) -> AsyncIterator[list[Record]]:
        """A record may go once there is one of each partition that has not ended."""
        waiting: dict[TopicPartition, deque[tuple[float, Record]]] = {source: deque() for source in sources}
        newest = dict.fromkeys(sources, float("-inf"))
        open_ = set(sources)
        heads: list[tuple[float, str, int]] = []
        while True:
            for source in [each for each in open_ if not waiting[each]]:
                if await consumer.position(source) >= self.ends[source]:
                    open_.discard(source)
            if wanted := [source for source in sources if source in open_ and not waiting[source]]:
                found: dict[TopicPartition, list[Any]] = await consumer.getmany(
                    *wanted, timeout_ms=_WAIT_MS, max_records=_MOST
                )
                for source, records in found.items():
                    for record in records:
                        if record.offset >= self.ends[source]:
                            break
                        at = time(record)
                        newest[source] = newest[source] if math.isnan(at) else max(newest[source], at)
                        waiting[source].append((newest[source], record))
                    if records and records[-1].offset >= self.ends[source]:
                        open_.discard(source)
                continue
            heads = [(waiting[each][0][0], each.topic, each.partition) for each in sources if waiting[each]]
            if not heads:
                return
            heapq.heapify(heads)
            out: list[Record] = []
            while heads:
                _, topic, partition = heapq.heappop(heads)
                source = TopicPartition(topic, partition)
                out.append(waiting[source].popleft()[1])
                if waiting[source]:
                    heapq.heappush(heads, (waiting[source][0][0], topic, partition))
                elif source in open_:
                    break
            yield out

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **client_settings(self._kafka),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
