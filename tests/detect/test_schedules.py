"""When no alarm opens: windows of event time, and what the series core does within and after them."""

import math
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.loader import ConfigError, load
from floodmark.config.models import Config
from floodmark.detect.core import SeriesCore
from floodmark.detect.schedules import Hours, Quiet, Schedules
from floodmark.detect.series import Finding, Sample, Series
from floodmark.detect.stage import DetectStage
from floodmark.signals import Metric

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()  # a Monday
LATENCY = Series("latency", "latency", {"service": "cart"}, "cart", "default", "metric")
NIGHT = {"from": "22:00", "to": "06:00", "timezone": "Europe/Berlin"}


def hours(**window):
    return Hours(Quiet.model_validate(window))


def at(*when, zone=BERLIN, fold=0):
    return datetime(*when, tzinfo=zone, fold=fold).timestamp()


def iso(time):
    return datetime.fromtimestamp(time, UTC).isoformat()


def quiet(*windows):
    return Config.model_validate({"detectors": [{"quiet": list(windows)}]})


def maintained(start, end, **match):
    return Config.model_validate({"maintenance": [{"match": match, "from": iso(start), "to": iso(end)}]})


def test_the_night_belongs_to_the_day_on_which_it_begins():
    friday = hours(days=["fri"], **NIGHT)
    within = [at(2026, 3, 6, 22), at(2026, 3, 6, 23, 59, 59), at(2026, 3, 7, 0), at(2026, 3, 7, 5, 59, 59)]
    without = [at(2026, 3, 6, 5), at(2026, 3, 6, 21, 59, 59), at(2026, 3, 7, 6), at(2026, 3, 7, 22)]
    assert [friday.hold(time) for time in within] == [True] * 4
    assert [friday.hold(time) for time in without] == [False] * 4
    assert {friday.end(time) for time in within} == {at(2026, 3, 7, 6)}


def test_whole_days():
    weekend = hours(**{"days": ["sat", "sun"], "from": "00:00", "to": "24:00"})
    schedules = Schedules(config := quiet({"days": ["sat", "sun"], "from": "00:00", "to": "24:00"}))
    saturday = at(2026, 3, 7, 9, zone=UTC)
    assert weekend.hold(saturday)
    assert not weekend.hold(at(2026, 3, 9, 0, zone=UTC))
    assert schedules.free(LATENCY, config.detectors[0], saturday) == at(2026, 3, 9, 0, zone=UTC)


def test_hours_are_those_of_the_clocks_when_they_change():
    night = hours(**NIGHT)
    for day in (
        datetime(2026, 3, 29, tzinfo=BERLIN),
        datetime(2026, 10, 25, tzinfo=BERLIN),
    ):  # the clocks go forward, and back
        end = day.replace(hour=6).timestamp()
        assert night.hold(end - 1)
        assert not night.hold(end)
        assert night.end(end - 7200) == end
    early = hours(**{"from": "01:00", "to": "02:30", "timezone": "Europe/Berlin"})
    second = at(2026, 10, 25, 2, 10, fold=1)  # 02:10 for the second time
    assert early.hold(second)
    assert early.end(second) == at(2026, 10, 25, 2, 30, fold=1)


CLOCKS = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


@given(CLOCKS, CLOCKS, st.integers(0, 10**8), st.sets(st.sampled_from(["mon", "wed", "thu", "sun"]), min_size=1))
def test_the_end_is_where_they_no_longer_hold(start, to, since, days):
    if start == to:
        return
    window = hours(**{"days": sorted(days), "from": start, "to": to})  # in UTC: no clock is changed
    time = START + since
    if window.hold(time):
        end = window.end(time)
        assert time < end <= time + 86400
        assert window.hold(end - 0.001)
        assert not window.hold(end)
    minute = math.fmod(time, 86400) / 60
    a, b = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (start, to))
    today = datetime.fromtimestamp(time, UTC)
    begun = today - timedelta(days=1) if a > b and minute < b else today
    inside = (a <= minute < b) if a < b else (minute >= a or minute < b)
    assert window.hold(time) == (inside and ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][begun.weekday()] in days)


def test_no_end_in_sight():
    config = quiet({"from": "00:00", "to": "12:00"}, {"from": "12:00", "to": "24:00"})
    schedules = Schedules(config)
    assert schedules.why(LATENCY, config.detectors[0], START) == "quiet"
    assert schedules.free(LATENCY, config.detectors[0], START) is None


# -- in the core


def play(core, values, start=START):
    """A value a minute, None is none; the anomalies as (event, minute)."""
    found = []
    for i, value in enumerate(values):
        time = start + 60 * i
        found += core.advance(time - 30)
        if value is not None:
            found += core.observe(Sample(LATENCY, time, value))
    return [(a.event, (a.started_at.timestamp() - start) / 60) for a in found if a.event != "updated"]


