"""An older snapshot, on Apache Kafka itself: refused while somebody runs, then replayed from; nothing is told twice."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from apache_kafka import free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

FLOODMARK = (sys.executable, "-m", "floodmark")


async def publish(broker, topic, start, minutes, fault=range(0)):
    draw = random.Random(3)
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for minute in minutes:
            value = draw.gauss(50, 1) * (5 if minute in fault else 1)
            body = {
                "timestamp": start + 60 * minute,
                "name": "latency_ms",
                "value": value,
                "labels": {"service": "cart"},
            }
            await producer.send(topic, json.dumps(body).encode(), b"cart")


async def told(broker, topic):
    """How often each record of ours was told, by its id."""
    found = Counter()
    settings = {"auto_offset_reset": "earliest", "isolation_level": "read_committed"}
    async with AIOKafkaConsumer(topic, bootstrap_servers=broker, **settings) as consumer:
        while more := await consumer.getmany(timeout_ms=2000):
            found.update(dict(each.headers)["ce_id"] for some in more.values() for each in some)
    return found


async def cut(broker, topic, before):
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


def state(path, *arguments):
    return subprocess.run([*FLOODMARK, "state", *arguments, "-c", path], capture_output=True, text=True, check=False)


def snapshots(path):
    lines = state(path, "list", "--json").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    return [row["offset"] for row in rows if "-detect/" in row["task"] and not row["aside"]]


def wait(path, log, enough):
    deadline = time.monotonic() + 90
    while not enough():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(1)


def test_a_task_is_taken_back_to_an_older_snapshot(kafka, tmp_path):
    name, path, log = f"state-{os.getpid()}", tmp_path / "floodmark.yaml", tmp_path / "log"
    topics = ("anomalies", "alerts", "dead_letters")
    path.write_text(
        json.dumps(
            {
                "kafka": {"brokers": [kafka], "group": name, "start": "earliest", "session_timeout": "6s"},
                "state": {"store": str(tmp_path / "store"), "interval": "1s", "keep": 9},
                "inputs": [{"topic": f"{name}.metrics", "signal": "metric"}],
                "topics": {each: f"{name}.{each}" for each in topics},
                "http": {"port": free_ports(1)[0]},
            }
        )
    )
    subprocess.run([*FLOODMARK, "topics", "create", "-c", path, "--partitions", "1", "--replication", "1"],
                   capture_output=True, check=True)  # fmt: skip
    task, start = f"{name}.metrics/0", int(time.time()) - 60 * 600

    def engine(minutes, fault=range(0), during=lambda: None):
        """Run it until a snapshot has all that was published; then stop it."""
        asyncio.run(publish(kafka, f"{name}.metrics", start, minutes, fault))
        with log.open("w") as said, subprocess.Popen([*FLOODMARK, "run", "-c", path], stderr=said) as running:
            try:
                wait(path, log, lambda: minutes.stop in snapshots(path) or running.poll() is not None)
                during()
            finally:
                running.send_signal(signal.SIGTERM)
                assert running.wait(60) == 0

    engine(range(100))
    refused = []
    engine(range(100, 200), range(150, 170), lambda: refused.append(state(path, "rollback", task, "100")))
    assert refused[0].returncode == 1
    assert f"group {name}-detect is at work" in refused[0].stderr
    before = asyncio.run(told(kafka, f"{name}.anomalies"))
    assert {100, 200} <= set(snapshots(path))

    dry = state(path, "rollback", task, "100", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "replayed in silence: offsets 100 to 200 (100)" in dry.stdout
    assert 200 in snapshots(path)
    done = state(path, "rollback", task, "100")
    assert done.returncode == 0, done.stderr
    assert max(snapshots(path)) == 100

    engine(range(200, 230))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    restored = [line for line in lines if line["event"] == "state restored" and line["topic"] == f"{name}.metrics"]
    assert [(line["snapshot"], line["replay"]) for line in restored] == [(100, 100)]
    after = asyncio.run(told(kafka, f"{name}.anomalies"))
    again = {id for id, count in after.items() if count > before.get(id, 0) and id in before and b"/again" not in id}
    assert not again
    assert before.keys() <= after.keys()

    asyncio.run(cut(kafka, f"{name}.metrics", 110))
    gone = state(path, "rollback", task, "100")
    assert gone.returncode == 1
    assert "begins at offset 110 by now" in gone.stderr
