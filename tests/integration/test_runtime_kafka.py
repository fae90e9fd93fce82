"""The runtime on Apache Kafka itself: what the embedded broker cannot show."""

import asyncio
import contextlib
import itertools
import threading
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from structlog.testing import capture_logs

from floodmark.config.models import Http, Kafka, KafkaSecurity, State, Topics
from floodmark.records import Output
from floodmark.runtime import Route, run
from floodmark.runtime.connection import connection
from floodmark.runtime.errors import MissingTopicsError, SecurityError, UnreachableError
from floodmark.runtime.topics import TopicSpec, create, largest_messages, missing, partitions

pytestmark = pytest.mark.kafka

numbers = itertools.count()


@pytest.fixture
def name():
    """A name that no other test uses."""
    return f"runtime-{next(numbers)}"


class Echo:
    def __init__(self, topic, partition, tasks):
        self.place = (topic, partition, tasks)
        self.seen = 0

    def process(self, records):
        self.seen += len(records)
        return [Output("anomalies", record.key, record.value) for record in records]

    def speak(self, *, idle):
        return []

    def awaited(self):
        return None

    def learning(self):
        return ()

    def counts(self):
        return {}

    def sizes(self):
        return {}

    def remarks(self):
        return []

    def snapshot(self):
        return b"%d" % self.seen

    def restore(self, state):
        self.seen = int(state)
        return {}


def topics(name):
    return Topics(
        anomalies=f"{name}-out", alerts=f"{name}-alerts", dead_letters=f"{name}-dead", model_events=f"{name}-models"
    )


async def create_all(kafka, name, **config):
    names = topics(name)
    wanted = {name: 4, names.anomalies: 4, names.alerts: 1, names.dead_letters: 1, names.model_events: 1}
    specs = {topic: TopicSpec(count, 1, config if topic != name else {}) for topic, count in wanted.items()}
    return await create(Kafka(brokers=[kafka]), specs)


def work(kafka, name, stop, *, task=Echo, session=30, ready=None, on_output=None):
    return run(
        Kafka(brokers=[kafka], group=name, session_timeout=session, start="earliest"),
        [Route("detect", (name,), task)],
        topics(name),
        Http(enabled=False),
        state=State(store=None),
        idle=60,
        stop=stop,
        ready=ready,
        on_output=on_output,
        create_with="floodmark topics create --config shop.yaml",
    )


@contextlib.asynccontextmanager
async def running(kafka, name, task=Echo, **more):
    stop, ready, outputs = asyncio.Event(), asyncio.Event(), []
    running = asyncio.create_task(work(kafka, name, stop, task=task, ready=ready, on_output=outputs.append, **more))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, timeout=300, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield outputs
    finally:
        stop.set()
        await running


async def send(kafka, topic, values):
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for value in values:
        await producer.send(topic, b"%d" % value, b"%d" % (value % 97))
    await producer.stop()


async def until(condition):
    async with asyncio.timeout(300):
        while not condition():
            await asyncio.sleep(0.02)


async def read_all(kafka, topic, count):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    records = []
    async with asyncio.timeout(300):
        while len(records) < count:
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records += found
    for found in (await consumer.getmany(timeout_ms=300)).values():
        records += found
    await consumer.stop()
    return records


async def test_it_goes_on_at_the_committed_offsets(kafka, name):
    await create_all(kafka, name)
    await send(kafka, name, range(5000))
    async with running(kafka, name) as first:
        await until(lambda: len(first) >= 5000)
    await send(kafka, name, range(5000, 6000))
    async with running(kafka, name) as second:
        await until(lambda: len(second) >= 1000)
    assert sorted(int(output.value) for output in first) == list(range(5000))
    assert sorted(int(output.value) for output in second) == list(range(5000, 6000))
    assert sorted(int(record.value) for record in await read_all(kafka, f"{name}-out", 6000)) == list(range(6000))


async def test_a_second_worker_shares_the_work_and_each_record_is_taken_once(kafka, name):
    made = []

    class Kept(Echo):
        def __init__(self, *place):
            super().__init__(*place)
            made.append(self)

    await create_all(kafka, name)
    await send(kafka, name, range(2000))
    with capture_logs() as logs:
        async with running(kafka, name, Kept) as first:
            await until(lambda: len(first) == 2000)
            async with running(kafka, name) as second:
                await send(kafka, name, range(2000, 4000))
                await until(lambda: len(first) + len(second) >= 4000)
                assert second
                assert len(made) == 4  # the first worker made no task anew: those it kept went on with their state
            await send(kafka, name, range(4000, 5000))
            await until(lambda: len(first) + len(second) >= 5000)
    assert Counter(int(output.value) for output in [*first, *second]) == Counter(range(5000))
    assert sorted(task.place for task in made[:4]) == [(name, partition, {name: 4}) for partition in range(4)]
    assert len(made) == 6  # two partitions came back from elsewhere
    kept = [line["state_kept"] for line in logs if line["event"] == "partitions assigned"]
    assert sorted(kept) == [0, 0, 2, 2]


