import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest
from aiohttp import web
from typer.testing import CliRunner

from floodmark.cli import app, doctor
from floodmark.config.models import Config, Http
from floodmark.diagnose.asking import Broker, Cluster, Partition, Topic
from floodmark.diagnose.engine import engine as asked
from floodmark.runtime.endpoint import endpoint
from floodmark.runtime.telemetry import Telemetry

TOPICS = ("metrics", "floodmark.anomalies", "floodmark.alerts", "floodmark.dead-letters")


class View:
    topic, partition, missing, waited = "floodmark.anomalies", 0, 0, 0.0
    words = ()

    class task:  # noqa: N801 - it stands for one
        @staticmethod
        def learning():
            return ["log source nginx: warming up until 15:41"]

    def troubles(self):
        return list(self.words)


class Group:
    name, assigned, live = "floodmark-correlate", True, True

    def __init__(self, view):
        self.view = view

    def views(self):
        return [self.view]


@contextmanager
def engine(port, *words):
    """An engine that is not ready for the reasons of `words`, in a loop of its own."""
    telemetry, view, begun, over = Telemetry(), View(), threading.Event(), threading.Event()
    view.words = words
    telemetry.groups = [Group(view)]

    async def serve():
        async with endpoint(Http(port=port), telemetry):
            begun.set()
            while not over.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert begun.wait(30)
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def ask(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = tmp_path / "f.yaml"
    path.write_text(f"inputs: [{{topic: metrics, signal: metric}}]\nhttp: {{port: {port}}}\n")
    there = dict.fromkeys(TOPICS, 4)

    async def cluster(kafka, names, groups, transactions, *, seconds):
        rights = frozenset({"READ", "WRITE", "DESCRIBE"})
        topics = {name: Topic("", (Partition(1, 1, 1),) * count, rights) for name, count in there.items()}
        refused = dict.fromkeys([*groups, *transactions], "")
        return Cluster([Broker(1, "a:9092", 0.01, "4.1")], topics, {}, refused, {})

    monkeypatch.setattr(doctor, "ask", cluster)

    def run():
        found = CliRunner().invoke(app, ["check", "--online", "-c", str(path)])
        return found.exit_code, found.output

    run.port, run.there = port, there
    return run


def test_a_ready_engine_says_what_it_still_learns(ask):
    with engine(ask.port):
        code, text = ask()
    assert code == 0
    assert "metrics  4 partitions" in text
    assert f"engine at port {ask.port}  is ready: what arrives now would be told" in text
    assert "log source nginx: warming up until 15:41" in text


def test_an_engine_that_is_not_ready_says_why(ask):
    with engine(ask.port, "floodmark.anomalies/0: detect task metrics/2 has not been heard for 31 s"):
        code, text = ask()
    assert code == 1
    assert "is not ready: floodmark.anomalies/0: detect task metrics/2 has not been heard for 31 s" in text


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (None, "none answers at 127.0.0.1:"),
        ([], "is ready: what is posted is written to Kafka"),
        (["Kafka is away"], "is not ready: Kafka is away"),
    ],
)
async def test_a_gateway_is_asked_too(reasons, words):
    async def readyz(_):
        return web.json_response({"status": "x", "reasons": reasons}, status=503 if reasons else 200)

    site = web.Application()
    site.router.add_get("/readyz", readyz)
    runner = web.AppRunner(site)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    if reasons is not None:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    source = {"kind": "generic", "topic": "deploys", "secret": "x"}
    config = Config.model_validate(
        {"http": {"enabled": False}, "gateway": {"host": "0.0.0.0", "port": port, "sources": {"ci": source}}}
    )
    try:
        found = [each for each in await asked(config, 5.0, expected=False) if each.where.startswith("gateway")]
    finally:
        await runner.cleanup()
    assert [(each.mark, words in each.words.replace("0.0.0.0", "127.0.0.1")) for each in found] == [
        ("unknown" if reasons is None else "problem" if reasons else "ok", True)
    ]


def test_no_engine_is_wrong(ask):
    code, text = ask()
    assert code == 1
    assert f"none answers at 127.0.0.1:{ask.port}" in text


def test_a_topic_that_is_not_there_is_wrong(ask):
    del ask.there["floodmark.alerts"]
    code, text = ask()
    assert code == 1
    assert "problem  floodmark.alerts  there is no such topic" in text
    assert "floodmark topics create" in text
