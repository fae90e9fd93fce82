"""One task on one partition, with a consumer, an outbox and a clock that the test holds."""

import asyncio
import math
from collections import namedtuple

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, NotLeaderForPartitionError, OffsetOutOfRangeError
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from floodmark.letters import broken
from floodmark.records import Awaited, Heard, Output, Record
from floodmark.runtime import partition as partition_module
from floodmark.runtime.errors import SchemasAwayError
from floodmark.runtime.partition import HELD, Member, Partition
from floodmark.runtime.recovery import Start
from floodmark.runtime.snapshots import Saved
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
        self.sought = []
        self.beginning = 0
        self.answered = None

    def seek(self, source, offset):
        self.sought.append(offset)

    async def beginning_offsets(self, sources):
        return dict.fromkeys(sources, self.beginning)

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

    def last_poll_timestamp(self, _):
        return self.answered

    async def position(self, _):
        return self.end


class Outbox:
    """Keeps what is committed; waits at `gate`."""

    def __init__(self):
        self.committed = []
        self.closed = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, outputs, next_offset):
        await self.gate.wait()
        self.committed.append((list(outputs), next_offset))

    async def close(self):
        self.closed = True

    @property
    def outputs(self):
        return [output for outputs, _ in self.committed for output in outputs]


class Snapshots:
    busy = False

    def __init__(self):
        self.taken = []

    async def save(self, name, position, produce, forked):
        self.taken.append((name, position, produce()))
        forked()
        return Saved(10, 0.1)


class Recovery:
    """Starts the task at `position`, heard from `live` on."""

    def __init__(self, position=0, live=0, snapshot=None):
        self.at = (position, live, snapshot)

    async def start(self, source, make, outbox):
        return Start(make(), *self.at)


class Task:
    """Echoes; raises on the offsets in `poison`."""

    def __init__(self, poison=()):
        self.poison = set(poison)
        self.calls = []
        self.idles = self.words = 0

    def process(self, records):
        self.calls.append([record.offset for record in records])
        if bad := self.poison.intersection(record.offset for record in records):
            raise ValueError(f"cannot take {min(bad)}")
        return [Output("anomalies", record.key, b"%d" % record.offset) for record in records]

    def speak(self, *, idle):
        self.words += 1
        self.idles += idle
        return [Output("anomalies", None, b"idle", everywhere=True)] if idle else []

    def awaited(self):
        return None

    def learning(self):
        return ()

    def remarks(self):
        return []

    def snapshot(self):
        return b"%d" % sum(len(call) for call in self.calls)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def partition(
    task, consumer, outbox, *, clock=None, telemetry=None, recovery=None, snapshots=None, commit=0.0, supply=None
):
    member = Member(
        group="floodmark-detect",
        stage="detect",
        consumer=consumer,
        recovery=recovery or Recovery(),
        snapshots=snapshots,
        telemetry=telemetry or Telemetry(),
        most=2000,
        idle=10.0,
        patience=30.0,
        commit=commit,
        snapshot=60.0,
        clock=clock or Clock(),
        supply=supply,
    )
    return Partition(SOURCE, lambda: task, outbox, member)


async def until(condition):
    async with asyncio.timeout(300):
        while not condition():
            await asyncio.sleep(0)


async def test_records_come_whole_and_in_order_in_slices():
    consumer, outbox, task = Consumer([[raw(i) for i in range(1200)]]), Outbox(), Task()
    work = partition(task, consumer, outbox)
    work.start(lambda _: None)
    await until(lambda: work.committed == 1200)
    await work.stop()
    assert [offset for call in task.calls for offset in call] == list(range(1200))
    assert len(task.calls) > 1
    assert [int(output.value) for output in outbox.outputs] == list(range(1200))
    assert outbox.committed[-1][1] == work.position == 1200


async def test_other_tasks_have_turns_between_slices():
    turns = []

    class Watching(Task):
        def process(self, records):
            turns.append("process")
            return []

    consumer, outbox = Consumer([[raw(i) for i in range(1500)]]), Outbox()
    work = partition(Watching(), consumer, outbox)
    work.start(lambda _: None)
    while work.committed != 1500:
        turns.append("loop")
        await asyncio.sleep(0)
    await work.stop()
    assert "process-process" not in "-".join(turns)


