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
    got = run(correlate, [*flood(200), mark(20_000), *flood(200, 30_000), mark(FAR)])
    assert [incident.event for incident in got if incident.event == "opened"] == ["opened", "opened"]


def test_changes_and_later_anomalies_go_their_own_ways():
    strong = [opened(1_600 + i, "service-7", name, p=1e-12, level=7e-4) for i, name in enumerate(("cpu", "queue"))]
    got = run(stage(), [change(990, "service-7"), *flood(100), mark(1_100), *strong, mark(FAR)])
    assert len({incident.id for incident in got if incident.event == "opened"}) == 2


@given(st.lists(st.floats(0, 1e6), max_size=200), st.floats(0, 1), st.floats(0, 50))
def test_the_rarer_groups_are_the_sooner_many_are_a_flood(times, rate, bar):
    calm, lively = Floods(90.0), Floods(90.0)
    for time in times:
        if lively.begins("s", T0 + time, rate + 0.1, bar):
            assert calm.begins("s", T0 + time, rate, bar)
        else:
            calm.begins("s", T0 + time, rate, bar)


def test_bounded():
    floods = Floods(90.0)
    for i in range(10_000):
        floods.begins("s", T0 + 90.0 * i, 1.0, 10.0)
        floods.began(f"scope {i}", "inc-1")
    begun, last = floods.state()
    assert max(len(begun), len(last)) <= 4_096
