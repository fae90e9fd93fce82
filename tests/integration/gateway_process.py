"""`floodmark gateway` as a process, its config, and how its topics are read."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import aiohttp
from aiokafka import AIOKafkaConsumer
from apache_kafka import free_ports

numbers = itertools.count()
SECRET = "of-the-tests-of-the-gateway"
SOURCES = {"gitlab": "deployments", "mlflow": "models", "alertmanager": "alarms"}
"""Kinds, which are their names here, and topics."""


class Place:
    """A config, the process that serves it, and its senders."""

    def __init__(self, kafka, folder, sources=None):
        self.kafka, self.path, self.log = kafka, folder / "floodmark.yaml", folder / "log"
        self.name = f"gateway-{os.getpid()}-{next(numbers)}"
        self.port, _ = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.secret = folder / "secret"
        self.secret.write_text(SECRET)
        self.sources = SOURCES if sources is None else sources
        self.write()

    def write(self, more=""):
        proven = f'secret: "file:{self.secret}", rate: 100000'
        lines = "".join(
            f"    {kind}: {{kind: {kind}, topic: {self.name}.{topic}, {proven}}}\n"
            for kind, topic in self.sources.items()
        )
        self.path.write_text(
            f"""\
kafka: {{brokers: ["{self.kafka}"]}}
gateway:
  port: {self.port}
  timeout: 2s
  sources:
{lines}{more}"""
        )

    def command(self, *words):
        return [sys.executable, "-m", "floodmark", *words, "-c", self.path]

    @contextlib.contextmanager
    def running(self):
        with self.log.open("ab") as stderr:
            process = subprocess.Popen(self.command("gateway"), stderr=stderr)
            try:
                yield process
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
            finally:
                process.kill()
                process.wait()

    def create_topics(self):
        subprocess.run([*self.command("topics", "create"), "--replication", "1"], check=True, timeout=300)

    def said(self, text):
        return [json.loads(line) for line in self.log.read_text().splitlines() if text in line]

    async def ready(self, session, wanted=200):
        async with asyncio.timeout(300):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == wanted:
                            return await answer.json()
                await asyncio.sleep(0.1)

    async def post(self, session, path, body, headers):
        async with session.post(f"{self.url}/{path}", data=body, headers=headers) as answer:
            return answer.status, answer.headers

    async def read(self, topic, enough=1, seconds=120):
        """The records of a topic, once there are `enough`, and none comes for a second more."""
        records = []
        async with AIOKafkaConsumer(
            f"{self.name}.{topic}", bootstrap_servers=self.kafka, auto_offset_reset="earliest"
        ) as consumer:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                found = await consumer.getmany(timeout_ms=1000)
                records += [record for some in found.values() for record in some]
                if len(records) >= enough and not found:
                    break
        return records
