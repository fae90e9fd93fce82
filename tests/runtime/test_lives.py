"""How a run begins again, and how it gives up, with groups that the test scripts."""

import asyncio
import contextlib

import pytest
from structlog.testing import capture_logs

from floodmark.config.models import Http, Kafka, State, Topics
from floodmark.runtime import Route, run, service
from floodmark.runtime.errors import DrainError, PermissionDeniedError, UnreachableError


@pytest.fixture
def lives(monkeypatch):
    """`lives(script, …)` makes the n-th group of the run do the n-th script; returns the groups made."""
    made = []

    @contextlib.asynccontextmanager
    async def reached(_):
        yield

    monkeypatch.setattr(service, "connection", reached)

    def scripted(*scripts):
        left = list(scripts)

        class Group:
            name, assigned = "g", True

            def __init__(self, *_, **__):
                self.failed = asyncio.get_running_loop().create_future()
                self.script = left.pop(0)
                self.drained = False
                made.append(self)

            async def start(self):
                if self.script == "hangs":
                    await asyncio.Event().wait()
                if isinstance(self.script, Exception):
                    self.failed.set_exception(self.script)

            async def drain(self):
                self.drained = True
                if self.script == "never drains":
                    await asyncio.Event().wait()

            def views(self):
                return []

        monkeypatch.setattr(service, "Group", Group)
        return made

    return scripted


def begin(stop, ready=None):
    route = Route("detect", ("in",), lambda *place: None)
    return asyncio.create_task(
        run(
            Kafka(),
            [route],
            Topics(),
            Http(enabled=False),
            state=State(store=None),
            idle=1,
            stop=stop,
            ready=ready,
            embedded=True,
        )
    )


async def test_a_lost_group_joins_again(lives, monkeypatch):
    waits = []

    async def stopped(stop, seconds):
        waits.append(seconds)
        return False

    monkeypatch.setattr(service, "stop_within", stopped)
    made = lives(UnreachableError("Group g has to join again: loading"), "works")
    stop = asyncio.Event()
    with capture_logs() as logs:
        work = begin(stop)
        async with asyncio.timeout(300):
            while len(made) < 2:
                await asyncio.sleep(0)
        stop.set()
        await work
    assert [group.drained for group in made] == [True, True]
    assert len(waits) == 1
    assert any("has to join again: loading; retrying in 1 s" in line["event"] for line in logs)


async def test_a_refusal_ends_the_run_after_a_drain(lives):
    made = lives(PermissionDeniedError("no"))
    with pytest.raises(PermissionDeniedError):
        await begin(asyncio.Event())
    assert made[0].drained


async def test_a_stop_while_joining(lives):
    made = lives("hangs")
    stop, ready = asyncio.Event(), asyncio.Event()
    work = begin(stop, ready)
    while not made:
        await asyncio.sleep(0)
    stop.set()
    await work
    assert made[0].drained
    assert not ready.is_set()


async def test_a_drain_that_takes_too_long_is_given_up(lives, monkeypatch):
    monkeypatch.setattr(service, "DRAIN_SECONDS", 0.01)
    lives("never drains")
    stop, ready = asyncio.Event(), asyncio.Event()
    work = begin(stop, ready)
    await ready.wait()
    stop.set()
    with pytest.raises(DrainError, match="nothing is lost"):
        await work
