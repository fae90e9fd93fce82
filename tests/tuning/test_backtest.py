"""What a budget would have cost: the stage's own alarms, counted right."""

import pytest

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detector
from floodmark.detect import DetectStage
from floodmark.signals import Metric
from floodmark.tuning import report
from floodmark.tuning.backtest import WEEK, Alarm, Backtest, Run, Span, backtest, with_budget
from floodmark.tuning.labels import Event
from floodmark.tuning.trace import follow, lines

from .recorded import FAULT, START, key, latency, recording

BUDGETS = ["1/hour", "1/week"]


def test_the_fault_is_an_alarm_under_every_budget_and_a_loose_one_has_more():
    test = backtest(Config(), recording(latency("cart"), latency("web", fault=(), seed=2)), BUDGETS)
    loose, usual = test.runs
    assert [run.budget for run in test.runs] == BUDGETS
    assert len(loose.alarms) > len(usual.alarms)
    alarm = next(a for a in usual.alarms if a.series == key("cart"))
    assert alarm.start == alarm.told == START + 60 * FAULT.start
    assert START + 60 * FAULT.start < alarm.end <= START + 60 * (FAULT.stop + 10)
    assert test.spans[key("web")] == Span(test.spans[key("web")].series, START, START + 60 * 599, 600)


def test_alarms_are_those_of_the_detect_stage_with_that_budget():
    events = latency("cart")
    test = backtest(Config(), recording(events), ["2/day"])
    stage = DetectStage(with_budget(Config(), 2 / 86400), "t/0", 1)
    metrics = [Metric(e["timestamp"], e["name"], e["value"], e["labels"]) for e in events]
    found = [a for a in [*stage.process(metrics), *stage.finish()] if isinstance(a, Anomaly) and a.event == "opened"]
    assert [(a.start, a.head, a.p_value) for a in test.runs[0].alarms] == [
        (a.started_at.timestamp(), a.head, a.p_value) for a in found
    ]


def test_looking_on_changes_no_anomaly():
    source = recording(latency("cart"), latency("web", seed=3))
    stage, tape = DetectStage(Config(), "trace/0", 1), source.tape()
    plain = [a for batch in source.read() for a in stage.take(tape(batch)) if isinstance(a, Anomaly)]
    seen = []

    def witness(watched, judgement, why):
        seen.append((watched.series.key, judgement.context.time))

    assert list(follow(Config(), source, lambda series: series.key == key("cart"), witness)) == plain
    cart = [time for series, time in seen if series == key("cart")]
    assert cart == [START + 60 * i for i in range(600)]


def test_the_budget_replaces_that_of_every_detector_and_of_the_default():
    config = Config(detectors=[Detector(name="own", match={"service": "cart"}, direction="up")])
    changed = with_budget(config, 1e-6)
    assert [d.false_alarms for d in changed.detectors] == [1e-6, 1e-6]
    assert changed.detectors[0].direction == "up"
    assert changed.detectors[-1].match == {}


def test_a_recording_that_ends_is_no_silence_but_a_gap_is():
    short = latency("cart", fault=(), points=300)
    assert backtest(Config(), recording(short, latency("web", ())), ["1/week"]).runs[0].alarms == []
    gap = [each for i, each in enumerate(latency("cart", fault=())) if not 300 <= i < 400]
    stale = backtest(Config(), recording(gap, latency("web", ())), ["1/week"]).runs[0].alarms
    assert [(a.series, a.head) for a in stale] == [(key("cart"), "stale")]
    assert stale[0].told > stale[0].start


def test_a_series_that_no_detector_watches_is_not_counted():
    config = Config(detectors=[Detector(name="off", match={"service": "cart"}, enabled=False)])
    test = backtest(config, recording(latency("cart"), latency("web", ()), config=config), ["1/week"])
    assert list(test.spans) == [key("web")]


def test_costs_are_of_all_series_together():
    spans = {name: Span(None, 0.0, WEEK, 10) for name in "ab"}
    alarms = [Alarm("a", "forecast", 0.0, 0.0, WEEK / 2, 1e-9, ""), Alarm("a", "level", WEEK, WEEK, WEEK, 1e-9, "")]
    test = Backtest(spans, [Run("1/week", 1 / WEEK, alarms), Run("1/day", 1 / 86400, [])], {})
    assert test.weeks == 2
    cost = test.cost(test.runs[0])
    assert (cost.alarms, cost.per_week, cost.realised, cost.share) == (2, 1.0, pytest.approx(1.0), 0.25)
    assert cost.heads == {"forecast": 1, "level": 1}
    assert test.cost(test.runs[1])[:4] == (0, 0.0, 0.0, 0.0)
    assert test.noisiest(5) == ["a"]


def test_events_of_other_series_and_times_are_not_known():
    test = backtest(Config(), recording(latency("cart")), ["1/week"])
    inside = Event("latency_*", START + 60.0 * 390, START + 60.0 * 430)
    events = [inside, Event("memory", inside.start, inside.end), Event("latency_*", START - 900.0, START - 60.0)]
    assert test.known(events) == [inside]
    score = test.score(test.runs[0], [inside])
    assert (score.found, score.false, score.delay) == (1, len(test.runs[0].alarms) - 1, 600.0)


def test_what_cannot_be_used_is_told_with_its_place():
    source = recording([*latency("cart", points=30), {"timestamp": START, "name": "x", "value": "high"}])
    backtest(Config(), source, ["1/week"])
    assert source.refused == {"wrong_type": 1}
    assert source.first_refusal["wrong_type"].startswith("made.jsonl:2: ")


def test_nothing_recorded_costs_nothing():
    test = backtest(Config(), recording(), ["1/week"])
    assert test.cost(test.runs[0]).per_week == 0.0
    assert "no points" in report.page(test, [report.costs(test)], [])


def test_a_picture_has_the_band_the_alarms_and_the_labels():
    pytest.importorskip("matplotlib")
    from floodmark.tuning import plots

    source = recording(latency("cart"))
    test = backtest(Config(), source, BUDGETS)
    line = lines(Config(), source, {key("cart"): 600})[key("cart")]
    assert len(line.times) == len(line.at) == 600
    assert all(
        low <= middle <= high
        for low, middle, high in zip(line.low[50:], line.expected[50:], line.high[50:], strict=True)
    )
    event = Event("*", START + 60.0 * FAULT.start, START + 60.0 * FAULT.stop)
    assert plots.of_series("cart", "ms", line, test.runs, "1/week", [event]).startswith(b"\x89PNG")


def test_a_long_line_keeps_its_extremes():
    pytest.importorskip("matplotlib")
    from floodmark.tuning import plots

    times = [float(i) for i in range(100_000)]
    values = [0.0] * len(times)
    values[12_345], values[77_777] = 9.0, -9.0
    thin_times, thin = plots._thinned(times, values)
    assert len(thin) <= 4_000
    assert thin_times == sorted(thin_times)
    assert (thin_times[thin.index(9.0)], thin_times[thin.index(-9.0)]) == (12_345.0, 77_777.0)