def noise(n, seed=1):
    draw = random.Random(seed)
    return [draw.gauss(100.0, 3.0) for _ in range(n)]


WINDOW = (START + 400 * 60, START + 500 * 60)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (maintained(*WINDOW, service="c*"), "maintenance"),
        (quiet({"from": "06:40", "to": "08:20"}), "quiet"),  # the same minutes
    ],
)
def test_what_is_odd_only_within_the_window_is_not_told(config, why):
    values = noise(1000)
    values[420:430] = [170.0] * 10
    values[495:500] = [230.0] * 5
    told = play(SeriesCore(Config()), values)
    core = SeriesCore(config)
    assert play(core, values) == [each for each in told if not 400 <= each[1] < 500]
    assert len(told) == 4
    assert core.counts()[f"held:{why}"] == 2
    assert core.sizes()["open_alarms"] == 0


@pytest.mark.parametrize("config", [maintained(*WINDOW), quiet({"from": "06:40", "to": "08:20"})])
def test_what_is_still_odd_after_the_window_opens_then(config):
    values = noise(600)
    values[450:540] = [value + 40 for value in values[450:540]]
    assert play(SeriesCore(config), values) == [("opened", 500), ("closed", 500)]


def test_a_series_that_does_not_match_is_told():
    values = noise(600)
    values[450:460] = [170.0] * 10
    for config in (maintained(*WINDOW, service="d*"), maintained(START, START + 60), quiet(NIGHT)):
        assert play(SeriesCore(config), values) == [("opened", 450), ("closed", 450)]


def test_maintenance_is_not_learned():
    """A series that was down for maintenance is as before after it: the same points are odd, no others."""
    quietly, values = noise(1200), noise(1200)
    values[400:500] = [0.0] * 100
    quietly[400:500] = [None] * 100
    spike = {900: 125.0}
    for minute, value in spike.items():
        values[minute] = quietly[minute] = value
    core = SeriesCore(maintained(*WINDOW))
    found = play(core, values)
    assert found == [("opened", 900), ("closed", 900)]
    watched = core._watchlist.series["latency"]
    core._watchlist.take_out(watched)
    assert 95 < watched.model.recent() < 105


def test_normal_points_within_maintenance_are_learned():
    with_window, without = SeriesCore(maintained(*WINDOW)), SeriesCore(Config())
    values = noise(450)
    play(with_window, values)
    play(without, values)
    assert with_window.uses == without.uses
    assert with_window.counts()["held:maintenance"] == 0
    rows = [core._watchlist.bank._bank.rows[:1].tolist() for core in (with_window, without)]
    assert repr(rows[0]) == repr(rows[1])


def test_an_open_alarm_stays_open():
    values = noise(600)
    values[390:410] = [170.0] * 20
    assert play(SeriesCore(maintained(*WINDOW)), values) == [("opened", 390), ("closed", 390)]


def test_silence_is_told_after_the_window_if_it_lasts():
    values = noise(600)
    core = SeriesCore(maintained(*WINDOW))
    assert play(core, [*values[:390], *[None] * 60, *values[450:]]) == [("opened", 390), ("closed", 390)]  # before it
    core = SeriesCore(maintained(*WINDOW))
    assert play(core, [*values[:420], *[None] * 60, *values[480:]]) == []
    assert core.counts()["held:maintenance"] == 1
    core = SeriesCore(maintained(*WINDOW))
    assert play(core, [*values[:420], *[None] * 180]) == [("opened", 420)]
    assert core.counts()["anomalies:stale"] == 1


def test_findings_are_held():
    finding = Finding(LATENCY, WINDOW[0], "drift", 1e-9, "up", 1.0, 0.0, None, None, "it drifts", None)  # type: ignore[arg-type]
    core = SeriesCore(maintained(*WINDOW))
    assert core.observe(finding) == []
    assert core.counts()["held:maintenance"] == 1


# -- snapshots and reloads


def metrics(values, start=0):
    return [
        Metric(START + 60 * i, "latency", value, {"service": "cart"}, "gauge", "")
        for i, value in enumerate(values)
        if i >= start
    ]


def stage(config):
    return DetectStage(config, "metrics/0", 1)


@pytest.mark.parametrize("cut", [430, 455, 470, 505])
def test_a_snapshot_goes_on_as_if_there_had_been_none(cut):
    values = noise(600)
    values[450:520] = [150.0] * 70
    config = maintained(*WINDOW)
    whole, first, second = stage(config), stage(config), stage(config)
    expected = whole.process(metrics(values[:cut])) + whole.process(metrics(values, cut))
    got = first.process(metrics(values[:cut]))
    assert second.restore(first.snapshot()) == {}
    assert got + second.process(metrics(values, cut)) == expected