async def test_nothing_is_fetched_while_outputs_wait_for_acknowledgement():
    consumer, outbox = Consumer([[raw(i)] for i in range(50)]), Outbox()
    outbox.gate.clear()
    work = partition(Task(), consumer, outbox)
    work.start(lambda _: None)
    for _ in range(200):
        await asyncio.sleep(0)
    assert consumer.fetches == 1
    outbox.gate.set()
    await until(lambda: work.position == 50)
    await work.stop()


async def test_stop_waits_for_what_is_in_flight_and_takes_no_more():
    consumer, outbox = Consumer([[raw(0)], [raw(1)]]), Outbox()
    outbox.gate.clear()
    work = partition(Task(), consumer, outbox)
    work.start(lambda _: None)
    await until(lambda: consumer.fetches)
    stopping = asyncio.create_task(work.stop())
    for _ in range(50):
        await asyncio.sleep(0)
    assert not stopping.done()
    outbox.gate.set()
    await stopping
    assert (work.position, consumer.fetches) == (1, 1)


async def test_stop_leaves_what_is_fetched_and_not_begun_to_be_read_again():
    fetched = [raw(i) for i in range(1200)]
    consumer, outbox, task = Consumer([fetched]), Outbox(), Task()
    work = partition(task, consumer, outbox)
    work.start(lambda _: None)
    await until(lambda: task.calls)
    await work.stop()
    done = work.position
    assert 0 < done < 1200
    assert work.committed == done == consumer.sought[-1]
    consumer.batches.append(fetched[done:])
    work.start(lambda _: None)
    await until(lambda: work.committed == 1200)
    await work.stop()
    assert [offset for call in task.calls for offset in call] == list(range(1200))


async def test_a_replay_that_is_stopped_goes_on_where_it_stopped():
    fetched = [raw(i) for i in range(1200)]
    consumer, outbox, task = Consumer([fetched]), Outbox(), Task()
    work = partition(task, consumer, outbox, recovery=Recovery(0, 1100))
    work.start(lambda _: None)
    await until(lambda: task.calls)
    await work.stop()
    left = consumer.sought[-1]
    assert 0 < left < 1100
    assert work.replaying() == 1100 - left
    assert outbox.committed == []
    consumer.batches.append(fetched[left:])
    work.start(lambda _: None)
    await until(lambda: work.committed == 1200)
    await work.stop()
    assert [offset for call in task.calls for offset in call] == list(range(1200))
    assert [int(output.value) for output in outbox.outputs] == list(range(1100, 1200))


async def test_it_starts_again_where_it_stopped():
    consumer, outbox, task = Consumer([[raw(0)]]), Outbox(), Task()
    work = partition(task, consumer, outbox)
    work.start(lambda _: None)
    await until(lambda: work.position == 1)
    await work.stop()
    consumer.batches.append([raw(1)])
    work.start(lambda _: None)
    await until(lambda: work.position == 2)
    await work.stop()
    assert task.calls == [[0], [1]]


async def test_idle_is_said_as_soon_as_it_is_so_and_again_and_again():
    clock, task, outbox = Clock(), Task(), Outbox()
    consumer = Consumer([[raw(0)]], clock)
    work = partition(task, consumer, outbox, clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now >= 108)
    assert (task.idles, task.words) == (0, 1)  # that it is there it has said at once
    await until(lambda: clock.now >= 112)
    assert (task.idles, task.words) == (1, 2)
    await until(lambda: clock.now >= 153)
    assert (task.idles, task.words) == (5, 6)  # each third of the patience
    consumer.batches.append([raw(1)])
    await until(lambda: work.position == 2)
    then = clock.now
    await until(lambda: clock.now >= then + 8)
    assert task.idles == 5
    await until(lambda: clock.now >= then + 12)
    await work.stop()
    assert task.idles == 6
    idle = [Output("anomalies", None, b"idle", everywhere=True)]
    assert [d for d in outbox.committed if d[0] == idle] == [(idle, None)] * 6


async def test_a_task_that_goes_on_where_it_stopped_says_at_once_that_it_is_there():
    clock, task, outbox = Clock(), Task(), Outbox()
    work = partition(task, Consumer([[raw(0)]], clock), outbox, clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now >= 112)
    await work.stop()
    assert (task.idles, task.words) == (1, 2)
    work.start(lambda _: None)
    await until(lambda: task.words == 3)
    await work.stop()
    assert task.idles == 2  # it is as idle as it was: whoever begins to listen need not wait


