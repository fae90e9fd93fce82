import random

import pytest

from floodmark.detect.predictions.error_drift import DELTA, ErrorDrift


def shifts(draw, n, *, scaled, seed=1):
    drift, rng = ErrorDrift(500, scaled=scaled), random.Random(seed)
    found = [(i, drift.update(draw(rng, i), float(i))) for i in range(n)]
    return [(i, shift) for i, shift in found if shift is not None]


@pytest.mark.parametrize("seed", range(3))
def test_a_rising_error_rate_is_found_once_and_dated(seed):
    found = shifts(lambda rng, i: float(rng.random() < (0.08 if i < 3000 else 0.22)), 8000, scaled=False, seed=seed)
    assert len(found) == 1
    at, shift = found[0]
    assert 3000 <= at < 3500
    assert shift.before == pytest.approx(0.08, abs=0.02)
    assert shift.after == pytest.approx(0.22, abs=0.06)
    assert shift.n_before + shift.n == at + 1
    assert shift.high < shift.after
    assert 1e-300 <= shift.p_value <= DELTA
    assert [p.time for p in shift.points] == sorted(p.time for p in shift.points)


@pytest.mark.parametrize("seed", range(3))
def test_a_doubled_absolute_error_is_found_in_its_own_unit(seed):
    found = shifts(lambda rng, i: abs(rng.gauss(0, 3000 if i < 3000 else 6000)), 6000, scaled=True, seed=seed)
    assert len(found) == 1
    assert found[0][1].before == pytest.approx(2400, rel=0.1)
    assert found[0][1].after == pytest.approx(4800, rel=0.25)


def test_errors_that_get_fewer_are_a_shift_down():
    found = shifts(lambda rng, i: float(rng.random() < (0.3 if i < 2000 else 0.05)), 4000, scaled=False)
    assert [shift.after < shift.before for _, shift in found] == [True]


@pytest.mark.parametrize(
    ("draw", "scaled"),
    [
        (lambda rng, i: float(rng.random() < 0.1), False),
        (lambda rng, i: 0.0, False),
        (lambda rng, i: abs(rng.gauss(0, 1e-9)), True),
        (lambda rng, i: rng.paretovariate(1.5), True),
        (lambda rng, i: 0.0, True),
    ],
)
def test_steady_errors_are_silent(draw, scaled):
    assert shifts(draw, 20_000, scaled=scaled) == []


def test_first_errors_after_perfection():
    found = shifts(lambda rng, i: 0.0 if i < 1000 else 1.0, 1500, scaled=True)
    assert len(found) == 1
    assert found[0][0] < 1100
