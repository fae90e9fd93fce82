"""Another tool's alert is worth as much as it is seldom."""

import itertools
import random

import pytest

from floodmark.config.models import Correlate, Service
from floodmark.correlate import evidence
from floodmark.correlate.chance import Chance
from floodmark.correlate.changes import RecentChanges
from floodmark.correlate.nulls import Null
from floodmark.correlate.relations import Relations
from floodmark.correlate.stage import CorrelateStage
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.topology import Topology

from .making import T0, burst, closed, mark, opened

DAY = 86_400


def chance():
    conf = Correlate()
    return Chance(conf, Relations(conf, Topology({})), RecentChanges())


def alert(at, entity="payment", name="HighErrorRate", *, severity="error", **more):
    labels = {"source": "Alertmanager", "alertname": name}
    fixed = {"signal": "alert", "head": "alert", "level": 1.0, "direction": "none", "observed": None, "expected": None}
    return opened(at, entity, name, p=1.0, severity=severity, labels=labels, **fixed | more)


def nats(known, at, **more):
    return evidence.nats_of(known.told(alert(at, **more)))


@pytest.mark.parametrize(("severity", "first"), [("critical", 8.1), ("error", 8.1), ("warning", 6.2), ("info", 3.0)])
def test_one_that_was_never_heard_says_much_by_its_severity(severity, first):
    assert nats(chance(), 0, severity=severity) == pytest.approx(first, abs=0.1)


def test_one_that_fires_every_hour_says_little():
    known = chance()
    for hour in range(24 * 30):
        said = nats(known, 3_600 * hour)
    assert said == pytest.approx(3.5, abs=0.2)


def test_what_flaps_says_nothing_and_is_no_longer_seldom():
    known = chance()
    told = [known.told(alert(60 * minute, severity="critical")) for minute in range(600)]
    assert evidence.nats_of(told[-1]) < evidence.nats_of(told[0]) - 5
    seldom = [known.is_seldom(Symptom.of(each, T0, "first", late=False)) for each in told]
    assert [len(list(run)) for _, run in itertools.groupby(seldom)] == [2, 598]


def test_it_is_seldom_again_once_that_is_long_ago():
    known = chance()
    for minute in range(60):
        known.told(alert(60 * minute))
    assert nats(known, 90 * DAY) > 7


def test_each_is_known_by_itself():
    known = chance()
    for minute in range(60):
        known.told(alert(60 * minute))
    assert nats(known, 3_600, name="Other") == pytest.approx(8.1, abs=0.1)
    assert nats(known, 3_600) < 6


def test_beside_series_of_its_entity_it_is_no_further_witness():
    def surprise(*told):
        symptoms = []
        for each in told:
            symptoms.append(Symptom.of(each, T0, "first", late=False))
            symptoms[-1].family = evidence.family(symptoms[-1])
        null = Null()
        return evidence.surprise(evidence.rows(symptoms, null), null, 0.0)

    own = chance().told(alert(0))
    metric = opened(0, "payment", "errors", p=1e-6)
    other = opened(0, "payment", "cpu", p=1e-6)
    assert surprise(metric) < surprise(metric, own) < surprise(metric, other)
    elsewhere = chance().told(alert(0, "cart"))
    assert surprise(metric, elsewhere) > surprise(metric, own) + 3


def test_an_alert_that_is_said_again_after_its_incident_opens_nothing():
    stage = CorrelateStage(Correlate(), {})
    told = [alert(60, severity="critical")]
    for item in [*burst(0), *told]:
        stage.process(item)
    first = stage.process(mark(400))
    assert {i.event for i in first} <= {"opened", "updated"}
    assert any(member.signal == "alert" for member in first[-1].members)
    for item in burst(0):
        stage.process(closed(item, 500))
    stage.process(closed(told[0], 500))
    done = stage.process(mark(4_000))
    assert done[-1].event == "resolved"
    stage.process(opened_again(told[0], 4_100))
    assert stage.process(mark(9_000)) == []
    assert stage.counts()["duplicates"] == 1


