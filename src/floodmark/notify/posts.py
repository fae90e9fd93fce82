"""What is told to targets that can only post: they can neither edit what they have been told nor put it into a thread.

A digest is told anew every minute for as long as a storm lasts. Where that would be a post each, only those are worth
it that say much more than the last one: twice as many lines, or that it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from floodmark.notify.sink import Delivered, Message

_LINES: Final = "lines"


def passed_over(message: Message, memory: Mapping[str, str]) -> Delivered | None:
    """What has come of a message that is not worth a post; None if it is."""
    if message.event != "digest" or message.loud or message.state == "resolved" or _LINES not in memory:
        return None
    told = memory[_LINES]
    if not told.isdecimal() or len(message.lines) >= 2 * max(1, int(told)):
        return None
    return Delivered(memory, "not posted: it says little more than the digest that stands there")


def remembered(message: Message) -> Mapping[str, str]:
    """What is to be known at the next message of the same key."""
    return {_LINES: str(len(message.lines))} if message.event == "digest" else {}
