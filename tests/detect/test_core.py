"""The series core, as samples in and anomalies out."""

import math
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detector, Guard, Limits
from floodmark.detect import watched
from floodmark.detect.core import SeriesCore
from floodmark.detect.series import Finding, Sample, Series, SeriesKind, series_key
from floodmark.detect.watchlist import matches

DAY = 1440
START = 1_700_006_400.0  # a midnight
WEEKLY = Config(detectors=[Detector(false_alarms="1/week")])


def series(name: str = "latency", kind: SeriesKind = "gauge", **labels: str) -> Series:
    labels = labels or {"service": "cart"}
    return Series(series_key(name, labels), name, labels, labels["service"], "default", "metric", kind)


def run(core: SeriesCore, of: Series, values: list[float], start: float = START, every: float = 60.0) -> list[Anomaly]:
    found: list[Anomaly] = []
    for i, value in enumerate(values):
        time = start + i * every
        found += core.advance(time - 30)
        found += core.observe(Sample(of, time, value))
    return found


def noise(n: int, seed: int, level: float = 100.0, sigma: float = 3.0) -> list[float]:
    draw = random.Random(seed)
    return [draw.gauss(level, sigma) for _ in range(n)]


def opened(found: list[Anomaly]) -> list[Anomaly]:
    return [a for a in found if a.event == "opened"]


def test_a_spike_is_one_anomaly_explained_and_closed() -> None:
    values = noise(600, 1)
    values[400:406] = [160.0, 171.0, 165.0, 168.0, 163.0, 170.0]
    found = run(SeriesCore(Config()), series(), values)
    first, *updates, last = found
    assert (first.event, last.event, first.id) == ("opened", "closed", last.id)
    assert [(u.event, u.updated_at.timestamp()) for u in updates] == [
        ("updated", START + minute * 60) for minute in (402, 404)
    ]
    assert first.started_at.timestamp() == START + 400 * 60
    assert first.direction == "up"
    assert first.observed == 160.0
    assert first.high is not None
    assert first.high < 130
    assert first.p_value == 1 / 401  # no more than what was seen can vouch for
    assert first.surprise > 7
    assert "cart latency" in first.summary
    assert "160" in first.summary
    assert last.ended_at is not None
    assert last.ended_at.timestamp() == START + 405 * 60
    points = first.evidence.points
    assert len(points) == 60
    assert points[-1].observed == 160.0
    assert points[0].time == START + 341 * 60


def test_a_daily_season_is_not_an_anomaly_but_a_change_of_it_is() -> None:
    draw = random.Random(3)
    values = [100 + 60 * math.sin(2 * math.pi * i / DAY) + draw.gauss(0, 3) for i in range(8 * DAY)]
    quiet = opened(run(SeriesCore(WEEKLY), series(), values))
    assert len(quiet) <= 3
    odd = 6 * DAY + DAY * 3 // 4  # the trough, where 100 is normal at other times of the day
    values[odd : odd + 10] = [100.0] * 10
    found = [a for a in opened(run(SeriesCore(WEEKLY), series(), values)) if a not in quiet]
    assert found
    assert abs(found[0].started_at.timestamp() - (START + odd * 60)) <= 120


@pytest.mark.parametrize("per_week", [1, 7])
def test_the_budget_is_roughly_kept_on_noise(per_week: int) -> None:
    """Forty series-weeks of Gaussian noise at ten minutes: between a fifth and twice the budget."""
    config = Config(detectors=[Detector(false_alarms=f"{per_week}/week")])
    alarms = 0
    for seed in range(10):
        alarms += len(opened(run(SeriesCore(config), series(), noise(4 * 1008, seed), every=600.0)))
    assert 0.2 * 40 * per_week <= alarms <= 2 * 40 * per_week


def test_a_slow_shift_of_level_is_found_and_adopted() -> None:
    values = noise(1000, 5) + noise(1500, 6, level=112.0)
    found = run(SeriesCore(WEEKLY), series(), values)
    shift = [a for a in opened(found) if a.started_at.timestamp() >= START + 1000 * 60]
    assert shift
    assert shift[0].started_at.timestamp() <= START + 1030 * 60
    closes = [a for a in found if a.event == "closed"]
    assert closes, "a level that stays must be adopted"
    late = [a for a in opened(found) if a.started_at.timestamp() > START + 1700 * 60]
    assert not late


@pytest.mark.parametrize("by", [24.0, -24.0])
def test_a_level_that_moves_for_good_alarms_no_longer_than_adopt(by: float) -> None:
    moved = 3000
    values = noise(moved, 5) + noise(2000, 6, level=100.0 + by)
    found = run(SeriesCore(WEEKLY), series(), values)
    adopt = Detector().adopt / 60
    ends = [a.ended_at.timestamp() for a in found if a.event == "closed" and a.ended_at is not None]
    assert START + (moved + adopt - 1) * 60 <= max(ends) <= START + (moved + adopt + 1) * 60
    assert len(opened(found)) == sum(a.event == "closed" for a in found)


