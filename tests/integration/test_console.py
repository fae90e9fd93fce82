"""The console on Apache Kafka: only what was committed is shown, what is done there is on the topic, and one that is
killed goes on where its view is."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from floodmark import client
from floodmark.actions import Action
from floodmark.alerts import Incident, Watermark, utc
from floodmark.cli import app
from floodmark.config.loader import load
from floodmark.events import encode

pytestmark = pytest.mark.kafka

RUN = uuid.uuid4().hex[:6]
NAMES = ("anomalies", "alerts", "dead_letters", "actions", "reports", "model_requests")
START = 1_750_000_000.0


def incident(id, revision=1, event="opened"):
    return Incident(
        id=id, event=event, revision=revision, scope="", severity="error", title=f"{id} is slow", why="",
        started_at=utc(START), updated_at=utc(START + revision), resolved_at=None, resolution="", entities=["cart"],
        member_count=0, members=[], causes=[], changes=[],
    )  # fmt: skip


async def tell(config, *bodies):
    """As the engine writes: in transactions, of which one is aborted."""
    async with AIOKafkaProducer(
        bootstrap_servers=config.kafka.brokers, transactional_id=f"console-{RUN}-{uuid.uuid4().hex}"
    ) as producer:
        for kept in (False, True):
            await producer.begin_transaction()
            for body in bodies if kept else [incident("inc-00000000000dead")]:
                told = encode(body, source="m/0", key=getattr(body, "id", "t"))
                topic = getattr(config.topics, told.stream)
                await producer.send_and_wait(topic, told.value, told.key, headers=list(told.headers))
            await (producer.commit_transaction() if kept else producer.abort_transaction())


@contextlib.contextmanager
def running(path, port, *, kill=False):
    with (path.parent / "console.log").open("ab") as log:
        command = [sys.executable, "-m", "floodmark", "console", "-c", str(path)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait(lambda: asked(port, "/status") and not asked(port, "/status")["building"], path)
        yield process
    finally:
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        assert process.wait(30) == (-signal.SIGKILL if kill else 0)


def wait(true, path):
    end = time.monotonic() + 90
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if true():
                return
        time.sleep(0.2)
    raise AssertionError((path.parent / "console.log").read_text()[-3000:])


def asked(port, what):
    with contextlib.suppress(urllib.error.URLError):
        return json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1{what}", timeout=10))
    return None


def acted(port, body):
    headers = {"Origin": f"http://127.0.0.1:{port}", "X-Floodmark": "1"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/actions", json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=30))


def test_what_is_committed_is_shown_and_what_is_done_is_on_the_topic(kafka, tmp_path):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    path = tmp_path / "floodmark.yaml"
    settings = {
        "kafka": {"brokers": [kafka]},
        "inputs": [{"topic": f"con-{RUN}-m", "signal": "metric"}],
        "topics": {name: f"con-{RUN}-{name.replace('_', '-')}" for name in NAMES},
        "actions": {},
        "console": {"port": port, "store": str(tmp_path / "console.db")},
    }
    path.write_text(json.dumps(settings))
    made = CliRunner().invoke(app, ["topics", "create", "-c", str(path), "--replication", "1"])
    assert made.exit_code == 0, made.output
    config = load(path)
    first, second = "inc-00000000000000a1", "inc-00000000000000b2"
    mark = Watermark(task="m/0", tasks=1, time=utc(START + 60), idle=False)
    asyncio.run(tell(config, incident(first), incident(first, 2, "updated"), mark))
    with running(path, port, kill=True):
        wait(lambda: [each["id"] for each in asked(port, "/incidents")["rows"]] == [first], path)
        assert asked(port, f"/incidents/{first}")["row"]["revision"] == 2
        done = acted(port, {"verb": "ack", "incident": first})
        wait(lambda: asked(port, f"/incidents/{first}")["row"]["state"] == "acked", path)

    async def on_the_topic():
        return [deed.said async for deed in client.actions(config.kafka, topic=config.topics.actions)]

    (action,) = asyncio.run(on_the_topic())
    assert isinstance(action, Action)
    assert (action.id, action.verb, action.by, action.via, action.seen) == (done["id"], "ack", "operator", "console", 2)
    asyncio.run(tell(config, incident(second)))
    with running(path, port):  # after kill -9: neither missed nor twice
        wait(lambda: {each["id"] for each in asked(port, "/incidents")["rows"]} == {first, second}, path)
        page = asked(port, f"/incidents/{first}")
        assert page["row"]["state"] == "acked"
        assert sum(each["kind"] == "action" for each in page["entries"]) == 1
        counted = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        assert 'result="old"' not in counted
        assert 'result="wrong"' not in counted
    (tmp_path / "console.db").write_bytes(b"damaged" * 1_000)
    with running(path, port):
        wait(lambda: len(asked(port, "/incidents")["rows"]) == 2, path)
        assert "set aside" in asked(port, "/status")["rebuilt"]
