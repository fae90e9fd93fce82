"""What an operator reaches for, on Apache Kafka itself: incidents, top, and recorded telemetry straight from topics."""

import asyncio
import json
import random
import time
import uuid

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.config.loader import load
from floodmark.flow.local import LocalFlow
from floodmark.records import Record
from floodmark.runtime.topics import TopicSpec, create

pytestmark = pytest.mark.kafka

MINUTES = 200
RUN = uuid.uuid4().hex[:6]
"""Part of the topics' names: a broker that is there already may hold those of another run."""
INPUT, ANOMALIES, ALERTS, DEAD = (f"con-{RUN}-{name}" for name in ("collectd", "anomalies", "alerts", "dead"))


def call(*arguments):
    said = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == 0, said.output
    return said.stdout


def collectd(host, at, value):
    values = {"values": [value], "dstypes": ["gauge"], "dsnames": ["value"], "time": at, "interval": 60}
    return json.dumps([{**values, "host": host, "plugin": "load", "plugin_instance": "", "type": "gauge"}]).encode()


def messages(now):
    """Two hosts, a point a minute each on a partition of its own, both high in the last minutes; and some garbage."""
    draw = random.Random(5)
    for i in range(MINUTES):
        at = now - 60 * (MINUTES - i)
        for number, host in enumerate(("a", "b")):
            yield number, at, collectd(host, at, draw.gauss(50, 1) + (40 if i >= MINUTES - 10 else 0))
    yield 0, now, b"{garbage"


async def fill(config, now):
    """The inputs, and what the engine tells of them."""
    await create(config.kafka, {name: TopicSpec(2, 1) for name in (INPUT, ANOMALIES, ALERTS, DEAD)})
    flow = LocalFlow(config, None, {INPUT: 2})
    offsets = [0, 0]
    async with AIOKafkaProducer(bootstrap_servers=config.kafka.brokers) as producer:
        for partition, at, value in messages(now):
            stamp = int(at * 1000)
            await producer.send(INPUT, value, partition=partition, timestamp_ms=stamp)
            record = Record(INPUT, partition, offsets[partition], stamp, None, value)
            offsets[partition] += 1
            for output in flow.process([record]):
                topic = getattr(config.topics, output.stream)
                await producer.send(topic, output.value, key=output.key, headers=list(output.headers))
        await producer.flush()


@pytest.fixture(scope="module")
def told(kafka, tmp_path_factory):
    """A config whose topics hold an incident that is open."""
    path = tmp_path_factory.mktemp("console") / "floodmark.yaml"
    settings = {
        "kafka": {"brokers": [kafka], "group": "console"},
        "inputs": [{"topic": INPUT, "signal": "metric", "format": "collectd_json"}],
        "topics": {"anomalies": ANOMALIES, "alerts": ALERTS, "dead_letters": DEAD},
        "http": {"port": 1},
    }
    path.write_text(json.dumps(settings))
    asyncio.run(fill(load(path), time.time()))
    return path


def test_incidents_are_listed_shown_and_followed(told):
    listed = call("incidents", "-c", told)
    assert " open " in listed
    (line,) = call("incidents", "--open", "--service", "a", "--json", "-c", told).splitlines()
    incident = json.loads(line)
    assert "No incidents like these" in call("incidents", "--service", "web", "-c", told)
    shown = call("incidents", "show", incident["id"][:9], "-c", told)
    assert incident["id"] in shown
    assert "█" in shown  # of the points in the anomalies topic
    assert "^^^" in shown
    assert call("incidents", "show", incident["members"][0]["id"], "-c", told) == shown
    assert " opened " in call("incidents", "tail", "--since", "1h", "--limit", 1, "-c", told)
    unknown = CliRunner().invoke(app, ["incidents", "show", "inc-none", "-c", str(told)])
    assert (unknown.exit_code, f"No incident in {ALERTS} is inc-none" in unknown.stderr) == (1, True)


def test_top_prints_a_frame(told):
    shown = call("top", "--once", "--interval", 0.2, "-c", told)
    assert "1 open incident" in shown
    assert "2 series odd now" in shown
    assert "1 dead letter in the last hour" in shown
    assert "console-detect" in shown
    assert "! engine 127.0.0.1:1 does not answer" in shown


def test_top_tells_that_kafka_is_not_there(told, tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(json.dumps({**json.loads(told.read_text()), "kafka": {"brokers": ["127.0.0.1:1"]}}))
    shown = call("top", "--once", "--interval", 0.2, "-c", path)
    assert "! Kafka is not reachable at 127.0.0.1:1" in shown
    assert "Lag: not known" in shown


def test_a_topic_is_replayed_and_backtested(told, tmp_path):
    found = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for path in found:
        ran = CliRunner().invoke(app, ["replay", "-c", str(told), "--from", "1d", "--incidents", str(path)])
        assert f"{2 * MINUTES} metrics → 2 anomalies → 1 incident" in ran.stderr
        assert f"refused, not_json: 1; first at {INPUT}/0@200" in ran.stderr
    assert found[0].read_bytes() == found[1].read_bytes() != b""
    tested = call("backtest", "-c", told, "--topic", INPUT, "--from", "1d", "--budgets", "1/week")
    assert 'load_gauge{host="a"}' in tested


def test_an_anomaly_of_the_engine_is_explained_by_its_id(told):
    incident = json.loads(call("incidents", "--json", "-c", told))
    said = call("explain", "--id", incident["members"][0]["id"], "-c", told)
    assert "Level: p = " in said
    assert f"Told in {incident['id']}" in said
    again = call("explain", "--id", incident["id"], "--replay", "-c", told)
    assert "An alarm opened with this point." in again
    assert {"forecast", "range", "flatline"} <= {row.split()[0] for row in again.splitlines() if row.strip()}
    unknown = CliRunner().invoke(app, ["explain", "--id", "ano-none", "-c", str(told)])
    assert (unknown.exit_code, "No anomaly ano-none" in unknown.stderr) == (1, True)
