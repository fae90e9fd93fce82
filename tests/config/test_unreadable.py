"""What is no YAML is told in plain words, at the place where it begins to be wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.config.locate import read_yaml

JARGON = ("block end", "block mapping", "simple key", "token", "scalar", "mapping values", "stream")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        # a quote that is not closed, where it opens: at the end of the file, or swallowed by the next one
        ('kafka:\n  group: "abc\n  brokers: [a]\n', (2, 10), "the quote that opens here is not closed"),
        ("kafka:\n  group: 'abc\n  brokers: [a]\n", (2, 10), "the quote that opens here is not closed"),
        ('kafka:\n  group: "abc\n  client_id: "x"\nhttp: {}\n', (2, 10), "the quote that opens here is not closed"),
        ('inputs:\n- topic: "a\n  signal: log\n- topic: "b"\n', (2, 10), "the quote that opens here is not closed"),
        ('kafka: {group: "a, client_id: b}\nhttp: {}\n', (1, 16), "the quote that opens here is not closed"),
        ('"a: b\n', (1, 1), "the quote that opens here is not closed"),
        ("kafka:\n  group: 'it's'\n", (2, 10), "an apostrophe ends"),
        ('kafka:\n  group: "a" b\n', (2, 14), "something follows the closing quote"),
        ('kafka:\n  group: "\\d"\n', (2, 12), "a backslash in double quotes"),
        # indentation
        ("kafka:\n  group: x\n   brokers: [a]\n", (3, 4), "indented by 3 blanks, the one above, which has a value"),
        ("kafka:\n  group: x\n    brokers:\n    - a\n", (3, 5), "indented by 4 blanks"),
        ("kafka:\n   group: x\n  brokers: [a]\n", (3, 3), "indented by 2 blanks, and what is open above by 0 or 3"),
        ("inputs:\n  - topic: a\n   signal: log\n", (3, 4), "indented by 3 blanks"),
        ("inputs:\n  - topic: a\n     signal: log\n", (3, 6), "indented by 5 blanks, the one above"),
        ("inputs:\n  - topic: a\n    signal: log\n - topic: b\n", (4, 2), "this item of a list is indented by 1 blank"),
        ("  kafka: {}\nhttp: {}\n", (2, 1), "indented by 0 blanks, and what is open above by 2"),
        ("kafka:\n  group: x\n\tclient_id: y\n", (3, 1), "a tab cannot indent"),
        ("kafka:\n  \tgroup: x\n", (2, 3), "a tab cannot indent"),
        # brackets, colons, dashes
        ("kafka: {brokers: [a, b}\nhttp: {}\n", (1, 23), "between [ and ]"),
        ("kafka: {group: x\nhttp: {}\n", (1, 8), "the { that opens here is not closed"),
        ("kafka:\n  brokers: [\n    a,\n    b\nhttp: {}\n", (2, 12), "the [ that opens here is not closed"),
        ("kafka: {brokers: [a]]}\n", (1, 21), "between { and }"),
        ("kafka:\n  brokers: [a]]\n", (2, 15), "this ] closes nothing"),
        ("kafka:\n  group\n  client_id: x\n", (2, 3), "there is no colon and blank after the key"),
        ("kafka:\n  group:x\n  client_id: x\n", (2, 3), "there is no colon and blank after the key"),
        ("kafka:\n  brokers: - a\n", (2, 12), "a list cannot begin after its key"),
        # characters that begin something else
        ("detectors:\n- match: {name: *error*}\n", (2, 17), "* at the beginning names an alias"),
        ("detectors:\n- match: {name: *}\n", (2, 17), "* at the beginning names an alias"),
        ("kafka: {group: @x}\n", (1, 16), "a value cannot begin with @"),
        ("kafka: {group: `x`}\n", (1, 16), "a value cannot begin with `"),
        ("kafka:\n  group: %x%\n", (2, 10), "a value cannot begin with %"),
        ("detectors:\n- limit:\n    above: >90\n", (3, 12), "> at the beginning opens a block"),
        ("kafka:\n  group: & co\n", (2, 11), "& at the beginning marks an anchor"),
        ("kafka: {group: ${X}}\n", (1, 17), "${…} cannot stand here"),
        ("kafka:\n<<<<<<< HEAD\n  group: a\n=======\n  group: b\n>>>>>>> x\n", (2, 1), "a merge that was not finished"),
        ("%group: x\n", (1, 1), "a directive"),
    ],
)  # fmt: skip
def test_in_plain_words_where_it_begins(text, place, words):
    _, problems = read_yaml(text, "c.yaml")
    assert len(problems) == 1
    assert words in problems[0].message
    assert problems[0][1:3] == place
    assert problems[0].hint
    assert not any(word in problems[0].message for word in JARGON)


def test_a_template_that_was_not_filled_in():
    _, problems = read_yaml("kafka: {group: {{ .Values.group }}}\n", "c.yaml")
    assert "of a template was not filled in" in problems[0].hint


LINES = st.lists(
    st.sampled_from([*"'\"[]{}:-,#&*%@|>\t \\", "a", "a: ", "- ", "  ", "b: 'c'", ': "d', "${X}", "---", "é"]),
    max_size=8,
).map("".join)


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_any_text_is_a_tree_or_a_problem_with_a_place_in_it(text):
    _, problems = read_yaml(text, "c.yaml")
    for problem in problems:
        assert 0 <= problem.line <= text.count("\n") + 2
        assert problem.column >= 0
