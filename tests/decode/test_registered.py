"""Values in the frame of a schema registry, with their schemas at hand: what comes out is a row for the format."""

import json
import math
import struct
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message_factory import GetMessages
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON

from floodmark.config.models import Input, Limits
from floodmark.decode import input_decoder, schemas_needed
from floodmark.records import Record, Schema
from floodmark.signals import Log, Metric

AVRO = {
    "type": "record",
    "name": "Sample",
    "fields": [
        {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "name", "type": "string"},
        {"name": "value", "type": ["null", "double"]},
        {"name": "labels", "type": {"type": "map", "values": "string"}, "default": {}},
    ],
}
AT = datetime.fromtimestamp(NOON, UTC)
ROW = {"timestamp": AT, "name": "cpu", "value": 0.5, "labels": {"host": "a"}}
CPU = Metric(NOON, "cpu", 0.5, {"host": "a"})


def text(schema):
    return Schema("AVRO", tuple(json.dumps(each).encode() for each in schema))


def avro(row, schema=AVRO, number=7):
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), row)
    return b"\0" + struct.pack(">I", number) + out.getvalue()


SCHEMAS = {7: text([AVRO]), "00000000-0000-0000-0000-000000000007": text([AVRO]), 8: Schema("JSON"), 9: "no schema 9"}


def decode(value, schemas=SCHEMAS, headers=(), signal="metric", **more):
    source = Input.model_validate({"topic": "t", "signal": signal} | more)
    return input_decoder(source, Limits(), schemas).decode(Record("t", 0, 0, ARRIVAL, None, value, headers))


def test_avro_becomes_a_row():
    assert decode(avro(ROW)) == ([CPU], [])
    assert decode(avro(ROW | {"value": None})).signals[0].value is None


def test_the_id_may_be_in_a_header():
    header = ("__value_schema_id", b"\x01" + bytes(15) + b"\x07")
    assert decode(avro(ROW)[5:], headers=[header]) == ([CPU], [])
    record = Record("t", 0, 0, ARRIVAL, None, b"x", [header])
    assert schemas_needed([record]) == {"00000000-0000-0000-0000-000000000007"}


def test_which_schemas_are_needed():
    values = [
        avro(ROW),
        b"\0\0\0\0\x08{}",
        b"\0\0\0\0\0\0\0\0\x09{}",
        b"{}",
        b"\x1f\x8b\x08",
        b"",
        None,
        b"\0",
        b"\x03\0" + bytes(20),
    ]
    assert schemas_needed(Record("t", 0, 0, ARRIVAL, None, each) for each in values) == {7, 8, 9}


def test_json_needs_no_schema_but_may_have_one():
    row = json.dumps(ROW | {"timestamp": NOON}).encode()
    for number in (8, 9, 10):
        assert decode(b"\0" + struct.pack(">I", number) + row) == ([CPU], [])


def test_logical_types_are_what_our_fields_take():
    schema = {
        "type": "record",
        "name": "Row",
        "fields": [
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
            {"name": "raw", "type": "bytes"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
        ],
    }
    row = {"day": date(2026, 1, 31), "amount": Decimal("129.50"), "at": AT, "id": "0" * 32, "raw": b"\xff", "kind": "B"}
    fields = {"timestamp": "at", "name": "kind", "value": "amount", "labels": {"day": "day", "raw": "raw"}}
    found = decode(avro(row, schema), {7: text([schema])}, format="json", fields=fields)
    assert found == ([Metric(NOON, "B", 129.5, {"day": "2026-01-31T00:00:00Z", "raw": "/w=="})], [])


def test_a_schema_may_need_others():
    inner = {"type": "record", "name": "x.Inner", "fields": [{"name": "value", "type": "double"}]}
    outer = {"type": "record", "name": "Outer", "fields": [{"name": "inner", "type": "x.Inner"}]}
    named = {}
    fastavro.parse_schema(inner, named_schemas=named)
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(outer, named_schemas=named), {"inner": {"value": 2.0}})
    fields = {"name": "=v", "value": "inner.value"}
    found = decode(b"\0\0\0\0\x07" + out.getvalue(), {7: text([inner, outer])}, format="json", fields=fields)
    assert [each.value for each in found.signals] == [2.0]


def test_debeziums_events_in_avro_go_through_their_envelope():
    row = {
        "type": "record",
        "name": "Row",
        "fields": [{"name": "body", "type": "string"}, {"name": "timestamp", "type": "long"}],
    }
    schema = {
        "type": "record",
        "name": "Envelope",
        "fields": [
            {"name": "before", "type": ["null", row]},
            {"name": "after", "type": ["null", "Row"]},
            {"name": "op", "type": "string"},
            {"name": "ts_ms", "type": "long"},
        ],
    }
    change = {"before": None, "after": {"body": "hi", "timestamp": int(NOON) * 1000}, "op": "c", "ts_ms": 1}
    found = decode(avro(change, schema), {7: text([schema])}, signal="log", envelope="connect")
    assert found == ([Log(NOON, "hi", "", {}, {})], [])


