"""Microsoft Teams: a card for each message, posted by a workflow ("when a Teams webhook request is received").

Cards that were posted can not be changed from outside, and there is no thread: each message is a card of its own. What
comes from an incident stands in text runs, which Teams does not read as Markdown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from floodmark.config.targets import Teams
from floodmark.notify import posts, wording
from floodmark.notify.bodies import encoded
from floodmark.notify.links import links
from floodmark.notify.sink import Event, Exchange, Message, Outcome, Request, Sink, settled

MOST: Final = 20_000
"""Bytes of a message. Microsoft says about 28 KB, of what it makes of it; 413 has been seen from 21 KB on."""
_LINES: Final = (400, 200, 100, 50)
"""How long lines may be, until the card fits."""
_JSON: Final = {"content-type": "application/json"}
_TAKES: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest", "change", "request"})
_COLOURS: Final = {"info": "Accent", "warning": "Warning", "error": "Attention", "critical": "Attention"}


def sink(settings: Teams, exchange: Exchange) -> Sink:
    """A channel or chat, by the address of its workflow."""
    return _Teams(settings, exchange)


class _Teams:
    takes = _TAKES

    def __init__(self, settings: Teams, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if (outcome := posts.passed_over(message, memory)) is not None:
            return outcome
        url = self._settings.webhook.get_secret_value()
        answer = await self._exchange(Request("POST", url, _JSON, body(message)))
        return settled(answer, posts.remembered(message))


def body(message: Message) -> bytes:
    """The message as a workflow takes it, small enough for Teams."""
    for line in _LINES:
        for most in (12, 6, 3, 1):
            found = encoded(_envelope(message, line, most))
            if len(found) <= MOST:
                return found
    return encoded(_envelope(message, 0, 0))


def _envelope(message: Message, line: int, most: int) -> dict[str, Any]:
    """`line`: characters of a line, `most`: parts that are shown."""
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [_title(message), *_parts(message, line, most)],
        "actions": _actions(message),
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": content}]}


def _title(message: Message) -> dict[str, Any]:
    over = message.state in ("resolved", "merged")
    colour = "Good" if over else _COLOURS[message.incident.severity] if message.incident is not None else "Default"
    run = _run(wording.title(message), weight="Bolder", size="Large", color=colour)
    return {"type": "RichTextBlock", "inlines": [run]}


def _parts(message: Message, line: int, most: int) -> list[dict[str, Any]]:
    found = []
    for part in wording.parts(msgspec.structs.replace(message, link="", runbook=""))[:most]:
        heading = _run(part.heading, weight="Bolder")
        found.append({"type": "RichTextBlock", "spacing": "Medium", "inlines": [heading]})
        runs = [_run(wording.cut(each, line)) for each in part.lines[: 2 * most]]
        found += [{"type": "RichTextBlock", "spacing": "None", "inlines": [run]} for run in runs]
    return found


def _run(text: str, **looks: str) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **looks}


def _actions(message: Message) -> list[dict[str, Any]]:
    """Addresses that can be opened; those that cannot be followed are left out."""
    return [{"type": "Action.OpenUrl", "title": label, "url": url} for label, url in links(message, 1000)]
