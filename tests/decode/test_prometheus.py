"""Prometheus: remote write, and prometheus-kafka-adapter."""

import math
import struct

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.signals import Metric

from .samples import NOW, check_columns, mutated, read, records, refuse, remote

STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
SERIES = {"__name__": "http_requests_total", "job": "shop", "instance": "a:80"}
LABELS = {"job": "shop", "instance": "a:80"}


def test_a_series():
    found = read("prometheus_remote_write", remote((SERIES, [(5.0, NOW * 1000), (6.0, NOW * 1000 + 500)])))
    assert found == [
        Metric(NOW, "http_requests_total", 5.0, LABELS, "counter"),
        Metric(NOW + 0.5, "http_requests_total", 6.0, LABELS, "counter"),
    ]


def test_a_stale_marker_is_no_missing_value():
    of = decoder("metric", "prometheus_remote_write", Limits())
    value = remote((SERIES, [(STALE, NOW * 1000), (math.nan, NOW * 1000 + 1)]))
    decoded = of.decode(records(value)[0])
    assert [metric.value for metric in decoded.signals] == [None]
    assert decoded.refused == []
    assert of.counts() == {"series_ended": 1, "no_value": 1}


@pytest.mark.parametrize(
    ("name", "metadata", "kind"),
    [
        ("up", {}, "untyped"),
        ("up_total", {}, "counter"),
        ("took_seconds_bucket", {}, "counter"),
        ("queue_count", {"queue_count": 2}, "gauge"),
        ("served", {"served": 1}, "counter"),
        ("jobs_total", {"jobs": 2}, "gauge"),
        ("took_sum", {"took": 3}, "counter"),
    ],
)
def test_counters_are_told_by_suffix_unless_metadata_says_otherwise(name, metadata, kind):
    (found,) = read("prometheus_remote_write", remote(({"__name__": name}, [(1.0, NOW * 1000)]), metadata=metadata))
    assert found.kind == kind


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"", "empty"),
        (b"no snappy", "malformed"),
        (bytes(cramjam.snappy.compress_raw(b"\xff\xff\xff")), "not_protobuf"),
        (bytes(cramjam.snappy.compress_raw(b"\0" * 3_000)), "too_large"),
        (b"\xff\xff\xff\xff\x0f", "too_large"),  # says that it has 4 GB
        (remote(({"job": "x"}, [(1.0, NOW * 1000)])), "missing_field"),
        (remote((SERIES, [(math.inf, NOW * 1000)])), "infinite"),
        (remote((SERIES, [(1.0, 0)])), "implausible_time"),
        (remote((SERIES, [(1.0, NOW * 1000)] * 21)), "too_many_events"),
    ],
)
def test_what_is_refused(value, error):
    decoded = refuse("prometheus_remote_write", value, message=2_000, events=20)
    assert decoded.signals == []
    assert [each.error for each in decoded.refused] == [error]


def sample(value, **more):
    labels = {"__name__": "load_total", "host": "a"}
    return {"value": value, "timestamp": "2026-01-31T12:00:00Z", "name": "load_total", "labels": labels} | more


def test_the_adapter_writes_values_as_text():
    assert read("prometheus_kafka_adapter", sample("4.5")) == [Metric(NOW, "load_total", 4.5, {"host": "a"}, "counter")]
    assert read("prometheus_kafka_adapter", sample("NaN"))[0].value is None


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (sample("+Inf"), "infinite"),
        (sample("x"), "wrong_type"),
        (sample("1", timestamp="1970-01-01T00:00:00Z"), "implausible_time"),
        (sample("1", timestamp="soon"), "not_a_time"),
        (sample("1", labels={}, name=""), "missing_field"),
        ({}, "missing_field"),
        (b"{", "not_json"),
    ],
)
def test_what_of_the_adapter_is_refused(value, error):
    assert [each.error for each in refuse("prometheus_kafka_adapter", value).refused] == [error]


GOOD = remote((SERIES, [(5.0, NOW * 1000), (STALE, NOW * 1000 + 500)]), ({"__name__": "up"}, [(1.0, NOW * 1000)]))
PLAIN = bytes(cramjam.snappy.decompress_raw(GOOD))
TEXT = b'{"value":"4.5","timestamp":"2026-01-31T12:00:00Z","name":"x","labels":{"__name__":"x","host":"a"}}'


def packed(values):
    return st.lists(values.map(lambda value: bytes(cramjam.snappy.compress_raw(value))) | mutated([GOOD]), max_size=5)


@settings(max_examples=150)
@given(packed(mutated([PLAIN])), st.sampled_from([-1, NOW * 1000]))
def test_whatever_comes(values, stamp):
    check_columns("prometheus_remote_write", values, stamp)


@settings(max_examples=100)
@given(st.lists(mutated([TEXT]), max_size=5), st.sampled_from([-1, NOW * 1000]))
def test_whatever_comes_from_the_adapter(values, stamp):
    check_columns("prometheus_kafka_adapter", values, stamp)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(packed(mutated([PLAIN])), mutated([TEXT]))
def test_whatever_comes_for_long(values, text):
    check_columns("prometheus_remote_write", values)
    check_columns("prometheus_kafka_adapter", [text])
