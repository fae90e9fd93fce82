"""`floodmark state list` and `diff` on a folder of snapshots: no broker is needed to look."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.config.models import Config, Input, State
from floodmark.flow.tasks import DetectTask
from floodmark.records import Record
from floodmark.runtime.snapshots import Snapshots

START = 1_700_006_400


def record(offset, value, host="a"):
    body = {"timestamp": START + 60 * offset, "name": "cpu", "value": value, "labels": {"host": host}}
    return Record("m", 0, offset, (START + 60 * offset) * 1000, None, json.dumps(body).encode())


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(
        json.dumps({"inputs": [{"topic": "m", "signal": "metric"}], "state": {"store": str(tmp_path / "s")}})
    )
    store = Snapshots(State(store=str(tmp_path / "s"), keep=9))
    task = DetectTask(Config(), Input(topic="m", signal="metric"), "m", 0, 1, None, {"m": 1}, None, None)

    async def save():
        task.process([record(n, 50 + n % 3) for n in range(60)])
        await store.save("floodmark-detect/m/0", 60, task.snapshot)
        task.process([record(n, 50 + n % 3, "b") for n in range(60, 90)] + [record(n, 900) for n in range(90, 95)])
        await store.save("floodmark-detect/m/0", 95, task.snapshot)
        await store.save("floodmark-correlate/a/0", 5, lambda: b"something")

    asyncio.run(save())
    return lambda *arguments: CliRunner().invoke(app, ["state", *arguments, "-c", str(path)])


def test_the_snapshots_are_listed_with_what_is_in_them(run):
    done = run("list", "--json")
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [(row["task"], row["offset"], row.get("series"), row.get("settings_differ")) for row in rows] == [
        ("floodmark-correlate/a/0", 5, None, None),
        ("floodmark-detect/m/0", 60, 1, []),
        ("floodmark-detect/m/0", 95, 2, []),
    ]
    assert "as now" in run("list", "--task", "m/0").output
    assert "series" in run("list", "--quick").output


def test_what_was_learned_between_two_is_said(run):
    done = run("diff", "m/0")
    assert done.exit_code == 0, done.output
    assert 'cpu{host="b"}' in done.output
    assert "an alarm is open" in done.output
    body = json.loads(run("diff", "m/0", "60", "95", "--json").output)
    assert body["came"] == ['cpu{host="b"}']
    assert body["settings"] == []


def test_what_is_not_there_is_said(run):
    assert "There is no snapshot of x/0" in run("diff", "x/0").output
    assert "There is no snapshot of floodmark-detect/m/0 at 7; there is at 60, 95" in run("diff", "m/0", "7").output
    assert "only one snapshot" in run("diff", "a/0").output
    assert "not of detection" in run("diff", "a/0", "5", "5").output
