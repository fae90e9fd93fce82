import json
import math

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import decoder, native_schemas
from floodmark.records import Record
from floodmark.signals import Change, Log, Metric, Outcome, Prediction

NOON = 1769860800
SIGNALS = ("metric", "log", "prediction", "outcome", "change", "span")
METRIC = {"timestamp": NOON, "name": "cpu", "value": 0.5}
LOG = {"timestamp": NOON, "body": "hello"}
PREDICTION = {
    "timestamp": NOON,
    "model": "fraud",
    "version": "1",
    "prediction_id": "p",
    "features": {"a": 1, "b": "x", "c": True, "d": None},
    "prediction": 1,
}
OUTCOME = {"timestamp": NOON, "model": "fraud", "prediction_id": "p", "label": True}
CHANGE = {"timestamp": NOON, "service": "shop", "kind": "deploy", "summary": "2.0"}
SPAN = {"timestamp": NOON, "duration": 0.25, "service": "shop", "operation": "GET /cart"}
EVENTS = dict(zip(SIGNALS, (METRIC, LOG, PREDICTION, OUTCOME, CHANGE, SPAN), strict=True))


def record(value, timestamp=-1):
    if value is not None and not isinstance(value, bytes):
        value = json.dumps(value).encode()
    return Record("in", 0, 0, timestamp, None, value)


def decode(signal, value, timestamp=-1, **limits):
    return decoder(signal, "native", Limits(**limits)).decode(record(value, timestamp))


def one(signal, value, **limits):
    decoded = decode(signal, value, **limits)
    assert decoded.refused == []
    return decoded.signals[0]


def error(signal, value, timestamp=-1, **limits):
    decoded = decode(signal, value, timestamp, **limits)
    assert decoded.signals == []
    assert len(decoded.refused) == 1
    assert decoded.refused[0].message
    return decoded.refused[0].error


def test_a_metric():
    event = METRIC | {"timestamp": "2026-01-31T12:00:00Z", "labels": {"service": "a"}, "kind": "counter", "unit": "s"}
    assert one("metric", event) == Metric(NOON, "cpu", 0.5, {"service": "a"}, "counter", "s")
    assert one("metric", METRIC | {"labels": None, "kind": None, "unit": None}) == Metric(NOON, "cpu", 0.5)


def test_a_log():
    event = LOG | {
        "severity": "warning",
        "labels": {"a": "b"},
        "attributes": {"n": 1, "o": {"p": [1]}},
        "trace_id": "t",
    }
    assert one("log", event) == Log(NOON, "hello", "WARN", {"a": "b"}, {"n": 1.0, "o": '{"p":[1]}'}, "t")


def test_a_prediction():
    event = PREDICTION | {"scores": {"x": 0.5, "y": None}, "groups": {"vip": True}, "version": 3, "prediction_id": 77}
    features = {"a": 1.0, "b": "x", "c": True, "d": None}
    expected = Prediction(NOON, "fraud", "3", "77", features, 1.0, {"x": 0.5}, {"vip": "true"})
    assert one("prediction", event) == expected
    assert type(one("prediction", event).features["c"]) is bool


def test_an_outcome_and_a_change():
    assert one("outcome", OUTCOME) == Outcome(NOON, "fraud", "p", True)
    assert one("change", CHANGE) == Change(NOON, "shop", "deploy", "2.0")


@pytest.mark.parametrize("signal", SIGNALS)
def test_fields_of_the_future_are_ignored(signal):
    assert one(signal, EVENTS[signal] | {"new": {"deep": [1, "é"]}}) == one(signal, EVENTS[signal])


@pytest.mark.parametrize("signal", SIGNALS)
def test_an_array_is_its_events_in_order(signal):
    decoded = decode(signal, [EVENTS[signal] | {"timestamp": NOON + n} for n in range(5)])
    assert [event.time for event in decoded.signals] == [NOON + n for n in range(5)]
    assert decode(signal, []) == ([], [])


@pytest.mark.parametrize("signal", SIGNALS)
def test_each_required_field_is_missed_by_name(signal):
    schema = native_schemas()[signal]
    required = next(iter(schema["$defs"].values()))["required"]
    for field in required:
        decoded = decode(signal, {k: v for k, v in EVENTS[signal].items() if k != field})
        assert [(r.error, r.message) for r in decoded.refused] == [("missing_field", f"{field} is missing")]


