"""Heads: exact tails, unsaturated scores, and a point that is never part of its own baseline."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.counts import CountTail, log_count_tail
from floodmark.detect.heads import Context, Flatline, ForecastResidual, Head, LevelShift, Range
from floodmark.detect.tail import gaussian


def at(value: float, expected: float = 10.0, time: float = 0.0) -> Context:
    return Context(time, value, expected, expected, 0.01)


@pytest.mark.parametrize("z", [1.5, 2.0, 3.0, 5.0, 8.0])
def test_gaussian_inverts_the_two_sided_tail(z: float) -> None:
    assert gaussian(-math.log(math.erfc(z / math.sqrt(2)))) == pytest.approx(z, abs=0.02)


@given(st.integers(0, 40), st.floats(0.05, 30))
def test_poisson_tails_are_exact(count: int, rate: float) -> None:
    pmf = [math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(200)]
    assert math.exp(log_count_tail(count, rate, 1.0, upper=True)) == pytest.approx(sum(pmf[count:]), rel=1e-6)
    assert math.exp(log_count_tail(count, rate, 1.0, upper=False)) == pytest.approx(sum(pmf[: count + 1]), rel=1e-6)


@given(st.integers(0, 60), st.floats(0.5, 30), st.floats(1.05, 8))
def test_negative_binomial_tails_are_exact(count: int, rate: float, dispersion: float) -> None:
    size, p = rate / (dispersion - 1), 1 / dispersion
    log_pmf = [
        math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1) + size * math.log(p) + k * math.log(1 - p)
        for k in range(1500)
    ]
    upper = sum(map(math.exp, log_pmf[count:]))
    assert math.exp(log_count_tail(count, rate, dispersion, upper=True)) == pytest.approx(upper, rel=1e-5)


@pytest.mark.parametrize("head", [ForecastResidual(), Range(), LevelShift(), CountTail()])
def test_scores_do_not_saturate(head: Head) -> None:
    for i in range(200):
        head.learn_one(at(10 + (i % 5) * 0.1, 10.2))
    small, large = head.score_one(at(20, 10.2)), head.score_one(at(2000, 10.2))
    assert large > 5 * small > 0


@pytest.mark.parametrize("head", [ForecastResidual(), Range(), LevelShift(), Flatline(), CountTail()])
def test_scoring_changes_nothing(head: Head) -> None:
    for i in range(100):
        head.learn_one(at(10 + i % 7))
    assert head.score_one(at(500)) == head.score_one(at(500))


def test_a_spike_does_not_hide_the_next() -> None:
    head = ForecastResidual()
    for i in range(300):
        head.learn_one(at(10 + (i % 3 - 1) * 0.5))
    before = head.score_one(at(30))
    head.learn_one(at(1e6))
    assert head.score_one(at(30)) > 0.8 * before


def test_range_is_silent_inside_what_has_been() -> None:
    head = Range()
    for value in (3.0, 17.0, 9.0):
        head.learn_one(at(value))
    assert head.score_one(at(12)) == 0
    assert head.score_one(at(18)) > 0
    assert head.score_one(at(2)) < 0


def test_flatline_needs_a_series_that_moves() -> None:
    moving, still = Flatline(), Flatline()
    for i in range(200):
        moving.learn_one(at(float(i % 11)))
        still.learn_one(at(5.0))
    for _ in range(40):
        moving.follow(at(5.0))
        still.follow(at(5.0))
    assert moving.score_one(at(5.0)) > 6
    assert still.score_one(at(5.0)) == 0
