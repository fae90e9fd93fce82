"""The clocks of sources: what is wrong by how much, and that no time that can be is touched."""

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Config, Limits
from floodmark.detect import DetectStage
from floodmark.detect.clocks import Clocks
from floodmark.signals import Histogram, Metric, Origin, Samples

NOON = 1_769_860_800.0
CONFIG = Config()
CAM = {"host": "cam7", "service": "video"}


def judged(clocks: Clocks, leads: list[float], *, step: float = 60.0, start: float = NOON) -> list[float]:
    """How far ahead of their records the events of cam7 are judged, `step` seconds apart; another source is right."""
    found = []
    for i, lead in enumerate(leads):
        here = start + step * i
        assert clocks.time("log", {"host": "right"}, here - 1, here) == here - 1
        found.append(round(clocks.time("log", CAM, here + lead, here) - here, 3))
    return found


def test_a_time_that_can_be_is_not_touched() -> None:
    draw, clocks = random.Random(1), Clocks(CONFIG)
    leads = [round(draw.uniform(-25, 9.9), 2) for _ in range(200)]
    assert judged(clocks, leads) == leads
    assert clocks.counts() == {}


def test_two_wild_times_get_kafkas_and_the_third_makes_an_offset() -> None:
    clocks = Clocks(CONFIG)
    assert judged(clocks, [-1, 600, 599, 600, 599, 598, 601]) == [-1, 0, 0, 0, -1, -2, 1]
    assert clocks.skews() == [("cam7", 600.0)]
    assert clocks.counts() == {"clock:wild": 2, "clock:fast": 4}


def test_one_wild_time_is_no_wrong_clock() -> None:
    clocks = Clocks(CONFIG)
    assert judged(clocks, [-1, 3_000, -1, 200, 100, -1]) == [-1, 0, -1, 0, 0, -1]
    assert clocks.skews() == []
    assert clocks.sizes() == {"skewed_sources": 0}


def test_a_clock_that_gains_keeps_its_intervals() -> None:
    found = judged(Clocks(CONFIG), [600.0 + i for i in range(60)])[2:]
    steps = [b - a for a, b in pairwise(found)]
    assert max(found) <= 10
    assert min(steps) >= 0


def test_a_mended_clock_is_believed_again() -> None:
    clocks = Clocks(CONFIG)
    found = judged(clocks, [600.0] * 10 + [0.0] * 30)
    assert found[10:14] == [0, 0, 0, 0]  # not ten minutes earlier than what came before
    assert clocks.counts()["clock:mended"] == 1
    assert clocks.skews() == []


def test_a_clock_that_is_mended_in_part_has_a_smaller_offset() -> None:
    clocks = Clocks(CONFIG)
    judged(clocks, [900.0] * 10 + [300.0] * 50)
    assert clocks.skews() == [("cam7", 300.0)]


def test_a_slow_clock_is_one_after_ten_minutes() -> None:
    clocks = Clocks(CONFIG)
    found = judged(clocks, [-1_800.0 - i % 3 for i in range(40)])
    assert (found[18], found[20]) == (-1_800, -2)
    assert clocks.skews() == [("cam7", -1_800.0)]


def test_a_backlog_is_not_a_slow_clock() -> None:
    clocks = Clocks(CONFIG)
    leads = [-1_800.0 + 20 * i for i in range(85)]
    assert judged(clocks, leads) == leads


def test_where_all_lag_none_is_slow() -> None:
    clocks = Clocks(CONFIG)
    for i in range(100):
        for host in "ab":
            here = NOON + 60 * i
            assert clocks.time("metric", {"host": host}, here - 300, here) == here - 300


def test_they_are_bounded() -> None:
    clocks = Clocks(Config(limits=Limits(sources=3)))
    for i in range(50):
        for k in range(5):
            clocks.time("log", {"host": f"h{i}"}, NOON + 60 * i + k + 700, NOON + 60 * i + k)
    assert clocks.sizes() == {"skewed_sources": 3}
    assert clocks.counts()["clock:forgotten"] == 47


