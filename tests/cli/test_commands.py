"""The commands as an operator types them: what they print, where, and how they end."""

import csv
import gzip
import json
import os
import random
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from floodmark import __version__
from floodmark.cli import app

START = 1_700_006_400


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setattr("floodmark.cli.speaking.out.width", 100)
    monkeypatch.setattr("floodmark.cli.speaking.err.width", 100)
    monkeypatch.setenv("COLUMNS", "100")


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write_csv(path, header, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def latency(fault=range(400, 420)):
    draw = random.Random(1)
    return [draw.gauss(50, 2) * (3 if i in fault else 1) for i in range(600)]


@pytest.fixture
def series(tmp_path):
    rows = [(START + 60 * i, value, "cart") for i, value in enumerate(latency())]
    return write_csv(tmp_path / "latency.csv", ("timestamp", "value", "service"), rows)


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("run",),
        ("demo",),
        ("check",),
        ("replay",),
        ("backtest",),
        ("explain",),
        ("doctor",),
        ("init",),
        ("incidents",),
        ("incidents", "show"),
        ("incidents", "tail"),
        ("top",),
        ("schemas",),
        ("topics",),
        ("topics", "create"),
        ("dead-letters",),
        ("dead-letters", "show"),
        ("dead-letters", "retry"),
    ],
)
def test_every_command_has_help(command):
    ran = call(*command, "--help")
    assert ran.exit_code == 0
    assert "Usage" in ran.stdout
    assert len(ran.stdout.splitlines()) > 5


def test_version():
    assert call("--version").stdout == f"floodmark {__version__}\n"


GOOD = """\
inputs:
  - {topic: app-metrics, signal: metric}
  - {topic: deploys, signal: change}
detectors:
  - name: forest
    match: {name: queue_depth}
    model: river.anomaly.HalfSpaceTrees
    false_alarms: 2/week
"""

BAD = """\
kafka:
  broker: [localhost:9092]
inputs:
  - topic: metrics
    signal: metrix
correlate:
  hops: 12
"""


def test_check_shows_what_would_run(tmp_path):
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    ran = call("check", "-c", path)
    assert ran.exit_code == 0, ran.stderr
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert ["app-metrics", "metric", "(native)", "floodmark-detect"] in rows
    assert ["deploys", "change", "(native)", "floodmark-route"] in rows
    assert "river.anomaly.HalfSpaceTrees" in ran.stdout
    assert "2 a week" in ran.stdout
    assert call("check", "-q", "-c", path).stdout == ""


