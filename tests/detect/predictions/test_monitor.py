import math
import os
import pickle
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Detect, Limits, ModelMonitor
from floodmark.detect.predictions import ModelMonitors
from floodmark.detect.series import Finding, Sample
from floodmark.signals import Outcome, Prediction

START = 1_700_000_040.0  # a whole minute


def predict(key, time, value=True, model="fraud", version="3", features=None, scores=None):
    return Prediction(time, model, version, str(key), features or {}, value, scores or {})


def label(key, time, value=True, model="fraud"):
    return Outcome(time, model, str(key), value)


def make(models=(), limits=None, **detect):
    return ModelMonitors(list(models), limits or Limits(), Detect(**detect))


def run(maker, signals):
    return [event for signal in signals for event in maker.observe(signal)]


def findings(events):
    return [event for event in events if isinstance(event, Finding)]


def samples(events, name=None):
    return [e for e in events if isinstance(e, Sample) and name in {None, e.series.name}]


def told(events):
    """Everything about events that can be compared, evidence included."""
    return [(*e[:3], e.evidence() if e.evidence else None) if isinstance(e, Sample) else tuple(e) for e in events]


def scorer(n, seed=1, error=0.1, delay=100, step=1.0, model="fraud"):
    """A classifier with ten features, labelled `delay` predictions later. `error` and `change` by index."""
    rng = random.Random(seed)
    truths, signals = [], []
    for i in range(n):
        time = START + i * step
        features = {f"x{k}": rng.gauss(k, 1 + k) for k in range(8)}
        features["country"] = rng.choices(["DE", "FR", "IT"], [0.6, 0.3, 0.1])[0]
        features["vip"] = rng.random() < 0.2
        truth = rng.random() < 0.3
        wrong = rng.random() < (error(i) if callable(error) else error)
        value = truth != wrong
        score = round(min(1.0, max(0.0, rng.gauss(0.7 if value else 0.3, 0.1))), 3)
        truths.append(truth)
        signals.append(predict(i, time, value, model, features=features, scores={"true": score, "false": 1 - score}))
        if i >= delay:
            signals.append(label(i - delay, time, truths[i - delay], model))
    return signals


def test_performance_is_told_every_minute_with_its_evidence():
    events = run(make(), scorer(400, delay=10))
    accuracy = samples(events, "model_accuracy")
    assert [s.time for s in accuracy] == [START + 60 * i for i in range(1, 7)][: len(accuracy)]
    assert len(accuracy) >= 5
    series = accuracy[0].series
    assert (series.key, series.kind) == ('model_accuracy{model="fraud",version="3"}', "ratio")
    assert (series.entity, series.scope, series.signal) == ("fraud", "default", "prediction")
    assert 0.8 < accuracy[-1].value < 1.0
    facts = accuracy[-1].evidence().facts
    assert facts["label_delay_median"] == 10.0
    assert facts["labelled"] == facts["true_positives"] + facts["true_negatives"] + sum(
        facts[name] for name in ("false_positives", "false_negatives")
    )
    names = {s.series.name for s in samples(events)}
    assert names == {
        f"model_{n}" for n in ("accuracy", "precision", "recall", "f1", "auc", "label_delay", "predictions")
    }
    delay = samples(events, "model_label_delay")[-1]
    assert (delay.value, delay.series.unit) == (10.0, "s")


def test_too_few_labels_or_no_new_ones_tell_nothing():
    maker = make()
    events = run(maker, scorer(58, delay=10))  # 48 labels
    events += maker.advance(START + 600)
    assert samples(events, "model_accuracy") == []
    maker = make()
    events = run(maker, scorer(70, delay=10)) + maker.advance(START + 600)
    assert len(samples(events, "model_accuracy")) == 1
    assert samples(maker.advance(START + 1200), "model_accuracy") == []


def test_evidence_is_of_its_moment():
    maker, events = make(), []
    for signal in scorer(800, delay=10):
        events += [(e, e.evidence()) for e in maker.observe(signal) if isinstance(e, Sample) and e.evidence]
    assert all(event.evidence() == then for event, then in events)