class Waiting(Task):
    """Waits for the detect tasks that `heard` says."""

    def __init__(self):
        super().__init__()
        self.heard = {"metrics/0": Heard(1, 1), "metrics/1": Heard(0, 0)}

    def speak(self, *, idle):
        return []

    def awaited(self):
        return Awaited(self.heard, math.nan, "", 50.0)

    def forgo(self, names, silent):
        return [Output("anomalies", None, f"without {','.join(names)} after {silent:.0f} s".encode(), partition=3)]


async def test_whom_a_task_does_not_hear_it_is_not_ready_without_and_at_last_goes_on():
    clock, task, outbox = Clock(), Waiting(), Outbox()
    work = partition(task, Consumer([[raw(0)]], clock), outbox, clock=clock)
    assert work.troubles() == ["metrics/3 is being recovered"]
    work.start(lambda _: None)
    await until(work.live.is_set)
    assert work.troubles() == ["metrics/3 has just begun to listen"]
    await until(lambda: clock.now >= 110)
    assert work.missing == 1
    assert work.troubles() == ["metrics/3: detect task metrics/1 has not been heard yet"]
    task.heard = {"metrics/0": Heard(2, 2), "metrics/1": Heard(1, 1)}
    await until(lambda: clock.now >= 115)
    assert (work.missing, work.troubles()) == (0, [])
    await until(lambda: clock.now >= 150)
    await work.stop()
    assert work.missing == 2
    (decision,) = [o for outputs, _ in outbox.committed for o in outputs if o.value != b"0"]
    assert decision.partition == 3
    assert decision.value.startswith(b"without metrics/0,metrics/1 after 3")


async def test_what_cannot_be_read_is_no_silence_of_others_and_not_ready():
    clock, task, outbox = Clock(), Waiting(), Outbox()
    consumer = Consumer([[raw(0)]], clock)
    consumer.highwater = lambda _: consumer.end + (50 if clock.now > 105 else 0)
    task.heard = {"metrics/0": Heard(1, 1)}
    work = partition(task, consumer, outbox, clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now >= 300)
    await work.stop()
    assert not [o for outputs, _ in outbox.committed for o in outputs if o.value != b"0"]
    (words,) = work.troubles()
    assert "could not be read for" in words


async def test_a_task_that_is_behind_is_not_idle():
    clock, task, outbox = Clock(), Task(), Outbox()
    consumer = Consumer([[raw(0)]], clock)
    consumer.highwater = lambda _: 900
    work = partition(task, consumer, outbox, clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now > 200)
    await work.stop()
    assert task.idles == 0
    assert work.lag() == 899


@given(st.sets(st.integers(0, 29)), st.integers(1, 30))
def test_every_record_is_processed_or_dead_lettered_once(poison, count):
    async def scenario():
        outbox, telemetry = Outbox(), Telemetry()
        work = partition(Task(poison), Consumer([[raw(i) for i in range(count)]]), outbox, telemetry=telemetry)
        work.start(lambda _: None)
        await until(lambda: work.position == count)
        await work.stop()
        return outbox.outputs, telemetry

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
        work = partition(Task({7}), Consumer([[raw(7)]]), Outbox())
        work.start(lambda _: None)
        await until(lambda: work.position == 8)
        await work.stop()
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert (line["topic"], line["partition"], line["offset"]) == ("metrics", 3, 7)


def test_a_dead_letter_is_the_record_untouched_with_the_reason():
    record = Record("metrics", 3, 42, 0, b"key", b"\xffvalue", (("mine", b"1"),))
    letter = broken(record, "detect", ValueError("näh"))
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
        work = partition(Task(), Consumer([error, [raw(0)]]), Outbox())
        work.start(lambda _: None)
        await until(lambda: work.position == 1)
        await work.stop()
    assert [line["reason"] for line in logs if line["log_level"] == "warning"] == [str(error)]


