import base64
import bz2
import gzip
import json
import lzma
import struct
import sys
import zlib
from pathlib import Path

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON

from floodmark.config.models import Input, Limits
from floodmark.decode import column_decoder, input_decoder
from floodmark.records import Record

CPU = {"timestamp": NOON, "name": "cpu", "value": 0.5}
TEXT = json.dumps(CPU).encode()


def record(value, headers=()):
    return Record("t", 0, 0, ARRIVAL, None, value, headers)


def made(signal="metric", format="native", schemas=None, envelope="none", fields=None, **limits):
    source = Input.model_validate(
        {"topic": "t", "signal": signal, "format": format, "envelope": envelope, "fields": fields}
    )
    return input_decoder(source, Limits(**limits), schemas)


def decode(value, headers=(), **more):
    return made(**more).decode(record(value, headers))


def java(plain):
    block = bytes(cramjam.snappy.compress_raw(plain))
    return b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01" + struct.pack(">I", len(block)) + block


def packed(plain):
    """gzip without a time, for the names of tests are made of values."""
    return gzip.compress(plain, mtime=0)


PACKERS = {
    "gzip": packed,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda plain: bytes(cramjam.zstd.compress(plain)),
    "lz4": lambda plain: bytes(cramjam.lz4.compress(plain)),
    "snappy": lambda plain: bytes(cramjam.snappy.compress(plain)),
    "snappy-java": java,
}
FRAMES = {
    **PACKERS,
    "utf-8 with a mark": lambda plain: b"\xef\xbb\xbf" + plain,
    "utf-16-le": lambda plain: b"\xff\xfe" + plain.decode().encode("utf-16-le"),
    "utf-16-be": lambda plain: b"\xfe\xff" + plain.decode().encode("utf-16-be"),
    "utf-16-le without a mark": lambda plain: plain.decode().encode("utf-16-le"),
    "utf-16-be without a mark": lambda plain: plain.decode().encode("utf-16-be"),
    "schema registry": lambda plain: b"\0\0\0\0\x07" + plain,
    "apicurio": lambda plain: b"\0\0\0\0\0\0\0\0\x07" + plain,
    "glue": lambda plain: b"\x03\0" + bytes(16) + plain,
    "glue, packed": lambda plain: b"\x03\x05" + bytes(16) + zlib.compress(plain),
    "text sequence": lambda plain: b"\x1e" + plain + b"\n",
    "both": lambda plain: packed(b"\0\0\0\0\x07\xef\xbb\xbf" + plain),
    "gzip in parts": lambda plain: packed(plain[:9]) + packed(plain[9:]),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_is_taken_off(frame):
    value = FRAMES[frame](TEXT)
    assert decode(value) == decode(TEXT)
    assert len(decode(value).signals) == 1


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    ("format", "signal", "value"),
    [
        ("auto", "metric", TEXT),
        ("auto", "log", b"<13>1 2026-01-31T12:00:00Z h app - - - hello"),
        ("telegraf_json", "metric", b'{"name":"cpu","tags":{},"fields":{"v":1},"timestamp":1769860800}'),
        ("telegraf_influx", "metric", b"cpu v=1 1769860800000000000"),
        ("syslog", "log", b"<13>1 2026-01-31T12:00:00Z h app - - - hello"),
        ("filebeat", "log", b'{"@timestamp":"2026-01-31T12:00:00Z","message":"x"}'),
        (
            "otlp_json",
            "log",
            b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1769860800000000000"}]}]}]}',
        ),
    ],
)
def test_whatever_the_format(frame, format, signal, value):
    if value[:1] != b"{" and (frame in ("schema registry", "apicurio", "both", "text sequence") or "glue" in frame):
        return  # frames of JSON
    if value[:1] != b"{" and "without a mark" in frame:
        return  # nothing tells it
    found = decode(FRAMES[frame](value), format=format, signal=signal)
    assert found == decode(value, format=format, signal=signal)
    assert found.signals


@pytest.mark.parametrize("frame", PACKERS)
def test_a_bomb_is_refused_in_words(frame):
    value = PACKERS[frame](b" " * 100_000)
    [refused] = decode(value, message=50_000).refused
    assert (refused.index, refused.error, refused.value) == (None, "too_large", value)
    assert "50000" in refused.message


