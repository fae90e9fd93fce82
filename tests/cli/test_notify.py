"""`floodmark notify`: what is refused, what a test says, and what was not delivered."""

import asyncio
import json
import threading
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from floodmark.alerts import Incident
from floodmark.cli import app
from floodmark.cli.deliveries import given_up
from floodmark.cli.speaking import out
from floodmark.cli.topics import _wanted
from floodmark.config.models import Config
from floodmark.deliveries import Delivery
from floodmark.events import encode
from floodmark.runtime.embedded import EmbeddedBroker

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "a-secret-of-the-webhook"


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setattr(out, "width", 200)


@pytest.fixture
def server():
    """A server that takes what is posted to /well and nothing else; what it was sent."""
    seen, ready = [], threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def take(request):
        seen.append(json.loads(await request.read()))
        if request.path == "/well":
            return web.Response()
        return web.Response(status=400, text=f"no such channel; you sent {request.headers['X-Token']}")

    async def serve():
        site = web.Application()
        site.add_routes([web.post("/{path}", take)])
        runner = web.AppRunner(site, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        seen.append(runner.addresses[0][1])
        ready.set()
        await over.wait()
        await runner.cleanup()

    def run():
        with asyncio.Runner(loop_factory=lambda: loop) as running:
            running.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    yield f"http://127.0.0.1:{seen.pop()}", seen
    loop.call_soon_threadsafe(over.set)
    thread.join()


def written(tmp_path, notify, brokers="127.0.0.1:1"):
    path = tmp_path / "floodmark.yaml"
    path.write_text(json.dumps({"kafka": {"brokers": [brokers]}, "notify": notify}))
    return path


def targets(url):
    hook = {"headers": {"X-Token": SECRET}}
    return {"well": {"webhook": {"url": f"{url}/well", **hook}}, "ill": {"webhook": {"url": f"{url}/ill", **hook}}}


def test_a_config_without_notify_is_not_for_it(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text("logging: {format: text}\n")
    for command in ([], ["test"], ["deliveries"]):
        called = call("notify", *command, "--config", path)
        assert called.exit_code == 1
        assert "it has no `notify`" in called.output


def test_an_example_is_sent_and_resolved_and_what_came_of_it_is_said_without_secrets(tmp_path, server):
    url, seen = server
    route = {"name": "night", "targets": ["well"]}
    path = written(tmp_path, {"targets": targets(url), "routes": [route]})
    both = call("notify", "test", "--config", path)
    assert both.exit_code == 1
    lines = [line.split() for line in both.output.splitlines() if line.startswith(("well", "ill"))]
    assert [line[:3] for line in lines] == [["well", "open", "delivered"], ["well", "resolve", "delivered"], ["ill", "open", "not"]]  # fmt: skip  # noqa: E501
    assert "status 400: no such channel; you sent ***" in both.output
    assert SECRET not in both.output
    assert url not in both.output
    told = [each["data"] for each in seen]
    assert [each["event"] for each in told] == ["open", "resolve", "open"]
    assert all(each["test"] for each in told)
    assert len({each["id"] for each in seen}) == 3
    assert told[0]["key"] == told[1]["key"] != told[2]["key"]
    assert call("notify", "test", "--route", "night", "--config", path).exit_code == 0
    assert call("notify", "test", "--target", "well", "--config", path).exit_code == 0


def test_a_target_and_a_route_that_are_not_there_are_said_with_what_is(tmp_path):
    path = written(tmp_path, {"targets": targets("http://127.0.0.1:1"), "routes": [{"targets": ["well"]}]})
    assert "there is well, ill" in call("notify", "test", "--target", "wel", "--config", path).output
    assert "there is default" in call("notify", "test", "--route", "x", "--config", path).output


def test_a_dry_run_says_who_would_have_been_told_when_and_why(tmp_path):
    def incident(revision, event, minute, severity="error"):
        at = NOW + timedelta(minutes=minute)
        return Incident(
            id="inc-1", event=event, revision=revision, scope="", severity=severity, title="cart is slow", why="",
            started_at=NOW, updated_at=at, resolved_at=at if event == "resolved" else None, resolution="", causes=[],
            entities=["cart"], member_count=1, members=[], changes=[], watermark=at,
        )  # fmt: skip

    told = [incident(1, "opened", 0), incident(2, "updated", 5, "critical"), incident(3, "resolved", 20)]
    saved = tmp_path / "incidents.jsonl"
    saved.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in told))
    path = written(tmp_path, {"targets": targets("http://127.0.0.1:1"), "routes": [{"targets": ["well", "ill"]}]})
    ran = call("notify", "dry-run", saved, "--config", path)
    assert ran.exit_code == 0, ran.output
    lines = [line.split() for line in ran.output.splitlines() if "inc-1" in line]
    assert [line[1] for line in lines if line[2] == "well"] == ["12:00:30", "12:05:00", "12:20:00"]
    assert "severity rose from error to critical" in ran.output
    assert [" ".join(line[-3:]) == "cart is slow" for line in lines if line[2] == "well"] == [True, False, False]
    found = [
        json.loads(line) for line in call("notify", "dry-run", saved, "--json", "--config", path).stdout.splitlines()
    ]
    assert [(each["target"], each["message"]["event"]) for each in found if each["target"] == "well"] == [
        ("well", "open"), ("well", "update"), ("well", "resolve")
    ]  # fmt: skip
    saved.write_text('{"id": 1}\n')
    ran = call("notify", "dry-run", saved, "--config", path)
    assert ran.exit_code == 1
    assert f"{saved}:1: this is no incident" in ran.output


