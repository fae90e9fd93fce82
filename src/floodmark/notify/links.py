"""Addresses that may be shown as links: a message may hold text of anybody where an address should be."""

from __future__ import annotations

import re
from typing import Final

from floodmark.notify.sink import Message

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'|\\^`{}]+")


def address(text: str, most: int = 2000) -> str:
    """The text if it is an address of the web that can be followed, else nothing: no javascript:, no blanks."""
    return text if len(text) <= most and text.isascii() and _ADDRESS.fullmatch(text) else ""


def links(message: Message, most: int = 2000) -> list[tuple[str, str]]:
    """What can be followed from a message, each with what it is called."""
    found = [("See the incident", message.link), ("Runbook", message.runbook)]
    if message.change is not None:
        found.append(("See the change", message.change.url))
    return [(label, url) for label, url in found if address(url, most)]
