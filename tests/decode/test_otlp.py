import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from floodmark.signals import Histogram, Metric

from .samples import NANO, NOW, check_columns, mutated, read, refuse

LABELS = {"service": "checkout", "host": "web-1", "otel_scope_name": "app", "route": "/cart", "status": "200"}


def attribute(key, **value):
    return {"key": key, "value": value}


ROUTE = [attribute("route", stringValue="/cart"), attribute("status", intValue="200")]
AT = {"startTimeUnixNano": str(NANO - 10**10), "timeUnixNano": str(NANO), "attributes": ROUTE}
POINT = {**AT, "asDouble": 0.5}


def message(*metrics, resource=()):
    """In JSON as the Collector writes it."""
    named = [attribute("service.name", stringValue="checkout"), attribute("host.name", stringValue="web-1"), *resource]
    scope = {"scope": {"name": "app", "version": "1.2"}, "metrics": list(metrics)}
    return {"resourceMetrics": [{"resource": {"attributes": named}, "scopeMetrics": [scope]}]}


def any_value(into, value):
    ((which, inner),) = value.items()
    if which == "stringValue":
        into.string_value = inner
    elif which == "intValue":
        into.int_value = int(inner)
    elif which == "boolValue":
        into.bool_value = inner
    elif which == "doubleValue":
        into.double_value = float(inner)
    elif which == "arrayValue":
        for each in inner["values"]:
            any_value(into.array_value.values.add(), each)
    else:
        for each in inner["values"]:
            any_value(into.kvlist_value.values.add(key=each["key"]).value, each["value"])


def fill(into, value):
    """A message of the official classes from its JSON, but for exemplars."""
    for name, inner in value.items():
        field = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
        if field == "attributes":
            for each in inner:
                any_value(into.attributes.add(key=each["key"]).value, each["value"])
        elif field == "exemplars":
            into.exemplars.add(as_double=inner[0]["asDouble"], trace_id=bytes.fromhex(inner[0]["traceId"]))
        elif isinstance(inner, dict):
            getattr(into, field).SetInParent()
            fill(getattr(into, field), inner)
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            for each in inner:
                fill(getattr(into, field).add(), each)
        elif isinstance(inner, list):
            getattr(into, field).extend(float(x) if field == "explicit_bounds" else int(x) for x in inner)
        else:
            of = into.DESCRIPTOR.fields_by_name[field]
            real = of.type == of.TYPE_DOUBLE
            setattr(into, field, float(inner) if real else inner if isinstance(inner, bool) else
                    int(inner) if of.type != of.TYPE_STRING else inner)  # fmt: skip


def encoded(format, value):
    if format == "otlp_json":
        return json.dumps(value).encode()
    request = ExportMetricsServiceRequest()
    fill(request, value)
    return request.SerializeToString()


FORMATS = pytest.mark.parametrize("format", ["otlp_json", "otlp_proto"])


def signals(format, *metrics, **more):
    return read(format, encoded(format, message(*metrics, **more)))


def summed(*points, temporality=2, monotonic=True, name="requests"):
    inner = {"aggregationTemporality": temporality, "isMonotonic": monotonic, "dataPoints": list(points)}
    return {"name": name, "unit": "By", "description": "of no matter", "sum": inner}


def gauge(*points, name="load"):
    return {"name": name, "unit": "1", "gauge": {"dataPoints": list(points)}}


@FORMATS
def test_a_gauge(format):
    assert signals(format, gauge(POINT)) == [Metric(NOW, "load", 0.5, LABELS, "gauge", "1")]


@FORMATS
@pytest.mark.parametrize(
    ("temporality", "monotonic", "kind"),
    [(2, True, "counter"), (2, False, "gauge"), (1, True, "delta"), (1, False, "delta"), (0, True, "counter")],
)
def test_sums(format, temporality, monotonic, kind):
    found = signals(format, summed({**AT, "asInt": "20"}, temporality=temporality, monotonic=monotonic))
    start = 0.0 if kind == "gauge" else NOW - 10
    assert found == [Metric(NOW, "requests", 20.0, LABELS, kind, "By", start)]


@FORMATS
def test_no_value_is_said_and_not_an_error(format):
    found = signals(format, gauge({**POINT, "flags": 1}, {**POINT, "asDouble": "NaN"}, AT))
    assert [metric.value for metric in found] == [None, None, None]


@FORMATS
def test_infinity_is_refused_and_its_neighbours_are_not(format):
    decoded = refuse(format, encoded(format, message(gauge({**POINT, "asDouble": "Infinity"}, POINT))))
    assert [metric.value for metric in decoded.signals] == [0.5]
    assert [each.error for each in decoded.refused] == ["infinite"]


@FORMATS
def test_times(format):
    bad = [{**POINT, "timeUnixNano": "0"}, {**POINT, "timeUnixNano": str(NANO + 7200 * 10**9)}]
    decoded = refuse(format, encoded(format, message(gauge(*bad, POINT))), NOW * 1000)
    assert len(decoded.signals) == 1
    assert [each.error for each in decoded.refused] == ["implausible_time"]
    assert "the first of 2 points" in decoded.refused[0].message
    found = signals(format, gauge({**POINT, "timeUnixNano": str(NANO + 123_456_789)}))
    assert found[0].time == NOW + 0.123456789


