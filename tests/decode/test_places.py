"""Dotted names are nested ones, whatever else is beside them; labels are somebody's own."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from floodmark.decode.places import labels_by_name, undotted, unfolded

NAMES = st.sampled_from(
    ["host", "host.name", "a", "a.b", "a.b.c", "labels", "labels.x.y", ".", "..", "a.", ".a", "a..b"]
)
JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(NAMES, below, max_size=4),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"host.name": "n"}, {"host": {"name": "n"}}),
        ({"host": {"ip": 1}, "host.name": "n"}, {"host": {"ip": 1, "name": "n"}}),
        ({"a": {"b.c": 1}, "a.b.d": 2}, {"a": {"b": {"c": 1, "d": 2}}}),
        ({"log": "x", "log.level": "error"}, {"log": "x", "log.level": "error"}),
        ({"a.b": 1, "a": {"b": 2}}, {"a": {"b": 2}, "a.b": 1}),
        ({"a.b": {"x": 1}, "a": {"b": {"y": 2}}}, {"a": {"b": {"x": 1, "y": 2}}}),
        ({"e": "x", "e.name": "y", "e.name.z": 1}, {"e": "x", "e.name": "y", "e.name.z": 1}),
        ({"labels": {"app.kubernetes.io/name": "x"}}, {"labels": {"app.kubernetes.io/name": "x"}}),
        ({"k.labels.app.kubernetes.io/name": "x"}, {"k": {"labels": {"app.kubernetes.io/name": "x"}}}),
        ([1, {"a.b": 1}], [1, {"a.b": 1}]),
    ],
)
def test_dotted_names_are_nested_ones(given, expected):
    assert unfolded(given) == expected


def leaves(value):
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    return [repr(value)]


@given(JSON)
@example({"labels.x.y": None, "labels": {}})
def test_nothing_is_lost_and_nothing_raises(value):
    before = repr(value)
    found = unfolded(value)
    assert repr(value) == before
    assert sorted(leaves(found)) == sorted(leaves(value))
    unfolded(found)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_labels_of_anything(fields):
    for value in labels_by_name(fields).values():
        assert isinstance(value, str | int | float)


def test_an_array_is_its_events():
    assert undotted(b'[{"a.b":1},{"a":2}]') == b'[{"a":{"b":1}},{"a":2}]'


def test_deep_objects_are_left_as_they_are():
    deep: dict = {}
    for _ in range(500):
        deep = {"a.b": deep}
    assert list(unfolded(deep)) == ["a"]
