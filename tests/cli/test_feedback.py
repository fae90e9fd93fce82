"""`floodmark feedback` up to the broker, and `replay --feedback`: what is refused, and what a file of verdicts does."""

import json
import random
from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.cli.feedback import canonical

START = 1_700_006_400
KEY = 'latency{service="cart"}'


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text("inputs: [{topic: m, signal: metric}]\nfeedback: {}\nkafka: {brokers: ['127.0.0.1:1']}\n")
    return path


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
    said = call("feedback", "not-an-anomaly", "-c", config, "--by", "ann", "--reason", "backup", *arguments)
    assert said.exit_code == code
    assert words in said.stderr


def test_who_says_it_and_why_must_be_said(config):
    assert call("feedback", "not-an-anomaly", "-c", config, "--series", KEY, "--reason", "r").exit_code == 2
    assert call("feedback", "not-an-anomaly", "-c", config, "--series", KEY, "--by", "ann").exit_code == 2
    assert call("feedback", "undo", "x", "-c", config, "--by", " ").exit_code != 0


def test_without_a_topic_there_is_nothing_to_say_it_to(config):
    config.write_text("inputs: [{topic: m, signal: metric}]\n")
    for command in (("list",), ("undo", "x", "--by", "ann")):
        said = call("feedback", *command, "-c", config)
        assert (said.exit_code, "The config has no `feedback`" in said.stderr) == (1, True)


def test_a_file_of_verdicts_is_replayed(tmp_path):
    draw = random.Random(1)
    points, heard, out = tmp_path / "points.jsonl", tmp_path / "said.jsonl", tmp_path / "out.jsonl"
    with points.open("w") as file:
        for i in range(800):
            value = 115.0 if i == 600 else draw.gauss(100, 3)
            point = {"timestamp": START + 60 * i, "name": "latency", "value": value, "labels": {"service": "cart"}}
            file.write(json.dumps(point) + "\n")
    verdict = {"id": "a", "verdict": "not_anomaly", "series": KEY, "by": "ann"}
    verdict["at"] = datetime.fromtimestamp(START, UTC).isoformat()
    heard.write_text(f"\n{json.dumps(verdict)}\nnonsense\n")

    plain = call("replay", points, "--anomalies", out)
    assert (plain.exit_code, len(out.read_text().splitlines())) == (0, 2)  # opened, and closed
    calm = call("replay", points, "--anomalies", out, "--feedback", heard)
    assert (calm.exit_code, out.read_text()) == (0, "")
    assert f"{heard}:3: JSON is malformed" in calm.stderr
    assert "held feedback: 1" in calm.stderr
