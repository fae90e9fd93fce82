"""GitLab: an alert an incident, by an HTTP endpoint integration.

GitLab knows an alert by its fingerprint, which is the id of the incident: told again, it counts one more event; told
with an end, it is resolved. An alert that is resolved already, there or by somebody, cannot be resolved again: GitLab
says 400, and it is as it should be. What is open again becomes a new alert, as GitLab has no other way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from floodmark.alerts import Incident
from floodmark.config.targets import GitlabAlerts
from floodmark.notify import wording
from floodmark.notify.bodies import encoded
from floodmark.notify.links import address
from floodmark.notify.sink import Delivered, Event, Exchange, Message, Outcome, Request, Sink, settled
from floodmark.notify.targets.authorization import bearer

TITLE: Final = 200
DESCRIPTION: Final = 1000
SERVICE: Final = 100
HOSTS: Final = 255
"""Characters of all hosts together."""
_JSON: Final = {"content-type": "application/json"}
_TAKES: Final[frozenset[Event]] = frozenset({"open", "update", "resolve"})
_SEVERITIES: Final = {"critical": "critical", "error": "high", "warning": "medium", "info": "info"}
_CANNOT: Final = 400


def sink(settings: GitlabAlerts, exchange: Exchange) -> Sink:
    """The alerts of a project."""
    return _Alerts(settings, exchange)


class _Alerts:
    takes = _TAKES

    def __init__(self, settings: GitlabAlerts, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        url = self._settings.url.get_secret_value()
        headers = {**_JSON, **bearer(self._settings.token)}
        body = encoded(alert(message, self._settings.environment))
        answer = await self._exchange(Request("POST", url, headers, body))
        if message.event == "resolve" and answer.status == _CANNOT:
            return Delivered(memory, "GitLab has no open alert of this incident")
        return settled(answer, memory)


def alert(message: Message, environment: str) -> dict[str, Any]:
    """The message as an alert of GitLab's."""
    found: dict[str, Any] = {
        "title": wording.cut(_quiet(wording.title(message, TITLE)), TITLE),
        "description": wording.cut(_quiet(wording.text(message, DESCRIPTION)), DESCRIPTION),
        "start_time": _time(message.at),
        "monitoring_tool": "Floodmark",
        "fingerprint": message.key,
        "floodmark": {"incident": message.key, "revision": message.revision, "state": message.state},
    }
    if environment:
        found["gitlab_environment_name"] = environment
    if message.incident is not None:
        found |= _incident(message.incident)
    if message.event == "resolve":
        over = message.incident.resolved_at if message.incident is not None else None
        found["end_time"] = _time(over or message.at)
    links = {"link": address(message.link), "runbook": address(message.runbook)}
    found["floodmark"] |= {name: link for name, link in links.items() if link}
    return found


def _incident(incident: Incident) -> dict[str, Any]:
    first = incident.causes[0].entity if incident.causes else next(iter(incident.entities), "")
    found: dict[str, Any] = {
        "start_time": _time(incident.started_at),
        "severity": _SEVERITIES[incident.severity],
        "hosts": _hosts(incident.entities),
    }
    return found | ({"service": wording.cut(first, SERVICE)} if first else {})


def _hosts(entities: list[str]) -> list[str]:
    """As many of the entities as GitLab keeps."""
    found: list[str] = []
    left = HOSTS
    for each in entities:
        if not each or len(each) > left:
            break
        found.append(each)
        left -= len(each)
    return found


def _quiet(text: str) -> str:
    """The text, in which GitLab finds nobody to notify and nothing to do: an alert can become an issue, whose
    description is read for @names and for /commands at the beginning of a line."""
    return re.sub(r"^(\s*)/", "\\1\u2060/", re.sub(r"(?<!\w)@(?=\w)", "@\u2060", text), flags=re.MULTILINE)


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}Z"
