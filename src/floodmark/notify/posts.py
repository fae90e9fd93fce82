"""What is told to targets that can only post: they can neither edit what they have been told nor put it into a thread.

A digest is told anew every minute for as long as a storm lasts. Where that would be a post each, only those are worth
it that ring, that say that it is over, that have twice as many lines as the last one, or that come long after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from floodmark.notify.sink import Delivered, Message

LONG: Final = 900
"""Seconds after which a digest is worth a post whatever it says."""
_LINES: Final = "lines"
_AT: Final = "at"


def passed_over(message: Message, memory: Mapping[str, str]) -> Delivered | None:
    """What has come of a message that is not worth a post; None if it is."""
    if message.event != "digest" or message.loud or message.state == "resolved":
        return None
    lines, at = (memory.get(name, "") for name in (_LINES, _AT))
    if not (_number(lines) and _number(at)):
        return None
    if len(message.lines) >= 2 * max(1, int(lines)) or message.at.timestamp() >= int(at) + LONG:
        return None
    return Delivered(memory, "not posted: it says little more than the digest that stands there")


def remembered(message: Message) -> Mapping[str, str]:
    """What is to be known at the next message of the same key."""
    if message.event != "digest":
        return {}
    return {_LINES: str(len(message.lines)), _AT: str(int(message.at.timestamp()))}


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
