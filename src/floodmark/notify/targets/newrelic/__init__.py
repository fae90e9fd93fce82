"""New Relic: an event for each message about an incident, and changes as its change tracking has them.

Events are only ever added: `latest()` of those with one id is where an incident stands. That New Relic answers 200 says
that it has received an event, not that it keeps it: what it does not keep it tells in NrIntegrationError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from floodmark.config.targets import NewRelic
from floodmark.notify import wording
from floodmark.notify.bodies import encoded
from floodmark.notify.sink import Event, Exchange, Message, Outcome, Request, Sink, settled
from floodmark.notify.targets.newrelic import changes

_JSON: Final = {"content-type": "application/json"}
_EVENTS: Final = {
    "us": "https://insights-collector.newrelic.com",
    "eu": "https://insights-collector.eu01.nr-data.net",
}
_NERDGRAPH: Final = {"us": "https://api.newrelic.com/graphql", "eu": "https://api.eu.newrelic.com/graphql"}
EVENT: Final = "FloodmarkIncident"
NAME: Final = 255
VALUE: Final = 4096
MOST: Final = 1_000_000
"""Bytes of a request."""
_VALUES: Final = (VALUE, 1_000, 200)
_OWN: Final = 200
"""Attributes that labels may fill, of 254 in all; the rest are ours."""
_KEPT: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:")


def sink(settings: NewRelic, exchange: Exchange) -> Sink:
    """An account of New Relic; changes only with a user key."""
    return _NewRelic(settings, exchange)


class _NewRelic:
    def __init__(self, settings: NewRelic, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        taken: set[Event] = {"open", "update", "resolve"}
        self.takes: frozenset[Event] = frozenset(taken | ({"change"} if settings.user_key is not None else set()))

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if message.event == "change":
            return await self._change(message, memory)
        base = self._settings.events or _EVENTS[self._settings.region]
        url = f"{base.rstrip('/')}/v1/accounts/{self._settings.account}/events"
        headers = {**_JSON, "api-key": self._settings.api_key.get_secret_value()}
        answer = await self._exchange(Request("POST", url, headers, body(message)))
        return settled(answer, memory)

    async def _change(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        assert self._settings.user_key is not None
        if (outcome := changes.passed_over(message, memory)) is not None:
            return outcome
        url = self._settings.nerdgraph or _NERDGRAPH[self._settings.region]
        headers = {**_JSON, "api-key": self._settings.user_key.get_secret_value()}
        body = encoded(changes.mutation(message, self._settings.entity))
        return changes.outcome(await self._exchange(Request("POST", url, headers, body)), message)


def body(message: Message) -> bytes:
    """The message as New Relic takes it: the texts of its event cut until it has at most 1 MB."""
    for most in _VALUES:
        found = encoded([event(message, most)])
        if len(found) <= MOST:
            break
    return found


def event(message: Message, most: int = VALUE) -> dict[str, str | int | float]:
    """The message as an event: flat, and only texts, of so many characters, and numbers."""
    found: dict[str, Any] = {
        "eventType": EVENT,
        "timestamp": int(message.at.timestamp() * 1000),
        "incidentId": message.key,
        "messageId": message.id,
        "revision": message.revision,
        "event": message.event,
        "state": message.state,
        "loud": int(message.loud),
        "test": int(message.test),
        "title": wording.title(message),
        "text": wording.text(message, VALUE),
        "reason": message.reason,
        "owner": message.owner,
        "team": message.team,
        "link": message.link,
        "runbook": message.runbook,
    }
    if (incident := message.incident) is not None:
        found |= {
            "severity": incident.severity,
            "incidentScope": incident.scope,
            "incidentTitle": incident.title,
            "why": incident.why,
            "startedAt": int(incident.started_at.timestamp() * 1000),
            "updatedAt": int(incident.updated_at.timestamp() * 1000),
            "resolution": incident.resolution,
            "memberCount": incident.member_count,
            "entities": ", ".join(incident.entities),
            "firstEntity": next(iter(incident.entities), ""),
        }
        if incident.resolved_at is not None:
            found["resolvedAt"] = int(incident.resolved_at.timestamp() * 1000)
            found["duration"] = (incident.resolved_at - incident.started_at).total_seconds()
        if incident.causes:
            first = incident.causes[0]
            found |= {"cause": first.entity, "causeShare": first.share, "causeReason": first.reason}
        for name, value in list(incident.labels.items())[:_OWN]:
            found[_name(f"label.{name}")] = value
    return {name: _value(value, most) for name, value in found.items() if value != ""}


def _name(text: str) -> str:
    """A name of an attribute as New Relic takes them."""
    return "".join(c if c in _KEPT else "_" for c in text)[:NAME]


def _value(value: Any, most: int) -> str | int | float:
    return wording.cut(wording.printable(value), most) if isinstance(value, str) else value
