"""Keep: an alert an incident, by its API. See README.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from floodmark.config.targets import Keep
from floodmark.notify import wording
from floodmark.notify.bodies import encoded
from floodmark.notify.links import address
from floodmark.notify.sink import Event, Exchange, Message, Outcome, Request, Sink, settled

EVENTS: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest"})
SEVERITIES: Final = {"critical": "critical", "error": "high", "warning": "warning", "info": "info"}
STATUSES: Final = {"open": "firing", "acked": "acknowledged", "snoozed": "suppressed"}
_KEY: Final = 255
_LONGEST: Final = 8_000


def sink(settings: Keep, exchange: Exchange) -> Sink:
    return _Sink(settings, exchange)


class _Sink:
    takes = EVENTS

    def __init__(self, settings: Keep, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        key = wording.known_as(message.key, _KEY)
        url = f"{self._settings.url.rstrip('/')}/alerts/event?fingerprint={quote(key, safe='')}"
        headers = {"content-type": "application/json", "x-api-key": self._settings.api_key.get_secret_value()}
        return settled(await self._exchange(Request("POST", url, headers, encoded(_alert(message, key)))))


def _alert(message: Message, key: str) -> dict[str, Any]:
    incident = message.incident
    labels = incident.labels if incident is not None else {}
    began = wording.stamp(incident.started_at if incident is not None else message.at)
    texts = {
        "id": key,
        "event_id": wording.line(message.id, _KEY),
        "fingerprint": key,
        "environment": wording.line(labels.get("env") or (incident.scope if incident is not None else ""), _KEY),
        "service": wording.line((incident.entities or [""])[0] if incident is not None else "", _KEY),
        "assignee": wording.line(message.owner, _KEY),
        "note": wording.line(message.reason, 1_000),
        "url": address(message.link),
        "incident": key,
    }
    return {
        "name": wording.title(message),
        "status": "resolved" if wording.ended(message) else STATUSES[message.state],
        "severity": SEVERITIES[incident.severity if incident is not None else "warning"],
        "lastReceived": wording.stamp(message.at),
        "startedAt": began,
        "firingStartTime": began,
        "source": ["floodmark"],
        "pushed": True,
        "message": wording.title(message),
        "description": wording.text(message, _LONGEST),
        "labels": wording.facts(message),
        **{name: text for name, text in texts.items() if text},
    }
