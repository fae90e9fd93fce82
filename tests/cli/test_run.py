"""`floodmark run` up to the engine: what it refuses, and what it starts with."""

import os

import pytest
import structlog
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
    ran = call()
    assert (ran.exit_code, ran.stderr) == (1, "The topic is gone\n")


def test_there_must_be_a_port_for_each_worker(call, tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(CONFIG.replace("65000", "65530"))
    ran = call("--workers", "7")
    assert ran.exit_code == 1
    assert "65536" in ran.stderr


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
