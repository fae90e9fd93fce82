import pytest

from floodmark.detect.logs.parameters import kind_of
from floodmark.detect.logs.tokens import Place


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12", "number"),
        ("-3.5e9", "number"),
        ("97%", "number"),
        ("1,190", "number"),
        ("1,190 bytes", "size"),
        ("532 ms", "duration"),
        ("<1 sec", "duration"),
        ("1h30m", "duration"),
        ("12 KB", "size"),
        ("403 bytes", "size"),
        ("10.0.0.1", "ip"),
        ("10.0.0.1:5050", "ip"),
        ("fe80::1", "ip"),
        ("2024-01-02T03:04:05Z", "time"),
        ("Sun Jul 17 07:07:00 2005", "time"),
        ("https://example.com/x", "url"),
        ("/var/log", "path"),
        ("C:\\Windows", "path"),
        ("a.b@example.com", "email"),
        ("db.example.com:5432", "host"),
        ("cache:6379", "host"),
        ("0x7fed", "id"),
        ("deadbeefcafe", "id"),
        ("0673dd71-34c5-4fbb-86c4-40623fbe45b4", "id"),
        ("blk_-123", "id"),
        ("alice", "word"),
        ("1, 2, 3", "list"),
        ("", "empty"),
    ],
)
def test_kinds(text, kind):
    assert kind_of(Place(text, " ", " ")) == kind


def test_quotes_tell_less_than_what_is_in_them():
    assert kind_of(Place("alice", ' "', '"')) == "quoted"
    assert kind_of(Place("12", ' "', '"')) == "number"
    assert kind_of(Place("alice", "", "")) == "word"
    assert kind_of(Place("alice", '"', "'")) == "word"


@pytest.mark.parametrize(
    "text",
    ["1," * 500_000, "a:" * 500_000, "1" * 10**6 + "x", "a@" * 500_000, "a." * 500_000 + "-", "1h" * 500_000 + "x"],
)
@pytest.mark.timeout(120)  # milliseconds where time is linear, hours where it is quadratic
def test_a_long_text_takes_linear_time(text):
    assert kind_of(Place(text, "", ""))
