import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.trials import Trial
from floodmark.trials.described import events, records

START = 1_767_571_200.0


def made(*given, **more):
    return events(Trial.model_validate({"name": "x", "input": list(given), "expect": {}, **more}), START)


def of(**more):
    return [
        (each.time - START, each.body["value"]) for each in made({"series": {"name": "m", **more}}, **{"for": "5m"})
    ]


def test_values_go_as_far_as_they_are_written():
    assert of(values="1+1x2 _ stale 9") == [(0, 1), (60, 2), (120, 3), (240, None), (300, 9)]


def test_a_level_goes_as_long_as_the_test():
    assert of(level=4) == [(60.0 * n, 4) for n in range(5)]
    assert of(level=4, every="2m", at="1m", **{"for": "3m"}) == [(60, 4), (180, 4)]


def test_steps_trends_and_outages():
    assert [v for _, v in of(level=1, steps=[{"at": "2m", "for": "1m", "by": 3}])] == [1, 1, 4, 1, 1]
    assert [v for _, v in of(level=2, steps=[{"at": "3m", "times": 10}])] == [2, 2, 2, 20, 20]
    assert [v for _, v in of(level=0, steps=[{"at": "1m", "for": "2m", "to": 10, "slowly": True}])] == [0, 0, 5, 10, 10]
    assert [v for _, v in of(level=0, trend=60)] == [0, 1, 2, 3, 4]
    assert [t for t, _ in of(level=1, outages=[{"at": "1m", "for": "2m"}])] == [0, 180, 240]


def test_moments_are_moments():
    assert [t for t, _ in of(level=1, at="2026-01-05T00:03:00Z")] == [180, 240]


def test_a_season_is_highest_at_its_peak():
    values = [v for _, v in of(level=10, season=[{"by": 5, "period": "4m", "peak": "1m"}])]
    assert values == [10, 15, 10, 5, 10]


def test_chance_is_of_the_seed():
    assert of(level=1, noise=1) == of(level=1, noise=1)
    assert of(level=1, noise=1) != of(level=1, noise=1, seed=1)


def test_an_outage_changes_no_chance():
    whole = dict(of(level=1, noise=1))
    part = dict(of(level=1, noise=1, outages=[{"at": "1m", "for": "2m"}]))
    assert part.items() <= whole.items()


def test_a_counter_grows_by_its_level():
    found = made({"series": {"name": "m_total", "kind": "counter", "level": 2}}, **{"for": "3m"})
    assert [each.body["value"] for each in found] == [120, 240, 360]


def test_lines_are_as_many_as_the_course_says():
    given = {"logs": {"body": "line {n}", "level": 2, "steps": [{"at": "1m", "to": 250}]}}
    found = made(given, **{"for": "2m"})
    assert [each.body["body"] for each in found[:2]] == ["line 1", "line 2"]
    assert sum(each.body.get("count", 1) for each in found) == 252
    assert len({each.body["body"] for each in found}) == len(found) == 102


def test_a_model_errs_as_often_as_it_is_said():
    given = {"predictions": {"model": "m", "every": "1s", "error": 0.1, "worse": [{"at": "30m", "error": 0.6}]}}
    found = made(given, **{"for": "1h"})
    said = {each.body["prediction_id"]: each for each in found if each.signal == "prediction"}
    wrong = [[], []]
    for each in found:
        if each.signal == "outcome":
            prediction = said[each.body["prediction_id"]]
            assert each.time == prediction.time + 60
            wrong[prediction.time >= START + 1800].append(each.body["label"] != prediction.body["prediction"])
    assert math.isclose(sum(wrong[0]) / len(wrong[0]), 0.1, abs_tol=0.03)
    assert math.isclose(sum(wrong[1]) / len(wrong[1]), 0.6, abs_tol=0.05)


def test_alerts_are_resolved_when_they_end():
    found = made({"alert": {"at": "1m", "for": "2m", "name": "Down"}})
    assert [(each.time - START, each.body["status"]) for each in found] == [(60, "firing"), (180, "resolved")]


@given(st.lists(st.sampled_from([1, 7, 60, 61.5]), min_size=1, max_size=4))
def test_records_are_in_the_order_of_time(paces):
    given = [{"series": {"name": f"m{number}", "level": 1, "every": pace}} for number, pace in enumerate(paces)]
    found = list(records(made(*given, **{"for": "5m"})))
    assert all(one[0] <= other[0] for one, other in pairwise(found))
    assert [record.offset for _, record in found] == list(range(len(found)))
