"""Elasticsearch or OpenSearch: where each incident stands, in an index, and all that was told of it, in a data stream.

Both go in one bulk request, and each has its own outcome in the answer, whose status is 200 whatever became of them.
The index takes an incident by its revision as the version, and refuses an older one; the data stream takes each message
once, by its id. Either refusal (409) says that it is there already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from floodmark.config.targets import Elasticsearch
from floodmark.notify.bodies import decoded, encoded, items_at, within
from floodmark.notify.sink import (
    LATER,
    Delivered,
    Event,
    Exchange,
    Later,
    Message,
    Outcome,
    Refused,
    Request,
    Sink,
    retry_after,
    settled,
)
from floodmark.notify.targets.authorization import basic
from floodmark.notify.targets.elasticsearch.documents import document

_TAKES: Final[frozenset[Event]] = frozenset({"open", "update", "resolve"})
MOST: Final = 400_000
"""Bytes of a document; it is sent twice."""
_THERE: Final = 409
_ID: Final = 512
"""Bytes of an id."""


def sink(settings: Elasticsearch, exchange: Exchange) -> Sink:
    """A cluster of either."""
    return _Cluster(settings, exchange)


class _Cluster:
    takes = _TAKES

    def __init__(self, settings: Elasticsearch, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._headers = {"content-type": "application/x-ndjson", **authorization(settings)}

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        url = f"{self._settings.url.rstrip('/')}/_bulk"
        body = b"".join(line + b"\n" for line in self._lines(message))
        answer = await self._exchange(Request("POST", url, self._headers, body))
        found = settled(answer, memory)
        if not isinstance(found, Delivered):
            return found
        items = items_at(decoded(answer), "items")
        if len(items) != body.count(b"\n") // 2:
            return Later("the answer is none of Elasticsearch's: is `url` right, or is something between?")
        return _settled(items, memory, retry_after(answer))

    def _lines(self, message: Message) -> Iterator[bytes]:
        """Each line an object, as a bulk request has it; the documents are the same."""
        body = encoded(within(document(message), MOST))
        version = {"version": max(message.revision, 0), "version_type": "external_gte"}
        yield encoded({"index": {"_index": self._settings.index, "_id": _id(message.key), **version}})
        yield body
        if self._settings.stream is not None:
            yield encoded({"create": {"_index": self._settings.stream, "_id": _id(message.id)}})
            yield body


def authorization(settings: Elasticsearch) -> dict[str, str]:
    """The header that proves who asks; none, if the cluster asks for nothing."""
    if settings.api_key is not None:
        return {"authorization": f"ApiKey {settings.api_key.get_secret_value()}"}
    if settings.username is None:
        return {}
    return basic(settings.username, settings.password)


def _settled(items: list[Any], memory: Mapping[str, str], after: float | None) -> Outcome:
    """What became of all of it: to be tried again if any part is, for what is there already stays as it is."""
    later: list[str] = []
    refused: list[str] = []
    there = 0
    for each in items:
        result = next(iter(each.values()), None) if isinstance(each, dict) else None
        status = result.get("status") if isinstance(result, dict) else None
        if not isinstance(result, dict) or not isinstance(status, int):
            later.append("an item without a status")
        elif status == _THERE:
            there += 1
        elif not 200 <= status < 300:
            (later if status in LATER or status >= 500 else refused).append(f"status {status}: {_why(result)}")
    if later:
        return Later(later[0], after)
    if refused:
        return Refused(refused[0])
    return Delivered(memory, "it was there already" if there else "")


def _why(result: Mapping[str, Any]) -> str:
    error = result.get("error")
    if not isinstance(error, dict):
        return "it does not say why"
    cause = error.get("caused_by")
    words = [error.get("type"), error.get("reason"), cause.get("reason") if isinstance(cause, dict) else None]
    return ": ".join(" ".join(each.split()) for each in words if isinstance(each, str))[:300]


def _id(text: str) -> str:
    """The id, or what stands for one that is too long."""
    raw = text.encode("utf-8", "replace")
    return text if 0 < len(raw) <= _ID else hashlib.blake2b(raw, digest_size=16).hexdigest()