def delivery(target, key, result, **more):
    return Delivery(target=target, key=key, id=f"{key}/1/{target}", event="open", result=result, at=NOW, **more)


async def publish(brokers, topic, records):
    producer = AIOKafkaProducer(bootstrap_servers=brokers)
    await producer.start()
    for key, value, headers in records:
        await producer.send_and_wait(topic, value, key, 0, headers=headers)
    await producer.stop()


def test_what_was_not_delivered_is_listed_with_its_reason(tmp_path):
    def record(each):
        output = encode(each, source="notify", key=each.key)
        return f"{each.target}|{each.key}".encode(), output.value, list(output.headers)

    records = [
        record(delivery("slack", "inc-1", "waiting", attempts=1, due=NOW, reason="status 503")),
        record(delivery("slack", "inc-1", "delivered", attempts=2)),
        record(delivery("slack", "inc-2", "waiting", attempts=3, due=NOW + timedelta(minutes=1), reason="no answer")),
        record(delivery("pager", "inc-2", "refused", attempts=1, reason="status 400: bad key\x1b[31m")),
        record(delivery("pager", "inc-3", "dead", attempts=90, reason="connection refused")),
        record(delivery("pager", "inc-4", "dead")),
        (b"pager|inc-4", None, []),
        (b"case|inc-2", b"{}", [("ce_type", b"dev.floodmark.notify-case.v1")]),
        (b"x|y", b"{", [("ce_type", b"dev.floodmark.delivery.v1")]),
    ]
    with EmbeddedBroker() as broker:
        path = written(
            tmp_path, {"targets": targets("http://127.0.0.1:1"), "routes": [{"targets": ["well"]}]}, broker.bootstrap
        )
        asyncio.run(publish(broker.bootstrap, "floodmark.deliveries", records))
        listed = call("notify", "deliveries", "--config", path)
        failed = call("notify", "deliveries", "--failed", "--json", "--config", path)
        everything = call("notify", "deliveries", "--all", "--config", path)
    assert listed.exit_code == 0
    assert "inc-1" not in listed.output
    assert "inc-4" not in listed.output
    for words in ("no answer", "12:01:00", "bad key", "connection refused", "is no delivery"):
        assert words in listed.output
    assert "\x1b" not in listed.output
    found = [msgspec.json.decode(line, type=Delivery) for line in failed.output.splitlines() if line.startswith("{")]
    assert [(each.target, each.key) for each in found] == [("pager", "inc-2"), ("pager", "inc-3")]
    assert "delivered" in everything.output


def test_its_topics_are_made_with_the_others():
    def topics(**more):
        return _wanted(Config.model_validate(more), 4, 1, True)

    assert "floodmark.deliveries" not in topics()
    made = topics(notify={})
    assert made["floodmark.deliveries"].config["cleanup.policy"] == "compact"
    assert made["floodmark.deliveries"].partitions == 4
    assert "floodmark.model-requests" not in made
    assert "floodmark.model-requests" in topics(notify={"requests": [{"targets": ["x"]}]})


def test_the_doctor_says_what_was_given_up_in_the_last_day():
    old = delivery("pager", "inc-0", "dead")
    well = delivery("slack", "inc-1", "delivered")
    later = NOW + timedelta(hours=23)
    assert given_up([well, old], NOW + timedelta(days=2)).mark == "ok"
    found = given_up([well, old, delivery("pager", "inc-2", "refused")], later)
    assert (found.mark, found.words) == ("warning", "2 messages given up in the last day: pager (2)")
    found = given_up([well, delivery("slack", "inc-3", "waiting", attempts=2)], later)
    assert (found.mark, found.words) == ("warning", "1 message tried in vain so far: slack (1)")
