"""A tail says the truth about its own past, whatever the distribution."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.tail import Frequency, Tail, deviation, surprisal


@given(st.floats(0, 1e6))
def test_deviation_inverts_surprisal(z: float) -> None:
    assert math.isclose(deviation(surprisal(z)), z, rel_tol=1e-6, abs_tol=1e-6)


@given(st.lists(st.floats(0, 1e9), max_size=200), st.floats(0, 1e9), st.floats(0, 1e9))
def test_p_values_are_probabilities_and_fall_with_z_within_a_rung(past: list[float], a: float, b: float) -> None:
    tail = Tail()
    for z in past:
        tail.learn_one(z)
    low, high = sorted((a, b))
    assert 0 < tail.score_one(high) <= 1
    if surprisal(high) < 3:  # one rung: monotone
        assert tail.score_one(high) <= tail.score_one(low)


@pytest.mark.parametrize("df", [3, 5, 30])
def test_realised_tail_probability_is_near_the_nominal_one(df: int) -> None:
    """After 20,000 points of Student's t, one in a thousand by the tail is between 1 in 2,500 and 1 in 400."""
    draw = random.Random(df)

    def z() -> float:
        chi = sum(draw.gauss(0, 1) ** 2 for _ in range(df))
        return max(0.0, draw.gauss(0, 1) / math.sqrt(chi / df))

    tail = Tail()
    for _ in range(20_000):
        tail.learn_one(z())
    hits = sum(tail.score_one(z()) < 1e-3 for _ in range(20_000))
    assert 8 <= hits <= 50


def test_quantile_is_where_the_p_value_begins() -> None:
    draw = random.Random(1)
    tail = Tail()
    for _ in range(5_000):
        tail.learn_one(abs(draw.gauss(0, 1)))
    _, up = tail.quantiles(1e-5)
    assert math.isclose(tail.score_one(up), 1e-5, rel_tol=0.01)


def test_what_recurs_becomes_less_surprising() -> None:
    tail = Tail()
    for _ in range(1_000):
        tail.learn_one(0.5)
    first = tail.score_one(20.0)
    for _ in range(50):
        tail.learn_one(20.0)
    assert tail.score_one(20.0) > 100 * first


def test_what_was_odd_while_nothing_was_known_is_soon_forgotten() -> None:
    early, evenly = Tail(), Tail()
    for i in range(3_000):
        early.learn_one(30.0 if i < 300 and i % 10 == 0 else 0.5)
        evenly.learn_one(30.0 if i % 100 == 0 else 0.5)
    assert early.score_one(30.0) < evenly.score_one(30.0) / 5


def test_a_tail_of_millions_of_points_says_what_it_said_before_its_sums_were_made_smaller() -> None:
    draw = random.Random(2)
    tail = Tail()
    for _ in range(25_000):
        tail.learn_one(draw.gauss(0, 1.5))
    by = 1e100 / tail._weight
    tail._n, tail._weight = tail._n * by, tail._weight * by
    tail._above, tail._excess = [each * by for each in tail._above], [each * by for each in tail._excess]
    before = tail.score_one(7.0)
    tail.learn_one(0.0)
    assert tail._weight < 3_000
    assert tail.score_one(7.0) == pytest.approx(before, rel=1e-3)


def test_what_is_odd_less_often_than_it_should_be_gets_smaller_p_values_and_the_other_way_never() -> None:
    draw = random.Random(4)
    calm, fair, wild, burst = Frequency(), Frequency(), Frequency(), Frequency()
    for i in range(20_000):
        calm.learn_one(1.0)
        fair.learn_one(draw.random() * fair.factor)
        wild.learn_one(draw.random() / 5)
        burst.learn_one(1e-9 if i % 1000 < 6 and i > 10_000 else 1.0)
    assert calm.factor == pytest.approx(0.2)
    assert fair.factor == pytest.approx(0.9, abs=0.25)
    assert wild.factor == 1.0
    assert burst.factor == pytest.approx((10 + 5) / 25)  # ten runs
