import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .samples import NOW, check_columns, mutated, read, refuse

DOCUMENT = {
    "@timestamp": "2026-01-31T12:00:00.000Z",
    "event": {"dataset": "system.network", "duration": 115000},
    "metricset": {"name": "network", "period": 10000},
    "agent": {"version": "8.11.0", "id": "x"},
    "host": {"name": "web-1", "cpu": {"pct": 0.05}},
    "service": {"type": "system"},
    "labels": {"env": "prod"},
    "system": {"network": {"name": "eth0", "in": {"bytes": 7, "note": "x"}, "up": True, "list": [1]}},
}


def test_nested_numbers_become_dotted_names():
    found = read("metricbeat", DOCUMENT)
    assert [(m.name, m.value, m.kind, m.time) for m in found] == [
        ("host.cpu.pct", 0.05, "untyped", NOW),
        ("system.network.in.bytes", 7.0, "counter", NOW),
    ]
    assert found[0].labels == {"host": "web-1", "labels.env": "prod", "system.network.name": "eth0"}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (DOCUMENT | {"@timestamp": "2026-01-31T12:00:00"}, "not_a_time"),
        ({}, "wrong_type"),
        (b"[1]", "wrong_type"),
        (b"{", "not_json"),
        (b"[" * 10_000, "not_json"),
    ],
)
def test_what_is_refused(value, error):
    assert [each.error for each in refuse("metricbeat", value).refused] == [error]


def test_what_is_nested_without_end_is_left():
    value = b'{"@timestamp":1769860800,"a":' + b'{"a":' * 200 + b"1" + b"}" * 201
    assert read("metricbeat", value) == []


SMALL = json.dumps({"@timestamp": NOW, "host": {"name": "a"}, "system": {"load": {"1": 0.5}, "cpu": {"ticks": 3}}})


@settings(max_examples=150)
@given(st.lists(mutated([SMALL.encode(), json.dumps(DOCUMENT).encode()]), max_size=4))
def test_whatever_comes(values):
    check_columns("metricbeat", values)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(mutated([SMALL.encode()]))
def test_whatever_comes_for_long(value):
    check_columns("metricbeat", [value])
