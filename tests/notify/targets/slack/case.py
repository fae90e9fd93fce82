"""Slack in the shared suite: a bot that may read the channel, one that may not, and an incoming webhook."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from suite import Case, Kinds, Taker, said

from floodmark.notify.sink import Answer, Delivered, Refused, Request

MARKUP = ("<script>", "<!channel>", "<@U0123>", "<at>everyone</at>")


class Vendor:
    """A channel. It answers 200 whatever happens."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Answer:
        method = urlsplit(request.url).path.rpartition("/")[2]
        if method.startswith("conversations."):
            asked = {name: each[0] for name, each in parse_qs(urlsplit(request.url).query).items()}
            found = [each for each in self.messages if self._below(each) == asked.get("ts")]
            return _says({"ok": True, "messages": found[::-1]})
        body = json.loads(request.body)
        if method == "chat.postMessage":
            stamp = f"1770000000.{len(self.messages):06d}"
            self.messages.append({**body, "ts": stamp})
            return _says({"ok": True, "channel": body["channel"], "ts": stamp})
        for each in self.messages:
            if each["ts"] == body["ts"]:
                each.update(body)
                return _says({"ok": True, "channel": body["channel"], "ts": body["ts"]})
        return _says({"ok": False, "error": "message_not_found"})

    @staticmethod
    def _below(message: dict[str, Any]) -> str | None:
        return message.get("thread_ts")

    def standing(self) -> list[tuple[str, bool]]:
        first = [each for each in self.messages if "thread_ts" not in each]
        return [(_key(each), not each["text"].startswith("Resolved: ")) for each in first]


def _says(body: dict[str, Any]) -> Answer:
    return Answer(200, {}, json.dumps(body).encode())


def _key(body: dict[str, Any]) -> str:
    return str(body["metadata"]["event_payload"]["key"])


def _identity(request: Request) -> str | None:
    return _key(json.loads(request.body)) if request.method == "POST" else None


def _expect(status: int, request: Request) -> Kinds:
    """What may not be read keeps nothing from being told."""
    kinds = said(status, request)
    return (Delivered,) if request.method == "GET" and kinds == (Refused,) else kinds


BOT = {"token": "xoxb-99887766-abcdefgh", "channel": "C0123456789"}

CASES = [
    Case(
        kind="slack",
        name=name,
        section={**BOT, **more},
        hosts=frozenset({"slack.com"}),
        vendor=Vendor,
        identity=_identity,
        most=40_000,
        loses=not more,
        expect=_expect,
        markup=MARKUP,
    )
    for name, more in (("bot", {}), ("history", {"history": True}))
] + [
    Case(
        kind="slack",
        name="webhook",
        section={"webhook": "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/sEcReTsEcReT99"},
        hosts=frozenset({"hooks.slack.com"}),
        vendor=lambda: Taker(200, b"ok"),
        most=40_000,
        markup=MARKUP,
    )
]