def test_one_bad_element_refuses_only_itself():
    good, text = METRIC, b'{ "timestamp": 1769860800, "name": "cpu",  "value": true }'
    message = b"[%s, %s, 7, %s]" % (json.dumps(good).encode(), text, json.dumps(METRIC | {"timestamp": 0}).encode())
    decoded = decode("metric", message)
    assert len(decoded.signals) == 1
    assert [(r.index, r.error) for r in decoded.refused] == [
        (1, "wrong_type"),
        (2, "wrong_type"),
        (3, "implausible_time"),
    ]
    assert decoded.refused[0].value == text  # untouched, to the space
    assert decoded.refused[0].message == "value must be a number, text or null, not a truth value"


def test_an_implausible_element_of_a_well_formed_array_keeps_its_text():
    decoded = decode("metric", b'[{"timestamp":1769860800,"name":"a","value":1},{"timestamp": 5,"name":"b","value":1}]')
    assert len(decoded.signals) == 1
    assert (decoded.refused[0].index, decoded.refused[0].error) == (1, "implausible_time")
    assert decoded.refused[0].value == b'{"timestamp": 5,"name":"b","value":1}'


@pytest.mark.parametrize("value", [None, math.nan, "NaN", "nan", "", "null"])
def test_no_value(value):
    d = decoder("metric", "native", Limits())
    assert d.decode(record(METRIC | {"value": value})).signals == [Metric(NOON, "cpu", None)]
    assert d.counts() == {"no_value": 1}


@pytest.mark.parametrize("value", [math.inf, -math.inf, "Infinity", "+Inf", "-inf"])
def test_infinite_values(value):
    assert error("metric", METRIC | {"value": value}) == "infinite"
    decoded = decode("metric", [METRIC, METRIC | {"value": value}, METRIC | {"value": math.nan}])
    assert [s.value for s in decoded.signals] == [0.5, None]
    assert [(r.index, r.error) for r in decoded.refused] == [(1, "infinite")]


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" + b"0" * 400])
def test_numbers_too_large_are_infinite(number):
    text = b'{"timestamp":1769860800,"name":"cpu","value":%s}' % number
    assert error("metric", text) == "infinite"
    decoded = decode("metric", b'[{"timestamp":1769860800,"name":"cpu","value":1},%s]' % text)
    assert [len(decoded.signals), decoded.refused[0].index, decoded.refused[0].error] == [1, 1, "infinite"]


def test_a_number_as_text_is_read_and_counted():
    d = decoder("metric", "native", Limits())
    assert [d.decode(record(METRIC | {"value": v})).signals[0].value for v in ("1.5", "-2e3", " 7 ")] == [
        1.5,
        -2000.0,
        7,
    ]
    assert d.counts() == {"number_as_text": 3}
    assert error("metric", METRIC | {"value": "1_0"}) == "wrong_type"
    assert error("metric", METRIC | {"value": "fast"}) == "wrong_type"
    assert error("metric", METRIC | {"value": "1e999"}) == "infinite"


@pytest.mark.parametrize(
    ("signal", "change"),
    [
        ("metric", {"value": True}),
        ("metric", {"value": [1]}),
        ("metric", {"name": 3}),
        ("metric", {"labels": ["a"]}),
        ("metric", {"labels": {"a": {"b": "c"}}}),
        ("metric", {"kind": "histogram"}),
        ("metric", {"timestamp": None}),
        ("metric", {"timestamp": True}),
        ("log", {"body": 5}),
        ("log", {"body": None}),
        ("log", {"severity": {}}),
        ("prediction", {"features": {"a": [1, 2]}}),
        ("prediction", {"features": []}),
        ("prediction", {"scores": {"a": "high"}}),
        ("outcome", {"label": {}}),
        ("change", {"kind": "party"}),
    ],
)
def test_wrong_types(signal, change):
    assert error(signal, EVENTS[signal] | change) == "wrong_type"


@pytest.mark.parametrize("value", [b"5", b'"text"', b"null", b"[[1]]", b"true"])
def test_what_is_no_event(value):
    assert error("metric", value) == "wrong_type"


@pytest.mark.parametrize(
    ("signal", "field"), [("metric", "name"), ("outcome", "model"), ("outcome", "prediction_id"), ("change", "service")]
)
def test_empty_names(signal, field):
    assert error(signal, EVENTS[signal] | {field: ""}) == "missing_field"


