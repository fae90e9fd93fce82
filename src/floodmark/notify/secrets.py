"""What a target's secrets are, and that none of them is in what is said of it.

What answers a request may repeat it, address and all. So answers that are errors are masked before a sink reads them
(before anything is cut, for half of a secret is not found any more), and what a sink says is masked once more.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

from pydantic import BaseModel, SecretStr

from floodmark.notify import wording
from floodmark.notify.sink import (
    Answer,
    Delivered,
    Event,
    Exchange,
    Later,
    Message,
    Outcome,
    Refused,
    Request,
    Sink,
    UnansweredError,
)

_HIDDEN: Final = "***"
_LONGEST: Final = 600
_SHORTEST: Final = 4
"""A secret that is shorter would hide words that are none."""
_PART: Final = re.compile(r"(?=.*\d).{8,}|.{16,}")
"""The same of a part of an address: what is shorter, or has no digit, is api, v1, services."""


class Secrets:
    """What must be shown nowhere: the secrets of a section, as they are and as requests carry them."""

    def __init__(self, settings: BaseModel) -> None:
        words = [re.escape(form) for form in sorted(forms(settings), key=len, reverse=True) if len(form) >= _SHORTEST]
        self._pattern = re.compile("|".join(words)) if words else None

    def hide(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(_HIDDEN, text) if self._pattern is not None else text


class Guarded:
    """A sink whose outcomes are a line of text, without secrets."""

    def __init__(self, sink: Sink, secrets: Secrets) -> None:
        self._sink, self._secrets = sink, secrets
        self.takes: frozenset[Event] = sink.takes

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        outcome = await self._sink.deliver(message, memory)
        if isinstance(outcome, Delivered):
            return outcome._replace(note=self._shown(outcome.note))
        if isinstance(outcome, Later):
            return outcome._replace(reason=self._shown(outcome.reason))
        return Refused(self._shown(outcome.reason))

    def _shown(self, text: str) -> str:
        return wording.line(self._secrets.hide(text), _LONGEST)


def masking(exchange: Exchange, secrets: Secrets) -> Exchange:
    """An exchange whose answers, if they are errors, have no secrets in them."""

    async def masked(request: Request) -> Answer:
        try:
            answer = await exchange(request)
        except UnansweredError as error:
            raise UnansweredError(secrets.hide(str(error))) from None
        if 200 <= answer.status < 300:
            return answer
        body = answer.body.decode("utf-8", "surrogateescape")
        return answer._replace(body=secrets.hide(body).encode("utf-8", "surrogateescape"))

    return masked


def forms(settings: BaseModel) -> set[str]:
    """All secrets of a section and of what is in it, in the forms in which they may be written."""
    return {form for secret, user in _secrets(settings, "") for form in _forms(secret, user)} - {""}


def _secrets(value: Any, user: str) -> Iterator[tuple[str, str]]:
    """Each with the name that is shown with it, in basic authentication."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value(), user
    elif isinstance(value, BaseModel):
        named = getattr(value, "username", None) or getattr(value, "email", None)
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), named if isinstance(named, str) else "")
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each, user)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets(each, user)


def _forms(secret: str, user: str) -> Iterator[str]:
    """A secret as it is, as JSON, addresses and basic authentication write it, and of one that is an address what it is
    made of."""
    yield from (secret, secret.strip(), quote(secret, safe=""), quote(secret), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    if user:
        yield base64.b64encode(f"{user}:{secret}".encode()).decode()
    if "://" not in secret:
        return
    try:
        parts = urlsplit(secret)
    except ValueError:
        return
    yield parts.password or ""
    whole = (parts.path, parts.query, f"{parts.path}?{parts.query}")
    pieces = (*whole, *re.split(r"[/&=]", f"{parts.path}/{parts.query}"))
    yield from (each for each in pieces if _PART.fullmatch(each))
