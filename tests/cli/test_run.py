"""`floodmark run` up to the engine: what it refuses, and what it starts with."""

import os
import subprocess
import sys

import orjson
import pytest
import structlog
from structlog.testing import capture_logs
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.runtime import RunError
from floodmark.runtime.workers import REFUSED

CONFIG = "inputs: [{topic: m, signal: metric}]\nhttp: {port: 65000}\nkafka: {instance_id: pod}\n"


@pytest.fixture
def call(tmp_path, monkeypatch):
    path = tmp_path / "floodmark.yaml"
    path.write_text(CONFIG)
    monkeypatch.setattr("floodmark.cli.run.log.configure", lambda *_: None)
    yield lambda *arguments: CliRunner().invoke(app, ["run", "-c", str(path), *arguments])
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def started(monkeypatch):
    """What the runtime was started with; it ends at once, by `started.error` if there is one."""

    class Started:
        error = None

        async def __call__(self, kafka, routes, topics, http, **_):
            self.kafka, self.http = kafka, http
            if self.error is not None:
                raise self.error

    monkeypatch.setattr("floodmark.runtime.run", Started())
    from floodmark import runtime

    return runtime.run


def test_one_process_has_the_config_as_it_is(call, started):
    assert call().exit_code == 0
    assert (started.http.port, started.kafka.instance_id) == (65000, "pod")


def test_what_stops_a_run_is_said(call, started):
    started.error = RunError("The topic is gone")
    with capture_logs() as logs:
        assert call().exit_code == 1
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("info", "series core loaded"),
        ("critical", "The topic is gone"),
    ]


def test_the_last_sentence_is_text_where_the_log_is(call, started, tmp_path):
    (tmp_path / "floodmark.yaml").write_text(CONFIG + "logging: {format: text}\n")
    started.error = RunError("The topic is gone")
    ran = call()
    assert (ran.exit_code, ran.stderr) == (1, "The topic is gone\n")


def test_the_last_line_of_a_json_log_is_json_also_after_a_bug(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text("inputs: [{topic: m, signal: metric}]\nhttp: {port: 0}\nstate: {store: /dev/null/x}\n")
    code = "from floodmark.cli import app; {}; app(['run', '-c', {!r}])"
    broken = "import floodmark.runtime; floodmark.runtime.run = None"
    for first, said in (("", "of state.store cannot be written"), (broken, "bug in Floodmark")):
        command = [sys.executable, "-c", code.format(first or "pass", str(path))]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        last = [orjson.loads(line) for line in ran.stderr.splitlines()][-1]
        assert (ran.returncode, said in last["event"]) == (1, True)
    assert "TypeError" in last["exception"]


def test_there_must_be_a_port_for_each_worker(call, tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(CONFIG.replace("65000", "65530"))
    with capture_logs() as logs:
        assert call("--workers", "7").exit_code == 1
    assert "65536" in logs[-1]["event"]


@pytest.fixture
def _parent(monkeypatch):
    """Standard input as a worker has it: a pipe that ends with the parent."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as end, os.fdopen(writing, "w"):
        monkeypatch.setattr("floodmark.runtime.workers.parent_pipe", end.fileno)
        yield


@pytest.mark.usefixtures("_parent")
def test_a_worker_has_its_own_port_and_names_and_refuses_with_its_own_code(call, started):
    started.error = RunError("The topic is gone")
    assert call("--worker", "2").exit_code == REFUSED
    assert (started.http.port, started.kafka.instance_id, started.kafka.client_id) == (65002, "pod-2", "floodmark-2")
