"""The limit of a series: told well before it is reached, and not told of noise and seasons."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly
from floodmark.config.loader import ConfigError, load
from floodmark.config.models import Config, Limit
from floodmark.detect.core import SeriesCore
from floodmark.detect.exhaustion import TimeToLimit, _normal, _student
from floodmark.detect.heads import Context
from floodmark.detect.series import Sample, Series
from floodmark.detect.stage import DetectStage
from floodmark.signals import Metric

START = 1_700_006_400.0  # a midnight
DAY = 1440
DISK = Series("disk_used_ratio", "disk_used_ratio", {"host": "a"}, "a", "default", "metric")


def config(heads=(), **limit):
    return Config.model_validate({"detectors": [{"name": "disks", "heads": list(heads), "limit": limit}]})


def play(core, values, every=60.0):
    """The anomalies that are told, each with the number of the point."""
    found = []
    for i, value in enumerate(values):
        time = START + i * every
        found += [(i, a) for a in (*core.advance(time - 30), *core.observe(Sample(DISK, time, value)))]
    return found


def opened(found):
    return [(i, a) for i, a in found if a.event == "opened"]


def leak(days, rate, seed=1, start=0.5, minutes=600):
    """Days of noise, then `rate` an hour."""
    draw = random.Random(seed)
    flat = round(days * DAY)
    return [start + rate / 60 * max(0, i - flat) + draw.gauss(0, 0.003) for i in range(flat + minutes)]


def autoregressive(n, rho, seed, mean, deviation):
    draw, x = random.Random(seed), 0.0
    for _ in range(n):
        x = rho * x + draw.gauss(0, deviation * math.sqrt(1 - rho * rho))
        yield mean + x


def test_a_leak_is_found_well_before_and_said_in_words():
    values = leak(2, 0.05)
    reached = next(i for i, value in enumerate(values) if value >= 0.95)
    (when, first), *more = opened(play(SeriesCore(config(above=0.95)), values))
    assert 60 <= reached - when <= 240
    assert not more
    assert (first.head, first.direction, first.high) == ("limit", "up", 0.95)
    assert first.surprise > 3
    left = first.summary.removeprefix("a disk_used_ratio will reach 95 % in ")
    assert left != first.summary
    assert " (between " in left
    assert left.endswith(" an hour")
    assert float(left.split(" at ")[1].split()[0]) == pytest.approx(5, rel=0.1)


def test_one_that_falls():
    values = [1.0 - value for value in leak(2, 0.05)]
    ((when, first),) = opened(play(SeriesCore(config(below=0.05)), values))
    assert (first.direction, first.low, first.high) == ("down", 0.05, None)
    assert when < len(values) - 120


def test_the_interval_holds_the_truth():
    """Of leaks at various rates, the moment at which the limit is reached lies within what was said."""
    within = 0
    for seed in range(6):
        rate = 0.04 + 0.01 * seed
        head = TimeToLimit(Limit(above=0.95))
        for i, value in enumerate(leak(1.5, rate, seed)):
            x = Context(START + 60 * i, value, value, value, 0.0025)
            truth = (0.95 - 0.5) / rate * 60 - (i - 1.5 * DAY)
            if 0 < truth <= 60:
                outlook = head.outlook(x)
                assert outlook is not None
                assert outlook.late is not None
                assert outlook.early <= outlook.left <= outlook.late
                within += outlook.early <= truth * 60 <= outlook.late
                break
            head.learn_one(x)
    assert within >= 5


def test_what_is_beyond_the_limit_is_told_at_once():
    values = [*leak(0, 0.0, minutes=100), 0.96]
    ((when, first),) = opened(play(SeriesCore(config(above=0.95)), values))
    assert when == 100
    assert first.summary == "a disk_used_ratio is 96 %, at or above its limit of 95 %"
    assert first.severity == "error"


def test_a_limit_further_off_than_it_is_asked_for_is_not_told():
    values = leak(2, 0.05, minutes=350)  # 0.79 at the end: more than three hours are left
    assert len(opened(play(SeriesCore(config(above=0.95, within="1h")), values))) == 0


@pytest.mark.parametrize("rho", [0.0, 0.9, 0.99, 0.999])
def test_noise_without_a_trend_is_not_told(rho):
    """Four weeks of one a week each would be four."""
    told = []
    for seed in range(4):
        values = [min(value, 0.9499) for value in autoregressive(7 * DAY // 2, rho, seed, 0.85, 0.03)]
        told += opened(play(SeriesCore(config(above=0.95, within="4h")), values, every=120.0))
    assert len(told) <= 4


@pytest.mark.parametrize("peak", [0.01, 0.05, 0.15])
@pytest.mark.parametrize("phase", [0.0, 0.5, 0.75])
def test_a_daily_season_is_not_told(peak, phase):
    """`peak`: how far the limit is above it. The first day included."""
    draw = random.Random(5)
    values = [0.5 + 0.3 * math.sin(2 * math.pi * (i / 288 + phase)) + draw.gauss(0, 0.001) for i in range(7 * 288)]
    assert len(opened(play(SeriesCore(config(above=0.8 + peak)), values, every=300.0))) <= 1


def test_what_is_used_every_day_and_freed_every_night_is_not_told():
    draw = random.Random(6)
    values = [0.5 + 0.42 * (i % 288) / 288 + draw.gauss(0, 0.003) for i in range(7 * 288)]
    assert len(opened(play(SeriesCore(config(above=0.95)), values, every=300.0))) <= 1


def test_the_other_heads_learn_on_while_the_limit_is_near():
    heads = ["forecast", "range", "level"]
    values = [*leak(2, 0.0, minutes=0), *([0.96, 0.955] * 600)]
    core = SeriesCore(config(heads, above=0.95))
    play(core, values)
    assert core._watchlist.series[DISK.key].model.recent() > 0.95


def test_an_alarm_that_is_open_tells_of_the_limit_as_well():
    values = [*leak(0, 0.0, minutes=300), *[0.8] * 4, 0.97, 0.97]
    found = play(SeriesCore(config(["forecast"], above=0.95)), values)
    assert [(i, a.event, a.head) for i, a in found] == [
        (300, "opened", "forecast"),
        (302, "updated", "forecast"),
        (304, "updated", "limit"),
    ]
    assert "at or above its limit" in found[-1][1].summary


def test_min_deviation_and_direction_are_not_for_limits():
    detector = {"limit": {"above": 0.95}, "direction": "down", "min_deviation": {"absolute": 5}, "heads": []}
    core = SeriesCore(Config.model_validate({"detectors": [detector]}))
    assert opened(play(core, [*leak(0, 0.0, minutes=100), 0.96]))


@given(st.lists(st.tuples(st.floats(0.001, 1e6), st.floats(-1e150, 1e150)), max_size=150))
@settings(max_examples=50)
def test_whatever_comes_it_says_a_number_and_stays_small(points):
    head, time = TimeToLimit(Limit(above=1.0, below=-1.0)), START
    for after, value in points:
        time += after
        x = Context(time, value, value, value, 1e-9)
        assert math.isfinite(head.score_one(x))
        head.outlook(x)
        head.learn_one(x)
    assert all(len(line._foretold) <= 17 for line in head._lines)


def test_students_t_and_back():
    for freedom in (3.0, 10.0, 72.0):
        assert _normal(_student(1.96, freedom), freedom) == pytest.approx(1.96)
    assert _student(1.96, 3.0) == pytest.approx(3.182, rel=0.02)  # the tables'
    assert _student(1.96, 10.0) == pytest.approx(2.228, rel=0.01)


# -- snapshots


def metrics(values):
    return [Metric(START + 60 * i, "disk_used_ratio", v, {"host": "a"}, "gauge", "") for i, v in enumerate(values)]


def stage(of):
    return DetectStage(of, "metrics/0", 1)


@pytest.mark.parametrize("cut", [500, 1700, 1880])
def test_a_snapshot_goes_on_as_if_there_had_been_none(cut):
    signals = metrics(leak(1, 0.05))
    of = config(["forecast", "level"], above=0.95)
    whole, first, second = stage(of), stage(of), stage(of)
    expected = whole.process(signals[:cut]) + whole.process(signals[cut:])
    got = first.process(signals[:cut])
    assert second.restore(first.snapshot()) == {}
    assert got + second.process(signals[cut:]) == expected
    assert any(anomaly.head == "limit" for anomaly in expected if isinstance(anomaly, Anomaly))
    assert second.snapshot() == whole.snapshot()


def test_another_limit_is_taken_up_and_loses_nothing():
    signals = metrics(leak(1, 0.05, minutes=200))
    before, after = stage(config(above=0.95)), stage(config(above=0.55))
    before.process(signals[:-1])
    assert before.sizes()["open_alarms"] == 0
    assert after.restore(before.snapshot()) == {}
    after.process(signals[-1:])
    assert after.counts()["anomalies:limit"] == 1


def test_a_limit_that_is_new_is_learned_anew():
    signals = metrics(leak(0, 0.0, minutes=50))
    before = stage(Config.model_validate({"detectors": [{"name": "disks", "heads": []}]}))
    before.process(signals)
    assert stage(config(above=0.95)).restore(before.snapshot()) == {"series": 1}


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        ("{within: 1h}", "there is no limit; set above, below, or both"),
        ("{above: 1, below: 2}", "no value is below `above` and above `below`; swap them"),
        ("{above: 95%}", "expected a number"),
        ("{above: 1, within: soon}", "expected a duration"),
    ],
)
def test_wrong_limits(tmp_path, limit, problem):
    file = tmp_path / "c.yaml"
    file.write_text(f"inputs: [{{topic: t, signal: metric}}]\ndetectors: [{{limit: {limit}}}]\n")
    with pytest.raises(ConfigError) as error:
        load(file, {})
    (found,) = error.value.problems
    assert found.line == 2
    assert found.column >= 21
    assert problem in str(found)
