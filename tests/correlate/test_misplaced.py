"""Series on two partitions are found, and those that have only moved are not."""

from floodmark.alerts import SeriesSample, utc
from floodmark.config.models import Correlate
from floodmark.correlate import CorrelateStage

from .making import T0, mark, opened


def stage():
    return CorrelateStage(Correlate(), {})


def sample(task, series, settled=2000.0, at=100.0):
    return SeriesSample(task=task, time=utc(T0 + at), settled=utc(T0 + settled), series=list(series))


def count(stage):
    return stage.counts()["misplaced:series"]


def feed(stage, *items):
    for item in items:
        assert stage.process(item) == []


def test_a_series_in_the_samples_of_two_tasks_is_said_once_a_topic():
    one = stage()
    feed(one, sample("infra.metrics/0", ["a", "b", "c"]), sample("infra.metrics/3", ["a", "b", "d"]))
    feed(one, mark(2000, "infra.metrics/0", 2), mark(1999, "infra.metrics/3", 2))
    assert (count(one), one.remarks()) == (0, [])  # it may still have moved
    feed(one, mark(2001, "infra.metrics/3", 2))
    assert count(one) == 2
    (remark,) = one.remarks()
    assert remark.startswith("Series a (and 1 more that were looked at) of topic infra.metrics arrives on partitions 0")
    assert "0 and 3" in remark
    assert "`rekey: true`" in remark
    feed(one, sample("infra.metrics/0", ["c", "d"], 2100), mark(2100, "infra.metrics/0"), mark(2100, "infra.metrics/3"))
    assert count(one) == 3
    assert one.remarks() == []


def test_topics_are_apart():
    one = stage()
    feed(one, sample("x/0", ["a"]), sample("y/1", ["a"]), mark(9000, "x/0"), mark(9000, "y/1"))
    assert count(one) == 0


def test_a_series_that_has_moved_is_none():
    one = stage()
    feed(one, sample("m/0", ["a", "b"], 100), mark(1000, "m/0"), sample("m/4", ["a"], 3000), mark(2900, "m/4"))
    feed(one, sample("m/0", ["b"], 2900), mark(2900, "m/0"))  # it has heard nothing of it for long
    feed(one, mark(9000, "m/0"), mark(9000, "m/4"))
    assert (count(one), one.remarks()) == (0, [])


def test_a_new_sample_does_not_put_off_what_it_repeats():
    one = stage()
    feed(one, sample("m/0", ["a"]), sample("m/1", ["a"]), sample("m/1", ["a", "b"], 9000))
    feed(one, mark(2000, "m/0"), mark(2000, "m/1"))
    assert count(one) == 1


def test_anomalies_of_a_series_that_go_to_and_fro_between_tasks():
    one = stage()
    for at, task in ((0, "m/0"), (60, "m/1"), (30, "m/0"), (90, "m/1")):
        one.process(opened(at, told=at), task)
        assert count(one) == 0  # it has moved once
    one.process(opened(120, told=120), "m/0")
    assert count(one) == 1
    assert "partitions 0 and 1" in one.remarks()[0]
    one.process(opened(180, told=180), "m/1")
    assert (count(one), one.remarks()) == (1, [])


def test_silence_is_no_witness():
    one = stage()
    for at, task in ((0, "m/0"), (60, "m/1"), (120, "m/0")):
        one.process(opened(at, told=at, head="stale"), task)
    assert count(one) == 0


def test_a_restart_forgets_nothing_and_says_nothing_twice():
    one = stage()
    feed(one, sample("m/0", ["a"]), sample("m/1", ["a", "z"]), mark(2000, "m/0"))
    other = stage()
    other.restore(one.snapshot())
    feed(other, mark(2000, "m/1"))
    assert len(other.remarks()) == 1
    third = stage()
    third.restore(other.snapshot())
    feed(third, sample("m/0", ["a", "z"]), mark(2000, "m/1"))
    assert count(third) == 1
    assert third.remarks() == []
