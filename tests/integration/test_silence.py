"""Never stuck, never falsely green: workers that join, stand still and die, on Apache Kafka, without a shared store."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

sys.path.insert(0, str(Path(__file__).parent))

from apache_kafka import free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

numbers = itertools.count()
PATIENCE = 8.0
HOSTS = ("h1", "h2", "h3")


class Cluster:
    """Workers of one config over two topics of four partitions each, of which but one ever holds anything."""

    def __init__(self, kafka, folder):
        self.kafka, self.folder = kafka, folder
        self.name = f"silence-{os.getpid()}-{next(numbers)}"
        self.odd = ""

    def config(self, port):
        path = self.folder / f"floodmark-{port}.yaml"
        path.write_text(
            f"""\
kafka: {{brokers: ["{self.kafka}"], group: {self.name}, session_timeout: 6s}}
inputs:
  - {{topic: {self.name}.metrics, signal: metric}}
  - {{topic: {self.name}.logs, signal: log}}
topics:
  anomalies: {self.name}.anomalies
  alerts: {self.name}.alerts
  dead_letters: {self.name}.dead-letters
state: {{store: null, history: 1s}}
detect: {{lateness: 1s, tick: 1s}}
detectors: [{{name: load, match: {{name: load}}, limit: {{above: 40}}}}]
correlate: {{idle: 2s, patience: {PATIENCE:g}s, false_incidents: 60/hour}}
http: {{port: {port}}}
"""
        )
        return path

    @contextlib.contextmanager
    def worker(self):
        """A process; its port and log."""
        port, _ = free_ports(2)
        path, log = self.config(port), self.folder / f"{port}.log"
        command = [sys.executable, "-m", "floodmark", "topics", "create", "-c", path, "--replication", "1"]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
        with log.open("wb") as stderr:
            process = subprocess.Popen([sys.executable, "-m", "floodmark", "run", "-c", path], stderr=stderr)
            try:
                yield process, port
            finally:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    async def stream(self):
        """A point a second of each host, on one partition, for ever; that of the host which is `odd` is odd."""
        async with AIOKafkaProducer(bootstrap_servers=self.kafka) as producer:
            while True:
                for host in HOSTS:
                    event = {"timestamp": time.time(), "name": "load", "value": 90 if host == self.odd else 10}
                    body = json.dumps(event | {"labels": {"host": host}}).encode()
                    await producer.send_and_wait(f"{self.name}.metrics", body, partition=0)
                await asyncio.sleep(1)

    async def fault(self, host, seconds=90):
        """A host is odd until that is told: in an incident of its own, or as part of one that is open."""
        self.odd = host
        async with AIOKafkaConsumer(
            f"{self.name}.alerts",
            bootstrap_servers=self.kafka,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        ) as consumer:
            async with asyncio.timeout(seconds):
                while host not in json.loads((await consumer.getone()).value)["entities"]:
                    pass
        self.odd = ""


def ready(port):
    """The status and the answer of /readyz; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, {"reasons": []}


async def until_ready(*ports, status=200, because="", seconds=120):
    async with asyncio.timeout(seconds):
        while True:
            answers = [await asyncio.to_thread(ready, port) for port in ports]
            if all(code == status and because in "; ".join(body["reasons"]) for code, body in answers):
                return
            await asyncio.sleep(0.2)


@pytest.fixture
def cluster(kafka, tmp_path):
    return Cluster(kafka, tmp_path)


@contextlib.asynccontextmanager
async def streaming(cluster):
    stream = asyncio.create_task(cluster.stream())
    try:
        await asyncio.sleep(0)
        yield
    finally:
        stream.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stream


@pytest.mark.timeout(400)
async def test_whoever_joins_stands_still_or_dies_incidents_are_told_and_ready_is_true(cluster):
    with cluster.worker() as (first, one):
        async with streaming(cluster):
            await until_ready(one)
            # Its tasks begin from nothing, and seven of eight detect tasks have long said that they are idle.
            with cluster.worker() as (second, two):
                await until_ready(one, two)
                await cluster.fault("h1")
                second.send_signal(signal.SIGSTOP)  # longer than its session: its tasks go to the other
                await asyncio.sleep(20)
                second.send_signal(signal.SIGCONT)
                await until_ready(one, two)
                await cluster.fault("h2")
                second.send_signal(signal.SIGKILL)
                second.wait()
                await until_ready(one, status=503)
            await until_ready(one)
            await cluster.fault("h3")
        first.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.wait, 60) == 0
