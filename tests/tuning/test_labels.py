"""Labelled events: read with every mistake told, and held against alarms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.detect.series import Series
from floodmark.tuning.labels import Event, LabelError, Period, read_events, score
from floodmark.tuning.recording import fits, moment

CPU = Series(key='cpu{host="a"}', name="cpu", labels={"host": "a"}, entity="a", scope="default", signal="metric")


def test_csv_and_json_lines_are_the_same_events(tmp_path):
    table, lines = tmp_path / "labels.csv", tmp_path / "labels.jsonl"
    table.write_text('series,start,end\n"cpu{host=""a""}",2026-01-01T00:00:00,2026-01-01T01:00:00+01:00\n')
    lines.write_text('{"series": "cpu{host=\\"a\\"}", "start": "2026-01-01T00:00Z", "end": "2026-01-01T00:00:00Z"}\n\n')
    assert read_events(table) == read_events(lines) == [Event(CPU.key, 1767225600.0, 1767225600.0)]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "series,from,end\n", "x.csv: no column start; labels are series,start,end"),
        ("x.csv", "series,start,end\ncpu,yesterday,2026-01-01\n", "x.csv:2: 'yesterday' is not a time"),
        ("x.csv", "series,start,end\ncpu,2026-01-02,2026-01-01\n", "x.csv:2: the event ends before it starts"),
        ("x.csv", "series,start,end\ncpu,2026-01-02\n", "x.csv:2: a label has the fields"),
        ("x.jsonl", '{"series": "cpu"}\n', "x.jsonl:1: a label has the fields"),
        ("x.jsonl", "[1]\n", "x.jsonl:1: a label has the fields"),
        ("x.jsonl", "series,start,end\n", "x.jsonl:1: no JSON"),
    ],
)
def test_a_label_that_cannot_be_used_is_told_with_its_place(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(LabelError, match=r".*") as caught:
        read_events(path)
    assert said in str(caught.value)


def test_a_pattern_means_a_key_a_name_or_a_glob_of_them():
    assert all(fits(pattern, CPU) for pattern in ("cpu", CPU.key, "c*", '*host="a"*'))
    assert not any(fits(pattern, CPU) for pattern in ("a", "cp", "mem*", "CPU"))
    with pytest.raises(ValueError, match="write it like"):
        moment("noon")


def test_found_false_and_delay():
    events = [Event("cpu", 100, 200), Event("cpu", 300, 400), Event("mem", 100, 200)]
    periods = [Period(CPU, 90, 90, 120), Period(CPU, 150, 170, 160), Period(CPU, 250, 250, 260)]
    assert score(events, periods) == (3, 1, 3, 1, 0.0)
    later = score([events[0]], [Period(CPU, 150, 170, 500)])
    assert (later.recall, later.precision, later.delay) == (1.0, 1.0, 70.0)
    nothing = score([], [])
    assert (nothing.recall, nothing.precision, nothing.delay) == (None, None, None)


spans = st.tuples(st.integers(0, 50), st.integers(0, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(spans, max_size=6), st.lists(spans, max_size=6))
def test_an_alarm_is_false_exactly_if_it_shares_no_moment_with_an_event(events, alarms):
    found = score([Event("cpu", *e) for e in events], [Period(CPU, a, a, b) for a, b in alarms])
    moments = [set(range(start, end + 1)) for start, end in events]
    assert found.false == sum(not any(m & set(range(a, b + 1)) for m in moments) for a, b in alarms)
    assert found.found == sum(any(m & set(range(a, b + 1)) for a, b in alarms) for m in moments)
