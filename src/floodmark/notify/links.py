"""Addresses that may be shown as links: a message may hold text of anybody where an address should be."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from floodmark.notify.sink import Message

_ADDRESS: Final = re.compile(r"(?i:https?)://([^\s<>\"'|\\^`{}/?#]+)[^\s<>\"'|\\^`{}]*")
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


def address(text: str, most: int = 2000) -> str:
    """The text if it is an address of the web that can be followed, else nothing: no javascript:, no blanks. What is
    not ASCII behind the host is written as programs want it."""
    found = _ADDRESS.fullmatch(text[: most + 1])
    if found is None or not (text.isprintable() and found[1].isascii()):
        return ""
    plain = quote(text, safe=_ASCII)
    return plain if len(plain) <= most else ""


def links(message: Message, most: int = 2000) -> list[tuple[str, str]]:
    """What can be followed from a message, each with what it is called."""
    found = [("See the incident", message.link), ("Runbook", message.runbook)]
    if message.change is not None:
        found.append(("See the change", message.change.url))
    return [(label, url) for label, url in found if address(url, most)]
