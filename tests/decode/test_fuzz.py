"""Every decoder takes whatever bytes there are: it never raises; each event is a signal or a refusal with a reason."""

import gzip
import importlib.util
import json
import math
import sys
from functools import cache
from pathlib import Path

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.actions import Action
from floodmark.config.formats import CARRIES
from floodmark.config.models import Input, Limits
from floodmark.decode import decoder, input_decoder
from floodmark.records import Record
from floodmark.signals import Log, Metric

_SPEC = importlib.util.spec_from_file_location(
    "decode_logs", Path(__file__).parents[2] / "benchmarks" / "decode_logs.py"
)
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = _MODULE
_SPEC.loader.exec_module(_MODULE)
_MODULE.BATCH = 5
SAMPLES = {(format, signal): value for format, signal, value, _ in _MODULE.samples()}
PAIRS = sorted(
    {(format, signal) for format, signals in CARRIES.items() for signal in signals if format not in ("native", "json")}
)
LIMITS = Limits(message=10_000, events=20, body=200, labels=20, label=64, features=20)
NOW = 1_769_860_805_000

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["\ud800", "x" * 99])
)
JSON = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=9), below, max_size=4)
)


@cache
def _decoder(format, signal):
    return decoder(signal, format, LIMITS)


def check(pair, value, headers=(), timestamp=NOW, key=b"k"):
    decoded = _decoder(*pair).decode(Record("t", 0, 0, timestamp, key, value, headers))
    assert all(refused.error and refused.message for refused in decoded.refused)
    for signal in decoded.signals:
        assert math.isfinite(signal.at.timestamp() if isinstance(signal, Action) else signal.time)
        if isinstance(signal, Log):
            assert len(signal.body.encode()) <= LIMITS.body
        if isinstance(signal, Metric):
            assert signal.value is None or math.isfinite(signal.value)
        if not isinstance(signal, Metric) and hasattr(signal, "labels"):
            assert len(signal.labels) <= LIMITS.labels
    return decoded


def mutated_bytes(data, value):
    at = data.draw(st.integers(0, len(value)))
    return value[:at] + data.draw(st.binary(max_size=4)) + value[data.draw(st.integers(at, len(value))) :]


def mutated(data, pair):
    """The sample of a format with something wrong: bytes changed, cut or doubled; or a value replaced by another."""
    value = SAMPLES.get(pair, b'{"a": 0}')
    if data.draw(st.booleans()) and value[:1] == b"{":
        document = json.loads(value)
        place = document
        for _ in range(data.draw(st.integers(0, 4))):
            inner = [
                each
                for each in (place.values() if isinstance(place, dict) else place)
                if isinstance(each, dict | list) and each
            ]
            if not inner:
                break
            place = data.draw(st.sampled_from(inner))
        where = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        place[where] = data.draw(JSON)
        return json.dumps(document).encode()
    return mutated_bytes(data, value)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@settings(max_examples=60)
@given(data=st.data())
def test_no_decoder_raises(pair, data):
    check(pair, data.draw(st.binary(max_size=200) | JSON.map(lambda each: json.dumps(each).encode())))
    check(pair, mutated(data, pair), timestamp=data.draw(st.sampled_from([-1, NOW])))


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair in SAMPLES], ids="-".join)
def test_the_sample_of_each_format_is_understood(pair):
    decoded = check(pair, SAMPLES[pair])
    assert decoded.signals
    assert not decoded.refused


@cache
def _input(format, signal, envelope="none"):
    return input_decoder(Input(topic="t", signal=signal, format=format, envelope=envelope), LIMITS)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair in SAMPLES], ids="-".join)
def test_the_sample_of_each_format_is_understood_in_a_frame_and_among_others(pair):
    record, value = Record("t", 0, 0, NOW, b"k", None), SAMPLES[pair]
    one = _decoder(*pair).decode(record._replace(value=value))
    for framed in (gzip.compress(value), bytes(cramjam.zstd.compress(value)), bytes(cramjam.lz4.compress(value))):
        assert _input(*pair).decode(record._replace(value=framed)) == one
    if value[:1] in (b"{", b"["):
        lines = _input(*pair).decode(record._replace(value=b"\n".join((value, b"{", value))))
        assert lines.signals == one.signals * 2
        assert [each.index for each in lines.refused] == [1]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@settings(max_examples=30)
@given(data=st.data())
def test_no_decoder_raises_whatever_is_around_a_message(pair, data):
    value = mutated(data, pair)
    frame = data.draw(st.sampled_from([gzip.compress, lambda v: v + b"\n" + v, lambda v: b"\0\0\0\0\x07" + v, bytes]))
    value = mutated_bytes(data, frame(value))
    envelope = data.draw(st.sampled_from(["none", "connect", "cloudevents"]))
    decoded = _input(*pair, envelope).decode(Record("t", 0, 0, NOW, b"k", value))
    assert all(refused.error and refused.message for refused in decoded.refused)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize(
    "value",
    [b"", None, b"[" * 5000, b'{"a":' * 2000, b"[1e999]", b"9" * 6000, b"\x00" * 9000, b"[" + b"1," * 40 + b"1]"],
)
def test_hostile_messages(pair, value):
    decoded = check(pair, value)
    assert not [signal for signal in decoded.signals if not isinstance(signal, Log)]