def test_check_shows_who_is_told_and_who_may_post(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(
        "inputs: [{topic: m, signal: metric}, {topic: deploys, signal: change}]\nnotify:\n"
        "  targets: {room: {webhook: {url: 'http://127.0.0.1:1'}}}\n  chains: {all: {steps: [{notify: [room]}]}}\n"
        "  routes:\n    - {name: '[x]', match: {service: [cart, web]}, severity: error, targets: [room], chain: all}\n"
        "    - {name: rest, targets: [room]}\n"
        "gateway: {host: '::1', sources: {ci: {kind: generic, topic: deploys, secret: x}}}\n"
    )
    ran = call("check", "-c", path)
    assert ran.exit_code == 0, ran.stderr
    rows = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert "floodmark.deliveries what has come of telling people" in rows
    assert "[x] service=cart | web, error and worse room all, from error on" in rows
    assert "rest all room nobody" in rows
    assert "http://[::1]:9465/ci generic deploys" in rows


@pytest.mark.parametrize(
    ("correlate", "often"), [("", "once a week"), ("correlate: {false_incidents: 3/day}\n", "3 times a day")]
)
def test_check_says_what_the_budget_of_incidents_means(tmp_path, correlate, often):
    path = tmp_path / "floodmark.yaml"
    path.write_text(f"inputs: [{{topic: m, signal: metric}}]\ndetect: {{scope: [env]}}\n{correlate}")
    ran = call("check", "-c", path)
    assert ran.exit_code == 0
    said = " ".join(ran.stdout.split())
    assert f"Incidents of each scope (env): about {often} one may be no more than chance" in said
    assert "correlate.false_incidents" in said


def test_check_says_every_problem_with_its_place(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    ran = call("check", "-c", path)
    assert ran.exit_code == 1
    assert ran.stdout == ""
    lines = ran.stderr.splitlines()
    assert f"{path}:2:3: kafka: unknown key 'broker'; did you mean 'brokers'?" in lines
    assert any(line.startswith(f"{path}:5:13:") and "did you mean 'metric'" in line for line in lines)
    assert any(line.startswith(f"{path}:7:9:") for line in lines)
    assert lines[-1] == f"3 problems in {path}; nothing was started."


def test_a_config_that_is_not_there(tmp_path):
    ran = call("run", "-c", tmp_path / "none.yaml")
    assert ran.exit_code == 1
    assert "no such file" in ran.stderr


def test_run_with_no_inputs_says_so(tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text("kafka: {group: g}\n")
    ran = call("run", "-c", path)
    assert ran.exit_code == 1
    assert "inputs" in ran.stderr


def test_replay_of_a_series(series):
    ran = call("replay", series)
    assert ran.exit_code == 0, ran.stderr
    assert "cart" in ran.stdout
    assert "first cause: cart" in ran.stdout
    assert ran.stderr.splitlines()[0] == "600 metrics → 1 anomaly → 1 incident"


def test_replay_of_wide_csv_makes_a_series_of_each_column(tmp_path):
    draw = random.Random(2)
    rows = [(START + 60 * i, value, draw.gauss(10, 0.1)) for i, value in enumerate(latency())]
    path = write_csv(tmp_path / "host.csv", ("time", "cpu", "memory"), rows)
    ran = call("replay", path, "--anomalies", "-")
    assert ran.exit_code == 0, ran.stderr
    assert {json.loads(line)["name"] for line in ran.stdout.splitlines()} == {"cpu"}
    assert "1,200 metrics" in ran.stderr


def test_replay_of_mixed_jsonl_in_gzip(tmp_path):
    path = tmp_path / "mixed.jsonl.gz"
    labels = {"service": "cart"}
    events = []
    for i, value in enumerate(latency()):
        now = START + 60 * i
        events.append({"timestamp": now, "name": "latency_ms", "value": value, "labels": labels})
        events.append({"timestamp": now + 1, "body": f"served order {i}", "labels": labels})
    events.insert(796, {"timestamp": START + 60 * 398, "service": "cart", "kind": "deploy", "summary": "v42"})
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)
    config = tmp_path / "floodmark.yaml"
    config.write_text("correlate: {false_incidents: 1/day}\n")
    ran = call("replay", path, "-c", config, "--incidents", "-")
    assert ran.exit_code == 0, ran.stderr
    revisions = [json.loads(line) for line in ran.stdout.splitlines()]  # nothing but JSON lines on standard output
    assert revisions[-1]["event"] == "resolved"
    assert revisions[-1]["changes"][0]["summary"] == "v42"
    assert "600 metrics, 600 logs" in ran.stderr


def test_replay_of_logs_in_a_csv(tmp_path):
    rows = [("081109", f"{i // 3600:02}{i // 60 % 60:02}{i % 60:02}", "INFO", f"took block {i}") for i in range(100)]
    path = write_csv(tmp_path / "app.csv", ("Date", "Time", "Level", "Content"), rows)
    ran = call(
        "replay", path, "--time", "{Date} {Time}", "--time-format", "%y%m%d %H%M%S", "--body", "{Content}",
        "--severity", "{Level}", "--label", "service=dfs", "--templates",
    )  # fmt: skip
    assert ran.exit_code == 0, ran.stderr
    assert ["dfs", "100", "took", "block", "<*>"] in [line.split() for line in ran.stdout.splitlines()]
    assert "100 logs" in ran.stderr


def test_replay_counts_what_it_refuses(tmp_path):
    path = tmp_path / "events.jsonl"
    good = {"timestamp": START, "name": "cpu", "value": 1}
    path.write_text(json.dumps(good) + "\n" + json.dumps({**good, "timestamp": "yesterday"}) + "\n")
    ran = call("replay", path)
    assert ran.exit_code == 0
    (said,) = [line for line in ran.stderr.splitlines() if "refused" in line]
    assert ": 1; first at " in said
    assert f"{path}:2" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--time", "{when}"), "no column 'when' (for time); it has: timestamp, value, service"),
        (("--signal", "metrics"), "it is one of metric, log"),
    ],
)
def test_replay_explains_wrong_options(series, arguments, said):
    ran = call("replay", series, *arguments)
    assert ran.exit_code == 1
    assert said in ran.stderr


