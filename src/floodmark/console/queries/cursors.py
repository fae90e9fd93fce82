"""Where a list goes on: the sort key of its last row, as text that a URL takes."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

MOST = 200
"""Rows of a page at most."""


class CursorError(ValueError):
    """A cursor that is none of ours; its text says so."""


def cursor(*key: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def after(text: str, count: int) -> list[Any]:
    """The key of `count` parts that a cursor holds. Raises CursorError."""
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (binascii.Error, msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise CursorError("The cursor is none that this console gave.") from error
    if (
        not isinstance(found, list)
        or len(found) != count
        or not all(isinstance(each, str | int | float) for each in found)
    ):
        raise CursorError("The cursor is none that this console gave.")
    return found
