"""What may be shown as a link: a message may hold text of anybody where an address should be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from floodmark.notify.links import address, links

sys.path.insert(0, str(Path(__file__).parent / "targets"))

import tellings


@pytest.mark.parametrize(
    "text", ["https://x.example.org/a?b=c&d=%20#e", "http://127.0.0.1:8080/", "http://[::1]/x", "https://a/b(c)"]
)
def test_addresses_of_the_web_are_links(text: str) -> None:
    assert address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example.org",
        "https://",
        "https://a b",
        "https://a\nb",
        "https://a|b",
        "https://a<b>",
        'https://a"b',
        "https://exämple.org",
        "https://exämple.org/x",
        "https:///x",
        "https://a\u202eb",
        " https://a",
        "https://a/" + "x" * 3_000,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not address(text)


def test_what_is_no_ascii_is_written_as_programs_want_it() -> None:
    assert address("https://wiki.example.org/über?a=%20&b=ß#x") == "https://wiki.example.org/%C3%BCber?a=%20&b=%C3%9F#x"
    assert not address("https://a/" + "ü" * 400, 2_000)
    assert not address("https://a/\udc00")


def test_what_can_be_followed_from_a_message_is_named() -> None:
    assert [label for label, _ in links(tellings.telling("open"))] == ["See the incident", "Runbook"]
    assert links(tellings.telling("change")) == [("See the change", "https://ci.example.org/deploys/91")]
    assert not links(tellings.telling("open", link="ftp://x", runbook="see the wiki"))