def test_replay_explains_a_file_of_another_kind(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    ran = call("replay", path)
    assert ran.exit_code == 1
    assert "only .csv and .jsonl" in ran.stderr


def test_replay_of_a_dump_is_as_the_config_says(tmp_path):
    config = tmp_path / "floodmark.yaml"
    config.write_text(
        "inputs:\n  - {topic: plant, signal: metric, format: collectd_json}\n  - {topic: l, signal: log}\n"
    )
    path = tmp_path / "plant.txt"
    values = {
        "dstypes": ["gauge"],
        "dsnames": ["value"],
        "interval": 60,
        "host": "h",
        "plugin": "load",
        "type": "gauge",
    }
    messages = [[{**values, "values": [v], "time": START + 60 * i}] for i, v in enumerate(latency())]
    path.write_text("".join(json.dumps(each) + "\n" for each in messages) + "oops\n")
    ran = call("replay", path, "-c", config, "--input", "plant")
    assert ran.exit_code == 0, ran.stderr
    assert "600 metrics → 1 anomaly → 1 incident" in ran.stderr
    assert f"refused, not_json: 1; first at {path}:601" in ran.stderr
    assert "load_gauge" in call("backtest", path, "--format", "collectd_json").stdout
    ran = call("replay", path, "-c", config, "--input", "plants")
    assert (ran.exit_code, "it has plant, l" in ran.stderr) == (1, True)
    ran = call("replay", path, "-c", config)
    assert (ran.exit_code, "looks like collectd_json (metrics): give --input plant" in ran.stderr) == (1, True)


def test_replay_from_a_topic_needs_to_know_since_when(tmp_path):
    ran = call("replay", "--topic", "plant")
    assert (ran.exit_code, "give --from, for example --from 2h" in " ".join(ran.stderr.lower().split())) == (2, True)
    ran = call("replay", "--from", "2 moons")
    assert (ran.exit_code, "neither a duration such as 2h nor a time" in ran.stderr) == (2, True)


def test_in_a_pipe_nothing_is_cut(tmp_path):
    config = tmp_path / "floodmark.yaml"
    config.write_text(f"inputs: [{{topic: {'long-' * 40}name, signal: metric}}]\n")
    bare = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-m", "floodmark", "check", "-c", config]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=bare).stdout
    assert f"{'long-' * 40}name" in said
    assert all(line == line.rstrip() for line in said.splitlines())


def test_schemas_that_were_written_pass_and_changed_ones_do_not(tmp_path):
    assert call("schemas", "--write", tmp_path).exit_code == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.schema.json", "incident.schema.json", "input-metric.schema.json"} <= names
    assert call("schemas", "--check", tmp_path).exit_code == 0
    (tmp_path / "incident.schema.json").write_text("{}")
    (tmp_path / "stranger.json").write_text("{}")
    ran = call("schemas", "--check", tmp_path)
    assert ran.exit_code == 1
    assert "incident.schema.json, stranger.json" in ran.stderr
    assert "config.schema.json" not in ran.stderr