def test_a_regression_is_told_in_its_unit():
    rng = random.Random(1)
    signals = []
    for i in range(300):
        value = rng.uniform(100, 200)
        signals += [predict(i, START + i, value), label(i, START + i, value + rng.choice([-3.0, 3.0]))]
    events = run(make(), signals)
    assert {s.series.name for s in samples(events)} == {
        "model_mae",
        "model_rmse",
        "model_label_delay",
        "model_predictions",
    }
    mae = samples(events, "model_mae")[-1]
    assert mae.value == pytest.approx(3.0)
    assert mae.series.kind == "gauge"


@pytest.mark.parametrize(
    ("prediction", "truth", "scores", "task", "expected"),
    [
        (1.0, 1.0, {}, "auto", "model_mae"),
        (1.0, "1", {}, "auto", "model_accuracy"),
        (1.0, True, {}, "auto", "model_accuracy"),
        (True, 1.0, {}, "auto", "model_accuracy"),
        (1.0, 1.0, {"1": 0.9}, "auto", "model_accuracy"),
        (1.0, 1.0, {}, "classification", "model_accuracy"),
        ("1.5", "1.5", {}, "regression", "model_mae"),
    ],
)
def test_the_task_is_seen_from_the_first_labelled_prediction(prediction, truth, scores, task, expected):
    maker = make([ModelMonitor(task=task)])
    signals = [predict(i, START + i, prediction, scores=scores) for i in range(60)]
    signals += [label(i, START + 60 + i, truth) for i in range(60)]
    events = run(maker, signals) + maker.advance(START + 600)
    (point,) = {s.series.name: s.value for s in samples(events, expected)}.items()
    assert point == (expected, 0.0 if expected == "model_mae" else 1.0)


def test_counts_are_zero_while_a_model_is_silent_and_the_stream_goes_on():
    maker = make(lateness=0.0)
    events = run(maker, [predict(i, START + 10 + i * 20) for i in range(12)])  # until 230
    events += run(maker, [predict(i, START + 300 + i, model="other") for i in range(200)])
    counted = [(s.time - START, s.value) for s in samples(events, "model_predictions") if s.series.entity == "fraud"]
    assert counted == [(120, 3), (180, 3), (240, 3), (300, 0), (360, 0), (420, 0), (480, 0)]
    assert samples(events, "model_predictions")[0].series.key == 'model_predictions{model="fraud"}'
    assert samples(events, "model_predictions")[0].series.kind == "count"


def test_a_leap_of_time_fills_a_bounded_number_of_windows():
    maker = make(lateness=0.0)
    run(maker, [predict(0, START), predict(1, START + 61)])
    events = maker.advance(START + 3 * 86_400.0)
    assert len(events) == 121  # the one that held a prediction, and 120 of the empty ones
    assert events[0].value == 1
    assert [e.time for e in events] == sorted(e.time for e in events)
    assert maker.counts()["window_skipped"] == 3 * 1440 - 120 - 2
    assert maker.advance(START + 30 * 86_400.0) == []  # retired


def test_late_predictions_are_counted_apart():
    maker = make(lateness=0.0)
    events = run(maker, [predict(0, START), predict(1, START + 70), predict(2, START + 130), predict(3, START + 80)])
    events += maker.advance(START + 180)
    assert [(s.time - START, s.value) for s in samples(events)] == [(120, 1), (180, 1)]
    assert maker.counts()["late_prediction"] == 1


def test_labels_go_to_the_version_that_predicted():
    signals = [predict(i, START + i, True, version="12"[i % 2]) for i in range(200)]
    signals += [label(i, START + 200 + i, i % 2 == 0) for i in range(200)]
    maker = make()
    events = run(maker, signals) + maker.advance(START + 1000)
    last = {s.series.labels["version"]: s.value for s in samples(events, "model_accuracy")}
    assert last == {"1": 1.0, "2": 0.0}
    assert maker.sizes()["versions"] == 2


def test_error_drift_speaks_plainly_and_once():
    events = run(make(), scorer(4000, error=lambda i: 0.08 if i < 2000 else 0.25))
    (finding,) = findings(events)
    assert (finding.head, finding.direction) == ("error_drift", "up")
    assert finding.series.key == 'model_error{model="fraud",version="3"}'
    assert finding.summary.startswith("fraud v3: error rate rose from ")
    assert finding.summary.endswith(" labelled predictions), ADWIN")
    assert finding.expected < finding.high < finding.observed
    assert finding.evidence.points


