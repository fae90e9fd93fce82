"""Where a task takes up its work, by what the group has committed and what the topic still holds."""

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndTimestamp
from structlog.testing import capture_logs

from floodmark.config.models import State
from floodmark.runtime.recovery import Recovery
from floodmark.runtime.telemetry import Telemetry

SOURCE = TopicPartition("metrics", 0)


class Consumer:
    """A topic that holds the offsets from `begin` to `end`, a second each, and what was committed of it."""

    def __init__(self, begin, end, committed):
        self.begin, self.end, self.offset = begin, end, committed

    async def committed(self, source):
        return self.offset

    async def beginning_offsets(self, sources):
        return dict.fromkeys(sources, self.begin)

    async def end_offsets(self, sources):
        return dict.fromkeys(sources, self.end)

    async def offsets_for_times(self, moments):
        (moment,) = moments.values()
        offset = max(self.begin, -(-moment // 1000))
        return {SOURCE: OffsetAndTimestamp(offset, 1000 * offset) if offset < self.end else None}


class Outbox:
    def __init__(self):
        self.events = []

    async def open(self):
        self.events.append("open")

    async def commit(self, outputs, offset):
        self.events.append(offset)


async def started(begin, end, committed, first="latest"):
    """How a task starts without snapshots and history; what its outbox did, and its log."""
    recovery = Recovery(
        group="g",
        consumer=Consumer(begin, end, committed),
        snapshots=None,
        state=State(store=None, history=0),
        telemetry=Telemetry(),
        first={"metrics": first},
    )
    outbox = Outbox()
    with capture_logs() as logs:
        start = await recovery.start(SOURCE, object, outbox)
    return start, outbox.events, [line["event"] for line in logs]


async def test_it_goes_on_at_the_committed_offset():
    start, events, _ = await started(10, 50, 30)
    assert (start.position, start.live) == (30, 30)
    assert events == ["open"]


@pytest.mark.parametrize(("first", "offset"), [("latest", 50), ("earliest", 10)])
async def test_a_first_start_is_committed_at_once(first, offset):
    start, events, _ = await started(10, 50, None, first)
    assert start.live == offset
    assert events == ["open", offset]


async def test_what_retention_took_is_said_and_passed_over():
    start, _, said = await started(40, 50, 30)
    assert start.live == 40
    assert any("they are lost to us" in line for line in said)


@pytest.mark.parametrize(("end", "anew"), [(29, True), (30, False)])
async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(end, anew):
    start, _, said = await started(0, end, 30)
    assert start.live == (0 if anew else 30)
    assert any("made anew" in line for line in said) == anew


@pytest.mark.parametrize(
    ("now", "history", "position"),
    [
        (1010, 100, 910),  # as it is meant
        (1500, 100, 700),  # it stood still for longer than the history: 800 s ago is before the end
        (1010, 5000, 10),  # the topic has less
        (1010, 0, 1000),  # none is wanted
        (10**9, 100, 10),  # years ago
    ],
)
async def test_history_is_what_was_before_an_outage_however_long_that_was(now, history, position):
    recovery = Recovery("g", Consumer(10, 1000, None), None, State(store=None), Telemetry(), {}, now=lambda: now)
    assert await recovery.back_to(SOURCE, history, 10, 1000) == position


async def test_what_is_unread_is_no_history():
    recovery = Recovery("g", Consumer(10, 1000, None), None, State(store=None), Telemetry(), {}, now=lambda: 1000)
    assert await recovery.back_to(SOURCE, 100, 10, 500) == 200
