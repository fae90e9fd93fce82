import math

import pytest

from floodmark.trials.notation import series, values


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1", [1]),
        ("1 2.5 -3e2", [1, 2.5, -300]),
        ("1+2x5", [1, 3, 5, 7, 9, 11]),
        ("10-2x2", [10, 8, 6]),
        ("-2+4x3", [-2, 2, 6, 10]),
        ("4x3", [4, 4, 4, 4]),
        ("_", [None]),
        ("1 _x3 2", [1, None, None, None, 2]),
        ("1+-1x2", [1, 0, -1]),
    ],
)
def test_values(text, found):
    assert values(text) == found


def test_stale():
    assert math.isnan(values("stale")[0])


@pytest.mark.parametrize("text", ["", "a", "1+2", "1x", "x3", "1x9999999", "{{schema:1}}x3", "1 2 NaNx3"])
def test_what_is_no_run_of_values(text):
    with pytest.raises(ValueError, match=r"."):
        values(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("up", ("up", {})),
        ("up{}", ("up", {})),
        ('up{a="b",c="d, e"}', ("up", {"a": "b", "c": "d, e"})),
        ("up{a='b', c=\"\",}", ("up", {"a": "b", "c": ""})),
        ('{__name__="up", a="\\"q\\""}', ("up", {"a": '"q"'})),
        ('system.cpu.load{host.name="a"}', ("system.cpu.load", {"host.name": "a"})),
    ],
)
def test_series(text, found):
    assert series(text) == found


@pytest.mark.parametrize("text", ["", "up{", "up{a}", "up{a=b}", 'up{a="b" c="d"}', "up}"])
def test_what_is_no_series(text):
    with pytest.raises(ValueError, match=r"."):
        series(text)
