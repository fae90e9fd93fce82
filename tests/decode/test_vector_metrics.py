import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.signals import Histogram, Metric

from .samples import NOW, check_columns, mutated, read, refuse

AT = {"timestamp": "2026-01-31T12:00:00.000000011Z", "name": "served", "kind": "incremental"}
COUNTER = AT | {
    "namespace": "shop",
    "tags": {"host": "a", "many": ["x", None, "y"], "none": None},
    "counter": {"value": 4},
}


def test_a_counter():
    (found,) = read("vector_metrics", COUNTER)
    assert (found.name, found.value, found.kind) == ("shop_served", 4.0, "delta")
    assert found.labels == {"host": "a", "many": "x,y"}
    assert read("vector_metrics", COUNTER | {"kind": "absolute"})[0].kind == "counter"


@pytest.mark.parametrize(("kind", "wanted"), [("absolute", "gauge"), ("incremental", "delta")])
def test_a_gauge(kind, wanted):
    found = read("vector_metrics", AT | {"kind": kind, "gauge": {"value": -1.5}})
    assert [(m.value, m.kind) for m in found] == [(-1.5, wanted)]


def test_a_set_is_how_many_there_were():
    found = read("vector_metrics", {"name": "users", "kind": "incremental", "set": {"values": ["a", "b"]}}, NOW * 1000)
    assert found == [Metric(NOW, "users", 2.0, {}, "gauge")]


def test_a_distribution_is_a_histogram_of_its_values():
    samples = [{"value": 10.0, "rate": 1}, {"value": 2.0, "rate": 3}, {"value": 10.0}]
    (found,) = read("vector_metrics", AT | {"timestamp": NOW, "distribution": {"samples": samples}})
    assert found == Histogram(NOW, "served", 5.0, 26.0, (2.0, 10.0), (3.0, 2.0, 0.0))


@pytest.mark.parametrize("last", [None, 1.7976931348623157e308])
def test_a_histogram(last):
    buckets = [{"upper_limit": 1.0, "count": 3}, {"upper_limit": last, "count": 2}]
    value = AT | {
        "timestamp": NOW,
        "kind": "absolute",
        "aggregated_histogram": {"buckets": buckets, "count": 5, "sum": 9},
    }
    (found,) = read("vector_metrics", value)
    assert found == Histogram(NOW, "served", 5.0, 9.0, (1.0,), (3.0, 2.0), cumulative=True)


def test_a_summary():
    summary = {"quantiles": [{"quantile": 0.5, "value": 2.0}], "count": 3, "sum": 7.5}
    found = read("vector_metrics", AT | {"kind": "absolute", "aggregated_summary": summary})
    assert [(m.name, m.value, m.kind, m.labels) for m in found] == [
        ("served_count", 3.0, "counter", {}),
        ("served_sum", 7.5, "counter", {}),
        ("served", 2.0, "gauge", {"quantile": "0.5"}),
    ]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (AT, "missing_field"),
        ({"name": "a", "kind": "absolute", "gauge": {"value": 1}}, "not_a_time"),
        (AT | {"kind": "other"}, "wrong_type"),
        (AT | {"distribution": {"samples": [{"value": i} for i in range(1001)]}}, "too_many_buckets"),
        (b"{", "not_json"),
    ],
)
def test_what_is_refused(value, error):
    assert [each.error for each in refuse("vector_metrics", value).refused] == [error]


GOOD = [
    json.dumps(COUNTER).encode(),
    json.dumps(AT | {"distribution": {"samples": [{"value": 1, "rate": 2}]}}).encode(),
    json.dumps(AT | {"aggregated_histogram": {"buckets": [{"upper_limit": 1, "count": 3}], "count": 5}}).encode(),
]


@settings(max_examples=150)
@given(st.lists(mutated(GOOD), max_size=4), st.sampled_from([-1, NOW * 1000]))
def test_whatever_comes(values, stamp):
    check_columns("vector_metrics", values, stamp)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(mutated(GOOD))
def test_whatever_comes_for_long(value):
    check_columns("vector_metrics", [value])