def test_a_reload_of_schedules_loses_nothing():
    values = noise(600)
    values[450:560] = [150.0] * 110
    before = stage(Config.model_validate({"detectors": [{"name": "all"}]}))
    before.process(metrics(values[:440]))
    window = {"match": {"name": "latency"}, "from": iso(WINDOW[0]), "to": iso(WINDOW[1])}
    after = stage(Config.model_validate({"detectors": [{"name": "all", "quiet": [NIGHT]}], "maintenance": [window]}))
    assert after.restore(before.snapshot()) == {}
    after.process(metrics(values[:470], 440))
    assert after.sizes()["open_alarms"] == 0
    again = stage(Config.model_validate({"detectors": [{"name": "all"}]}))
    assert again.restore(after.snapshot()) == {}
    again.process(metrics(values[:475], 470))
    assert again.sizes()["open_alarms"] == 1


def test_a_window_that_is_taken_back_no_longer_holds_silence():
    values = noise(440)
    other = [Metric(START + 60 * i, "load", 1.0 + i % 3, {"service": "x"}, "gauge", "") for i in range(600)]
    mixed = [each for i, m in enumerate(other[:440]) for each in (m, *(metrics(values)[i : i + 1] if i < 420 else ()))]
    before = stage(maintained(START + 410 * 60, START + 900 * 60, name="latency"))
    before.process(mixed)
    assert before.counts()["held:maintenance"] == 1
    after = stage(Config())
    assert after.restore(before.snapshot()) == {}
    after.process(other[440:])
    assert after.counts()["anomalies:stale"] == 1


# -- config


def wrong(tmp_path, text):
    file = tmp_path / "c.yaml"
    file.write_text("inputs: [{topic: t, signal: metric}]\n" + text)
    with pytest.raises(ConfigError) as error:
        load(file, {})
    return [str(problem).replace(str(file), "c.yaml") for problem in error.value.problems]


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ('{from: "25:00", to: "06:00"}', "c.yaml:2:29: detectors[0].quiet[0].from: expected a time of day such as"),
        ("{from: 22, to: 06:00}", "c.yaml:2:29: detectors[0].quiet[0].from: expected a time of day such as"),
        ('{from: "22:00", to: "24:01"}', "c.yaml:2:42: detectors[0].quiet[0].to: expected a time of day such as"),
        ("{from: 22:00, to: 22:00}", "c.yaml:2:22: detectors[0].quiet[0]: begins and ends at the same time"),
        ("{to: 22:00}", "c.yaml:2:22: detectors[0].quiet[0]: 'from' is missing; When they begin"),
        (
            "{from: 22:00, to: 6:00, timezone: Europe/Berlim}",
            "c.yaml:2:56: detectors[0].quiet[0].timezone: expected the",
        ),
        (
            "{from: 22:00, to: 6:00, days: [freitag]}",
            "c.yaml:2:53: detectors[0].quiet[0].days[0]: 'freitag' is not one",
        ),
        ("{from: 22:00, to: 6:00, until: 3}", "c.yaml:2:46: detectors[0].quiet[0]: unknown key 'until'"),
    ],
)
def test_wrong_quiet_hours_have_their_place(tmp_path, window, problem):
    (found,) = wrong(tmp_path, f"detectors: [{{quiet: [{window}]}}]\n")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        (
            "{from: 2026-01-31T22:00:00, to: 2026-02-01T22:00:00Z}",
            "c.yaml:2:22: maintenance[0].from: expected a time with",
        ),
        (
            "{from: 2026-01-31T22:00:00Z, to: 2026-02-01T22:60:00Z}",
            "c.yaml:2:48: maintenance[0].to: expected a time with",
        ),
        (
            "{from: 2026-02-01T22:00:00Z, to: 2026-02-01T22:00:00Z}",
            "c.yaml:2:15: maintenance[0]: ends at the same time",
        ),
        ("{from: 2026-02-01T22:00:00Z, to: 2026-02-01T22:00:00+01:00}", "c.yaml:2:15: maintenance[0]: ends before"),
    ],
)
def test_wrong_maintenance_has_its_place(tmp_path, window, problem):
    (found,) = wrong(tmp_path, f"maintenance: [{window}]\n")
    assert found.startswith(problem)


def test_hours_and_times_as_they_are_written(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(
        "detectors: [{quiet: [{days: [sat], from: 22:00, to: 6:30, timezone: Europe/Berlin}]}]\n"
        "maintenance: [{match: {host: 'db-*'}, from: 2026-01-31T22:00:00+01:00, to: 2026-02-01T02:00:00Z, reason: x}]\n"
    )
    config = load(file, {})
    (window,) = config.detectors[0].quiet
    assert (window.days, window.from_, window.to) == (["sat"], 22 * 3600, 6.5 * 3600)
    (maintenance,) = config.maintenance
    assert maintenance.to - maintenance.from_ == 5 * 3600
