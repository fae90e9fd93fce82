"""Another tool's alert is worth as much as it is seldom."""

import itertools

import pytest

from floodmark.config.models import Correlate
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
