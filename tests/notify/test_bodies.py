"""JSON that any vendor can read, and answers that need not be JSON."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.notify.bodies import at, decoded, encoded, items_at, text_at, within
from floodmark.notify.sink import Answer

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None), max_size=5), inner),
    max_leaves=20,
)


@given(JSON)
def test_anything_becomes_json_without_nul_and_halves(value: Any) -> None:
    def texts(found: Any) -> str:
        if isinstance(found, dict):
            return "".join(texts(each) for pair in found.items() for each in pair)
        if isinstance(found, list):
            return "".join(map(texts, found))
        return found if isinstance(found, str) else ""

    text = texts(json.loads(encoded(value)))
    text.encode()
    assert "\x00" not in text


def test_numbers_that_json_has_not_are_null_and_times_are_text() -> None:
    assert encoded({"a": math.inf, "b": math.nan, "c": datetime(2026, 2, 1, tzinfo=UTC)}) == (
        b'{"a":null,"b":null,"c":"2026-02-01T00:00:00Z"}'
    )


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert json.loads(encoded({"a": "\\u0000"})) == {"a": "\\u0000"}
    assert json.loads(encoded({"a": "x\x00\ud800y"})) == {"a": "x  y"}


def test_what_fits_stays_and_what_does_not_is_cut() -> None:
    small = {"n": 1, "texts": ["a"] * 10}
    assert within(small, 1_000) == small
    large = within({"n": 7, "texts": ["é" * 9_000] * 500}, 20_000)
    assert large["n"] == 7
    assert 0 < len(large["texts"]) < 500
    assert len(encoded(large)) <= 20_000


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b"{"])
def test_what_is_no_json_is_nothing(body: bytes) -> None:
    assert decoded(Answer(200, {}, body)) is None


def test_paths_lead_somewhere_or_nowhere() -> None:
    found = {"a": {"b": "c", "n": 5, "t": True, "l": [1]}}
    assert at(found, "a", "b") == "c"
    assert at(found, "a", "b", "c") is None
    assert text_at(found, "a", "n") == "5"
    assert text_at(found, "a", "t") == ""
    assert items_at(found, "a", "l") == [1]
    assert items_at(None, "a") == []
