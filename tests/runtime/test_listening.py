"""A topic that every process reads whole, on the embedded broker: heard before any task begins, and from then on."""

import asyncio
import contextlib
import json
import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs

from floodmark.actions import Action, Arguments
from floodmark.cli.run import routes
from floodmark.config.models import Actions, Config
from floodmark.events import encode
from floodmark.flow import prepare
from floodmark.flow.actions import ActionsListener
from floodmark.flow.feedback import FeedbackListener
from floodmark.runtime import run
from floodmark.runtime.embedded import EmbeddedBroker
from floodmark.runtime.errors import UnreachableError
from floodmark.runtime.listening import Listening
from floodmark.runtime.telemetry import Telemetry

MINUTES = 300
MILD, WILD = 200, 280
"""Minutes of a spike that is odd, but not ten times as odd, and of one that is."""
RESULTS = ("taken", "wrong")
HOSTS = ("before", "while", "undone", "nothing")
"""When something is said of each."""


@pytest.fixture(scope="module")
def broker():
    with EmbeddedBroker() as embedded:
        yield embedded.bootstrap


def config(broker, name):
    return Config.model_validate(
        {
            "kafka": {"brokers": [broker], "group": name, "start": "earliest", "session_timeout": 3},
            "inputs": [{"topic": name, "signal": "metric"}],
            "topics": {"anomalies": f"{name}-a", "alerts": f"{name}-b", "dead_letters": f"{name}-d"},
            "feedback": {"topic": f"{name}-feedback"},
            "detectors": [{"false_alarms": "1/week"}],
            "http": {"enabled": False},
        }
    )


def verdict(host, **more):
    body = {"id": host, "verdict": "not_anomaly", "series": f'load{{host="{host}"}}', "direction": "up", "by": "ann"}
    return json.dumps(body | {"at": START.isoformat()} | more).encode()


START = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=MINUTES)


async def send(broker, topic, *values):
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def until(condition):
    async with asyncio.timeout(300):
        while not condition():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(settings):
    """A run, ready; what it has heard, its outputs, and its log."""
    listener, outputs, stop, ready = FeedbackListener(settings.feedback), [], asyncio.Event(), asyncio.Event()
    with capture_logs() as logs:
        work = asyncio.create_task(
            run(
                settings.kafka,
                routes(settings, listener.feedback),
                settings.topics,
                settings.http,
                state=settings.state,
                idle=1,
                stop=stop,
                embedded=True,
                ready=ready,
                on_output=outputs.append,
                listeners=[listener],
            )
        )
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({work, waiting}, timeout=300, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            yield listener.feedback, outputs, logs
        finally:
            stop.set()
            await work


def points():
    """The same values for each host, a message a minute."""
    draw = random.Random(3)
    values = [draw.gauss(100, 3) for _ in range(MINUTES)]
    values[MILD], values[WILD] = 117.0, 200.0
    for minute, value in enumerate(values):
        point = {"timestamp": (START + timedelta(minutes=minute)).isoformat(), "name": "load", "value": value}
        yield json.dumps([point | {"labels": {"host": host}} for host in HOSTS]).encode()


async def test_what_people_say_before_a_start_and_while_it_runs_is_heard(broker):
    prepare(settings := config(broker, "heard"))
    topic = settings.feedback.topic
    await send(broker, topic, verdict("before"), b"nonsense", verdict("undone"))

    async with running(settings) as (feedback, outputs, logs):
        assert feedback.standing == 2
        wrong = [line for line in logs if line["event"] == "a record that is no feedback is left out"]
        assert [(line["topic"], line["partition"], line["offset"]) for line in wrong] == [(topic, 0, 1)]
        undo = verdict("undo", verdict="undo", undoes="undone", by="bob")
        await send(broker, topic, undo, verdict("while"))
        await until(lambda: len([line for line in logs if line["event"] == "feedback"]) == 2)
        (said,) = [line for line in logs if line.get("undoes")]
        assert (said["by"], said["undoes"], said["offset"]) == ("bob", "undone", 3)
        assert feedback.standing == 2

        await send(broker, "heard", *points())
        await until(lambda: len([each for each in opened(outputs) if each[1] == WILD]) == len(HOSTS))
        assert [host for host, minute in opened(outputs) if minute == MILD] == ["undone", "nothing"]


def opened(outputs):
    """The host and minute of each anomaly that opened."""
    found = [msgspec.json.decode(o.value) for o in outputs if o.stream == "anomalies"]
    told = [body for body in found if body.get("event") == "opened"]
    times = [datetime.fromisoformat(body["started_at"]) - START for body in told]
    return [(body["entity"], time // timedelta(minutes=1)) for body, time in zip(told, times, strict=True)]


async def test_what_was_read_is_counted(broker):
    settings, telemetry = config(broker, "counted"), Telemetry()
    await send(broker, settings.feedback.topic, verdict("a"), b"nonsense", verdict("b"))
    listening = Listening(settings.kafka, FeedbackListener(settings.feedback), telemetry)
    await listening.start()
    await listening.stop()
    counts = [telemetry.registry.get_sample_value("floodmark_feedback_records_total", {"result": r}) for r in RESULTS]
    assert counts == [2, 1]


async def test_actions_are_heard_too_and_counted_by_themselves(broker):
    settings, telemetry = config(broker, "acted"), Telemetry()
    until = datetime(2030, 1, 1, tzinfo=UTC)
    actions = [
        Action(id=verb, verb=verb, by="ann", at=START, args=Arguments(until=until)) for verb in ("maintain", "ack")
    ]
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for each in actions:
            told = encode(each, source="test", key=each.id)
            await producer.send_and_wait(settings.topics.actions, told.value, headers=list(told.headers), partition=0)
    await send(broker, settings.topics.actions, b"nonsense")
    listener = ActionsListener(settings.topics.actions, Actions())
    listening = Listening(settings.kafka, listener, telemetry)
    await listening.start()
    await listening.stop()
    counts = [telemetry.registry.get_sample_value("floodmark_actions_records_total", {"result": r}) for r in RESULTS]
    assert (counts, listener.standing()) == ([2, 1], 1)


async def test_without_a_broker_it_says_so():
    settings = config("127.0.0.1:1", "nobody")
    listening = Listening(settings.kafka, FeedbackListener(settings.feedback), Telemetry())
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        await listening.start()
    await listening.stop()
