"""Entities: many small surprises of one host at once, through the whole detect stage."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detect, Detector, Limits
from floodmark.detect import DetectStage, watchlist
from floodmark.signals import Metric, Origin, Samples

START = 1_700_006_400.0
WEEK = 10_080
SERIES = 20
MONTHLY = Config(detectors=[Detector(false_alarms="1/month")])
NAMES = [f"m{i:02}" for i in range(SERIES)]


def noise(seed, minutes, *, common=0.0, series=SERIES):
    """Values by minute and series: normal about 100, of which a factor that all have in common has a share."""
    draw = np.random.default_rng(seed)
    own, shared = draw.standard_normal((minutes, series)), draw.standard_normal((minutes, 1))
    return 100 + 3 * (common * shared + np.sqrt(1 - common**2) * own)


def samples(values, *, first=0, host="db-1"):
    minutes, series = values.shape
    origins = [Origin(name, {"host": host, "env": "prod", "metric": name}, "gauge", "") for name in NAMES[:series]]
    times = START + 60.0 * (first + np.arange(minutes)[:, None]) + np.arange(series)
    return Samples(origins * minutes, times.ravel().tolist(), values.ravel().tolist())


def mixed(*parts):
    """Several hosts' samples, by time."""
    whole = Samples(*(list(itertools.chain(*columns)) for columns in zip(*parts, strict=True)))
    order = sorted(range(len(whole.times)), key=lambda i: whole.times[i])
    return Samples(*([column[i] for i in order] for column in whole[:3]))


def anomalies(out, head="entity"):
    return [each for each in out if isinstance(each, Anomaly) and each.head == head]


def opened(out, head="entity"):
    return [each for each in anomalies(out, head) if each.event == "opened"]


@functools.cache
def learned(minutes=2500):
    """The snapshot of a stage that has seen so many minutes of one host."""
    stage = DetectStage(MONTHLY, "metrics/0", 1)
    stage.take(samples(noise(50, minutes)))
    return stage.snapshot()


def goes_on(config=MONTHLY):
    stage = DetectStage(config, "metrics/0", 1)
    assert not stage.restore(learned())
    return stage


def shifted(by=2.0, which=range(10), minutes=range(10), length=60, seed=7):
    """An hour after what is learned; `by` in standard deviations."""
    values = noise(seed, length)
    values[np.ix_(list(minutes), list(which))] += 3 * by
    return values


@pytest.mark.parametrize("common", [0.0, 0.7])
def test_the_budget_is_kept_in_a_week_of_noise_and_of_shared_noise(common):
    stage = DetectStage(Config(detectors=[Detector(false_alarms="1/week")]), "metrics/0", 1)
    assert len(opened(stage.take(samples(noise(3, WEEK, common=common))))) <= 3
    assert stage.sizes()["entities"] == 1


def test_a_shift_too_small_for_each_is_found_in_all_together():
    out = goes_on().take(samples(shifted(), first=2500))
    assert {each.head for each in anomalies(out, "level") + anomalies(out, "forecast")} == set()
    (found,) = opened(out)
    assert 0 <= found.started_at.timestamp() - START - 2500 * 60 <= 300
    assert (found.entity, found.scope, found.signal, found.name) == ("db-1", "default", "metric", "entity")
    assert found.series == 'entity{entity="db-1"}'
    assert found.labels == {"host": "db-1", "env": "prod"}
    assert found.summary.startswith(f"db-1: {found.observed:.0f} of 20 series are odd at once: m")
    assert "minutes)" in found.summary
    assert found.p_value > 1 / 2600
    *_, peak, last = anomalies(out)
    assert peak.surprise > found.surprise + 1
    assert (last.event, last.id) == ("closed", found.id)
    assert last.ended_at is not None
    assert 8 * 60 <= last.ended_at.timestamp() - START - 2500 * 60 <= 25 * 60


def test_contributors_are_ranked_and_at_most_ten_are_named():
    out = goes_on().take(samples(shifted(minutes=range(16)), first=2500))
    facts = anomalies(out)[-1].evidence.facts
    ranked = [str(facts[f"series_{i}"]) for i in range(1, 11)]
    assert "series_11" not in facts
    assert facts["of"] == SERIES
    assert facts["odd"] >= 10
    p_values = [float(each.rpartition(" = ")[2]) for each in ranked]
    assert p_values == sorted(p_values)
    assert sum(int(each[1:3]) < 10 and "} up, p" in each for each in ranked) >= 9


def test_a_fall_is_told_as_one():
    (found,) = opened(goes_on().take(samples(shifted(-2.5), first=2500)))
    assert " down" in found.summary
    assert " up" not in found.summary


def test_two_series_cannot_do_it_however_odd():
    assert not opened(goes_on().take(samples(shifted(30.0, which=range(2)), first=2500)))


def test_three_series_are_no_entity():
    stage = DetectStage(MONTHLY, "metrics/0", 1)
    values = noise(1, 600, series=3)
    values[500:510] += 6
    assert not opened(stage.take(samples(values)))


