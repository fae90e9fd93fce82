import math
import random

import pytest

from floodmark.config.river_models import RiverModelError, build, prove

DETECTORS = [
    ("river.anomaly.HalfSpaceTrees", {"window_size": 50}),
    ("river.anomaly.HalfSpaceTrees", {"limits": {"value": [0, 2]}, "window_size": 50}),
    ("river.anomaly.LODA", {}),
    ("river.anomaly.OneClassSVM", {"nu": 0.1, "optimizer": {"river.optim.SGD": {"lr": 0.01}}}),
    ("river.anomaly.LocalOutlierFactor", {"n_neighbors": 5}),
    ("river.anomaly.GaussianScorer", {}),
    ("river.anomaly.StandardAbsoluteDeviation", {"sub_stat": {"river.stats.Mean": None}}),
    (
        "river.anomaly.PredictiveAnomalyDetection",
        {"predictive_model": {"river.time_series.HoltWinters": {"alpha": 0.3}}},
    ),
]


def scores(detector):
    rng = random.Random(7)
    points = [{"value": rng.gauss(10, 1)} for _ in range(120)]
    found = []
    for point in points:
        found.append(detector.score_one(point))
        detector.learn_one(point)
    return [*found, detector.score_one({"value": 40.0})]


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize(("name", "parameters"), DETECTORS)
def test_a_detector_judges_a_series_the_same_way_twice(name, parameters, scale):
    prove(name, parameters, scale)
    first = scores(build(name, parameters, scale))
    assert all(map(math.isfinite, first[1:]))  # MinMaxScaler makes NaN of the very first point
    assert first[1:] == scores(build(name, parameters, scale))[1:]


@pytest.mark.parametrize("name", ["river.anomaly.GaussianScorer", "river.anomaly.StandardAbsoluteDeviation"])
def test_detectors_of_a_target_see_an_outlier(name):
    found = scores(build(name, {}, True))
    assert found[-1] >= max(found[20:-1])
    assert found[-1] > found[-2]


def test_the_scaler_is_in_front_if_wanted():
    from river.base import AnomalyDetector
    from river.compose import Pipeline

    assert isinstance(build("river.anomaly.LODA", {}, False), AnomalyDetector)
    pipeline = build("river.anomaly.LODA", {}, True)
    assert isinstance(pipeline, Pipeline)
    assert list(pipeline.steps) == ["MinMaxScaler", "LODA"]


def test_seeds_are_set_unless_given():
    assert build("river.anomaly.LODA", {}, False).seed == 42
    assert build("river.anomaly.LODA", {"seed": 7}, False).seed == 7
    assert build("river.anomaly.LODA", {"seed": None}, False).seed == 42


@pytest.mark.parametrize(
    ("name", "parameters", "at", "words"),
    [
        ("", {}, None, "does not name a model of River"),
        ("river", {}, None, "does not name a model of River"),
        ("os.system", {}, None, "does not name a model of River"),
        ("riverx.anomaly.LODA", {}, None, "does not name a model of River"),
        ("river.anomaly.__init__", {}, None, "does not name a model of River"),
        ("river.anomly.LODA", {}, None, "River has no river.anomly; did you mean 'anomaly'?"),
        ("river.anomaly.Loda", {}, None, "did you mean 'LODA'?"),
        ("river.anomaly.hst.collections", {}, None, "has no model collections"),
        ("river.linear_model.LinearRegression", {}, None, "is not an anomaly detector"),
        ("river.base.AnomalyDetector", {}, None, "is not an anomaly detector"),
        ("river.anomaly.QuantileFilter", {"q": 0.9}, None, "is not an anomaly detector"),
        ("river.anomaly.LODA", {"n_bin": 5}, ("n_bin",), "did you mean 'n_bins'?"),
        ("river.anomaly.LODA", {"zzz": 5}, ("zzz",), "it takes n_bins, n_random_cuts, seed"),
        ("river.anomaly.LODA", {"n_bins": "ten"}, ("n_bins",), "expects a whole number here, not text"),
        ("river.anomaly.LODA", {"n_bins": True}, ("n_bins",), "not true"),
        ("river.anomaly.LODA", {"n_bins": math.nan}, ("n_bins",), "expects a whole number"),
        ("river.anomaly.HalfSpaceTrees", {"height": 2.5}, (), "does not run with these parameters"),
        ("river.anomaly.OneClassSVM", {"optimizer": "fast"}, (), "does not run with these parameters"),
        (
            "river.anomaly.OneClassSVM",
            {"optimizer": {"river.optim.SGB": {}}},
            ("optimizer", "river.optim.SGB"),
            "did you mean 'SGD'?",
        ),
        (
            "river.anomaly.OneClassSVM",
            {"optimizer": {"river.optim.SGD": {"l": 1}}},
            ("optimizer", "river.optim.SGD", "l"),
            "did you mean 'lr'?",
        ),
        (
            "river.anomaly.OneClassSVM",
            {"optimizer": {"river.optim.SGD": 5}},
            ("optimizer", "river.optim.SGD"),
            "must be a mapping",
        ),
    ],
)
def test_what_cannot_be_built_says_why_and_where(name, parameters, at, words):
    with pytest.raises(RiverModelError) as caught:
        prove(name, parameters, True)
    assert caught.value.at == at
    assert words in str(caught.value)


def test_nothing_outside_of_river_is_imported(monkeypatch):
    import importlib

    imported = []
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name, *a: imported.append(name) or real(name, *a))
    for name in ("antigravity", "river.anomaly.os.path", "river..os", "os.river.x"):
        with pytest.raises(RiverModelError):
            build(name, {"a": {"this.x": {}}}, False)
    assert all(name == "river" or name.startswith("river.") for name in imported)
