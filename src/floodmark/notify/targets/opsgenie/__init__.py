"""Opsgenie, and Jira Service Management with the same API: an alert an incident. See README.md.

Of the two only Opsgenie can change an alert, so nothing here does: what is new becomes a note. The API takes all and
does it later; it knows an alert by its alias, among those that are open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from floodmark.config.targets import Opsgenie
from floodmark.notify import wording
from floodmark.notify.bodies import encoded
from floodmark.notify.sink import Answer, Delivered, Event, Exchange, Message, Outcome, Request, Sink, settled

EVENTS: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest"})
PRIORITIES: Final = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"}
_MESSAGE: Final = 130
_ALIAS: Final = 512
_DESCRIPTION: Final = 15_000
_NOTE: Final = 20_000
_TAGS: Final = 20
_TAG: Final = 50
_DETAILS: Final = 8_000
_SHORT: Final = 100
_MISSING: Final = 404
_AT_WORK: Final = ("acked", "snoozed")
_SOURCE: Final = "Floodmark"
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def sink(settings: Opsgenie, exchange: Exchange) -> Sink:
    return _Sink(settings, exchange)


class _Sink:
    takes = EVENTS

    def __init__(self, settings: Opsgenie, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if wording.ended(message):
            answer = await self._act(message, "close")
            return Delivered(note="no such alert is open") if answer.status == _MISSING else settled(answer)
        told = {"alert": wording.known_as(message.key, _ALIAS), "state": message.state}
        noted = False
        if memory.get("alert") and message.event != "open":
            answer = await self._act(message, "notes")
            noted = answer.status != _MISSING
            if noted and not isinstance(outcome := settled(answer, told), Delivered):
                return outcome
        if not noted or message.loud:  # if it is open there, this counts; if somebody has closed it, it opens
            outcome = settled(await self._create(message), told)
        if message.state in _AT_WORK and memory.get("state") != message.state and isinstance(outcome, Delivered):
            outcome = settled(await self._act(message, "acknowledge"), told)
        return outcome

    async def _create(self, message: Message) -> Answer:
        incident = message.incident
        alert: dict[str, Any] = {
            "message": wording.title(message, _MESSAGE),
            "alias": wording.known_as(message.key, _ALIAS),
            "description": wording.text(message, _DESCRIPTION),
            "details": _details(message),
            "priority": PRIORITIES[incident.severity if incident is not None else "warning"],
            "source": _SOURCE,
        }
        if entity := wording.line(", ".join(incident.entities[:5]) if incident is not None else "", _ALIAS):
            alert["entity"] = entity
        if tags := [short for tag in self._tags(message) if (short := wording.line(tag, _TAG))]:
            alert["tags"] = tags[:_TAGS]
        if self._settings.responders:
            alert["responders"] = [
                {"type": "team", "id" if _UUID.fullmatch(each) else "name": each} for each in self._settings.responders
            ]
        return await self._post("", alert)

    def _tags(self, message: Message) -> list[str]:
        labels = message.incident.labels if message.incident is not None else {}
        return ["floodmark", *self._settings.tags, *(f"{name}:{value}" for name, value in sorted(labels.items()))]

    async def _act(self, message: Message, action: str) -> Answer:
        name = quote(wording.known_as(message.key, _ALIAS), safe="")
        body = {"source": _SOURCE, "note": wording.line(wording.title(message), 300) + "\n\n"}
        body["note"] = wording.cut(body["note"] + wording.text(message, _NOTE), _NOTE)
        if user := wording.line(message.owner, _SHORT):
            body["user"] = user
        return await self._post(f"/{name}/{action}?identifierType=alias", body)

    async def _post(self, path: str, body: dict[str, Any]) -> Answer:
        headers = {
            "content-type": "application/json",
            "authorization": f"GenieKey {self._settings.api_key.get_secret_value()}",
        }
        url = f"{self._settings.url.rstrip('/')}/v2/alerts{path}"
        return await self._exchange(Request("POST", url, headers, encoded(body)))


def _details(message: Message) -> dict[str, str]:
    """As many facts as there is room for."""
    room, kept = _DETAILS, dict[str, str]()
    for name, value in wording.facts(message).items():
        room -= len(name) + len(value)
        if room < 0:
            break
        kept[name] = value
    return kept
