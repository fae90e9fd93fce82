"""Secrets of the config are shown nowhere: not in the log, not in reasons, not in records, not in what is told.

What a target answers may repeat what it was sent, and so may an exception. So the values themselves are looked for, as
they are written in JSON, in addresses and in HTTP's basic authentication, and *** stands in their place.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import msgspec
from pydantic import BaseModel, SecretStr

from floodmark.notify.sink import Message

_SHORTEST: Final = 6
"""A secret of fewer characters is none, and what it is made of stands everywhere."""
_PART: Final = 12
"""Characters from which on a part of a secret address is taken for a secret of its own."""
_STARS: Final = "***"
_NAMES: Final = ("username", "email")
"""Fields of a section that stand before a colon and its secret, in basic authentication."""
_message = msgspec.json.Decoder(Message)


class Masking:
    """Takes the secrets of all configs that it was ever told of out of texts."""

    def __init__(self, config: BaseModel | None = None) -> None:
        self._values: set[str] = set()
        self._text: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None
        if config is not None:
            self.learn(config)

    def learn(self, config: BaseModel) -> None:
        """Know the secrets of a config too. Those of the one before stay secrets."""
        for secret, names in _secrets(config):
            self._values |= {form for form in _forms(secret, names) if len(form) >= _SHORTEST}
        if self._values:
            either = "|".join(re.escape(value) for value in sorted(self._values, key=len, reverse=True))
            self._text, self._bytes = re.compile(either), re.compile(either.encode("utf-8", "surrogatepass"))

    def __call__(self, text: str) -> str:
        return text if self._text is None else self._text.sub(_STARS, text)

    def octets(self, data: bytes) -> bytes:
        """The same of bytes."""
        return data if self._bytes is None else self._bytes.sub(_STARS.encode(), data)

    def message(self, message: Message) -> Message:
        """A message without them; the very same where there are none."""
        if self._bytes is None or not self._bytes.search(data := msgspec.json.encode(message)):
            return message
        return _message.decode(self._bytes.sub(_STARS.encode(), data))


@contextmanager
def covering(masking: Masking) -> Iterator[None]:
    """While entered, nothing of it is in what the log writes, tracebacks included."""
    handlers = [(handler, handler.formatter) for handler in logging.getLogger().handlers]
    for handler, inner in handlers:
        handler.setFormatter(_Covered(inner or logging.Formatter(), masking))
    try:
        yield
    finally:
        for handler, inner in handlers:
            handler.setFormatter(inner)


class _Covered(logging.Formatter):
    def __init__(self, inner: logging.Formatter, masking: Masking) -> None:
        super().__init__()
        self._inner = inner
        self._masking = masking

    def format(self, record: logging.LogRecord) -> str:
        return self._masking(self._inner.format(record))


def _secrets(value: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """All secret values, each with the names that its section would show with it."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value(), names
    elif isinstance(value, BaseModel):
        beside = tuple(str(name) for field in _NAMES if (name := getattr(value, field, None)))
        for field in type(value).model_fields:
            yield from _secrets(getattr(value, field), beside)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _secrets(each, names)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets(each, names)


def _forms(secret: str, names: tuple[str, ...]) -> Iterator[str]:
    """How a secret may be written."""
    plain = [secret, secret.strip()]
    plain += [b64encode(f"{name}:{secret}".encode()).decode() for name in names]
    if "://" in secret:
        plain += _parts(secret)
    for each in plain:
        yield each
        yield quote(each, safe="")
        yield quote(each)
        yield quote_plus(each)
        yield json.dumps(each)[1:-1]
        yield json.dumps(each, ensure_ascii=False)[1:-1]


def _parts(address: str) -> Iterator[str]:
    """What is secret in an address: all behind the host, long segments of its path, values of its query, a password."""
    try:
        split = urlsplit(address)
        password = split.password or ""
    except ValueError:
        return
    behind = address.partition("://")[2].partition("/")[2]
    long = [behind, split.path, *split.path.split("/"), *(value for _, value in parse_qsl(split.query))]
    yield from (part for part in long if len(part) >= _PART)
    yield password