def called(stage, at, entity, name="HighErrorRate", *, lasts=1_800, beside=()):
    """The incidents that an alert opens which is critical and goes on for a while."""
    first = alert(at, entity, name, severity="critical", series=f"alert/{entity}/{name}")
    told = [revision for item in (first, *beside) for revision in stage.process(item)]
    for item in (mark(at + lasts), closed(first, at + lasts), mark(at + lasts + 3_000)):
        told += stage.process(item)
    return [revision for revision in told if revision.event == "opened"]


def apart(**more):
    """A stage in which no service has to do with another one."""
    return CorrelateStage(Correlate(**more), {f"s{i}": Service() for i in range(40)})


@pytest.mark.parametrize(("many", "days"), [(10, 7), (40, 30), (5, 1)])
@pytest.mark.parametrize("seed", [1, 2])
def test_alerts_that_are_seldom_each_and_often_together_keep_the_budget_of_their_scope(many, days, seed):
    draw, stage = random.Random(seed), apart()
    firings = []
    for entity in (f"s{i}" for i in range(many)):
        time = draw.expovariate(1 / (days * DAY))
        while time < 21 * DAY:
            firings.append((time, entity))
            time += 5_000 + draw.expovariate(1 / (days * DAY))
    firings.sort()
    one_by_one = [firings[0]]
    for each in firings:
        if each[0] > one_by_one[-1][0] + 5_000:
            one_by_one.append(each)
    opened = [bool(called(stage, *each)) for each in one_by_one]
    assert opened[0]
    assert 2 <= sum(opened) <= 4


def test_the_first_of_a_quiet_scope_opens_and_the_first_after_a_while():
    stage = apart()
    assert [bool(called(stage, day * DAY, f"s{day}")) for day in (0, 1, 2, 13, 15, 17, 40)] == [
        True, True, False, False, True, True, True,
    ]  # fmt: skip


def test_a_smaller_budget_is_kept_as_well():
    stage = apart(false_incidents=1 / (30 * DAY))
    assert sum(bool(called(stage, day * DAY, f"s{day % 40}")) for day in range(0, 118, 3)) == 4


def spent():
    stage = apart()
    for day in range(3):
        found = called(stage, day * DAY, f"s{day}")
    assert found == []
    return stage


def test_beside_an_odd_series_a_critical_one_opens_as_ever():
    assert not called(spent(), 4 * DAY, "s9")
    (incident,) = called(spent(), 4 * DAY, "s9", beside=[opened(4 * DAY + 20, "s9", "cpu", p=1e-4)])
    assert {member.signal for member in incident.members} == {"alert", "metric"}


def test_many_alerts_at_once_open_as_ever():
    stage, at = CorrelateStage(Correlate(), {}), 4 * DAY
    for day in range(3):
        called(stage, day * DAY, f"s{day}")
    others = [alert(at + i, f"t{i}", series=f"alert/t{i}") for i in range(3)]
    assert len(called(stage, at, "s9", beside=others)) == 1


def test_what_begins_together_with_one_that_opens_is_not_counted():
    stage = apart()
    for day in (0, 3):
        both = [alert(day * DAY + 30, f"s{day + 10}", "DiskFull", severity="critical", series="alert/disk")]
        assert len(called(stage, day * DAY, f"s{day}", beside=both)) == 2
    assert not called(stage, 5 * DAY, "s5")


def test_scopes_do_not_count_for_each_other_and_a_snapshot_knows_what_has_opened():
    other = apart()
    other.restore(spent().snapshot())
    assert not called(other, 4 * DAY, "s9")
    for number, scope in enumerate(("eu", "us")):
        at = (5 + number) * DAY
        first = alert(at, "s9", severity="critical", scope=scope)
        assert other.process(first) == []
        told = [revision for revision in other.process(mark(at + 1_800)) if revision.event == "opened"]
        assert [revision.scope for revision in told] == [scope]


def opened_again(first, at):
    return closed(first, at, event="opened", ended_at=None)


def test_a_snapshot_remembers_how_often_it_fired():
    one = CorrelateStage(Correlate(), {})
    for minute in range(20):
        one.process(alert(60 * minute))
        one.process(closed(alert(60 * minute), 60 * minute + 20))
    one.process(mark(2_000))
    other = CorrelateStage(Correlate(), {})
    other.restore(one.snapshot())
    assert other.snapshot() == one.snapshot()
