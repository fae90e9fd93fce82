"""Kafka to the view: committed records of all topics of ours, from where the view has them, for as long as it is asked.

It joins no group and commits nothing: how far it is stands in the view, in the transaction of the rows. A topic that is
not there yet is looked for again; a cluster that is away is waited for. A partition whose offsets are others now (its
topic was made anew, or retention has passed us) is begun again where it begins.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from floodmark.config.models import Config
from floodmark.console.queries.status import Lag
from floodmark.console.store import Event, View
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import RunError
from floodmark.runtime.presence import Presence
from floodmark.runtime.topics import partitions

log = structlog.get_logger(__name__)

_WAIT_MS: Final = 250
_MOST: Final = 2_000
_LOOK: Final = 10.0
"""Seconds between two looks for topics that are missing, partitions that were added, and offsets that are others."""
_AGAIN: Final = 2.0
_SLOW: Final = 5.0
"""A console that is behind by more is said to be behind, once what was there at its start is read."""


def topics(config: Config) -> list[str]:
    """The topics that the view is made of; those that nobody writes under this config are left out."""
    ours = config.topics
    names = [ours.alerts, ours.anomalies, ours.dead_letters, ours.reports, ours.model_requests]
    names += [ours.actions] if config.actions is not None else []
    names += [ours.deliveries] if config.notify is not None else []
    names += [config.feedback.topic] if config.feedback is not None else []
    return list(dict.fromkeys(names))


class Reader:
    """Reads until it is cancelled. `told` is called with what is new after each transaction."""

    def __init__(self, config: Config, view: View, told: Callable[[Sequence[Event]], None]) -> None:
        self._config = config
        self._view = view
        self._told = told
        self._ends: dict[TopicPartition, int] = {}
        self._at: dict[TopicPartition, int] = {}
        self._goal: dict[TopicPartition, int] | None = None
        self._building = True
        self._newest = 0.0
        self._away_for = ""
        self.presence = Presence()
        self.missing: list[str] = []

    def lag(self) -> Lag:
        """How far the view is behind the topics."""
        behind = sum(max(0, end - self._at.get(source, end)) for source, end in self._ends.items())
        seconds = max(0.0, time.time() - self._newest) if behind and self._newest else 0.0
        return Lag(behind, seconds if not self._building else 0.0, self._building, self.away)

    @property
    def away(self) -> str:
        """Why Kafka is not there, as a sentence; empty while it is. What a client meets is no proof: it waits."""
        return self.presence.sentence() or self._away_for

    async def run(self) -> None:
        """Read, and begin again after whatever Kafka refuses. A view that turns out damaged is begun anew."""
        while True:
            try:
                await self._read()
            except (KafkaError, RunError, OSError) as error:
                self._away(str(error) or type(error).__name__)
            except asyncio.CancelledError:
                raise
            except sqlite3.Error as error:
                log.warning("the view could not be written; it is tried again", reason=str(error))
                self._away(f"the console cannot write its view: {error}")
            except Exception:
                log.exception("reading the topics failed (a bug in Floodmark, please report it); it begins again")
                self._away("the console could not read on; its log says why")
            await asyncio.sleep(_AGAIN)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            **client_settings(self._config.kafka),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_WAIT_MS,
        )
        await consumer.start()
        try:
            looked = 0.0
            while True:
                if time.monotonic() - looked >= _LOOK:
                    await self._look(consumer)
                    looked = time.monotonic()
                if not consumer.assignment():
                    await asyncio.sleep(_AGAIN)
                    looked = 0.0
                    continue
                await self._take(consumer)
        finally:
            await consumer.stop()

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        """Assign what there is now."""
        counts = await partitions(self._config.kafka, topics(self._config))
        self.missing = [name for name, count in counts.items() if count is None]
        wanted = {TopicPartition(name, number) for name, count in counts.items() for number in range(count or 0)}
        self._here()
        known = {TopicPartition(*place): at for place, at in (await asyncio.to_thread(self._view.places)).items()}
        if not wanted:
            self._building = False
            return
        firsts = await consumer.beginning_offsets(list(wanted))
        self._ends = await consumer.end_offsets(list(wanted))
        fresh = wanted - consumer.assignment()
        if wanted != consumer.assignment():
            consumer.assign(list(wanted))
        for source in wanted:
            at = known.get(source, firsts[source])
            if at > self._ends[source] or at < firsts[source]:
                if at > self._ends[source]:
                    log.warning("a topic was made anew; it is read from its beginning", partition=f"{source}")
                    await asyncio.to_thread(self._view.forget, source.topic, source.partition)
                at = firsts[source]
                fresh.add(source)
            if source in fresh:
                consumer.seek(source, at)
            self._at.setdefault(source, at)
        if self._goal is None:
            self._goal = dict(self._ends)

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        batch: dict[TopicPartition, list[Any]] = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_MOST)
        places = {}
        for source in consumer.assignment():
            at = await consumer.position(source)
            if at != self._at.get(source):
                places[source.topic, source.partition] = self._at[source] = at
            highwater = consumer.highwater(source)
            if highwater is not None:
                self._ends[source] = max(self._ends.get(source, 0), highwater)
        self._here()
        found = [record for some in batch.values() for record in some]
        if found:
            self._newest = max(record.timestamp for record in found) / 1000
        if found or places:
            news = await asyncio.to_thread(self._view.take, found, places)
            if news:
                self._told(news)
        if self._building and self._goal is not None:
            self._building = any(self._at.get(source, end) < end for source, end in self._goal.items())

    def _away(self, why: str) -> None:
        if not self._away_for:
            log.warning("the topics cannot be read; the console shows what it has", reason=why)
        self._away_for = why

    def _here(self) -> None:
        if self._away_for:
            log.info("the topics can be read again")
        self._away_for = ""
