"""Dumps of topics and JSON lines: whose messages they are, in which order they come, what to say if nobody knows."""

import base64
import json

import pytest

from floodmark.config.models import Config
from floodmark.decode import input_decoder
from floodmark.files.dumps import envelope
from floodmark.files.notes import FileError
from floodmark.files.reading import Asked, Files

CONFIG = Config.model_validate({"inputs": [{"topic": "collectd", "signal": "metric", "format": "collectd_json"}]})
START = 1769860800


def collectd(i=0, host="a"):
    values = {"values": [i], "dstypes": ["gauge"], "dsnames": ["value"], "time": START + i, "interval": 1}
    return json.dumps([{**values, "host": host, "plugin": "load", "plugin_instance": "", "type": "gauge"}])


def kcat(payload, partition=0, offset=0, **more):
    said = {"topic": "collectd", "partition": partition, "offset": offset, "ts": (START + offset) * 1000, "key": None}
    return json.dumps({**said, "payload": payload, **more}) + "\n"


def records(path, content, config=CONFIG, **asked):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    files = Files([path], config, Asked(**asked))
    return list(files.records()), files


def test_a_dump_is_of_the_input_that_is_named(tmp_path):
    path = tmp_path / "x.txt"
    found, files = records(path, f"{collectd(1)}\n\n{collectd(2)}\n", input="collectd")
    assert [(record.topic, record.offset) for record in found] == [("collectd", 1), ("collectd", 3)]
    assert files.inputs == CONFIG.inputs
    assert files.place("collectd", 0, 3) == f"{path}:3"


def test_a_dump_in_a_format_needs_no_config(tmp_path):
    found, files = records(tmp_path / "x", f"{collectd()}\n", Config(), format="collectd_json")
    assert (len(found), files.inputs[0].format, files.inputs[0].signal) == (1, "collectd_json", "metric")
    with pytest.raises(FileError, match="it carries metric, log, span; say which with --signal"):
        records(tmp_path / "x", "{}", Config(), format="otlp_json")
    with pytest.raises(FileError, match="no logs"):
        records(tmp_path / "x", "{}", Config(), format="collectd_json", signal="log")


def test_envelopes_say_all_that_kafka_knew(tmp_path):
    lines = kcat(collectd(), key="k", headers=["h", "1", "h", "2"]) + kcat(collectd(), offset=1, topic="other")
    found, files = records(tmp_path / "x.json", lines)
    (record,) = found
    assert (record.topic, record.key, record.headers, record.timestamp) == (
        "collectd", b"k", (("h", b"1"), ("h", b"2")), START * 1000,
    )  # fmt: skip
    assert files.notes.refused == {"no_input": 1}


def test_partitions_that_follow_each_other_are_merged_by_time(tmp_path):
    lines = "".join(kcat(collectd(i), partition, i) for partition in (0, 1) for i in range(3))
    found, files = records(tmp_path / "x.json", lines)
    assert [(record.partition, record.offset) for record in found] == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    assert files.partitions == {"collectd": 2}


def test_files_without_times_are_merged_by_those_of_their_events(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path, steps in zip(paths, ((0, 2), (1, 3)), strict=True):
        path.write_text("".join(collectd(i) + "\n" for i in steps))
    found = list(Files(paths, CONFIG, Asked(input="collectd")).records())
    assert [json.loads(record.value)[0]["values"] for record in found] == [[0], [1], [2], [3]]


@pytest.mark.parametrize(
    ("framing", "content"),
    [
        ("base64", base64.b64encode(b"\n\0one") + b"\n" + base64.b64encode(b"two") + b"\n"),
        ("varint", b"\x05\n\0one\x03two"),
        ("uint32", b"\0\0\0\5\n\0one\0\0\0\3two"),
    ],
)
def test_binary_messages(tmp_path, framing, content):
    found, _ = records(tmp_path / "x", content, Config(), format="otlp_proto", signal="metric", framing=framing)
    assert [record.value for record in found] == [b"\n\0one", b"two"]


def test_a_message_that_is_cut_off_is_told(tmp_path):
    found, files = records(
        tmp_path / "x", b"\x03one\x7ftwo", Config(), format="otlp_proto", signal="metric", framing="varint"
    )
    assert ([record.value for record in found], files.notes.refused) == ([b"one"], {"cut_off": 1})


def test_times_without_a_year_are_understood_by_when_the_dump_had_come(tmp_path):
    lines = "<13>Jan 31 12:00:00 web nginx: a\n<13>Jan 31 12:00:01 web nginx: b\n"
    found, files = records(tmp_path / "x.log", lines, Config(), format="syslog", arrived=START + 86_400.0)
    assert [record.timestamp for record in found] == [START * 1000, START * 1000 + 1000]
    decode = input_decoder(files.inputs[0], Config().limits).decode
    assert [decode(record).signals[0].time for record in found] == [START, START + 1]


def test_what_is_not_native_says_what_it_looks_like(tmp_path):
    for config, way in ((Config(), "--format collectd_json --signal metric"), (CONFIG, "--input collectd")):
        with pytest.raises(FileError, match=f"It looks like collectd_json .metrics.: give {way}"):
            records(tmp_path / "x.jsonl", collectd(), config)
    with pytest.raises(FileError, match=r"It looks like syslog .logs."):
        records(tmp_path / "x.log", "<13>Jan 31 12:00:00 web nginx: hello\n", Config())


def test_json_lines_in_any_dress(tmp_path):
    event = {"timestamp": START, "name": "q", "value": 1.0}
    for content in (
        json.dumps(event).encode("utf-8-sig"),
        json.dumps(event).encode("utf-16"),
        json.dumps([event], indent=2).encode(),
        b"[\n" + json.dumps(event).encode() + b"\n]\n",
        b"\x1e" + json.dumps(event).encode() + b"\n",
        json.dumps({**event, "value": float("nan")}).encode(),
    ):
        found, files = records(tmp_path / "x.jsonl", content, Config())
        assert (len(found), dict(files.notes.refused)) == (1, {}), content


def test_events_out_of_order_are_put_in_order_and_told(tmp_path):
    events = [{"timestamp": START + i, "name": "q", "value": i} for i in (2, 0, 1)]
    found, files = records(
        tmp_path / "x.jsonl", "".join(json.dumps(each) + "\n" for each in events) + "oops\n", Config()
    )
    assert [json.loads(record.value)["value"] for record in found] == [0, 1, 2]
    assert "2 of 3 events are out of order" in files.notes.said[0]
    assert files.notes.refused == {"unknown_format": 1}


@pytest.mark.parametrize("line", [b"{}", b"[]", b'{"topic": "t", "offset": "1", "payload": ""}', b'{"topic": 1}', b"x"])
def test_what_is_no_envelope_is_a_value_error(line):
    with pytest.raises(ValueError, match=r".+"):
        envelope(line, False)
