"""PagerDuty, Events API v2: an alert an incident, and changes as change events. See README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from floodmark.config.targets import PagerDuty
from floodmark.notify import wording
from floodmark.notify.bodies import encoded, within
from floodmark.notify.links import address
from floodmark.notify.sink import Delivered, Event, Exchange, Message, Outcome, Request, Sink, settled

ALERTS: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest"})
CHANGES: Final[frozenset[Event]] = frozenset({"change"})
_ORCHESTRATION: Final = "R"
"""How the keys of event orchestrations begin. They take no change events."""
_KEY: Final = 255
_SUMMARY: Final = 1024
_DETAILS: Final = 200_000
"""Bytes of the details: of an event there may be 512 KB."""
_FIELD: Final = 255
_AT_WORK: Final = ("acked", "snoozed")


def sink(settings: PagerDuty, exchange: Exchange) -> Sink:
    return _Sink(settings, exchange)


class _Sink:
    def __init__(self, settings: PagerDuty, exchange: Exchange) -> None:
        self._exchange = exchange
        self._key = settings.routing_key.get_secret_value()
        self._url = settings.url.rstrip("/")
        self.takes = ALERTS if self._key.startswith(_ORCHESTRATION) else ALERTS | CHANGES

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if message.change is not None:
            return await self._send("/v2/change/enqueue", _change(message), {})
        event = {"dedup_key": wording.known_as(message.key, _KEY)}
        if wording.ended(message):
            return await self._send("/v2/enqueue", {**event, "event_action": "resolve"}, {})
        if message.event == "digest" and memory.get("state") and not message.loud:
            return Delivered(memory, "it pages once; what is new is told elsewhere")
        at_work, known = message.state in _AT_WORK, memory.get("state", "")
        if message.event == "open" or known == message.state or not at_work:
            alert = {**event, "event_action": "trigger", **_alert(message)}
            outcome = await self._send("/v2/enqueue", alert, {"state": message.state})
            if not at_work or message.event != "open" or not isinstance(outcome, Delivered):
                return outcome
        return await self._send("/v2/enqueue", {**event, "event_action": "acknowledge"}, {"state": message.state})

    async def _send(self, path: str, event: dict[str, Any], memory: Mapping[str, str]) -> Outcome:
        body = encoded({"routing_key": self._key, **event})
        return settled(
            await self._exchange(Request("POST", self._url + path, {"content-type": "application/json"}, body)), memory
        )


def _alert(message: Message) -> dict[str, Any]:
    incident = message.incident
    payload: dict[str, Any] = {
        "summary": wording.title(message, _SUMMARY),
        "source": (wording.line(incident.scope, _FIELD) if incident is not None else "") or "floodmark",
        "severity": incident.severity if incident is not None else ("warning" if message.loud else "info"),
        "timestamp": wording.stamp(incident.started_at if incident is not None else message.at),
        "class": "incident" if incident is not None else "digest",
        "custom_details": within(_details(message), _DETAILS),
    }
    if incident is not None:
        first = incident.causes[0].entity if incident.causes else (incident.entities or [""])[0]
        payload |= {
            name: short
            for name, text in (("component", first), ("group", message.team))
            if (short := wording.line(text, _FIELD))
        }
    alert: dict[str, Any] = {"payload": payload, "client": "Floodmark"}
    link, runbook = address(message.link), address(message.runbook)
    if link:
        alert["client_url"] = link
    links = [{"href": link, "text": "The incident"}] * bool(link)
    links += [{"href": runbook, "text": "The runbook"}] * bool(runbook)
    return {**alert, "links": links} if links else alert


def _details(message: Message) -> dict[str, Any]:
    body = {part.heading: list(part.lines) for part in wording.parts(message)}
    return {**wording.facts(message), "in words": body}


def _change(message: Message) -> dict[str, Any]:
    change = message.change
    assert change is not None
    event: dict[str, Any] = {
        "payload": {
            "summary": wording.title(message, _SUMMARY),
            "timestamp": wording.stamp(change.time),
            "source": wording.line(change.service, _FIELD) or "floodmark",
            "custom_details": wording.facts(message),
        }
    }
    if url := address(change.url):
        event["links"] = [{"href": url, "text": "The change"}]
    return event
