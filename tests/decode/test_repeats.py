import pytest

from floodmark.decode.repeats import repeats


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("message repeated 50 times: [ lost]", ("lost", 50)),
        ("message repeated 2 times: [lost [7] in [x]]", ("lost [7] in [x]", 2)),
        ("last message repeated 50 times", ("last message repeated 50 times", 50)),
        ("--- last message repeated 1 time ---", ("--- last message repeated 1 time ---", 1)),
        ("Last message repeated 5 times", ("Last message repeated 5 times", 5)),
        ("lost (repeated 5 times)", ("lost", 5)),
        ("lost [message repeated 5 times]", ("lost", 5)),
        ("lost [repeated 7 more times]", ("lost", 7)),
        ("message repeated 0 times: [ lost]", ("lost", 1)),
        ("the test repeated 50 times", ("the test repeated 50 times", 1)),
        ("repeated 50 times", ("repeated 50 times", 1)),
        ("it was repeated", ("it was repeated", 1)),
        ("message repeated many times: [ lost]", ("message repeated many times: [ lost]", 1)),
    ],
)
def test_repeats(body, expected):
    assert repeats(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "repeated " * 20_000,
        "(repeated 1 times) " * 9999,
        " " * 99_999 + "repeated",
        "repeated" + " " * 99_999 + "x",
        "[" * 9999,
    ],
)
def test_long_lines_are_read_once(body):
    assert repeats(body)[1] >= 1