def test_it_is_told_once_and_so_is_its_end() -> None:
    clocks = Clocks(CONFIG)
    judged(clocks, [600.0] * 200)
    (told,) = clocks.advance(NOON + 12_000)
    assert told.summary.startswith("cam7's clock is 10 min fast: its events are judged 10 min earlier")
    assert (told.event, told.series) == ("opened", 'clock_skew_seconds{host="cam7",service="video"}')
    assert clocks.remarks() == [told.summary]
    judged(clocks, [0.0] * 30, start=NOON + 12_000)
    (over,) = clocks.advance(NOON + 14_000)
    assert (over.event, over.id) == ("closed", told.id)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(-90_000, 90_000), st.booleans()), max_size=120))
def test_no_time_is_later_than_its_record_by_more_than_the_tolerance(
    events: list[tuple[str, float, bool]],
) -> None:
    clocks = Clocks(CONFIG)
    for i, (host, lead, sure) in enumerate(events):
        here = NOON + 13.0 * i
        time = clocks.time("metric", {"host": host}, here + lead, here if sure else -here)
        assert time <= here + clocks.tolerance + 1e-6
        assert time == here + lead or lead > clocks.tolerance or clocks.counts()


hosts = st.sampled_from("abc")
offsets = st.sampled_from([0.0, 0.0, 0.0, 5.0, 120.0, 900.0, -900.0])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(hosts, offsets, st.booleans()), max_size=90), st.lists(st.integers(0, 90), max_size=4))
def test_by_column_is_one_by_one(events: list[tuple[str, float, bool]], cuts: list[int]) -> None:
    signals: list[Metric | Histogram] = []
    arrivals = []
    for i, (host, offset, histogram) in enumerate(events):
        here = NOON + 11.0 * i
        arrivals.append(here)
        if histogram:
            signals.append(Histogram(here + offset, "took", 5.0 + i, labels={"host": host}))
        else:
            signals.append(Metric(here + offset, "load", float(i % 5), {"host": host}))
    one = DetectStage(CONFIG, "t/0", 1)
    expected = [told for signal, here in zip(signals, arrivals, strict=True) for told in one.process([signal], [here])]
    many, found, at = DetectStage(CONFIG, "t/0", 1), [], 0
    for cut in sorted({min(cut, len(signals)) for cut in cuts} | {len(signals)}):
        some = signals[at:cut]
        metrics = [each for each in some if isinstance(each, Metric)]
        columns = Samples(
            [Origin(each.name, each.labels, each.kind, each.unit) for each in metrics],
            [each.time for each in metrics],
            [each.value or 0.0 for each in metrics],
            [
                (sum(isinstance(before, Metric) for before in some[:i]), each)
                for i, each in enumerate(some)
                if isinstance(each, Histogram)
            ],
            [(1, 0) if isinstance(each, Metric) else (0, 1) for each in some],
        )
        found += many.take(columns, np.array(arrivals[at:cut], np.float64))
        at = cut
    assert found == expected
    assert many.counts() == one.counts()


@pytest.mark.parametrize("arrival", [math.nan, -NOON])
def test_what_is_not_known_does_not_make_a_clock_slow(arrival: float) -> None:
    clocks = Clocks(CONFIG)
    for i in range(100):
        assert clocks.time("log", CAM, NOON - 5_000 + i, arrival - 60 * i) == NOON - 5_000 + i


def test_two_clocks_under_one_name_and_the_right_one_is_left_alone() -> None:
    """Two replicas that say no more than their service, one of them ten minutes fast."""
    clocks, labels = Clocks(CONFIG), {"service": "web"}
    right = []
    for i in range(600):
        here = NOON + i
        lead = 600.0 if i % 10 < 5 else -1.0
        judged_at = clocks.time("log", labels, here + lead, here) - here
        assert -2 <= judged_at <= clocks.tolerance
        right += [judged_at] if lead < 0 else []
    assert set(right) == {-1.0}


def test_whoever_is_heard_no_more_is_let_go() -> None:
    clocks = Clocks(CONFIG)
    clocks.time("metric", {"host": "gone"}, NOON + 300, NOON)
    assert not clocks.near(NOON + 60, NOON + 60)  # as long as there is one, every event is looked at
    clocks.advance(NOON + 3_599)
    assert not clocks.near(NOON + 60, NOON + 60)
    clocks.advance(NOON + 3_601)
    assert clocks.near(NOON + 3_700, NOON + 3_700)
