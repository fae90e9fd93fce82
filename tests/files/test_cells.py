"""Cells as people and programs write them: read in one way only, or refused."""

import math
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.files.cells import CellError, hint, moment, number, question, scale

NOON = 1769860800.0


@pytest.mark.parametrize(
    ("text", "decimal", "value", "unit"),
    [
        ("1234.5", ".", 1234.5, ""),
        ("1,234.5", ".", 1234.5, ""),
        ("1.234,5", ",", 1234.5, ""),
        ("1 234,5", ",", 1234.5, ""),
        ("1\u202f234.5", ".", 1234.5, ""),
        ("1\u2009234\u2009567", ".", 1234567, ""),
        ("1'234.5", ".", 1234.5, ""),
        ("12,34,567", ".", 1234567, ""),
        ("1.234", ",", 1234, ""),
        ("0,001", ",", 0.001, ""),
        ("52.3%", ".", 52.3, "%"),
        ("52,3 %", ",", 52.3, "%"),
        ("$1,234", ".", 1234, "$"),
        ("-$5.00", ".", -5, "$"),
        ("5 €", ".", 5, "€"),
        ("(1,234.50)", ".", -1234.5, ""),
        ("\u22125", ".", -5, ""),
        ("12 ms", ".", 12, "ms"),
        ("12ms", ".", 12, "ms"),
        ("12 req/s", ".", 12, "req/s"),
        ("1e-5", ".", 1e-5, ""),
        ("true", ".", 1, ""),
    ],
)
def test_a_number_and_its_unit(text, decimal, value, unit):
    found = number(text, decimal)
    assert found is not None
    assert (found.value, found.written) == (pytest.approx(value), unit)


@pytest.mark.parametrize("text", ["", " ", "-", "n/a", "N/A", "NaN", "null", "None", "\\N", "#DIV/0!", "\u2014"])
def test_there_is_no_value(text):
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "error"), [("abc", "wrong_type"), ("1.2.3", "wrong_type"), ("1,5", "wrong_type"), ("-inf", "infinite")]
)
def test_what_is_no_number_is_refused_and_not_guessed(text, error):
    with pytest.raises(CellError) as caught:
        number(text)
    assert caught.value.error == error


def test_units_of_a_kind_come_to_the_same():
    assert scale("ms") == ("s", 0.001)
    assert scale("KiB") == ("By", 1024)
    assert scale("°C") == ("°C", 1.0)


@pytest.mark.parametrize(
    ("text", "sign"), [("1,5", ","), ("1.234,5", ","), ("1,234.5", "."), ("1.5", "."), ("1,234", None), ("1.234", None)]
)
def test_which_decimal_sign_a_cell_shows(text, sign):
    assert hint(text) == sign


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z", "2026-01-31 12:00:00", "2026-01-31 12:00:00,000", "2026-01-31 13:00:00+01",
        "2026/01/31 12:00", "20260131T120000", "20260131120000", "202601311200", "1769860800", "1769860800000",
        "1769860800,0", "Jan 31, 2026 12:00:00 PM", "31 Jan 2026 12:00:00", "31-Jan-2026 12:00",
        "31/Jan/2026:13:00:00 +0100",
        "Sat, 31 Jan 2026 12:00:00 GMT", "Sat Jan 31 12:00:00 2026", "2026-01-31 12:00:00 UTC",
    ],
)  # fmt: skip
def test_a_moment(text):
    assert moment(text) == NOON


def test_a_time_without_an_offset_is_of_the_zone():
    assert moment("2026-01-31 13:00", ZoneInfo("Europe/Berlin")) == NOON
    assert moment("2026-01-31T12:00:00Z", ZoneInfo("Europe/Berlin")) == NOON


@pytest.mark.parametrize("text", ["01/02/2026 12:00", "31.01.2026", "1-2-26 3:04 PM"])
def test_what_could_be_two_days_is_a_question(text):
    with pytest.raises(CellError, match="--time-format '%d"):
        moment(text)


def test_the_question_knows_what_other_rows_have_shown():
    assert question("01/02/2026", True) == "give --time-format '%d/%m/%Y' if it means that"
    assert "or the month (--time-format '%m/%d/%Y')?" in question("01/02/2026")


@given(st.text(max_size=40), st.sampled_from([".", ","]))
def test_any_cell_is_a_finite_number_or_none_or_refused(text, decimal):
    try:
        found = number(text, decimal)
    except CellError:
        return
    assert found is None or math.isfinite(found.value) or "e" in text.lower()


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_refused(text):
    with suppress(CellError):
        assert math.isfinite(moment(text))


@given(st.floats(-1e12, 1e12), st.sampled_from([("{:,.2f}", "."), ("{:.2f}", "."), ("{:.2f} ms", ".")]))
def test_what_is_written_is_read(value, form):
    template, decimal = form
    assert number(template.format(value), decimal).value == pytest.approx(float(f"{value:.2f}"))
