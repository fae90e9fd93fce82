"""What people do, on Apache Kafka itself: an incident is resolved while the engine runs, and a replay says the same."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from apache_kafka import free_ports

from floodmark.actions import Action, ActionOutcome, Arguments
from floodmark.alerts import Incident, utc
from floodmark.events import TYPES, encode, event_type

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

FLOODMARK = (sys.executable, "-m", "floodmark")
MINUTES = 480
FAULT = range(300, 330)
ACT = 308
"""Minutes after which it stops until somebody has acted."""
SERVICES = ("web", "cart", "db")


def config(broker, name, port, store):
    return {
        "kafka": {"brokers": [broker], "group": name, "start": "earliest"},
        "state": {"store": str(store)},
        "inputs": [{"topic": f"{name}.metrics", "signal": "metric"}],
        "topics": {each: f"{name}.{each}" for each in ("anomalies", "alerts", "dead_letters", "actions")},
        "services": {"web": {"depends_on": ["cart"]}, "cart": {"depends_on": ["db"]}},
        "actions": {},
        "correlate": {"idle": "1d", "patience": "1m", "false_incidents": "60/hour"},
        "http": {"port": port},
    }


def world(start):
    """Metrics of three services, a minute at a time; for half an hour the cart, and who calls it, is slow."""
    draw = random.Random(5)
    for minute in range(MINUTES):
        yield [
            {
                "timestamp": start + 60 * minute,
                "name": "latency_ms",
                "value": draw.gauss(50, 2) * (3 if minute in FAULT and service != "db" else 1),
                "labels": {"service": service},
            }
            for service in SERVICES
        ]


async def publish(broker, topic, minutes):
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for events in minutes:
            for event in events:
                await producer.send(topic, json.dumps(event).encode(), event["labels"]["service"].encode())


async def act(broker, topic, *actions):
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for action in actions:
            told = encode(action, source="test", key=action.key())
            await producer.send_and_wait(topic, told.value, told.key, headers=list(told.headers))


async def read_until(broker, topic, kind, enough):
    """The bodies of a kind, as bytes, from the beginning of the topic, once there are enough."""
    found = []
    settings = {"auto_offset_reset": "earliest", "isolation_level": "read_committed"}
    async with asyncio.timeout(300), AIOKafkaConsumer(topic, bootstrap_servers=broker, **settings) as consumer:
        while not enough([msgspec.json.decode(value, type=kind) for value in found]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [r.value for r in records if TYPES.get(event_type(r.headers)) is kind]
    return found


def test_what_people_do_while_it_runs_is_what_a_replay_says(kafka, tmp_path):
    name, path = f"acts-{os.getpid()}", tmp_path / "floodmark.yaml"
    path.write_text(json.dumps(config(kafka, name, free_ports(1)[0], tmp_path / "state")))
    made = subprocess.run([*FLOODMARK, "topics", "create", "-c", path, "--partitions", "2", "--replication", "1"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert f"created   {name}.actions\n" in made.stdout
    start = int(time.time()) - MINUTES * 60
    minutes = list(world(start))
    with subprocess.Popen([*FLOODMARK, "run", "-c", path]) as engine:
        try:
            asyncio.run(publish(kafka, f"{name}.metrics", minutes[:ACT]))
            told = asyncio.run(read_until(kafka, f"{name}.alerts", Incident, bool))
            incident = msgspec.json.decode(told[0], type=Incident)
            now = utc(time.time())
            resolve = Action(id="act-1", verb="resolve", by="ann", at=now, incident=incident.id, seen=1, reason="known")
            wrong = Action(id="act-2", verb="split", by="bob", at=now, incident=incident.id, scope=incident.scope,
                           args=Arguments(anomalies=["ano-x"]))  # fmt: skip
            asyncio.run(act(kafka, f"{name}.actions", resolve, resolve, wrong))
            time.sleep(5)
            asyncio.run(publish(kafka, f"{name}.metrics", minutes[ACT:]))
            said = asyncio.run(read_until(kafka, f"{name}.actions", ActionOutcome, lambda found: len(found) > 1))
            over = lambda found: any(i.event == "resolved" for i in found)  # noqa: E731
            told = asyncio.run(read_until(kafka, f"{name}.alerts", Incident, over))
        finally:
            engine.send_signal(signal.SIGTERM)
            assert engine.wait(60) == 0
    told = asyncio.run(read_until(kafka, f"{name}.alerts", Incident, lambda found: len(found) >= len(told)))
    outcomes = {each.action: each for each in (msgspec.json.decode(value, type=ActionOutcome) for value in said)}
    assert {id: each.result for id, each in outcomes.items()} == {"act-1": "applied", "act-2": "refused"}
    assert len(said) == 2
    last = [each for each in (msgspec.json.decode(value, type=Incident) for value in told) if each.id == incident.id]
    assert any(each.resolution == "Resolved by ann: known." for each in last)

    exported = [msgspec.structs.replace(each, effective=outcomes[each.id].applied_at) for each in (resolve, wrong)]
    acts, again = tmp_path / "actions.jsonl", tmp_path / "incidents.jsonl"
    acts.write_bytes(b"\n".join(map(msgspec.json.encode, exported)))
    options = ["--topic", f"{name}.metrics", "--from", "1d", "--actions", acts, "--incidents", again]
    subprocess.run([*FLOODMARK, "replay", "-c", path, *options], check=True)
    replayed = by_incident(again.read_bytes().splitlines())
    for id, revisions in by_incident(told).items():  # at the end of a replay all are resolved
        assert replayed[id][: len(revisions)] == revisions


def by_incident(lines):
    found = {}
    for line in lines:
        found.setdefault(json.loads(line)["id"], []).append(line)
    return found
