"""The real console over an embedded broker that holds what a demo left, each in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

sys.path.append(str(Path(__file__).parents[1] / "console"))
import recorded  # noqa: E402 - the data of the console's own tests

from floodmark.runtime.embedded import EmbeddedBroker  # noqa: E402

START_SECONDS = 60


class Served(NamedTuple):
    """Where it is: the address of the pages, the broker, and the folder of config, view and log."""

    url: str
    broker: EmbeddedBroker
    folder: Path

    def write(self, records: Sequence[Any]) -> None:
        """Put records on their topics (`recorded.kept`)."""
        asyncio.run(write(self.broker.bootstrap, records))

    def acts(self) -> list[Any]:
        """The actions and outcomes on the topic, as bodies."""
        return [recorded.decoded(each) for each in asyncio.run(_held(self.broker.bootstrap, "floodmark.actions"))]


async def write(bootstrap: str, records: Sequence[Any]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        sent = [
            await producer.send(
                each.topic, each.value, each.key, partition=0, timestamp_ms=each.timestamp, headers=list(each.headers)
            )
            for each in records
        ]
        await asyncio.gather(*sent)


async def _held(bootstrap: str, topic: str) -> list[Any]:
    found = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        source = TopicPartition(topic, 0)
        consumer.assign([source])
        end = (await consumer.end_offsets([source]))[source]
        while await consumer.position(source) < end:
            for some in (await consumer.getmany(timeout_ms=300)).values():
                found += [
                    recorded.Kept(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                    for r in some
                ]
    return found


@contextlib.contextmanager
def served(folder: Path, records: Sequence[Any], more: str = "") -> Iterator[Served]:
    """A console over these records; `more` is added to its config."""
    with EmbeddedBroker() as broker:
        asyncio.run(write(broker.bootstrap, records))
        with console(folder, broker.bootstrap, more) as url:
            yield Served(url, broker, folder)


@contextlib.contextmanager
def console(folder: Path, bootstrap: str, more: str = "") -> Iterator[str]:
    """`floodmark console`, ready; its address."""
    port = _free_port()
    config = folder / "floodmark.yaml"
    own = (
        f"console: {{port: {port}, store: {folder}/console.db}}\n"
        if "console:" not in more
        else more.replace("PORT", str(port))
    )
    config.write_text(recorded.CONFIG.replace("BROKERS", bootstrap) + own + ("" if "console:" in more else more))
    with (folder / "console.log").open("ab") as log:
        command = [sys.executable, "-m", "floodmark", "console", "--config", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url, folder / "console.log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the console ended: {log.read_text()[-2000:]}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{url}/readyz", timeout=2)
            return
        time.sleep(0.1)
    raise AssertionError(f"the console is not ready: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":  # for a look by hand: python tests/browser/served.py
    import tempfile

    with tempfile.TemporaryDirectory() as place, served(Path(place), recorded.records()) as here:
        print(here.url, flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            time.sleep(86_400)
