"""What no single point shows: a mean that drifts, a spread that changes."""

import random

import pytest

from floodmark.config.models import Detector
from floodmark.detect.heads import Context
from floodmark.detect.model import SeriesModel
from floodmark.detect.shifts import Drift, Variance
from floodmark.detect.tail import PeakTail


def at(value: float) -> Context:
    return Context(0.0, value, 10.0, 10.0, 0.01)


@pytest.mark.parametrize("head", [Drift(), Variance()], ids=lambda head: str(head.name))
def test_scoring_changes_nothing(head: Drift | Variance) -> None:
    draw = random.Random(1)
    for _ in range(300):
        head.learn_one(at(draw.gauss(10, 1)))
    assert head.score_one(at(30.0)) == head.score_one(at(30.0))


def test_a_small_shift_is_a_drift_long_before_a_point_of_it_is_odd() -> None:
    draw, head = random.Random(2), Drift()
    for _ in range(3000):
        head.learn_one(at(draw.gauss(10, 1)))
    calm = abs(head.score_one(at(10.0)))
    for _ in range(60):
        head.follow(at(draw.gauss(11, 1)))
    assert head.score_one(at(11.0)) > calm + 3
    assert head.observed(at(11.0)) == pytest.approx(10.45, abs=0.3)


def test_a_leak_that_the_level_would_follow_is_a_drift() -> None:
    draw, head = random.Random(5), Drift()
    values = [draw.gauss(10, 1) for _ in range(4000)] + [10 + 0.0015 * i + draw.gauss(0, 1) for i in range(800)]
    odd = []
    for value in values:
        odd.append(head.score_one(at(value)))
        head.learn_one(at(value))
    assert max(map(abs, odd[1000:4000])) < 5.2
    assert max(odd[4000:]) > 6.5


def test_a_level_that_is_adopted_is_no_drift_from_then_on() -> None:
    draw, head = random.Random(6), Drift()
    for _ in range(3000):
        head.learn_one(at(draw.gauss(10, 1)))
    head.adopt(30.0, 16)
    for _ in range(500):
        assert abs(head.score_one(at(30.0))) < 5
        head.learn_one(at(draw.gauss(30, 1)))


def test_the_first_windows_of_a_series_are_no_drift_and_no_variance() -> None:
    """Their scales have seen nothing yet; what they took for odd would be in their tails for ever."""
    for seed in range(20):
        draw, heads = random.Random(seed), (Drift(), Variance())
        for _ in range(400):
            x = at(draw.gauss(10, 1))
            for head in heads:
                assert abs(head.score_one(x)) < 4.5
                head.learn_one(x)


def test_one_spike_is_no_drift_and_no_variance() -> None:
    draw, drift, variance = random.Random(3), Drift(), Variance()
    for _ in range(1000):
        x = at(draw.gauss(10, 1))
        drift.learn_one(x)
        variance.learn_one(x)
    assert abs(drift.score_one(at(1e9))) < 4
    assert abs(variance.score_one(at(1e9))) < 4


@pytest.mark.parametrize("sigma", [0.3, 2.5, 20.0])
def test_a_changed_variance_is_seen_and_adopted(sigma: float) -> None:
    draw, head = random.Random(4), Variance()
    for _ in range(3000):
        head.learn_one(at(draw.gauss(10, 1)))
    values = [draw.gauss(10, sigma) for _ in range(48)]
    for value in values:
        head.follow(at(value))
    seen = head.score_one(at(10 + sigma))
    assert seen > 4 if sigma > 1 else seen < -4
    assert head.adopt(values) == pytest.approx(sigma, rel=0.4)


def test_a_change_of_level_is_no_change_of_variance() -> None:
    draw, head = random.Random(5), Variance()
    for _ in range(500):
        head.learn_one(at(draw.gauss(10, 1)))
    assert head.adopt([draw.gauss(90, 1) for _ in range(16)]) == 1.0


def test_a_cluster_of_exceedances_is_one_for_the_tail() -> None:
    clustered, single = PeakTail(), PeakTail()
    for _ in range(100):
        for tail, cluster in ((clustered, [2.5, 4.0, 6.0, 4.0]), (single, [0.0, 0.0, 6.0, 0.0])):
            for z in [*cluster, *[0.0] * 96]:
                tail.learn_one(z)
    assert clustered.score_one(8.0) == pytest.approx(single.score_one(8.0), rel=1e-3)  # it is learned a point later


def test_a_cluster_that_goes_on_is_not_yet_learned() -> None:
    tail = PeakTail()
    for _ in range(500):
        tail.learn_one(0.5)
    before = tail.score_one(9.0)
    for _ in range(50):
        tail.learn_one(8.0)
    assert tail.score_one(9.0) <= before
    tail.restart()
    assert tail.score_one(9.0) > before


@pytest.mark.parametrize(("head", "change"), [("drift", (11.5, 1.0)), ("variance", (10.0, 3.0))])
def test_what_only_a_window_sees_is_found_by_its_head(head: str, change: tuple[float, float]) -> None:
    draw, model = random.Random(6), SeriesModel("gauge", Detector.model_validate({"heads": [head]}), 20, None)
    for i in range(3000):
        model.learn(model.judge(60.0 * i, draw.gauss(10, 1)))
    for i in range(3000, 3060):
        judgement = model.judge(60.0 * i, draw.gauss(*change))
        model.follow(judgement)
    assert model.head(judgement) == head
    assert judgement.p_value < 1e-4
    assert judgement.direction == "up"
