"""OTLP's log records, in JSON and in protobuf."""

import base64
import json

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from floodmark.config.models import Limits
from floodmark.decode import decoder
from floodmark.records import Record

NOON = 1_769_860_800
TRACE = "5b8efff798038103d269b633813fc60c"
RECORD = {
    "timeUnixNano": f"{NOON}123456789",
    "observedTimeUnixNano": f"{NOON + 1}000000000",
    "severityNumber": 17,
    "body": {"stringValue": "charge 7041 declined\n"},
    "traceId": TRACE,
}
RESOURCE = {"service.name": "payment", "host.name": "web-1", "k8s.pod.name": "p-1", "deployment.environment": "prod"}


def message(*records):
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in RESOURCE.items()]
    group = {"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": list(records)}]}
    return {"resourceLogs": [group]}


def proto(found):
    found = json.loads(json.dumps(found))
    for record in found["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        if "traceId" in record:
            record["traceId"] = base64.b64encode(bytes.fromhex(record["traceId"])).decode()
    return ParseDict(found, ExportLogsServiceRequest()).SerializeToString()


def decode(format, *records, stamp=-1, **limits):
    found = message(*records)
    value = json.dumps(found).encode() if format == "otlp_json" else proto(found)
    return decoder("log", format, Limits(**limits)).decode(Record("in", 0, 0, stamp, None, value))


both = pytest.mark.parametrize("format", ["otlp_json", "otlp_proto"])


@both
def test_a_record(format):
    log = decode(format, RECORD).signals[0]
    assert log.time == pytest.approx(NOON + 0.123456789)
    assert (log.body, log.severity, log.trace_id) == ("charge 7041 declined", "ERROR", TRACE)
    assert log.labels == {"service": "payment", "host": "web-1", "pod": "p-1", "env": "prod"}


@both
@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"severityText": "Warning"}, "WARN"),
        ({"severityText": "who knows"}, "ERROR"),
        ({"severityNumber": 0, "body": {"stringValue": "E0131 12:00:00.499073 1 main.go:39] refused"}}, "ERROR"),
        ({"severityNumber": 0}, ""),
        ({"severityNumber": 4}, "TRACE"),
    ],
)
def test_the_severity(format, changes, severity):
    assert decode(format, RECORD | changes).signals[0].severity == severity


@both
def test_without_a_time_it_is_when_it_was_observed_or_came(format):
    later = decode(format, {**RECORD, "timeUnixNano": "0"}).signals[0]
    assert later.time == NOON + 1
    neither = {"body": {"stringValue": "x"}}
    assert decode(format, neither, stamp=NOON * 1000).signals[0].time == NOON
    assert decode(format, neither).refused[0].error == "missing_field"


@both
def test_bodies_and_attributes_that_are_no_text(format):
    inner = {"kvlistValue": {"values": [{"key": "took", "value": {"intValue": "12"}}]}}
    items = {"arrayValue": {"values": [{"stringValue": "a"}, {"doubleValue": 1.5}]}}
    attributes = [{"key": "items", "value": items}, {"key": "ok", "value": {"boolValue": True}}]
    log = decode(format, {**RECORD, "body": inner, "attributes": attributes}).signals[0]
    assert log.body == '{"took":12}'
    assert log.attributes == {"items": '["a",1.5]', "ok": True}
    assert decode(format, {**RECORD, "body": {"bytesValue": base64.b64encode(b"raw").decode()}}).signals


@both
def test_a_bad_record_refuses_itself_only(format):
    bad = {**RECORD, "timeUnixNano": "1769860800"}
    decoded = decode(format, RECORD, bad, RECORD)
    assert len(decoded.signals) == 2
    assert [(each.index, each.error) for each in decoded.refused] == [(1, "implausible_time")]
    ahead = decode(format, {**RECORD, "timeUnixNano": f"{NOON + 9000}000000000"}, stamp=NOON * 1000)
    assert [each.error for each in ahead.refused] == ["from_the_future"]


@both
def test_limits(format):
    assert decode(format, *[RECORD] * 4, events=3).refused[0].error == "too_many_events"
    assert len(decode(format, {**RECORD, "body": {"stringValue": "x" * 99}}, body=20).signals[0].body) == 20


@pytest.mark.parametrize("value", [b"{}", b'{"resourceSpans": []}', b"[]", b"\xff"])
def test_what_is_no_message_of_logs_is_refused(value):
    refused = decoder("log", "otlp_json", Limits()).decode(Record("in", 0, 0, -1, None, value)).refused
    assert refused[0].error in ("wrong_type", "not_json")


def test_an_enumeration_by_name_and_numbers_that_are_numbers():
    log = decode(
        "otlp_json", RECORD | {"severityNumber": "SEVERITY_NUMBER_WARN2", "timeUnixNano": NOON * 10**9}
    ).signals[0]
    assert (log.severity, log.time) == ("WARN", NOON)
