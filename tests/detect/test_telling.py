"""What an open alarm tells as it goes on: the points since its last word, what a KPI has lost, and an end after all."""

import math
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly, Evidence
from floodmark.config.models import Config
from floodmark.detect import DetectStage
from floodmark.detect.core import SeriesCore
from floodmark.detect.kpi import lost, shortfall
from floodmark.detect.series import Finding, Sample, Series, series_key
from floodmark.signals import Log, Metric

START = 1_700_006_400.0  # a midnight


def series(kind="gauge", unit="", name="orders", **labels):
    labels = {"service": "cart", **labels}
    return Series(series_key(name, labels), name, labels, "cart", "default", "metric", kind, unit)


def run(core, of, values, every=60.0):
    found = []
    for i, value in enumerate(values):
        time = START + i * every
        found += core.advance(time - 30)
        found += core.observe(Sample(of, time, value))
    return found


def steady(n, level=100.0, seed=1):
    draw = random.Random(seed)
    return [level + draw.uniform(-1, 1) for _ in range(n)]


def kpi(**options):
    return Config.model_validate({"detectors": [{"match": {"name": "orders"}, "kpi": True, **options}]})


# -- points


def test_an_open_lane_can_be_drawn_from_what_is_told():
    values = steady(300)
    values[200:240] = [150.0 + i for i in range(40)]
    found = run(SeriesCore(Config()), series(), values)
    first, *updates, last = found
    assert (first.event, last.event) == ("opened", "closed")
    assert len(updates) > 5
    lane = [*first.evidence.points, *(point for each in updates for point in each.evidence.points)]
    times = [point.time for point in lane]
    assert times == [START + 60 * i for i in range(141, 141 + len(times))]  # none missing, none twice, oldest first
    assert times[-1] == updates[-1].updated_at.timestamp()
    assert [point.observed for point in lane] == values[141 : 141 + len(lane)]
    tail = [point.time for point in last.evidence.points if point.time > times[-1]]
    assert tail[-1] == last.updated_at.timestamp()
    assert set(times) | set(tail) == {START + 60 * i for i in range(141, 141 + len(lane) + len(tail))}
    assert all(point.low is not None and point.high is not None for point in lane)


def test_an_update_has_at_most_24_points_the_newest():
    values = steady(300)
    values[200:] = [150.0] * 100  # stands still: told again each two minutes, of a point each five seconds
    updates = [each for each in run(SeriesCore(Config()), series(), values, every=2.0) if each.event == "updated"]
    assert [len(each.evidence.points) for each in updates][-1] == 24
    assert all(each.evidence.points[-1].time == each.updated_at.timestamp() for each in updates)


def test_the_end_has_the_evidence_of_the_oddest_moment_and_what_came_after_it():
    values = steady(260)
    values[200] = 180.0
    first, last = run(SeriesCore(Config()), series(), values)
    assert last.evidence.points[: len(first.evidence.points)] == first.evidence.points
    assert [point.time for point in last.evidence.points[len(first.evidence.points) :]] == [
        START + 60 * i for i in range(201, 207)
    ]


def test_the_points_of_windows_that_were_told_early_come_when_they_are_whole():
    lines = [Log(START + 30 * i, "all is well", "INFO", {"service": "web"}) for i in range(240)]
    lines += [Log(START + 7200 + i, "it broke", "ERROR", {"service": "web"}) for i in range(600)]
    stage = DetectStage(Config(), "logs/0", 1)
    out = stage.process(sorted(lines, key=lambda line: line.time)) + stage.finish()
    errors = [each for each in out if isinstance(each, Anomaly) and each.name == "log_errors"]
    assert errors[0].updated_at.timestamp() < START + 7260  # before its first window was over
    shown = {point.time: point.observed for each in errors for point in each.evidence.points}
    assert [shown[START + 7200 + 60 * i] for i in range(1, 4)] == [60, 60, 60]


# -- the end


def test_the_end_is_told_after_all_else():
    core, of = SeriesCore(Config()), series()
    finding = Finding(of, START, "drift", 1e-9, "up", None, None, None, None, "it drifts", Evidence())
    (first,) = core.observe(finding)
    ends = core.advance(START + 3600)
    assert [each.event for each in ends] == ["closed"]
    assert ends[0].updated_at > first.updated_at
    assert ends[0].ended_at >= ends[0].started_at


_STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 1500), st.sampled_from([100.0, 101.0, 99.0, 160.0, 30.0])),
    min_size=1,
    max_size=60,
)


@example([("a", 0.0025, 100.0)])  # told in whole milliseconds
@given(_STEPS)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_each_alarm_ends_after_it_began(steps):
    core, time, found = SeriesCore(kpi()), START, []
    for name in "ab":
        for i, value in enumerate(steady(60)):
            core.observe(Sample(series(host=name), START + 60 * i, value))
    time = START + 3600
    for name, step, value in steps:
        time += step
        found += core.advance(time - 30)
        found += core.observe(Sample(series(host=name), time, value))
    found += core.advance(time + 10 * 86400)
    told = {}
    for each in found:
        before = told.get(each.id)
        assert (before is None) == (each.event == "opened")
        if before is not None:
            assert before.event != "closed"
            assert each.updated_at > before.updated_at or each.event == "updated"
            assert each.updated_at >= before.updated_at
            assert each.loss >= before.loss
        if each.event == "closed":
            assert each.started_at <= each.ended_at <= each.updated_at
        assert each.kpi
        assert [p.time for p in each.evidence.points] == sorted({p.time for p in each.evidence.points})
        told[each.id] = each
    assert all(each.event == "closed" for each in told.values())


