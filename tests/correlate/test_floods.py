"""Floods: what begins at once in numbers that chance never brings is one incident, however faint each part is."""

from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Correlate, Service
from floodmark.correlate import CorrelateStage
from floodmark.correlate.floods import Floods

from .making import T0, change, mark, opened, run

FAR = 100_000
FAINT = {"level": 60 / 86_400, "surprise": 3.5}  # less than a nat beyond its level


def stage():
    return CorrelateStage(Correlate(), {"a": Service(), "b": Service()})


def flood(services, at=1_000):
    return [opened(at + i % 50, f"service-{i}", **FAINT) for i in range(services)]


def test_a_thousand_faint_ones_at_once_are_one_incident_that_says_so():
    correlate = stage()
    got = run(correlate, [*flood(1_000), mark(1_100), mark(FAR)])
    assert len({incident.id for incident in got}) == 1
    assert got[0].event == "opened"
    assert got[-1].member_count == 1_000
    assert "one cause" in got[-1].why
    assert len(got[-1].members) <= 50
    assert all(size == 0 for kind, size in correlate.sizes().items() if kind not in ("tasks", "absent"))


def test_a_few_faint_ones_at_once_are_none():
    assert run(stage(), [*flood(8), mark(1_100), mark(FAR)]) == []


def test_a_flood_teaches_nothing_of_chance_and_the_next_is_told_too():
    correlate = stage()
    got = run(correlate, [*flood(1_000), mark(20_000), *flood(1_000, 30_000), mark(FAR)])
    assert [incident.event for incident in got if incident.event == "opened"] == ["opened", "opened"]


def test_changes_and_later_anomalies_go_their_own_ways():
    strong = [opened(1_600 + i, "service-7", name, p=1e-12, level=7e-4) for i, name in enumerate(("cpu", "queue"))]
    got = run(stage(), [change(990, "service-7"), *flood(600), mark(1_100), *strong, mark(FAR)])
    assert len({incident.id for incident in got if incident.event == "opened"}) == 2


def test_many_are_no_flood_where_many_begin_all_the_time():
    floods = Floods(90.0)
    told = [floods.begins("s", T0 + 3.0 * i, 10.0) for i in range(20_000)]  # thirty in each span
    assert not any(told)
    assert any(floods.begins("s", T0 + 60_001, 10.0) for _ in range(200))


def test_fewer_are_one_where_it_is_known_that_few_begin():
    floods = Floods(90.0)
    assert not any(floods.begins("s", T0 + 600.0 * i, 10.0) for i in range(20))
    assert any(floods.begins("s", T0 + 12_001, 10.0) for _ in range(60))


@given(st.lists(st.floats(0, 1e6), max_size=200), st.floats(0, 50), st.floats(0, 50))
def test_the_lower_the_bar_the_sooner_many_are_a_flood(times, bar, more):
    low, high = Floods(90.0), Floods(90.0)
    for time in times:
        strict = high.begins("s", T0 + time, bar + more)
        assert low.begins("s", T0 + time, bar) or not strict


def test_bounded():
    floods = Floods(90.0)
    for i in range(3_000):
        floods.begins(f"scope {i}", T0 + 90.0 * i, 10.0)
        floods.began(f"scope {i}", "inc-1")
    assert len(floods.state()) <= 1_000
    floods.begins("s", T0, 10.0)
    floods.begins("s", T0 + 1e9, 10.0)  # eleven million spans later