def test_fewer_errors_are_only_counted():
    maker = make()
    found = findings(run(maker, scorer(4000, error=lambda i: 0.4 if i < 2000 else 0.05)))
    assert [finding.head for finding in found if finding.head == "error_drift"] == []
    assert maker.counts()["error_drift_better"] >= 1


def test_the_drift_of_one_feature_names_it():
    signals = scorer(4000)
    for signal in signals:
        if isinstance(signal, Prediction) and signal.time >= START + 2500:
            signal.features["x3"] += 4.0
    (finding,) = findings(run(make(), signals))
    assert finding.series.key == 'model_feature{feature="x3",model="fraud",version="3"}'
    assert (finding.head, finding.series.entity) == ("feature_drift", "fraud")
    assert START + 2500 < finding.time <= START + 3500
    assert finding.summary.startswith("fraud v3: feature x3 drifted up: mean ")


def test_drift_of_the_prediction_is_told_once_for_class_and_score():
    rng = random.Random(8)
    signals = []
    for i in range(6000):
        value = rng.random() < (0.1 if i < 3000 else 0.4)
        score = rng.gauss(0.8 if value else 0.2, 0.05)
        signals.append(predict(i, START + i, value, scores={"true": score, "false": 1 - score}))
    maker = make()
    (finding,) = findings(run(maker, signals))
    assert (finding.head, finding.series.key) == ("prediction_drift", 'model_prediction{model="fraud",version="3"}')
    assert maker.counts()["prediction_drift_twin"] == 1


def test_drift_of_a_regression_s_prediction():
    rng = random.Random(8)
    signals = [predict(i, START + i, rng.gauss(50 if i < 3000 else 60, 10)) for i in range(5000)]
    (finding,) = findings(run(make(), signals))
    assert finding.summary.startswith("fraud v3: the prediction drifted up: mean ")


@pytest.mark.parametrize("seed", range(2))
def test_fifty_thousand_steady_predictions_are_silent(seed):
    assert findings(run(make(), scorer(50_000, seed=seed))) == []


def test_a_new_version_has_its_own_reference():
    rng = random.Random(1)
    signals = [
        predict(i, START + i, features={"x": rng.gauss(0 if i < 3000 else 5, 1)}, version="1" if i < 3000 else "2")
        for i in range(6000)
    ]
    assert findings(run(make(), signals)) == []


def test_features_beyond_the_most_are_counted():
    maker = make([ModelMonitor(features=2)])
    run(maker, [predict(i, START + i, features={"a": 1.0, "b": "x", "c": None}) for i in range(10)])
    assert maker.sizes()["features"] == 2
    assert maker.counts()["feature_unwatched"] == 10


def test_the_first_monitor_that_matches_watches():
    maker = make([ModelMonitor(match="fraud*", features=1), ModelMonitor(match="*", features=2)])
    features = {"a": 1.0, "b": 1.0, "c": 1.0}
    run(
        maker,
        [predict(0, START, model="fraud-eu", features=features), predict(1, START, model="churn", features=features)],
    )
    assert maker.sizes()["features"] == 3


def test_without_an_id_a_prediction_is_watched_but_never_joined():
    maker = make()
    run(maker, [predict("", START), predict("", START + 1), label("", START + 2)])
    assert maker.counts()["unidentified_prediction"] == 2
    assert maker.sizes()["pending_predictions"] == 0


def test_repeated_predictions_are_not_watched_twice():
    maker = make(lateness=0.0)
    events = run(maker, [predict(0, START), *(predict("a", START + 61) for _ in range(5))]) + maker.advance(START + 120)
    assert [s.value for s in samples(events)] == [1.0]
    assert maker.counts()["duplicate_prediction"] == 4


def test_labels_that_cannot_be_compared_are_counted():
    maker = make([ModelMonitor(task="regression")])
    run(maker, [predict(0, START, 1.0), label(0, START, "much"), predict(1, START, 1.0), label(1, START, None)])
    assert maker.counts()["incomparable_label"] == 1
    assert maker.counts()["missing_label"] == 1