def test_a_spike_of_an_hourly_series_is_over_and_not_adopted() -> None:
    """Six hours are six points there: all of them normal again, they must not move the level to where the spike was."""
    core, values = SeriesCore(Config()), noise(500, 5)
    values[400] = 190.0
    found = [a for a in run(core, series(), values, every=3600.0) if a.started_at.timestamp() == START + 400 * 3600]
    assert [a.event for a in found] == ["opened", "closed"]
    assert found[-1].ended_at == found[-1].started_at
    assert not core.counts()["adopted"]


def test_a_level_of_an_hourly_series_is_adopted_after_twelve_points() -> None:
    core, values = SeriesCore(WEEKLY), noise(400, 5) + noise(100, 6, level=160.0)
    found = run(core, series(), values, every=3600.0)
    moved = [a for a in found if a.started_at.timestamp() == START + 400 * 3600]
    assert [moved[0].event, moved[-1].event] == ["opened", "closed"]
    assert START + 412 * 3600 <= moved[-1].updated_at.timestamp() < START + 413 * 3600 + 1
    assert core.counts()["adopted"]


def test_an_incident_is_not_learned_as_normal() -> None:
    values = noise(3000, 7)
    for start in (1000, 1360, 2440):  # again after 6 h and after a day
        values[start : start + 30] = [170.0 + v / 50 for v in values[start : start + 30]]
    starts = {
        round((a.started_at.timestamp() - START) / 60) for a in opened(run(SeriesCore(Config()), series(), values))
    }
    assert starts >= {1000, 1360, 2440}


def test_flatline() -> None:
    values = noise(500, 8)
    values[300:] = [values[299]] * 200
    heads = {a.head for a in opened(run(SeriesCore(Config()), series(), values))}
    assert "flatline" in heads


def test_a_series_that_stops_is_stale_and_comes_back() -> None:
    core = SeriesCore(Config())
    found = run(core, series(), noise(200, 9))
    last = START + 199 * 60
    assert not core.advance(last + 240)
    (stale,) = core.advance(last + 300)
    again = [a for at in (500, 600, 900, 1200, 1800, 9000) for a in core.advance(last + at)]
    assert [(a.event, a.id) for a in again] == [("updated", stale.id)] * 3  # after twice the time, and again, and late
    assert [a.updated_at.timestamp() - last for a in again] == pytest.approx([600, 1200, 9000])
    assert stale.surprise < again[0].surprise < again[1].surprise < again[2].surprise
    assert stale.head == "stale"
    assert stale.started_at.timestamp() == pytest.approx(last + 60)
    assert stale.updated_at.timestamp() == pytest.approx(last + 300)
    assert "sent nothing for 5 min" in stale.summary
    again = core.observe(Sample(series(), last + 9600, 100.0))
    assert [a.event for a in again] == ["closed"]
    assert again[0].id == stale.id
    assert not [a for a in found if a.head == "stale"]


def test_a_standstill_of_the_whole_stream_makes_nothing_stale() -> None:
    core = SeriesCore(Config())
    run(core, series(), noise(200, 10))
    now = START + 200 * 60 + 12 * 3600
    core.resume(now)
    assert not core.advance(now + 60)


def test_counts_of_quiet_series_do_not_cry() -> None:
    draw = random.Random(11)
    values = [float(draw.random() < 0.05) for _ in range(7 * DAY)]
    of = series("errors", "count")
    assert len(opened(run(SeriesCore(Config()), of, values))) <= 2
    values[-20:-10] = [4.0] * 10
    found = opened(run(SeriesCore(Config()), of, values))
    assert found[-1].head in ("count", "level")
    late = found[-1].started_at.timestamp() - (START + (7 * DAY - 20) * 60)
    assert 0 <= late <= 60  # chance alone makes four events in a minute rare, not unheard of


def test_guards_and_direction() -> None:
    values = noise(500, 12)
    values[300] = 130.0
    for detector in (
        Detector(min_deviation=Guard(absolute=50)),
        Detector(min_deviation=Guard(relative=0.5)),
        Detector(direction="down"),
        Detector(enabled=False),
    ):
        assert not opened(run(SeriesCore(Config(detectors=[detector])), series(), values))
    assert opened(run(SeriesCore(Config()), series(), values))


def test_the_first_detector_that_matches_has_the_series() -> None:
    config = Config(detectors=[Detector(name="off", match={"service": ["cart", "pay*"]}, enabled=False)])
    core = SeriesCore(config)
    core.observe(Sample(series(service="payment"), START, 1.0))
    core.observe(Sample(series(service="web"), START, 1.0))
    assert core.sizes()["series"] == 1
    assert core.counts()["skipped:disabled"] == 1


def test_a_narrower_detector_before_a_wider_one_overrides_it() -> None:
    narrow = {"match": {"name": "*_ms", "service": "checkout"}, "min_deviation": {"absolute": 50}, "direction": "up"}
    wide = {"match": {"name": "*_ms"}, "min_deviation": {"absolute": 200}}
    core = SeriesCore(Config.model_validate({"detectors": [narrow, wide]}))

    def alarms(service: str, *odd: float) -> list[float | None]:
        values = noise(400, 1, 300)
        values[200], values[300] = odd
        return [a.observed for a in opened(run(core, series("l_ms", service=service), values))]

    assert alarms("checkout", 200, 380) == [380]
    assert alarms("cart", 50, 380) == [50]


