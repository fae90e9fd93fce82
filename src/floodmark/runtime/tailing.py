"""Topics of our own, read on as they grow, or searched for what is said of some ids. No group, nothing committed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import aclosing
from typing import Any, Final, TypeVar

from aiokafka import TopicPartition

from floodmark.config.models import Kafka
from floodmark.runtime.reading import reading, records

_AGO: Final = (3_600, 86_400, 7 * 86_400, 90 * 86_400)
"""Seconds back to where something is looked for, the newest first."""
T = TypeVar("T")
_BACK: Final = (500, 20_000)
"""Records back from the end of a partition to where the newest of a kind is looked for."""
_WAIT_MS: Final = 300
_ID: Final = "ce_id"


async def held(kafka: Kafka, topic: str, since: float, until: float = math.inf) -> AsyncIterator[Any]:
    """What a topic holds now of a stretch of Kafka's time (epoch seconds; 0: from its beginning), by partition.

    Raises RunError.
    """
    async with reading(kafka, topic) as (consumer, sources):
        for source in sources:
            async for record in records(consumer, source, 0, int(since * 1000)):
                if record.timestamp > until * 1000:
                    break
                yield record


async def followed(kafka: Kafka, topic: str, since: float | None) -> AsyncGenerator[list[Any], None]:
    """What a topic gets from now on, or from a time on (epoch seconds; 0: from its beginning), until nobody asks any
    more. While there is nothing new it gives empty lists, the first as soon as all that was there is given. Raises
    RunError."""
    async with reading(kafka, topic) as (consumer, sources):
        consumer.assign(sources)
        ends = await consumer.end_offsets(sources)
        starts: dict[TopicPartition, int] = dict(ends)
        if since == 0:
            starts = await consumer.beginning_offsets(sources)
        elif since is not None:
            found: Any = await consumer.offsets_for_times(dict.fromkeys(sources, int(since * 1000)))
            starts = {each: found[each].offset if found[each] is not None else ends[each] for each in sources}
        for source in sources:
            consumer.seek(source, starts[source])
        while True:
            batch = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=2_000)
            fresh = [record for some in batch.values() for record in some]
            if fresh:
                yield fresh
            elif all([await consumer.position(each) >= ends[each] for each in sources]):
                yield []


async def last_of(kafka: Kafka, topic: str, wanted: Callable[[Any], bool]) -> list[Any]:
    """Of each partition the newest records that are wanted, oldest first: all such of the shortest stretch before its
    end that has any. Raises RunError."""
    found: list[Any] = []
    async with reading(kafka, topic) as (consumer, sources):
        for source in sources:
            end = (await consumer.end_offsets([source]))[source]
            for count in _BACK:
                some = [each async for each in records(consumer, source, max(0, end - count), 0) if wanted(each)]
                if some or count >= end:
                    break
            found += some
    return found


async def said_of(
    kafka: Kafka, topic: str, wanted: Callable[[str], bool], since: float | None = None, until: float = math.inf
) -> list[Any]:
    """The records whose CloudEvents id is wanted, of the newest stretch of time that has any, oldest first.

    `since`, `until`: look only there (epoch seconds). Raises RunError.
    """
    stretches: Collection[float] = [time.time() - ago for ago in _AGO] if since is None else [since]
    for begin in stretches:
        found = [record async for record in held(kafka, topic, begin, until) if wanted(named(record))]
        if found:
            return sorted(found, key=lambda record: (record.timestamp, record.partition, record.offset))
    return []


def named(record: Any) -> str:
    """The CloudEvents id of a record; empty if it has none."""
    return next((value.decode("utf-8", "replace") for name, value in record.headers if name == _ID), "")


async def together(*streams: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """What any of the streams gives, as it comes, until one of them ends. Raises what one of them raises."""
    queue: asyncio.Queue[T] = asyncio.Queue(1)

    async def pump(stream: AsyncGenerator[T, None]) -> None:
        async with aclosing(stream):
            async for each in stream:
                await queue.put(each)

    pumps = [asyncio.create_task(pump(stream)) for stream in streams]
    waiting: list[asyncio.Task[T]] = []
    try:
        while True:
            waiting = [asyncio.create_task(queue.get())]
            done, _ = await asyncio.wait([*waiting, *pumps], return_when=asyncio.FIRST_COMPLETED)
            if waiting[0] not in done:
                for ended in done:
                    ended.result()
                return
            yield waiting[0].result()
    finally:
        for each in (*waiting, *pumps):
            each.cancel()
        await asyncio.gather(*waiting, *pumps, return_exceptions=True)
