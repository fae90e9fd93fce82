import pytest

from floodmark.correlate.sentences import counted, cut, listed, readable, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(18, "18 s"), (99.6, "2 min"), (240, "4 min"), (3900, "65 min"), (6000, "1 h 40 min"), (7200, "2 h"),
     (7199, "2 h"), (200_000, "2 d 8 h")],
)  # fmt: skip
def test_span(seconds, text):
    assert span(seconds) == text


def test_listed():
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_names_are_readable():
    assert readable("http_request_duration_seconds") == "HTTP request duration"
    assert readable("system.cpu.utilization") == "CPU utilization"
    assert readable("total") == "total"
    assert len(readable("x" * 1000)) == 40


def test_counted_and_cut():
    assert counted(1, "service") == "1 service"
    assert counted(2, "entity") == "2 entities"
    assert cut("abcdef", 4) == "abc…"
