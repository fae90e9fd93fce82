import asyncio
from collections import namedtuple

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError

from floodmark.config.models import Kafka
from floodmark.runtime import oversight
from floodmark.runtime.oversight import Oversight, Standstill

Offset = namedtuple("Offset", "offset metadata")
SOURCES = [TopicPartition("anomalies", i) for i in range(3)]


def test_a_partition_stands_still_while_it_grows_and_its_offset_does_not():
    still = Standstill()
    assert still.note(0, "g", SOURCES[0], 5, 9) == 0
    assert still.note(10, "g", SOURCES[0], 5, 20) == 10
    assert still.note(20, "g", SOURCES[0], 6, 20) == 0
    assert still.note(30, "g", SOURCES[0], 6, 20) == 10
    assert still.note(40, "g", SOURCES[0], 20, 20) == 0  # all is read
    assert still.note(90, "g", SOURCES[0], 20, 21) == 0
    assert still.note(95, "h", SOURCES[0], 20, 21) == 0  # another group has another offset


class Group:
    """Owns partition 0; the offsets of all stand at 5, and their ends grow."""

    name = "floodmark-correlate"

    def __init__(self):
        self.looks = 0

    def owns(self, source):
        return source == SOURCES[0]

    async def ends(self):
        self.looks += 1
        return dict.fromkeys(SOURCES, 5 + self.looks)


class Admin:
    """Fails in turn with what is in `errors`."""

    errors = ()
    closed = 0

    def __init__(self, **settings):
        pass

    async def start(self):
        pass

    async def close(self):
        Admin.closed += 1

    async def list_consumer_group_offsets(self, name):
        if Admin.errors:
            raise Admin.errors.pop(0)
        return {SOURCES[0]: Offset(5, ""), SOURCES[1]: Offset(5, "")}


@pytest.fixture
def admin(monkeypatch):
    monkeypatch.setattr(oversight, "AIOKafkaAdminClient", Admin)
    Admin.errors, Admin.closed = [], 0
    return Admin


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def overseeing(group):
    ticks = iter(range(0, 10**6, 10))
    over = Oversight(Kafka(), 25.0, clock=lambda: next(ticks))
    return over, asyncio.create_task(over.run([group]))


async def test_a_partition_that_nobody_reads_is_said_but_for_our_own_and_those_never_begun(admin, monkeypatch):
    monkeypatch.setattr(oversight, "LOOKS", 25_000)
    group = Group()
    over, working = overseeing(group)
    await until(lambda: group.looks > 5)
    (reason,) = over.reasons
    assert reason.startswith("nobody in group floodmark-correlate has read on in anomalies/1 for ")
    working.cancel()
    await asyncio.wait({working})
    assert over.reasons == []


async def test_an_outage_is_no_standstill_and_asking_goes_on(admin, monkeypatch):
    monkeypatch.setattr(oversight, "LOOKS", 25_000)
    admin.errors = [KafkaConnectionError("gone"), OSError("gone")]
    group = Group()
    _, working = overseeing(group)
    await until(lambda: group.looks > 2)
    assert admin.closed == 2
    working.cancel()
    await asyncio.wait({working})


async def test_what_was_known_stays_while_nobody_answers(admin, monkeypatch):
    monkeypatch.setattr(oversight, "LOOKS", 25_000)
    over, working = overseeing(Group())
    await until(lambda: over.reasons)
    admin.errors = [OSError("one of several hangs")] * 10**6
    await until(lambda: admin.closed)
    assert over.reasons
    working.cancel()
    await asyncio.wait({working})


async def test_without_rights_it_ends(admin, monkeypatch):
    monkeypatch.setattr(oversight, "LOOKS", 25_000)
    admin.errors = [GroupAuthorizationFailedError("floodmark-correlate")]
    over, working = overseeing(Group())
    async with asyncio.timeout(30):
        await working
    assert over.reasons == []