def test_labels_become_text_and_null_ones_go():
    d = decoder("metric", "native", Limits())
    event = METRIC | {"labels": {"a": 1, "b": 1.5, "c": True, "d": None, "e": "x"}}
    assert d.decode(record(event)).signals[0].labels == {"a": "1", "b": "1.5", "c": "true", "e": "x"}
    assert d.counts() == {"labels_dropped": 1}


def test_ten_thousand_labels():
    decoded = decode("metric", METRIC | {"labels": {f"l{n}": "x" for n in range(10_000)}})
    assert [r.error for r in decoded.refused] == ["too_many_labels"]
    assert decoded.refused[0].message == "10000 labels are more than limits.labels (64)"


@pytest.mark.parametrize(
    ("signal", "change"),
    [
        ("metric", {"labels": {"a": "x" * 1025}}),
        ("metric", {"labels": {"a" * 1025: "x"}}),
        ("metric", {"name": "n" * 1025}),
        ("metric", {"unit": "n" * 1025}),
        ("log", {"trace_id": "n" * 1025}),
        ("prediction", {"features": {"a": "x" * 1025}}),
        ("prediction", {"groups": {"a": "x" * 1025}}),
        ("prediction", {"prediction": "x" * 1025}),
        ("outcome", {"prediction_id": "x" * 1025}),
    ],
)
def test_names_too_long(signal, change):
    assert error(signal, EVENTS[signal] | change) == "too_long"


def test_a_body_of_a_megabyte_is_cut():
    d = decoder("log", "native", Limits())
    assert d.decode(record(LOG | {"body": "x" * 1_000_000})).signals[0].body == "x" * 65_536
    assert len(d.decode(record(LOG | {"body": "é" * 500_000})).signals[0].body.encode()) == 65_536
    cut = d.decode(record(json.dumps(LOG | {"body": "x" + "é" * 40_000}, ensure_ascii=False).encode())).signals[0].body
    assert cut == "x" + "é" * 32_767  # never half a character
    assert d.counts() == {"body_cut": 3}
    assert d.decode(record(LOG | {"body": "é" * 32_768})).signals[0].body == "é" * 32_768


def test_a_structured_body_is_kept_as_json():
    d = decoder("log", "native", Limits())
    assert d.decode(record(LOG | {"body": {"a": [1, "é"]}})).signals[0].body == '{"a":[1,"é"]}'
    assert d.counts() == {"body_as_json": 1}


def test_attributes_are_cut_rather_than_refused():
    d = decoder("log", "native", Limits(labels=2, body=5))
    event = LOG | {"attributes": {"a": "123456789", "b": math.inf, "c": 1, "n" * 2000: 1}}
    assert d.decode(record(event)).signals[0].attributes == {"a": "12345", "b": None}
    assert d.counts() == {"attributes_cut": 3, "attributes_not_finite": 1}


def test_an_unknown_severity_is_empty_and_counted():
    d = decoder("log", "native", Limits())
    assert d.decode(record(LOG | {"severity": "purple"})).signals[0].severity == ""
    assert d.counts() == {"severity_unknown": 1}


def test_features_that_are_not_finite():
    d = decoder("prediction", "native", Limits())
    event = PREDICTION | {"features": {"a": math.nan}, "scores": {"x": math.nan, "y": 1}, "prediction": math.nan}
    signal = d.decode(record(event)).signals[0]
    assert (signal.features, signal.scores, signal.prediction) == ({"a": None}, {"y": 1.0}, None)
    assert d.counts() == {"features_not_finite": 1, "scores_dropped": 1, "no_value": 1}
    for change in ({"features": {"a": math.inf}}, {"scores": {"x": -math.inf}}, {"prediction": math.inf}):
        assert error("prediction", PREDICTION | change) == "infinite"


def test_too_many_features():
    assert error("prediction", PREDICTION | {"features": {str(n): n for n in range(1001)}}) == "too_many_features"
    assert error("prediction", PREDICTION | {"scores": {str(n): n for n in range(1001)}}) == "too_many_features"


def test_a_long_summary_is_cut():
    assert one("change", CHANGE | {"summary": "s" * 5000}).summary == "s" * 1024


def test_next_year_is_refused_by_the_records_own_time():
    next_year = METRIC | {"timestamp": NOON + 365 * 86400}
    assert error("metric", next_year, timestamp=NOON * 1000) == "from_the_future"
    assert "365d later" in decode("metric", next_year, NOON * 1000).refused[0].message
    assert len(decode("metric", METRIC | {"timestamp": NOON + 3600}, NOON * 1000).signals) == 1
    assert error("metric", METRIC | {"timestamp": NOON + 3601}, timestamp=NOON * 1000) == "from_the_future"
    assert len(decode("metric", next_year).signals) == 1  # no time to hold it against


