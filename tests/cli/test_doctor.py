"""`floodmark doctor` and `floodmark init` where there is no Kafka: what they say all the same, and how they end."""

import json

import pytest
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.cli.doctor import report
from floodmark.diagnose.finding import Finding

NOWHERE = "127.0.0.1:1"


def call(*arguments, **environ):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "100", **environ})


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(
        f"kafka: {{brokers: ['{NOWHERE}']}}\ninputs: [{{topic: a, signal: log}}]\n"
        f"state: {{store: {tmp_path / 'state'}}}\nhttp: {{enabled: false}}\n"
    )
    return path


def test_without_kafka_the_rest_is_looked_at(config):
    ran = call("doctor", "-c", config, "--timeout", "2")
    assert ran.exit_code == 1
    assert f"problem  brokers  Kafka is not reachable at {NOWHERE}: connection refused" in ran.stdout
    assert "unknown  topics  could not be looked at" in ran.stdout
    assert "does not exist yet, and can be made" in ran.stdout
    assert "cannot be asked: http.enabled is false" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "1 problem, 0 warnings, 1 ok, 4 could not be looked at."
    assert "\x1b" not in ran.stdout


def test_as_json(config):
    ran = call("doctor", "-c", config, "--timeout", "2", "--json")
    said = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert (said["problem"], said["ok"]) == (1, 1)
    assert said["findings"][0]["part"] == "Kafka"
    assert set(said["findings"][0]) == {"part", "mark", "where", "words", "todo"}


def test_what_a_producer_wrote_is_no_markup(capsys):
    report([Finding("inputs", "warning", "[red]t", "[bold]x", "[link=y]do", ("[/]more",))], quiet=False)
    assert "[red]t  [bold]x" in capsys.readouterr().out


def test_a_config_that_is_not_there_says_how_to_get_one(tmp_path):
    ran = call("doctor", "-c", tmp_path / "none.yaml")
    assert ran.exit_code == 1
    assert "`floodmark init` writes one" in " ".join(ran.stderr.split())


def test_a_template_that_is_right(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("init").exit_code == 0
    assert call("check").exit_code == 0
    again = call("init")
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert call("init", "--force").exit_code == 0
    assert call("init", "--out", "-").stdout == (tmp_path / "floodmark.yaml").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--brokers", NOWHERE, "--timeout", "2"), "connection refused"),
        (("--brokers", "http://a:9092"), "write a:9092"),
        (("--brokers", "a:9092", "--protocol", "TLS"), "write SSL"),
        (("--brokers", "a:9092", "--password", "hunter2"), "says where the password is"),
        (("--brokers", "a:9092", "--password", "${NO_SUCH_VARIABLE}", "--protocol", "SASL_SSL"), "NO_SUCH_VARIABLE"),
    ],
)
def test_init_that_cannot_begin_says_why_and_writes_nothing(tmp_path, options, words):
    ran = call("init", "--out", tmp_path / "f.yaml", *options)
    assert ran.exit_code in (1, 2)
    assert words in " ".join(ran.stderr.split())
    assert "hunter2" not in ran.output
    assert not (tmp_path / "f.yaml").exists()