def test_matches() -> None:
    of = series("http_requests_total", service="cart", zone="eu-1")
    assert matches({}, of)
    assert matches({"name": "http_*", "zone": ["us-*", "eu-*"]}, of)
    assert not matches({"team": "x"}, of)


def test_any_river_model_is_a_head() -> None:
    config = Config(
        detectors=[
            Detector(
                heads=[],
                model="river.anomaly.StandardAbsoluteDeviation",
                scale=False,
            )
        ]
    )
    values = noise(1200, 13)
    values[900:905] = [400.0] * 5
    found = opened(run(SeriesCore(config), series(), values))
    assert any(
        a.head == "StandardAbsoluteDeviation" and 899 <= (a.started_at.timestamp() - START) / 60 <= 905 for a in found
    )


def test_findings_share_the_alarm() -> None:
    core = SeriesCore(Config())
    of = series("feature", service="fraud")
    assert not list(core.advance(START))

    def finding(time: float) -> Finding:
        from floodmark.alerts import Evidence

        return Finding(of, time, "feature_drift", 1e-9, "up", 2.0, 1.0, 0.5, 1.5, "amount drifted", Evidence())

    (first,) = core.observe(finding(START))
    assert first.head == "feature_drift"
    assert first.summary == "amount drifted"
    assert not core.observe(finding(START + 60))
    (end,) = core.advance(START + 5000)
    assert end.event == "closed"
    assert end.id == first.id
    assert end.ended_at is not None
    assert end.ended_at.timestamp() == START + 60


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=True, allow_infinity=True),
            st.sampled_from([0.0, 1.0, -1.0, 1e308, -1e308, 5e-324]),
            st.floats(-100, 100),
        ),
        max_size=120,
    )
)
@settings(max_examples=60)
@example([0.0, 0.0, 0.0, 0.0])
@example([0.0, 0.0, 0.0, 0.0, 1.0])
def test_hostile_values_never_raise_nor_poison(values: list[float]) -> None:
    core = SeriesCore(Config())
    run(core, series(), values)
    more = noise(400, 14)
    more[300] = 1e6
    found = opened(run(core, series(), more, start=START + 1e6))
    spike = START + 1e6 + 300 * 60
    found_at = [a.started_at.timestamp() for a in found]
    assert spike in found_at or any(abs(v) > 1e5 for v in values if math.isfinite(v))


def test_state_is_bounded_and_evictions_are_counted() -> None:
    core = SeriesCore(Config(limits=Limits(series=50)))
    for i in range(5_000):
        core.observe(Sample(series(service=f"s{i}"), START + i, 1.0))
        core.advance(START + i)
    assert core.sizes()["series"] == 50
    assert core.counts()["evicted:series"] == 4_950


def test_an_open_alarm_of_an_evicted_series_is_closed() -> None:
    core = SeriesCore(Config(limits=Limits(series=2)))
    values = [*noise(100, 5), 500.0]
    found = run(core, series(service="odd"), values)
    assert [a.event for a in found] == ["opened"]
    now = START + 60.0 * len(values)
    for i in range(2):
        core.observe(Sample(series(service=f"s{i}"), now, 1.0))
    closed = core.advance(now)
    assert [(a.event, a.id) for a in closed] == [("closed", found[0].id)]


def test_a_series_that_is_only_watched_for_staleness():
    config = Config(detectors=[Detector(heads=["stale"])])
    core = SeriesCore(config)
    found = run(core, series(), [float(i % 7) for i in range(60)])
    assert found == []
    told = core.advance(START + 60 * 60.0 + 3600)
    assert [a.event for a in told] == ["opened", "updated"]
    assert {a.head for a in told} == {"stale"}


def test_an_alarm_that_becomes_far_worse_is_told_again_at_once() -> None:
    core = SeriesCore(Config())
    run(core, series(), noise(2000, 30))
    found = run(core, series(), [145.0, 146.0, 900.0], start=START + 2000 * 60.0, every=10.0)
    opened, *later = [a for a in found if a.event in ("opened", "updated")]
    assert opened.severity == "error"
    assert [a.observed for a in later] == [900.0]
    assert later[0].surprise > opened.surprise + 3


def test_a_series_that_cries_must_be_ever_odder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched.Watched, "usual", lambda *_: False)  # at these hours it would be, too
    values = noise(14 * DAY, 8)
    for number, at in enumerate(range(DAY, 14 * DAY, 180)):  # eight a day, each larger than the one before
        values[at] += 20 * 1.1**number
    core = SeriesCore(WEEKLY)
    found = opened(run(core, series(), values))
    assert core.counts()["held:too_many"] > 0
    values[-1] = 1e12
    assert len(opened(run(SeriesCore(WEEKLY), series(), values))) > len(found), "what is far odder is still told"
    monkeypatch.setattr(watched, "_FEW", 1e9)
    assert len(opened(run(SeriesCore(WEEKLY), series(), values))) > len(found) + 3
