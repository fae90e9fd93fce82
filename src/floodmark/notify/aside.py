"""Other topics that a desk hears: changes, and requests about models.

One desk hears them, that of the first partition of the alerts, and its ledger says how far. They have no consumer
group: its positions are in the transaction that commits what was made of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from floodmark.alerts import ChangeNotice
from floodmark.config.models import Config
from floodmark.events import MalformedEventError, decode, event_type
from floodmark.notify.ledger import Positions
from floodmark.requests import ModelRequest
from floodmark.runtime.connection import client_settings
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

_WAIT_MS: Final = 1_000
_RETRY_SECONDS: Final = 1.0
_CHANGE: Final = "dev.floodmark.change.v1"
_REQUEST: Final = "dev.floodmark.model-request.v1"


class News(NamedTuple):
    """What was read, in its order, and how far each partition is read then."""

    bodies: list[ChangeNotice | ModelRequest]
    positions: Positions
    wrong: int


def topics_of(config: Config) -> list[str]:
    """The topics that are heard besides the alerts, as the config has it."""
    notify = config.notify
    changes = [config.topics.anomalies] if notify is not None and notify.changes else []
    requests = [config.topics.model_requests] if notify is not None and notify.requests else []
    return [*changes, *requests]


class Aside:
    """Reads on from positions. `start` it, ask it for `news` again and again, `stop` it. Methods raise KafkaError."""

    def __init__(self, config: Config, turns: Turns | None = None) -> None:
        self._anomalies = config.topics.anomalies
        self._topics = topics_of(config)
        self._consumer = AIOKafkaConsumer(
            **client_settings(config.kafka),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
        )
        if turns is not None:
            turns.share(self._consumer)

    async def start(self, known: Mapping[tuple[str, int], int], partitions: Mapping[str, int]) -> Positions:
        """Go on from what is known. A topic of which nothing is known begins at its end, a partition that is new at its
        beginning. The positions from which it goes on. `partitions`: how many each topic has."""
        consumer = self._consumer
        await consumer.start()
        # A change is in each partition of the anomalies.
        counts = {topic: 1 if topic == self._anomalies else partitions[topic] for topic in self._topics}
        sources = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
        consumer.assign(sources)
        begins, ends = await consumer.beginning_offsets(sources), await consumer.end_offsets(sources)
        heard = {topic for topic, _ in known}
        positions: Positions = {}
        for source in sources:
            key, begin, end = (source.topic, source.partition), begins[source], ends[source]
            start = known.get(key, begin if source.topic in heard else end)
            if start > end:
                log.warning("the topic was made anew: it is read from its beginning", topic=source.topic)
                start = begin
            elif start < begin:
                place = {"topic": source.topic, "partition": source.partition}
                log.error("records were deleted by retention before they were read", records=begin - start, **place)
                start = begin
            positions[key] = start
            consumer.seek(source, start)
        return positions

    async def news(self) -> News:
        """What comes next, once there is some; what is of no interest moves the positions only."""
        while True:
            try:
                batch: dict[TopicPartition, list[Any]] = await self._consumer.getmany(timeout_ms=_WAIT_MS)
            except OffsetOutOfRangeError as error:
                places = list(error.args[0]) if error.args and isinstance(error.args[0], dict) else []
                log.error("records were deleted by the topic's retention before they were read", places=str(places))
                await self._consumer.seek_to_beginning(*places)
                continue
            except KafkaError as error:
                if not error.retriable:
                    raise
                log.warning("fetch failed, will try again", topics=self._topics, reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if batch:
                return _news(batch)

    async def stop(self) -> None:
        await self._consumer.stop()


def _news(batch: Mapping[TopicPartition, list[Any]]) -> News:
    bodies: list[ChangeNotice | ModelRequest] = []
    positions: Positions = {}
    wrong = 0
    for source, records in batch.items():
        positions[source.topic, source.partition] = records[-1].offset + 1
        for record in records:
            kind = event_type(record.headers)
            if kind is not None and kind.startswith("dev.floodmark.") and kind not in (_CHANGE, _REQUEST):
                continue  # anomalies and the words of tasks
            try:
                body = decode(record)
            except MalformedEventError as error:
                wrong += 1
                place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
                log.warning("a record is none of ours: it is passed over", reason=str(error), **place)
                continue
            if isinstance(body, ChangeNotice | ModelRequest):
                bodies.append(body)
    return News(bodies, positions, wrong)
