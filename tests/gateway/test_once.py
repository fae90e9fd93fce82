import asyncio

import pytest

from floodmark.gateway.once import Once


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Kafka:
    """Takes what it is sent once it is let; counts what was written."""

    def __init__(self):
        self.let, self.written, self.wrong = asyncio.Event(), 0, None
        self.let.set()

    async def send(self):
        await self.let.wait()
        if self.wrong is not None:
            raise self.wrong
        self.written += 1


async def test_what_has_an_id_is_written_once_for_as_long_as_it_is_kept():
    clock, kafka = Clock(), Kafka()
    once = Once(clock)

    async def write(id="a"):
        return await once.write("gitlab", id, "", kafka.send, wait=5, keep=300)

    assert [await write(), await write(), await write("b")] == ["taken", "repeated", "taken"]
    clock.now = 300
    assert await write() == "taken"
    assert kafka.written == 3
    assert await once.write("jira", "a", "", kafka.send, wait=5, keep=300) == "taken"  # another source's a


async def test_what_has_none_is_written_as_often_as_it_comes():
    kafka = Kafka()
    once = Once(Clock())
    for _ in range(3):
        assert await once.write("prometheus", "", "d", kafka.send, wait=5, keep=300) == "taken"
    assert (kafka.written, len(once)) == (3, 0)


@pytest.mark.parametrize("id", ["a", ""])
async def test_who_was_asked_to_come_again_is_told_what_became_of_it(id):
    clock, kafka = Clock(), Kafka()
    once = Once(clock)
    kafka.let.clear()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await once.write("alertmanager", id, "d", kafka.send, wait=0.01, keep=300)
    assert once.waiting == 1
    kafka.let.set()
    assert await once.drain(5) == 0
    assert await once.write("alertmanager", id, "d", kafka.send, wait=5, keep=300) == "taken"
    assert kafka.written == 1
    again = await once.write("alertmanager", id, "d", kafka.send, wait=5, keep=300)
    assert (again, kafka.written) == (("repeated", 1) if id else ("taken", 2))


@pytest.mark.parametrize("id", ["a", ""])
async def test_what_has_failed_is_sent_anew(id):
    kafka = Kafka()
    once = Once(Clock())
    kafka.wrong = OSError("no")
    with pytest.raises(OSError, match="no"):
        await once.write("x", id, "d", kafka.send, wait=5, keep=300)
    kafka.wrong = None
    assert await once.write("x", id, "d", kafka.send, wait=5, keep=300) == "taken"


async def test_two_at_once_are_written_once():
    kafka = Kafka()
    once = Once(Clock())
    kafka.let.clear()
    two = [asyncio.create_task(once.write("x", "a", "", kafka.send, wait=5, keep=300)) for _ in range(2)]
    await asyncio.sleep(0)
    kafka.let.set()
    assert sorted(await asyncio.gather(*two)) == ["repeated", "taken"]
    assert kafka.written == 1


async def test_it_is_bounded():
    kafka = Kafka()
    once = Once(Clock(), most=10)
    for number in range(50):
        await once.write("x", str(number), "", kafka.send, wait=5, keep=300)
    assert len(once) == 10
    assert await once.write("x", "49", "", kafka.send, wait=5, keep=300) == "repeated"
    assert await once.write("x", "0", "", kafka.send, wait=5, keep=300) == "taken"
