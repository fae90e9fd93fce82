import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.signals import Metric

from .samples import NANO, NOW, check_columns, mutated, read, records, refuse

LINE = f'cpu,host=web-1,cpu=cpu0 usage_idle=42.5,active=t,served_total=3i,note="a b" {NANO + 500_000_000}\n'


def test_a_line_is_a_point_for_each_field():
    found = {metric.name: metric for metric in read("telegraf_influx", LINE)}
    labels = {"host": "web-1", "cpu": "cpu0"}
    assert found == {
        "cpu_usage_idle": Metric(NOW + 0.5, "cpu_usage_idle", 42.5, labels),
        "cpu_active": Metric(NOW + 0.5, "cpu_active", 1.0, labels),
        "cpu_served_total": Metric(NOW + 0.5, "cpu_served_total", 3.0, labels, "counter"),
    }


def test_text_is_counted():
    of = decoder("metric", "telegraf_influx", Limits())
    of.decode(records(LINE.encode())[0])
    assert of.counts() == {"fields_no_number": 1}


def test_a_line_without_a_time_has_kafkas():
    assert read("telegraf_influx", "cpu value=1", NOW * 1000)[0].time == NOW
    assert [each.error for each in refuse("telegraf_influx", "cpu value=1").refused] == ["not_a_time"]


def test_lines_are_lines_whatever_is_between_quotes():
    text = f'a text="x\ny",v=1 {NANO}\n# a comment\n\nb v=2u {NANO}\r\nc text="\\"",v=3i {NANO}\n'
    assert [(m.name, m.value) for m in read("telegraf_influx", text)] == [("a_v", 1.0), ("b_v", 2.0), ("c_v", 3.0)]


def test_a_quote_that_means_nothing_costs_no_line():
    text = f'disk,size=5" v=1 {NANO}\nb v=2 {NANO}\nc,size=7" v=3 {NANO}'
    assert [m.value for m in refuse("telegraf_influx", text).signals] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("cpu value=1 0", "implausible_time"),
        ("cpu", "malformed"),
        ("cpu value=x 5", "malformed"),
        ("\0", "malformed"),
        (b"\xff", "malformed"),
    ],
)
def test_a_bad_line_is_refused_alone(text, error):
    value = (text if isinstance(text, bytes) else text.encode()) + b""
    assert [each.error for each in refuse("telegraf_influx", value).refused] == [error]
    if isinstance(text, str):
        decoded = refuse("telegraf_influx", f"a v=1 {NANO}\n{text}\nb v=2 {NANO}")
        assert [metric.value for metric in decoded.signals] == [1.0, 2.0]


MEASUREMENT = {
    "name": "docker",
    "fields": {"images": 660, "up": True, "x": "y"},
    "tags": {"host": "a"},
    "timestamp": NOW,
}


@pytest.mark.parametrize("message", [MEASUREMENT, [MEASUREMENT], {"metrics": [MEASUREMENT]}])
def test_json_in_seconds(message):
    assert read("telegraf_json", message) == [
        Metric(NOW, "docker_images", 660.0, {"host": "a"}),
        Metric(NOW, "docker_up", 1.0, {"host": "a"}),
    ]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (MEASUREMENT | {"timestamp": 0}, "implausible_time"),
        (MEASUREMENT | {"fields": 3}, "wrong_type"),
        ({}, "missing_field"),
        ("{", "not_json"),
    ],
)
def test_json_that_is_refused(message, error):
    assert [each.error for each in refuse("telegraf_json", message).refused] == [error]


GOOD = [LINE.encode() * 2, b'a text="x\ny",v=1\n', b'a,b=" v=1 1769860800000000000\n']
JSON = [json.dumps(MEASUREMENT).encode(), json.dumps({"metrics": [MEASUREMENT]}).encode()]


@settings(max_examples=150)
@given(st.lists(mutated(GOOD), max_size=4), st.lists(mutated(JSON), max_size=4), st.sampled_from([-1, NOW * 1000]))
def test_whatever_comes(lines, messages, stamp):
    check_columns("telegraf_influx", lines, stamp)
    check_columns("telegraf_json", messages, stamp)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(mutated(GOOD), mutated(JSON))
def test_whatever_comes_for_long(line, message):
    check_columns("telegraf_influx", [line])
    check_columns("telegraf_json", [message])