async def test_a_word_that_raises_is_counted_and_work_goes_on():
    class Broken(Task):
        def speak(self, *, idle):
            raise RuntimeError("no")

    clock, telemetry = Clock(), Telemetry()
    consumer = Consumer([[raw(0)]], clock)
    with capture_logs():
        work = partition(Broken(), consumer, Outbox(), clock=clock, telemetry=telemetry)
        work.start(lambda _: None)
        await until(lambda: clock.now > 150)
        consumer.batches.append([raw(1)])
        await until(lambda: work.position == 2)
        await work.stop()
    assert telemetry.registry.get_sample_value("floodmark_process_failures_total", PLACE) > 1


async def test_what_stops_the_work_is_told():
    ended = []
    work = partition(Task(), Consumer([KeyError("bug")]), Outbox())
    work.start(ended.append)
    await until(lambda: ended)
    with pytest.raises(KeyError):
        ended[0].result()


# -- commits, replay, snapshots


async def test_outputs_of_many_fetches_share_a_transaction():
    clock, outbox = Clock(), Outbox()
    work = partition(Task(), Consumer([[raw(0)], [raw(1)], [raw(2)]], clock), outbox, clock=clock, commit=0.5)
    work.start(lambda _: None)
    await until(lambda: work.committed == 3)
    await work.stop()
    assert [next_offset for _, next_offset in outbox.committed] == [3]


async def test_no_more_outputs_are_held_than_allowed():
    outbox = Outbox()
    work = partition(Task(), Consumer([[raw(i) for i in range(n, n + 2000)] for n in (0, 2000)]), outbox, commit=60.0)
    work.start(lambda _: None)
    await until(lambda: work.position == 4000)
    await work.stop()
    assert max(len(outputs) for outputs, _ in outbox.committed) < 2 * HELD
    assert len(outbox.committed) >= 2


async def test_what_is_replayed_is_processed_and_not_said_again():
    task, outbox, telemetry = Task(), Outbox(), Telemetry()
    consumer = Consumer([[raw(i) for i in range(5, 12)]])
    work = partition(task, consumer, outbox, recovery=Recovery(5, 9, 5), telemetry=telemetry)
    work.start(lambda _: None)
    await until(lambda: work.committed == 12)
    await work.stop()
    assert consumer.sought == [5]
    assert [offset for call in task.calls for offset in call] == list(range(5, 12))
    assert [int(output.value) for output in outbox.outputs] == [9, 10, 11]
    assert telemetry.registry.get_sample_value("floodmark_records_replayed_total", PLACE) == 4


async def test_it_is_live_once_the_replay_has_reached_the_committed_offset_also_past_control_records():
    clock = Clock()
    consumer = Consumer([[raw(5)]], clock)
    work = partition(Task(), consumer, Outbox(), clock=clock, recovery=Recovery(5, 8))
    work.start(lambda _: None)
    await until(lambda: clock.now > 105)
    assert not work.live.is_set()
    assert work.replaying() == 2
    consumer.end = 8  # 6 and 7 were markers of transactions
    await until(work.live.is_set)
    assert work.replaying() == 0
    await work.stop()


async def test_a_stop_during_recovery_commits_nothing_and_it_can_be_started_again():
    class Slow(Recovery):
        async def start(self, source, make, outbox):
            if not gate.is_set():
                await gate.wait()
            return await super().start(source, make, outbox)

    gate, outbox = asyncio.Event(), Outbox()
    work = partition(Task(), Consumer([[raw(0)]]), outbox, recovery=Slow())
    work.start(lambda _: None)
    await asyncio.sleep(0)
    await work.stop()
    assert work.task is None
    assert outbox.committed == []
    gate.set()
    work.start(lambda _: None)
    await until(lambda: work.committed == 1)
    await work.stop()


async def test_snapshots_are_of_committed_offsets_only():
    clock, snapshots, outbox = Clock(), Snapshots(), Outbox()
    consumer = Consumer([[raw(0), raw(1)]], clock)
    work = partition(Task(), consumer, outbox, clock=clock, snapshots=snapshots, commit=0.5)
    work.start(lambda _: None)
    await until(lambda: clock.now > 200)
    consumer.batches.append([raw(2)])
    then = clock.now
    await until(lambda: clock.now > then + 100)
    await work.stop()
    name = "floodmark-detect/metrics/3"
    assert [(position, state) for _, position, state in snapshots.taken] in (
        [(0, b"0"), (2, b"2"), (3, b"3")],
        [(2, b"2"), (3, b"3")],
    )
    assert {taken[0] for taken in snapshots.taken} == {name}