def test_memory_is_bounded_by_the_limits():
    limits = Limits(pending=1000, models=3)
    maker = make([ModelMonitor(join=10**9)], limits)
    rng = random.Random(1)
    for i in range(200_000):
        maker.observe(predict(i, START + i * 0.01))
        if i % 10 == 0:
            maker.observe(label(f"unknown-{i}", START + i * 0.01))
        if i % 1000 == 0:
            assert maker.sizes()["pending_predictions"] <= 1000
            assert maker.sizes()["pending_outcomes"] <= 1000
    assert maker.counts()["evicted_prediction"] == 199_000
    assert maker.counts()["evicted_outcome"] == 19_000
    for i in range(2000):
        maker.observe(predict(i, START + 3000 + i, model=f"m{rng.randrange(20)}", version=str(rng.randrange(5))))
        sizes = maker.sizes()
        assert sizes["models"] <= 3
        assert sizes["versions"] <= 3
    assert maker.counts()["evicted_model"] > 0
    assert maker.counts()["evicted_version"] > 0


def test_a_label_for_an_evicted_version_still_joins():
    maker = make(limits=Limits(models=1))
    signals = [predict("a", START, version="1"), predict("b", START, version="2"), label("a", START), label("b", START)]
    run(maker, signals)
    assert maker.counts()["joined"] == 2


def test_what_waited_too_long_is_forgotten_and_counted():
    maker = make([ModelMonitor(join=100.0)], lateness=0.0)
    run(maker, [predict("a", START), label("b", START), predict("c", START + 300)])
    assert (maker.counts()["expired_prediction"], maker.counts()["expired_outcome"]) == (1, 1)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.floats(), st.text(max_size=3), st.sampled_from([1.0, "1", "true", 1e308])
)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.integers(0, 30),
            st.floats(0, 4000),
            SCALARS,
            st.dictionaries(st.sampled_from("abc"), SCALARS),
            st.dictionaries(st.sampled_from(["0", "1", "true"]), st.floats()),
        ),
        max_size=150,
    ),
    st.data(),
)
def test_anything_goes_in_and_only_numbers_come_out_however_it_is_cut(rows, data):
    """Batch-split invariance: when `advance` is called with the stream's own watermark changes nothing."""
    signals = [
        predict(key, START + t, value, features=features, scores=scores) if kind else label(key, START + t, value)
        for kind, key, t, value, features, scores in rows
    ]
    models = [ModelMonitor(window=20, reference=50, every=7)]
    whole = run(make(models), signals)
    maker, pieces, newest = make(models), [], -math.inf
    for signal in signals:
        pieces += maker.observe(signal)
        newest = max(newest, signal.time)
        if data.draw(st.booleans()):
            pieces += maker.advance(newest - 30.0)
    assert told(pieces) == told(whole)
    for event in whole:
        numbers = [event.value] if isinstance(event, Sample) else [event.p_value, event.observed or 0.0]
        assert all(math.isfinite(x) for x in numbers)
    times = {}
    for sample in samples(whole):
        assert times.get(sample.series.key, -math.inf) < sample.time
        times[sample.series.key] = sample.time


def test_a_copy_goes_on_as_the_original():
    signals = scorer(3000, error=lambda i: 0.05 if i < 1500 else 0.3)
    maker = make()
    run(maker, signals[:3000])
    assert maker.counts()["joined"] > 1000
    copy = pickle.loads(pickle.dumps(maker))
    assert told(run(copy, signals[3000:])) == told(run(maker, signals[3000:]))
    assert copy.counts() == maker.counts()


def test_the_same_answer_in_every_process():
    """Hashes of strings differ between processes; nothing that leaves here may."""
    code = (
        "from floodmark.config.models import *; from floodmark.detect.predictions import ModelMonitors\n"
        "from floodmark.signals import *\n"
        "m = ModelMonitors([ModelMonitor(window=100, reference=100)], Limits(), Detect())\n"
        "for i in range(1500):\n"
        "    c = 'abcdefg'[i * i % 7]; t = 1.7e9 + i\n"
        "    p = Prediction(t, 'm', 'v1', str(i), {'f': 'uvwxyz'[i * i % (3 if i < 800 else 6)]}, c)\n"
        "    for e in m.observe(p) + m.observe(Outcome(t, 'm', str(i), 'abcdefg'[i % 7])):\n"
        "        print(e[0].key, e[1], e[2], e.evidence() if callable(e.evidence) else e.evidence)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert b"model_f1" in outputs.pop()
