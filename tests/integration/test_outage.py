"""`floodmark run` while a broker of its own goes and comes back: it lives, says both once, and loses nothing."""

import asyncio
import contextlib
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

from apache_kafka import ApacheKafka, KafkaUnavailableError, free_ports

pytestmark = pytest.mark.kafka

FLOODMARK = [sys.executable, "-m", "floodmark"]
AWAY_SECONDS = 12


@pytest.fixture
def broker():
    """One that the test may end, and freeze."""
    with contextlib.ExitStack() as entered:
        try:
            yield entered.enter_context(ApacheKafka.start(heap="300m"))
        except KafkaUnavailableError as error:
            pytest.skip(str(error))


@pytest.fixture
def path(broker, tmp_path):
    made = tmp_path / "floodmark.yaml"
    made.write_text(
        f"""\
kafka: {{brokers: ["{broker.bootstrap}"], group: away, start: earliest}}
inputs: [{{topic: metrics, signal: metric}}]
state: {{store: {tmp_path / "state"}, interval: 1s}}
correlate: {{idle: 1s}}
http: {{port: {free_ports(2)[0]}}}
"""
    )
    create = [*FLOODMARK, "topics", "create", "-c", made, "--partitions", "2", "--replication", "1"]
    subprocess.run(create, check=True, timeout=60, stdout=subprocess.DEVNULL)
    return made


class Running:
    def __init__(self, process, log, port):
        self.process, self.log, self.port = process, log, port

    def ready(self):
        """Status and body of /readyz."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError:
            return 0, {}

    def lines(self, text=""):
        """The log's lines that hold a text; each is JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if text in line]

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            found = [line for line in answer.read().decode().splitlines() if line.startswith(name)]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    async def until(self, condition, seconds=60):
        async with asyncio.timeout(seconds):
            while not condition():
                assert self.process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.1)


@contextlib.contextmanager
def running(path):
    log = path.parent / "floodmark.log"
    port = int(path.read_text().rpartition("port: ")[2].partition("}")[0])
    with log.open("wb") as stderr:
        process = subprocess.Popen([*FLOODMARK, "run", "-c", path], stderr=stderr)
    try:
        yield Running(process, log, port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


async def send(bootstrap, numbers):
    """A bad message for each number: each becomes a dead letter, so that what is lost or doubled is seen."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for number in numbers:
            await producer.send_and_wait("metrics", b"no json %d" % number, partition=number % 2)


async def dead_letters(bootstrap, count):
    async with AIOKafkaConsumer(
        "floodmark.dead-letters",
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    ) as consumer:
        letters = []
        async with asyncio.timeout(60):
            while len(letters) < count:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    letters += [record.value for record in records]
            for records in (await consumer.getmany(timeout_ms=1000)).values():  # none twice
                letters += [record.value for record in records]
    return sorted(letters)


async def test_a_broker_that_goes_later_and_comes_back(broker, path):
    with running(path) as run:
        await run.until(lambda: run.ready()[0] == 200)
        await send(broker.bootstrap, range(20))
        await run.until(lambda: run.metric("floodmark_dead_letters_total") == 20)
        broker.kill()
        gone = time.monotonic()
        await run.until(lambda: run.ready()[0] == 503, 5)
        (reason,) = run.ready()[1]["reasons"]
        assert reason.startswith("Kafka has been away since ")
        assert reason.endswith(f": {broker.bootstrap}: connection refused")
        assert run.metric("floodmark_kafka_outages_total") == 1
        await run.until(lambda: time.monotonic() - gone > AWAY_SECONDS)
        assert run.metric("floodmark_kafka_away_seconds") > 0
        await asyncio.to_thread(broker.restart)
        await run.until(lambda: run.ready()[0] == 200)
        await send(broker.bootstrap, range(20, 40))
        letters = await dead_letters(broker.bootstrap, 40)
        assert run.metric("floodmark_kafka_away_seconds") == 0
    assert letters == sorted(b"no json %d" % number for number in range(40))
    told(run)


async def test_a_broker_that_goes_as_soon_as_there_are_tasks_and_outputs(broker, path):
    await send(broker.bootstrap, range(20))
    with running(path) as run:
        await run.until(lambda: run.lines("partitions assigned"))
        broker.kill()
        await run.until(lambda: run.lines("Kafka has been away"))
        # longer than a client asks for a topic (40 s) before it says that there is none
        gone = time.monotonic()
        await run.until(lambda: time.monotonic() - gone > 45)
        await asyncio.to_thread(broker.restart)
        await run.until(lambda: run.ready()[0] == 200)
        letters = await dead_letters(broker.bootstrap, 20)
    assert letters == sorted(b"no json %d" % number for number in range(20))
    assert not run.lines("gone")
    told(run)


async def test_a_broker_that_is_frozen(broker, path):
    with running(path) as run:
        await run.until(lambda: run.ready()[0] == 200)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            await run.until(lambda: "no answer in 3 s" in "".join(run.ready()[1].get("reasons", [])), 300)
            assert run.ready()[0] == 503
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await run.until(lambda: run.ready()[0] == 200)
    told(run)


def told(run):
    """Away and back once each, and nothing of the client's own about connections."""
    assert [line["level"] for line in run.lines("; trying again every 2 s")] == ["warning"]
    assert len(run.lines("Kafka is back after")) == 1
    clients = [line["event"] for line in run.lines() if line["logger"].startswith("aiokafka")]
    assert not [event for event in clients if "onnect" in event or "metadata" in event]
