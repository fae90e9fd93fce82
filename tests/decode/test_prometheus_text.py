"""Prometheus's exposition format and OpenMetrics, a message of lines."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.decode.auto import told
from floodmark.signals import Histogram, Metric

from .samples import NOW, check_columns, mutated, read, records, refuse

FORMAT = "prometheus_text"
AT = NOW * 1000


def test_prometheus():
    text = f"""# HELP http_requests_total How many, by code.
# TYPE http_requests_total counter
http_requests_total{{method="post",code="200",}} 1027 {AT}
# TYPE load gauge
load 0.5
  go_threads\t12
# a remark
"""
    assert read(FORMAT, text, AT + 5000) == [
        Metric(NOW, "http_requests_total", 1027.0, {"method": "post", "code": "200"}, "counter"),
        Metric(NOW + 5, "load", 0.5, {}, "gauge"),
        Metric(NOW + 5, "go_threads", 12.0),
    ]


def test_openmetrics():
    text = f"""# TYPE io_seconds counter
# UNIT io_seconds seconds
# HELP io_seconds Time.
io_seconds_total{{disk="a"}} 17.0 {NOW}.5 # {{trace_id="abc # }}"}} 0.67 {NOW}.1
io_seconds_created{{disk="a"}} 1520872607.123
# TYPE build info
build_info{{version="1.2"}} 1 {NOW}
# TYPE thing unknown
thing_total 5 {NOW}
# EOF
"""
    of = decoder("metric", FORMAT, Limits())
    decoded = of.decode(records(text.encode())[0])
    assert decoded.signals == [
        Metric(NOW + 0.5, "io_seconds_total", 17.0, {"disk": "a"}, "counter", "seconds"),
        Metric(NOW, "build_info", 1.0, {"version": "1.2"}, "gauge"),
        Metric(NOW, "thing_total", 5.0, {}, "counter"),
    ]
    assert not decoded.refused
    assert of.counts() == {"exemplars_unread": 1, "created_unread": 1}


HISTOGRAM = f"""# TYPE took_seconds histogram
# UNIT took_seconds seconds
took_seconds_bucket{{le="0.1",path="/a"}} 3 {NOW}
took_seconds_bucket{{le="1",path="/a"}} 4 {NOW} # {{trace_id="x"}} 0.5
took_seconds_bucket{{le="+Inf",path="/a"}} 7 {NOW}
took_seconds_count{{path="/a"}} 7 {NOW}
took_seconds_sum{{path="/a"}} 12.5 {NOW}
took_seconds_created{{path="/a"}} {NOW - 60} {NOW}
"""
WANTED = Histogram(
    NOW, "took_seconds", 7.0, 12.5, (0.1, 1.0), (3.0, 1.0, 3.0), {"path": "/a"}, "seconds", NOW - 60, cumulative=True
)


def test_a_histogram_is_put_together():
    assert read(FORMAT, HISTOGRAM) == [WANTED]
    lines = HISTOGRAM.split("\n")
    mixed = "\n".join([*lines[:2], *reversed(lines[2:])])
    assert read(FORMAT, mixed + "\nup 1 " + str(NOW)) == [Metric(NOW, "up", 1.0), WANTED]


def test_histograms_of_other_labels_and_times_are_others():
    other = (
        HISTOGRAM.replace('path="/a"', 'path="/b"')
        .replace(f" {NOW}\n", f" {NOW + 9}\n")
        .replace(f"{NOW} #", f"{NOW + 9} #")
    )
    found = read(FORMAT, HISTOGRAM + other)
    assert [(each.time, each.labels["path"]) for each in found] == [(NOW, "/a"), (NOW + 9, "/b")]


def test_a_gauge_histogram_stands_for_itself():
    lines = ["# TYPE q gaugehistogram", 'q_bucket{le="1"} 2', 'q_bucket{le="+Inf"} 3', "q_gcount 3", "q_gsum 4"]
    assert read(FORMAT, "\n".join(lines), AT) == [Histogram(NOW, "q", 3.0, 4.0, (1.0,), (2.0, 1.0))]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["h_bucket{le='1'} 2", 'h_bucket{le="1"} 2', 'h_bucket{le="+Inf"} 3'], (3.0, None, (1.0,), (2.0, 1.0))),
        (["h_count 3", "h_sum 6"], (3.0, 6.0, (), ())),
        (['h_bucket{le="1"} 2', "h_count 5", "h_sum NaN"], (5.0, None, (1.0,), (2.0, 3.0))),
        (['h_bucket{le="1"} 2', 'h_bucket{le="x"} 3', 'h_bucket{le="+Inf"} 4'], (4.0, None, (1.0,), (2.0, 2.0))),
        (["h_bucket 2", 'h_bucket{le="+Inf"} 4'], (4.0, None, (), (4.0,))),
    ],
)
def test_histograms_of_which_parts_are_missing_or_bad(lines, wanted):
    decoded = refuse(FORMAT, "\n".join(["# TYPE h histogram", *lines]), AT)
    (found,) = decoded.signals
    assert (found.count, found.total, found.bounds, found.counts) == wanted


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["h_sum 6"], "missing_field"),
        (['h_bucket{le="1"} 3', 'h_bucket{le="2"} 2'], "wrong_type"),
        (['h_bucket{le="1"} NaN', "h_count 1"], "infinite"),
        ([f'h_bucket{{le="{i}"}} 3' for i in range(1_001)], "too_many_buckets"),
        (['h_bucket{le="1"} 3', 'h_bucket{le="1"} 3', 'h_bucket{le="NaN"} 3'], "malformed"),
    ],
)
def test_histograms_that_do_not_fit(lines, error):
    assert [each.error for each in refuse(FORMAT, "\n".join(["# TYPE h histogram", *lines]), AT).refused] == [error]


def test_a_summary():
    lines = ["# TYPE rpc summary", 'rpc{quantile="0.5"} 2', 'rpc{quantile="0.9"} NaN', "rpc_sum 9", "rpc_count 4"]
    found = read(FORMAT, "\n".join(lines), AT)
    assert [(each.name, each.value, each.kind, each.labels) for each in found] == [
        ("rpc", 2.0, "gauge", {"quantile": "0.5"}),
        ("rpc", None, "gauge", {"quantile": "0.9"}),
        ("rpc_sum", 9.0, "counter", {}),
        ("rpc_count", 4.0, "counter", {}),
    ]


@pytest.mark.parametrize(
    ("line", "name", "labels"),
    [
        (r'a{path="C:\\DIR\\F",error="a \"b\"\nc"} 1', "a", {"path": "C:\\DIR\\F", "error": 'a "b"\nc'}),
        ('a{ x = "}" , y="a,b={c}" } 1', "a", {"x": "}", "y": "a,b={c}"}),
        ('a{x="#"}1', "a", {"x": "#"}),
        ("a{} 1", "a", {}),
        ('{"my.metric","a.b"="c",d="e"} 1', "my.metric", {"a.b": "c", "d": "e"}),
        ('a{x="Zürich"} 1', "a", {"x": "Zürich"}),
    ],
)
def test_names_and_labels(line, name, labels):
    (found,) = read(FORMAT, line, AT)
    assert (found.name, found.labels) == (name, labels)
    assert told("metric", records(line.encode())[0]) == FORMAT


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("a", "malformed"),
        ("a b c d", "malformed"),
        ("a{ 1", "malformed"),
        ('a{x="1} 1', "malformed"),
        ("a{x=1} 1", "malformed"),
        ('a{"x"} 1', "malformed"),
        ("a one", "wrong_type"),
        ("a 1_0", "wrong_type"),
        ("a +Inf", "infinite"),
        ("a 1 5", "implausible_time"),
        ("a 1 noon", "not_a_time"),
        (f"a 1 {NOW + 7200}", "from_the_future"),
        ('{x="y"} 1', "missing_field"),
    ],
)
def test_a_bad_line_refuses_itself(line, error):
    decoded = refuse(FORMAT, f"up 1\n{line}\nup 2\n", AT)
    assert [metric.value for metric in decoded.signals] == [1.0, 2.0]
    assert [each.error for each in decoded.refused] == [error]


def test_latin1_is_read_with_a_hole():
    of = decoder("metric", FORMAT, Limits())
    decoded = of.decode(records(b'a{x="Z\xfcrich"} 1\nb 2', stamp=AT)[0])
    assert [metric.labels for metric in decoded.signals] == [{"x": "Z\ufffdrich"}, {}]
    assert of.counts() == {"not_utf8": 1}


def test_too_many_lines_refuse_the_message():
    assert [each.error for each in refuse(FORMAT, "a 1\n" * 21, AT, events=20).refused] == ["too_many_events"]


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("# HELP up Whether it is up.\n", FORMAT),
        ("# TYPE up gauge\nup 1\n", FORMAT),
        ("# remark\nup 1\n", FORMAT),
        ("up 1", FORMAT),
        ('up{a="b c=d"} 1', FORMAT),
        ('up{a="b"} NaN 1769860800000', FORMAT),
        ("# remark\ncpu,host=a value=1 1769860800000000000", "telegraf_influx"),
        ("cpu value=1", "telegraf_influx"),
        ("a.b.c 1 1769860800", "collectd_graphite"),
        ("hello", None),
        ("hello world", None),
    ],
)
def test_it_is_told_from_other_lines(text, format):
    assert told("metric", records(text.encode())[0]) == format


GOOD = [HISTOGRAM.encode(), f'# TYPE a counter\na_total{{x="y"}} 5 {AT} # {{t="x"}} 1\nb 2\n'.encode()]


@settings(max_examples=150)
@given(st.lists(mutated(GOOD), max_size=4), st.sampled_from([-1, AT]))
def test_whatever_comes(values, stamp):
    check_columns(FORMAT, values, stamp)


@settings(max_examples=100)
@given(st.text(max_size=9), st.floats(allow_infinity=False))
def test_what_is_written_by_the_rules_is_read(text, value):
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    line = f'm{{a="{escaped}"}} {value!r}'
    (found,) = read(FORMAT, line, AT)
    assert found.labels == {"a": text}
    assert found.value == (None if math.isnan(value) else value)


@pytest.mark.parametrize("open_", [False, True], ids=["prometheus", "openmetrics"])
def test_what_the_official_client_writes(open_):
    import prometheus_client as client
    from prometheus_client.openmetrics.exposition import generate_latest

    client.enable_created_metrics()  # whatever our own telemetry has switched off in this process
    registry = client.CollectorRegistry()
    counter = client.Counter("served", 'How many "things", \\ and\nlines.', ["path"], registry=registry)
    counter.labels('/a"b\\c\nd').inc(5, exemplar={"trace_id": "x"} if open_ else None)
    client.Gauge("load", "Load.", registry=registry).set(0.5)
    client.Gauge("empty", "NaN.", registry=registry).set(math.nan)
    took = client.Histogram("took_seconds", "Time.", unit="seconds", buckets=(0.1, 1.0), registry=registry)
    for seconds in (0.05, 0.5, 0.6, 5.0):
        took.observe(seconds)
    client.Summary("size_bytes", "Size.", registry=registry).observe(7)
    client.Info("build", "Version.", registry=registry).info({"version": "1"})
    client.Enum("state", "State.", states=["up", "down"], registry=registry).state("up")
    found = read(FORMAT, generate_latest(registry) if open_ else client.generate_latest(registry), AT)
    by_name = {each.name: each for each in found}
    assert by_name["served_total"] == Metric(NOW, "served_total", 5.0, {"path": '/a"b\\c\nd'}, "counter")
    assert by_name["load"] == Metric(NOW, "load", 0.5, {}, "gauge")
    assert by_name["empty"].value is None
    assert (by_name["size_bytes_sum"].kind, by_name["size_bytes_count"].kind) == ("counter", "counter")
    assert by_name["build_info"].labels == {"version": "1"}
    assert {each.labels["state"]: each.value for each in found if each.name == "state"} == {"up": 1.0, "down": 0.0}
    histogram = by_name["took_seconds"]
    assert (histogram.count, histogram.bounds, histogram.counts) == (4.0, (0.1, 1.0), (1.0, 2.0, 1.0))
    assert histogram.total == pytest.approx(6.15)
    assert histogram.unit == ("seconds" if open_ else "")
    assert (histogram.start > 1.7e9) == open_
    assert told("metric", records(client.generate_latest(registry))[0]) == FORMAT