async def test_no_snapshot_while_replaying():
    clock, snapshots = Clock(), Snapshots()
    work = partition(
        Task(), Consumer([[raw(0)]], clock), Outbox(), clock=clock, snapshots=snapshots, recovery=Recovery(0, 9)
    )
    work.start(lambda _: None)
    await until(lambda: clock.now > 300)
    await work.stop()
    await work.save()
    await work.close()
    assert snapshots.taken == []


async def test_a_drain_leaves_a_snapshot_of_the_last_commit():
    snapshots, outbox = Snapshots(), Outbox()
    work = partition(Task(), Consumer([[raw(0)], [raw(1)]]), outbox, snapshots=snapshots)
    work.start(lambda _: None)
    await until(lambda: work.committed == 2)
    await work.stop()
    await work.save()
    await work.close()
    assert snapshots.taken[-1] == ("floodmark-detect/metrics/3", 2, b"2")
    assert outbox.closed


async def test_records_that_retention_took_are_counted_and_passed_over():
    telemetry = Telemetry()
    consumer = Consumer([[raw(0)], OffsetOutOfRangeError({SOURCE: 1}), [raw(50)]])
    consumer.beginning = 50
    with capture_logs() as logs:
        work = partition(Task(), consumer, Outbox(), telemetry=telemetry)
        work.start(lambda _: None)
        await until(lambda: work.committed == 51)
        await work.stop()
    assert consumer.sought == [0, 50]
    assert telemetry.registry.get_sample_value("floodmark_records_lost_total", PLACE) == 49
    assert any(line.get("records") == 49 for line in logs)


async def test_a_broker_that_does_not_answer_is_named_and_its_silence_is_no_idleness(monkeypatch):
    clock, task = Clock(), Task()
    consumer = Consumer([[raw(0)]], clock)
    monkeypatch.setattr("floodmark.runtime.partition.time.time", lambda: 1e9 + clock.now)
    consumer.last_poll_timestamp = lambda _: 1000 * (1e9 + min(clock.now, 105))
    work = partition(task, consumer, Outbox(), clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now >= 104)
    assert work.troubles() == []
    await until(lambda: clock.now >= 150)
    assert work.lag() is None
    (words,) = work.troubles()
    assert words.startswith("metrics/3 cannot be read: its broker has not answered for 4")
    idles = task.idles
    await until(lambda: clock.now >= 200)
    await work.stop()
    assert task.idles == idles


async def test_the_end_of_a_transaction_is_committed_like_a_record():
    clock, outbox = Clock(), Outbox()
    consumer = Consumer([[raw(0)]], clock)
    work = partition(Task(), consumer, outbox, clock=clock)
    work.start(lambda _: None)
    await until(lambda: clock.now >= 103)
    assert work.committed == 1
    consumer.end = 2  # a marker, which is nobody's record
    await until(lambda: work.committed == 2)
    await work.stop()
    assert work.at_rest()


async def test_records_wait_for_what_they_need_and_the_partition_says_so(monkeypatch):
    monkeypatch.setattr(partition_module, "_RETRY_SECONDS", 0)
    there, asked = False, []

    async def supply(records):
        asked.append([record.offset for record in records])
        if not there:
            raise SchemasAwayError("the registry does not answer")

    consumer, outbox, task = Consumer([[raw(0), raw(1)]]), Outbox(), Task()
    work = partition(task, consumer, outbox, supply=supply)
    work.start(lambda _: None)
    await until(lambda: len(asked) > 3)
    assert task.calls == []
    assert any("the registry does not answer" in each for each in work.troubles())
    there = True
    await until(lambda: work.committed == 2)
    assert not any("registry" in each for each in work.troubles())
    await work.stop()
    assert task.calls == [[0, 1]]


async def test_a_stop_does_not_wait_for_what_is_away(monkeypatch):
    monkeypatch.setattr(partition_module, "_RETRY_SECONDS", 0)

    async def supply(records):
        raise SchemasAwayError("away")

    consumer, outbox, task = Consumer([[raw(0), raw(1)]]), Outbox(), Task()
    work = partition(task, consumer, outbox, supply=supply)
    work.start(lambda _: None)
    await until(lambda: any("away" in each for each in work.troubles()))
    await work.stop()
    assert task.calls == []
    assert work.position == 0