PROTO = FileDescriptorProto(
    name="sample.proto",
    package="shop",
    syntax="proto3",
    dependency=["google/protobuf/timestamp.proto"],
    message_type=[
        {"name": "Other", "field": [{"name": "a", "number": 1, "type": 9, "label": 1}]},
        {
            "name": "Sample",
            "field": [
                {"name": "timestamp", "number": 1, "type": 11, "type_name": ".google.protobuf.Timestamp", "label": 1},
                {"name": "name", "number": 2, "type": 9, "label": 1},
                {"name": "value", "number": 3, "type": 1, "label": 1},
                {"name": "labels", "number": 4, "type": 11, "type_name": ".shop.Sample.LabelsEntry", "label": 3},
            ],
            "nested_type": [
                {
                    "name": "LabelsEntry",
                    "options": {"map_entry": True},
                    "field": [
                        {"name": "key", "number": 1, "type": 9, "label": 1},
                        {"name": "value", "number": 2, "type": 9, "label": 1},
                    ],
                }
            ],
        },
    ],
)
STAMP = FileDescriptorProto()
timestamp_pb2.DESCRIPTOR.CopyToProto(STAMP)
SAMPLE = GetMessages([STAMP, PROTO])["shop.Sample"]


def proto(indexes, **more):
    sample = SAMPLE(
        **({"timestamp": {"seconds": int(NOON)}, "name": "cpu", "value": 0.5, "labels": {"host": "a"}} | more)
    )
    return b"\0\0\0\0\x07" + indexes + sample.SerializeToString()


@pytest.mark.parametrize("parts", [(STAMP, PROTO), (PROTO,)])
def test_protobuf_becomes_a_row(parts):
    schemas = {7: Schema("PROTOBUF", tuple(each.SerializeToString() for each in parts))}
    second = b"\x02\x02"  # one number, 1, in zigzag
    assert decode(proto(second), schemas) == ([CPU], [])
    assert decode(proto(second, value=0.0), schemas).signals[0].value == 0.0  # what is zero is there all the same
    [refused] = decode(proto(b"\x00"), schemas).refused  # the first message: Other
    assert refused.error in ("missing_field", "malformed")


def test_a_format_that_is_protobuf_itself_is_only_taken_out_of_the_frame():
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=int(NOON) * 10**9)
    record.body.string_value = "hi"
    value = b"\0\0\0\0\x07\x00" + request.SerializeToString()
    assert [each.body for each in decode(value, None, signal="log", format="otlp_proto").signals] == ["hi"]


@pytest.mark.parametrize(
    ("value", "schemas", "words"),
    [
        (avro(ROW), None, "schema_registry.url"),
        (avro(ROW, number=9), SCHEMAS, "no schema 9"),
        (avro(ROW, number=11), SCHEMAS, "was not asked for"),
        (b"\x03\0" + bytes(16) + b"\x02x", None, "AWS Glue"),
    ],
)
def test_what_cannot_be_read_is_said(value, schemas, words):
    [refused] = decode(value, schemas).refused
    assert (refused.index, refused.error, refused.value) == (None, "unknown_schema", value)
    assert words in refused.message


@pytest.mark.parametrize("value", [avro(ROW)[:-3], avro(ROW) + b"x", b"\0\0\0\0\x07\xff\xff\xff"])
def test_what_does_not_fit_its_schema_is_malformed(value):
    [refused] = decode(value).refused
    assert (refused.error, refused.value) == ("malformed", value)
    assert "schema 7" in refused.message


def test_a_broken_schema_refuses_and_never_raises():
    for schema in (Schema("AVRO", (b"{",)), Schema("AVRO", (b'{"type":"record"}',)), Schema("PROTOBUF", (b"\xff",))):
        assert [each.error for each in decode(avro(ROW), {7: schema}).refused] == ["malformed"]


def test_infinity_is_refused_as_what_it_is():
    assert [each.error for each in decode(avro(ROW | {"value": math.inf})).refused] == ["infinite"]
    assert decode(avro(ROW | {"value": math.nan})).signals[0].value is None


@given(st.binary(max_size=80), st.sampled_from(["AVRO", "PROTOBUF"]))
def test_never_raises(noise, kind):
    part = json.dumps(AVRO).encode() if kind == "AVRO" else PROTO.SerializeToString()
    found = decode(b"\0\0\0\0\x07" + noise, {7: Schema(kind, (part,))})
    assert all(each.error and each.message for each in found.refused)
