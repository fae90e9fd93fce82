"""The objects of River: River's own checks, its pipelines and filters, and the engine beside them."""

import math
import pickle
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import river.checks
from river import anomaly, compose, metrics, preprocessing
from river.checks import common

from floodmark.config.models import Config, Detector
from floodmark.detect import HeadDetector, SeriesDetector, SeriesDrift
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series

START = 1_700_006_400.0
LABELLED = [
    ({"time": START + 60.0 * i, "value": random.Random(i).gauss(100, 3) + 40 * (i % 83 == 82)}, i % 83 == 82)
    for i in range(500)
]


@pytest.mark.parametrize("model", [SeriesDetector(), HeadDetector("forecast")], ids=str)
def test_rivers_own_checks(model: SeriesDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(river.checks, "_yield_datasets", lambda model, scale=1: [LABELLED])
    ran = set()
    for check in river.checks.yield_checks(model):
        if check.__name__ not in {*model._unit_test_skips(), "check_roc_auc"}:  # that one needs scikit-learn
            check(model.clone())
            ran.add(check.__name__)
    assert {"check_pickling", "check_clone_is_independent", "check_bounded_memory_growth"} <= ran


@pytest.mark.parametrize(
    "check",
    [
        common.check_repr_roundtrips_clone,
        common.check_clone_is_idempotent,
        common.check_clone_with_new_params_applies,
        common.check_get_params_matches_signature,
        common.check_init_default_params_are_not_mutable,
        common.check_pickling_supports_roundtrip,
    ],
)
def test_rivers_own_checks_of_the_drift_detector(check: Any) -> None:
    check(SeriesDrift(("level",), 1e-3))


@pytest.mark.parametrize("model", [SeriesDetector(), HeadDetector("forecast")], ids=str)
def test_scores_are_of_use(model: SeriesDetector) -> None:
    auc = metrics.ROCAUC()
    for x, odd in LABELLED:
        auc.update(odd, min(1.0, model.score_one(x) / 10))
        model.learn_one(x)
    assert auc.get() > 0.8


@pytest.mark.parametrize("detector", [Detector(), Detector(false_alarms="10/day", direction="up", warmup=60)])
def test_what_passes_the_threshold_is_what_the_engine_opens(detector: Detector) -> None:
    """Up to the alarm, that is: then the engine has one open, and the twin has none."""
    series = Series("x", "x", {}, "x", "default", "metric")
    core, twin = SeriesCore(Config(detectors=[detector])), SeriesDetector(detector)
    draw = random.Random(5)
    opened = False
    for i in range(2000):
        time, value = START + 60.0 * i, draw.gauss(100, 3) + 25 * (i == 1500)
        told = core.observe(Sample(series, time, value))
        score, threshold = twin.score_one({"time": time, "value": value}), twin.threshold
        opened = twin.opens({"time": time, "value": value})
        assert opened == bool(told)
        assert score > threshold or not told
        if told:
            assert told[0].surprise == pytest.approx(score, abs=1e-5)
            break
    assert opened
    assert pickle.dumps(core._watchlist.series["x"].out) == pickle.dumps(twin.watched.model)


def test_in_rivers_pipelines_and_filters() -> None:
    plain, odd = SeriesDetector(), []
    scaled = compose.Select("time") + (compose.Select("value") | preprocessing.MinMaxScaler())
    pipeline = scaled | anomaly.QuantileFilter(SeriesDetector(), q=0.98)
    limit = anomaly.ThresholdFilter(plain, threshold=4.0)
    for i, (x, _) in enumerate(LABELLED):
        if limit.classify(limit.score_one(x)):
            odd.append(i)
        limit.learn_one(x)
        assert 0.0 <= pipeline.score_one(x) <= 300.0
        pipeline.learn_one(x)
    assert set(odd) >= {i for i, (_, label) in enumerate(LABELLED) if label and i > 100}
    assert plain.watched.model.seen > 480
    assert pipeline["QuantileFilter"].anomaly_detector.watched.model.seen > 400


@pytest.mark.parametrize("x", [{"value": 1.0}, {"time": 1.0}, {}])
def test_a_point_without_a_feature_is_refused(x: dict[Any, float]) -> None:
    for method in (SeriesDetector().score_one, SeriesDetector().learn_one):
        with pytest.raises(ValueError, match="SeriesDetector needs the features time and value"):
            method(x)


@pytest.mark.parametrize(
    "x",
    [(START, 5.0), (START + 90, math.nan), (START + 90, math.inf), (START + 90, -1e151), (math.nan, 5.0), (-1.0, 5.0)],
)
def test_what_the_core_skips_is_left_out(x: tuple[float, float]) -> None:
    model = SeriesDetector()
    model.learn_one({"time": START, "value": 1.0})
    before = pickle.dumps(model)
    point = dict(zip(("time", "value"), x, strict=True))
    assert model.score_one(point) == 0.0
    assert not model.opens(point)
    assert pickle.dumps(model) == before


def test_heads_that_judge_no_points_are_refused() -> None:
    for head, kind in (("stale", None), ("count", "gauge"), ("flatline", "ratio")):
        with pytest.raises(ValueError, match=f"'{head}' does not judge"):
            HeadDetector(head, kind)  # type: ignore[arg-type]
    assert HeadDetector("count").kind == "count"
    assert HeadDetector("level", "count").watched.model.heads == ["level"]


def noise(mean: float, spread: float, count: int, seed: int = 1) -> Iterator[float]:
    draw = random.Random(seed)
    return (draw.gauss(mean, spread) for _ in range(count))


@pytest.mark.parametrize(
    ("heads", "after"), [(("level",), (2, 1)), (("drift",), (1, 1)), (("variance",), (0, 3)), (None, (2, 1))]
)
def test_drifts(heads: Any, after: tuple[float, float]) -> None:
    drift = SeriesDrift(heads) if heads else SeriesDrift()
    found = []
    for i, value in enumerate([*noise(0, 1, 1500), *noise(*after, 300, seed=2)]):
        drift.update(value)
        if drift.drift_detected:
            found.append(i)
    assert sum(i < 1500 for i in found) <= 1
    assert any(1500 <= i < 1600 for i in found)


def test_after_a_drift_it_starts_afresh() -> None:
    drift = SeriesDrift()
    for value in [*noise(0, 1, 200), *[50.0] * 30]:
        drift.update(value)
        if drift.drift_detected:
            break
    assert drift.drift_detected
    new = SeriesDrift()
    for value in noise(50, 1, 100):
        drift.update(value)
        new.update(value)
        assert not drift.drift_detected
    assert pickle.dumps(drift) == pickle.dumps(new)


@pytest.mark.parametrize("level", [0.0, -1.0, 0.06, math.nan])
def test_a_level_that_is_none(level: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        SeriesDrift(level=level)


def test_the_example_of_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "detection.md").read_text()
    section = text.partition("## River twins")[2].partition("\n## ")[0]
    examples = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        exec(example, {})
        said = re.findall(r"print\(.*\)  # (.*)", example)
        assert capsys.readouterr().out.splitlines() == said
        assert said