def test_entities_do_not_mix():
    values, quiet = np.vstack([noise(1, 600), shifted(3.0)]), noise(2, 660)
    alone = DetectStage(MONTHLY, "metrics/0", 1).take(samples(values))
    both = DetectStage(MONTHLY, "metrics/0", 1).take(mixed(samples(values), samples(quiet, host="db-2")))
    assert opened(alone)
    assert [each for each in anomalies(both) if each.entity == "db-1"] == anomalies(alone)
    later = START + 600 * 60
    assert not [each for each in opened(both) if each.entity == "db-2" and each.started_at.timestamp() > later]


def test_it_can_be_turned_off():
    off = MONTHLY.model_copy(update={"detect": Detect(entities=False)})
    stage = goes_on(off)
    assert not anomalies(stage.take(samples(shifted(), first=2500)))
    assert stage.sizes()["entities"] == 0
    by_detector = Config(detectors=[Detector(match={"name": "entity"}, enabled=False), *MONTHLY.detectors])
    hour = samples(np.vstack([noise(1, 600), shifted(3.0)]))
    assert not anomalies(DetectStage(by_detector, "metrics/0", 1).take(hour))
    assert opened(DetectStage(MONTHLY, "metrics/0", 1).take(hour))


def test_in_maintenance_nothing_opens_and_what_is_still_odd_opens_after_it():
    begin, end = START + 2490 * 60, START + 2505 * 60 + 20
    config = Config.model_validate(
        {
            "detectors": [{"false_alarms": "1/month"}],
            "maintenance": [{"match": {"host": "db-1"}, "from": _iso(begin), "to": _iso(end)}],
        }
    )
    stage = goes_on(config)
    (found,) = opened(stage.take(samples(shifted(minutes=range(16)), first=2500)))
    assert end < found.started_at.timestamp() < end + 120
    assert stage.counts()["held:maintenance"] > 0


def test_what_stays_is_adopted():
    config = Config(detectors=[Detector(false_alarms="1/month", adopt=1800, refractory=120)])
    restless = noise(7, 600)
    restless[::2] += 9  # all are restless from now on, together
    restless[1::2] -= 9
    out = goes_on(config).take(samples(restless, first=2500))
    ends = [each.ended_at.timestamp() for each in anomalies(out) if each.event == "closed"]
    assert ends
    assert len(ends) == len(opened(out))
    assert max(ends) < START + (2500 + 120) * 60


def test_a_restart_changes_nothing():
    whole, stage = goes_on(), goes_on()
    values = shifted(2.0, length=60)
    first = stage.take(samples(values[:4], first=2500))
    again = DetectStage(MONTHLY, "metrics/0", 1)
    assert not again.restore(stage.snapshot())
    out = first + again.take(samples(values[4:], first=2504))
    assert opened(out)
    assert out == whole.take(samples(values, first=2500))
    assert again.snapshot() == whole.snapshot()


@given(cuts=st.lists(st.integers(0, 600), max_size=5))
@settings(max_examples=5)
def test_batches_change_nothing(cuts):
    whole = samples(shifted(length=30), first=2500)
    stage, out = goes_on(), []
    edges = [0, *sorted(cuts), len(whole.times)]
    for begin, end in itertools.pairwise(edges):
        out += stage.take(Samples(*(column[begin:end] for column in whole[:3])))
    assert out == goes_on().take(whole)


def test_series_in_python_are_counted_as_those_in_the_bank(monkeypatch):
    values = samples(np.vstack([noise(1, 300), shifted(2.5)]))
    banked = DetectStage(MONTHLY, "metrics/0", 1).take(values)
    monkeypatch.setattr(watchlist, "bits", lambda model: 0)
    assert opened(banked)
    assert DetectStage(MONTHLY, "metrics/0", 1).take(values) == banked


def test_series_that_have_gone_leave_their_entity():
    values = noise(1, 400, series=8)
    values[200:, 4:] = np.nan  # four of eight come no longer
    values[300:310, :4] += 3 * 4
    (found,) = opened(DetectStage(MONTHLY, "metrics/0", 1).take(samples(values)))
    assert found.evidence.facts["of"] == 4


@given(names=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), max_size=200), limit=st.integers(10, 25))
@settings(max_examples=30)
def test_there_are_no_entities_but_those_of_the_series_that_are_held(names, limit):
    stage = DetectStage(Config(limits=Limits(series=limit)), "metrics/0", 1)
    for i, (host, name) in enumerate(names):
        stage.process([Metric(START + 7 * i, f"m{name}", 1.0, {"host": f"h{host}"})])
    held = stage._core._watchlist
    hosts = [each.series.entity for each in held.series.values()]
    entities = held.entities
    members = {
        each.entity: int(entities._table.rows["members"][number - 1]) for number, each in entities._entities.items()
    }
    assert members == {host: hosts.count(host) for host in hosts}
    assert stage.sizes()["entities"] == len(set(hosts)) <= limit


def _iso(time):
    return np.datetime64(round(time), "s").item().isoformat() + "+00:00"
