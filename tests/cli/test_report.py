"""`floodmark report` and `floodmark incidents postmortem`: of saved lines, and of topics."""

import asyncio
import gzip
import json

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from floodmark.actions import Action
from floodmark.alerts import Anomaly, Evidence, Incident, Member, Point, utc
from floodmark.cli import app, incidents, report
from floodmark.config.loader import load
from floodmark.console.store import View
from floodmark.deliveries import Delivery
from floodmark.events import encode
from floodmark.records import Record
from floodmark.runtime import tailing
from floodmark.runtime.embedded import EmbeddedBroker

START = 1_763_892_000.0  # a Sunday, 2025-11-23 10:00 UTC
CONFIG = """kafka: {{brokers: ["{0}"]}}
inputs: [{{topic: telemetry, signal: metric, format: native}}]
actions: {{}}
notify:
  targets: {{mail: {{webhook: {{url: "http://127.0.0.1:9/"}}}}}}
  people: {{ann: {{targets: [mail], timezone: Europe/Berlin}}}}
  routes: [{{targets: [mail]}}]
console: {{store: "{1}/view.db"}}
"""


def revisions(id="inc-1"):
    member = Member(
        id="ano-1", entity="cart", signal="metric", series="latency_ms", head="range", direction="up",
        started_at=utc(START), ended_at=None, p_value=0.01, severity="error", summary="slow", why="first",
    )  # fmt: skip
    first = Incident(
        id=id, event="opened", revision=1, scope="", severity="error", title="cart is slow", why="", resolution="",
        started_at=utc(START), updated_at=utc(START), resolved_at=None, entities=["cart"], member_count=1,
        members=[member], causes=[], changes=[],
    )  # fmt: skip
    end = utc(START + 3600)
    changes = {"event": "resolved", "revision": 2, "updated_at": end, "resolved_at": end}
    return [first, msgspec.structs.replace(first, **changes)]


ACK = Action(id="act-1", verb="ack", by="ann", at=utc(START + 600), incident="inc-1", seen=1)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "saved.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in [*revisions(), *revisions("inc-2"), ACK]))
    return path


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """The config of a cluster in which an incident was told, taken, and told to somebody at night."""

    async def write(servers):
        anomaly = Anomaly(
            id="ano-1", event="opened", scope="", entity="cart", signal="metric", series="latency_ms",
            name="latency_ms",
            labels={}, unit="ms", started_at=utc(START), updated_at=utc(START), ended_at=None, head="range",
            direction="up", observed=9.0, expected=1.0, low=0.0, high=2.0, p_value=0.01, severity="error",
            summary="slow", detector="default",
            evidence=Evidence(points=[Point(START + n, float(n), None, None, None) for n in range(8)]),
        )  # fmt: skip
        sent = Delivery(
            target="mail", key="inc-1", id="m", event="opened", result="delivered", at=utc(START + 13 * 3600)
        )
        async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
            for body in (*revisions(), anomaly, ACK, sent):
                told = encode(body, source="t/0", key="k")
                headers = list(told.headers)
                await producer.send_and_wait(
                    f"floodmark.{told.stream}", told.value, b"k", headers=headers, timestamp_ms=int(START * 1000)
                )
            await producer.send_and_wait("floodmark.alerts", b"no event of ours", timestamp_ms=int(START * 1000))

    with EmbeddedBroker() as broker:
        asyncio.run(write(broker.bootstrap))
        path = tmp_path_factory.mktemp("report") / "floodmark.yaml"
        path.write_text(CONFIG.format(broker.bootstrap, path.parent))
        yield path


def test_saved_lines_are_a_report_of_their_newest_week(saved):
    done = call("report", "--source", saved)
    assert done.exit_code == 0, done.output
    assert "week 47 of 2025" in done.stdout
    assert "2 incidents began" in done.stdout
    assert "| until somebody took it | 1 | 10 min |" in done.stdout


