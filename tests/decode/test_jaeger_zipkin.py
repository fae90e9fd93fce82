"""Spans as Jaeger and Zipkin write them: each form gives the same spans, and an odd one refuses itself only."""

import base64
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON

from floodmark.config.models import Input, Limits
from floodmark.decode import input_decoder
from floodmark.decode.auto import told
from floodmark.decode.jaeger import _MESSAGES as JAEGER
from floodmark.decode.zipkin import _MESSAGES as ZIPKIN
from floodmark.records import Record
from floodmark.signals import Span

TRACE, OWN, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "53995c3f42cd8ad8"
NOON_US = int(NOON) * 1_000_000
SERVER = Span(
    NOON + 0.25,
    0.25,
    "payment",
    "POST /charge",
    "server",
    True,
    TRACE,
    OWN,
    PARENT,
    "",
    {"host": "web-1", "env": "prod"},
)
CLIENT = Span(NOON + 0.25, 0.25, "payment", "charge", "client", False, TRACE, OWN, PARENT, "bank", {})


def b64(text):
    return base64.b64encode(bytes.fromhex(text)).decode()


def decode(format, value, **limits):
    value = value if isinstance(value, bytes) else json.dumps(value).encode()
    decoder = input_decoder(Input(topic="t", signal="span", format=format), Limits(**limits))
    return decoder.decode(Record("t", 0, 0, ARRIVAL, None, value)), decoder.counts()


def jaeger(**more):
    """As jsonpb writes it, for Kafka."""
    return {
        "traceId": b64(TRACE),
        "spanId": b64(OWN),
        "operationName": "POST /charge",
        "references": [{"traceId": b64(TRACE), "spanId": b64(PARENT)}],
        "startTime": "2026-01-31T12:00:00Z",
        "duration": "0.250s",
        "tags": [
            {"key": "span.kind", "vStr": "server"},
            {"key": "error", "vType": "BOOL", "vBool": True},
            {"key": "http.status_code", "vType": "INT64", "vInt64": "500"},
        ],
        "process": {
            "serviceName": "payment",
            "tags": [
                {"key": "hostname", "vStr": "web-1"},
                {"key": "deployment.environment", "vStr": "prod"},
                {"key": "client-uuid", "vStr": "1e2"},
            ],
        },
    } | more


def queried(**more):
    """As Jaeger's query service writes it."""
    return {
        "traceID": TRACE.lstrip("0"),
        "spanID": OWN.lstrip("0"),
        "operationName": "POST /charge",
        "references": [{"refType": "CHILD_OF", "traceID": TRACE, "spanID": PARENT}],
        "startTime": NOON_US,
        "duration": 250_000,
        "tags": [
            {"key": "span.kind", "type": "string", "value": "server"},
            {"key": "error", "type": "bool", "value": True},
        ],
        "processID": "p1",
    } | more


PROCESSES = {
    "p1": {
        "serviceName": "payment",
        "tags": [
            {"key": "hostname", "type": "string", "value": "web-1"},
            {"key": "deployment.environment", "type": "string", "value": "prod"},
        ],
    },
    "p2": {"serviceName": "other"},
}


def zipkin(**more):
    return {
        "traceId": TRACE,
        "parentId": PARENT,
        "id": OWN,
        "kind": "SERVER",
        "name": "POST /charge",
        "timestamp": NOON_US,
        "duration": 250_000,
        "localEndpoint": {"serviceName": "payment", "ipv4": "10.0.0.1"},
        "remoteEndpoint": {"serviceName": "who called"},
        "tags": {"error": "card declined", "host.name": "web-1", "deployment.environment": "prod"},
    } | more


def jaeger_proto(**more):
    span = JAEGER["Span"](
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(OWN),
        operation_name="POST /charge",
        references=[{"trace_id": bytes.fromhex(TRACE), "span_id": bytes.fromhex(PARENT)}],
        start_time={"seconds": int(NOON)},
        duration={"nanos": 250_000_000},
        tags=[{"key": "span.kind", "v_str": "server"}, {"key": "error", "v_type": 1, "v_bool": True}],
        process={
            "service_name": "payment",
            "tags": [{"key": "hostname", "v_str": "web-1"}, {"key": "deployment.environment", "v_str": "prod"}],
        },
    )
    for name, value in more.items():
        span.ClearField(name)
        if value is not None:
            span.MergeFrom(JAEGER["Span"](**{name: value}))
    return span


