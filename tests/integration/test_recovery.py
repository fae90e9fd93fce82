"""State over restarts on Apache Kafka itself: snapshots, silent replay, first starts, changed configs, reloads."""

import asyncio
import contextlib
import itertools
import json
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from floodmark.config.models import Http, Kafka, State, Topics
from floodmark.records import Output
from floodmark.runtime import Route, run
from floodmark.runtime.reload import Reload
from floodmark.runtime.topics import TopicSpec, create
from floodmark.state import StateError

pytestmark = pytest.mark.kafka

numbers = itertools.count()


class Sum:
    """Says the running sums of what it has read, one for each detector; a sum begins again where its detector changed.

    A detector is a factor: the sum of `twice` counts each value two times.
    """

    def __init__(self, detectors):
        self.detectors = detectors
        self.sums = dict.fromkeys(detectors, 0)
        self.told = 0

    def process(self, records):
        outputs = []
        for record in records:
            self.told += 1
            for name, factor in self.detectors.items():
                self.sums[name] += factor * int(record.value)
            outputs.append(Output("anomalies", record.key, json.dumps(self.sums).encode()))
        return outputs

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
        return json.dumps([self.detectors, self.sums]).encode()

    def restore(self, state):
        try:
            detectors, sums = json.loads(state)
        except ValueError as error:
            raise StateError(str(error)) from error
        same = [name for name in self.detectors if detectors.get(name) == self.detectors[name]]
        self.sums |= {name: sums[name] for name in same}
        left = len(self.detectors) - len(same)
        return {"detectors": left} if left else {}

    def graft(self, warmed):
        for name, value in self.sums.items():
            self.sums[name] = value or warmed.sums[name]


@pytest.fixture
async def place(kafka, tmp_path):
    """A topic of one partition with what it takes to run a `Sum` on it."""
    made = Place(kafka, f"recovery-{next(numbers)}", tmp_path / "state")
    one = TopicSpec(1, 1)
    await create(Kafka(brokers=[kafka]), {made.name: one, f"{made.name}-2": one, **dict.fromkeys(made.outputs, one)})
    return made


class Place:
    def __init__(self, kafka, name, folder):
        self.kafka, self.name, self.folder = kafka, name, folder
        self.topics = Topics(
            anomalies=f"{name}-out", alerts=f"{name}-alerts", dead_letters=f"{name}-dead", model_events=f"{name}-m"
        )
        self.outputs = (self.topics.anomalies, self.topics.alerts, self.topics.dead_letters)

    def routes(self, detectors, topics=None):
        return [Route("detect", topics or (self.name,), lambda *_: Sum(detectors))]

    @contextlib.asynccontextmanager
    async def running(self, detectors, *, start="earliest", history=3600.0, interval=1.0, reloads=None, store=True):
        stop, ready, outputs = asyncio.Event(), asyncio.Event(), []
        work = asyncio.create_task(
            run(
                Kafka(brokers=[self.kafka], group=self.name, session_timeout=30, start=start, commit_interval=0.02),
                self.routes(detectors),
                self.topics,
                Http(enabled=False),
                state=State(store=str(self.folder) if store else None, interval=interval, history=history),
                idle=60,
                stop=stop,
                ready=ready,
                on_output=outputs.append,
                reloads=reloads,
            )
        )
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({work, waiting}, timeout=300, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield outputs
        finally:
            stop.set()
            await work

    async def send(self, values, topic=None):
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka)
        await producer.start()
        for value in values:
            await producer.send(topic or self.name, b"%d" % value)
        await producer.stop()

    async def written(self):
        """The sums that a reader of committed records sees."""
        part, found = TopicPartition(self.topics.anomalies, 0), []
        async with AIOKafkaConsumer(
            bootstrap_servers=self.kafka, auto_offset_reset="earliest", isolation_level="read_committed"
        ) as consumer:
            consumer.assign([part])
            end = (await consumer.end_offsets([part]))[part]
            while await consumer.position(part) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [json.loads(record.value) for record in records]
        return found

    def snapshots(self):
        return sorted(self.folder.rglob("*.snapshot"))


