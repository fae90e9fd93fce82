"""What people say of anomalies: what counts and when, and what the series core makes of it."""

import random
from datetime import UTC, datetime

from hypothesis import given, settings
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


def test_further_verdicts_of_an_open_alarm_are_told_by_the_level_that_holds():
    def finding(at, p_value):
        return Finding(LATENCY, START + at, "drift", p_value, "up", None, None, None, None, "moved", Evidence())

    def severities(*verdicts):
        core = SeriesCore(Config(), told(*verdicts)[0])
        return [a.severity for a in core.observe(finding(600, 1e-5)) + core.observe(finding(900, 1e-7))]

    assert severities() == ["warning", "error"]  # a thousandth of 7e-4
    assert severities(said("a")) == ["warning", "warning"]


def test_what_is_held_is_no_candidate_and_the_others_are_held_against_the_level():
    config = Config.model_validate({"detect": {"false_discoveries": {"rate": 0.1}}})
    values = noise(800)
    values[600], values[700] = MILD, 160.0
    core = SeriesCore(config, told(said("a"))[0])
    assert openings(core, values) == [(700, "up")]
    assert core.counts()["held:feedback"] == 1
    assert core.counts().get("held:false_discoveries", 0) == 0


SPIKES = {280: 118.0, 297: 121.0, 310: 160.0, 325: 75.0, 340: 130.0, 360: 250.0, 385: 132.0}
POINTS = [
    Metric(START + 60 * i, "latency", SPIKES.get(i, value), {"service": "cart"}) for i, value in enumerate(noise(420))
]
LAG = 10
"""Minutes from when a verdict is said to when it holds."""
MINUTES = st.integers(250, 400)


@st.composite
def histories(draw):
    """Verdicts, each with the points that had come when it was heard: none that it holds for."""
    heard = []
    for i in range(draw(st.integers(1, 4))):
        at = draw(MINUTES)
        if heard and draw(st.booleans()):
            verdict = undone(f"u{i}", draw(st.sampled_from(heard))[1].id, 60 * at)
        else:
            verdict = said(f"v{i}", 60 * at, draw(st.sampled_from(["up", "down", "both"])))
        heard.append((draw(st.integers(at, at + LAG)), verdict))
    return sorted(heard, key=lambda pair: pair[0])


@settings(max_examples=25)
@given(histories(), st.lists(MINUTES, max_size=2))
def test_heard_on_the_way_or_at_a_restart_nothing_differs(heard, restarts):
    """A run that hears each verdict live, and goes on after each restart from a snapshot, with all of them known."""

    live, everything = Feedback(60.0 * LAG), Feedback(60.0 * LAG)
    for _, verdict in heard:
        everything.learn(verdict)
    steady, moved = DetectStage(Config(), "metrics/0", 1, live), DetectStage(Config(), "metrics/0", 1, everything)
    expected, found, at = [], [], 0
    for upto, verdict in [*heard, (len(POINTS), None)]:
        expected += steady.process(POINTS[at:upto])
        at = upto
        if verdict is not None:
            live.learn(verdict)
    at = 0
    for upto in [*sorted(restarts), len(POINTS)]:
        found += moved.process(POINTS[at:upto])
        at, before = upto, moved
        moved = DetectStage(Config(), "metrics/0", 1, everything)
        assert moved.restore(before.snapshot()) == {}
    assert found == expected
    assert moved.snapshot() == steady.snapshot()


def test_that_property_is_of_something():
    plain, calm = DetectStage(Config(), "metrics/0", 1), DetectStage(Config(), "metrics/0", 1, told(said("a"))[0])
    assert plain.process(POINTS) != calm.process(POINTS)
    assert calm.counts()["held:feedback"] > 0


def test_records_are_bounded(monkeypatch):
    monkeypatch.setattr("floodmark.detect.feedback._KEPT", 2)
    feedback, odd = told(said("a"), said("b"), said("c"), undone("x", "a", 0), said("a"))
    assert [bool(each) for each in odd] == [False, False, True, True, False]
    assert (feedback.standing, calmer(feedback)) == (2, 100)
