"""Messages on their way: whatever a sink does becomes an outcome in words."""

import asyncio
from datetime import UTC, datetime

import pytest

from floodmark.config import targets
from floodmark.config.models import Config
from floodmark.config.notify import Notify, Target
from floodmark.notify.desk import Job
from floodmark.notify.masking import Masking
from floodmark.notify.posting import LANES, Posting
from floodmark.notify.sink import Delivered, Later, Message, Refused, UnansweredError

SECRET = "https://hooks.example.org/very-secret-path"


class Told:
    takes = frozenset({"open"})

    def __init__(self, act):
        self._act = act
        self.now = self.most = 0

    async def deliver(self, message, memory):
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._act(message, memory)
        finally:
            self.now -= 1


def job(target="hook", key="inc-1", memory=None):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Job(target, Message(id=f"{key}/1/{target}", key=key, event="open", at=now), memory or {})


def posting(wait=30.0, timeout=10.0, **sinks):
    section = Notify(targets={name: Target(webhook=targets.Webhook(url=SECRET), timeout=timeout) for name in sinks})
    return Posting(section, sinks, Masking(Config(notify=section)), wait)


def raises(error):
    async def act(message, memory):
        raise error

    return Told(act)


def gives(outcome):
    async def act(message, memory):
        return outcome

    return Told(act)


@pytest.mark.parametrize(
    ("sink", "outcome"),
    [
        (gives(Delivered({"ts": "1"}, "as thread 1")), Delivered({"ts": "1"}, "as thread 1")),
        (gives(Later(f"busy at {SECRET}", 3.0)), Later("busy at ***", 3.0)),
        (gives(Refused(f"no  such\nchannel {SECRET}")), Refused("no such channel ***")),
        (
            raises(UnansweredError("hooks.example.org: connection refused")),
            Later("hooks.example.org: connection refused"),
        ),
        (raises(KeyError(SECRET)), Later("a bug of ours (KeyError); see the log")),
        (raises(TimeoutError()), Later("no answer in time")),
    ],
)
async def test_whatever_a_sink_does_becomes_an_outcome_without_secrets(sink, outcome):
    assert await posting(hook=sink).tell(job()) == outcome


async def test_a_target_that_is_gone_from_the_config_will_never_take_it():
    assert await posting(hook=gives(Delivered())).tell(job("gone")) == Refused(
        "there is no such target in the config any more"
    )


async def test_a_target_that_hangs_holds_up_no_other_and_what_waits_behind_it_goes_back():
    async def hang(message, memory):
        await asyncio.sleep(3600)

    slow, quick = Told(hang), gives(Delivered())
    posts = posting(wait=0.2, slow=slow, quick=quick)
    hanging = [asyncio.create_task(posts.tell(job("slow", f"inc-{n}"))) for n in range(LANES + 2)]
    try:
        done, _ = await asyncio.wait(hanging, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert await posts.tell(job("quick")) == Delivered()
        while len(done) < 2:
            done, _ = await asyncio.wait(hanging, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        late = Later("the messages before it have taken longer than 0 s", sent=False)
        assert {task.result() for task in done} == {late}
        assert slow.most == LANES
    finally:
        for task in hanging:
            task.cancel()
        await asyncio.wait(hanging)


async def test_what_is_not_to_begin_any_more_is_not_sent():
    sink = gives(Delivered())

    async def no():
        return False

    assert await posting(hook=sink).tell(job(), no) is None
    assert sink.most == 0


async def test_a_sink_is_given_a_masked_message():
    seen = []

    async def act(message, memory):
        seen.append(message)
        return Delivered()

    told = job()._replace(message=Message(
        id="i/1/hook", key="i", event="open", at=datetime(2026, 1, 1, tzinfo=UTC), lines=(f"GET {SECRET}",)
    ))  # fmt: skip
    await posting(hook=Told(act)).tell(told)
    assert seen[0].lines == ("GET ***",)