@FORMATS
def test_attributes_of_any_type_are_labels_and_the_nearest_wins(format):
    point = [
        attribute("ok", boolValue=True),
        attribute("share", doubleValue=0.5),
        attribute("list", arrayValue={"values": [{"stringValue": "a"}, {"intValue": "1"}]}),
        attribute("map", kvlistValue={"values": [attribute("k", stringValue="v")]}),
        attribute("host.name", stringValue="web-2"),
    ]
    resource = [attribute("telemetry.sdk.name", stringValue="x"), attribute("k8s.pod.name", stringValue="p-1")]
    labels = signals(format, gauge({**POINT, "attributes": point}), resource=resource)[0].labels
    assert labels == {
        "service": "checkout", "host": "web-2", "pod": "p-1", "otel_scope_name": "app",
        "ok": "true", "share": "0.5", "list": '["a",1]', "map": '{"k":"v"}',
    }  # fmt: skip


@FORMATS
def test_exemplars_are_left_alone(format):
    exemplar = {"asDouble": 9.0, "traceId": "ee62470630a0652ddaf5de51fe786df5"}
    assert len(signals(format, gauge({**POINT, "exemplars": [exemplar]}))) == 1


HISTOGRAM = {
    **AT, "count": "4", "sum": 12.5, "bucketCounts": ["1", "2", "1"], "explicitBounds": [1, 5], "min": 0, "max": 9,
}  # fmt: skip


@FORMATS
@pytest.mark.parametrize("temporality", [1, 2])
def test_a_histogram(format, temporality):
    inner = {"aggregationTemporality": temporality, "dataPoints": [HISTOGRAM]}
    wanted = Histogram(
        NOW, "took", 4.0, 12.5, (1.0, 5.0), (1.0, 2.0, 1.0), LABELS, "ms", NOW - 10.0, cumulative=temporality == 2
    )
    load = Metric(NOW, "load", 0.5, LABELS, "gauge", "1")
    found = signals(format, gauge(POINT), {"name": "took", "unit": "ms", "histogram": inner}, gauge(POINT))
    assert found == [load, wanted, load]


@FORMATS
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"bucketCounts": ["1"]}, "wrong_type"),
        ({"explicitBounds": [5, 1]}, "wrong_type"),
        ({"explicitBounds": [0] * 1001, "bucketCounts": [0] * 1002}, "too_many_buckets"),
        ({"timeUnixNano": 0}, "implausible_time"),
    ],
)
def test_a_histogram_that_does_not_fit(format, change, error):
    inner = {"aggregationTemporality": 1, "dataPoints": [HISTOGRAM | change]}
    decoded = refuse(format, encoded(format, message({"name": "took", "histogram": inner})))
    assert decoded.signals == []
    assert [each.error for each in decoded.refused] == [error]


@FORMATS
def test_a_histogram_without_sum_or_buckets(format):
    inner = {"aggregationTemporality": 1, "dataPoints": [{**AT, "count": "3"}]}
    (found,) = signals(format, {"name": "took", "histogram": inner})
    assert (found.count, found.total, found.bounds, found.counts) == (3.0, None, (), ())


@FORMATS
def test_an_exponential_histogram(format):
    point = {
        **AT, "count": "10", "sum": 10, "scale": 1, "zeroCount": "3",
        "positive": {"offset": 2, "bucketCounts": ["1", "4"]}, "negative": {"offset": 0, "bucketCounts": ["2"]},
    }  # fmt: skip
    inner = {"aggregationTemporality": 2, "dataPoints": [point]}
    (found,) = signals(format, {"name": "took", "exponentialHistogram": inner})
    root = math.sqrt(2.0)
    assert found.bounds == pytest.approx((-root, -1.0, 0.0, 2.0, 2 * root, 4.0))
    assert found.counts == (0.0, 2.0, 3.0, 0.0, 1.0, 4.0, 0.0)
    assert found.geometric
    assert found.cumulative


@FORMATS
def test_a_summary(format):
    quantiles = [{"quantile": 0.5, "value": 2.0}, {"quantile": 0.99, "value": "NaN"}]
    point = {**AT, "count": "7", "sum": 21.5, "quantileValues": quantiles}
    found = signals(format, {"name": "took", "unit": "s", "summary": {"dataPoints": [point]}})
    assert [(m.name, m.value, m.kind, m.unit, m.labels.get("quantile")) for m in found] == [
        ("took_count", 7.0, "counter", "", None),
        ("took_sum", 21.5, "counter", "s", None),
        ("took", 2.0, "gauge", "s", "0.5"),
        ("took", None, "gauge", "s", "0.99"),
    ]