@pytest.mark.parametrize("audience", ["oncall", "ml", "business"])
def test_the_file_says_in_which_format(saved, tmp_path, audience):
    for name, begins in (("a.html", "<!doctype html>"), ("a.md", "# "), ("a.json", "{")):
        done = call("report", "--audience", audience, "--source", saved, "--out", tmp_path / name)
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_text().startswith(begins)
    assert json.loads((tmp_path / "a.json").read_text())["sections"]


def test_what_is_packed_is_read_and_what_is_no_body_is_told(saved, tmp_path):
    packed = tmp_path / "saved.jsonl.gz"
    packed.write_bytes(gzip.compress(saved.read_bytes() + b'{"a": 1}\nnothing\n[]\n\n'))
    done = call("report", "--source", packed)
    assert "2 incidents began" in done.stdout
    assert "saved.jsonl.gz:6 is left out: it is no incident" in done.stderr
    assert done.stderr.count("is left out") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--audience", "cats"), "--audience cats: it is one of oncall, ml, business."),
        (("--format", "pdf"), "--format pdf: it is one of html, md, json."),
        (("--week", "48"), "'48' is no week: write it like 2026-W48"),
        (("--source", "not/there.jsonl"), "not/there.jsonl"),
    ],
)
def test_what_cannot_be_is_a_sentence(saved, arguments, said):
    done = call("report", "--source", saved, *arguments)
    assert done.exit_code in (1, 2)
    assert said in done.stderr


@pytest.fixture
def since_ever(monkeypatch):
    """The broker of these tests finds no offset by time; so topics are read from their beginning."""
    monkeypatch.setattr(report, "held", lambda kafka, topic, since: tailing.held(kafka, topic, 0.0))
    monkeypatch.setattr(
        incidents, "said_of", lambda kafka, topic, wanted, since, until: tailing.said_of(kafka, topic, wanted, 0.0)
    )


@pytest.mark.usefixtures("since_ever")
def test_topics_are_read_and_what_is_none_of_ours_is_passed_over(config):
    done = call("report", "--config", config, "--week", "2025-W47")
    assert done.exit_code == 0, done.output
    assert "1 incident began" in done.stdout
    assert "| until somebody took it | 1 | 10 min |" in done.stdout
    assert "| ann | Europe/Berlin | 1 | 1 |" in done.stdout  # 23:00 UTC is midnight there
    assert "floodmark.reports is not in this report" in done.stderr
    assert "No incident began" in call("report", "--config", config, "--week", "2025-W49").stdout


def test_the_view_of_a_console_goes_before_topics(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(CONFIG.format("127.0.0.1:1", tmp_path))  # where nobody would answer
    view = View(tmp_path / "view.db", load(path))
    told = [encode(each, source="t/0", key="k") for each in revisions()]
    view.take([
        Record("floodmark.alerts", 0, n, 0, b"k", each.value, tuple(each.headers)) for n, each in enumerate(told)
    ])  # fmt: skip
    view.close()
    done = call("report", "--config", path, "--week", "2025-W47")
    assert done.exit_code == 0, done.output
    assert "1 incident began" in done.stdout
    assert "from the console's view" in done.stderr


def test_a_post_mortem_of_saved_lines(saved, tmp_path):
    out = tmp_path / "it.html"
    assert call("incidents", "postmortem", "inc-1", "--source", saved, "--out", out).exit_code == 0
    assert "taken by ann 10 min after that" in out.read_text()
    several = call("incidents", "postmortem", "inc-", "--source", saved)
    assert several.exit_code == 1
    assert "means 2 incidents" in several.stderr


@pytest.mark.usefixtures("since_ever")
def test_a_post_mortem_of_topics_has_deliveries_and_points(config):
    done = call("incidents", "postmortem", "inc-1", "--config", config)
    assert done.exit_code == 0, done.output
    assert "delivered to mail (opened)" in done.stdout
    assert "▁▂▃▄▅▆▇█" in done.stdout
    assert "ack" in done.stdout
