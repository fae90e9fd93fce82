"""One desk on one partition: what is committed when, and what a stop does, without Kafka."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from simple_desk import SimpleDesk, incident, record

from floodmark.config.models import Config
from floodmark.config.notify import Notify
from floodmark.notify import partition as module
from floodmark.notify.ledger import held
from floodmark.notify.masking import Masking
from floodmark.notify.metrics import Metrics
from floodmark.notify.partition import Member, Partition
from floodmark.notify.posting import LANES, Posting
from floodmark.notify.sink import Delivered
from floodmark.records import Record
from floodmark.runtime.errors import FencedError
from floodmark.runtime.telemetry import Telemetry

SOURCE = TopicPartition("alerts", 3)


class Consumer:
    """Of one partition: what is put into it comes at the next fetch."""

    def __init__(self, committed=None, end=0):
        self.log, self.at, self.stored, self.end = [], 0, committed, end
        self.fresh = asyncio.Event()

    def put(self, *incidents):
        for each in incidents:
            output = record(each)
            offset = self.end
            self.log.append(Record("alerts", 3, offset, 1_700_000_000_000, output.key, output.value, output.headers))
            self.end = offset + 1
        self.fresh.set()

    def assignment(self):
        return {SOURCE}

    def highwater(self, source):
        return self.end

    def last_poll_timestamp(self, source):
        return None

    async def position(self, source):
        return self.at

    def seek(self, source, offset):
        self.at = offset

    async def committed(self, source):
        return self.stored

    async def beginning_offsets(self, sources):
        return {SOURCE: 0}

    async def end_offsets(self, sources):
        return {SOURCE: self.end}

    async def getmany(self, source, timeout_ms, max_records):
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self.fresh.wait()
        except TimeoutError:
            pass
        self.fresh.clear()
        found = [each for each in self.log if each.offset >= self.at]
        self.at = self.end
        return {SOURCE: found} if found else {}


class Outbox:
    def __init__(self, events):
        self.commits, self.events, self.failing, self.gate = [], events, None, asyncio.Event()
        self.gate.set()

    async def open(self):
        self.events.append("fenced")

    async def commit(self, outputs, next_offset):
        await self.gate.wait()
        await asyncio.sleep(0)
        if self.failing is not None:
            raise self.failing
        self.commits.append((list(outputs), next_offset))
        self.events.append("committed")

    async def close(self):
        self.events.append("closed")

    def ledger(self):
        outputs = [output for some, _ in self.commits for output in some]
        return held(Record("d", 3, n, -1, o.key, o.value, o.headers) for n, o in enumerate(outputs))


class Sink:
    takes = frozenset({"open", "update", "resolve"})

    def __init__(self, events):
        self.events, self.gate = events, asyncio.Event()
        self.gate.set()

    async def deliver(self, message, memory):
        self.events.append(f"sent {message.id}")
        await self.gate.wait()
        return Delivered()


class Stand:
    """A partition, and all around it."""

    def __init__(self, committed=0, ledger=None, end=0):
        self.events = []
        self.consumer, self.outbox, self.sink = Consumer(committed, end), Outbox(self.events), Sink(self.events)
        section = Notify(targets={"t": {"webhook": {"url": "https://example.org/a-secret-path-of-ours"}}})
        config = Config(notify=section)
        masking = Masking(config)
        telemetry = Telemetry()
        self.ended = None

        async def recall(number):
            self.events.append(f"recalled {number}")
            return ledger or held(())

        member = Member(
            group="g",
            config=config,
            consumer=self.consumer,
            posting=Posting(section, {"t": self.sink}, masking),
            hearing=None,
            telemetry=telemetry,
            metrics=Metrics(telemetry.registry),
            make=lambda: SimpleDesk(config, {"t": Sink.takes}, {}),
            recall=recall,
            counts={},
        )
        self.partition = Partition(SOURCE, member, self.outbox)

    async def __aenter__(self):
        self.partition.start(self._note)
        await self.until(lambda: self.partition.live.is_set() or self.ended is not None)
        return self

    async def __aexit__(self, *_):
        await self.partition.stop()

    def _note(self, task):
        self.ended = None if task.cancelled() else task.exception()

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.005)

    def sent(self):
        return [each.removeprefix("sent ") for each in self.events if each.startswith("sent")]


async def test_fence_first_then_the_ledger_and_what_is_to_be_told_is_committed_before_it_is_sent_and_after():
    async with Stand() as stand:
        stand.consumer.put(incident("inc-1", 1, "opened"))
        await stand.until(lambda: stand.sent() == ["inc-1/1/t"])
        await stand.until(lambda: len(stand.outbox.commits) == 2)
    assert stand.events == ["fenced", "recalled 3", "committed", "sent inc-1/1/t", "committed", "closed"]
    assert [following for _, following in stand.outbox.commits] == [1, None]


async def test_a_first_start_commits_where_it_begins_and_tells_nothing_of_the_past():
    stand = Stand(committed=None)
    stand.consumer.put(incident("inc-0", 1, "opened"))
    async with stand:
        stand.consumer.put(incident("inc-1", 1, "opened"))
        await stand.until(lambda: stand.sent() == ["inc-1/1/t"])
    assert stand.outbox.commits[0] == ([], 1)


async def test_offsets_that_kafka_has_forgotten_are_said_where_people_had_been_told():
    async with Stand() as before:
        before.consumer.put(incident("inc-1", 1, "opened"))
        await before.until(lambda: len(before.outbox.commits) == 2)
    for ledger, times in ((before.outbox.ledger(), 1), (None, 0)):
        with capture_logs() as said:
            async with Stand(committed=None, end=5, ledger=ledger):
                pass
        assert sum("forgotten how far" in each["event"] for each in said) == times


async def test_what_was_committed_and_not_answered_is_sent_again_by_whoever_goes_on():
    async with Stand() as first:
        first.sink.gate.clear()
        first.consumer.put(incident("inc-1", 1, "opened"))
        await first.until(first.sent)
        remembered = first.outbox.ledger()
        async with Stand(committed=1, end=1, ledger=remembered) as second:
            await second.until(lambda: second.sent() == ["inc-1/1/t"])
        first.sink.gate.set()


async def test_a_stop_waits_for_what_is_under_way_and_commits_what_came_of_it():
    stand = Stand()
    async with stand:
        stand.sink.gate.clear()
        stand.consumer.put(incident("inc-1", 1, "opened"))
        await stand.until(stand.sent)
        stopping = asyncio.create_task(stand.partition.stop())
        await asyncio.sleep(0.05)
        assert not stopping.done()
        stand.sink.gate.set()
        await stopping
    assert stand.events[-2:] == ["committed", "closed"]
    assert held(()) != stand.outbox.ledger()
    assert b'"waiting":[]' in stand.outbox.ledger().entries[0].value


async def test_a_stop_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(module, "FINISH_SECONDS", 0.05)
    stand = Stand()
    async with stand:
        stand.sink.gate.clear()
        stand.consumer.put(incident("inc-1", 1, "opened"))
        await stand.until(stand.sent)
    assert stand.events[-1] == "closed"
    assert b'"waiting":[{' in stand.outbox.ledger().entries[0].value


async def test_who_is_fenced_sends_nothing_more():
    stand = Stand()
    async with stand:
        stand.outbox.failing = FencedError("another owner")
        stand.consumer.put(incident("inc-1", 1, "opened"))
        await stand.until(lambda: stand.ended is not None)
    assert isinstance(stand.ended, FencedError)
    assert not stand.sent()


async def test_who_stood_still_proves_that_the_partition_is_still_its_own_before_it_sends(monkeypatch):
    time = [0.0]
    monkeypatch.setattr(module, "passed", lambda: time[0])
    stand = Stand()
    async with stand:
        stand.sink.gate.clear()
        stand.consumer.put(*(incident(f"inc-{number}", 1, "opened") for number in range(LANES + 1)))
        await stand.until(lambda: len(stand.sent()) == LANES)
        time[0] = 100.0  # one has been waiting for its turn, and somebody else has the partition by now
        stand.outbox.failing = FencedError("another owner")
        stand.sink.gate.set()
        await stand.until(lambda: stand.ended is not None)
    assert isinstance(stand.ended, FencedError)
    assert len(stand.sent()) == LANES


async def test_nothing_more_is_sent_while_a_commit_is_not_answered(monkeypatch):
    monkeypatch.setattr(module, "_SLOW_SECONDS", 0.05)
    async with Stand() as stand:
        stand.sink.gate.clear()
        stand.consumer.put(*(incident(f"inc-{number}", 1, "opened") for number in range(3 * LANES)))
        await stand.until(lambda: len(stand.sent()) == LANES)
        stand.outbox.gate.clear()
        stand.consumer.put(incident("inc-more", 1, "opened"))
        await asyncio.sleep(0.2)
        stand.sink.gate.set()
        await asyncio.sleep(0.2)
        assert len(stand.sent()) == LANES
        stand.outbox.gate.set()
        await stand.until(lambda: len(stand.sent()) == 3 * LANES + 1)


async def test_who_stood_still_and_is_still_the_owner_sends_on(monkeypatch):
    time = [0.0]
    monkeypatch.setattr(module, "passed", lambda: time[0])
    async with Stand() as stand:
        stand.sink.gate.clear()
        stand.consumer.put(*(incident(f"inc-{number}", 1, "opened") for number in range(LANES + 1)))
        await stand.until(lambda: len(stand.sent()) == LANES)
        time[0] = 100.0
        stand.sink.gate.set()
        await stand.until(lambda: len(stand.sent()) == LANES + 1)


async def test_what_is_no_incident_is_passed_over_and_the_offset_goes_on():
    async with Stand() as stand:
        stand.consumer.log.append(Record("alerts", 3, 0, -1, b"k", b"{", ()))
        stand.consumer.end = 1
        stand.consumer.put(incident("inc-1", 1, "opened"))
        await stand.until(lambda: stand.sent() == ["inc-1/1/t"])
    assert stand.outbox.commits[0][1] == 2


async def test_a_bug_of_the_desk_makes_a_dead_letter_and_holds_up_nothing(monkeypatch):
    revise = SimpleDesk.revise

    def broken(self, found, now):
        if found.id == "inc-bad":
            raise KeyError("a bug")
        revise(self, found, now)

    monkeypatch.setattr(SimpleDesk, "revise", broken)
    async with Stand() as stand:
        stand.consumer.put(incident("inc-bad", 1, "opened"), incident("inc-1", 1, "opened"))
        await stand.until(lambda: stand.sent() == ["inc-1/1/t"])
    letters = [output for some, _ in stand.outbox.commits for output in some if output.stream == "dead_letters"]
    assert len(letters) == 1


async def test_who_fails_while_it_is_recovered_hears_no_more_of_what_people_do():
    desks = []

    class Hears:
        def join(self, desk, told):
            desks.append(desk)

        def leave(self, desk):
            desks.remove(desk)

    class Away:
        async def start(self, known, counts):
            raise KafkaConnectionError

        async def stop(self):
            pass

    stand = Stand()
    member = replace(stand.partition._member, hearing=Hears())
    stand.partition = Partition(SOURCE, member, stand.outbox, Away())
    async with stand:
        await stand.until(lambda: stand.ended is not None)
    assert isinstance(stand.ended, KafkaConnectionError)
    assert desks == []


async def test_a_bug_in_taking_an_answer_in_holds_up_nothing_else(monkeypatch):
    settle = SimpleDesk.settle

    def buggy(self, job, outcome, now):
        if job.message.key == "bad":
            raise RuntimeError("a bug")
        settle(self, job, outcome, now)

    monkeypatch.setattr(SimpleDesk, "settle", buggy)
    async with Stand() as stand:
        stand.consumer.put(incident("bad", 1, "opened"))
        await stand.until(lambda: stand.sent() == ["bad/1/t"])
        stand.consumer.put(incident("good", 1, "opened"))
        await stand.until(lambda: "good/1/t" in stand.sent())
        assert stand.ended is None
    assert stand.sent() == ["bad/1/t", "good/1/t"]