@FORMATS
@pytest.mark.parametrize(
    ("limits", "error"),
    [({"labels": 4}, "too_many_labels"), ({"events": 1}, "too_many_events"), ({"message": 20}, "too_large")],
)
def test_limits(format, limits, error):
    decoded = refuse(format, encoded(format, message(gauge(POINT, POINT))), **limits)
    assert decoded.signals == []
    assert [each.error for each in decoded.refused] == [error]


@FORMATS
def test_long_labels_are_cut_and_stay_different(format):
    points = [{**POINT, "attributes": [attribute("arguments", stringValue="x" * 50 + end)]} for end in "ab"]
    one, two = (
        metric.labels["arguments"] for metric in read(format, encoded(format, message(gauge(*points))), label=32)
    )
    assert len(one) == len(two) == 32
    assert one != two


@pytest.mark.parametrize(
    ("format", "value", "error"),
    [
        ("otlp_json", b"", "empty"),
        ("otlp_json", b"{", "not_json"),
        ("otlp_json", b"{}", "wrong_type"),
        ("otlp_json", b'{"resourceSpans":[]}', "wrong_type"),
        ("otlp_proto", b"{}", "not_protobuf"),
        ("otlp_proto", b"\xff\xff", "not_protobuf"),
        ("otlp_proto", None, "empty"),
    ],
)
def test_what_is_no_otlp(format, value, error):
    assert [each.error for each in refuse(format, value).refused] == [error]


def test_json_that_is_written_with_numbers_and_names():
    point = {**AT, "timeUnixNano": NANO, "startTimeUnixNano": NANO, "asInt": 7, "attributes": None}
    (found,) = read("otlp_json", message(summed(point, temporality="AGGREGATION_TEMPORALITY_DELTA")))
    assert (found.time, found.value, found.kind, "route" in found.labels) == (NOW, 7.0, "delta", False)


@pytest.mark.parametrize("wrong", [{"asInt": "x"}, {"asDouble": "soon"}, {"timeUnixNano": "9" * 400}])
def test_json_text_that_is_no_number(wrong):
    decoded = refuse("otlp_json", message(gauge(AT | wrong)))
    assert [each.error for each in decoded.refused] in (["wrong_type"], ["implausible_time"])


@FORMATS
def test_the_same_labels_are_the_same_origin(format):
    from floodmark.config.models import Limits
    from floodmark.decode import column_decoder, decoder

    from .samples import records

    columns = column_decoder(decoder("metric", format, Limits()), format, Limits())
    value = encoded(format, message(gauge(POINT, POINT)))
    first, *others = columns.decode(records(value, value), lambda record, decoded: None).origins
    assert len(others) == 3
    assert all(origin is first for origin in others)


GOOD = message(
    gauge(POINT, name="a"), gauge({**POINT, "attributes": []}), summed({**AT, "asInt": "3"}, temporality=1),
    {"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [HISTOGRAM]}},
    {"name": "s", "summary": {"dataPoints": [{**AT, "quantileValues": [{"quantile": 0.5, "value": 1}]}]}},
    {"name": "e", "exponentialHistogram": {"dataPoints": [
        {**AT, "scale": 3, "positive": {"offset": -1, "bucketCounts": ["1", "2"]}}]}},
)  # fmt: skip


@FORMATS
@settings(max_examples=150)
@given(data=st.data())
def test_whatever_comes(format, data):
    good = [encoded(format, GOOD), encoded(format, message(gauge(POINT)))]
    check_columns(format, data.draw(st.lists(mutated(good), max_size=5)), data.draw(st.sampled_from([-1, NOW * 1000])))


@pytest.mark.slow
@FORMATS
@settings(max_examples=1_000)
@given(data=st.data())
def test_whatever_comes_for_long(format, data):
    check_columns(format, [data.draw(mutated([encoded(format, GOOD)]))])


@FORMATS
def test_buckets_that_do_not_add_up_are_used_and_counted(format):
    from floodmark.config.models import Limits
    from floodmark.decode import decoder

    from .samples import records

    of = decoder("metric", format, Limits())
    inner = {"aggregationTemporality": 1, "dataPoints": [HISTOGRAM | {"count": "9"}]}
    decoded = of.decode(records(encoded(format, message({"name": "took", "histogram": inner})))[0])
    assert [found.count for found in decoded.signals] == [9.0]
    assert of.counts() == {"histogram_uneven": 1}


@pytest.mark.parametrize("odd", [{"scale": 10**30}, {"scale": -(10**30)}, {"positive": {"offset": 10**400}}])
def test_an_exponential_histogram_of_numbers_that_cannot_be(odd):
    point = {**AT, "count": "1", "scale": 0, "positive": {"offset": 2, "bucketCounts": ["1"]}} | odd
    inner = {"aggregationTemporality": 1, "dataPoints": [point]}
    decoded = refuse("otlp_json", message({"name": "took", "exponentialHistogram": inner}, gauge(POINT)))
    assert len(decoded.signals) + len(decoded.refused) == 2
    assert decoded.signals[-1].name == "load"
