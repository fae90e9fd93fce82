"""Seasons: of counts, where chance hides them in each; of points as rare as slots; and at the edges of a day."""

from __future__ import annotations

import math

import numpy as np
import pytest

from floodmark.detect.forecast import DAY, Forecaster

NOON = 6 * DAY + DAY / 4
MIDNIGHT = 6 * DAY + 3 * DAY / 4


def taught(forecaster: Forecaster, amplitude: float, interval: float = 60.0) -> Forecaster:
    """Six days of counts of 0.9 a minute, that much more at noon, which is the sine's here."""
    draw = np.random.default_rng(5)
    for i in range(int(6 * DAY / interval)):
        time = i * interval
        rate = (0.9 + amplitude * math.sin(2 * math.pi * time / DAY)) * interval / 60
        forecaster.learn_one(time, float(draw.poisson(rate)))
    return forecaster


@pytest.mark.parametrize("interval", [60.0, 300.0])
def test_a_season_that_is_less_than_chance_is_seen_in_counts(interval: float) -> None:
    forecaster = taught(Forecaster(counts=True), 0.6, interval)
    day, night = forecaster.slow_one(NOON)[0], forecaster.slow_one(MIDNIGHT)[0]
    assert day == pytest.approx(1.5 * interval / 60, rel=0.35)
    assert night == pytest.approx(0.3 * interval / 60, abs=0.25 * interval / 60)


def test_counts_without_a_season_get_none() -> None:
    forecaster = taught(Forecaster(counts=True), 0.0)
    assert forecaster.slow_one(NOON)[1] == 0.0
    assert forecaster.slow_one(MIDNIGHT)[1] == 0.0


def test_single_values_of_a_gauge_decide_by_themselves() -> None:
    assert taught(Forecaster(), 0.6).slow_one(NOON)[1] == 0.0


def worked(hours: tuple[int, int], interval: float, days: float) -> Forecaster:
    """A job that runs within these hours of each day: 80, else 20."""
    forecaster = Forecaster()
    for i in range(int(days * DAY / interval)):
        time = i * interval
        forecaster.learn_one(time, 80.0 if hours[0] <= time % DAY / 3600 < hours[1] else 20.0)
    return forecaster


def test_at_the_edge_of_a_job_both_sides_are_normal() -> None:
    forecaster = worked((9, 18), 300.0, 5)
    for minute, value in ((-5, 80.0), (-5, 20.0), (0, 80.0), (5, 20.0), (5, 80.0)):
        expected, season = forecaster.nearest_one(5 * DAY + 9 * 3600 + minute * 60, value)
        assert expected == pytest.approx(value, abs=8.0), (minute, value, season)


def test_a_job_that_is_missing_is_no_odd_point_and_one_out_of_time_is() -> None:
    noon, night = 5 * DAY + 12 * 3600, 5 * DAY + 3 * 3600
    forecaster = worked((9, 18), 300.0, 5)
    assert forecaster.nearest_one(noon, 20.0) == (pytest.approx(20.0, abs=1.0), "")
    assert forecaster.nearest_one(noon, 80.0) == (pytest.approx(80.0, abs=8.0), "daily")
    assert forecaster.nearest_one(night, 80.0)[0] == pytest.approx(20.0, abs=8.0)
    assert forecaster.nearest_one(noon, 200.0)[0] == pytest.approx(80.0, abs=8.0)


def test_without_a_season_the_level_is_expected_whatever_comes() -> None:
    forecaster = Forecaster()
    for i in range(500):
        forecaster.learn_one(60.0 * i, 10.0)
    assert forecaster.nearest_one(30_000.0, 99.0) == (10.0, "") == forecaster.forecast_one(30_000.0)


def test_points_of_the_full_hour_are_not_blurred_with_those_of_the_hour_before() -> None:
    forecaster = Forecaster()
    for hour in range(24 * 7 * 4):
        busy = hour // 24 % 7 < 5 and hour % 24 == 12
        forecaster.learn_one(hour * 3600.0, 100.0 if busy else 10.0)
    monday = 28 * DAY
    assert forecaster.forecast_one(monday + 12 * 3600) == (pytest.approx(100.0, abs=5.0), "weekly")
    assert forecaster.forecast_one(monday + 13 * 3600)[0] == pytest.approx(10.0, abs=5.0)
    assert forecaster.forecast_one(monday + 5 * DAY + 12 * 3600)[0] == pytest.approx(10.0, abs=5.0)