def test_1970_is_refused():
    assert error("metric", METRIC | {"timestamp": 0}) == "implausible_time"
    assert error("metric", METRIC | {"timestamp": "1970-01-01T00:00:10Z"}) == "implausible_time"
    assert error("metric", b'{"timestamp":1e999,"name":"a","value":1}') == "implausible_time"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"   ", "not_json"),
        (b"nope", "not_json"),
        (b'{"timestamp":', "not_json"),
        (b'{"timestamp":1} trailing', "not_json"),
        (b'\xff{"timestamp":1769860800,"name":"a","value":1}', "not_json"),
        (b'{"timestamp":1769860800,"name":"\\ud800","value":1}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"timestamp":1769860800,"name":"a","value":1,"x":' + b"[" * 9000 + b"]" * 9000 + b"}", "not_json"),
    ],
)
def test_messages_that_are_refused_whole(value, kind):
    decoded = decode("metric", value)
    assert decoded.signals == []
    assert [(r.index, r.error, r.value) for r in decoded.refused] == [(None, kind, value or b"")]


def test_half_a_surrogate_pair_refuses_only_its_element():
    good = json.dumps(METRIC).encode()
    decoded = decode("metric", b'[%s,{"timestamp":1769860800,"name":"\\ud800","value":1},%s]' % (good, good))
    assert len(decoded.signals) == 2
    assert [(r.index, r.error) for r in decoded.refused] == [(1, "not_json")]


def test_deep_bodies_are_refused_not_raised():
    for depth in (400, 900, 950, 990, 1000, 5000):
        body = b'{"timestamp":1769860800,"body":' + b"[" * depth + b"]" * depth + b"}"
        decoded = decode("log", body)
        assert len(decoded.signals) + len(decoded.refused) == 1


def test_a_byte_order_mark_and_space_around_are_forgiven():
    assert decode("metric", b"\xef\xbb\xbf\n" + json.dumps(METRIC).encode() + b"\n").signals == [one("metric", METRIC)]
    assert decode("metric", b"  " + json.dumps([METRIC]).encode() + b"\r\n").signals == [one("metric", METRIC)]


def test_messages_too_large():
    message = json.dumps(METRIC).encode()
    assert error("metric", message, message=len(message) - 1) == "too_large"
    assert len(decode("metric", message, message=len(message)).signals) == 1


@pytest.mark.parametrize("element", [METRIC, 0])
def test_too_many_events_refuse_the_message(element):
    assert error("metric", [element] * 11, events=10) == "too_many_events"
    decoded = decode("metric", [element] * 10, events=10)
    assert len(decoded.signals) + len(decoded.refused) == 10


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_schemas_are_sound_and_hold_for_their_examples(signal):
    schema = native_schemas()[signal]
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for example in schema["examples"]:
        validator.validate(example)
        assert decode(signal, example).refused == []
    assert not validator.is_valid({})
    assert not validator.is_valid([{}])
    fields = next(iter(schema["$defs"].values()))["properties"]
    assert all(field.get("description") for field in fields.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def almost_events(draw, signal):
    event = dict(EVENTS[signal])
    for field in draw(st.lists(st.sampled_from([*event, "labels", "attributes", "groups", "scores", "unit", "x"]))):
        event[field] = draw(JSON)
    return event


@given(st.sampled_from(SIGNALS), st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(signal, value):
    decoded = decode(signal, value, 0)
    assert all(r.error and r.message for r in decoded.refused)
    assert decoded.signals or decoded.refused or value.strip().replace(b" ", b"")[:1] == b"["


@settings(max_examples=200)
@given(st.data(), st.sampled_from(SIGNALS))
def test_every_element_is_accounted_for(data, signal):
    elements = data.draw(st.lists(almost_events(signal) | JSON, max_size=5))
    decoded = decode(signal, elements)
    assert len(decoded.signals) + len(decoded.refused) == len(elements)
    assert all(r.error and r.message and r.value for r in decoded.refused)
    indices = [r.index for r in decoded.refused]
    assert indices == sorted(set(indices))
    again = [decode(signal, element) for element in elements if not isinstance(element, list)]
    assert len(decoded.signals) == sum(len(d.signals) for d in again)  # arrays and single events have one answer
