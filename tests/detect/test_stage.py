"""The detect stage over mixed signals: order and batches, watermarks, silence, and the same bytes in any process."""

import os
import random
import subprocess
import sys
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly, Watermark
from floodmark.config.models import Config, Detect
from floodmark.detect import DetectStage
from floodmark.signals import Log, Metric, Outcome, Prediction

START = 1_700_006_400.0
LATENESS = 30.0
CONFIG = Config(detect=Detect(lateness=LATENESS))


def signals(minutes=300, fault=range(200, 215), disorder=20.0):
    """Metrics, logs, predictions and outcomes of five hours, out of order by less than the lateness."""
    draw = random.Random(3)
    found = []
    for minute in range(minutes):
        now = START + 60 * minute
        bad = minute in fault
        for service in ("web", "cart"):
            labels = {"service": service}
            hit = bad and service == "cart"
            found.append(Metric(now, "latency_ms", draw.gauss(50, 2) * (3 if hit else 1), labels))
            found += [Log(now + i, f"served order {draw.randrange(999)}", "INFO", labels) for i in range(2)]
            found += [Log(now + i, f"cannot reach shard {i}", "ERROR", labels) for i in range(8 if hit else 0)]
        for i in range(2):
            name = f"{minute}-{i}"
            found.append(Prediction(now + i, "fraud", "1", name, {"amount": draw.random()}, prediction=True))
            found.append(Outcome(now + i + 5, "fraud", name, draw.random() < 0.9))
    return sorted(found, key=lambda signal: signal.time + draw.uniform(0, disorder))


def stage():
    return DetectStage(CONFIG, "metrics/0", 3)


def marks(out):
    return [item for item in out if isinstance(item, Watermark)]


def anomalies(out):
    return [item for item in out if isinstance(item, Anomaly)]


@pytest.fixture(scope="module")
def whole():
    one = stage()
    return one.process(signals()), one.finish()


@given(cuts=st.lists(st.integers(0, 4000), max_size=8))
@settings(max_examples=6)
def test_how_the_signals_are_cut_changes_nothing(whole, cuts):
    one, given_signals, out = stage(), signals(), []
    edges = [0, *sorted(cuts), len(given_signals)]
    for first, last in pairwise(edges):
        out += one.process(given_signals[first:last])
    assert out == whole[0]
    assert one.finish() == whole[1]


def test_it_finds_the_fault_in_metrics_and_logs(whole):
    opened = {(a.entity, a.signal) for a in anomalies(whole[0]) if a.event == "opened"}
    assert {("cart", "metric"), ("cart", "log")} <= opened
    assert "web" not in {entity for entity, _ in opened}


def test_watermarks_rise_and_stay_behind_the_newest_signal():
    one, newest, last = stage(), 0.0, 0.0
    for signal in signals(60):
        newest = max(newest, signal.time)
        for mark in marks(one.process([signal])):
            assert last < mark.time.timestamp() <= newest - LATENESS
            assert (mark.task, mark.tasks, mark.idle) == ("metrics/0", 3, False)
            last = mark.time.timestamp()
    assert newest - LATENESS - last < CONFIG.detect.tick


def test_no_anomaly_is_older_than_the_watermark_before_it(whole):
    passed = 0.0
    for item in whole[0]:
        if isinstance(item, Watermark):
            passed = item.time.timestamp()
        elif isinstance(item, Anomaly):
            assert item.updated_at.timestamp() >= passed


def test_a_standstill_of_everything_makes_nothing_stale():
    one = stage()
    one.process(signals(120, fault=range(0)))
    later = [Metric(START + 6 * 3600, "latency_ms", 50.0, {"service": name}) for name in ("web", "cart")]
    assert anomalies(one.process(later)) == []
    assert one.counts()["standstills"] == 1


def test_one_silent_series_among_others_is_stale():
    one, out = stage(), []
    for minute in range(180):
        for name in ("web", "cart", "db"):
            if name != "cart" or minute < 120:
                value = 50.0 + minute % 7
                out += one.process([Metric(START + 60 * minute, "latency_ms", value, {"service": name})])
    assert [(a.entity, a.head) for a in anomalies(out) if a.event == "opened"] == [("cart", "stale")]


def test_idle_marks():
    one = stage()
    (before,) = one.speak(idle=True)
    assert before.idle
    assert before.time.timestamp() == 0.0
    last = marks(one.process(signals(10)))[-1]
    (mark,) = one.speak(idle=True)
    assert mark == msgspec.structs.replace(last, idle=True)


def test_finish_closes_the_windows_that_are_open():
    one = stage()
    assert one.finish() == []
    before = marks(one.process(signals(10)))[-1]
    assert marks(one.finish())[-1].time > before.time


def dump():
    one = stage()
    return msgspec.json.encode(one.process(signals()) + one.finish())


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_bytes_whatever_the_hash_seed(whole, seed):
    code = f"import runpy, sys; sys.stdout.buffer.write(runpy.run_path({__file__!r})['dump']())"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
    )
    assert ran.stdout == msgspec.json.encode(whole[0] + whole[1])
