"""Feedback on Apache Kafka itself: its topic, an anomaly meant by its id, and what a process hears at its start."""

import asyncio
import json

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from floodmark.alerts import Anomaly, Evidence, utc
from floodmark.cli import app
from floodmark.config.loader import load
from floodmark.events import encode
from floodmark.flow.feedback import FeedbackListener
from floodmark.runtime.listening import Listening
from floodmark.runtime.telemetry import Telemetry

pytestmark = pytest.mark.kafka

FOUND = Anomaly(
    id="ano-7", event="opened", series="latency", name="latency", labels={}, entity="cart", scope="default", unit="",
    signal="metric", detector="default", head="forecast", severity="warning", p_value=1e-6, direction="down",
    observed=1.0, expected=2.0, low=None, high=None, started_at=utc(1.7e9), updated_at=utc(1.7e9), ended_at=None,
    summary="", evidence=Evidence(),
)  # fmt: skip


def call(*arguments):
    said = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == 0, said.output
    return said.stdout


async def tell(brokers, topic):
    """An anomaly, in a transaction as the engine writes it, and one that was aborted."""
    async with AIOKafkaProducer(bootstrap_servers=brokers, transactional_id=topic) as producer:
        for id in ("ano-7", "ano-8"):
            await producer.begin_transaction()
            told = encode(msgspec.structs.replace(FOUND, id=id), source="m/0", key=None)
            await producer.send_and_wait(topic, told.value, headers=list(told.headers))
            await (producer.commit_transaction() if id == "ano-7" else producer.abort_transaction())


async def heard(config):
    listener = FeedbackListener(config.feedback)
    listening = Listening(config.kafka, listener, Telemetry())
    await listening.start()
    await listening.stop()
    return listener.standing()


def test_an_anomaly_is_no_anomaly_and_every_process_hears_it(kafka, tmp_path):
    path = tmp_path / "floodmark.yaml"
    settings = {
        "kafka": {"brokers": [kafka]},
        "inputs": [{"topic": "said-m", "signal": "metric"}],
        "topics": {"anomalies": "said-anomalies"},
        "feedback": {"topic": "said"},
    }
    path.write_text(json.dumps(settings))
    config = load(path)
    topics = call("topics", "create", "-c", path, "--replication", 1)
    assert "created   said\n" in topics
    assert asyncio.run(heard(config)) == 0
    asyncio.run(tell(kafka, "said-anomalies"))

    by = ("-c", path, "--by", "ann", "--reason", "backup")
    assert "latency (down) is calmer from" in call("feedback", "not-anomaly", *by, "--anomaly", "ano-7")
    unknown = CliRunner().invoke(app, ["feedback", "not-anomaly", *map(str, by), "--anomaly", "ano-8"])
    assert (unknown.exit_code, "No anomaly ano-8" in unknown.stderr) == (1, True)
    assert asyncio.run(heard(config)) == 1
    (line,) = call("feedback", "list", "--json", "-c", path).splitlines()
    call("feedback", "undo", json.loads(line)["id"], "-c", path, "--by", "bob")
    assert asyncio.run(heard(config)) == 0
