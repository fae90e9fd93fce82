from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from floodmark.alerts import Anomaly, Incident
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.simulate import readings
from floodmark.simulate.readings import Facts
from floodmark.simulate.setups import LEARNING, machine_config

from .builders import incident
from .machines import START, Idle


def found(machine: Idle, seconds: float) -> tuple[list[Anomaly], list[Incident]]:
    """What the engine of `demo --live` tells of a machine."""
    flow = LocalFlow(machine_config())
    out = flow.process(machine.records(seconds))
    bodies = [msgspec.json.decode(o.value or b"", type=TYPES[event_type(o.headers) or ""]) for o in out]
    return [b for b in bodies if isinstance(b, Anomaly)], [b for b in bodies if isinstance(b, Incident)]


@pytest.mark.parametrize("seed", range(4))
def test_a_burn_and_a_step_of_an_idle_machine_are_an_incident_each(seed: int) -> None:
    """All cores busy for a minute, and two gibibytes more memory, after four and eight minutes."""
    _, incidents = found(Idle(seed, burn=(240, 300), step=(480, 900)), 660)
    opened = [i for i in incidents if i.event == "opened"]
    assert len(opened) == 2
    for one, at, words in zip(opened, (240, 480), ("CPU usage", "memory"), strict=True):
        assert at <= one.started_at.timestamp() - START <= at + 20
        assert at <= one.updated_at.timestamp() - START <= at + 20
        assert words in one.title
    assert [i.event for i in incidents if i.id == opened[0].id][-1] == "resolved"


@pytest.mark.parametrize("seed", range(100, 104))
def test_an_idle_machine_is_left_alone(seed: int) -> None:
    """Ten minutes after it has learned."""
    assert found(Idle(seed), LEARNING + 600) == ([], [])


def test_rows_are_what_a_person_knows() -> None:
    machine = Idle(1, burn=(2, 10))
    before, now = machine.events(0.0), machine.events(2.0)
    rows = {row.what: row.value for row in readings.rows(before, now)}
    assert rows.keys() == {"processor", "load", "memory", "disks", "network", "fullest disk", "busiest process"}
    assert rows["processor"].endswith("of 4 cores busy")
    assert rows["processor"].startswith(("98%", "99%", "100%"))
    assert "GiB available" in rows["memory"]
    assert rows["busiest process"] == "yes: 3.92 cores"
    assert rows["fullest disk"] == "40% of /"
    for rates in (rows["disks"], rows["network"]):
        assert rates.count("/s ") == 2


def test_a_first_reading_has_no_rates_and_none_no_rows() -> None:
    rows = {row.what: row.value for row in readings.rows([], Idle(1).events(0.0))}
    assert rows["disks"] == "0 B/s read, 0 B/s written"
    assert readings.rows([], []) == []


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1536, "1.5 KiB"), (2.0**31, "2.0 GiB"), (3e14, "273 TiB")]
)
def test_sizes(count: float, words: str) -> None:
    assert readings.size(count) == words


def shown(body: object, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(body)
    return out.getvalue()


FACTS = Facts(series=31, events=4210, anomalies=1, incidents=1, open=1, learning=START + 150)


def test_the_panel_marks_what_is_odd() -> None:
    machine = Idle(1, burn=(240, 300))
    anomalies, _ = found(machine, 260)
    rows = readings.rows([], Idle(1).events(0.0))
    text = shown(readings.panel(rows, anomalies[:1], FACTS, START + 250))
    (line,) = (line for line in text.splitlines() if line.startswith("processor"))
    assert line.rstrip().endswith("odd")
    assert f"odd: {anomalies[0].summary}"[:60] in text
    assert "watching · 31 series · 4,210 events" in text
    assert "learning until" in shown(readings.panel(rows, [], FACTS, START))
    assert "(odd)" in readings.plain(rows, anomalies[:1])
    assert "(odd)" not in readings.plain(rows, [])


def test_the_summary_says_when_and_how_long() -> None:
    told = [
        incident("1", start=0.0, title="box: cpu usage up"),
        incident("1", event="resolved", start=0.0, at=90.0, title="box: cpu usage up"),
        incident("2", start=300.0, title="box: memory used up \x1b[31m"),
        incident("3", event="merged", start=300.0, merged_into="2"),
    ]
    lines = readings.summary(FACTS, told, 600.0)
    assert lines[0] == "Watched for 10 min: 31 series, 4,210 events, 1 anomaly, 2 incidents."
    assert len(lines) == 3
    assert "for 90 s" in lines[1]
    assert lines[1].endswith("box: cpu usage up")
    assert "still open" in lines[2]
    assert "\x1b" not in lines[2]
