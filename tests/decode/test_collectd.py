import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.signals import Metric

from .samples import NOW, check_columns, mutated, read, refuse

LIST = {
    "values": [None, 12.5], "dstypes": ["derive", "derive"], "dsnames": ["rx", "tx"], "time": NOW + 0.767,
    "interval": 1.0, "host": "db-1", "plugin": "interface", "plugin_instance": "lo", "type": "if_octets",
    "type_instance": "",
}  # fmt: skip
MEMORY = LIST | {
    "values": [5], "dstypes": ["gauge"], "dsnames": ["value"], "plugin": "memory", "plugin_instance": "",
    "type": "memory", "type_instance": "used",
}  # fmt: skip
LO = {"host": "db-1", "plugin_instance": "lo"}


def test_json_holds_rates_of_which_the_first_is_null():
    assert read("collectd_json", [LIST, MEMORY]) == [
        Metric(NOW + 0.767, "interface_if_octets_rx", None, LO, "gauge", "/s"),
        Metric(NOW + 0.767, "interface_if_octets_tx", 12.5, LO, "gauge", "/s"),
        Metric(NOW + 0.767, "memory", 5.0, {"host": "db-1", "type_instance": "used"}, "gauge"),
    ]


def test_putval():
    text = f'PUTVAL db-1/interface-lo/if_octets interval=1.000 {NOW}.088:583:U\r\nPUTVAL "a b/load/load" {NOW}:1:2:3\n'
    assert read("collectd_command", text) == [
        Metric(NOW + 0.088, "interface_if_octets_rx", 583.0, LO, "counter"),
        Metric(NOW + 0.088, "interface_if_octets_tx", None, LO, "counter"),
        Metric(NOW, "load_shortterm", 1.0, {"host": "a b"}, "gauge"),
        Metric(NOW, "load_midterm", 2.0, {"host": "a b"}, "gauge"),
        Metric(NOW, "load_longterm", 3.0, {"host": "a b"}, "gauge"),
    ]


def test_putval_now_is_kafkas_time():
    assert read("collectd_command", "PUTVAL a/memory/memory-used interval=1 N:5", NOW * 1000)[0].time == NOW


def test_graphite():
    text = f"db-1.interface-lo.if_octets.tx 583 {NOW}\r\n\ndb-1.memory.memory-used 5.5 {NOW}\r\na.b.c.d.e nan {NOW}\n"
    assert read("collectd_graphite", text) == [
        Metric(NOW, "interface_if_octets_tx", 583.0, LO, "counter"),
        Metric(NOW, "memory", 5.5, {"host": "db-1", "type_instance": "used"}, "gauge"),
        Metric(NOW, "a.b.c.d.e", None),
    ]


@pytest.mark.parametrize(
    ("type_", "kinds"),
    [
        ("dns_qtype-A", ["counter"]),
        ("requests", ["gauge"]),
        ("absolute", ["delta"]),
        ("mysql_threads", ["gauge", "gauge", "gauge", "counter"]),
        ("vf_bytes", ["counter", "counter"]),
        ("of_no_types_db", ["gauge"]),
    ],
)
def test_the_kinds_of_types_db(type_, kinds):
    read_ = read("collectd_command", f"PUTVAL a/p/{type_} interval=10.000 {NOW}.5:" + ":".join("1" * len(kinds)))
    assert [metric.kind for metric in read_] == kinds


def test_a_value_has_one_name_in_all_formats():
    said = LIST | {"values": [1], "dstypes": ["gauge"], "dsnames": ["seconds"], "plugin": "p", "type": "duration"}
    command = f"PUTVAL db-1/p-lo/duration interval=1.000 {NOW}.767:1"
    graphite = f"db-1.p-lo.duration 1 {NOW}"
    found = [read(*each) for each in zip(GOOD, ([said], command, graphite), strict=True)]
    assert [metric.name for (metric,) in found] == ["p_duration_seconds"] * 3


@pytest.mark.parametrize(
    ("format", "value", "error"),
    [
        ("collectd_json", [LIST | {"dsnames": ["rx"]}], "wrong_type"),
        ("collectd_json", [LIST | {"time": 0}], "implausible_time"),
        ("collectd_json", "[", "not_json"),
        ("collectd_command", "PUTNOTIF x", "malformed"),
        ("collectd_command", f"PUTVAL a/b {NOW}:1", "malformed"),
        ("collectd_command", "PUTVAL a/b/c N:1", "implausible_time"),
        ("collectd_command", f"PUTVAL a/b/c {NOW}:x", "wrong_type"),
        ("collectd_graphite", "a.b.c 1", "malformed"),
        ("collectd_graphite", f"a.b.c inf {NOW}", "infinite"),
        ("collectd_graphite", b"\xff", "malformed"),
    ],
)
def test_what_is_refused(format, value, error):
    decoded = refuse(format, value)
    assert [each.error for each in decoded.refused] == [error]


GOOD = {
    "collectd_json": json.dumps([LIST, MEMORY]).encode(),
    "collectd_command": f"PUTVAL db-1/interface-lo/if_octets interval=1.000 {NOW}.088:583:U\n".encode(),
    "collectd_graphite": f"db-1.interface-lo.if_octets.tx 583 {NOW}\r\n\n".encode(),
}


@pytest.mark.parametrize("format", GOOD)
@settings(max_examples=100)
@given(data=st.data())
def test_whatever_comes(format, data):
    values = data.draw(st.lists(mutated([GOOD[format]]), max_size=4))
    check_columns(format, values, data.draw(st.sampled_from([-1, NOW * 1000])))


@pytest.mark.slow
@pytest.mark.parametrize("format", GOOD)
@settings(max_examples=1_000)
@given(data=st.data())
def test_whatever_comes_for_long(format, data):
    check_columns(format, [data.draw(mutated([GOOD[format]]))])
