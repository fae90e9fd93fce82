"""Secrets of the config are shown nowhere: not in the log, not in reasons, not in records, not in what is told.

What a target answers may repeat what it was sent, and so may an exception. So the values themselves are looked for, as
they are written in JSON, in addresses and in HTTP's basic authentication, and *** stands in their place.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel

from floodmark.notify.secrets import forms
from floodmark.notify.sink import Message

_SHORTEST: Final = 6
"""A secret of fewer characters is none, and what it is made of stands everywhere."""
_STARS: Final = "***"
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
        self._values |= {form for form in forms(config) if len(form) >= _SHORTEST}
        if self._values:
            either = "|".join(re.escape(value) for value in sorted(self._values, key=len, reverse=True))
            self._text, self._bytes = re.compile(either), re.compile(either.encode("utf-8", "surrogatepass"))

    def __call__(self, text: str) -> str:
        return text if self._text is None else self._text.sub(_STARS, text)

    def message(self, message: Message) -> Message:
        """A message without them; the very same where there are none. Its id and its key stay: they are ours, and what
        idempotent targets go by."""
        if self._bytes is None or not self._bytes.search(data := msgspec.json.encode(message)):
            return message
        try:
            masked = _message.decode(self._bytes.sub(_STARS.encode(), data))
        except msgspec.MsgspecError:
            return message  # a secret that is a word of our own form: it says nothing
        return replace(masked, id=message.id, key=message.key)


@contextmanager
def covering(masking: Masking) -> Iterator[None]:
    """While entered, nothing of it is in what the log writes, tracebacks included."""
    cover(masking)
    try:
        yield
    finally:
        for handler in logging.getLogger().handlers:
            if isinstance(handler.formatter, _Covered):
                handler.setFormatter(handler.formatter.inner)


def cover(masking: Masking) -> None:
    """The same of handlers that have come since: whoever configures the log makes new ones."""
    for handler in logging.getLogger().handlers:
        if not isinstance(handler.formatter, _Covered):
            handler.setFormatter(_Covered(handler.formatter or logging.Formatter(), masking))


class _Covered(logging.Formatter):
    def __init__(self, inner: logging.Formatter, masking: Masking) -> None:
        super().__init__()
        self.inner = inner
        self._masking = masking

    def format(self, record: logging.LogRecord) -> str:
        return self._masking(self.inner.format(record))
