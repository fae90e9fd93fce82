import math
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.decode.decoder import EventError
from floodmark.decode.timestamps import EARLIEST, LATEST, ended, parse

NOON = 1769860800


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31t12:00:00z",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00-00:00",
        "2026-01-31T17:30:00+05:30",
        "2026-01-31T17:30:00+0530",
        "2026-01-31T07:00:00.000-05:00",
        "2026-01-31T11:59:60Z",
        "2026-01-31 13:00:00 +0100",
        "2026-01-31 13:00:00+01",
        "2026-01-31 12:00:00 UTC",
        "2026-01-31 12:00:00 GMT",
        "2026-01-31 12:00:00 +0000 UTC",
        "2026-01-31 12:00:00.000 +0000 UTC m=+0.021",
        "2026-01-31 09:00:00 -0300 -03",
        "2026-01-31T12:00:00,000Z",
        "1769860800",
        "1769860800.0",
        "1769860800000",
        "1.7698608e9",
        1769860800,
        1769860800.0,
        1769860800_000,
        1769860800_000_000,
        1769860800_000_000_000,
        1769860800_000.0,
    ],
)
def test_every_spelling_of_one_moment(text):
    assert parse(text) == NOON


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-31T12:00:00.5Z", NOON + 0.5),
        ("2026-01-31T12:00:00.123456Z", NOON + 0.123456),
        ("2026-01-31T12:00:00.123456789Z", float(Fraction(NOON * 10**9 + 123456789, 10**9))),
        ("2026-01-31T12:00:00.123456789+00:00", float(Fraction(NOON * 10**9 + 123456789, 10**9))),
        (NOON * 10**9 + 123456789, float(Fraction(NOON * 10**9 + 123456789, 10**9))),
        (str(NOON * 10**9 + 123456789), float(Fraction(NOON * 10**9 + 123456789, 10**9))),
        (10**8, 1e8),
        (10**11, 1e8),
        (10**14, 1e8),
        (10**17, 1e8),
    ],
)
def test_fractions_are_exact(value, expected):
    assert parse(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        99999999,
        -NOON,
        "0",
        "1970-01-01T00:00:00Z",
        "1972-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        LATEST,
        10**20,
        10**4000,
        math.nan,
        math.inf,
        -math.inf,
        "1e999",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_what_no_clock_says_is_implausible(value):
    with pytest.raises(EventError) as caught:
        parse(value)
    assert caught.value.error == "implausible_time"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31T25:00:00Z",
        "NaN",
        "x" * 9999,
        "2026-W05-6T12:00:00Z",
        "20260131T120000Z",
        "2026-01-31T12:00Z",
        "1_769_860_800",
        "٢٠٢٦-01-31T12:00:00Z",
    ],
)
def test_what_is_not_a_time(text):
    with pytest.raises(EventError) as caught:
        parse(text)
    assert caught.value.error == "not_a_time"
    assert len(caught.value.message) < 200


def test_a_missing_offset_is_named():
    with pytest.raises(EventError, match="no offset"):
        parse("2026-01-31T12:00:00")


@given(
    st.datetimes(min_value=datetime(1974, 1, 1), max_value=datetime(2099, 12, 30)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from("Tt "),
)
def test_rfc_3339_agrees_with_datetime(moment, minutes, separator):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse(aware.isoformat(sep=separator)) == aware.timestamp()
    in_utc = moment.replace(tzinfo=UTC)
    assert parse(in_utc.isoformat(sep=separator).replace("+00:00", "Z")) == in_utc.timestamp()


@given(st.integers(10**17, int(LATEST) * 10**9 - 10**9))
def test_the_four_units_agree(nanoseconds):
    exact = float(Fraction(nanoseconds, 10**9))
    assert parse(nanoseconds) == exact
    for divisor in (10**3, 10**6, 10**9):
        assert abs(parse(nanoseconds // divisor) - exact) <= divisor / 1e9 + 1e-6


@given(st.one_of(st.integers(), st.floats(), st.text(max_size=40), st.from_regex(r"[0-9TZ:.+-]{15,35}")))
def test_any_value_is_a_plausible_time_or_refused(value):
    try:
        seconds = parse(value)
    except EventError:
        return
    assert EARLIEST <= seconds < LATEST


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        0,
        "0001-01-01T00:00:00Z",
        "0001-01-01 00:00:00 +0000 UTC",
        -62135596800,
        "9999-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
    ],
)
def test_an_end_that_has_not_come(value):
    assert ended(value) == 0.0


def test_an_end_that_has_come():
    assert ended("2026-01-31 13:00:00 +0100") == NOON
    with pytest.raises(EventError):
        ended("soon")
