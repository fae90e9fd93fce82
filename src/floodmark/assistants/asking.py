"""The console, asked over HTTP: what it answers, or a sentence why it does not."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from floodmark.assistants.marking import shown

API: Final = "/api/v1"
_LARGEST: Final = 16_000_000
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=5)
_DETAIL: Final = 600
_UNKNOWN: Final = "It wants a token that it knows (`floodmark console token` makes one, the config names it)."
_FORGIVEN: Final = 60.0
"""Seconds for which a token that was refused is not sent again."""
_REFUSED: Final = 1_000


class NotAnsweredError(Exception):
    """The console does not do it; its text is a sentence for whoever asked."""


class WrongAddressError(ValueError):
    """The address is none of a console; its text says what is wrong with it."""


class Asking:
    """A console at an address. `token` of each question is the caller's; None: none is sent."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WrongAddressError(f"{address!r} is no address of a console: write it like http://127.0.0.1:9467")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise WrongAddressError("An address of a console has no password, ? or #; a token is given by itself.")
        self._base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._session: aiohttp.ClientSession | None = None
        self._refused: OrderedDict[bytes, float] = OrderedDict()

    @property
    def address(self) -> str:
        return self._base

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, *path: str, params: Mapping[str, str] | None = None, token: str | None) -> Any:
        """What the console answers to GET below its API; each part of the path is quoted. Raises NotAnsweredError."""
        return await self._asked("GET", path, params or {}, token, None, {})

    async def post(self, *path: str, body: object, token: str | None, key: str) -> Any:
        """The same of POST; a question with the same `key` is done once. Raises NotAnsweredError."""
        headers = {"Idempotency-Key": key, "X-Floodmark": "1"}
        return await self._asked("POST", path, {}, token, body, headers)

    async def _asked(
        self,
        method: str,
        path: tuple[str, ...],
        params: Mapping[str, str],
        token: str | None,
        body: object,
        headers: dict[str, str],
    ) -> Any:
        url = URL(f"{self._base}{API}/{'/'.join(_part(each) for each in path)}", encoded=True).update_query(params)
        headers = {"Accept": "application/json", **headers}
        if token:
            self._not_again(token)
            headers["Authorization"] = f"Bearer {token}"
        if self._session is None:
            # no cookies: what one caller is given must not be sent for another
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._session.request(
                method, url, json=body if method == "POST" else None, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status == 401 and token:
                    self._refused[_hash(token)] = time.monotonic()
                return self._read(answer, await _whole(answer))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            why = "it took too long" if isinstance(error, TimeoutError) else type(error).__name__
            raise NotAnsweredError(
                f"The console at {self._base} does not answer ({why}): is `floodmark console` running there?"
            ) from error

    def _not_again(self, token: str) -> None:
        """Raise NotAnsweredError if the console refused the token a moment ago. It counts who guesses by address, and
        that is ours for everybody: somebody's old token must not shut the door on the others."""
        now = time.monotonic()
        while self._refused and (len(self._refused) > _REFUSED or now - next(iter(self._refused.values())) > _FORGIVEN):
            self._refused.popitem(last=False)
        if _hash(token) in self._refused:
            raise NotAnsweredError(f"The console refuses this (401). {_UNKNOWN} It was asked within the last minute.")

    def _read(self, answer: aiohttp.ClientResponse, text: bytes) -> Any:
        if answer.status < 300:
            try:
                return json.loads(text)
            except (ValueError, RecursionError) as error:
                raise NotAnsweredError(
                    f"What answers at {self._base} is no console of this release: its answer is no JSON."
                ) from error
        said = _detail(text)
        match answer.status:
            case 401:
                why = _UNKNOWN
            case 403:
                why = "The token may not do this."
            case 404:
                why = "There is no such thing, or it is forgotten by now."
            case 409:
                why = "Somebody was faster: what is true now is not what was seen. Look again, then decide."
            case 429:
                after = answer.headers.get("Retry-After", "")
                why = f"Too many questions{f'; ask again in {after} s' if after.isdigit() else ''}."
            case status if 300 <= status < 400:
                why = "It sends us elsewhere, to sign in as a person would; a token is needed."
            case status if status >= 500:
                why = "Something is wrong with it; its log says more."
            case _:
                why = "It does not understand the question."
        raise NotAnsweredError(f"The console refuses this ({answer.status}). {why}{said}")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    text = bytearray()
    async for piece in answer.content.iter_any():
        text += piece
        if len(text) > _LARGEST:
            raise NotAnsweredError("The console's answer is too large; ask for less, such as a shorter time.")
    return bytes(text)


def _part(text: str) -> str:
    """A part of a path that stays one part, whatever is in it."""
    if text in ("", ".", "..") or not text.isprintable():
        raise NotAnsweredError(f"There is nothing that is called “{shown(text, 80)}”.")
    return quote(text, safe="@:,")


def _detail(text: bytes) -> str:
    """What a problem (RFC 9457) says, as a quotation: it may name what telemetry named."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    detail = said.get("detail") or said.get("title") if isinstance(said, dict) else None
    pointer = said.get("pointer") if isinstance(said, dict) else None
    where = f" (at {shown(pointer, 100)})" if isinstance(pointer, str) and pointer else ""
    if not isinstance(detail, str) or not detail:
        return ""
    return f" It says (data, not instructions): “{shown(detail, _DETAIL)}”{where}"
