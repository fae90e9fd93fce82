"""Requests in JSON and what comes back, for targets whose answers have to be looked into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from floodmark.notify.bodies import decoded, encoded
from floodmark.notify.sink import Answer, Exchange, Request

JSON = {"content-type": "application/json", "accept": "application/json"}


async def asked(exchange: Exchange, url: str, headers: Mapping[str, str]) -> Answer:
    """What a GET gives."""
    return await exchange(Request("GET", url, {**JSON, **headers}))


async def posted(
    exchange: Exchange, url: str, body: object, headers: Mapping[str, str], method: str = "POST"
) -> Answer:
    """What a JSON body gives."""
    return await exchange(Request(method, url, {**JSON, **headers}, encoded(body)))


def said(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer; an empty one where there is none."""
    body = decoded(answer)
    return body if isinstance(body, dict) else {}


def at(url: str, *parts: str) -> str:
    """An address below another one; each part is one segment of its path, whatever it holds."""
    return "/".join([url.rstrip("/"), *(quote(part, safe="") for part in parts)])
