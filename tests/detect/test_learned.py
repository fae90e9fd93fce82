"""What a snapshot has learned, without a config; and that whatever bytes there are, it says so or refuses."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Config, Detector, Logs
from floodmark.detect.learned import difference, picture
from floodmark.detect.stage import DetectStage
from floodmark.signals import Log, Metric
from floodmark.state import StateError

START = 1_700_006_400.0


def points(first, last, level, host="a", noise=1.0, seed=0):
    draw = random.Random(seed)
    return [
        Metric(START + 60.0 * n, "cpu", draw.gauss(level, noise), {"host": host}, kind="gauge", unit="")
        for n in range(first, last)
    ]


def test_each_series_is_there_with_what_is_known_of_it():
    stage = DetectStage(Config(), "t/0", 1)
    lines = [Log(START + 20.0 * n, "all is well", "INFO", {"service": "nginx"}) for n in range(600)]
    stage.process(points(0, 200, 50))
    stage.process(lines)
    seen = picture(stage.snapshot())
    cpu = seen.series['cpu{host="a"}']
    assert cpu.seen == 200
    assert cpu.level == pytest.approx(50, abs=2)
    assert cpu.error == pytest.approx(1, abs=0.5)
    assert set(cpu.tail) == {"forecast", "range", "flatline", "level", "drift", "variance", "shape"}
    assert seen.log_sources == 1
    assert 'log_lines{service="nginx"}' in seen.series
    assert set(seen.shapes) == {"identity", "logs", "spans", "detectors"}


def test_a_series_in_the_bank_and_one_outside_say_the_same():
    """An alarm takes a series out of the bank; what was learned stays what it was."""
    stage = DetectStage(Config(), "t/0", 1)
    stage.process(points(0, 300, 50))
    before = picture(stage.snapshot()).series['cpu{host="a"}']
    stage.process([Metric(START + 60.0 * 300, "cpu", 5_000.0, {"host": "a"}, kind="gauge", unit="")])
    after = picture(stage.snapshot()).series['cpu{host="a"}']
    assert after.alarm
    assert not before.alarm
    assert after._replace(alarm=False, budget=0, seen=0, tail={}) == before._replace(budget=0, seen=0, tail={})
    assert after.tail.keys() == before.tail.keys()


def test_what_differs_is_said_most_first():
    stage = DetectStage(Config(), "t/0", 1)
    stage.process(points(0, 200, 50) + points(0, 200, 50, "still", seed=2) + points(0, 200, 5, "b", seed=1))
    one = picture(stage.snapshot())
    assert difference(one, one) == ((), (), (), 3)
    stage.process(points(200, 400, 50, "c") + points(200, 260, 400, "a") + points(200, 230, 50, "still", seed=3))
    other = picture(stage.snapshot())
    found = difference(one, other)
    assert found.came == ('cpu{host="c"}',)
    assert found.changed[0].key == 'cpu{host="a"}'
    assert "an alarm is open" in found.changed[0].words
    back = difference(other, one)
    assert back.went == ('cpu{host="c"}',)
    assert any("its alarm is over" in shift.words for shift in back.changed)


def test_a_config_is_not_needed():
    config = Config(
        detectors=[Detector(name="own", model="river.anomaly.HalfSpaceTrees", parameters={"seed": 1})],
        logs=Logs(window=30),
    )
    stage = DetectStage(config, "t/0", 1)
    stage.process(points(0, 100, 50))
    assert picture(stage.snapshot()).series['cpu{host="a"}'].own


@given(st.binary(max_size=300))
def test_what_is_no_snapshot_is_refused(data):
    with pytest.raises(StateError):
        picture(data)


@given(st.data())
def test_a_damaged_snapshot_is_refused_or_read(data):
    stage = DetectStage(Config(), "t/0", 1)
    stage.process(points(0, 30, 50))
    state = bytearray(stage.snapshot())
    state[data.draw(st.integers(0, len(state) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        seen = picture(bytes(state))
        difference(seen, seen)
    except StateError:
        pass
