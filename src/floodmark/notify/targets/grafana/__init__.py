"""Grafana: incidents and changes as annotations: a line where something was changed, a region where something was odd.

Grafana does not know when it is told the same again. So what has no id in `memory` is looked for by its tag, which is
its own, before it is made. All that is known of Grafana's `/api` is in this module: Grafana 13 keeps it, and announces
another.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from floodmark.alerts import content_id
from floodmark.config.targets import Grafana
from floodmark.notify import wording
from floodmark.notify.bodies import decoded, encoded, text_at
from floodmark.notify.links import links
from floodmark.notify.sink import (
    Delivered,
    Event,
    Exchange,
    Later,
    Message,
    Outcome,
    Refused,
    Request,
    Sink,
    settled,
)
from floodmark.notify.targets.authorization import bearer

TEXT: Final = 2000
TAG: Final = 100
"""Characters of a tag; what is before and what is behind a colon is kept apart, each in a column of a hundred."""
TAGS: Final = 500
"""Bytes of all tags together, as a list in JSON (`annotations.tags_length` of grafana.ini)."""
_GONE: Final = 404
_JSON: Final = {"content-type": "application/json"}
_TAKES: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "change"})


def sink(settings: Grafana, exchange: Exchange) -> Sink:
    """The annotations of an organisation, or of a dashboard."""
    return _Annotations(settings, exchange)


class _Annotations:
    takes = _TAKES

    def __init__(self, settings: Grafana, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._headers = {"accept": "application/json", **bearer(settings.token)}

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        body = annotation(message, self._settings.tags)
        if _number(known := memory.get("id", "")):
            answer = await self._send("PATCH", f"/{known}", body)
            if answer.status != _GONE:
                return settled(answer, memory)
        found = await self._look(message)
        if isinstance(found, Later | Refused):
            return found
        if found:
            answer = await self._send("PATCH", f"/{found}", body)
            if answer.status != _GONE:
                return settled(answer, {"id": found})
        dashboard = {"dashboardUID": self._settings.dashboard} if self._settings.dashboard else {}
        answer = await self._send("POST", "", {**dashboard, **body})
        outcome = settled(answer)
        if not isinstance(outcome, Delivered):
            return outcome
        made = text_at(decoded(answer), "id")
        return Delivered({"id": made} if _number(made) else {})

    async def _look(self, message: Message) -> str | Later | Refused:
        """The id of the annotation that has the tag of this message; empty if there is none."""
        asked = {"tags": own_tag(message), "type": "annotation", "limit": "1"}
        if self._settings.dashboard:
            asked["dashboardUID"] = self._settings.dashboard
        answer = await self._send("GET", f"?{urlencode(asked)}", None)
        outcome = settled(answer)
        if not isinstance(outcome, Delivered):
            return outcome
        found = decoded(answer)
        if not isinstance(found, list):
            return Later("the answer is none of Grafana's: is `url` right, or is something between?")
        first = text_at(found[0], "id") if found else ""
        return first if _number(first) else ""

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        url = f"{self._settings.url.rstrip('/')}/api/annotations{path}"
        headers = self._headers if body is None else {**self._headers, **_JSON}
        return await self._exchange(Request(method, url, headers, b"" if body is None else encoded(body)))


def annotation(message: Message, tags: list[str]) -> dict[str, Any]:
    """The message as an annotation. An open incident reaches to where it is known."""
    if message.change is not None:
        begin = end = message.change.time
        own = ["change", f"kind:{message.change.kind}", f"service:{message.change.service}"]
    elif message.incident is not None:
        begin, end = message.incident.started_at, message.incident.resolved_at or message.incident.updated_at
        own = ["incident", f"severity:{message.incident.severity}", f"scope:{message.incident.scope}"]
    else:
        begin = end = message.at
        own = []
    all_tags = [own_tag(message), "floodmark", *own, *tags]
    return {"time": _ms(begin), "timeEnd": max(_ms(begin), _ms(end)), "tags": _kept(all_tags), "text": _text(message)}


def own_tag(message: Message) -> str:
    """The tag that nothing else has. A colon more, or a longer one, Grafana would cut."""
    key = message.key
    plain = key == " ".join(wording.printable(key).split()) and not set(":,") & set(key) and 0 < len(key) <= TAG - 10
    return f"floodmark:{key if plain else content_id('key', ascii(key))}"


def _kept(tags: list[str]) -> list[str]:
    """Those that Grafana keeps, the first ones first."""
    found: list[str] = []
    left = TAGS - 2
    for tag in tags:
        name = wording.cut(" ".join(wording.printable(tag).split()), TAG)
        size = len(name.encode()) + 3
        if name and name not in found and size <= left:
            found.append(name)
            left -= size
    return found


def _text(message: Message) -> str:
    """Grafana shows it as HTML, of which it lets links and line breaks pass."""
    words = f"{wording.title(message)}\n{wording.text(msgspec.structs.replace(message, link='', runbook=''), TEXT)}"
    shown = [f'<a href="{html.escape(url)}">{label}</a>' for label, url in links(message, 500)]
    return "\n".join([html.escape(wording.cut(words, TEXT), quote=False), *shown])


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < len(text) < 20
