"""What `floodmark dead-letters` prints of what anybody may have written."""

import json

from floodmark.cli.dead_letters import as_object, origin, printable
from floodmark.letters import Letter

LETTER = Letter(
    0, 7, 1_700_000_000_123, b"\xff", b'{"a":1}', (), "metrics", (3, 42), None, "detect", "not_json", "why", 0
)


def test_nothing_but_printable_text_reaches_the_terminal():
    assert printable(b"\x1b]0;title\x07 caf\xc3\xa9 \xff\n") == "\\x1b]0;title\\x07 café \\xff\\n"
    assert printable("\u202eevil\u2028") == "\\u202eevil\\u2028"  # a mark that turns the direction of text
    assert printable(b"[red]x[/]") == "[red]x[/]"


def test_a_long_value_is_cut_and_says_so():
    assert printable("x" * 401) == "x" * 400 + "… (1 more)"
    assert printable("x" * 400) == "x" * 400


def test_where_a_letter_came_from():
    assert origin(LETTER) == "metrics/3@42"
    assert origin(LETTER._replace(element=5)) == "metrics/3@42[5]"
    assert origin(LETTER._replace(place=(None, None))) == "metrics/?@?"
    assert origin(LETTER._replace(origin="")) == "?"


def test_a_letter_as_json():
    found = json.loads(json.dumps(as_object(LETTER)))
    assert found["time"] == "2023-11-14T22:13:20.123+00:00"
    assert found["origin"] == {"topic": "metrics", "partition": 3, "offset": 42, "element": None}
    assert found["key_base64"] == "/w=="
    assert found["value"] == '{"a":1}'
    assert as_object(LETTER._replace(value=None))["value"] is None