def zipkin_proto(**more):
    fields = {
        "trace_id": bytes.fromhex(TRACE),
        "parent_id": bytes.fromhex(PARENT),
        "id": bytes.fromhex(OWN),
        "kind": 2,
        "name": "POST /charge",
        "timestamp": NOON_US,
        "duration": 250_000,
        "local_endpoint": {"service_name": "payment"},
        "remote_endpoint": {"service_name": "who called"},
        "tags": [{"key": k, "value": v} for k, v in zipkin()["tags"].items()],
    }
    return ZIPKIN["Span"](**(fields | more))


def listed(*spans):
    """A message whose first field are these: Batch, ListOfSpans."""
    out = b""
    for each in spans:
        text = each if isinstance(each, bytes) else each.SerializeToString()
        size, length = len(text), b""
        while size > 127:
            length += bytes((size & 127 | 128,))
            size >>= 7
        out += b"\x0a" + length + bytes((size,)) + text
    return out


BARE = jaeger_proto(process=None)
BATCH = listed(BARE) + b"\x12" + listed(jaeger_proto().process)[1:]


@pytest.mark.parametrize(
    ("format", "value"),
    [
        ("jaeger_json", jaeger()),
        ("jaeger_json", [jaeger()]),
        ("jaeger_json", {"spans": [jaeger(process=None)], "process": jaeger()["process"]}),
        ("jaeger_json", jaeger(startTime=NOON_US, duration=250_000, traceId=TRACE, spanId=OWN)),
        ("jaeger_json", {"data": [{"traceID": TRACE, "spans": [queried()], "processes": PROCESSES}], "errors": None}),
        ("jaeger_json", {"traceID": TRACE, "spans": [queried()], "processes": PROCESSES}),
        ("jaeger_json", queried(process=PROCESSES["p1"])),
        ("jaeger_proto", jaeger_proto().SerializeToString()),
        ("jaeger_proto", BATCH),
        ("zipkin_json", [zipkin()]),
        ("zipkin_json", zipkin()),
        ("zipkin_json", [[zipkin()]]),
        ("zipkin_proto", listed(zipkin_proto())),
    ],
)
def test_every_form_gives_the_same_span(format, value):
    decoded, counts = decode(format, value)
    assert decoded == ([SERVER], [])
    assert not +Counter(counts)
    auto, counts = decode("auto", value)
    assert auto == decoded
    assert +Counter(counts) == {f"format:{format}": 1}


@pytest.mark.parametrize(
    ("format", "value"),
    [
        (
            "jaeger_json",
            jaeger(
                operationName="charge",
                tags=[{"key": "span.kind", "vStr": "client"}, {"key": "peer.service", "vStr": "bank"}],
                process={"serviceName": "payment"},
            ),
        ),
        (
            "jaeger_proto",
            jaeger_proto(
                operation_name="charge",
                tags=[{"key": "span.kind", "v_str": "client"}, {"key": "peer.service", "v_str": "bank"}],
                process={"service_name": "payment"},
            ).SerializeToString(),
        ),
        ("zipkin_json", [zipkin(kind="CLIENT", name="charge", tags={}, remoteEndpoint={"serviceName": "bank"})]),
        (
            "zipkin_proto",
            listed(zipkin_proto(kind=1, name="charge", tags=[], remote_endpoint={"service_name": "bank"})),
        ),
    ],
)
def test_who_is_called(format, value):
    assert decode(format, value)[0] == ([CLIENT], [])


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({}, False),
        ({"error": ""}, True),
        ({"error": "timeout"}, True),
        ({"error": "true"}, True),
        ({"error": "false"}, False),
        ({"otel.status_code": "ERROR"}, True),
        ({"otel.status_code": "OK"}, False),
        ({"http.status_code": "404"}, False),
    ],
)
def test_what_failed(tags, error):
    [span] = decode("zipkin_json", [zipkin(tags=tags)])[0].signals
    assert span.error is error
    listed_tags = [{"key": key, "vStr": value} for key, value in tags.items()]
    [span] = decode("jaeger_json", jaeger(tags=listed_tags))[0].signals
    assert (span.error, span.kind) == (error, "internal")


def test_ids_of_half_the_length_are_the_same_trace():
    short = TRACE[16:]
    [one] = decode("zipkin_json", [zipkin(traceId=short)])[0].signals
    [two] = decode("jaeger_json", queried(traceID=short.lstrip("0")))[0].signals
    [three] = decode("zipkin_proto", listed(zipkin_proto(trace_id=bytes.fromhex(short))))[0].signals
    assert one.trace_id == two.trace_id == three.trace_id == "0" * 16 + short


