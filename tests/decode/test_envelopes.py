import base64
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from reading import ARRIVAL, NOON

from floodmark.config.models import Input, Limits
from floodmark.decode import input_decoder
from floodmark.records import Record
from floodmark.signals import Metric

EVENT = {"timestamp": NOON, "name": "cpu", "value": 0.5}
CPU = Metric(NOON, "cpu", 0.5)
BINARY = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("content-type", b"application/json"))


def decode(envelope, value, headers=(), signal="metric", format="native", **limits):
    source = Input(topic="t", signal=signal, format=format, envelope=envelope)
    value = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
    return input_decoder(source, Limits(**limits)).decode(Record("t", 0, 0, ARRIVAL, None, value, headers))


@pytest.mark.parametrize(
    "value",
    [
        {"schema": {"type": "struct", "fields": []}, "payload": EVENT},
        {"schema": None, "payload": EVENT},
        EVENT,  # schemas.enable=false
        {"schema": {}, "payload": {"before": None, "after": EVENT, "op": "c", "ts_ms": 1}},
        {"before": {"x": 1}, "after": EVENT, "op": "u", "source": {}},
    ],
)
def test_connect(value):
    assert decode("connect", value) == ([CPU], [])


@pytest.mark.parametrize(
    "value",
    [
        None,  # a tombstone
        {"schema": {}, "payload": None},
        {"schema": {}, "payload": {"before": EVENT, "after": None, "op": "d"}},
        {"before": EVENT, "op": "d"},
        {"op": "t", "source": {}},
    ],
)
def test_what_was_deleted_is_nothing(value):
    assert decode("connect", value) == ([], [])


def test_text_in_connects_envelope():
    line = "<13>1 2026-01-31T12:00:00Z h app - - - hello"
    decoded = decode("connect", {"schema": {"type": "string"}, "payload": line}, signal="log", format="syslog")
    assert decoded.signals[0].body == "hello"


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (EVENT, BINARY),
        ({"specversion": "1.0", "id": "1", "data": EVENT}, ()),
        ({"specversion": "1.0", "data_base64": base64.b64encode(json.dumps(EVENT).encode()).decode()}, ()),
        ({"specversion": "1.0", "datacontenttype": "text/plain", "data": json.dumps(EVENT)}, ()),
        ([{"specversion": "1.0", "data": EVENT}], ()),
    ],
)
def test_cloudevents(value, headers):
    assert decode("cloudevents", value, headers) == ([CPU], [])


def test_a_refused_message_is_told_as_it_came():
    value = json.dumps({"schema": None, "payload": {"name": "cpu"}}).encode()
    decoded = decode("connect", value)
    assert [(r.index, r.error, r.value) for r in decoded.refused] == [(None, "missing_field", value)]
    batch = [{"specversion": "1.0", "data": EVENT}, {"specversion": "1.0", "data": {"name": "cpu"}}]
    decoded = decode("cloudevents", batch)
    assert decoded.signals == [CPU]
    assert [(r.index, r.error) for r in decoded.refused] == [(1, "missing_field")]


@pytest.mark.parametrize(
    ("envelope", "value", "error"),
    [
        ("connect", b"nonsense", "not_json"),
        ("connect", b"[" * 990, "not_json"),
        ("cloudevents", EVENT, "wrong_type"),
        ("cloudevents", {"specversion": "1.0", "data_base64": "%"}, "wrong_type"),
        ("cloudevents", [{"specversion": "1.0"}] * 9, "too_many_events"),
        ("connect", b"x" * 2000, "too_large"),
    ],
)
def test_refusals(envelope, value, error):
    assert [r.error for r in decode(envelope, value, events=5, message=1000).refused] == [error]


@given(st.sampled_from(["connect", "cloudevents"]), st.binary(max_size=100), st.booleans())
def test_never_raises(envelope, noise, structured):
    value = b'{"specversion":"1.0","payload":%b,"data":%b}' % (noise, noise) if structured else noise
    assert decode(envelope, value)
