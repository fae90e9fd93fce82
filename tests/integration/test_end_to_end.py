"""The product as an operator meets it: its own commands as processes, between Apache Kafka's topics."""

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import jsonschema
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from apache_kafka import free_ports

from floodmark.events import body_schemas

pytestmark = pytest.mark.kafka

FLOODMARK = (sys.executable, "-m", "floodmark")
SIGNALS = {
    "metrics": "metric",
    "logs": "log",
    "predictions": "prediction",
    "outcomes": "outcome",
    "changes": "change",
}
MINUTES = 480
FAULT = range(420, 450)

numbers = itertools.count()


@pytest.fixture
def place(kafka, tmp_path):
    """A config of its own topics and groups: its path, the prefix of its names, and the URL of its endpoint."""
    name = f"e2e-{os.getpid()}-{next(numbers)}"
    (port,) = free_ports(1)
    path = tmp_path / "shop.yaml"
    path.write_text(config(kafka, name, port, tmp_path / "state"))
    return path, name, f"http://127.0.0.1:{port}"


def config(broker, name, port, store):
    inputs = "\n".join(f"  - {{topic: {name}.{topic}, signal: {kind}}}" for topic, kind in SIGNALS.items())
    return f"""\
kafka:
  brokers: ["{broker}"]
  group: {name}
  start: earliest
state:
  store: {store}
inputs:
{inputs}
topics:
  anomalies: {name}.anomalies
  alerts: {name}.alerts
  dead_letters: {name}.dead-letters
  model_events: {name}.model-events
models:
  - {{match: fraud, window: 100, reference: 500}}
services:
  web: {{depends_on: [cart]}}
  cart: {{depends_on: [db, fraud]}}
correlate:
  idle: 2s
http:
  port: {port}
"""


def world(start):
    """Eight hours of three services and a model, a minute at a time: events by topic.

    For half an hour after a deploy the cart is slow and writes errors, and the model that it asks is wrong.
    """
    draw = random.Random(11)
    for minute in range(MINUTES):
        now = start + 60 * minute
        bad = minute in FAULT
        batch = {topic: [] for topic in SIGNALS}
        for service in ("web", "cart", "db"):
            hit = bad and service == "cart"
            labels = {"service": service}
            latency = draw.gauss(50, 2) * (3 if hit else 1)
            batch["metrics"].append({"timestamp": now, "name": "latency_ms", "value": latency, "labels": labels})
            lines = [("INFO", f"served order {draw.randrange(9999)} to user {draw.randrange(99)}") for _ in range(3)]
            lines += [("ERROR", f"cannot reach shard {shard}") for shard in range(6 if hit else 0)]
            for second, (severity, body) in enumerate(lines):
                batch["logs"].append({"timestamp": now + second, "severity": severity, "body": body, "labels": labels})
        for second in range(0, 60, 10):
            told = {"model": "fraud", "prediction_id": f"{minute}-{second}"}
            fraud = draw.random() < 0.5
            wrong = draw.random() < (0.6 if bad else 0.05)
            features = {"amount": draw.gauss(5 if bad else 0, 1), "country": draw.choice("abc")}
            batch["predictions"].append(
                {"timestamp": now + second, "version": "1", "features": features, "prediction": fraud != wrong, **told}
            )
            batch["outcomes"].append({"timestamp": now + second + 5, "label": fraud, **told})
        if minute == FAULT.start - 2:
            batch["changes"].append({"timestamp": now, "service": "cart", "kind": "deploy", "summary": "cart v42"})
        yield batch


async def publish(kafka, name, start):
    async with AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=20) as producer:
        for batch in world(start):
            for topic, events in batch.items():
                if events:
                    await producer.send(f"{name}.{topic}", json.dumps(events).encode(), topic.encode())


async def send(kafka, topic, *values):
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, b"garbage-key")


async def read_until(kafka, topic, enough, seconds=300):
    """The records of a topic from its beginning, once `enough` of them says so."""
    records = []
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not enough(records):
                    for found in (await consumer.getmany(timeout_ms=200)).values():
                        records += found
    return records


async def uncommitted(kafka, group, *topics):
    """Partitions of the topics that hold records which the group has not committed."""
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        await consumer.topics()
        parts = [TopicPartition(topic, p) for topic in topics for p in consumer.partitions_for_topic(topic) or ()]
        ends = await consumer.end_offsets(parts)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return [part for part in parts if ends[part] != (committed[part].offset if part in committed else 0)]


