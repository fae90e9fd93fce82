"""Incidents and causes on real faults: Nezha's Online Boutique (56 injected faults, two days, one sample a minute).

    python benchmarks/nezha.py --data DATA [--budget 1/day] [--scorer PATH] [--brokers HOST:PORT] [--local]

DATA holds ob_<day>_metrics.csv.gz, ob_trace_minutes.csv.gz, ob_netgap_minutes.csv.gz, ob_edges.csv and faults.jsonl.
Both days are streamed in event-time order into Apache Kafka, `floodmark run` watches them as a process with the
call graph as topology, and the incidents are read back from the alerts topic. Without --brokers a broker is started
(Java 17 and Maven, as in the integration tests). --local runs the same stages in this process instead, for tuning.

The configuration is the default one but for the topology and, with --budget, for `correlate.false_incidents`.

Metrics, trace minutes (per service and operation) and network gaps become series; the labels of faults.jsonl are used
by the scorer alone. With --scorer (a program that takes --incidents and --truth) its verdict is printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gzip
import heapq
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from floodmark.alerts import Incident, Watermark
from floodmark.config.models import Config, Input, Service
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.records import Record
from floodmark.simulate.score import to_yardstick

TOPIC = "nezha.metrics"
Event = dict[str, Any]
Minute = tuple[int, list[Event]]


def metrics(data: Path) -> Iterator[Minute]:
    """The monitoring data: a row a minute, columns service|metric, EDGE:caller_callee|metric, FRONT|metric."""
    for path in sorted(data.glob("ob_*_metrics.csv.gz")):
        with gzip.open(path, "rt", newline="") as file:
            rows = csv.reader(file)
            columns = [(name, *owner(name.split("|")[0])) for name in next(rows)[1:]]
            for row in rows:
                minute = int(row[0])
                yield (
                    minute,
                    [
                        event(minute, name.split("|")[1], value, labels)
                        for (name, labels), value in zip(columns, row[1:], strict=True)
                        if value
                    ],
                )


def owner(name: str) -> tuple[dict[str, str]]:
    """The labels of a column: the service that it speaks of, and who calls it."""
    if name.startswith("EDGE:"):
        caller, callee = name[5:].split("_")
        return ({"service": callee, "caller": caller},)
    return ({"service": "frontend" if name == "FRONT" else name},)


def event(minute: int, name: str, value: str, labels: dict[str, str]) -> Event:
    return {"timestamp": minute, "name": name, "value": float(value), "labels": labels}


def table(path: Path, keys: dict[str, str], values: list[str], prefix: str) -> Iterator[Minute]:
    """A long CSV with a `minute` column, grouped by minute: `keys` are columns → labels, `values` become series."""
    with gzip.open(path, "rt", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["minute"]))
    for row in rows:
        minute = int(row["minute"])
        labels = {label: row[column] for column, label in keys.items()}
        yield minute, [event(minute, f"{prefix}_{name}", row[name], labels) for name in values if row[name]]


def stream(data: Path) -> Iterator[Minute]:
    """Everything, in the order of event time."""
    return heapq.merge(
        metrics(data),
        table(data / "ob_trace_minutes.csv.gz", {"svc": "service", "OperationName": "operation"},
              ["n", "p50", "p90", "self_mean"], "trace"),
        table(data / "ob_netgap_minutes.csv.gz", {"callee": "service", "caller": "caller"}, ["p50", "p90"], "netgap"),
        key=lambda minute: minute[0],
    )  # fmt: skip


def configuration(data: Path, brokers: str, budget: str | None = None) -> Config:
    """The default configuration, with the call graph as topology."""
    services: dict[str, list[str]] = {}
    with (data / "ob_edges.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            services.setdefault(row["source"], []).append(row["target"])
            services.setdefault(row["target"], [])
    return Config.model_validate(
        {
            "kafka": {"brokers": [brokers], "start": "earliest"},  # the stream may be there before the engine
            "inputs": [Input(topic=TOPIC, signal="metric")],
            "services": {name: Service(depends_on=called) for name, called in services.items()},
            "correlate": {"false_incidents": budget} if budget else {},
            "http": {"port": 0},
            "logging": {"level": "warning"},
        }
    )


def run_local(data: Path, config: Config) -> tuple[list[Incident], int, int]:
    flow, incidents, anomalies, events = LocalFlow(config), [], 0, 0
    outputs = []
    for offset, (minute, found) in enumerate(stream(data)):
        events += len(found)
        outputs += flow.process([Record(TOPIC, 0, offset, minute * 1000, None, orjson.dumps(found))])
    for output in outputs + flow.finish():
        kind = TYPES[event_type(output.headers) or ""]
        if kind is Incident:
            incidents.append(msgspec.json.decode(output.value or b"", type=Incident))
        anomalies += b'"event":"opened"' in (output.value or b"") and output.stream == "anomalies"
    return incidents, anomalies, events


async def run_kafka(data: Path, config: Config) -> tuple[list[Incident], int, int]:
    """Stream, watch with `floodmark run`, read back. One partition a topic: the day is small."""
    brokers = config.kafka.brokers
    folder = Path(tempfile.mkdtemp(prefix="nezha-"))
    path = folder / "floodmark.yaml"
    path.write_bytes(orjson.dumps(config.model_dump(mode="json", exclude_unset=True)))  # JSON is YAML
    floodmark = [sys.executable, "-m", "floodmark"]
    subprocess.run([*floodmark, "topics", "create", "-c", str(path), "--partitions", "1"], check=True)
    engine = subprocess.Popen([*floodmark, "run", "-c", str(path)])
    events, last = 0, 0
    try:
        producer = AIOKafkaProducer(bootstrap_servers=brokers, linger_ms=20)
        await producer.start()
        for minute, found in stream(data):
            events, last = events + len(found), minute
            # Kafka's own timestamp stays today's: retention would delete a record of 2022 at once.
            await producer.send(TOPIC, orjson.dumps(found), key=b"nezha")
        # An hour of one heartbeat series after the end, so that the last incidents are resolved.
        for minute in range(last + 60, last + 3 * 3600, 60):
            beat = event(minute, "heartbeat", "1", {"service": "benchmark"})
            await producer.send(TOPIC, orjson.dumps(beat), key=b"nezha")
        await producer.stop()
        end = float(last + 2 * 3600)
        records = await _read(brokers, [config.topics.alerts, config.topics.anomalies], end)
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(60)
    incidents = [msgspec.json.decode(v, type=Incident) for kind, v in records if kind is Incident]
    anomalies = sum(b'"event":"opened"' in value for kind, value in records if kind is not Incident)
    return incidents, anomalies, events


async def _read(brokers: list[str], topics: list[str], end: float) -> list[tuple[type, bytes]]:
    """All records of our topics: until the watermark has passed `end`, and nothing has come for five seconds since."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=brokers, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    found: list[tuple[type, bytes]] = []
    heard, passed = time.monotonic(), False
    while not passed or time.monotonic() - heard < 5.0:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            heard = time.monotonic()
            for record in records:
                kind = TYPES[event_type(record.headers) or ""]
                value = record.value or b""
                if kind is Watermark:
                    passed = passed or msgspec.json.decode(value, type=Watermark).time.timestamp() >= end
                else:
                    found.append((kind, value))
    await consumer.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--brokers", help="an Apache Kafka to use")
    parser.add_argument("--budget", help="correlate.false_incidents (default: the product's)")
    parser.add_argument("--scorer", type=Path)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "nezha-incidents.jsonl")
    parser.add_argument("--local", action="store_true")
    args = parser.parse_args()
    started = time.monotonic()
    with ExitStack() as stack:
        if args.local:
            config = configuration(args.data, "localhost:9092", args.budget)
            incidents, anomalies, events = run_local(args.data, config)
        else:
            if not args.brokers:
                sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "integration"))
                from apache_kafka import ApacheKafka  # noqa: PLC0415  only where a broker is to be started

                args.brokers = stack.enter_context(ApacheKafka.start()).bootstrap
            incidents, anomalies, events = asyncio.run(
                run_kafka(args.data, configuration(args.data, args.brokers, args.budget))
            )
    args.out.write_bytes(b"".join(orjson.dumps(to_yardstick(i)) + b"\n" for i in incidents))
    print(f"{events:,} points, {anomalies:,} anomalies, {len({i.id for i in incidents}):,} incidents, ", end="")
    print(f"{time.monotonic() - started:.0f} s; incidents in {args.out}")
    if args.scorer:
        command = [sys.executable, args.scorer, "--incidents", args.out, "--truth", args.data / "faults.jsonl"]
        command += ["--raw-alerts", str(anomalies)]
        print(subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ}).stdout)


if __name__ == "__main__":
    main()
