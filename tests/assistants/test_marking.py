"""Answers for assistants: what telemetry says is in one field, can be seen, and ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.assistants.marking import FIELD, LARGEST, NOTICE, marked, shown

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


@given(ANYTHING)
def test_whatever_it_is_it_stays_in_its_field_and_can_be_seen(answer):
    said = marked(answer)
    text = json.dumps(said, ensure_ascii=False)
    assert said["notice"] == NOTICE
    assert set(said) <= {"notice", FIELD, "left_out"}
    assert text.isprintable()
    assert json.loads(text) == said


@given(st.text(), st.integers(1, 200))
def test_a_text_ends(text, most):
    assert len(shown(text, most)) <= 10 * most + 40


@pytest.mark.parametrize(
    "answer",
    [
        "x" * 10_000_000,
        ["x" * 1_000] * 10_000,
        {"rows": [{"title": "t" * 500, "entities": ["e" * 200] * 200}] * 200},
        {f"k{n}": list(range(10_000)) for n in range(10_000)},
    ],
)
def test_what_is_too_much_is_cut_and_that_is_said(answer):
    said = marked(answer)
    assert len(json.dumps(said, ensure_ascii=False)) <= LARGEST
    assert said["left_out"]
    assert said[FIELD] is not None


def test_what_is_nested_without_end_ends():
    nested = []
    for _ in range(500):
        nested = [nested]
    assert marked(nested)["left_out"]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\U000e0049\U000e0067", "\\U000e0049\\U000e0067"),
        ("x\U000e0100y", "x\\U000e0100y"),
        ("\x1b[31m\x00", "\\u001b[31m\\u0000"),
        ("\ud800", "\\ud800"),
        ("one\r\ntwo\u2028", "one\\r\\ntwo\\u2028"),
        ("Größe 12 µs → 漢字 👍", "Größe 12 µs → 漢字 👍"),
    ],
)
def test_what_is_not_seen_is_shown(text, seen):
    assert shown(text) == seen
