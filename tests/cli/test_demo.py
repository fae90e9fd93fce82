"""What `floodmark demo` makes of a run: its exit status and last sentence. The run itself is `benchmarks/demo.py`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

pytest.importorskip("confluent_kafka")

from floodmark.alerts import utc
from floodmark.cli import app
from floodmark.cli import demo as command
from floodmark.events import encode
from floodmark.simulate.shop import Shop

from ..simulate.builders import incident  # noqa: TID252 - incidents made by hand are made there


def ran(monkeypatch, whole, incidents=(), *arguments):
    """The command where the run has given `incidents`, and was `whole` or not."""

    async def run(bootstrap, shop, watcher, display, stop):
        for one in incidents:
            watcher.see(encode(one, source="floodmark.anomalies/0", key=one.id))
        return command._Ran(1000, 1.0, whole)

    monkeypatch.setattr(command, "_run_shop", run)
    monkeypatch.setattr(command.Watcher, "reached", property(lambda watcher: Shop(7, days=1).end))
    return CliRunner().invoke(app, ["demo", "--days", "1", *arguments])


def test_to_have_found_nothing_is_a_failure(monkeypatch):
    result = ran(monkeypatch, True)
    assert result.exit_code == 1
    assert "Scoreboard" in result.stdout
    assert "None of the 4 injected faults was found" in result.stderr


def test_to_have_found_something_is_not(monkeypatch, tmp_path):
    fault = Shop(7, days=1).faults[0]
    found = incident("1", start=fault.start + 30, entities=[fault.service])
    after = incident("2", start=fault.start + 30, at=Shop(7, days=1).end - 1, entities=[fault.service])
    file = tmp_path / "incidents.jsonl"
    result = ran(monkeypatch, True, [found, after], "--save", str(file))
    assert result.exit_code == 0
    assert len(file.read_bytes().splitlines()) == 1  # what comes in the last minutes depends on how long one waits
    assert f"{utc(found.updated_at.timestamp()):%a %H:%M}" in result.stdout


def test_a_run_that_was_cut_short_is_a_failure(monkeypatch):
    result = ran(monkeypatch, False)
    assert result.exit_code == 1
    assert "Stopped at Tue" in result.stderr
    assert "Scoreboard" not in result.stdout
