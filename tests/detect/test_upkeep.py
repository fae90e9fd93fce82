"""Maintenance that people announce: from when it holds, for what; the order in which it is heard is nothing."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.actions import Action, Arguments
from floodmark.config.models import Config
from floodmark.detect import upkeep as module
from floodmark.detect.core import SeriesCore
from floodmark.detect.schedules import Schedules
from floodmark.detect.series import Sample, Series
from floodmark.detect.upkeep import Upkeep

T0 = 1_700_000_000.0
DELAY = 60.0
LATENCY = Series("latency", "latency", {"service": "cart"}, "cart", "default", "metric")


def utc(time):
    return datetime.fromtimestamp(T0 + time, UTC)


def maintain(at, until, id="act-1", since=None, **match):
    times = {name: None if time is None else utc(time) for name, time in (("since", since), ("until", until))}
    args = Arguments(match=match, **times)
    return Action(id=id, verb="maintain", by="ann", at=utc(at), args=args)


def unmaintain(at, undoes="act-1", id="act-2"):
    return Action(id=id, verb="unmaintain", by="bob", at=utc(at), args=Arguments(undoes=undoes))


def heard(*actions):
    found = Upkeep(DELAY)
    for action in actions:
        assert found.learn(action) == ""
    return found


def held(upkeep, series=LATENCY):
    """The seconds at which the series is not judged, of those that are tried."""
    return [time for time in range(0, 700, 10) if upkeep.holds(series, T0 + time)]


def test_it_holds_once_every_process_has_heard_of_it():
    assert held(heard(maintain(100, 300))) == list(range(160, 300, 10))


def test_what_is_announced_early_holds_from_when_it_is_said_to():
    assert held(heard(maintain(0, 300, since=200))) == list(range(200, 300, 10))
    assert held(heard(maintain(180, 300, since=200))) == list(range(240, 300, 10))


def test_it_holds_for_what_matches():
    assert held(heard(maintain(100, 300, service="c*"))) != []
    assert held(heard(maintain(100, 300, service=["search", "cat*"]))) == []


def test_what_is_taken_back_holds_no_more_once_every_process_has_heard_that():
    assert held(heard(maintain(0, 600), unmaintain(200))) == list(range(60, 260, 10))
    assert heard(maintain(0, 600), unmaintain(200)).standing == 0


def test_what_is_odd_is_said_and_changes_nothing():
    upkeep = heard(maintain(0, 600))
    assert upkeep.learn(maintain(0, None, "act-3")) == "it does not say until when (args.until)"
    assert upkeep.learn(maintain(0, 30, "act-4")) == "it ends before it holds"
    assert upkeep.learn(maintain(0, 650)) == "there was another record of id act-1, which stands"
    assert upkeep.learn(unmaintain(0, undoes="")) == "it does not say which maintenance is over (args.undoes)"
    assert held(upkeep) == list(range(60, 600, 10))


actions = st.one_of(
    st.builds(
        maintain, st.integers(0, 300), st.integers(400, 600), st.sampled_from(["a", "b", "c"]),
        st.one_of(st.none(), st.integers(0, 390)),
    ),
    st.builds(unmaintain, st.integers(0, 500), st.sampled_from(["a", "b", "c", "d"])),
)  # fmt: skip


@given(st.lists(actions, max_size=8), st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_heard_changes_nothing(some, random):
    some = list({(each.id if each.verb == "maintain" else str(each)): each for each in some}.values())
    one, other = Upkeep(DELAY), Upkeep(DELAY)
    for each in some:
        one.learn(each)
    random.shuffle(some)
    for each in some * 2:
        other.learn(each)
    assert held(one) == held(other)
    assert one.standing == other.standing


def test_those_that_end_last_are_kept(monkeypatch):
    monkeypatch.setattr(module, "MOST", 2)
    said = [maintain(0, 600, "a"), maintain(0, 400, "b"), maintain(0, 500, "c")]
    for order in (said, said[::-1]):
        upkeep = heard(*order)
        assert upkeep.standing == 2
        assert [window.id for window in upkeep._after(T0)] == ["c", "a"]


def test_schedules_ask_both_the_config_and_people():
    window = {"from": utc(300).isoformat(), "to": utc(400).isoformat()}
    config = Config.model_validate({"maintenance": [window]})
    schedules = Schedules(config, heard(maintain(0, 300)))
    detector = Config.model_validate({"detectors": [{}]}).detectors[0]
    assert [schedules.why(LATENCY, detector, T0 + time) for time in (50, 100, 350, 400)] == [
        None, "maintenance", "maintenance", None,
    ]  # fmt: skip
    assert schedules.free(LATENCY, detector, T0 + 100) == T0 + 400


def silent(upkeep, heard_at=None, late=()):
    """What is told of a series that stops, and in which advance: with actions known before, or heard at a time."""
    config = Config.model_validate({"detectors": [{"warmup": 50, "heads": ["stale"]}]})
    core = SeriesCore(config, upkeep=upkeep)
    draw = random.Random(1)
    found = []
    for time in range(0, 30_000, 60):
        if heard_at is not None and time >= heard_at:
            for action in late:
                upkeep.learn(action)
        if time < 10_000:
            found += core.observe(Sample(LATENCY, T0 + time, draw.gauss(10, 1)))
        found += [(time, each) for each in core.advance(T0 + time)]
    return found


@pytest.mark.parametrize("end", [15_000, 25_000])
def test_silence_in_it_is_told_when_it_is_over_and_the_same_if_it_was_taken_back_meanwhile(end):
    announced, over = maintain(9_000, end), unmaintain(13_000)
    (first, *_) = silent(heard(announced))
    assert first[0] >= end
    known = silent(heard(announced, over))
    assert 13_060 <= known[0][0] < 13_200
    late = silent(Upkeep(DELAY), 9_000, [announced])
    assert late == silent(heard(announced))
    upkeep = heard(announced)
    assert silent(upkeep, 13_000, [over]) == known
