"""`floodmark run` as an operator has it, on Apache Kafka: workers, reload, unkeyed producers."""

import asyncio
import contextlib
import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

sys.path.insert(0, str(Path(__file__).parent))

from apache_kafka import free_ports

pytestmark = pytest.mark.kafka

numbers = itertools.count()
HOSTS = 6
MINUTES = 100


@pytest.fixture
def place(kafka, tmp_path):
    return Place(kafka, f"run-{os.getpid()}-{next(numbers)}", tmp_path)


class Place:
    """A config over one topic of metrics, and the process that runs it."""

    def __init__(self, kafka, name, folder):
        self.kafka, self.name, self.path = kafka, name, folder / "floodmark.yaml"
        self.log = folder / "floodmark.log"
        self.port, _ = free_ports(2)
        self.write()

    def write(self, more="", rekey="false"):
        self.path.write_text(
            f"""\
kafka: {{brokers: ["{self.kafka}"], group: {self.name}, start: earliest, session_timeout: 6s}}
inputs:
  - {{topic: {self.name}, signal: metric, rekey: {rekey}}}
topics:
  anomalies: {self.name}.anomalies
  alerts: {self.name}.alerts
  dead_letters: {self.name}.dead-letters
  rekeyed: {self.name}.rekeyed
state: {{store: {self.path.parent / "state"}, interval: 1s}}
correlate: {{idle: 1s, false_incidents: 60/hour}}
http: {{port: {self.port}}}
{more}"""
        )

    def create_topics(self):
        command = [sys.executable, "-m", "floodmark", "topics", "create", "-c", self.path, "--replication", "1"]
        subprocess.run(command, check=True, timeout=300)

    @contextlib.contextmanager
    def running(self, *arguments):
        command = [sys.executable, "-m", "floodmark"]
        self.create_topics()
        with self.log.open("ab") as stderr:
            process = subprocess.Popen([*command, "run", "-c", self.path, *arguments], stderr=stderr)
            try:
                yield process
                process.send_signal(signal.SIGTERM)
                assert process.wait(300) == 0
            finally:
                process.kill()
                process.wait()

    def said(self, text):
        return [json.loads(line) for line in self.log.read_text().splitlines() if text in line]

    def metrics(self, name, port=None):
        """The values of a metric's samples, by the text of their labels; empty while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.port}/metrics", timeout=30) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)}

    def series(self):
        """How many series each task holds."""
        return [value for name, value in self.metrics("floodmark_task_state").items() if 'kind="series"' in name]

    async def send(self, keyed):
        """An hour and more of points of `HOSTS` series, the last one odd in the end."""
        await asyncio.to_thread(self.create_topics)
        draw, start = random.Random(1), int(time.time()) - MINUTES * 60
        partitions = itertools.cycle(range(4))
        async with AIOKafkaProducer(bootstrap_servers=self.kafka, linger_ms=20) as producer:
            for minute, host in itertools.product(range(MINUTES), range(HOSTS)):
                odd = 50 if host == HOSTS - 1 and minute > MINUTES - 10 else 0
                value = 10 + math.sin(host) + draw.gauss(0, 0.2) + odd
                event = {"timestamp": start + 60 * minute, "name": "load", "value": value}
                body = json.dumps(event | {"labels": {"host": f"h{host}"}}).encode()
                where = {"key": b"%d" % host} if keyed else {"partition": next(partitions)}
                await producer.send(self.name, body, **where)

    async def read(self, topic, enough, seconds=300):
        records = []
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=self.kafka, auto_offset_reset="earliest", isolation_level="read_committed"
        ) as consumer:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not enough(records):
                        for found in (await consumer.getmany(timeout_ms=200)).values():
                            records += found
        return records


async def until(condition, seconds=300):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.1)


async def test_a_series_on_several_partitions_is_said_and_rekey_mends_it(place):
    await place.send(keyed=False)
    with place.running():
        await until(lambda: place.said("do not key by series"))
        misplaced = [
            value for name, value in place.metrics("floodmark_task_events_total").items() if 'event="misplaced"' in name
        ]
    assert sum(misplaced) > 0
    assert any(f"of topic {place.name} arrives on partitions" in line["event"] for line in place.said("rekey: true"))

    place.write(rekey="true")
    place.log.write_bytes(b"")
    with place.running():
        rekeyed = await place.read(f"{place.name}.rekeyed", lambda found: len(found) >= HOSTS * MINUTES)
        await until(lambda: sum(place.series()) == HOSTS)  # and not HOSTS on each partition
    assert len(rekeyed) == HOSTS * MINUTES
    assert not place.said(f"of topic {place.name}.rekeyed arrives")  # of the input itself the rest may yet be said


async def test_workers_share_the_work_and_one_that_dies_is_started_again(place):
    await place.send(keyed=True)
    with place.running("--workers", "2"):
        ports = (place.port, place.port + 1)

        def tasks():
            """How many tasks each worker has; a pause of a busy machine may move some."""
            return [sum(place.metrics("floodmark_tasks", port).values()) for port in ports]

        await until(lambda: all(place.metrics("floodmark_ready", port).get("floodmark_ready") == 1 for port in ports))
        await until(lambda: sum(shared := tasks()) == 8 and min(shared) > 0)
        records = await place.read(f"{place.name}.alerts", lambda found: found)
        assert records, place.log.read_text()
        pids = subprocess.run(["pgrep", "-f", f"{place.path}.*--worker 1"], capture_output=True, text=True, check=True)
        os.kill(int(pids.stdout.split()[0]), signal.SIGKILL)
        await until(lambda: place.said('"restarts"'))
        await until(lambda: all(place.metrics("floodmark_ready", port).get("floodmark_ready") == 1 for port in ports))
    assert {line.get("worker") for line in place.said("partitions assigned")} == {0, 1}


async def test_a_config_is_taken_up_while_it_runs_and_a_wrong_one_refused(place):
    await place.send(keyed=True)
    with place.running() as process:
        await until(lambda: place.metrics("floodmark_ready").get("floodmark_ready") == 1)
        place.write(more="detectors: [{name: hosts, match: {name: load}, false_alarms: 1/fortnight}]\n")
        process.send_signal(signal.SIGHUP)
        failed = "floodmark_config_last_reload_successful"
        await until(lambda: place.metrics(failed).get(failed) == 0)
        refusal = [line["event"] for line in place.said("1/fortnight")]
        assert any(f"{place.path}:" in f"{line}" for line in place.said("fortnight")), refusal
        place.write(more="detectors: [{name: hosts, match: {name: load}, false_alarms: 2/day}]\n")
        await until(lambda: place.metrics(failed).get(failed) == 1)
        assert place.said("detectors[hosts]")
        assert sum(place.series()) == HOSTS