@pytest.mark.parametrize(
    ("format", "good", "bad", "error"),
    [
        ("jaeger_json", jaeger(), jaeger(startTime=None), "missing_field"),
        ("jaeger_json", jaeger(), jaeger(duration=None), "missing_field"),
        ("jaeger_json", jaeger(), jaeger(duration="soon"), "wrong_type"),
        ("jaeger_json", jaeger(), jaeger(startTime="noon"), "not_a_time"),
        ("jaeger_json", jaeger(), jaeger(startTime="1969-01-31T12:00:00Z"), "implausible_time"),
        ("jaeger_json", jaeger(), jaeger(startTime="2026-01-31T19:00:00Z"), "from_the_future"),
        ("jaeger_json", jaeger(), jaeger(operationName=""), "missing_field"),
        ("jaeger_json", jaeger(), 7, "wrong_type"),
        ("zipkin_json", zipkin(), zipkin(timestamp=None), "missing_field"),
        ("zipkin_json", zipkin(), zipkin(duration=None), "missing_field"),
        ("zipkin_json", zipkin(), zipkin(binaryAnnotations=[]), "wrong_type"),
        ("zipkin_json", zipkin(), "x", "wrong_type"),
    ],
)
def test_an_odd_span_refuses_itself(format, good, bad, error):
    decoded, _ = decode(format, [good, bad, good])
    assert len(decoded.signals) == 2
    assert [(r.index, r.error, json.loads(r.value)) for r in decoded.refused] == [(1, error, bad)]
    lines = b"\n".join(json.dumps(each).encode() for each in (good, bad, good))
    decoded, _ = decode(format, lines)
    assert (len(decoded.signals), [r.index for r in decoded.refused]) == (2, [1])


def test_an_odd_span_in_protobuf_refuses_itself():
    odd = zipkin_proto(timestamp=0)
    decoded, _ = decode("zipkin_proto", listed(zipkin_proto(), odd, b"\xff\xff", zipkin_proto()))
    assert len(decoded.signals) == 2
    assert [(r.index, r.error) for r in decoded.refused] == [(1, "missing_field"), (2, "not_protobuf")]
    decoded, _ = decode("jaeger_proto", listed(jaeger_proto(), jaeger_proto(start_time=None), jaeger_proto()))
    assert len(decoded.signals) == 2
    assert [(r.index, r.error) for r in decoded.refused] == [(1, "missing_field")]


@pytest.mark.parametrize("format", ["jaeger_json", "jaeger_proto", "zipkin_json", "zipkin_proto"])
def test_too_many_spans_are_refused_whole(format):
    value = {
        "jaeger_json": [jaeger()] * 6,
        "jaeger_proto": listed(*[BARE] * 6),
        "zipkin_json": [zipkin()] * 6,
        "zipkin_proto": listed(*[zipkin_proto()] * 6),
    }[format]
    decoded, _ = decode(format, value, events=5)
    assert [(r.index, r.error) for r in decoded.refused] == [(None, "too_many_events")]


@given(st.binary(max_size=80), st.integers(0, 300), st.sampled_from(["jaeger_proto", "zipkin_proto", "auto"]))
def test_never_raises(noise, at, format):
    for good in (jaeger_proto().SerializeToString(), BATCH, listed(zipkin_proto())):
        decoded, _ = decode(format, good[:at] + noise + good[at + 3 :])
        assert all(each.error and each.message for each in decoded.refused)
        told("span", Record("t", 0, 0, ARRIVAL, None, good[:at] + noise))


if __name__ == "__main__":  # writes the captured samples anew
    here = Path(__file__).parent / "samples"
    for name, text in {
        "jaeger_json/query-service": json.dumps(
            {"data": [{"traceID": TRACE, "spans": [queried()], "processes": PROCESSES}]}
        ).encode(),
        "jaeger_json/span": json.dumps(jaeger()).encode(),
        "jaeger_proto/batch": BATCH,
        "jaeger_proto/span": jaeger_proto().SerializeToString(),
        "zipkin_json/spans": json.dumps([zipkin(), zipkin(kind="CLIENT", tags={})]).encode(),
        "zipkin_proto/spans": listed(zipkin_proto()),
    }.items():
        (here / f"{name}.message").write_bytes(text)
        want = [{"service": "payment", "kind": "server", "error": True, "trace_id": TRACE, "parent_id": PARENT}]
        want += [{"kind": "client", "peer": "who called"}] if name == "zipkin_json/spans" else []
        case = {"format": name.partition("/")[0], "signal": "span", "want": want}
        (here / f"{name}.json").write_text(json.dumps(case, indent=2) + "\n")
