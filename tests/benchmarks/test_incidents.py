"""The benchmark of incidents: that what it detects is what the flow does, and that its figures are what they say."""

import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import deploys
import incidents
from attribution import TAIL, attribute
from detected import correlate, detect
from floodmark.alerts import Cause, Incident, Member, utc
from floodmark.events import TYPES, event_type
from floodmark.flow.local import LocalFlow
from floodmark.simulate.faults import DAY, HOUR, Fault
from floodmark.simulate.rollouts import Rollout
from floodmark.simulate.shop import Shop


def member(name, entity, at):
    return Member(
        id=name,
        entity=entity,
        signal="metric",
        series=f'latency{{service="{entity}"}}',
        head="forecast",
        direction="up",
        started_at=utc(at),
        ended_at=None,
        p_value=1e-6,
        severity="error",
        summary="Latency is high.",
        why="It is near.",
    )


def incident(name, at, *members, causes=(), into=None):
    return Incident(
        id=name,
        event="opened" if into is None else "merged",
        revision=1,
        scope="default",
        severity="error",
        title="Something is slow.",
        why="They began together.",
        started_at=utc(at),
        updated_at=utc(at + 60),
        resolved_at=None,
        resolution="",
        entities=sorted({entity for _, entity, _ in members}),
        member_count=len(members),
        members=[member(*each) for each in members],
        causes=[Cause(entity=cause, share=0.5, reason="It was first.", anomalies=[]) for cause in causes],
        changes=[],
        merged_into=into,
    )


def fault(name, service, start, end, peer=""):
    return Fault(name, "latency", service, start, end, "It is slow.", 3.0, peer)


FAULTS = [fault("F1", "a", 1000, 1300), fault("F2", "b", 1500, 1700, peer="c"), fault("F3", "d", 9000, 9300)]


def test_each_fault_in_one_incident_of_its_own_is_exactly_one():
    told = [
        incident("i1", 1010, ("m1", "a", 1010), ("m2", "e", 1200), causes=["a"]),
        incident("i2", 1520, ("m3", "b", 1520), causes=["c", "b"]),
    ]
    found = attribute(told, FAULTS)
    assert (found.faults, found.found, found.exactly_one, found.mixing, found.noise) == (3, 2, 2, 0, 0)
    assert found.first_cause == 2  # either end of a fault between two
    assert found.delays == [70.0, 80.0]


def test_an_incident_of_two_faults_mixes_and_neither_is_exactly_one():
    found = attribute([incident("i1", 1010, ("m1", "a", 1010), ("m2", "b", 1520))], FAULTS)
    assert (found.found, found.exactly_one, found.mixing) == (2, 0, 1)


def test_what_is_outside_every_fault_and_its_tail_is_noise():
    quiet = 1700 + TAIL
    found = attribute([incident("i1", quiet, ("m1", "a", quiet)), incident("i2", 500, ("m2", "a", 500))], FAULTS)
    assert (found.found, found.noise, found.incidents) == (0, 2, 2)
    assert attribute([incident("i1", quiet - 1, ("m1", "a", quiet - 1))], FAULTS).found == 1


def test_a_fault_owns_the_time_until_the_next_one_begins():
    found = attribute([incident("i1", 1499, ("m1", "a", 1499))], FAULTS)
    assert (found.found, found.delays) == (1, [559.0])


def test_merged_incidents_are_one_and_members_once_told_count():
    told = [
        incident("i1", 1010, ("m1", "a", 1010)),
        incident("i2", 1020, ("m2", "a", 1020)),
        incident("i1", 1030, ("m3", "a", 1030), causes=["a"]),
        incident("i2", 1040, into="i1"),
    ]
    found = attribute(told, FAULTS)
    assert (found.incidents, found.exactly_one, found.first_cause) == (1, 1, 1)


def test_seeds_and_budgets_are_read_as_a_person_writes_them():
    assert incidents.seeds("7-9,20") == [7, 8, 9, 20]
    assert incidents.words(incidents.budget("1/week")) == "1/week"
    assert incidents.words(incidents.budget("1/day")) == "1/day"


@pytest.fixture(scope="module")
def watched():
    shop = Shop(5, days=0.35, warmup=3 * HOUR, quiet=HOUR)
    return incidents.shop_system("small", shop, ("metrics", "changes"))


def test_what_is_detected_and_correlated_is_what_the_flow_says(watched, tmp_path):
    flow, outputs = LocalFlow(watched.config), []
    for record in watched.records():
        outputs += flow.process([record])
    outputs += flow.finish()
    whole = [
        msgspec.json.decode(output.value, type=Incident)
        for output in outputs
        if TYPES[event_type(output.headers) or ""] is Incident
    ]
    first = detect(watched, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    kept = detect(watched, tmp_path)
    assert kept.sent == first.sent
    assert kept.anomalies == first.anomalies > 0
    assert kept.events == first.events > 10_000
    assert correlate(watched, kept) == whole
    assert whole


def test_the_table_has_a_cell_for_each_heading(watched):
    nothing = attribute([], watched.faults)
    for placed in (None, incidents.scoreboard([], 0, 0, watched.faults, watched.depends_on)):
        figures = incidents.Figures("small", 1 / DAY, 0.35, placed, nothing, 0, 0.0)
        assert incidents.row(figures).count("|") == incidents.HEAD.count("|")
        assert "found 0" in " ".join(incidents.totals([figures]))


def test_a_false_incident_is_put_beside_the_change_that_it_follows():
    changes = [Rollout(1000.0, "a", "rolling", True), Rollout(1600.0, "b", "setting", False)]
    one = incident("i1", 1100, ("m1", "a", 1100))
    assert deploys.after(one, changes) == changes[0]
    assert deploys.after(msgspec.structs.replace(one, entities=["b"]), changes) is None
    late = msgspec.structs.replace(one, started_at=one.started_at + timedelta(hours=1))
    assert deploys.after(late, changes) is None