async def test_records_in_flight_at_a_rebalance_are_taken_once(kafka, name):
    await create_all(kafka, name)
    outputs = []
    feeding = asyncio.create_task(send(kafka, name, range(30_000)))
    async with running(kafka, name) as first:
        for _ in range(2):
            async with running(kafka, name) as other:
                await until(lambda other=other: len(other) > 100 or feeding.done())
            outputs += other
        await feeding
        await until(lambda: len(first) + len(outputs) >= 30_000)
    assert Counter(int(output.value) for output in [*first, *outputs]) == Counter(range(30_000))


async def test_a_slow_task_starves_neither_heartbeats_nor_other_tasks(kafka, name):
    session, begun, enough = 6, threading.Event(), threading.Event()

    class Slow(Echo):
        def process(self, records):
            if records[0].value == b"0":  # one record computes without a pause, until the test has seen enough
                begun.set()
                end = time.monotonic() + 400  # were it in the event loop, nobody could say so
                while not enough.is_set() and time.monotonic() < end:
                    pass
            return super().process(records)

    await create_all(kafka, name)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    await producer.send_and_wait(name, b"0", partition=0)
    await producer.stop()
    with capture_logs() as logs:
        async with running(kafka, name, Slow, session=session) as outputs:
            await until(begun.is_set)
            await send(kafka, name, range(1, 200))
            await until(lambda: len(outputs) > 100)
            await asyncio.sleep(session + 2)
            assert not any(output.value == b"0" for output in outputs)  # the slow one has computed all the while
            enough.set()
            await until(lambda: any(output.value == b"0" for output in outputs))
    assert sum(line["event"] == "partitions assigned" for line in logs) == 1


async def test_missing_topics_are_named_with_the_command(kafka, name):
    await create(Kafka(brokers=[kafka]), {name: TopicSpec(1, 1)})
    with pytest.raises(MissingTopicsError) as caught:
        await work(kafka, name, asyncio.Event())
    assert str(caught.value) == (
        f"Topics {name}-alerts, {name}-dead, {name}-out do not exist; "  # nobody reads model events
        "create with: floodmark topics create --config shop.yaml"
    )
    assert await missing(Kafka(brokers=[kafka]), [name, f"{name}-out"]) == [f"{name}-out"]  # asking created nothing


async def test_creating_topics_again_changes_nothing(kafka, name):
    cluster = Kafka(brokers=[kafka])
    specs = {name: TopicSpec(3, 1, {"retention.ms": "3600000"}), f"{name}-b": TopicSpec(1, -1)}
    assert [report.outcome for report in await create(cluster, specs)] == ["created", "created"]
    assert [report.outcome for report in await create(cluster, specs)] == ["exists", "exists"]
    other, wrong = await create(cluster, {name: TopicSpec(5, 1), "not a name": TopicSpec(1, 1)})
    assert other == (name, "mismatch", "it has 3 partitions, not 5; left as it is")
    assert wrong.outcome == "failed"
    assert "ASCII alphanumerics" in wrong.detail
    assert await partitions(cluster, [name]) == {name: 3}


async def test_an_output_that_its_topic_does_not_take(kafka, name):
    class Large(Echo):
        def process(self, records):
            return [Output("anomalies", b"k", b"x" * 50_000), Output("anomalies", b"k", b"small")]

    await create_all(kafka, name, **{"max.message.bytes": "20000"})
    assert await largest_messages(Kafka(brokers=[kafka]), [name, f"{name}-out"]) == {
        name: 1048588,
        f"{name}-out": 20000,
    }
    await send(kafka, name, [1])
    with capture_logs():
        async with running(kafka, name, Large) as outputs:
            await until(lambda: len(outputs) == 2)
    (letter,) = await read_all(kafka, f"{name}-dead", 1)
    assert dict(letter.headers)["floodmark.left-out"] == f"value of 50000 bytes for {name}-out".encode()
    assert [record.value for record in await read_all(kafka, f"{name}-out", 1)] == [b"small"]


def sasl(brokers, password):
    security = KafkaSecurity(protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", username="floodmark", password=password)
    return Kafka(brokers=[brokers], security=security)


async def test_a_wrong_password_is_a_sentence_and_not_retried(kafka_sasl):
    with pytest.raises(
        SecurityError, match=r"refused to authenticate user 'floodmark': .*Invalid username or password"
    ):
        await run(
            sasl(kafka_sasl, "wrong"),
            [],
            Topics(),
            Http(enabled=False),
            state=State(store=None),
            idle=1,
            stop=asyncio.Event(),
        )


async def test_the_right_password(kafka_sasl):
    async with connection(sasl(kafka_sasl, "a-secret-of-the-tests")) as connected:
        assert connected.connected()
    assert await missing(sasl(kafka_sasl, "a-secret-of-the-tests"), ["nowhere"]) == ["nowhere"]


async def test_sasl_where_none_is_spoken(kafka):
    with pytest.raises(SecurityError, match="refused to authenticate user 'floodmark'"):
        async with connection(sasl(kafka, "x")):
            pass


async def test_no_sasl_where_it_is_asked_for(kafka_sasl):
    with pytest.raises(UnreachableError, match=r"it hangs up \(kafka.security.protocol is PLAINTEXT"):
        async with connection(Kafka(brokers=[kafka_sasl])):
            pass
