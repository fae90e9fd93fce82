"""Text and JSON that are nearly right: bytes that are no UTF-8, a byte order mark, NaN and Infinity.

Only for what a strict reader has refused: the plain path never comes here. What is mended is counted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

import msgspec

from floodmark.decode.decoder import EventError

_BOM: Final = b"\xef\xbb\xbf"
_HALF: Final = re.compile("[\ud800-\udfff]")


def utf8(value: bytes, counts: Counter[str]) -> str:
    """Text; bytes that are no UTF-8 are read as U+FFFD and counted (`not_utf8`)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        counts["not_utf8"] += 1
        return value.decode(errors="replace")


def lines(value: bytes, counts: Counter[str]) -> list[str]:
    """The lines of a message that hold anything, without blanks around them."""
    try:
        found = value.removeprefix(_BOM).decode().split("\n")
    except UnicodeDecodeError:
        found = [utf8(line, counts) for line in value.removeprefix(_BOM).split(b"\n")]
    return [line for each in found if (line := each.strip())]


def strict_json(value: bytes, counts: Counter[str]) -> bytes:
    """The message in strict JSON: NaN and Infinity have become text. Raises EventError `not_json`."""
    data = utf8(value.removeprefix(_BOM), counts).strip().encode()
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
        return data
    except (msgspec.DecodeError, RecursionError) as error:
        return _again(data, error, counts)


def parsed_json(data: bytes, counts: Counter[str]) -> Any:
    """What strict JSON holds; a number that is too large for a float is text. Raises EventError `not_json`."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        again = _again(data, error, counts)
    try:
        return msgspec.json.decode(again)
    except (msgspec.DecodeError, RecursionError) as error:
        raise EventError("not_json", f"the message is not JSON: {error}") from None


def readable(data: bytes, counts: Counter[str]) -> bytes:
    """A part of a message in strict JSON: a parser that skips it lets pass what is none. Raises EventError."""
    return _again(utf8(data, counts).encode(), None, counts)


def _again(data: bytes, error: Exception | None, counts: Counter[str]) -> bytes:
    """What msgspec has not read, read by Python and written as strict JSON. Raises EventError `not_json`.

    Halves of surrogate pairs, which JSON can spell and which are no text, become U+FFFD as bytes do (`not_utf8`).
    """
    try:
        parsed = json.loads(data, parse_constant=str, parse_float=_float)
        text = json.dumps(parsed, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise EventError("not_json", "the message is nested too deeply") from None
    except ValueError as other:  # no JSON, or a number with thousands of digits
        raise EventError("not_json", f"the message is not JSON: {error or other}") from None
    whole = _HALF.sub("\ufffd", text)
    if whole != text:
        counts["not_utf8"] += 1
    return whole.encode()


def without_nulls(value: Any) -> Any:
    """Parsed JSON without the members that are null: in protobuf's JSON such a field is not set."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def _float(text: str) -> float | str:
    number = float(text)
    return number if number - number == 0 else text
