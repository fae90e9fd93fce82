"""Bodies of requests and answers: JSON that every vendor can read, and JSON that nobody promised to be any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

from floodmark.notify.sink import Answer

_HOSTILE: Final = re.compile("[\x00\ud800-\udfff]")
_STEPS: Final = ((4_000, 100), (1_000, 30), (300, 10), (80, 3))
"""How long texts, and lists, may be in what is too large: the first of these that fits."""


def encoded(value: Any) -> bytes:
    """JSON. NUL, which databases refuse, and halves of surrogate pairs, which are no text, become spaces."""
    plain = msgspec.to_builtins(value, builtin_types=(), str_keys=True)
    try:
        body = orjson.dumps(plain)
    except orjson.JSONEncodeError:
        return orjson.dumps(_clean(plain))
    return orjson.dumps(_clean(plain)) if b"\\u0000" in body else body


def within(value: Any, most: int) -> Any:
    """The value as it is in JSON, its texts and lists cut until it has at most so many bytes."""
    plain = msgspec.to_builtins(value, builtin_types=(), str_keys=True)
    if len(encoded(plain)) <= most:
        return plain
    for texts, items in _STEPS:
        smaller = _cut(plain, texts, items)
        if len(encoded(smaller)) <= most:
            break
    return smaller


def decoded(answer: Answer) -> Any:
    """What an answer holds; None if that is no JSON."""
    try:
        return orjson.loads(answer.body)
    except (orjson.JSONDecodeError, RecursionError):
        return None


def at(value: Any, *path: str) -> Any:
    """What is at the path of names; None if there is no such thing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def text_at(value: Any, *path: str) -> str:
    """The text, or the whole number as text, at the path of names; empty if there is no such thing."""
    found = at(value, *path)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) else ""


def items_at(value: Any, *path: str) -> list[Any]:
    """The list at the path of names; empty if there is no such thing."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _HOSTILE.sub(" ", value)
    if isinstance(value, dict):
        return {_clean(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value


def _cut(value: Any, texts: int, items: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= texts else value[: texts - 1] + "…"
    if isinstance(value, dict):
        return {_cut(key, texts, items): _cut(each, texts, items) for key, each in list(value.items())[: items + 20]}
    if isinstance(value, list | tuple):
        return [_cut(each, texts, items) for each in value[:items]]
    return value
