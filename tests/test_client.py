"""The public client over a broker inside this process, and that the contract is light to import."""

import asyncio
import subprocess
import sys
from contextlib import aclosing, suppress
from datetime import timedelta

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given
from hypothesis import strategies as st

from floodmark import client
from floodmark.actions import VERBS, Action, ActionOutcome, Arguments
from floodmark.alerts import Incident, Watermark, utc
from floodmark.config.models import Kafka
from floodmark.events import encode
from floodmark.runtime import RunError
from floodmark.runtime.embedded import EmbeddedBroker
from floodmark.runtime.tailing import together

START = 1_700_006_400.0
HEAVY = ("river", "scipy", "numpy", "pandas", "pydantic", "aiokafka", "rich", "typer")


def incident(id, revision=1, event="opened"):
    return Incident(
        id=id, event=event, revision=revision, scope="", severity="error", title="", why="", started_at=utc(START),
        updated_at=utc(START), resolved_at=None, resolution="", entities=["cart"], member_count=1, members=[],
        causes=[], changes=[],
    )  # fmt: skip


def action(id, verb="comment", incident="inc-1", **args):
    args = args or {"text": "looking"}
    return Action(id=id, verb=verb, by="ann", at=utc(START), incident=incident, seen=1, args=Arguments(**args))


async def write(brokers, *bodies):
    topics = {"alerts": client.ALERTS, "actions": client.ACTIONS, "anomalies": client.ANOMALIES}
    async with AIOKafkaProducer(bootstrap_servers=brokers) as producer:
        for topic in topics.values():
            await producer.send_and_wait(topic, b"{}", headers=[("ce_type", b"\x1b[2J")])
        for body in bodies:
            told = encode(body, source="t/0", key="k")
            await producer.send_and_wait(topics[told.stream], told.value, told.key, headers=list(told.headers))


@pytest.fixture(scope="module")
def brokers():
    with EmbeddedBroker() as embedded:
        told = (
            incident("inc-1"), incident("inc-1", 2, "updated"), incident("inc-2", 7), action("act-1"),
            ActionOutcome(action="act-1", verb="x", incident="inc-1", result="refused", applied_at=utc(START)),
            Watermark(task="m/0", tasks=1, time=utc(START + 60), idle=False),
            Watermark(task="m/1", tasks=1, time=utc(START + 30), idle=False),
        )  # fmt: skip
        asyncio.run(write(embedded.bootstrap, *told))
        yield embedded.bootstrap


async def test_what_there_is(brokers, caplog):
    assert {id: each.revision for id, each in (await client.latest(brokers)).items()} == {"inc-1": 2, "inc-2": 7}
    assert [each.revision for each in (await client.history([brokers], "inc-1"))["inc-1"]] == [1, 2]
    assert await client.history(brokers, "3") == {}
    deeds = [each async for each in client.actions(Kafka(brokers=[brokers]))]
    assert [type(each.said).__name__ for each in deeds] == ["Action", "ActionOutcome"]
    assert await client.reached(brokers) == utc(START + 60)
    assert "\x1b" not in caplog.text
    assert f"{client.ALERTS}/" in caplog.text
    book = await client.book(brokers)
    known = book.known("inc-1", utc(START))
    assert (list(book), known.life.state, len(known.actions)) == (["inc-1", "inc-2"], "open", 1)


async def test_what_is_done_is_heard_by_who_follows(brokers):
    heard = []
    async with aclosing(client.follow(brokers, since=client.BEGINNING)) as following:
        async for each in following:
            heard.append(each)
            if len(heard) == 5:
                place = await client.act(brokers, action("act-2", "ack", until=utc(START) + timedelta(hours=1)))
            if isinstance(each, client.Deed) and each.said.verb == "ack":
                break
    assert heard[-1].place == place
    assert sum(isinstance(each, Incident) for each in heard) == 3
    async with aclosing(client.incidents(brokers, since=client.BEGINNING)) as told:
        assert (await anext(told)).id in ("inc-1", "inc-2")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (action("a", "merge"), "incidents that go into this one"),
        (action("a", "ack", incident=""), "say which"),
        (action("a", text="x" * 5000), "would not be read"),
        (action("a" * 300), "would not be read"),
        (action("a", "ack", until=utc(START)), "over before it begins"),
        (action("a", "link", url="file:///etc"), "https://"),
    ],
)
async def test_what_nobody_could_follow_is_not_written(wrong, words):
    with pytest.raises(client.NotMeantError, match=words):
        await client.act("127.0.0.1:1", wrong)


async def test_kafka_away_is_a_sentence():
    with pytest.raises(RunError, match=r"Kafka is not reachable at 127\.0\.0\.1:1"):
        await client.act("127.0.0.1:1", action("a"))


TEXTS = st.text(st.characters(), max_size=30) | st.just("\ud800") | st.just("x" * 5000)
TIMES = st.none() | st.datetimes() | st.datetimes(timezones=st.timezones())


@given(st.sampled_from([*VERBS, "frobnicate"]), TEXTS, TEXTS, TEXTS, TIMES, TIMES)
def test_an_action_is_written_as_it_is_read_or_refused_in_words(verb, by, name, text, since, until):
    args = Arguments(
        text=text,
        to=name,
        url=text,
        title=name,
        since=since,
        until=until,
        from_=[name],
        anomalies=[text],
        match={name: text},
    )
    meant = Action(id="a", verb=verb, by=by, at=utc(START), incident=name, args=args)
    with suppress(client.NotMeantError):
        read = client.checked(meant)
        assert read == msgspec.json.decode(msgspec.json.encode(read), type=Action)


def test_what_is_not_known_may_be_written():
    assert client.checked(action("a", "frobnicate")).verb == "frobnicate"


async def test_streams_together_end_with_the_first_that_fails():
    async def counting():
        for number in range(3):
            yield number
            await asyncio.sleep(0)
        raise ValueError("over")

    async def waiting():
        await asyncio.sleep(3600)
        yield -1

    found = []

    async def take():
        async for each in together(counting(), waiting()):
            found.append(each)  # noqa: PERF401 - what came before it failed

    with pytest.raises(ValueError, match="over"):
        await take()
    assert found == [0, 1, 2]


@pytest.mark.parametrize("module", ["client", "events", "fold", "actions", "deliveries", "requests", "letters"])
def test_the_contract_is_light(module):
    """No engine, no Kafka, and less than 20 MiB beside what msgspec takes itself."""
    code = f"""
import resource, sys, msgspec
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import floodmark.{module}
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print([each for each in {HEAVY} if each in sys.modules], (after - before) // 1024)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy, _, grown = said.strip().rpartition(" ")
    assert heavy == "[]"
    assert int(grown) < 20


def test_reading_a_topic_needs_no_engine():
    code = "import sys, floodmark.runtime.tailing as t; print('numpy' in sys.modules, 'river' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
