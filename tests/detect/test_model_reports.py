"""Reports of models: what they say is what a plain computation says, whatever the batches, and through a snapshot."""

import pytest

from floodmark.config.models import Detect, Limits, ModelMonitor
from floodmark.detect.predictions.monitor import ModelMonitors
from floodmark.detect.predictions.reporting import quantiles, wilson
from floodmark.reports import ModelReport
from floodmark.signals import Outcome, Prediction

START = 1_700_000_000.0 - 1_700_000_000.0 % 900.0


def signals(count=1_500):
    made = []
    for number in range(count):
        at, right = START + number * 10.0, number % 10 != 0
        label = str(number % 2)
        said = label if right else str(1 - number % 2)
        features = {"amount": float(number % 50), "device": "mobile" if number % 3 else "desktop"}
        made.append(
            Prediction(time=at, model="m", version="1", prediction_id=str(number), prediction=said, features=features)
        )
        made.append(Outcome(time=at + 60.0, model="m", prediction_id=str(number), label=label))
    return sorted(made, key=lambda each: each.time)


def reports(step=60.0, monitor=None):
    models = ModelMonitors([monitor or ModelMonitor(reference=200)], Limits(), Detect())
    found: list[ModelReport] = []
    tick = START
    for each in signals():
        while each.time >= tick + step:
            models.advance(tick + step)
            found += models.reports(tick, tick + step)
            tick += step
        models.observe(each)
    return found


def test_a_report_says_what_a_plain_count_says():
    found = reports()
    assert [each.time.timestamp() for each in found] == [START + 900.0 * n for n in range(1, len(found) + 1)]
    assert sum(each.predictions for each in found) <= 1_500
    last = found[-1]
    assert (last.model, last.version, last.task, last.key()) == ("m", "1", "classification", "m@1")
    accuracy = next(each for each in last.metrics if each.name == "accuracy")
    assert accuracy.value == pytest.approx(0.9, abs=0.01)
    assert accuracy.low is not None
    assert accuracy.high is not None
    assert accuracy.low < 0.9 < accuracy.high
    assert last.delays["p50"] == pytest.approx(60.0)
    assert last.reference == 1.0
    features = {each.name: each for each in last.features}
    assert features["amount"].kind == "number"
    assert features["device"].kind == "category"
    device = features["device"]
    assert device.reference is not None
    assert len(device.reference.names) == len(device.reference.counts)
    amount = features["amount"]
    assert amount.reference is not None
    assert len(amount.reference.edges) == len(amount.reference.counts) + 1
    assert amount.reference.edges == sorted(amount.reference.edges)


def test_the_reference_is_learned_first():
    first = reports(monitor=ModelMonitor(reference=1_000))[0]
    assert 0.0 < first.reference < 1.0
    assert first.features == []


def test_how_often_it_is_asked_changes_nothing():
    assert reports(60.0) == reports(180.0)


def test_none_is_made_where_none_is_wanted():
    assert reports(monitor=ModelMonitor(report=0)) == []


def test_an_interval_is_wilsons():
    low, high = wilson(0.5, 100)
    assert (round(low, 4), round(high, 4)) == (0.4038, 0.5962)
    assert wilson(1.0, 10)[1] == pytest.approx(1.0)
    assert quantiles([]) == {}
    assert quantiles([3.0, 1.0, 2.0]) == {"p50": 2.0, "p90": 3.0, "p99": 3.0}
