import math
import random
from collections import Counter

import pytest

from floodmark.detect.predictions.feature import Manner, Watch


def changes(draw, n, *, seed=1, reference=1000, every=60.0):
    """What a watch reports on a value a second."""
    counts = Counter()
    watch = Watch(Manner("feature x", "feature_drift", reference, every, 20, True), counts)
    rng = random.Random(seed)
    return [(i, change) for i in range(n) for change in watch.update(draw(rng, i), float(i))]


def after(start, before, then):
    return lambda rng, i: before(rng) if i < start else then(rng)


def normal(rng):
    return rng.gauss(10, 2)


@pytest.mark.parametrize("seed", range(4))
def test_a_shift_by_one_sigma_is_found_once(seed):
    found = changes(after(3000, normal, lambda rng: rng.gauss(12, 2)), 8000, seed=seed)
    assert len(found) == 1
    at, change = found[0]
    assert 3000 < at < 4000
    assert (change.head, change.direction) == ("feature_drift", "up")
    assert change.expected == pytest.approx(10, abs=0.3)
    assert change.observed == pytest.approx(12, abs=0.5)
    assert change.high < change.observed
    assert change.p_value < 1e-6
    assert "feature x drifted up: mean" in change.words
    assert change.facts["q50_reference"] == pytest.approx(10, abs=0.4)
    assert [point.time for point in change.points] == sorted(point.time for point in change.points)
    assert change.points[0].low < change.points[0].observed < change.points[0].high


@pytest.mark.parametrize("seed", range(4))
def test_a_doubled_variance_is_found_once(seed):
    found = changes(after(3000, normal, lambda rng: rng.gauss(10, 2 * math.sqrt(2))), 8000, seed=seed)
    assert len(found) == 1
    at, change = found[0]
    assert 3000 < at < 4250
    assert change.direction == "up"
    assert change.observed > 1.2 * change.expected
    assert "varies more: standard deviation" in change.words


def test_a_change_of_shape_alone_is_told_by_its_bin():
    found = changes(after(3000, normal, lambda rng: 10 + rng.choice([-1, 1]) * 2 * rng.uniform(0.66, 0.69)), 6000)
    assert len(found) == 1
    assert found[0][0] < 4500
    assert "is distributed differently: values from" in found[0][1].words


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, i: rng.expovariate(1.0),
        lambda rng, i: math.tan(math.pi * (rng.random() - 0.5)),  # Cauchy: no mean, no variance
        lambda rng, i: 5.0,
        lambda rng, i: float(rng.random() < 0.02),
        lambda rng, i: float(i),  # a timestamp or a counter is no drift
        lambda rng, i: f"id-{rng.randrange(10**6)}",
        lambda rng, i: rng.choice("abcdefghijklmnopqrstuvwxyz"),
        lambda rng, i: None,
        lambda rng, i: None if rng.random() < 0.3 else rng.random(),
        lambda rng, i: rng.choice([1.0, "a", True]),
    ],
    ids=["exponential", "cauchy", "constant", "rare", "rising", "ids", "letters", "absent", "gaps", "mixed"],
)
def test_what_stays_as_it_was_is_silent(draw):
    assert changes(draw, 10_000) == []


@pytest.mark.parametrize("seed", range(3))
def test_autocorrelation_is_not_a_drift(seed):
    state = [0.0]

    def draw(rng, i):
        state[0] = 0.8 * state[0] + rng.gauss(0, 0.6)
        return state[0]

    assert changes(draw, 10_000, seed=seed) == []


def test_shares_of_categories():
    def draw(rng, i):
        return rng.choices(["DE", "FR", "IT"], [0.6, 0.3, 0.1] if i < 3000 else [0.4, 0.2, 0.4])[0]

    found = changes(draw, 8000)
    assert len(found) == 1
    at, change = found[0]
    assert at < 4000
    assert "“IT” went from" in change.words
    assert change.observed == pytest.approx(0.4, abs=0.06)
    assert change.expected == pytest.approx(0.1, abs=0.03)
    assert change.points[-1].observed == pytest.approx(0.4, abs=0.1)


def test_a_drift_that_is_over_and_comes_again_is_told_again():
    def draw(rng, i):
        return rng.gauss(0 if i < 2000 or 4000 <= i < 8000 else 3, 1)

    found = changes(draw, 10_000)
    assert [2000 < found[0][0] < 3000, 8000 < found[1][0] < 9000] == [True, True]
    assert len(found) == 2


def test_a_drift_must_last():
    assert changes(lambda rng, i: rng.gauss(4 if 3000 <= i < 3200 else 0, 1), 6000) == []
    dense = changes(lambda rng, i: rng.gauss(0 if i < 1000 else 2, 1), 5000, every=10_000.0)
    assert dense == []  # half an hour of values is less than one window here


def test_huge_and_tiny_numbers_do_no_harm():
    found = changes(lambda rng, i: rng.choice([1e149, -1e149, 1e-300, 0.0, -0.0]), 4000)
    assert found == []
    shifted = changes(lambda rng, i: rng.choice([1e149, -1e149]) if i < 2000 else 1e149, 4000)
    assert all(math.isfinite(x) for _, c in shifted for x in (c.observed, c.expected))
    assert shifted
