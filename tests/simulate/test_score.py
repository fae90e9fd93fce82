from __future__ import annotations

import orjson
import pytest

from floodmark.simulate.faults import HOUR, Fault
from floodmark.simulate.score import TAIL, scoreboard, to_yardstick, truth_jsonl

from .builders import incident

GRAPH = {"edge": ["web"], "web": ["cart", "search"], "cart": ["stock"], "search": [], "stock": []}


def fault(id="F01", kind="latency", service="cart", start=10_000.0, end=11_200.0):
    return Fault(id, kind, service, start, end, "something broke", 1.0)


def test_one_incident_on_the_very_service():
    score = scoreboard(
        [
            incident("a", start=10_100, at=10_220, entities=["cart", "web"], causes=["cart", "web"]),
            incident("a", event="resolved", start=10_100, at=12_000, entities=["cart", "web"], causes=["cart", "web"]),
        ],
        40,
        900,
        [fault()],
        GRAPH,
        events=1000,
        seconds=2.0,
    )
    assert (score.faults, score.found, score.exactly_one, score.first_cause) == (1, 1, 1, 1)
    assert score.noise == []
    assert score.incidents == 1
    assert score.reduction == pytest.approx(1 - 1 / 40)
    assert score.delay == 220  # when it was opened, not when it was last told
    assert score.rate == 500
    assert score.raw == 900
    assert score.rows[0].main.event == "resolved"


def test_a_neighbour_counts_and_a_stranger_is_noise():
    near = incident("a", start=10_100, entities=["stock"], causes=["stock"])
    far = incident("b", start=10_100, entities=["edge"])
    score = scoreboard([near, far], 2, 0, [fault()], GRAPH)
    assert [row.main.id for row in score.rows] == ["a"]
    assert [i.id for i in score.noise] == ["b"]
    assert score.first_cause == 0
    assert score.rows[0].rank is None


@pytest.mark.parametrize(
    ("kind", "start", "found"),
    [
        ("latency", 9_999, False),  # before
        ("latency", 10_000, True),
        ("latency", 11_200 + TAIL, True),
        ("latency", 11_201 + TAIL, False),
        ("feature_drift", 11_200 + 3 * HOUR, True),  # labels come late
        ("feature_drift", 11_200 + 5 * HOUR, False),
    ],
)
def test_an_incident_must_begin_while_the_fault_can_be_felt(kind, start, found):
    score = scoreboard([incident(start=start, entities=["cart"])], 1, 0, [fault(kind=kind)], GRAPH)
    assert score.found == found
    assert len(score.noise) == (not found)


def test_lost_traffic_is_felt_all_the_way_down():
    deep = incident(start=10_100, entities=["stock"])
    assert scoreboard([deep], 1, 0, [fault(kind="traffic_drop", service="edge")], GRAPH).found == 1
    assert scoreboard([deep], 1, 0, [fault(kind="latency", service="edge")], GRAPH).found == 0


def test_two_incidents_of_a_fault_are_not_exactly_one():
    first = incident("a", start=10_050, entities=["cart"], causes=["web"])
    larger = incident("b", start=10_300, entities=["cart", "web"], causes=["cart"])
    score = scoreboard([first, larger], 3, 0, [fault()], GRAPH)
    assert score.found == 1
    assert score.exactly_one == 0
    assert score.rows[0].main.id == "b"  # the one that holds most says the cause
    assert score.rows[0].rank == 1
    assert score.delay == 170  # the first one opened


def test_an_incident_that_swallows_the_next_fault_is_not_pure():
    late = fault("F02", service="search", start=11_300, end=12_000)
    mixed = incident(start=10_100, entities=["cart", "search"], members=[("cart", 10_100), ("search", 11_400)])
    score = scoreboard([mixed], 2, 0, [fault(), late], GRAPH)
    assert [bool(row.incidents) for row in score.rows] == [True, False]
    assert score.exactly_one == 0


def test_between_two_faults_the_very_service_decides():
    drift = fault("F01", "feature_drift", "search", 9_000, 9_500)
    slow = fault("F02", "latency", "web", 10_000, 11_000)
    score = scoreboard([incident(start=10_100, entities=["search"])], 1, 0, [drift, slow], GRAPH)
    assert [row.main is not None for row in score.rows] == [True, False]
    score = scoreboard([incident(start=10_100, entities=["search", "web"])], 1, 0, [drift, slow], GRAPH)
    assert [row.main is not None for row in score.rows] == [False, True]


def test_merged_incidents_do_not_count():
    score = scoreboard(
        [
            incident("a", start=10_100, entities=["cart"]),
            incident("b", start=10_110, entities=["cart"]),
            incident("b", event="merged", start=10_110, entities=["cart"], merged_into="a"),
        ],
        2,
        0,
        [fault()],
        GRAPH,
    )
    assert score.incidents == 1
    assert score.exactly_one == 1


def test_nothing_found():
    score = scoreboard([], 0, 0, [fault()], GRAPH)
    assert (score.found, score.delay, score.reduction, score.rate) == (0, None, 0.0, None)


def test_truth_lines():
    lines = [orjson.loads(line) for line in truth_jsonl([fault()])]
    assert lines == [{"fault_id": "F01", "inject_ts": 10_000.0, "service": "cart", "end_ts": 11_200.0 + TAIL}]


def test_yardstick_lines():
    line = to_yardstick(incident("a", event="updated", start=100, at=250, entities=["cart", "web"], causes=["web"]))
    assert line == {
        "incident_id": "a",
        "event": "updated",
        "ts": 250.0,
        "alerts": [
            {"id": "a-0", "ts": 100.0, "service": "cart", "series": 'latency{service="cart"}'},
            {"id": "a-1", "ts": 100.0, "service": "web", "series": 'latency{service="web"}'},
        ],
        "root_causes": ["web"],
    }
    merged = to_yardstick(incident("b", event="merged", merged_into="a"))
    assert merged["merged_into"] == "a"
