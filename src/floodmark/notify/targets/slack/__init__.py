"""Slack: one message an incident, edited as it goes on, and a thread below it that says what has happened.

`memory` has the channel and the time stamp of the first message. An incoming webhook can neither edit nor thread: it
gets a message each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from floodmark.config.targets import Slack
from floodmark.notify import posts
from floodmark.notify.bodies import at, decoded, encoded, items_at, text_at
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
    retry_after,
    settled,
)
from floodmark.notify.targets.authorization import bearer
from floodmark.notify.targets.slack import blocks

_JSON: Final = {"content-type": "application/json; charset=utf-8"}
_TAKES: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest", "change", "request"})
_LATER: Final = frozenset(
    {
        "accesslimited",
        "fatal_error",
        "internal_error",
        "message_limit_exceeded",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
        "update_failed",
    }
)
"""Errors that pass by themselves."""
_SHAPE: Final = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "metadata_must_be_sent_from_app",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
    }
)
"""Errors of the blocks, or of what is beside them: it is told as text then."""
_GONE: Final = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})
"""The first message is not there any more, or is none of ours: a new one takes its place."""
_FIXED: Final = frozenset({"edit_window_closed", "is_inactive"})
"""The first message stands as it is: the thread goes on."""
_SEEN: Final = 100
"""So many messages are looked through for one whose answer was lost."""


class _Error(str):
    """An error of Slack's, by its code."""


def sink(settings: Slack, exchange: Exchange) -> Sink:
    """Slack, by a bot's token or an incoming webhook."""
    return _Webhook(settings, exchange) if settings.webhook is not None else _Bot(settings, exchange)


