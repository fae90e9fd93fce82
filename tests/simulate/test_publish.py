from __future__ import annotations

import asyncio
import contextlib
import signal

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from floodmark.simulate.faults import HOUR
from floodmark.simulate.publish import PublishError, publish
from floodmark.simulate.publisher import publishing
from floodmark.simulate.shop import PREFIX, TOPICS, Shop

pytest.importorskip("confluent_kafka")

from floodmark.runtime.embedded import EmbeddedBroker


@pytest.fixture
def bootstrap():
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


async def everything(bootstrap, topics, count):
    """`count` records of `topics`, by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic) or ()]
        if not parts:
            for topic in topics:
                await consumer._client.add_topic(topic)
            parts = [TopicPartition(topic, n) for topic in topics for n in range(4)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        found = {part: [] for part in parts}
        while sum(map(len, found.values())) < count:
            for part, records in (await consumer.getmany(timeout_ms=200)).items():
                found[part].extend(records)
        return found
    finally:
        await consumer.stop()


async def test_all_is_published_in_order_with_its_own_time(bootstrap):
    shop = Shop(3, days=0.02)
    messages = list(shop.stream())
    events = await publish(messages, bootstrap)
    assert events == sum(message.events for message in messages)
    found = await everything(bootstrap, [PREFIX + topic for topic in ("metrics", "logs")], 1)
    for part, records in found.items():
        assert [r.timestamp for r in records] == sorted(r.timestamp for r in records), part
    wanted = [message for message in messages if message.topic == PREFIX + "logs"]
    found = await everything(bootstrap, [PREFIX + "logs"], len(wanted))
    records = sorted((record for part in found.values() for record in part), key=lambda r: (r.timestamp, r.value))
    wanted.sort(key=lambda m: (round(m.time * 1000), m.value))
    assert [(r.key, r.value) for r in records] == [(m.key, m.value) for m in wanted]


async def test_it_waits_for_consumers_that_are_behind(bootstrap):
    shop = Shop(3, days=0.05)
    reached = shop.start
    waited = 0

    async def behind(time):
        nonlocal reached, waited
        if time - reached > 600:
            waited += 1
            reached += 120  # the consumers come on
        return time - reached

    farthest = []
    await publish(
        shop.stream(), bootstrap, behind, bound=600, report=lambda events, time: farthest.append(time - reached)
    )
    assert waited >= 10
    assert max(farthest) <= 600 + 120


async def test_it_stops_when_told(bootstrap):
    stop = asyncio.Event()
    shop = Shop(3, days=0.05)

    async def behind(time):
        if time > shop.start + 600:
            stop.set()
        return 1e9 if stop.is_set() else 0.0

    events = await publish(shop.stream(), bootstrap, behind, stop=stop)
    assert 0 < events < sum(message.events for message in shop.stream())


async def test_no_broker_is_one_sentence():
    with pytest.raises(PublishError, match=r"could not be sent to 127\.0\.0\.1:1: no broker answers there\.$"):
        await publish(Shop(3, days=0.01).stream(), "127.0.0.1:1")


async def test_the_process_publishes_as_it_is_given_credit(bootstrap):
    shop = Shop(3, days=0.06)
    async with publishing(bootstrap, shop, bound=1200) as publisher:
        waiting = asyncio.create_task(publisher.wait())
        while publisher.time < shop.start + 600:
            await asyncio.sleep(0.05)
        done, _ = await asyncio.wait([waiting], timeout=1.0)
        assert not done  # without credit it holds
        assert publisher.time <= shop.start + 1200 + 120
        publisher.reached(shop.end)
        await waiting
        assert publisher.done
        assert publisher.events == sum(message.events for message in shop.stream())
        assert publisher.time == shop.end


async def test_leaving_the_context_ends_the_process(bootstrap):
    shop = Shop(3, days=0.06)
    async with publishing(bootstrap, shop, bound=600) as publisher:
        while publisher.time <= shop.start:
            await asyncio.sleep(0.05)
        process = publisher._process
    assert process.returncode == 0
    assert not publisher.done


@pytest.mark.parametrize("how", ["orphaned", "terminated"])
async def test_the_process_ends_without_its_parent_or_by_signal(bootstrap, how):
    shop = Shop(3, days=0.06)
    async with publishing(bootstrap, shop, bound=600) as publisher:
        while publisher.time <= shop.start:
            await asyncio.sleep(0.05)
        if how == "orphaned":
            publisher._process.stdin.close()
        else:
            publisher._process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(publisher._process.wait(), 300)
        assert publisher._process.returncode == 0
        await publisher.wait()
        publisher.reached(shop.start + HOUR)  # too late, and harmless


async def test_a_process_that_fails_says_why():
    async with publishing("127.0.0.1:1", Shop(3, days=0.01)) as publisher:
        with contextlib.suppress(BrokenPipeError), pytest.raises(PublishError, match="no broker answers there"):
            await publisher.wait()


def test_every_topic_has_a_name_of_its_own():
    assert len({PREFIX + topic for topic in TOPICS}) == 5
