"""`format: auto`: each message is told from the others by its looks, whatever came before it."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

from floodmark.config.models import Config, Input, Limits
from floodmark.decode import column_decoder, decoder, input_decoder
from floodmark.decode.auto import told
from floodmark.records import Record
from floodmark.signals import Metric

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def module(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules[name] = found
    spec.loader.exec_module(found)
    return found


LINES = module("decode_logs")
POINTS = module("decode")
SAMPLES = [(f, s, m) for f, s, m, _ in LINES.samples()]
SAMPLES += [(x.format, x.signal, x.messages[0]) for x in (make() for make in POINTS.SAMPLES.values())]


def record(value, topic="in", headers=()):
    return Record(topic, 0, 0, 1_769_860_900_000, None, value, headers)


@pytest.mark.parametrize(("format", "signal", "message"), SAMPLES, ids=[f"{f}-{s}" for f, s, _ in SAMPLES])
def test_every_format_is_known_by_its_looks(format, signal, message):
    assert told(signal, record(message)) == format
    auto, plain = decoder(signal, "auto", Limits()), decoder(signal, format, Limits())
    assert auto.decode(record(message)) == plain.decode(record(message))
    assert auto.counts()[f"format:{format}"] == 1


@pytest.mark.parametrize("signal", ["metric", "log", "prediction"])
@pytest.mark.parametrize("value", [b"{}", b"[]", b"\xff\xfe", b"hello", b"{", b"[1, 2]", b'"x"', b"", None])
def test_what_is_in_no_known_format_is_refused(signal, value):
    decoded = decoder(signal, "auto", Limits()).decode(record(value))
    assert [each.error for each in decoded.refused] in (["unknown_format"], ["empty"], ["malformed"])
    assert not decoded.signals


@pytest.mark.parametrize(
    ("more", "format"),
    [(b'"programname": "sshd"', "rsyslog_json"), (b'"host": {}', "filebeat"), (b'"host": {}, "ecs": {}', "filebeat")],
)
def test_a_line_with_the_time_of_elasticsearch_is_told_by_its_other_fields(more, format):
    line = b'{"@timestamp": "2026-01-31T12:00:00Z", "message": "x", ' + more + b"}"
    assert told("log", record(line)) == format


def test_topics_and_headers_tell_model_servers_apart():
    body = b'{"id": "1", "outputs": [{"name": "y", "shape": [1], "datatype": "FP32", "data": [1]}]}'
    assert told("prediction", record(body, topic="seldon.default.model.iris.outputs")) == "seldon"
    assert told("prediction", record(body, headers=(("ce_specversion", b"1.0"),))) == "kserve"
    assert told("prediction", record(body)) == "mlserver"


def test_by_column_and_one_by_one_are_the_same_in_a_topic_of_many_formats():
    draw = random.Random(3)
    messages = [message for _, signal, message in SAMPLES if signal == "metric"] + [b"", b"?", b"{}"]
    records = [record(draw.choice(messages)) for _ in range(200)]
    plain, inner = decoder("metric", "auto", Limits()), decoder("metric", "auto", Limits())
    columns = column_decoder(inner, "auto", Limits())
    refused = []
    found = columns.decode(records, lambda each, decoded: refused.append(decoded.refused))
    answers = [plain.decode(each) for each in records]
    metrics = [signal for answer in answers for signal in answer.signals if isinstance(signal, Metric)]
    assert [(o.name, o.labels, time) for o, time in zip(found.origins, found.times, strict=True)] == [
        (metric.name, metric.labels, metric.time) for metric in metrics
    ]
    assert refused == [answer.refused for answer in answers if answer.refused]
    assert dict(plain.counts()) == dict(inner.counts())


def test_an_input_may_be_auto():
    source = Config(inputs=[Input(topic="in", signal="log", format="auto", envelope="connect")]).inputs[0]
    body = b'{"schema": null, "payload": {"timestamp": 1769860800000, "body": "x"}}'
    assert input_decoder(source, Limits()).decode(record(body)).signals[0].body == "x"


@pytest.mark.parametrize(
    "value",
    [b"m" + b",a=1" * 50_000, b"m," + b"a" * 99_999, b" " * 99_999, b"a " * 50_000, b"\\" * 99_999, b"#\n" * 50_000],
)
def test_looks_are_told_in_one_pass(value):
    """No run of what might be tags or blanks is read again and again."""
    assert told("metric", record(value)) is None
    assert told("log", record(value)) is None
