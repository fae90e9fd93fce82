import pytest

from floodmark.decode.severities import NAMES, severity


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("warning", "WARN"),
        ("Warn", "WARN"),
        ("err", "ERROR"),
        ("ERROR", "ERROR"),
        ("critical", "FATAL"),
        ("crit", "FATAL"),
        ("emerg", "FATAL"),
        ("notice", "INFO"),
        ("INFO2", "INFO"),
        (" [info] ", "INFO"),
        ("E", "ERROR"),
        ("17", "ERROR"),
        (1, "TRACE"),
        (4, "TRACE"),
        (5, "DEBUG"),
        (9, "INFO"),
        (13, "WARN"),
        (20, "ERROR"),
        (24, "FATAL"),
        (13.0, "WARN"),
        (0, ""),
        (25, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        ("", ""),
        ("purple", ""),
        ("x" * 100_000, ""),
    ],
)
def test_spellings(written, name):
    assert severity(written) == name


def test_the_short_names_stand_for_themselves():
    assert [severity(name) for name in NAMES] == list(NAMES)
