"""Prometheus Alertmanager, API v2: an alert an incident, and which of them are silenced there. See README.md.

To Alertmanager an alert is its labels. So these are few and do not change, but for the severity, by which it routes:
when that changes, the alert of the old one is ended in the same request. All else is an annotation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from floodmark.config.targets import Alertmanager
from floodmark.notify import wording
from floodmark.notify.bodies import at, decoded, encoded, text_at
from floodmark.notify.links import address
from floodmark.notify.sink import Event, Exchange, Message, Outcome, Request, Sink, settled
from floodmark.notify.targets.authorization import basic, bearer

EVENTS: Final[frozenset[Event]] = frozenset({"open", "update", "resolve", "digest"})
INCIDENT: Final = "FloodmarkIncident"
STORM: Final = "FloodmarkStorm"
_LASTS: Final = 5
"""An alert ends by itself after so many repetitions that did not come."""
_LEAST: Final = timedelta(minutes=5)
_LONGEST_LABEL: Final = 256
_LONGEST: Final = 2_000


def sink(settings: Alertmanager, exchange: Exchange, clock: Callable[[], float] = time.time) -> Sink:
    return _Sink(settings, exchange, clock)


async def silenced(settings: Alertmanager, exchange: Exchange) -> frozenset[str] | None:
    """The keys of incidents whose alerts are silenced there now; None if it does not say. Raises UnansweredError."""
    asked = quote(f'alertname="{INCIDENT}"', safe="")
    url = f"{_base(settings)}/api/v2/alerts?active=false&inhibited=false&silenced=true&unprocessed=false&filter={asked}"
    answer = await exchange(Request("GET", url, _headers(settings)))
    found = decoded(answer) if answer.status == 200 else None
    if not isinstance(found, list):
        return None
    by = (text_at(each, "labels", "incident") for each in found if at(each, "status", "silencedBy"))
    return frozenset(key for key in by if key)


class _Sink:
    takes = EVENTS

    def __init__(self, settings: Alertmanager, exchange: Exchange, clock: Callable[[], float]) -> None:
        self._settings, self._exchange, self._clock = settings, exchange, clock

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        severity = message.incident.severity if message.incident is not None else "warning"
        ended = wording.ended(message)
        alerts = [self._alert(message, severity, ended)]
        before = memory.get("severity", severity)
        if before != severity:
            alerts.append(self._alert(message, before, True))
        headers = {"content-type": "application/json", **_headers(self._settings)}
        answer = await self._exchange(
            Request("POST", f"{_base(self._settings)}/api/v2/alerts", headers, encoded(alerts))
        )
        return settled(answer, {} if ended else {"severity": severity})

    def _alert(self, message: Message, severity: str, ended: bool) -> dict[str, Any]:
        now = datetime.fromtimestamp(self._clock(), UTC)
        began = message.incident.started_at if message.incident is not None else message.at
        ends = now if ended else now + max(_LEAST, timedelta(seconds=_LASTS * self._settings.again))
        own = {
            "alertname": STORM if message.event == "digest" else INCIDENT,
            "incident": message.key,
            "scope": message.incident.scope if message.incident is not None else "",
            "severity": severity,
        }
        labels = {name: wording.line(value, _LONGEST_LABEL) for name, value in {**self._settings.labels, **own}.items()}
        notes = {
            "summary": wording.title(message),
            "description": wording.text(message, _LONGEST),
            "reason": message.reason,
            "state": message.state,
            "owner": message.owner,
            "team": message.team,
            "causes": ", ".join(cause.entity for cause in message.incident.causes[:3]) if message.incident else "",
            "runbook_url": message.runbook,
        }
        annotations = {name: wording.printable(wording.cut(value, _LONGEST)) for name, value in notes.items()}
        alert: dict[str, Any] = {
            "labels": {name: value for name, value in labels.items() if value},  # an empty one is none to it
            "annotations": {name: value for name, value in annotations.items() if value.strip()},
            "startsAt": wording.stamp(min(began, now)),  # it refuses an end before the beginning
            "endsAt": wording.stamp(ends),
        }
        if link := address(message.link):
            alert["generatorURL"] = link
        return alert


def _base(settings: Alertmanager) -> str:
    return settings.url.rstrip("/")


def _headers(settings: Alertmanager) -> dict[str, str]:
    if settings.token is not None:
        return bearer(settings.token)
    if settings.username is not None:
        return basic(settings.username, settings.password)
    return {}