async def until(condition):
    async with asyncio.timeout(300):
        while not condition():
            await asyncio.sleep(0.02)


def last(outputs):
    return json.loads(outputs[-1].value)


async def test_a_restart_goes_on_from_the_snapshot_of_the_drain(place):
    await place.send(range(100))
    async with place.running({"once": 1}) as first:
        await until(lambda: len(first) == 100)
    await place.send(range(100, 150))
    with capture_logs() as logs:
        async with place.running({"once": 1}) as second:
            await until(lambda: len(second) == 50)
    assert last(second) == {"once": sum(range(150))}
    assert [line["replay"] for line in logs if line["event"] == "state restored"] == [0]
    assert [sums["once"] for sums in await place.written()] == list(itertools.accumulate(range(150)))


async def test_an_older_snapshot_is_replayed_in_silence(place):
    await place.send(range(100))
    async with place.running({"once": 1}) as outputs:
        await until(lambda: len(outputs) == 100)
    kept = place.snapshots()[-1].read_bytes(), place.snapshots()[-1]
    await place.send(range(100, 150))
    async with place.running({"once": 1}) as outputs:
        await until(lambda: len(outputs) == 50)
    for path in place.snapshots():
        path.unlink()
    kept[1].write_bytes(kept[0])
    await place.send([1000])
    with capture_logs() as logs:
        async with place.running({"once": 1}) as outputs:
            await until(lambda: len(outputs) == 1)
    assert last(outputs) == {"once": sum(range(150)) + 1000}
    assert [line["replay"] for line in logs if line["event"] == "state restored"] == [50]
    assert len(await place.written()) == 151


async def test_a_damaged_snapshot_is_said_and_the_one_before_it_used(place):
    await place.send(range(10))
    async with place.running({"once": 1}) as outputs:
        await until(lambda: len(outputs) == 10)
    await place.send(range(10, 20))
    async with place.running({"once": 1}) as outputs:
        await until(lambda: len(outputs) == 10)
    newest = place.snapshots()[-1]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    await place.send([1000])
    with capture_logs() as logs:
        async with place.running({"once": 1}) as outputs:
            await until(lambda: len(outputs) == 1)
    assert last(outputs) == {"once": sum(range(20)) + 1000}
    assert [line["snapshot"] for line in logs if "cannot be used" in line["event"]]


async def test_a_first_start_learns_in_silence_and_is_heard_from_then_on(place):
    await place.send(range(100))
    async with place.running({"once": 1}, start="latest") as outputs:
        assert outputs == []
        await place.send([1000])
        await until(lambda: outputs)
    assert last(outputs) == {"once": sum(range(100)) + 1000}
    assert len(await place.written()) == 1


async def test_history_reaches_back_only_so_far(place):
    producer = AIOKafkaProducer(bootstrap_servers=place.kafka)
    await producer.start()
    now = int(time.time() * 1000)
    for age in (7200, 1800, 60):
        await producer.send_and_wait(place.name, b"%d" % age, timestamp_ms=now - age * 1000)
    await producer.stop()
    async with place.running({"once": 1}, start="latest", history=3600.0) as outputs:
        await place.send([1])
        await until(lambda: outputs)
    assert last(outputs) == {"once": 1861}


async def test_what_came_while_nobody_was_there_is_not_passed_over_after_a_first_start(place):
    async with place.running({"once": 1}, start="latest"):
        pass
    await place.send([5])
    async with place.running({"once": 1}, start="latest") as outputs:
        await until(lambda: outputs)
    assert last(outputs) == {"once": 5}


