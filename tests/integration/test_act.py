"""What people do, on Apache Kafka itself: written by the command line, read by it, by the client, and after a retry."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from floodmark import client
from floodmark.actions import Action, ActionOutcome, Arguments
from floodmark.alerts import Anomaly, Evidence, Incident, Member, Watermark, utc
from floodmark.cli import app
from floodmark.config.loader import load
from floodmark.events import encode

pytestmark = pytest.mark.kafka

RUN = uuid.uuid4().hex[:6]
"""Part of the topics' names: a broker that is there already may hold those of another run."""
NAMES = ("anomalies", "alerts", "dead_letters", "actions")
START = 1_700_006_400.0
FIRST, SECOND = "inc-00000000000000a1", "inc-00000000000000b2"


def call(*arguments, code=0):
    said = CliRunner(env={"COLUMNS": "300"}).invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == code, said.output
    return said.stdout if code == 0 else said.stderr


def incident(id, revision=1, event="opened", **changes):
    member = Member(
        id=f"ano-{id[-2:]}", entity="cart", signal="metric", series="latency", head="forecast", direction="up",
        started_at=utc(START), ended_at=None, p_value=1e-6, severity="error", summary="", why="",
    )  # fmt: skip
    found = Incident(
        id=id, event=event, revision=revision, scope="", severity="error", title="cart is slow", why="",
        started_at=utc(START), updated_at=utc(START), resolved_at=None, resolution="", entities=["cart"],
        member_count=1, members=[member], causes=[], changes=[],
    )  # fmt: skip
    return msgspec.structs.replace(found, **changes)


async def tell(config, *bodies):
    """As the engine writes: in transactions, of which one is aborted."""
    async with AIOKafkaProducer(
        bootstrap_servers=config.kafka.brokers, transactional_id=f"told-{RUN}-{uuid.uuid4().hex}"
    ) as producer:
        for kept in (False, True):
            await producer.begin_transaction()
            for body in bodies:
                told = encode(body, source="m/0", key=getattr(body, "id", "t"))
                topic = getattr(config.topics, told.stream)
                await producer.send_and_wait(topic, told.value, told.key, headers=list(told.headers))
            await (producer.commit_transaction() if kept else producer.abort_transaction())


@pytest.fixture(scope="module")
def path(kafka, tmp_path_factory):
    path = tmp_path_factory.mktemp("acting") / "floodmark.yaml"
    settings = {
        "kafka": {"brokers": [kafka]},
        "inputs": [{"topic": f"act-{RUN}-m", "signal": "metric"}],
        "topics": {name: f"act-{RUN}-{name}" for name in NAMES},
        "feedback": {"topic": f"act-{RUN}-feedback"},
        "actions": {},
        "detect": {"tick": "15s"},
    }
    path.write_text(json.dumps(settings))
    made = call("topics", "create", "-c", path, "--replication", 1)
    assert f"created   act-{RUN}-actions\n" in made
    marks = [Watermark(task=f"m/{n}", tasks=2, time=utc(START + 60 * n), idle=False) for n in (1, 2)]
    odd = Anomaly(
        id="ano-a1", event="opened", series="latency", name="latency", labels={}, entity="cart", scope="", unit="",
        signal="metric", detector="default", head="forecast", severity="error", p_value=1e-6, direction="up",
        observed=2.0, expected=1.0, low=None, high=None, started_at=utc(START), updated_at=utc(START), ended_at=None,
        summary="", evidence=Evidence(),
    )  # fmt: skip
    asyncio.run(tell(load(path), incident(FIRST), incident(SECOND), *marks, odd))
    return path


def test_an_ack_is_in_the_topic_and_incidents_say_so(path):
    own = ("-c", path)
    assert "ann has it until" in call("act", "ack", FIRST[:20], "--by", "ann", "--for", "2h", *own)
    assert "ann had it already" in call("act", "ack", FIRST, "--by", "bob", *own, code=1)
    call("act", "comment", FIRST, "looking at \x1b[31mpayment", "--by", "ann", *own)

    shown = call("incidents", "show", FIRST, *own)
    assert "people   ann has it until" in shown
    assert "What people did" in shown
    assert "comment" in shown
    assert "\x1b" not in shown
    listed = call("incidents", *own).splitlines()
    assert ["ann has it until" in line for line in listed if FIRST in line or SECOND in line].count(True) == 1
    asyncio.run(tell(load(path), incident(FIRST, 2, "updated")))
    followed = call("incidents", "tail", "--since", "1h", "--limit", 3, *own)
    assert "updated" in followed


def test_what_the_engine_hears_has_its_time_and_what_came_of_it(path):
    config = load(path)
    words = call("act", "resolve", SECOND, "--by", "ann", "--reason", "rolled back", "-c", path)
    assert "it holds from 2023-11-15 00:02:30 UTC on, in event time" in words
    assert "(the engine has reached 2023-11-15 00:02:00 UTC)" in words
    assert "becomes" not in call("act", "dismiss", FIRST, "--by", "ann", "-c", path)
    (verdict,) = [json.loads(line) for line in call("feedback", "list", "--json", "-c", path).splitlines()]
    assert (verdict["series"], verdict["by"]) == ("latency", "ann")

    actions = [json.loads(line) for line in call("actions", "export", "-c", path).splitlines()]
    (resolve,) = [each for each in actions if each["verb"] == "resolve"]
    outcome = ActionOutcome(
        action=resolve["id"], verb="resolve", incident=SECOND, result="applied", applied_at=utc(START + 180)
    )
    over = incident(SECOND, 2, "resolved", resolved_at=utc(START + 180), resolution="Resolved by ann: rolled back.")
    asyncio.run(tell(config, outcome, over))
    actions = [json.loads(line) for line in call("actions", "export", "-c", path).splitlines()]
    (resolve,) = [each for each in actions if each["verb"] == "resolve"]
    assert datetime.fromisoformat(resolve["effective"]) == utc(START + 180)
    trail = call("actions", "list", "--verb", "resolve", "-c", path)
    assert "rolled back" in trail
    assert "done" in trail
    assert "is resolved since" in call("act", "resolve", SECOND, "--by", "ann", "-c", path, code=1)


def test_the_client_writes_and_a_repetition_changes_nothing(path):
    config = load(path)
    again = Action(
        id=f"act-{RUN}", verb="priority", by="bot", at=datetime.now(UTC), incident=FIRST, seen=1, via="tickets",
        args=Arguments(priority="p1"),
    )  # fmt: skip

    async def write():
        first = await client.act(config.kafka, again, topic=config.topics.actions)
        second = await client.act(config.kafka, again, topic=config.topics.actions)
        book = await client.book(config.kafka, alerts=config.topics.alerts, actions=config.topics.actions)
        return first, second, book.known(FIRST, datetime.now(UTC))

    first, second, known = asyncio.run(write())
    assert (second.partition, second.offset) == (first.partition, first.offset + 1)
    assert (known.life.priority, known.life.state) == ("p1", "acked")
    assert [action.id for _, action in known.actions].count(again.id) == 1
    assert "p1, ann has it until" in call("incidents", "show", FIRST, "-c", path)
