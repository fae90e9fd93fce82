import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.models import Service
from floodmark.correlate.causes import MOST, WEIGHTS, rank
from floodmark.correlate.topology import Topology

from .making import SHOP, change, symptom

NOBODY = Topology({})
TOPOLOGY = Topology(SHOP)


def names(causes):
    return [cause.entity for cause in causes]


def test_no_symptoms_no_causes():
    assert rank([], [], NOBODY) == []


def test_the_first_to_move_is_first_all_else_equal():
    causes = rank([symptom(18, "checkout"), symptom(0, "payment")], [], NOBODY)
    assert names(causes) == ["payment", "checkout"]
    assert causes[0].reason.startswith("payment moved first (18 s before checkout)")
    assert causes[1].reason.startswith("checkout moved 18 s after payment")


def test_what_others_depend_on_is_first_all_else_equal():
    causes = rank([symptom(0, "checkout"), symptom(0, "payment")], [], TOPOLOGY)
    assert names(causes) == ["payment", "checkout"]
    assert "checkout depends on it" in causes[0].reason


def test_the_topology_is_weighed_not_obeyed():
    faint = symptom(60, "payment", "latency", observed=2.1, p=1e-4)
    loud = symptom(0, "checkout", "cpu_saturation", observed=500.0, p=1e-12)
    assert names(rank([faint, loud], [], TOPOLOGY))[0] == "checkout"


def test_a_recent_change_weighs_most_and_is_named():
    symptoms = [symptom(0, "checkout"), symptom(10, "payment")]
    deploy = change(-240, "payment", "v42")
    first = rank(symptoms, [deploy], NOBODY)[0]
    assert (first.entity, first.change) == ("payment", deploy.id)
    assert "a deploy (v42) came 4 min earlier" in first.reason


def test_a_change_after_the_onset_is_no_cause():
    after = change(600, "payment")
    assert all(cause.change is None for cause in rank([symptom(0, "payment")], [after], NOBODY))


def test_a_changed_dependency_without_symptoms_is_a_suspect():
    causes = rank([symptom(0, "checkout")], [change(-60, "payment")], TOPOLOGY)
    assert sorted(names(causes)) == ["checkout", "payment"]
    quiet = next(cause for cause in causes if cause.entity == "payment")
    assert quiet.anomalies == []
    assert "payment shows no anomaly of its own" in quiet.reason
    assert names(rank([symptom(0, "checkout")], [change(-60, "elsewhere")], TOPOLOGY)) == ["checkout"]


def test_an_older_change_of_what_has_symptoms_beats_a_newer_one_of_what_has_none():
    causes = rank([symptom(0, "checkout")], [change(-2, "payment"), change(-900, "checkout")], TOPOLOGY)
    assert names(causes) == ["checkout", "payment"]


def test_a_saturated_resource_beats_a_slow_caller():
    causes = rank([symptom(0, "a", "latency_p99"), symptom(0, "b", "cpu_usage")], [], NOBODY)
    assert names(causes) == ["b", "a"]


def test_many_series_do_not_beat_one_strong_one():
    many = [symptom(0, "a", f"series_{i}", p=1e-4, observed=2.5) for i in range(40)]
    assert names(rank([*many, symptom(0, "b", "series", p=1e-12, observed=100.0)], [], NOBODY))[0] == "b"


def test_an_entity_finding_adds_nothing_to_the_series_that_it_is_made_of():
    together = symptom(60, "a", "entity", p=1e-20, head="entity", observed=7.0, expected=None, low=None, high=None)
    series = [symptom(0, "a"), symptom(0, "b")]
    before, after = rank(series, [], NOBODY), rank([*series, together], [], NOBODY)
    assert [(c.entity, c.share, c.reason) for c in after] == [(c.entity, c.share, c.reason) for c in before]
    assert together.id in after[0].anomalies
    (alone,) = rank([together], [], NOBODY)
    assert alone.reason == "only a is affected, many of its series are a little odd at once."


def test_silence_is_told():
    cause = rank([symptom(0, "a", "heartbeat", head="stale", observed=None)], [], NOBODY)[0]
    assert cause.reason == "only a is affected, its heartbeat fell silent."


