"""An outage while a series is being learned does not become normal."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Config, Detector
from floodmark.detect import starts
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Sample, Series

START = 1_700_006_400.0


def series(kind="gauge", worse="both", signal="metric"):
    return Series("x", "x", {}, "x", "default", signal, kind=kind, worse=worse)


def told(values, of=None, core=None):
    core = core or SeriesCore(Config())
    of = of or series()
    found = []
    for i, value in enumerate(values):
        found += core.observe(Sample(of, START + 60.0 * i, value))
        found += core.advance(START + 60.0 * i)
    return found


def minutes(found, *events):
    return [round((each.updated_at.timestamp() - START) / 60) for each in found if each.event in events]


def noise(number, mean=20.0, size=3.0, seed=1):
    draw = random.Random(seed)
    return [draw.gauss(mean, size) for _ in range(number)]


ERRORS = series("count", "up", "log")


def test_what_a_series_came_back_from_is_set_apart():
    values = [*noise(5), *[100.0] * 10, *noise(5, seed=2)]
    assert starts.normal(values, counts=False, upwards=False) == [True] * 5 + [False] * 10 + [True] * 5


def test_what_it_began_in_is_set_apart():
    values = [*[100.0] * 10, *noise(10)]
    assert starts.normal(values, counts=False, upwards=False) == [False] * 10 + [True] * 10


@pytest.mark.parametrize(
    "values",
    [
        noise(20),
        [20.0, 100.0] * 10,  # it comes and goes
        [*noise(10), 100.0, *noise(9, seed=2)],  # a spike
        [*noise(15), *[100.0] * 5],  # too little of the new state to be learned from
        [float(i) for i in range(20)],  # it grows
        [7.0] * 20,
    ],
)
def test_what_is_one_state_stays_whole(values):
    assert starts.normal(values, counts=False, upwards=False) is None


def test_of_errors_the_lower_state_is_normal_wherever_the_series_is_now():
    values = [0.0, 1.0, 0.0, 0.0, 0.0, 150.0, 120.0, 160.0]
    assert starts.normal(values, counts=True, upwards=True) == [True] * 5 + [False] * 3
    assert starts.normal([0.0] * 6 + [4.0, 5.0, 3.0], counts=True, upwards=True) == [True] * 6 + [False] * 3
    assert starts.normal([0.0, 0.0, 2.0, 0.0, 3.0, 0.0, 1.0], counts=True, upwards=True) is None


@given(st.lists(st.floats(-1e150, 1e150), max_size=60), st.booleans(), st.booleans())
def test_any_start(values, counts, upwards):
    found = starts.normal(values, counts=counts, upwards=upwards)
    assert found is None or (len(found) == len(values) and 4 <= sum(found) < len(values))


@pytest.mark.parametrize("onset", [0, 3, 10, 19])
def test_the_second_and_third_outage_of_a_gauge_are_told(onset):
    values = noise(200)
    for begins in (onset, 80, 130):
        values[begins : begins + 8] = [100.0] * 8
    opened = minutes(told(values), "opened")
    assert 80 in opened
    assert 130 in opened


@pytest.mark.parametrize("onset", [0, 3, 10, 19])
def test_the_second_and_third_burst_of_errors_are_told(onset):
    values = [0.0] * 150
    for begins in (onset, 45, 110):
        values[begins : begins + 12] = [140.0] * 12
    found = told(values, ERRORS)
    words = minutes(found, "opened", "updated")
    assert 45 in words
    assert 110 in words
    assert all(each.severity == "error" for each in found)


def test_errors_may_alarm_within_the_warm_up_and_other_counts_may_not():
    values = [0.0] * 10 + [150.0] * 3
    assert minutes(told(values, ERRORS), "opened") == [10]
    assert not told(values, series("count"))
    assert not told([0.0, 0.0, 150.0], ERRORS)


def test_no_word_is_surer_than_what_was_seen():
    (anomaly,) = told([0.0] * 10 + [150.0], ERRORS)
    assert anomaly.p_value == 1 / 11
    assert anomaly.surprise > 7
    assert anomaly.severity == "error"
    assert "(never seen in 10 points)" in anomaly.summary
    (spike,) = told([*noise(300), 90.0])
    assert spike.p_value == 1 / 301
    assert "(never seen in 300 points)" in spike.summary


def test_of_a_start_that_was_not_normal_it_is_said_so():
    found = told([150.0] * 6 + [0.0] * 10 + [150.0], ERRORS)
    assert "(never seen in 10 points that were normal)" in found[0].summary


def test_an_alarm_that_is_back_is_told_at_once():
    values = [0.0] * 30 + [150.0] * 3 + [0.0] * 3 + [140.0] * 2 + [0.0] * 20
    found = told(values, ERRORS)
    assert minutes(found, "opened") == [30]
    (back,) = [each for each in found if each.returns == 1 and each.event == "updated"]
    assert minutes([back], "updated") == [36]
    assert "is 140" in back.summary
    assert found[-1].event == "closed"
    assert found[-1].returns == 1


def test_a_count_of_an_open_window_may_open_an_alarm_and_teaches_nothing():
    core = SeriesCore(Config())
    assert not told([0.0] * 30, ERRORS, core)
    at = START + 60.0 * 29
    assert not core.observe(Sample(ERRORS, at, 1.0, early=True))
    (opened,) = core.observe(Sample(ERRORS, at, 30.0, early=True))
    assert (opened.event, opened.observed) == ("opened", 30.0)
    assert not core.observe(Sample(ERRORS, at, 31.0, early=True))
    (updated,) = core.observe(Sample(ERRORS, at + 60, 180.0))
    assert updated.id == opened.id
    unknown = Series("y", "y", {}, "y", "default", "log", kind="count", worse="up")
    assert not core.observe(Sample(unknown, at, 30.0, early=True))
    assert core.sizes()["series"] == 1


def test_a_quantity_that_was_never_negative_is_not_expected_to_be():
    draw = random.Random(3)
    found = told([max(0.0, draw.gauss(0.3, 0.2)) for _ in range(60)] + [9.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert found
    for each in found:
        assert each.low is None or each.low >= 0
        assert each.observed is None or each.observed >= 0
        assert all(point.low is None or point.low >= 0 for point in each.evidence.points)


def test_a_share_is_not_expected_to_be_more_than_the_whole():
    draw = random.Random(4)
    ratio = series("ratio", signal="log")
    found = told([min(1.0, max(0.0, draw.gauss(0.9, 0.1))) for _ in range(60)] + [0.0], ratio)
    assert found
    assert all(each.high is None or each.high <= 1 for each in found)


def test_with_a_model_of_river_a_start_stays_as_it_is():
    detector = Detector(model="river.anomaly.HalfSpaceTrees")
    core = SeriesCore(Config(detectors=[detector]))
    told([*noise(5), *[100.0] * 10, *noise(5, seed=2)], core=core)
    assert core.sizes()["warming"] == 0
