import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.predictions.tests_of_change import (
    Moments,
    chi_square_sf,
    design_effect,
    moments,
    normal_two_sided,
    poisson_sf,
    same_shares,
    share_rose,
    stability_index,
    two_means_z,
)


@pytest.mark.parametrize(("z", "p"), [(0.0, 1.0), (1.959964, 0.05), (-2.575829, 0.01), (4.891638, 1e-6)])
def test_normal_tail_against_the_tables(z, p):
    assert normal_two_sided(z) == pytest.approx(p, rel=1e-4)


def test_p_values_never_reach_zero():
    assert normal_two_sided(1e6) == 1e-300
    assert chi_square_sf(1e9, 3) == 1e-300


@pytest.mark.parametrize(
    ("x", "df", "p"),
    [
        (3.841459, 1, 0.05),
        (16.918978, 9, 0.05),
        (27.877165, 9, 0.001),
        (0.0, 5, 1.0),
        (2.0, 2, math.exp(-1)),
        (5.0, 0, 1.0),
    ],
)
def test_chi_square_tail_against_the_tables(x, df, p):
    assert chi_square_sf(x, df) == pytest.approx(p, rel=1e-4)


@given(st.floats(0.01, 300), st.integers(1, 60))
def test_chi_square_tail_falls(x, df):
    assert 1e-300 <= chi_square_sf(x * 1.1, df) <= chi_square_sf(x, df) + 1e-12 <= 1.0 + 1e-12


def test_fisher_tail_is_a_sum_of_binomial_coefficients():
    whole = math.comb(30, 10)
    expected = sum(math.comb(8, i) * math.comb(22, 10 - i) for i in range(5, 9)) / whole
    assert share_rose(5, 10, 3, 20) == pytest.approx(expected, rel=1e-9)


def test_a_share_that_fell_did_not_rise():
    assert share_rose(1, 100, 50, 100) == 1.0
    assert share_rose(0, 0, 5, 10) == 1.0


def test_poisson_tail():
    assert poisson_sf(0, 3.0) == 1.0
    assert poisson_sf(1, 0.5) == pytest.approx(1 - math.exp(-0.5))
    assert poisson_sf(1, 0.0) == 1e-300


def test_two_means_with_pooled_variance():
    z = two_means_z(Moments(100, 0.0, 1.0), Moments(100, 1.0, 1.0))
    assert z == pytest.approx(1 / math.sqrt(0.02))
    assert two_means_z(Moments(100, 0.0, 1.0), Moments(100, 1.0, 1.0), effect=4.0) == pytest.approx(z / 2)
    assert math.isfinite(two_means_z(Moments(100, 0.0, 0.0), Moments(100, 1.0, 0.0)))


def test_design_effect_of_an_ar1_process_is_near_the_theory():
    rng = random.Random(3)
    x, values = 0.0, []
    for _ in range(4000):
        x = 0.8 * x + rng.gauss(0, 0.6)
        values.append(x)
    assert 6 < design_effect(values) < 14  # (1 + .8)/(1 - .8) = 9
    rng.shuffle(values)
    assert design_effect(values) < 1.3
    assert design_effect([5.0] * 1000) == 1.0


def test_stability_index_by_its_usual_convention():
    assert stability_index([100] * 10, [50] * 10) < 0.001
    assert stability_index([500, 500], [400, 600]) == pytest.approx(0.0405, abs=0.001)
    assert stability_index([500, 500], [0, 1000]) > 0.25


def test_shares_that_differ():
    assert same_shares([500, 500], [250, 250]) == 1.0
    assert same_shares([500, 500], [100, 400]) < 1e-20
    assert same_shares([500, 500], [100, 400], effect=50.0) > 0.01
    assert same_shares([0, 0], [1, 1]) == 1.0


def test_moments_of_nothing():
    assert moments([]) == (0, 0.0, 0.0)


def summed(k, mean):
    """P(X ≥ k) as one adds it up."""
    return 1.0 - math.fsum(math.exp(-mean + i * math.log(mean) - math.lgamma(i + 1)) for i in range(k))


@given(st.integers(1, 3000), st.floats(-4.0, 5.0))
def test_a_long_poisson_tail_is_the_sum_that_it_stands_for(k, deviations):
    mean = k - deviations * math.sqrt(k)
    if mean > 0.0:
        assert poisson_sf(k, mean) == pytest.approx(summed(k, mean), rel=1e-6, abs=1e-11)


@pytest.mark.parametrize(("k", "mean"), [(101, 1e-6), (101, 1e6), (10**9, 1e9), (10**6, 1.0), (500, 5e-324)])
def test_a_poisson_tail_is_a_probability_however_far_out(k, mean):
    assert 0.0 < poisson_sf(k, mean) <= 1.0
