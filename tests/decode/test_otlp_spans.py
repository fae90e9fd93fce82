import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.decode.otlp_spans import service_of
from floodmark.records import Record
from floodmark.signals import Span

NOON = 1769860800
TRACE, PARENT, OWN = "4bf92f3577b34da6a3ce929d0e0e4736", "53995c3f42cd8ad8", "00f067aa0ba902b7"


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def span(**changes):
    return {
        "traceId": TRACE,
        "spanId": OWN,
        "parentSpanId": PARENT,
        "name": "POST /charge",
        "kind": 2,
        "startTimeUnixNano": f"{NOON}000000000",
        "endTimeUnixNano": f"{NOON}250000000",
        "attributes": [attribute("http.route", "/charge")],
        "status": {"code": 2},
        **changes,
    }


def traces(*spans, resource=None):
    own = [attribute("service.name", "payment"), attribute("deployment.environment.name", "prod")]
    attributes = own if resource is None else resource
    return {
        "resourceSpans": [
            {"resource": {"attributes": attributes}, "scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}]}
        ]
    }


def request(*spans):
    """The same in protobuf."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    for key, value in (("service.name", "payment"), ("deployment.environment.name", "prod")):
        group.resource.attributes.add(key=key).value.string_value = value
    scope = group.scope_spans.add()
    scope.scope.name = "x"
    for each in spans:
        made = scope.spans.add(
            trace_id=bytes.fromhex(each["traceId"]),
            span_id=bytes.fromhex(each["spanId"]),
            parent_span_id=bytes.fromhex(each.get("parentSpanId", "")),
            name=each["name"],
            kind=each["kind"],
            start_time_unix_nano=int(each["startTimeUnixNano"]),
            end_time_unix_nano=int(each["endTimeUnixNano"]),
        )
        made.status.code = each["status"].get("code", 0)
        for one in each["attributes"]:
            made.attributes.add(key=one["key"]).value.string_value = one["value"]["stringValue"]
    return message.SerializeToString()


def decode(form, value, timestamp=-1, **limits):
    if not isinstance(value, bytes):
        value = json.dumps(value).encode()
    made = decoder("span", form, Limits(**limits))
    return made.decode(Record("in", 0, 0, timestamp, None, value)), +made.counts()


CLIENT = span(kind=3, status={}, parentSpanId="", attributes=[attribute("server.address", "bank.prod.svc:443")])
GOLDEN = [
    Span(NOON + 0.25, 0.25, "payment", "POST /charge", "server", True, TRACE, OWN, PARENT, "", {"env": "prod"}),
    Span(NOON + 0.25, 0.25, "payment", "POST /charge", "client", False, TRACE, OWN, "", "bank", {"env": "prod"}),
]


@pytest.mark.parametrize(
    ("form", "value"), [("otlp_json", traces(span(), CLIENT)), ("otlp_proto", request(span(), CLIENT))]
)
def test_both_forms_say_the_same(form, value):
    decoded, counts = decode(form, value)
    assert decoded.signals == GOLDEN
    assert not decoded.refused
    assert not counts


def test_json_may_spell_enumerations_and_leave_out_or_null_what_is_empty():
    odd = span(kind="SPAN_KIND_CONSUMER", status=None, attributes=None, parentSpanId=None)
    decoded, _ = decode("otlp_json", traces(odd, span(status={"code": "STATUS_CODE_ERROR"}), resource=[]))
    assert [(s.kind, s.error, s.service) for s in decoded.signals] == [
        ("consumer", False, "unknown_service"),
        ("server", True, "unknown_service"),
    ]


def test_ids_in_json_are_hex_and_base64_is_repaired():
    decoded, counts = decode(
        "otlp_json", traces(span(traceId=TRACE.upper(), spanId="APBnqgupArc=", parentSpanId="0" * 16), span(spanId="x"))
    )
    assert [(s.trace_id, s.span_id, s.parent_id) for s in decoded.signals] == [(TRACE, OWN, ""), (TRACE, "", PARENT)]
    assert counts == {"id_base64": 1, "id_dropped": 1}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": ""}, "missing_field"),
        ({"endTimeUnixNano": None}, "missing_field"),
        ({"endTimeUnixNano": "noon"}, "not_a_time"),
        ({"endTimeUnixNano": 10**400}, "implausible_time"),
        ({"endTimeUnixNano": 5}, "implausible_time"),
        ({"endTimeUnixNano": f"{NOON + 7200}000000000"}, "from_the_future"),
        ({"name": 5}, "wrong_type"),
    ],
)
def test_a_bad_span_refuses_itself_only(changes, error):
    decoded, _ = decode("otlp_json", traces(span(), span(**changes), span()), timestamp=NOON * 1000)
    assert len(decoded.signals) == 2
    (refused,) = decoded.refused
    assert (refused.index, refused.error) == (1, error)
    assert json.loads(refused.value) == span(**changes)


def test_a_span_that_ends_before_it_starts_took_no_time():
    decoded, counts = decode("otlp_json", traces(span(startTimeUnixNano=f"{NOON + 9}000000000")))
    assert decoded.signals[0].duration == 0
    assert counts == {"negative_duration": 1}


@pytest.mark.parametrize(
    ("form", "value", "limits", "error"),
    [
        ("otlp_json", b"", {}, "empty"),
        ("otlp_json", b"{", {}, "not_json"),
        ("otlp_json", b"[]", {}, "wrong_type"),
        ("otlp_json", b"{}", {}, "wrong_type"),
        ("otlp_json", traces(*[{}] * 3), {"events": 2}, "too_many_events"),
        ("otlp_proto", request(span(), span(), span()), {"events": 2}, "too_many_events"),
        ("otlp_proto", request(span()), {"message": 10}, "too_large"),
        ("otlp_proto", request(span())[:-1], {}, "not_protobuf"),
        ("otlp_proto", b"{}", {}, "not_protobuf"),
        ("otlp_proto", b"\x0a\x00" * 1000, {}, "too_many_events"),
    ],
)
def test_what_is_no_trace_is_refused_whole(form, value, limits, error):
    decoded, _ = decode(form, value, **limits)
    assert not decoded.signals
    (refused,) = decoded.refused
    assert (refused.index, refused.error) == (None, error)
    assert refused.message


def test_too_many_attributes_of_a_resource_are_cut():
    many = [attribute("service.name", "payment"), *(attribute(f"a{i}", "x") for i in range(100))]
    decoded, counts = decode("otlp_json", traces(span(), resource=many), labels=4)
    assert decoded.signals[0].labels == {"a0": "x", "a1": "x", "a2": "x"}
    assert counts == {"attributes_cut": 97}


@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("payment", "payment"),
        ("payment.shop.svc.cluster.local", "payment"),
        ("api.example.com", "api.example.com"),
        ("payment:8080", "payment"),
        ("10.0.0.7", ""),
        ("10.0.0.7:80", ""),
        ("[::1]:80", ""),
        ("::1", ""),
        ("localhost", ""),
        ("", ""),
    ],
)
def test_an_address_names_a_service(address, service):
    assert service_of(address) == service


WHOLE = {"otlp_json": json.dumps(traces(span(), CLIENT)).encode(), "otlp_proto": request(span(), CLIENT)}


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=4))
@settings(max_examples=300)
def test_no_damage_crashes_it(form, damage):
    value = bytearray(WHOLE[form])
    for place, byte in damage:
        value[place % len(value)] = byte
    decoded, _ = decode(form, bytes(value))
    assert all(isinstance(each, Span) and each.duration >= 0 for each in decoded.signals)
    assert all(each.error and each.message for each in decoded.refused)


@given(st.sampled_from(sorted(WHOLE)), st.binary(max_size=60))
@settings(max_examples=200)
def test_no_noise_crashes_it(form, value):
    assert not decode(form, value)[0].signals