@pytest.mark.parametrize("frame", [name for name in PACKERS if name != "zlib"])
def test_what_cannot_be_unpacked_is_said(frame):
    value = PACKERS[frame](TEXT)[:-9]
    [refused] = decode(value).refused
    assert (refused.error, refused.value) == ("malformed", value)
    assert frame in refused.message


def test_what_is_refused_of_a_framed_message_is_the_message_as_it_came():
    value = packed(b'{"name": "cpu"}')
    assert [(r.index, r.error, r.value) for r in decode(value).refused] == [(None, "missing_field", value)]


def test_a_frame_within_an_envelope():
    event = {"specversion": "1.0", "data_base64": base64.b64encode(packed(TEXT)).decode()}
    assert decode(json.dumps(event).encode(), envelope="cloudevents") == decode(TEXT)
    assert decode(gzip.compress(json.dumps({"payload": CPU}).encode()), envelope="connect") == decode(TEXT)


def test_remote_write_is_never_taken_for_a_frame():
    block = bytes(cramjam.snappy.compress_raw(b"\x0a" + bytes([118]) + b"x" * 118))
    assert block[0] == 0x78  # as zlib begins
    [refused] = decode(block, format="prometheus_remote_write").refused
    assert "zlib" not in refused.message


def lines(*events):
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in events)


@pytest.mark.parametrize(
    "value",
    [
        lines(CPU, CPU),
        lines(CPU, CPU) + b"\n",
        b"\n" + lines(CPU, b"", CPU),
        lines(CPU, CPU).replace(b"\n", b"\r\n"),
        lines(CPU, CPU).replace(b"\n", b""),  # nothing between them
        lines(CPU, CPU).replace(b"\n", b" "),
        json.dumps(CPU, indent=1).encode() + b"\n" + json.dumps(CPU, indent=1).encode(),
        b"\x1e" + lines(CPU, CPU).replace(b"\n", b"\n\x1e"),
        lines([CPU], [CPU]),
        lines(CPU, CPU).decode().encode("utf-16-le"),
        packed(lines(CPU, CPU)),
    ],
)
def test_events_one_after_another_are_all_read(value):
    found = decode(value)
    assert found.signals == decode(TEXT).signals * 2
    assert found.refused == []


def test_a_bad_line_refuses_itself():
    bad = b'{"timestamp": 1, '
    found = decode(lines(CPU, bad, CPU, {"name": "x"}, CPU))
    assert len(found.signals) == 3
    assert [(r.index, r.error, r.value) for r in found.refused] == [
        (1, "not_json", bad),
        (3, "missing_field", b'{"name": "x"}'),
    ]


