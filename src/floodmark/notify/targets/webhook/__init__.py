"""A signed webhook: each message as a CloudEvent in JSON, signed as Standard Webhooks say. See README.md."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from floodmark.alerts import content_id
from floodmark.config.targets import Webhook
from floodmark.notify.bodies import encoded, within
from floodmark.notify.sink import Event, Exchange, Message, Outcome, Refused, Request, Sink, settled

EVENTS: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest", "change", "request", "playbook"})
TYPE: Final = "dev.floodmark.message.v1"
SOURCE: Final = "/floodmark/notify"
_MOST: Final = 256 * 1024
"""Bytes of what is told; what is larger has its lists and texts cut."""
_GONE: Final = 410
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_.~:+/@-]{1,200}")
_BASE64: Final = "whsec_"


def sink(settings: Webhook, exchange: Exchange, clock: Callable[[], float] = time.time) -> Sink:
    return _Sink(settings, exchange, clock)


class _Sink:
    takes = EVENTS

    def __init__(self, settings: Webhook, exchange: Exchange, clock: Callable[[], float]) -> None:
        self._settings, self._exchange, self._clock = settings, exchange, clock
        self._keys = keys(settings.secret.get_secret_value()) if settings.secret is not None else []

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        attributes = {
            "specversion": "1.0",
            "id": message.id,
            "source": SOURCE,
            "type": TYPE,
            "time": message.at.isoformat().replace("+00:00", "Z"),
            "subject": message.key,
        }
        attributes = {name: value for name, value in attributes.items() if value}
        data = within(message, _MOST)
        if self._settings.mode == "structured":
            body = encoded({**attributes, "datacontenttype": "application/json", "data": data})
            headers = {"content-type": "application/cloudevents+json"}
        else:
            body = encoded(data)
            headers = {"content-type": "application/json"}
            headers |= {f"ce-{name}": _header(value) for name, value in attributes.items()}
        headers |= self._signed(message, body)
        mine = {name: value.get_secret_value() for name, value in self._settings.headers.items()}
        headers |= {name: value for name, value in mine.items() if name.lower() not in headers}
        request = Request("POST", self._settings.url.get_secret_value(), headers, body)
        answer = await self._exchange(request)
        if answer.status == _GONE:
            return Refused("status 410: whoever is there wants no more webhooks")
        return settled(answer)

    def _signed(self, message: Message, body: bytes) -> dict[str, str]:
        name = message.id if _PLAIN_ID.fullmatch(message.id) else content_id("msg", _text(message.id))
        headers = {"idempotency-key": name, "webhook-id": name, "webhook-timestamp": str(int(self._clock()))}
        if self._keys:
            signed = f"{name}.{headers['webhook-timestamp']}.".encode() + body
            headers["webhook-signature"] = " ".join(f"v1,{signature(key, signed)}" for key in self._keys)
        return headers


def keys(secret: str) -> list[bytes]:
    """The keys of a secret: of whsec_… what it is in base64, several of them where one replaces another (with spaces
    between); of any other text its bytes."""
    words = secret.split()
    if words and all(word.startswith(_BASE64) for word in words):
        return [base64.b64decode(word.removeprefix(_BASE64)) for word in words]
    return [secret.encode()]


def signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _header(value: str) -> str:
    """As CloudEvents' HTTP binding has it: what is no printable ASCII, and space, quotes and percent, as %XX."""
    return quote(_text(value)[:1_000], safe="!#$&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
