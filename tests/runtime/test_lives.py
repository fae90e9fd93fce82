"""How a run begins again, and how it gives up, with groups that the test scripts."""

import asyncio
import contextlib

import pytest
from structlog.testing import capture_logs

from floodmark.config.models import Http, Kafka, State, Topics
from floodmark.runtime import Route, run, service
from floodmark.runtime.errors import (
    AwayError,
    CertificateError,
    DrainError,
    MissingTopicsError,
    PermissionDeniedError,
    UnreachableError,
)


@contextlib.asynccontextmanager
async def reached(_):
    yield


@pytest.fixture
def lives(monkeypatch):
    """`lives(script, …)` makes the n-th group of the run do the n-th script; returns the groups made."""
    made = []

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


def begin(stop, ready=None, embedded=True):
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
            embedded=embedded,
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


async def test_a_life_that_cannot_deliver_is_followed_by_another(lives, monkeypatch):
    monkeypatch.setattr(service, "DRAIN_SECONDS", 0.01)
    lives("never drains")
    group = service.Group()
    with pytest.raises(UnreachableError, match="Not all that was in flight"):
        await service._drain([group], for_good=False)


@pytest.fixture
def cluster(monkeypatch):
    """A cluster as a run with real delivery asks it. `unknown` are the topics that it does not know, question by
    question; `meets` what a connection meets, if not an answer."""

    class Cluster:
        unknown, meets, asked = [], [], 0

        @contextlib.asynccontextmanager
        async def connection(self, _):
            if self.meets and (error := self.meets.pop(0)) is not None:
                raise error
            yield

        async def missing(self, _, names):
            self.asked += 1
            return self.unknown.pop(0) if self.unknown else []

    async def nothing(*_, **__):
        return {}

    made = Cluster()
    monkeypatch.setattr(service, "connection", made.connection)
    monkeypatch.setattr(service, "missing", made.missing)
    monkeypatch.setattr(service, "largest_messages", nothing)
    monkeypatch.setattr(service.probing, "watch", nothing)
    monkeypatch.setattr(service, "ASK_AGAIN_SECONDS", 0.0)
    return made


async def works_until_stopped(stop, ready):
    work = begin(stop, ready, embedded=False)
    async with asyncio.timeout(5):
        await ready.wait()
    stop.set()
    await work


async def test_a_topic_is_missing_only_if_kafka_says_so_twice(lives, cluster, monkeypatch):
    monkeypatch.setattr(service, "connection", cluster.connection)
    lives("works")
    cluster.unknown = [["in"], []]
    with capture_logs() as logs:
        await works_until_stopped(asyncio.Event(), asyncio.Event())
    assert any(line["event"].startswith("Kafka does not know in; asking once more") for line in logs)
    cluster.unknown = [["in"], ["in"]]
    with pytest.raises(MissingTopicsError, match="Topic in does not exist"):
        await begin(asyncio.Event(), embedded=False)
    assert cluster.asked == 4


async def test_a_topic_that_a_broker_cannot_be_asked_for_ends_nothing(lives, cluster, monkeypatch):
    lives("works")
    monkeypatch.setattr(service, "connection", cluster.connection)
    answers = [["in"], AwayError("b:9092: connection refused"), ["in"], []]

    async def missing(*_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def back(self, seconds):
        self.telemetry.presence.back()
        return self._stop.is_set()

    monkeypatch.setattr(service, "missing", missing)
    monkeypatch.setattr(service._Run, "stopped", back)
    with capture_logs() as logs:
        await works_until_stopped(asyncio.Event(), asyncio.Event())
    assert answers == []
    assert sum("Kafka has been away" in line["event"] for line in logs) == 1


async def test_a_certificate_that_is_refused_ends_a_start_but_not_a_run(lives, cluster, monkeypatch):
    monkeypatch.setattr(service, "connection", cluster.connection)
    refusal = CertificateError("The certificate of b:9093 has expired; renew it at the broker")
    cluster.meets = [refusal]
    with pytest.raises(CertificateError):
        await begin(asyncio.Event(), embedded=False)

    reasons = []

    async def back(self, seconds):
        reasons.append(self.telemetry.presence.sentence())
        self.telemetry.presence.back()
        return self._stop.is_set()

    monkeypatch.setattr(service._Run, "stopped", back)
    made, stop = lives(UnreachableError("Group g has to join again"), "works"), asyncio.Event()
    cluster.meets = [None, refusal]
    work = begin(stop, embedded=False)
    async with asyncio.timeout(5):
        while len(made) < 2:
            await asyncio.sleep(0)
    stop.set()
    await work
    assert [reason.partition(" UTC: ")[2] for reason in reasons] == ["", str(refusal)]


async def test_a_pause_is_over_when_kafka_is_back(lives, cluster):
    stop = asyncio.Event()
    made = service._Run(Kafka(), [], Topics(), State(store=None), 1, 30, stop, False, None, None, "", ())
    with capture_logs():
        made.telemetry.presence.away("b:9092: connection refused")
        pause = asyncio.create_task(made.stopped(1000))
        await asyncio.sleep(0)
        made.telemetry.presence.back()
        assert await pause is False
        made.telemetry.presence.away("b:9092: connection refused")
        stop.set()
        assert await made.stopped(1000)


async def test_a_watch_that_fails_begins_again(monkeypatch):
    monkeypatch.setattr(service, "WATCH_AGAIN_SECONDS", 0.0)
    times = 0

    async def watch():
        nonlocal times
        times += 1
        if times < 3:
            raise ZeroDivisionError

    with capture_logs() as logs:
        await service._lasting(watch)
    assert (times, [line["log_level"] for line in logs]) == (3, ["error", "error"])


async def test_all_join_anew_when_kafka_takes_us_again(lives, cluster, monkeypatch):
    monkeypatch.setattr(service, "connection", cluster.connection)
    renewed = asyncio.Event()

    async def watch(*_, admitted, **__):
        await renewed.wait()
        admitted()

    monkeypatch.setattr(service.probing, "watch", watch)
    made, stop, ready = lives("works", "works"), asyncio.Event(), asyncio.Event()
    work = begin(stop, ready, embedded=False)
    async with asyncio.timeout(5):
        await ready.wait()
        renewed.set()
        while len(made) < 2:
            await asyncio.sleep(0)
    stop.set()
    await work
    assert made[0].drained
