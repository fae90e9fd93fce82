"""Kafka's time of a message: one that cannot be is none, in every format; the events' own stand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.models import Limits
from floodmark.decode import column_decoder, decoder
from floodmark.decode.timestamps import EARLIEST, LATEST, arrival, latest
from floodmark.records import Record

from .reading import ARRIVAL, NOON, decode
from .test_fuzz import SAMPLES

IMPOSSIBLE = [0, -5, -ARRIVAL, 1_769_860_805, ARRIVAL * 1000, ARRIVAL * 10**6, 2**63 - 1, -(2**63)]
ROOMY = Limits()


def record(value: bytes, stamp: int, by: int = -1) -> Record:
    return Record("t", 0, 0, stamp, b"k", value, (), by)


@pytest.mark.parametrize("stamp", IMPOSSIBLE)
def test_a_time_that_cannot_be_is_none(stamp: int) -> None:
    assert math.isnan(arrival(record(b"", stamp)))
    assert math.isinf(latest(record(b"", stamp), 60.0))
    assert latest(record(b"", stamp, ARRIVAL), 60.0) == ARRIVAL / 1000 + 60


@pytest.mark.parametrize("stamp", IMPOSSIBLE)
def test_the_own_time_stands_by_column_too(stamp: int) -> None:
    value = b'{"timestamp": %d, "name": "q", "value": 1}' % NOON
    columns = column_decoder(decoder("metric", "native", ROOMY), "native", ROOMY)
    assert columns is not None
    refused = []
    for _ in range(2):  # labels that are known take another way
        found = columns.decode([record(value, stamp)], lambda *each: refused.append(each))
        assert (found.times, refused) == ([NOON], [])


def test_what_is_far_from_its_partition_is_bounded_by_it() -> None:
    columns = column_decoder(decoder("metric", "native", ROOMY), "native", ROOMY)
    assert columns is not None
    early, far = (b'{"timestamp": %d, "name": "q", "value": 1}' % time for time in (NOON, NOON + 90_000))
    refused = []
    records = [record(each, -1, ARRIVAL) for each in (early, early, far, far)]
    found = columns.decode(records, lambda _, decoded: refused.extend(decoded.refused))
    assert found.times == [NOON, NOON]
    assert found.shares == [(1, 0), (1, 0), (0, 0), (0, 0)]
    assert [each.error for each in refused] == ["from_the_future"] * 2
    assert "later than what came before it" in refused[0].message


@pytest.mark.parametrize("stamp", IMPOSSIBLE)
@pytest.mark.parametrize(
    ("format", "value"),
    [
        ("fluentbit", '{"log": "x"}'),
        ("rsyslog_json", '{"message": "x", "severity": "info"}'),
        ("vector_logs", '{"message": "x", "source_type": "file"}'),
        ("syslog", "<34>su: x"),
        ("syslog", "<34>Jan 31 12:00:00 h su: x"),
    ],
)
def test_without_a_time_of_its_own_an_event_is_refused_in_words(format: str, value: str, stamp: int) -> None:
    decoded = decode(format, value, timestamp=stamp)
    assert decoded.signals == []
    (refused,) = decoded.refused
    assert refused.error in ("missing_field", "not_a_time")
    assert "Kafka's time of the message" in refused.message


@pytest.mark.parametrize("pair", sorted(SAMPLES))
@pytest.mark.parametrize("stamp", IMPOSSIBLE)
def test_every_format_takes_it_as_if_kafka_had_no_time(pair: tuple[str, str], stamp: int) -> None:
    format, signal = pair
    value = SAMPLES[pair]
    known, unknown = (decoder(signal, format, ROOMY).decode(record(value, each)) for each in (stamp, -1))
    assert known.signals == unknown.signals
    assert [each.error for each in known.refused] == [each.error for each in unknown.refused]


@settings(deadline=None, max_examples=100)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_no_number_is_a_time_without_being_one(stamp: int, by: int) -> None:
    here, bound = arrival(record(b"", stamp, by)), latest(record(b"", stamp, by), 60.0)
    assert math.isnan(here) or EARLIEST <= here < LATEST
    assert math.isinf(bound) or bound < LATEST + 60
