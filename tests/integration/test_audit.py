"""The audit trail on Apache Kafka itself: engines are killed, and no entry is lost, doubled or out of its chain."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from apache_kafka import free_ports

from floodmark.actions import Action
from floodmark.alerts import utc
from floodmark.audits import opened
from floodmark.events import encode

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

FLOODMARK = (sys.executable, "-m", "floodmark")
KILLS = 3
ACTIONS = 400


async def write(broker, topic, numbers, pace=0.0):
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for number in numbers:
            action = Action(
                id=f"act-{number}", verb="comment", by="ann", at=utc(time.time()), incident=f"inc-{number % 7}"
            )
            told = encode(action, source="test", key=action.key())
            await producer.send_and_wait(topic, told.value, told.key, headers=list(told.headers))
            await asyncio.sleep(pace)


async def size(broker, topic):
    """The committed records of the only partition."""
    source = TopicPartition(topic, 0)
    settings = {"auto_offset_reset": "earliest", "isolation_level": "read_committed"}
    async with AIOKafkaConsumer(bootstrap_servers=broker, **settings) as consumer:
        consumer.assign([source])
        found = []
        while more := await consumer.getmany(timeout_ms=1000):
            found += more[source]
    return found


def audit(path, *arguments):
    return subprocess.run([*FLOODMARK, "audit", *arguments, "-c", path], capture_output=True, text=True, check=False)


def test_a_killed_engine_neither_loses_nor_doubles_an_entry(kafka, tmp_path):
    name, path = f"audit-{os.getpid()}", tmp_path / "floodmark.yaml"
    topics = ("anomalies", "alerts", "dead_letters", "actions", "audit", "model_requests", "reports")
    config = {
        "kafka": {"brokers": [kafka], "group": name, "start": "earliest", "session_timeout": "6s"},
        "state": {"store": None},
        "inputs": [{"topic": f"{name}.logs", "signal": "log"}],
        "topics": {each: f"{name}.{each}" for each in topics},
        "actions": {},
        "audit": {"key": "a secret of the audit"},
        "http": {"port": free_ports(1)[0]},
        "logging": {"level": "warning"},
    }
    path.write_text(json.dumps(config))
    subprocess.run([*FLOODMARK, "topics", "create", "-c", path, "--partitions", "2", "--replication", "1"],
                   capture_output=True, check=True)  # fmt: skip
    asyncio.run(write(kafka, f"{name}.actions", range(100)))
    writer, entries = None, []
    for number in range(KILLS + 1):
        with subprocess.Popen([*FLOODMARK, "run", "-c", path]) as engine:
            try:
                if number == 1:  # from now on somebody writes while engines come and go
                    called = f"test_audit.write({kafka!r}, {name + '.actions'!r}, range(100, {ACTIONS}), 0.1)"
                    code = f"import asyncio, test_audit; asyncio.run({called})"
                    here = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parent, *sys.path)))}
                    writer = subprocess.Popen([sys.executable, "-c", code], env=here)
                deadline = time.monotonic() + 120
                enough = {0: 50, KILLS: ACTIONS}.get(number, min(ACTIONS, len(entries) + 20))
                while len(entries := asyncio.run(size(kafka, f"{name}.audit"))) < enough:
                    assert time.monotonic() < deadline, f"{len(entries)} entries"
                    assert engine.poll() is None
            finally:
                engine.kill()
    assert writer is not None
    assert writer.wait(60) == 0

    entries = [opened(each.value) for each in asyncio.run(size(kafka, f"{name}.audit"))]
    of_actions = [each for each in entries if each.record.topic == f"{name}.actions"]
    assert sorted(each.details["id"] for each in of_actions) == sorted(f"act-{number}" for number in range(ACTIONS))
    sound = audit(path, "verify")
    assert sound.returncode == 0, sound.stderr
    assert f"sound: {len(entries)} entries, {len(entries)} of them signed" in sound.stdout
    anchor = audit(path, "verify", "--json").stdout
    assert json.loads(anchor)["sound"] is True
    assert audit(path, "export", "--who", "ann").stdout.count("\n") == ACTIONS
    assert "comment inc-3" in audit(path, "list", "--incident", "inc-3", "--limit", "1").stdout

    async def forge():
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            last = (await size(kafka, f"{name}.audit"))[-1]
            await producer.send_and_wait(f"{name}.audit", last.value.replace(b'"ann"', b'"eve"'), last.key)

    asyncio.run(forge())
    broken = audit(path, "verify")
    assert broken.returncode == 1
    assert "is not signed with our key" in broken.stderr
    assert f"{name}.audit/0@" in broken.stderr
