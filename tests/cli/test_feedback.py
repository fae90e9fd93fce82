"""`floodmark feedback` and `replay --feedback`: what is refused, what is kept, and what a file of verdicts does."""

import asyncio
import json
import random
from datetime import UTC, datetime

import msgspec
import pytest
import typer
from aiokafka import AIOKafkaProducer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from floodmark.alerts import Anomaly, Evidence
from floodmark.cli import app
from floodmark.cli.feedback import canonical
from floodmark.cli.speaking import out
from floodmark.cli.topics import _wanted
from floodmark.cli.verdicts import read_verdicts
from floodmark.config.models import Config
from floodmark.detect.series import series_key
from floodmark.runtime.embedded import EmbeddedBroker

START = 1_700_006_400
KEY = 'latency{service="cart"}'


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setattr(out, "width", 200)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text("inputs: [{topic: m, signal: metric}]\nfeedback: {}\nkafka: {brokers: ['127.0.0.1:1']}\n")
    return path


def anomaly(head):
    time = datetime.fromtimestamp(START, UTC)
    found = Anomaly(
        id="ano-7", event="opened", series="latency", name="latency", labels={}, entity="", scope="default",
        signal="metric", detector="default", head=head, severity="warning", p_value=1e-6, direction="down",
        observed=1.0, expected=2.0, low=None, high=None, unit="", started_at=time, updated_at=time, ended_at=None,
        summary="", evidence=Evidence(),
    )  # fmt: skip
    return msgspec.json.encode(found)


@pytest.fixture
def broker(tmp_path):
    """A config whose broker has the topics: one record that is no feedback, and no anomalies."""
    with EmbeddedBroker() as embedded:

        async def send():
            async with AIOKafkaProducer(bootstrap_servers=embedded.bootstrap) as producer:
                await producer.send_and_wait("floodmark.feedback", b"nonsense", partition=0)

        asyncio.run(send())
        path = tmp_path / "floodmark.yaml"
        path.write_text(f"feedback: {{}}\nkafka: {{brokers: ['{embedded.bootstrap}']}}\n")
        yield path


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("latency", "latency"),
        (KEY, KEY),
        ('a{b_c="1",b="x,\\"y",b-c=""}', 'a{b="x,\\"y",b-c="",b_c="1"}'),
    ],
)
def test_the_labels_of_a_key_may_come_in_any_order(written, meant):
    assert canonical(written) == meant


@given(st.dictionaries(st.text("ab_c-.", min_size=1), st.text('x",\\{}=')), st.randoms(use_true_random=False))
def test_it_is_the_key_that_the_engine_has(labels, draw):
    pairs = draw.sample(list(labels.items()), len(labels))
    written = ",".join(series_key("", {name: value})[1:-1] for name, value in pairs)
    assert canonical(f"m{{{written}}}" if labels else "m") == series_key("m", labels)


@pytest.mark.parametrize("written", ["", "latency{", "latency{service=cart}", 'latency{service="cart"', '{a="b"}'])
def test_what_is_no_key_is_refused(written):
    with pytest.raises(typer.Exit) as refusal:
        canonical(written)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "--series KEY or --anomaly ID"),
        (("--series", KEY, "--anomaly", "ano-1"), 2, "--series KEY or --anomaly ID"),
        (("--series", "latency{a=b}"), 2, "write it as anomalies have it"),
        (("--series", KEY, "--direction", "none"), 2, "none"),
        (("--series", KEY), 1, "Kafka is not reachable at 127.0.0.1:1"),
        (("--anomaly", "ano-1"), 1, "Kafka is not reachable at 127.0.0.1:1"),
    ],
)
def test_what_cannot_be_said_is_a_sentence(config, arguments, code, words):
    said = call("feedback", "not-anomaly", "-c", config, "--by", "ann", "--reason", "backup", *arguments)
    assert said.exit_code == code
    assert words in said.stderr


def test_who_says_it_and_why_must_be_said(config):
    assert call("feedback", "not-anomaly", "-c", config, "--series", KEY, "--reason", "r").exit_code == 2
    assert call("feedback", "not-anomaly", "-c", config, "--series", KEY, "--by", "ann").exit_code == 2
    assert call("feedback", "undo", "x", "-c", config, "--by", " ").exit_code != 0


