"""What people say of anomalies: what counts and when, and what the series core makes of it."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.alerts import Evidence
from floodmark.config.models import Config
from floodmark.detect.core import SeriesCore
from floodmark.detect.feedback import Feedback
from floodmark.detect.series import Finding, Sample, Series
from floodmark.detect.stage import DetectStage
from floodmark.signals import Metric, Verdict

START = 1_700_006_400.0
DELAY = 60.0
LATENCY = Series('latency{service="cart"}', "latency", {"service": "cart"}, "cart", "default", "metric")


def said(id, at=0.0, direction="up", series=LATENCY.key):
    when = datetime.fromtimestamp(START + at, UTC)
    return Verdict(id=id, verdict="not_anomaly", series=series, direction=direction, by="ann", at=when)


def undone(id, of, at):
    return Verdict(id=id, verdict="undo", undoes=of, by="bob", at=datetime.fromtimestamp(START + at, UTC))


def told(*verdicts):
    feedback = Feedback(DELAY)
    return feedback, [feedback.learn(verdict) for verdict in verdicts]


def calmer(feedback, direction="up", at=1e6, series=LATENCY.key):
    return feedback.calmer(series, direction, START + at)


def test_each_divides_the_level_by_ten_and_at_most_three_count():
    verdicts = [said(str(i)) for i in range(400)]
    assert [calmer(told(*verdicts[:n])[0]) for n in (0, 1, 2, 3, 4, 400)] == [1, 10, 100, 1000, 1000, 1000]


def test_it_is_of_one_series_and_direction():
    feedback, _ = told(said("a"), said("b", direction="both"))
    assert [calmer(feedback, way) for way in ("up", "down", "none")] == [100, 10, 10]
    assert calmer(feedback, series="latency") == 1


def test_it_holds_after_the_delay_in_event_time():
    feedback, _ = told(said("a", at=100), undone("b", "a", at=500))
    assert [calmer(feedback, at=at) for at in (100, 160, 160.001, 560, 560.001)] == [1, 1, 10, 10, 1]


def test_an_undo_counts_once_from_its_first_time_on_and_makes_room_for_another():
    feedback, odd = told(*(said(str(i)) for i in range(4)), undone("x", "0", at=300), undone("y", "0", at=200))
    assert [calmer(feedback, at=at) for at in (250, 300)] == [1000, 1000]
    assert feedback.standing == 3
    feedback.learn(undone("z", "1", at=200))
    assert [calmer(feedback, at=at) for at in (250, 300)] == [1000, 100]
    assert odd[-1] == "0 was undone before, by bob"


def test_an_undo_of_nothing_is_said_and_holds_when_the_verdict_comes_later():
    feedback, odd = told(undone("x", "a", at=0))
    assert odd == ["it undoes a, which is no verdict that was heard so far"]
    assert feedback.standing == 0
    assert feedback.learn(said("a")) == ""
    assert calmer(feedback) == 1
    assert "no verdict" in feedback.learn(undone("y", "x", at=1))


def test_the_same_record_twice_is_once_and_another_of_its_id_is_said():
    feedback, odd = told(said("a"), said("a"), said("a", direction="both"))
    assert odd == ["", "", "there was another record of id a, which stands"]
    assert (calmer(feedback), calmer(feedback, "down"), feedback.standing) == (10, 1, 1)


VERDICTS = st.builds(
    lambda i, at, way, of: said(f"v{i}", at, way) if of is None else undone(f"u{i}", f"v{of}", at),
    st.integers(0, 10**6),
    st.integers(0, 1000),
    st.sampled_from(["up", "down", "both"]),
    st.none() | st.integers(0, 3),
)


@given(st.lists(VERDICTS, unique_by=lambda verdict: verdict.id), st.randoms(use_true_random=False))
def test_the_order_in_which_they_come_changes_nothing(verdicts, draw):
    other = draw.sample(verdicts, len(verdicts))
    one, two = told(*verdicts)[0], told(*other, *other)[0]
    for at in range(0, 1200, 50):
        for way in ("up", "down", "none"):
            assert calmer(one, way, at) == calmer(two, way, at)
    assert one.standing == two.standing


# -- in the core


def noise(n, seed=1):
    draw = random.Random(seed)
    return [draw.gauss(100, 3) for _ in range(n)]


MILD = 115.0
"""Odd at the level of one in ten thousand, not at a tenth of that."""


def spiked(*, at=600, value=MILD, n=800):
    values = noise(n)
    values[at] = value
    return values


def play(core, values, start=START):
    found = []
    for i, value in enumerate(values):
        time = start + 60 * i
        found += core.advance(time - 30)
        found += core.observe(Sample(LATENCY, time, value))
    return found


def openings(core, values):
    found = play(core, values)
    return [((a.started_at.timestamp() - START) / 60, a.direction) for a in found if a.event == "opened"]


def test_a_spike_that_alarmed_alarms_no_more_in_that_direction_and_is_learned():
    values = spiked()
    assert openings(SeriesCore(Config()), values) == [(600, "up")]
    core = SeriesCore(Config(), told(said("a"))[0])
    assert openings(core, values) == []
    assert core.counts()["held:feedback"] == 1
    assert openings(SeriesCore(Config(), told(said("a", direction="down"))[0]), values) == [(600, "up")]
    down = spiked(value=200 - MILD)
    assert openings(SeriesCore(Config(), told(said("a"))[0]), down) == [(600, "down")]
    assert openings(SeriesCore(Config(), told(said("a", direction="both"))[0]), down) == []


def test_it_alarms_again_once_it_is_undone():
    minute = 60.0
    late = told(said("a", at=600 * minute - DELAY))[0]  # the point at 600 is not later than that
    assert openings(SeriesCore(Config(), late), spiked()) == [(600, "up")]
    again = told(said("a"), undone("b", "a", at=500 * minute))[0]
    assert openings(SeriesCore(Config(), again), spiked()) == [(600, "up")]
    before = told(said("a"), undone("b", "a", at=700 * minute))[0]
    assert openings(SeriesCore(Config(), before), spiked()) == []


def test_what_is_far_out_alarms_all_the_same_and_is_judged_by_its_own_level():
    values = spiked(value=160.0)
    (plain,) = [a for a in play(SeriesCore(Config()), values) if a.event == "opened"]
    calm = SeriesCore(Config(), told(*(said(str(i)) for i in range(3)))[0])
    (told_of,) = [a for a in play(calm, values) if a.event == "opened"]
    assert told_of.p_value == plain.p_value
    assert told_of.high > plain.high


def test_a_finding_is_held_unless_it_is_below_the_level():
    def finding(p_value):
        return Finding(LATENCY, START + 600, "drift", p_value, "up", None, None, None, None, "moved", Evidence())

    calm = told(said("a"))[0]
    assert SeriesCore(Config()).observe(finding(1e-3))
    assert not SeriesCore(Config(), calm).observe(finding(1e-3))
    assert SeriesCore(Config(), calm).observe(finding(1e-9))


@pytest.mark.parametrize("cut", [550, 601, 650])
def test_a_restart_with_the_same_feedback_changes_nothing(cut):
    config = Config.model_validate({})
    verdicts = [said("a", at=500 * 60), said("b", at=620 * 60), undone("c", "a", at=640 * 60)]
    values = noise(900)
    for at, value in ((600, MILD), (635, 2 * MILD), (700, 3 * MILD)):
        values[at] = value
    points = [Metric(START + 60 * i, "latency", value, {"service": "cart"}) for i, value in enumerate(values)]

    def stage():
        return DetectStage(config, "metrics/0", 1, told(*verdicts)[0])

    whole = stage()
    first, rest = whole.process(points[:cut]), whole.process(points[cut:])
    broken = stage()
    broken.process(points[:cut])
    restored = stage()
    restored.restore(broken.snapshot())
    assert restored.process(points[cut:]) == rest
    assert restored.snapshot() == whole.snapshot()
    assert any(getattr(each, "event", "") == "opened" for each in [*first, *rest])
    assert whole.counts()["held:feedback"] > 0
