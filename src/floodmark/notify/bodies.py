"""Bodies of requests: JSON that can always be written and read, whatever an incident has in it.

What flows in may hold halves of surrogate pairs, NUL, marks that turn the direction of text, and numbers that JSON does
not know. None of that may keep a message from being told.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from floodmark.notify.sink import Answer
from floodmark.notify.wording import printable

JSON: Final = {"content-type": "application/json; charset=utf-8"}
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'|\\^`{}]+", re.ASCII)


def written(value: Any) -> bytes:
    """JSON in UTF-8, without what no JSON parser takes."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def plain(value: Any) -> Any:
    """The value with only such text and numbers as can be written: no control characters, null for NaN and infinity."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {printable(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def read(answer: Answer) -> Any:
    """The JSON of an answer; None if it is none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def address(text: str, most: int = 2000) -> str:
    """The text if it is an address of the web that can be followed, else nothing: no javascript:, no blanks."""
    return text if len(text) <= most and _ADDRESS.fullmatch(text) else ""


def fitting(text: str, most: int) -> str:
    """The text, at most so many bytes in UTF-8."""
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= most else raw[: max(0, most - 3)].decode("utf-8", "ignore").rstrip() + "…"