class _Bot:
    takes = _TAKES

    def __init__(self, settings: Slack, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        assert settings.token is not None
        self._proof = bearer(settings.token)
        self._headers = {**_JSON, **self._proof}

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if not (memory.get("ts") and memory.get("channel")):
            found = await self._found(message)
            if isinstance(found, Later):
                return found
            memory, stands = found
            if not memory or stands:
                return Delivered(memory, "it stood there already") if stands else await self._first(message)
        body = {**self._body(message), "channel": memory["channel"], "ts": memory["ts"]}
        answer = await self._said("chat.update", body)
        if isinstance(answer, _Error) and answer in _GONE:
            return await self._first(message)
        if isinstance(answer, Later | Refused):
            return answer
        if isinstance(answer, _Error) and answer not in _FIXED:
            return _judged(answer)
        if message.event not in ("open", "update", "resolve"):
            return Delivered(memory)
        return await self._reply(message, memory)

    async def _first(self, message: Message) -> Outcome:
        answer = await self._said("chat.postMessage", {**self._body(message), "channel": self._settings.channel})
        if isinstance(answer, Later | Refused):
            return answer
        if isinstance(answer, _Error):
            return _judged(answer)
        channel, stamp = answer.get("channel"), answer.get("ts")
        known = isinstance(channel, str) and isinstance(stamp, str)
        return Delivered({"channel": str(channel), "ts": str(stamp)} if known else {})

    async def _reply(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if self._settings.history and (stands := await self._replied(message, memory)):
            return stands if isinstance(stands, Later) else Delivered(memory)
        body: dict[str, Any] = {
            **blocks.reply(message, buttons=self._settings.buttons),
            "channel": memory["channel"],
            "thread_ts": memory["ts"],
            "reply_broadcast": message.loud,
            "unfurl_links": False,
            "metadata": _metadata(message),
        }
        answer = await self._said("chat.postMessage", body)
        if isinstance(answer, Later | Refused):
            return answer
        if isinstance(answer, _Error):
            return await self._first(message) if answer in _GONE else _judged(answer)
        return Delivered(memory)

    def _body(self, message: Message) -> dict[str, Any]:
        return {
            "text": blocks.title(message),
            "blocks": blocks.blocks(message, buttons=self._settings.buttons),
            "metadata": _metadata(message),
            "unfurl_links": False,
            "unfurl_media": False,
        }

    async def _said(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any] | _Error | Later | Refused:
        """What Slack says to it; if it does not take the blocks, what it says to the words alone."""
        if method == "chat.update":
            body = {name: each for name, each in body.items() if not name.startswith("unfurl_")}
        answer = await self._call(Request("POST", f"{self._url()}/{method}", self._headers, encoded(body)))
        if isinstance(answer, _Error) and answer in _SHAPE and body.get("blocks"):
            bare = {name: each for name, each in body.items() if name != "metadata"}
            text = "\n".join(each["text"]["text"] for each in body["blocks"] if "text" in each)
            bare |= {"text": text[: blocks.SECTION], "blocks": []}
            answer = await self._call(Request("POST", f"{self._url()}/{method}", self._headers, encoded(bare)))
        return answer

    async def _call(self, request: Request) -> Mapping[str, Any] | _Error | Later | Refused:
        answer = await self._exchange(request)
        outcome = settled(answer)
        if not isinstance(outcome, Delivered):
            return outcome
        body = decoded(answer)
        if not isinstance(body, dict) or not isinstance(body.get("ok"), bool):
            return Later("the answer is none of Slack's: is `url` right, or is something between?")
        if body["ok"]:
            return body
        return _error(body, answer)

    async def _found(self, message: Message) -> tuple[Mapping[str, str], bool] | Later:
        """The first message of the same key, if it is among the channel's newest and may be read, and whether it says
        this already."""
        channel = self._settings.channel
        if not self._settings.history or channel is None:
            return {}, False
        found = await self._listed("conversations.history", {"channel": channel})
        if isinstance(found, Later):
            return found
        for each in found:
            stamp, payload = text_at(each, "ts"), at(each, "metadata", "event_payload")
            if stamp and text_at(payload, "key") == message.key:
                return {"channel": channel, "ts": stamp}, text_at(payload, "id") == message.id
        return {}, False

    async def _replied(self, message: Message, memory: Mapping[str, str]) -> bool | Later:
        asked = {"channel": memory["channel"], "ts": memory["ts"]}
        found = await self._listed("conversations.replies", asked)
        if isinstance(found, Later):
            return found
        below = [each for each in found if text_at(each, "ts") != memory["ts"]]
        return any(text_at(each, "metadata", "event_payload", "id") == message.id for each in below)

    async def _listed(self, method: str, asked: Mapping[str, str]) -> list[Any] | Later:
        """The messages; none, if they may not be read, for that is no reason to tell nothing."""
        query = urlencode({**asked, "limit": str(_SEEN), "include_all_metadata": "true"})
        answer = await self._call(Request("GET", f"{self._url()}/{method}?{query}", self._proof))
        return answer if isinstance(answer, Later) else items_at(answer, "messages")

    def _url(self) -> str:
        return self._settings.url.rstrip("/")


class _Webhook:
    takes = _TAKES

    def __init__(self, settings: Slack, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if (outcome := posts.passed_over(message, memory)) is not None:
            return outcome
        body: dict[str, Any] = {"text": blocks.title(message)}
        body["blocks"] = blocks.blocks(message, buttons=self._settings.buttons)
        answer = await self._post(body)
        if answer.status == 400 and any(word in answer.body for word in (b"invalid_blocks", b"msg_blocks_too_long")):
            answer = await self._post({"text": blocks.words(message)})
        return settled(answer, posts.remembered(message))

    async def _post(self, body: Mapping[str, Any]) -> Answer:
        assert self._settings.webhook is not None
        return await self._exchange(Request("POST", self._settings.webhook.get_secret_value(), _JSON, encoded(body)))


def _metadata(message: Message) -> dict[str, Any]:
    """What a message is about, for programs: Slack keeps it beside the message, and shows it to nobody."""
    payload = {"key": message.key, "id": message.id, "revision": message.revision}
    return {"event_type": "floodmark", "event_payload": payload}


def _error(body: Mapping[str, Any], answer: Answer) -> _Error | Later:
    code = body.get("error")
    code = code if isinstance(code, str) and re.fullmatch(r"[a-z0-9_]{1,80}", code) else "an error without a name"
    if code in _LATER:
        return Later(f"Slack says {code}", retry_after(answer))
    return _Error(code)


def _judged(error: _Error) -> Refused:
    hint = _HINTS.get(error, "")
    return Refused(f"Slack says {error}{f': {hint}' if hint else ''}")


_HINTS: Final = {
    "channel_not_found": "is `channel` the id of a channel (C0123456789) of the token's workspace?",
    "invalid_auth": "`token` is not valid",
    "is_archived": "the channel is archived",
    "missing_scope": "the token needs chat:write, and channels:history for `history`",
    "not_authed": "`token` is empty",
    "not_in_channel": "invite the app to the channel",
    "token_expired": "`token` has expired",
    "token_revoked": "`token` was revoked",
}