@pytest.mark.parametrize("band", [(0.0, 0.0, 0.0), (None, None, None), (1.0, None, 3.0), (math.inf, 0.0, 1.0)])
def test_degenerate_bands_and_p_values_rank_all_the_same(band):
    expected, low, high = band
    strange = [
        symptom(0, "a", observed=5.0, expected=expected, low=low, high=high, p=0.0),
        symptom(0, "b", observed=math.nan, p=math.nan),
        symptom(0, "c", observed=None, p=2.0),
    ]
    causes = rank(strange, [], NOBODY)
    assert len(causes) == 3
    assert all(math.isfinite(cause.share) for cause in causes)


def test_the_end_of_a_chain_of_ill_services_is_first():
    causes = rank([symptom(0, name) for name in ("frontend", "checkout", "payment", "bank")], [], TOPOLOGY)
    assert causes[0].entity == "bank"


def test_of_all_that_lose_traffic_the_first_caller_is_first():
    symptoms = [
        symptom(0, name, "http_requests_total", direction="down")
        for name in ("payment", "checkout", "frontend", "cart")
    ]
    first = rank(symptoms, [], TOPOLOGY)[0]
    assert first.entity == "frontend"
    assert "its load changed, and that of no caller did" in first.reason


def test_a_dead_service_is_first_of_its_failing_callers_and_idle_dependencies():
    symptoms = [
        symptom(0, "frontend", "http_errors_total", p=1e-12),
        symptom(0, "payment", "http_requests_total", direction="down", p=1e-12),
        symptom(30, "checkout", "http_requests_total", head="stale", observed=None, p=1e-4),
        symptom(30, "checkout", "cpu_usage", head="stale", observed=None, p=1e-4),
    ]
    assert names(rank(symptoms, [], TOPOLOGY))[0] == "checkout"


def test_whom_the_lines_of_a_failing_caller_name_is_first_before_it_shows_anything():
    failing = symptom(0, "checkout", "log_errors", p=1e-12)
    failing.lines = ["call to payment failed with status 503", "call to payment failed with status 504"]
    causes = rank([failing], [], TOPOLOGY)
    assert names(causes) == ["payment", "checkout"]
    assert causes[0].reason == "payment shows no anomaly of its own, checkout points to it, checkout depends on it."


def test_what_nobody_measures_is_suspected_if_its_callers_are_ill():
    known = set(SHOP) - {"bank"}
    causes = rank([symptom(0, "checkout"), symptom(0, "payment")], [], TOPOLOGY, measured=known)
    assert "bank" in names(causes)
    assert "bank" not in names(rank([symptom(0, "checkout"), symptom(0, "payment")], [], TOPOLOGY))


def test_causes_publish_the_numbers_that_they_are_made_of():
    first, second = rank([symptom(18, "checkout"), symptom(0, "payment")], [change(-60, "payment")], TOPOLOGY)
    assert set(first.signs) | set(second.signs) <= set(WEIGHTS)
    assert first.signs["change"] > 0.9
    assert second.signs["onset"] == pytest.approx(-math.log1p(18 / 60), abs=1e-3)


def test_circles_strangers_and_wide_graphs_are_taken():
    services = {f"s{i}": Service(depends_on=[f"s{(i * k + 1) % 400}" for k in (1, 2, 3, 5, 7)]) for i in range(400)}
    wide = Topology(services)
    affected = [symptom(i % 5 * 60, f"s{i}", p=1e-9) for i in range(60)] + [symptom(0, "stranger")]
    causes = rank(affected, [change(-60, f"s{i}") for i in range(400)], wide)
    assert len(causes) == MOST
    assert all(math.isfinite(cause.share) for cause in causes)


entities = st.sampled_from(["frontend", "checkout", "payment", "cart", "redis", "search", "far"])
some = st.lists(
    st.builds(
        lambda at, entity, name, p: symptom(at, entity, name, p=p),
        st.integers(0, 300),
        entities,
        st.sampled_from(["latency", "cpu", "errors"]),
        st.floats(1e-20, 1e-3),
    ),
    min_size=1,
    max_size=12,
)


@given(
    some, st.lists(st.builds(change, st.integers(-900, 100), entities), max_size=3), st.randoms(use_true_random=False)
)
def test_the_order_of_the_members_does_not_matter(symptoms, changes, shuffle: random.Random):
    causes = rank(symptoms, changes, TOPOLOGY)
    mixed = list(symptoms)
    shuffle.shuffle(mixed)
    assert rank(mixed, changes[::-1], TOPOLOGY) == causes
    assert 1 <= len(causes) <= MOST
    shares = [cause.share for cause in causes]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-5
    if len(causes) < MOST:
        assert sum(shares) > 0.8  # what shows nothing and is improbable is not told
    assert all(cause.reason.endswith(".") for cause in causes)