def test_without_a_topic_there_is_nothing_to_say_it_to(config):
    config.write_text("inputs: [{topic: m, signal: metric}]\n")
    for command in (("list",), ("undo", "x", "--by", "ann")):
        said = call("feedback", *command, "-c", config)
        assert (said.exit_code, "The config has no `feedback`" in said.stderr) == (1, True)


def test_what_would_not_be_read_is_not_written(broker):
    said = call("feedback", "not-anomaly", "-c", broker, "--series", KEY, "--by", "ann", "--reason", "x" * 3000)
    assert (said.exit_code, "The verdict would not be read" in said.stderr) == (2, True)


def test_what_is_said_is_listed_undone_and_replayed(broker, tmp_path):
    by = ("-c", broker, "--by")
    said = call("feedback", "not-anomaly", *by, "ann", "--series", KEY, "--direction", "up", "--reason", "backup")
    assert (said.exit_code, f"{KEY} (up) is calmer from" in said.stdout) == (0, True)
    assert "floodmark.feedback/0@0: JSON is malformed" in said.stderr
    (line,) = call("feedback", "list", "-c", broker, "--json").stdout.splitlines()
    assert json.loads(line).items() >= {"series": KEY, "direction": "up", "by": "ann"}.items()
    id = json.loads(line)["id"]
    listed = call("feedback", "list", "-c", broker).stdout
    assert all(word in listed for word in (id, "ann", "backup", "yes"))

    assert call("feedback", "undo", "nothing", *by, "bob").exit_code == 1
    undone = call("feedback", "undo", id, *by, "bob", "--reason", "it was one")
    assert (undone.exit_code, "is less calm again from" in undone.stdout) == (0, True)
    assert "It is undone already, by bob" in call("feedback", "undo", id, *by, "ann").stderr
    assert "Nothing stands." in call("feedback", "list", "-c", broker).stdout
    assert "undone by bob" in call("feedback", "list", "--all", "-c", broker).stdout
    heard = tmp_path / "said.jsonl"
    heard.write_text(call("feedback", "list", "--json", "-c", broker).stdout)
    assert [json.loads(line)["verdict"] for line in heard.read_text().splitlines()] == ["not_anomaly", "undo"]
    feedback = read_verdicts(heard, Config())
    assert (feedback.standing, len(list(feedback.verdicts()))) == (0, 2)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (anomaly("forecast"), 0, "latency (down) is calmer from"),
        (anomaly("stale"), 1, "was silent, which feedback does not change"),
        (b"{}", 1, "is no anomaly"),
        (None, 1, "No anomaly ano-7"),
    ],
)
def test_an_anomaly_is_meant_by_its_id(broker, monkeypatch, body, code, words):
    async def find(*_):
        return body

    monkeypatch.setattr("floodmark.cli.feedback.find_anomaly", find)
    said = call("feedback", "not-anomaly", "-c", broker, "--by", "ann", "--reason", "r", "--anomaly", "ano-7")
    assert (said.exit_code, words in said.output) == (code, True)


def test_the_topic_has_one_partition_and_loses_nothing():
    wanted = _wanted(Config.model_validate({"feedback": {}}), 4, 3, inputs=True)["floodmark.feedback"]
    assert (wanted.partitions, wanted.replication, wanted.config["retention.ms"]) == (1, 3, "-1")
    assert "floodmark.feedback" not in _wanted(Config(), 4, 3, inputs=True)


def test_a_file_of_verdicts_is_replayed(tmp_path):
    draw = random.Random(1)
    points, heard, found = tmp_path / "points.jsonl", tmp_path / "said.jsonl", tmp_path / "found.jsonl"
    with points.open("w") as file:
        for i in range(800):
            value = 115.0 if i == 600 else draw.gauss(100, 3)
            point = {"timestamp": START + 60 * i, "name": "latency", "value": value, "labels": {"service": "cart"}}
            file.write(json.dumps(point) + "\n")
    verdict = {"id": "a", "verdict": "not_anomaly", "series": KEY, "by": "ann"}
    verdict["at"] = datetime.fromtimestamp(START, UTC).isoformat()
    heard.write_text(f"\n{json.dumps(verdict)}\nnonsense\n")

    plain = call("replay", points, "--anomalies", found)
    assert (plain.exit_code, len(found.read_text().splitlines())) == (0, 2)  # opened, and closed
    calm = call("replay", points, "--anomalies", found, "--feedback", heard)
    assert (calm.exit_code, found.read_text()) == (0, "")
    assert f"{heard}:3: JSON is malformed" in calm.stderr
    assert "held feedback: 1" in calm.stderr
