"""The false discovery rate over many series: held on noise, and no obstacle to what is plainly wrong."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Config, FalseDiscoveries
from floodmark.detect.core import SeriesCore
from floodmark.detect.discoveries import Discoveries, Stream, _share
from floodmark.detect.series import Sample, Series

START = 1_700_006_400.0  # a midnight
TENTH = FalseDiscoveries(rate=0.1)


def series(name: str = "a", entity: str = "e", scope: str = "default") -> Series:
    return Series(f"{scope}/{entity}/{name}", name, {}, entity, scope, "metric")


def test_the_wealth_is_spent_once() -> None:
    assert 0.99 < sum(_share(j) for j in range(1, 100_000)) <= 1


@given(st.floats(0.01, 0.5), st.lists(st.booleans(), max_size=300))
def test_levels_stay_below_the_rate_and_state_is_bounded(rate: float, alarms: list[bool]) -> None:
    stream = Stream()
    for alarm in alarms:
        assert 0 < stream.level(rate) < rate
        stream.learn(alarm=alarm)
    assert len(stream.alarms) <= 100


@pytest.mark.parametrize("false", [1.0, 0.5])
def test_the_rate_is_kept(false: float) -> None:
    """On average over 300 days with 200 candidates; those that are true are a thousandth of their level or less."""
    draw, shares = random.Random(1), []
    found = Discoveries()
    for day in range(300):
        wrong = right = 0
        for i in range(200):
            null = draw.random() < false
            share = draw.random() * (1 if null else 1e-3)
            alarm = found.test(TENTH, series(), START + 86_400 * day + i, share)
            wrong, right = wrong + (alarm and null), right + (alarm and not null)
        shares.append(wrong / max(1, wrong + right))
        if false < 1:
            assert right >= 40
    assert sum(shares) / len(shares) <= 0.1


def test_groups_are_apart_and_begin_anew_each_day() -> None:
    found, setting = Discoveries(), FalseDiscoveries(rate=0.1, over="entity")
    first = Stream().level(0.1) * 0.99
    assert found.test(setting, series(entity="e"), START, 1.0) is False
    assert found.test(setting, series(entity="e"), START, first) is False
    assert found.test(setting, series(entity="f"), START, first) is True
    assert found.test(setting, series(entity="e"), START + 86_400, first) is True


def test_fewer_alarms_of_noise_and_the_incident_all_the_same() -> None:
    def alarms(config: dict[str, object]) -> tuple[int, set[str]]:
        core = SeriesCore(Config.model_validate({"detectors": [{"false_alarms": "24/day"}], "detect": config}))
        draw, noise, hit = random.Random(5), 0, set()
        all_of_it = [series(f"s{i}", f"e{i}") for i in range(20)]
        for minute in range(600):
            for i, each in enumerate(all_of_it):
                odd = minute >= 590 and i < 3
                value = draw.gauss(100, 3) + 60 * odd
                for found in core.observe(Sample(each, START + 60 * minute + i, value)):
                    if found.event == "opened" and odd:
                        hit.add(each.key)
                    noise += found.event == "opened" and not odd
        return noise, hit

    plain, controlled = alarms({}), alarms({"false_discoveries": {"rate": 0.1}})
    assert plain[1] == controlled[1]
    assert len(plain[1]) == 3
    assert plain[0] > 40
    assert controlled[0] <= 5
