"""One odd member of a message refuses itself, in words that say where it is, and no other."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from floodmark.config.models import Limits
from floodmark.decode import decoder

from .samples import NANO, NOW, records

AT = {"timeUnixNano": str(NANO)}
POINT = {**AT, "asDouble": 1.5}
OK = {"name": "ok", "gauge": {"dataPoints": [POINT]}}


def decode(format, value, signal="metric", **limits):
    value = value if isinstance(value, bytes) else json.dumps(value).encode()
    made = decoder(signal, format, Limits(**limits))
    return made.decode(records(value, stamp=NOW * 1000)[0]), +made.counts()


def metrics(*found, resource=None, scope=None, more=()):
    inner = [{"scope": scope, "metrics": list(found)}]
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": inner}, *more]}


@pytest.mark.parametrize(
    "null",
    [
        {"name": "ok", "unit": None, "gauge": {"dataPoints": [POINT | {"startTimeUnixNano": None}]}},
        {"name": "ok", "gauge": {"dataPoints": [POINT | {"attributes": None, "flags": None, "exemplars": None}]}},
        {"name": "ok", "sum": {"dataPoints": [POINT], "aggregationTemporality": None, "isMonotonic": None}},
        {"name": "ok", "gauge": {"dataPoints": [POINT]}, "sum": None, "metadata": None},
        {"name": "ok", "gauge": {"dataPoints": [POINT | {"attributes": [None, {"key": "a", "value": None}]}]}},
        {"name": "ok", "gauge": {"dataPoints": [{**AT, "asDouble": None, "asInt": "2"}]}},
    ],
)
def test_null_is_what_is_not_set(null):
    decoded, _ = decode("otlp_json", metrics(null, {"name": "none", "gauge": {"dataPoints": None}}))
    assert [signal.name for signal in decoded.signals] == ["ok"]
    assert not decoded.refused


def test_null_in_a_histogram_is_what_is_not_set():
    none = dict.fromkeys(("startTimeUnixNano", "sum", "min", "max", "attributes", "exemplars"))
    explicit = {**AT, **none, "count": "3", "bucketCounts": None, "explicitBounds": None}
    exponential = {**AT, **none, "count": "3", "scale": None, "zeroCount": None, "zeroThreshold": None} | {
        "positive": {"offset": None, "bucketCounts": ["3"]},
        "negative": None,
    }
    summary = {**AT, "count": "3", "sum": None, "quantileValues": None}
    found = [
        {"name": "a", "histogram": {"dataPoints": [explicit], "aggregationTemporality": 1}},
        {"name": "b", "exponentialHistogram": {"dataPoints": [exponential], "aggregationTemporality": 1}},
        {"name": "c", "summary": {"dataPoints": [summary]}},
    ]
    decoded, _ = decode("otlp_json", metrics(*found))
    assert [signal.name for signal in decoded.signals] == ["a", "b", "c_count", "c_sum"]
    assert not decoded.refused
    assert decoded.signals[1].counts == (0.0, 0.0, 3.0, 0.0)


@pytest.mark.parametrize(
    ("odd", "place"),
    [
        ({"name": 5, "gauge": {"dataPoints": [POINT]}}, "metrics[0] cannot be read: name must be"),
        ("gauge", "resourceMetrics[0].scopeMetrics[0].metrics[0] must be an object"),
        (None, "metrics[0] must be an object"),
        ({"name": "a", "gauge": 5}, "metrics[0] cannot be read: gauge must be"),
        ({"name": "a", "gauge": {"dataPoints": "x"}}, "metrics[0].gauge.dataPoints must be an array"),
        ({"name": "a", "gauge": {"dataPoints": [7]}}, "metrics[0].gauge.dataPoints[0] must be an object"),
        (
            {"name": "a", "sum": {"dataPoints": [POINT | {"asDouble": {}}, POINT]}},
            "metrics[0].sum.dataPoints[0] cannot be read: asDouble must be",
        ),
        ({"name": "a", "histogram": {"dataPoints": [{**AT, "bucketCounts": [[]]}]}}, "histogram.dataPoints[0]"),
        ({"name": "a", "sum": {"dataPoints": [POINT], "isMonotonic": "yes"}}, "sum.isMonotonic must be a truth value"),
        ({"name": "a", "gauge": {"dataPoints": [POINT | {"attributes": "x"}]}}, "the attributes are no OTLP"),
    ],
)
def test_what_is_of_a_wrong_type_refuses_itself_with_its_place(odd, place):
    decoded, _ = decode("otlp_json", metrics(odd, OK))
    assert [signal.name for signal in decoded.signals][-1:] == ["ok"]
    (refused,) = decoded.refused
    assert refused.error == "wrong_type"
    assert place in refused.message


@pytest.mark.parametrize("group", [None, 5, {"scopeMetrics": 5}, {"scopeMetrics": [None]}])
def test_an_odd_resource_refuses_itself(group):
    decoded, _ = decode("otlp_json", metrics(OK, more=[group]))
    assert [signal.name for signal in decoded.signals] == ["ok"]
    assert len(decoded.refused) == 1
    assert "resourceMetrics[1]" in decoded.refused[0].message


def test_an_odd_attribute_of_a_resource_is_left_out_and_counted():
    named = {"key": "service.name", "value": {"stringValue": "shop"}}
    odd = [named, None, 5, {"value": {"stringValue": "no name"}}, {"key": "k", "value": {"intValue": "many"}}]
    decoded, counts = decode("otlp_json", metrics(OK, resource={"attributes": odd}))
    assert decoded.signals[0].labels == {"service": "shop", "k": "many"}
    assert counts == {"members_dropped": 3}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_json_lacks_refuse_or_empty_their_own_point(number):
    text = json.dumps(metrics({"name": "a", "gauge": {"dataPoints": [POINT | {"asDouble": "@"}]}}, OK))
    decoded, counts = decode("otlp_json", text.replace('"@"', number).encode())
    assert decoded.signals[-1].name == "ok"
    if number == "NaN":
        assert [signal.value for signal in decoded.signals] == [None, 1.5]
        assert counts == {"no_value": 1}
    else:
        assert [each.error for each in decoded.refused] == ["infinite"]


LATIN1 = "Zürich".encode("latin-1")


@pytest.mark.parametrize(
    ("format", "message"),
    [
        ("otlp_json", metrics({"name": "a", "gauge": {"dataPoints": [POINT]}, "unit": "@"}, OK)),
        ("vector_metrics", [{"name": n, "kind": "absolute", "tags": {"t": "@"}, "gauge": {"value": 1}} for n in "ab"]),
        ("prometheus_kafka_adapter", [{"timestamp": NOW, "value": "1", "name": n, "labels": {"t": "@"}} for n in "ab"]),
        (
            "collectd_json",
            [
                {"values": [1], "dstypes": ["gauge"], "dsnames": ["value"], "time": NOW, "host": "@"}
                | {"plugin": n, "type": n}
                for n in "ab"
            ],
        ),
    ],
)
def test_latin1_in_json_is_read_with_a_hole(format, message):
    decoded, counts = decode(format, json.dumps(message).encode().replace(b"@", LATIN1))
    assert len(decoded.signals) == 2
    assert not decoded.refused
    assert counts["not_utf8"] == 1


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("collectd_command", f"PUTVAL @/load/gauge {NOW}:1\nPUTVAL b/load/gauge {NOW}:2\n"),
        ("collectd_graphite", f"@.load.gauge 1 {NOW}\r\nb.load.gauge 2 {NOW}\r\n"),
    ],
)
def test_latin1_in_a_line_is_read_with_a_hole(format, text):
    decoded, counts = decode(format, text.encode().replace(b"@", LATIN1))
    assert [signal.labels["host"] for signal in decoded.signals] == ["Z\ufffdrich", "b"]
    assert counts == {"not_utf8": 1}


VECTOR = {"name": "ok", "kind": "absolute", "timestamp": NOW, "gauge": {"value": 2}}
COLLECTD = {
    "values": [1], "dstypes": ["gauge"], "dsnames": ["value"], "time": NOW, "host": "h", "plugin": "p", "type": "ok",
}  # fmt: skip
SAMPLE = {"timestamp": NOW, "value": "1", "name": "ok", "labels": {"a": "b"}}


@pytest.mark.parametrize(
    ("format", "good", "odd", "names", "place"),
    [
        ("vector_metrics", VECTOR, {"gauge": 5}, ["ok", "ok"], "event 1 of the message"),
        ("vector_metrics", VECTOR, {"kind": "new"}, ["ok", "ok"], "kind cannot be 'new'"),
        ("vector_metrics", VECTOR, {"gauge": {"value": None}}, ["ok", "ok", "ok"], None),
        ("vector_metrics", VECTOR, {"gauge": {"value": "NaN"}}, ["ok", "ok", "ok"], None),
        ("vector_metrics", VECTOR, {"tags": {"port": 80, "tls": True, "none": None}}, ["ok", "ok", "ok"], None),
        ("vector_metrics", VECTOR, {"gauge": None, "sketch": {"x": {}}}, ["ok", "ok"], "sketch is missing"),
        ("collectd_json", COLLECTD, {"plugin_instance": None, "type_instance": None}, ["p_ok", "p_ok", "p_ok"], None),
        ("collectd_json", COLLECTD, {"time": None}, ["p_ok", "p_ok", "p_ok"], None),
        ("collectd_json", COLLECTD, {"values": None}, ["p_ok", "p_ok"], "values is missing"),
        ("collectd_json", COLLECTD, {"host": {}}, ["p_ok", "p_ok"], "host must be text"),
        ("prometheus_kafka_adapter", SAMPLE, {"labels": {"port": 80, "no": None}}, ["ok", "ok", "ok"], None),
        ("prometheus_kafka_adapter", SAMPLE, {"value": None, "labels": None}, ["ok", "ok", "ok"], None),
        ("prometheus_kafka_adapter", SAMPLE, {"labels": {"a": {}}}, ["ok", "ok"], "labels (one of the values)"),
        ("prometheus_kafka_adapter", SAMPLE, {"value": []}, ["ok", "ok"], "value must be"),
    ],
)
def test_an_odd_element_of_an_array_refuses_itself(format, good, odd, names, place):
    decoded, _ = decode(format, [good, good | odd, good])
    assert [signal.name for signal in decoded.signals] == names
    assert [place in each.message for each in decoded.refused] == ([True] if place else [])


def test_an_array_of_events_of_another_form_is_not_read_without_end():
    decoded, _ = decode("vector_metrics", [5] * 30, events=20)
    assert [each.error for each in decoded.refused] == ["too_many_events"]


SPAN = {"name": "x", "startTimeUnixNano": str(NANO), "endTimeUnixNano": str(NANO)}
LOG = {"timeUnixNano": str(NANO), "body": {"stringValue": "x"}}


def others(signal, *found, resource=None, more=()):
    outer, inner, own = ("Spans", "scopeSpans", "spans") if signal == "span" else ("Logs", "scopeLogs", "logRecords")
    return {f"resource{outer}": [{"resource": resource, inner: [{"scope": None, own: list(found)}]}, *more]}


@pytest.mark.parametrize(("signal", "good"), [("span", SPAN), ("log", LOG)])
@pytest.mark.parametrize("odd", [None, 5, "x", {"attributes": 5}, {"traceId": []}])
def test_an_odd_record_refuses_itself(signal, good, odd):
    odd = good | odd if isinstance(odd, dict) else odd
    decoded, _ = decode("otlp_json", others(signal, good, odd, good), signal)
    assert len(decoded.signals) == 2
    assert [each.index for each in decoded.refused] == [1]
    assert json.loads(decoded.refused[0].value) == odd


@pytest.mark.parametrize(("signal", "good"), [("span", SPAN), ("log", LOG)])
@pytest.mark.parametrize("group", [None, 5, {"scopeSpans": 5, "scopeLogs": 5}, {"scopeSpans": [5], "scopeLogs": [5]}])
def test_an_odd_resource_of_records_refuses_itself(signal, good, group):
    decoded, _ = decode("otlp_json", others(signal, good, more=[group]), signal)
    assert len(decoded.signals) == 1
    assert len(decoded.refused) == 1
    assert "must be an" in decoded.refused[0].message


@pytest.mark.parametrize(("signal", "good"), [("span", SPAN), ("log", LOG)])
def test_odd_attributes_of_records_and_their_resources(signal, good):
    named = {"key": "service.name", "value": {"stringValue": "shop"}}
    odd = good | {"attributes": [None, {"key": None}, {"key": "a", "value": None}, {"key": "b", "value": "plain"}]}
    decoded, counts = decode("otlp_json", others(signal, odd, resource={"attributes": [5, None, named]}), signal)
    assert not decoded.refused
    (found,) = decoded.signals
    assert "shop" in (found.service if signal == "span" else found.labels["service"])
    assert counts["members_dropped"] == 2


@pytest.mark.parametrize(("signal", "good"), [("span", SPAN), ("log", LOG)])
def test_latin1_in_a_record_of_json(signal, good):
    text = json.dumps(others(signal, good, good | {"name": "@", "body": {"stringValue": "@"}}, good)).encode()
    decoded, counts = decode("otlp_json", text.replace(b"@", LATIN1), signal)
    assert len(decoded.signals) == 3
    assert not decoded.refused
    assert counts["not_utf8"] == 1


def test_the_old_names_of_scopes_are_known():
    library = {"instrumentationLibrary": {"name": "lib"}}
    old = {"resourceMetrics": [{"instrumentationLibraryMetrics": [{**library, "metrics": [OK]}]}]}
    assert decode("otlp_json", old)[0].signals[0].labels == {"otel_scope_name": "lib"}
    spans = {"resourceSpans": [{"instrumentationLibrarySpans": [{**library, "spans": [SPAN]}]}]}
    assert len(decode("otlp_json", spans, "span")[0].signals) == 1
    logs = {"resourceLogs": [{"instrumentationLibraryLogs": [{**library, "logs": [LOG]}]}]}
    assert len(decode("otlp_json", logs, "log")[0].signals) == 1


@pytest.mark.parametrize("data", [{"doubleGauge": {"dataPoints": [POINT]}}, {"intSum": {}}, {}, {"gauge": None}])
def test_data_of_a_kind_that_is_not_known_is_refused_in_words(data):
    decoded, counts = decode("otlp_json", metrics({"name": "a", **data}, OK))
    assert [signal.name for signal in decoded.signals] == ["ok"]
    assert decoded.refused[0].message.startswith("the metric 'a' holds no gauge, sum, histogram")
    assert counts == {"points_refused:wrong_type": 1}


def otlp_proto(*names):
    request = ExportMetricsServiceRequest()
    for name in names:
        group = request.resource_metrics.add()
        group.resource.attributes.add(key="service.name").value.string_value = name
        scope = group.scope_metrics.add()
        scope.scope.name = "app"
        metric = scope.metrics.add(name=name, unit=name)
        for value in (1.0, 2.0):
            point = metric.gauge.data_points.add(time_unix_nano=NANO, as_double=value)
            point.attributes.add(key="k").value.string_value = name
    return request


def test_latin1_in_protobuf_is_read_with_a_hole():
    text = otlp_proto("ok", "Z@rich", "ok").SerializeToString().replace(b"@", b"\xfc")
    decoded, counts = decode("otlp_proto", text)
    assert not decoded.refused
    hole = "Z\ufffdrich"
    found = [(signal.name, signal.labels["service"], signal.labels["k"], signal.unit) for signal in decoded.signals]
    assert found == [("ok",) * 4] * 2 + [(hole,) * 4] * 2 + [("ok",) * 4] * 2
    assert counts["not_utf8"]


def test_a_point_in_protobuf_that_cannot_be_read_refuses_itself():
    request = otlp_proto("a", "b")
    scope = request.resource_metrics[0].scope_metrics[0]
    point = scope.metrics[0].gauge.data_points[0].SerializeToString()
    text = request.SerializeToString()
    assert text.count(point) >= 1
    broken = text.replace(point, point[:-1] + b"\x0f", 1)  # the last attribute says a length that it has not
    at = text.index(point)
    broken = text[:at] + b"\x0f" * len(point) + text[at + len(point) :]
    decoded, counts = decode("otlp_proto", broken)
    assert [signal.value for signal in decoded.signals] == [2.0, 1.0, 2.0]
    (refused,) = decoded.refused
    assert refused.error == "not_protobuf"
    assert refused.message.startswith(
        "resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0] cannot be read: it is no protobuf"
    )
    assert counts == {"points_refused:not_protobuf": 1}


def test_data_in_protobuf_of_a_kind_that_is_not_known():
    request = otlp_proto("a", "b")
    metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
    metric.Clear()
    metric.MergeFromString(b"\x0a\x01a\x22\x02\x0a\x00")  # the name, and field 4, which was an int_gauge once
    decoded, _ = decode("otlp_proto", request.SerializeToString())
    assert [signal.name for signal in decoded.signals] == ["b", "b"]
    assert "but field 4" in decoded.refused[0].message


def test_the_old_place_of_scopes_in_protobuf():
    request = otlp_proto("a")
    group = request.resource_metrics[0]
    inner = group.scope_metrics[0].SerializeToString()
    del group.scope_metrics[:]
    group.MergeFromString(b"\xc2\x3e" + bytes([len(inner)]) + inner)  # field 1000
    decoded, _ = decode("otlp_proto", request.SerializeToString())
    assert len(decoded.signals) == 2


def test_exemplars_are_counted():
    request = otlp_proto("a")
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].exemplars.add(as_double=2.0)
    assert decode("otlp_proto", request.SerializeToString())[1] == {"exemplars_unread": 1}
    point = POINT | {"exemplars": [{"asDouble": 2.0}]}
    one = {"name": "ok", "gauge": {"dataPoints": [point, POINT | {"exemplars": []}]}}
    assert decode("otlp_json", metrics(one))[1] == {"exemplars_unread": 1}


@pytest.mark.parametrize("signal", ["span", "log"])
def test_odd_records_in_protobuf(signal):
    request = ExportTraceServiceRequest() if signal == "span" else ExportLogsServiceRequest()
    groups = request.resource_spans if signal == "span" else request.resource_logs
    for name in ("ok", "Z@rich", "broken"):
        group = groups.add()
        group.resource.attributes.add(key="service.name").value.string_value = name
        if signal == "span":
            span = group.scope_spans.add().spans.add(name=name, start_time_unix_nano=NANO, end_time_unix_nano=NANO)
            span.attributes.add(key=name).value.string_value = name
        else:
            log = group.scope_logs.add().log_records.add(time_unix_nano=NANO)
            log.body.string_value = name
            log.attributes.add(key=name).value.string_value = name
    last = groups[2].scope_spans[0] if signal == "span" else groups[2].scope_logs[0]
    inner = last.SerializeToString()
    text = request.SerializeToString().replace(b"@", b"\xfc").replace(inner, b"\x0f" * len(inner))
    decoded, counts = decode("otlp_proto", text, signal)
    services = [found.service if signal == "span" else found.labels["service"] for found in decoded.signals]
    assert services == ["ok", "Z\ufffdrich"]
    assert [each.error for each in decoded.refused] == ["not_protobuf"]
    assert decoded.refused[0].message.startswith("a scope of the message cannot be read")
    assert counts["not_utf8"]


@pytest.mark.parametrize(("format", "good"), [("vector_metrics", VECTOR), ("collectd_json", COLLECTD)])
def test_auto_is_not_led_astray_by_one_odd_member(format, good):
    for odd in (None, 5):
        decoded, counts = decode("auto", [odd, good])
        assert len(decoded.signals) == len(decoded.refused) == counts[f"format:{format}"] == 1
    text = json.dumps([good | {"host": "@", "namespace": "@"}]).encode().replace(b"@", LATIN1)
    assert len(decode("auto", text)[0].signals) == 1
    assert len(decode("auto", json.dumps(metrics(OK)).encode().replace(b"ok", LATIN1))[0].signals) == 1


@pytest.mark.parametrize("odd", [b"\xfc", b"\\ud800"])
@pytest.mark.parametrize("signal", ["metric", "span", "log"])
def test_what_is_no_text_in_a_resource_refuses_nothing(signal, odd):
    named = {"attributes": [{"key": "k", "value": {"stringValue": "a@b"}}]}
    message = (
        metrics(OK, resource=named)
        if signal == "metric"
        else others(signal, {"span": SPAN, "log": LOG}[signal], resource=named)
    )
    decoded, counts = decode("otlp_json", json.dumps(message).encode().replace(b"@", odd), signal)
    assert not decoded.refused
    assert decoded.signals[0].labels["k"] == "a\ufffdb"
    assert counts["not_utf8"] == 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("\ud800"),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
)


def change(data, document):
    """Somewhere in a document, another value."""
    place = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not (isinstance(inner, dict | list) and inner) or data.draw(st.booleans()):
            place[key] = data.draw(ANY)
            return
        place = inner


HISTOGRAM = {**AT, "startTimeUnixNano": AT["timeUnixNano"], "count": "3", "sum": 4.5, "attributes": []}
LABELLED = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
ALL = [
    {"name": "g", "unit": "s", "gauge": {"dataPoints": [{**POINT, **LABELLED, "flags": 0}]}},
    {"name": "s", "sum": {"isMonotonic": True, "aggregationTemporality": 2, "dataPoints": [{**AT, "asInt": "5"}]}},
    {"name": "h", "histogram": {"dataPoints": [HISTOGRAM | {"bucketCounts": ["1", "2"], "explicitBounds": [1.0]}]}},
    {"name": "e", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [HISTOGRAM | {
        "scale": 3, "zeroCount": "1", "zeroThreshold": 0.1, "positive": {"offset": 2, "bucketCounts": ["1", "1"]}}]}},
    {"name": "q", "summary": {"dataPoints": [{**AT, "count": "1", "quantileValues": [{"quantile": 1, "value": 2}]}]}},
]  # fmt: skip
FULL_SPAN = {**SPAN, **LABELLED, "kind": 2, "status": {"code": 2}, "traceId": "ab" * 16, "events": [], "links": []}
FULL_LOG = {**LOG, **LABELLED, "severityNumber": 9, "severityText": "INFO", "observedTimeUnixNano": str(NANO)}
MESSAGES = {
    ("otlp_json", "metric"): metrics(*ALL, resource=LABELLED, scope={"name": "x", **LABELLED})["resourceMetrics"],
    ("otlp_json", "span"): others("span", FULL_SPAN, SPAN, resource=LABELLED)["resourceSpans"],
    ("otlp_json", "log"): others("log", FULL_LOG, LOG, resource=LABELLED)["resourceLogs"],
    ("vector_metrics", "metric"): [
        VECTOR | {"tags": {"a": "b", "c": ["d"]}},
        {**VECTOR, "gauge": None, "aggregated_histogram": {"buckets": [{"upper_limit": 1, "count": 2}], "count": 2}},
        {**VECTOR, "gauge": None, "aggregated_summary": {"quantiles": [{"quantile": 1, "value": 2}], "count": 2}},
        {**VECTOR, "gauge": None, "distribution": {"samples": [{"value": 1, "rate": 2}]}},
    ],
    ("collectd_json", "metric"): [COLLECTD | {"plugin_instance": "x", "type_instance": "y", "interval": 10.0}],
    ("prometheus_kafka_adapter", "metric"): [SAMPLE],
}
OUTER = {"metric": "resourceMetrics", "span": "resourceSpans", "log": "resourceLogs"}


@pytest.mark.parametrize(("format", "signal"), MESSAGES, ids="-".join)
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_one_member_is_the_others_are_read(format, signal, data):
    odd = json.loads(json.dumps(MESSAGES[format, signal]))
    for _ in range(data.draw(st.integers(1, 3))):
        if odd:
            change(data, odd)
    good = json.loads(json.dumps(MESSAGES[format, signal]))
    wanted = decode(format, good if format != "otlp_json" else {OUTER[signal]: good}, signal)[0].signals
    both = [*good, *odd] if data.draw(st.booleans()) else [*odd, *good]
    decoded, _ = decode(format, both if format != "otlp_json" else {OUTER[signal]: both}, signal)
    assert wanted
    for each in wanted:
        assert each in decoded.signals


@pytest.mark.parametrize("signal", ["metric", "span", "log"])
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_the_bytes_of_one_resource_are_the_others_are_read(signal, data):
    good, other = (_encoded(signal, name) for name in ("good", "other"))
    inner = bytearray(other)
    for _ in range(data.draw(st.integers(1, 3))):
        inner[data.draw(st.integers(0, len(inner) - 1))] = data.draw(st.integers(0, 255))
    parts = [good, bytes(inner)] if data.draw(st.booleans()) else [bytes(inner), good]
    text = b"".join(b"\x0a" + bytes([len(part) & 0x7F | 0x80, len(part) >> 7]) + part for part in parts)
    decoded, _ = decode("otlp_proto", text, signal)
    wanted, _ = decode("otlp_proto", b"\x0a" + bytes([len(good) & 0x7F | 0x80, len(good) >> 7]) + good, signal)
    assert wanted.signals
    for each in wanted.signals:
        assert each in decoded.signals


def _encoded(signal, name):
    """A resource in protobuf."""
    if signal == "metric":
        return otlp_proto(name, name).resource_metrics[0].SerializeToString()
    request = ExportTraceServiceRequest() if signal == "span" else ExportLogsServiceRequest()
    group = (request.resource_spans if signal == "span" else request.resource_logs).add()
    group.resource.attributes.add(key="service.name").value.string_value = name
    if signal == "span":
        group.scope_spans.add().spans.add(name=name * 20, start_time_unix_nano=NANO, end_time_unix_nano=NANO)
    else:
        group.scope_logs.add().log_records.add(time_unix_nano=NANO).body.string_value = name * 20
    return group.SerializeToString()