@pytest.mark.parametrize(
    ("format", "signal", "line"),
    [
        ("auto", "metric", CPU),
        ("fluentbit", "log", {"@timestamp": NOON, "log": "x"}),
        ("filebeat", "log", {"@timestamp": "2026-01-31T12:00:00Z", "message": "x"}),
        ("vector_logs", "log", {"timestamp": "2026-01-31T12:00:00Z", "message": "x", "source_type": "file"}),
        ("rsyslog_json", "log", {"timereported": "2026-01-31T12:00:00Z", "message": "x", "hostname": "h"}),
        ("telegraf_json", "metric", {"name": "cpu", "tags": {}, "fields": {"v": 1}, "timestamp": 1769860800}),
        (
            "collectd_json",
            "metric",
            [
                {
                    "values": [1],
                    "dsnames": ["value"],
                    "dstypes": ["gauge"],
                    "time": NOON,
                    "interval": 10,
                    "host": "h",
                    "plugin": "cpu",
                    "type": "cpu",
                }
            ],
        ),
        (
            "metricbeat",
            "metric",
            {"@timestamp": "2026-01-31T12:00:00Z", "metricset": {"name": "cpu"}, "system": {"cpu": {"total": 0.5}}},
        ),
        (
            "vector_metrics",
            "metric",
            {"name": "a", "kind": "absolute", "gauge": {"value": 1}, "timestamp": "2026-01-31T12:00:00Z"},
        ),
        (
            "otlp_json",
            "log",
            {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1769860800000000000"}]}]}]},
        ),
        (
            "otlp_json",
            "metric",
            {
                "resourceMetrics": [
                    {
                        "scopeMetrics": [
                            {
                                "metrics": [
                                    {
                                        "name": "q",
                                        "gauge": {
                                            "dataPoints": [{"timeUnixNano": "1769860800000000000", "asDouble": 1}]
                                        },
                                    }
                                ]
                            }
                        ]
                    }
                ]
            },
        ),
    ],
)
def test_lines_in_every_format(format, signal, line):
    one = decode(json.dumps(line).encode(), format=format, signal=signal).signals
    assert one
    found = decode(lines(line, b"{bad", line), format=format, signal=signal)
    assert found.signals == one * 2
    assert [(r.index, r.value) for r in found.refused] == [(1, b"{bad")]


def test_lines_by_a_mapping_and_in_an_envelope():
    fields = {"timestamp": "t", "name": "n", "value": "v"}
    line = {"t": NOON, "n": "cpu", "v": 0.5}
    found = decode(lines(line, b"{", line), format="json", fields=fields)
    assert (len(found.signals), [r.index for r in found.refused]) == (2, [1])
    found = decode(lines({"payload": CPU}, {"payload": {}}, {"payload": CPU}), envelope="connect")
    assert (len(found.signals), [r.index for r in found.refused]) == (2, [1])


def test_too_many_lines_are_refused_whole():
    value = lines(*[CPU] * 6)
    assert [(r.index, r.error) for r in decode(value, events=5).refused] == [(None, "not_json")]
    assert len(decode(value, events=6).signals) == 6


@pytest.mark.parametrize("value", [b'{"a": [\n{"x":1}\n', b"{\n}\n{", b'{"a":1} trailing', b"{\n" * 50])
def test_what_is_broken_stays_one_message(value):
    assert [r.index for r in decode(value).refused][:1] in ([None], [0])


VALUES = [
    TEXT,
    packed(TEXT),
    lines(CPU, b"{bad", CPU),
    packed(lines(CPU, {"name": "x"})),
    b"nonsense",
    b"\x1f\x8b\x08broken",
    None,
    json.dumps([CPU, {}]).encode(),
]
TELEGRAF = [
    value and value.replace(TEXT, b'{"name":"cpu","tags":{"a":"b"},"fields":{"v":1,"w":2},"timestamp":1769860800}')
    for value in VALUES
    if value is None or value[:1] != b"\x1f"
]
TELEGRAF += [packed(TELEGRAF[0]), packed(TELEGRAF[1]), b"\x1f\x8b\x08broken"]


@pytest.mark.parametrize(("format", "values"), [("native", VALUES), ("telegraf_json", TELEGRAF), ("auto", VALUES)])
@given(data=st.data())
def test_by_column_is_as_one_by_one(format, values, data):
    records = [record(value) for value in data.draw(st.lists(st.sampled_from(values), max_size=12))]
    alone = made(format=format)
    signals, refused = [], []
    for each in records:
        found = alone.decode(each)
        signals += found.signals
        refused += found.refused
    together = made(format=format)
    told = []
    columns = column_decoder(together, format, Limits())
    found = columns.decode(records, lambda _, decoded: told.extend(decoded.refused))
    points = [(each.name, each.time, each.value) for each in signals]
    assert [(o.name, time, value) for o, time, value in zip(*found[:3], strict=True)] == points
    assert told == refused
    assert together.counts() == alone.counts()
    assert not found.shares or len(found.shares) == len(records)
    assert sum(points for points, _ in found.shares or [(1, 0)] * len(records)) == len(found.times)


@given(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"",
            b"\x1f\x8b\x08",
            b"\x28\xb5\x2f\xfd",
            b"\0\0\0\0\x07",
            b"x\x9c",
            b"\xff\xfe",
            b"{}\n",
            b"\x03\x05",
            b"BZh91AY&SY",
            b"\xfd7zXZ\0",
            b"\x82SNAPPY\0",
        ]
    ),
)
def test_never_raises(noise, first):
    for format in ("native", "auto", "telegraf_json"):
        found = decode(first + noise, format=format)
        assert all(each.error and each.message for each in found.refused)
