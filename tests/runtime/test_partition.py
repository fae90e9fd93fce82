"""One task on one partition, with a consumer, a delivery and a clock that the test holds."""

import asyncio
from collections import namedtuple
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, NotLeaderForPartitionError
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from floodmark.records import Output, Record
from floodmark.runtime.partition import SLICE, SLICE_BYTES, Partition, dead_letter, slices
from floodmark.runtime.telemetry import Telemetry

SOURCE = TopicPartition("metrics", 3)
Raw = namedtuple("Raw", "topic partition offset timestamp key value headers")


def raw(offset, value=b"v"):
    return Raw("metrics", 3, offset, 1000 + offset, b"k", value, (("h", b"x"),))


class Consumer:
    """Gives what is in `batches`, one fetch each; then waits as long as it is told, on the test's clock."""

    def __init__(self, batches=(), clock=None):
        self.batches = list(batches)
        self.fetches = 0
        self.clock = clock
        self.end = 0

    async def getmany(self, source, timeout_ms, max_records):
        self.fetches += 1
        if self.batches:
            batch = self.batches.pop(0)
            if isinstance(batch, Exception):
                raise batch
            assert len(batch) <= max_records
            self.end = batch[-1].offset + 1
            return {source: batch}
        if self.clock is None:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        self.clock.now += timeout_ms / 1000
        return {}

    def assignment(self):
        return {SOURCE}

    def highwater(self, _):
        return self.end

    async def position(self, _):
        return self.end


class Delivery:
    def __init__(self):
        self.delivered = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def deliver(self, source, outputs, next_offset):
        await self.gate.wait()
        self.delivered.append((list(outputs), next_offset))


class Task:
    """Echoes; raises on the offsets in `poison`."""

    def __init__(self, poison=()):
        self.poison = set(poison)
        self.calls = []
        self.idles = 0

    def process(self, records):
        self.calls.append([record.offset for record in records])
        if bad := self.poison.intersection(record.offset for record in records):
            raise ValueError(f"cannot take {min(bad)}")
        return [Output("anomalies", record.key, b"%d" % record.offset) for record in records]

    def idle(self):
        self.idles += 1
        return [Output("anomalies", None, b"idle", everywhere=True)]


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def partition(task, consumer, delivery, *, clock=None, telemetry=None):
    return Partition(
        SOURCE,
        task,
        consumer,
        delivery,
        telemetry or Telemetry(),
        group="floodmark-detect",
        stage="detect",
        most=2000,
        idle=10.0,
        clock=clock or Clock(),
    )


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_records_come_whole_and_in_order_in_slices():
    consumer, delivery, task = Consumer([[raw(i) for i in range(1200)]]), Delivery(), Task()
    work = partition(task, consumer, delivery)
    work.start(lambda _: None)
    await until(lambda: work.position is not None)
    await work.stop()
    assert [len(call) for call in task.calls] == [SLICE, SLICE, 200]
    ((outputs, next_offset),) = delivery.delivered
    assert [int(output.value) for output in outputs] == list(range(1200))
    assert next_offset == work.position == 1200


async def test_other_tasks_have_turns_between_slices():
    turns = []

    class Watching(Task):
        def process(self, records):
            turns.append("process")
            return []

    consumer, delivery = Consumer([[raw(i) for i in range(1500)]]), Delivery()
    work = partition(Watching(), consumer, delivery)
    work.start(lambda _: None)
    while not delivery.delivered:
        turns.append("loop")
        await asyncio.sleep(0)
    await work.stop()
    assert "process-process" not in "-".join(turns)


async def test_nothing_is_fetched_while_outputs_wait_for_acknowledgement():
    consumer, delivery = Consumer([[raw(i)] for i in range(50)]), Delivery()
    delivery.gate.clear()
    work = partition(Task(), consumer, delivery)
    work.start(lambda _: None)
    for _ in range(200):
        await asyncio.sleep(0)
    assert consumer.fetches == 1
    delivery.gate.set()
    await until(lambda: work.position == 50)
    await work.stop()


async def test_stop_waits_for_what_is_in_flight_and_takes_no_more():
    consumer, delivery = Consumer([[raw(0)], [raw(1)]]), Delivery()
    delivery.gate.clear()
    work = partition(Task(), consumer, delivery)
    work.start(lambda _: None)
    await until(lambda: consumer.fetches)
    stopping = asyncio.create_task(work.stop())
    for _ in range(50):
        await asyncio.sleep(0)
    assert not stopping.done()
    delivery.gate.set()
    await stopping
    assert (work.position, consumer.fetches) == (1, 1)


async def test_it_starts_again_where_it_stopped():
    consumer, delivery, task = Consumer([[raw(0)]]), Delivery(), Task()
    work = partition(task, consumer, delivery)
    work.start(lambda _: None)
    await until(lambda: work.position == 1)
    await work.stop()
    consumer.batches.append([raw(1)])
    work.start(lambda _: None)
    await until(lambda: work.position == 2)
    await work.stop()
    assert task.calls == [[0], [1]]


