"""The sample of series: small, the same for the same series in any order, and quiet once it is told."""

import random

from hypothesis import given
from hypothesis import strategies as st

from floodmark.alerts import SeriesSample, Watermark
from floodmark.config.models import Config
from floodmark.detect import DetectStage
from floodmark.detect.sampling import QUIET, SIZE, SeriesSampler
from floodmark.signals import Log, Metric

KEYS = [f'cpu{{host="{n}"}}' for n in range(60)]


def sampled(keys):
    sampler = SeriesSampler()
    for key in keys:
        sampler.add(key, (key,))
    return sampler


@given(st.permutations(KEYS), st.sets(st.sampled_from(KEYS)))
def test_the_order_of_arrival_and_what_is_seen_again_change_nothing(order, again):
    told = sampled([*order, *again]).news(0, lambda _: 0)
    assert told == sampled(KEYS).news(0, lambda _: 0)
    assert len(told) == SIZE


def test_tasks_that_hear_nearly_the_same_series_name_mostly_the_same():
    one, other = (set(sampled(KEYS[n : 54 + n]).news(0, lambda _: 0)) for n in (0, 6))
    assert len(one & other) >= SIZE // 2


def test_it_is_told_once_and_again_when_it_changes():
    sampler = sampled(KEYS[:3])
    assert sampler.news(0, lambda _: 0) == sorted(KEYS[:3])
    assert sampler.news(9, lambda _: 0) is None
    sampler.add(KEYS[3], (KEYS[3],))
    assert sampler.news(9, lambda _: 0) == sorted(KEYS[:4])


def test_a_series_that_is_heard_no_more_is_told_of_no_more():
    sampler = sampled(KEYS[:2])
    sampler.news(0, lambda _: 0)
    heard = {KEYS[0]: 0.0, KEYS[1]: 10.0}
    assert sampler.news(QUIET, lambda identity: heard[identity[0]]) == [KEYS[1]]
    assert sampler.news(QUIET + 1, lambda identity: heard[identity[0]]) is None
    heard[KEYS[0]] = QUIET + 2
    assert sampler.news(QUIET + 2, lambda identity: heard[identity[0]]) == sorted(KEYS[:2])


def test_the_stage_tells_metrics_and_log_sources_before_the_watermark_of_the_tick():
    stage, out, draw = DetectStage(Config(), "t/0", 1), [], random.Random(1)
    for second in range(0, 600, 5):
        labels = {"service": f"s{second % 3}"}
        out += stage.process([Metric(second, "cpu", draw.random(), labels), Log(second, "hello", labels=labels)])
    samples = [item for item in out if isinstance(item, SeriesSample)]
    assert samples[-1].series == sorted(f'{n}{{service="s{i}"}}' for n in ("cpu", "log_lines") for i in range(3))
    assert len(samples) <= 3
    position = out.index(samples[-1])
    assert isinstance(out[position + 1], Watermark)
    assert out[position + 1].time == samples[-1].time
    assert (samples[-1].settled - samples[-1].time).total_seconds() == 30 + 2 * 10 + QUIET