async def test_a_changed_detector_learns_from_the_past_and_the_others_go_on(place):
    await place.send(range(100))
    async with place.running({"once": 1, "more": 2}) as outputs:
        await until(lambda: len(outputs) == 100)
    with capture_logs() as logs:
        async with place.running({"once": 1, "more": 3}) as outputs:
            await until(lambda: any(line["event"] == "learned what has changed" for line in logs))
            await place.send([1])
            await until(lambda: outputs)
    assert last(outputs) == {"once": sum(range(100)) + 1, "more": 3 * sum(range(100)) + 3}
    assert len(await place.written()) == 101


async def test_a_snapshot_older_than_retention_is_said_and_what_is_there_is_learned(place):
    await place.send(range(10))
    async with place.running({"once": 1}) as outputs:
        await until(lambda: len(outputs) == 10)
    old = place.snapshots()[-1].read_bytes(), place.snapshots()[-1]
    await place.send(range(10, 20))
    async with place.running({"once": 1}) as outputs:
        await until(lambda: len(outputs) == 10)
    for path in place.snapshots():
        path.unlink()
    old[1].write_bytes(old[0])
    await delete_before(place, 15)
    with capture_logs() as logs:
        async with place.running({"once": 1}) as outputs:
            await place.send([1000])
            await until(lambda: outputs)
    assert any("older than what the topic still holds" in line["event"] for line in logs)
    assert last(outputs) == {"once": sum(range(15, 20)) + 1000}


async def test_records_that_retention_took_are_said(place):
    await place.send(range(10))
    async with place.running({"once": 1}) as outputs:
        await until(lambda: len(outputs) == 10)
    await place.send(range(10, 20))
    await delete_before(place, 15)
    with capture_logs() as logs:
        async with place.running({"once": 1}) as outputs:
            await until(lambda: len(outputs) == 5)
    assert [line["records"] for line in logs if "lost to us" in line["event"]] == [5]


async def delete_before(place, offset):
    admin = AIOKafkaAdminClient(bootstrap_servers=place.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(place.name, 0): RecordsToDelete(before_offset=offset)})
    await admin.close()


async def test_a_reload_keeps_what_did_not_change(place):
    queue: asyncio.Queue[Reload] = asyncio.Queue()

    async def reloads():
        while True:
            yield await queue.get()

    await place.send(range(10))
    with capture_logs() as logs:
        async with place.running({"once": 1, "more": 2}, reloads=reloads()) as outputs:
            await until(lambda: len(outputs) == 10)
            queue.put_nowait(Reload(None, "wrong"))
            queue.put_nowait(Reload(place.routes({"once": 1, "more": 3}), "changed"))
            await until(lambda: any(line["event"] == "learned what has changed" for line in logs))
            await place.send([1])
            await until(lambda: len(outputs) == 11)
            assert last(outputs) == {"once": 46, "more": 3 * 46}
            queue.put_nowait(Reload(place.routes({"once": 1}, (place.name, "not-there")), "an input that is not there"))
            await until(lambda: any("cannot be taken up" in line["event"] for line in logs))
            queue.put_nowait(Reload(place.routes({"once": 1}, (place.name, f"{place.name}-2")), "one more input"))
            await until(lambda: sum(line["event"] == "running" for line in logs) == 2)
            await place.send([2])
            await place.send([7], f"{place.name}-2")
            await until(lambda: len(outputs) == 13)
    assert sorted(json.loads(output.value)["once"] for output in outputs[-2:]) == [7, 48]
    assert len(await place.written()) == 13


async def test_without_a_store_a_restart_learns_from_history(place):
    await place.send(range(10))
    async with place.running({"once": 1}, store=False) as outputs:
        await until(lambda: len(outputs) == 10)
    with capture_logs() as logs:
        async with place.running({"once": 1}, store=False) as outputs:
            await place.send([1])
            await until(lambda: outputs)
    assert last(outputs) == {"once": 46}
    assert any("no snapshots are kept" in line["event"] for line in logs)