@contextlib.contextmanager
def running(path):
    """`floodmark run` as a process; killed if it is still there at the end."""
    log = path.with_suffix(".log")
    with log.open("wb") as stderr:
        process = subprocess.Popen([*FLOODMARK, "run", "-c", path], stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            yield process, log
        finally:
            process.kill()
            process.wait()


async def stopped(process, seconds=300):
    """The exit code after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    return await asyncio.to_thread(process.wait, seconds)


async def answer(url):
    """Status and text, 0 while nobody listens."""

    def ask():
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    return await asyncio.to_thread(ask)


async def until(condition, seconds=300):
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.1)


def call(*arguments):
    return subprocess.run([*FLOODMARK, *arguments], capture_output=True, text=True, timeout=300, check=False)


async def create_topics(path):
    made = await asyncio.to_thread(call, "topics", "create", "-c", path, "--partitions", "2", "--replication", "1")
    assert made.returncode == 0, made.stderr
    return made.stdout


def incidents(records):
    return [json.loads(record.value) for record in records]


async def test_three_kinds_of_telemetry_become_one_explained_incident(kafka, place):
    path, name, url = place
    assert "created   " + f"{name}.alerts" in await create_topics(path)
    start = int(time.time()) // 60 * 60 - 60 * MINUTES
    await publish(kafka, name, start)

    with running(path) as (process, log):
        # the incident; read from a backlog, predictions and outcomes have no common order, so theirs may be one apart
        def told(records):
            found = [{member["signal"] for member in incident["members"]} for incident in incidents(records)]
            return any(signals >= {"metric", "log"} for signals in found) and any("prediction" in s for s in found)

        records = await read_until(kafka, f"{name}.alerts", told)
        assert told(records), log.read_text()
        (of_cart,) = {i["id"] for i in incidents(records) if "cart" in i["entities"]}
        revisions = [i for i in incidents(records) if i["id"] == of_cart]
        first, last = revisions[0], revisions[-1]
        assert first["causes"][0]["entity"] == "cart"
        assert [change["summary"] for change in last["changes"]] == ["cart v42"]
        (cart,) = [cause for cause in last["causes"] if cause["entity"] == "cart"]
        assert cart["change"] == last["changes"][0]["id"]
        assert last["why"]
        assert all(member["summary"] for member in last["members"])
        schema = jsonschema.Draft202012Validator(body_schemas()["incident"])
        for record, incident in zip(records, incidents(records), strict=True):
            schema.validate(incident)
            assert record.key.decode() == incident["id"]
            headers = dict(record.headers)
            assert headers["ce_specversion"] == b"1.0"
            assert headers["ce_type"] == b"dev.floodmark.incident.v1"
            assert headers["ce_id"].decode() == f"{incident['id']}/{incident['revision']}"
            assert headers["ce_source"].startswith(f"/floodmark/{name}.anomalies/".encode())
            assert headers["content-type"] == b"application/json"
            assert {"ce_time", "ce_subject"} <= set(headers)

        # its endpoint
        assert (await answer(f"{url}/healthz"))[0] == 200
        async with asyncio.timeout(300):
            while (await answer(f"{url}/readyz"))[0] != 200:  # it may still catch up with something
                await asyncio.sleep(0.5)
        status, metrics = await answer(f"{url}/metrics")
        assert status == 200
        assert f'floodmark_records_total{{partition="0",topic="{name}.anomalies"}}' in metrics

        # what cannot be read does not stop it
        good = {"timestamp": start + 60 * MINUTES, "name": "latency_ms", "value": 50, "labels": {"service": "db"}}
        await send(kafka, f"{name}.metrics", b"{garbage", json.dumps(good).encode())
        (letter,) = await read_until(kafka, f"{name}.dead-letters", bool)
        why = dict(letter.headers)
        assert (letter.key, letter.value) == (b"garbage-key", b"{garbage")
        assert why["floodmark.topic"].decode() == f"{name}.metrics"
        assert why["floodmark.error"] == b"not_json"
        assert why["floodmark.stage"] == b"detect"
        assert why["floodmark.message"]
        assert int(why["floodmark.offset"]) >= 0

        async def taken():
            return not await uncommitted(kafka, f"{name}-detect", f"{name}.metrics")

        await until(taken)
        assert process.poll() is None
        assert "floodmark_dead_letters_total 1.0" in (await answer(f"{url}/metrics"))[1]

        # and it leaves nothing undone
        assert await stopped(process) == 0, log.read_text()
    for group, topics in {"route": ("predictions", "outcomes", "changes"), "detect": ("metrics", "logs")}.items():
        assert not await uncommitted(kafka, f"{name}-{group}", *(f"{name}.{topic}" for topic in topics))


def test_a_missing_topic_is_named_with_the_command_that_creates_it(place):
    path, name, _ = place
    ran = call("run", "-c", path)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    said = ran.stderr.splitlines()[-1]
    assert f"{name}.metrics" in said
    assert f"floodmark topics create --config {path}" in said


async def test_a_broker_that_is_not_there_is_waited_for_in_sentences(tmp_path):
    broker, endpoint = free_ports(2)
    path = tmp_path / "away.yaml"
    path.write_text(config(f"127.0.0.1:{broker}", "away", endpoint, tmp_path / "state"))
    with running(path) as (process, log):

        def said():
            return [json.loads(line) for line in log.read_text().splitlines() if "Kafka has been away" in line]

        async def once():
            return said()

        await until(once)
        assert process.poll() is None
        assert f"127.0.0.1:{broker}" in json.dumps(said()[0])
        assert "Traceback" not in log.read_text()
        assert (await answer(f"http://127.0.0.1:{endpoint}/healthz"))[0] == 200
        assert (await answer(f"http://127.0.0.1:{endpoint}/readyz"))[0] == 503
        assert await stopped(process) == 0