# -- KPIs


def test_a_rate_that_falls_has_lost_events():
    """120 a second less 80 for ten minutes: 48,000."""
    values = [120.0] * 400
    values[300:310] = [40.0] * 10
    config = kpi(unit="EUR")
    found = run(SeriesCore(config), series("rate", "1/s"), values)
    first, last = found[0], found[-1]
    assert (first.kpi, first.unit, first.worse) == (True, "EUR/s", "down")
    assert first.loss == pytest.approx(80 * 60)
    losses = [each.loss for each in found]
    assert losses == sorted(losses)
    assert last.loss == pytest.approx(48_000)
    assert "EUR a second" in first.summary or "EUR/s" in first.summary


def test_the_loss_is_over_the_real_time_between_points():
    core, of = SeriesCore(kpi()), series("rate", "1/s")
    run(core, of, [120.0] * 300)
    end = START + 299 * 60
    found = []
    for after in (60, 300, 330):
        found += core.observe(Sample(of, end + after, 40.0))
    found += core.advance(end + 3600)
    assert found[0].event == "opened"
    assert next(each for each in found if each.event == "closed").loss == pytest.approx(80 * 330)


def test_counts_add_up_and_gauges_count_by_the_second():
    values = steady(300, 50.0)
    values[200:205] = [10.0] * 5
    count = run(SeriesCore(kpi()), series("count"), [round(v) for v in values])
    assert count[-1].loss == pytest.approx(5 * 40, rel=0.05)
    gauge = run(SeriesCore(kpi()), series("gauge", "EUR"), values)
    assert gauge[-1].loss == pytest.approx(5 * 40 * 60, rel=0.05)
    assert gauge[-1].unit == "EUR"
    per_minute = run(SeriesCore(kpi(unit="EUR/min")), series("gauge"), values)
    assert per_minute[-1].loss == pytest.approx(5 * 40, rel=0.05)


def test_what_goes_better_costs_nothing():
    values = [120.0] * 400
    values[300:310] = [400.0] * 10
    for worse, cost in (("down", 0.0), ("up", 280 * 600), ("both", 280 * 600)):
        found = run(SeriesCore(kpi(worse=worse)), series("rate"), values)
        assert found[-1].event == "closed"
        assert (found[-1].worse, found[-1].loss) == (worse, pytest.approx(cost))


def test_a_kpi_of_which_the_name_says_how_it_hurts():
    config = Config.model_validate({"detectors": [{"match": {"name": "checkout_*"}, "kpi": True}]})
    values = [120.0] * 400
    values[300:310] = [400.0] * 10
    assert run(SeriesCore(config), series(name="checkout_duration"), values)[0].worse == "up"
    assert run(SeriesCore(config), series(name="checkout_orders"), values)[0].worse == "down"


def test_what_is_declared_does_not_keep_an_alarm_from_opening():
    values = [120.0] * 400
    values[300:310] = [400.0] * 10
    assert run(SeriesCore(kpi(worse="down")), series("rate"), values)[0].direction == "up"


def test_the_label_that_says_which_way_it_hurts_is_told_as_that():
    values = [120.0] * 400
    values[300:310] = [400.0] * 10
    first = run(SeriesCore(Config()), series(name="blobs", floodmark_worse="down"), values)[0]
    assert first.worse == "down"
    assert first.labels == {"service": "cart"}
    assert "floodmark_worse" not in first.summary


def test_other_series_have_no_loss():
    values = [120.0] * 400
    values[300:310] = [40.0] * 10
    found = run(SeriesCore(kpi()), series("rate", name="latency"), values)
    assert {(each.kpi, each.loss) for each in found} == {(False, 0.0)}
    assert found[0].worse == "up"  # by its name


def test_silence_of_a_gauge_costs_nothing_that_nobody_has_seen():
    assert lost("gauge", "EUR", 10.0, 3600.0, 60.0) == 10.0 * 300.0
    assert lost("rate", "EUR/s", 10.0, 3600.0, 60.0) == 36_000.0
    assert lost("gauge", "orders/h", 3600.0, 60.0, 60.0) == 60.0


@given(st.sampled_from(["both", "up", "down"]), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_shortfall_is_never_below_nought(worse, value, expected):
    off = shortfall(worse, value, expected)
    assert off >= 0
    assert math.isfinite(off)


def test_a_restart_goes_on_with_the_loss_and_the_points():
    def play(cut):
        stage = DetectStage(kpi(unit="EUR"), "metrics/0", 1)
        out = []
        for i in range(330):
            if i == cut:
                again = DetectStage(kpi(unit="EUR"), "metrics/0", 1)
                again.restore(stage.snapshot())
                stage = again
            value = 40.0 if 300 <= i < 320 else 120.0
            out += stage.process([Metric(START + 60 * i, "orders", value, {"service": "a"})])
        return [each for each in out + stage.finish() if isinstance(each, Anomaly)]

    whole = play(None)
    assert whole[-1].loss == pytest.approx(80 * 20 * 60)
    for cut in (301, 305, 322):
        assert play(cut) == whole
