"""Kafka to the view, over the embedded broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from floodmark.console.reader import Reader
from floodmark.console.store import Event, View
from floodmark.runtime.embedded import EmbeddedBroker

from .recorded import Kept
from .viewed import config, demo

SOME = [each for each in demo() if each.topic != "floodmark.anomalies"]


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


async def _write(broker: EmbeddedBroker, records: Sequence[Kept]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for each in records:
            await producer.send_and_wait(
                each.topic, each.value, each.key, partition=0, timestamp_ms=each.timestamp, headers=list(each.headers)
            )


async def _read(broker: EmbeddedBroker, view: View, until: int) -> list[Event]:
    """Read until so many records were taken or found wanting."""
    told: list[Event] = []
    kafka = config().kafka.model_copy(update={"brokers": [broker.bootstrap]})
    reader = Reader(config().model_copy(update={"kafka": kafka}), view, told.extend)
    task = asyncio.create_task(reader.run())
    try:
        async with asyncio.timeout(60):
            while sum(view.places().values()) < until or reader.lag().building:
                await asyncio.sleep(0.05)
        assert reader.lag().records == 0
        assert reader.lag().away == ""
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    return told


async def test_a_console_that_is_started_again_goes_on(broker: EmbeddedBroker, tmp_path: Path) -> None:
    half = len(SOME) // 2
    await _write(broker, SOME[:half])
    view = View(tmp_path / "view.db", config())
    told = await _read(broker, view, half)
    assert {each.kind for each in told} >= {"incident"}
    view.close()
    await _write(broker, SOME[half:])
    view = View(tmp_path / "view.db", config())
    await _read(broker, view, len(SOME))
    assert sum(view.counts.values()) == len(SOME) - half, "only what is new was read"
    view.close()
