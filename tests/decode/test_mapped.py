"""`format: json`: anybody's JSON by a mapping."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.mapping import ALWAYS, NESTED, OPTIONAL, REQUIRED, Fields, place
from floodmark.config.models import Config, Input, Limits
from floodmark.decode import input_decoder
from floodmark.decode.wire import EVENTS
from floodmark.records import Record

NOON = 1_769_860_800


def decode(signal, fields, *events, stamp=-1, **limits):
    source = Config(inputs=[Input(topic="in", signal=signal, format="json", fields=Fields(**fields))]).inputs[0]
    value = (
        events[0] if isinstance(events[0], bytes) else json.dumps(events[0] if len(events) == 1 else events).encode()
    )
    return input_decoder(source, Limits(**limits)).decode(Record("in", 0, 0, stamp, None, value))


METRIC = {"timestamp": "ts", "name": "metric.name", "value": "metric.v"}
EVENT = {"ts": NOON, "metric": {"name": "depth", "v": "3.5"}, "app": {"name": "cart"}, "tags": {"zone": 1, "x": {}}}


def test_a_metric():
    fields = METRIC | {"labels": {"service": "app.name", "env": "=prod", "*": "tags"}, "kind": "type ?? counter"}
    metric = decode("metric", fields, EVENT).signals[0]
    assert (metric.time, metric.name, metric.value, metric.kind) == (NOON, "depth", 3.5, "counter")
    assert metric.labels == {"service": "cart", "env": "prod", "zone": "1"}


def test_several_values_of_one_event():
    fields = {"timestamp": "ts", "values": {"cpu": "m.cpu", "disk": "m.disks[-1].used", "none": "m.none"}}
    found = decode("metric", fields, {"ts": NOON, "m": {"cpu": 1, "disks": [{"used": 2}, {"used": 3}]}}).signals
    assert [(metric.name, metric.value) for metric in found] == [("cpu", 1.0), ("disk", 3.0)]


def test_events_may_be_an_array_lines_or_at_a_path():
    assert len(decode("metric", METRIC, EVENT, EVENT).signals) == 2
    lines = b"\n".join(json.dumps(EVENT).encode() for _ in range(3))
    assert len(decode("metric", METRIC, lines).signals) == 3
    assert len(decode("metric", METRIC | {"events": "data.items"}, {"data": {"items": [EVENT, EVENT]}}).signals) == 2
    assert decode("metric", METRIC | {"events": "data"}, {}).refused[0].error == "missing_field"


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("s", NOON),
        ("ms", NOON * 1000),
        ("us", f"{NOON}000000"),
        ("ns", NOON * 10**9),
        ("%d.%m.%Y %H:%M", "31.01.2026 13:00"),
    ],
)
def test_times(form, value):
    fields = METRIC | {"timestamp_format": form, "timezone": "Europe/Berlin"}
    assert decode("metric", fields, EVENT | {"ts": value}).signals[0].time == NOON
    assert decode("metric", fields, EVENT | {"ts": "?"}).refused[0].error == "not_a_time"
    assert decode("metric", fields, {**EVENT, "ts": None}).refused[0].error == "missing_field"


def test_the_hour_that_comes_twice_is_the_first():
    zone, text = "Europe/Berlin", "25.10.2026 02:30"
    fields = METRIC | {"timestamp_format": "%d.%m.%Y %H:%M", "timezone": zone}
    found = decode("metric", fields, EVENT | {"ts": text}).signals[0].time
    assert found == datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo(zone)).timestamp()


def test_without_a_timestamp_it_is_kafkas():
    fields = {"body": "."}
    assert decode("log", {"body": "m"}, {"m": "x"}, stamp=NOON * 1000).signals[0].time == NOON
    assert decode("log", fields, {"m": "x"}, stamp=NOON * 1000).signals[0].body == '{"m":"x"}'


def test_the_other_signals():
    fields = {"model": "=fraud", "version": "v", "prediction_id": "id", "features": {"*": "in"}, "prediction": "out"}
    event = {"v": 2, "id": 7, "in": {"amount": 5, "new": True}, "out": "genuine"}
    one = decode("prediction", fields, event, stamp=NOON * 1000).signals[0]
    assert (one.model, one.version, one.prediction_id, one.prediction) == ("fraud", "2", "7", "genuine")
    assert one.features == {"amount": 5.0, "new": True}
    span = {"timestamp": "end", "duration": "took", "service": "s", "operation": "=GET /", "error": "bad"}
    found = decode("span", span, {"end": NOON, "took": "0.25", "s": "cart", "bad": "true"}).signals[0]
    assert (found.duration, found.error) == (0.25, True)
    outcome = {"timestamp": "t", "model": "m", "prediction_id": "id", "label": "y"}
    assert decode("outcome", outcome, {"t": NOON, "m": "fraud", "id": "1", "y": 1}).signals[0].label == 1.0


def test_a_refusal_names_the_path():
    decoded = decode("metric", METRIC, EVENT, {"ts": NOON})
    assert len(decoded.signals) == 1
    assert (decoded.refused[0].index, decoded.refused[0].error) == (1, "missing_field")
    assert decoded.refused[0].message == "name is missing: there is nothing at metric.name"
    assert json.loads(decoded.refused[0].value) == {"ts": NOON}


@pytest.mark.parametrize("value", [b"{", b"\xff", b"[" * 5000, b'{"a":' * 5000, b"9" * 5000, b"[1, null, []]", b"NaN"])
def test_hostile_messages(value):
    assert not decode("metric", METRIC, value).signals
    assert decode("metric", METRIC | {"events": "a[0]"}, value).refused


def test_limits():
    assert decode("metric", METRIC, *[EVENT] * 4, events=3).refused[0].error == "too_many_events"
    assert decode("metric", METRIC, EVENT, message=10).refused[0].error == "too_large"


def test_the_fields_of_a_mapping_are_those_of_native_events():
    for signal, event in EVENTS.items():
        native = set(event.__struct_fields__)
        assert (REQUIRED[signal] | OPTIONAL[signal] | {"timestamp"}) - {"severity_scale"} == native | (
            {"values"} if signal == "metric" else set()
        )
    assert set().union(*REQUIRED.values(), *OPTIONAL.values(), ALWAYS) == set(Fields.model_fields)
    assert set(Fields.model_fields) > NESTED


@pytest.mark.parametrize(
    ("text", "path", "otherwise"),
    [
        ("a", ("a",), None),
        ("a.b[0].c", ("a", "b", 0, "c"), None),
        ('a."b.c"[-1]', ("a", "b.c", -1), None),
        ("[2]", (2,), None),
        (".", (), None),
        ("a ?? x y", ("a",), "x y"),
        ("=", None, ""),
        ("=a.b", None, "a.b"),
        ("@timestamp", ("@timestamp",), None),
    ],
)
def test_places(text, path, otherwise):
    assert place(text) == (path, otherwise)


@pytest.mark.parametrize("text", ["", "a..b", ".a", "a.", "a[", "a[x]", "a b", 'a."', "??", "a]"])
def test_what_is_no_place(text):
    with pytest.raises(ValueError, match="is not a path"):
        place(text)


@given(st.lists(st.from_regex(r"[a-z@_][a-z0-9_-]{0,5}", fullmatch=True) | st.integers(-3, 3), min_size=1, max_size=5))
def test_a_path_finds_what_was_put_there(path):
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    assert place(text).path == tuple(path)