async def test_idle_is_said_once_a_silence():
    clock, task, delivery = Clock(), Task(), Delivery()
    consumer = Consumer([[raw(0)]], clock)
    work = partition(task, consumer, delivery, clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now >= 108)
    assert task.idles == 0
    await until(lambda: clock.now > 200)
    assert task.idles == 1
    consumer.batches.append([raw(1)])
    then = clock.now
    await until(lambda: clock.now > then + 50)
    await work.stop()
    assert task.idles == 2
    idle = [Output("anomalies", None, b"idle", everywhere=True)]
    assert [d for d in delivery.delivered if d[0] == idle] == [(idle, None)] * 2


async def test_a_task_that_is_behind_is_not_idle():
    clock, task, delivery = Clock(), Task(), Delivery()
    consumer = Consumer([[raw(0)]], clock)
    consumer.highwater = lambda _: 900
    work = partition(task, consumer, delivery, clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now > 200)
    await work.stop()
    assert task.idles == 0
    assert work.lag() == 899


@given(st.sets(st.integers(0, 29)), st.integers(1, 30))
def test_every_record_is_processed_or_dead_lettered_once(poison, count):
    async def scenario():
        delivery, telemetry = Delivery(), Telemetry()
        work = partition(Task(poison), Consumer([[raw(i) for i in range(count)]]), delivery, telemetry=telemetry)
        work.start(lambda _: None)
        await until(lambda: work.position == count)
        await work.stop()
        return delivery.delivered[0][0], telemetry

    with capture_logs():
        outputs, telemetry = asyncio.run(scenario())
    dead = [dict(output.headers)["floodmark.offset"] for output in outputs if output.stream == "dead_letters"]
    bad = sorted(poison & set(range(count)))
    assert [int(offset) for offset in dead] == bad
    assert [int(o.value) for o in outputs if o.stream == "anomalies"] == sorted(set(range(count)) - poison)
    assert (telemetry.registry.get_sample_value("floodmark_process_failures_total", PLACE) or 0) == len(bad)


PLACE = {"topic": "metrics", "partition": "3"}


async def test_a_poison_record_is_logged_with_its_place():
    with capture_logs() as logs:
        work = partition(Task({7}), Consumer([[raw(7)]]), Delivery())
        work.start(lambda _: None)
        await until(lambda: work.position == 8)
        await work.stop()
    (line,) = logs
    assert (line["topic"], line["partition"], line["offset"]) == ("metrics", 3, 7)


def test_a_dead_letter_is_the_record_untouched_with_the_reason():
    record = Record("metrics", 3, 42, 0, b"key", b"\xffvalue", (("mine", b"1"),))
    letter = dead_letter(record, "detect", ValueError("näh"))
    assert letter == Output(
        "dead_letters",
        b"key",
        b"\xffvalue",
        (
            ("mine", b"1"),
            ("floodmark.topic", b"metrics"),
            ("floodmark.partition", b"3"),
            ("floodmark.offset", b"42"),
            ("floodmark.stage", b"detect"),
            ("floodmark.error", b"ValueError"),
            ("floodmark.message", "näh".encode()),
        ),
    )


@pytest.mark.parametrize("error", [CorruptRecordException("Invalid CRC"), NotLeaderForPartitionError("moved")])
async def test_a_fetch_that_can_be_retried_is(error, monkeypatch):
    monkeypatch.setattr("floodmark.runtime.partition._RETRY_SECONDS", 0)
    with capture_logs() as logs:
        work = partition(Task(), Consumer([error, [raw(0)]]), Delivery())
        work.start(lambda _: None)
        await until(lambda: work.position == 1)
        await work.stop()
    assert logs[0]["reason"] == str(error)


async def test_an_idle_that_raises_is_counted_and_work_goes_on():
    class Broken(Task):
        def idle(self):
            raise RuntimeError("no")

    clock, telemetry = Clock(), Telemetry()
    consumer = Consumer([[raw(0)]], clock)
    with capture_logs():
        work = partition(Broken(), consumer, Delivery(), clock=clock, telemetry=telemetry)
        work.start(lambda _: None)
        await until(lambda: clock.now > 150)
        consumer.batches.append([raw(1)])
        await until(lambda: work.position == 2)
        await work.stop()
    assert telemetry.registry.get_sample_value("floodmark_process_failures_total", PLACE) == 1


async def test_what_stops_the_work_is_told():
    ended = []
    work = partition(Task(), Consumer([KeyError("bug")]), Delivery())
    work.start(ended.append)
    await until(lambda: ended)
    with pytest.raises(KeyError):
        ended[0].result()


def test_slices_are_bounded_in_bytes_too_and_keep_every_record():
    sizes = [10, SLICE_BYTES // 2, SLICE_BYTES // 2, 3 * SLICE_BYTES, 10, 10]
    records = [SimpleNamespace(value=b"x" * size) for size in sizes]
    pieces = list(slices(records))
    assert [len(piece) for piece in pieces] == [2, 1, 1, 2]
    assert [record for piece in pieces for record in piece] == records
