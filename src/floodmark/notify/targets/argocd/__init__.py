"""Argo CD: a playbook that rolls an application back to what was deployed before the incident.

Of the application's history the newest entry is taken that was deployed before the change that is the first cause (or
before the incident began, if none is), so that asking twice does the same once. While Argo CD syncs by itself it
refuses a rollback, and Git would win: that is said, and not turned off.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from floodmark.config import targets
from floodmark.notify.sink import Delivered, Event, Exchange, Message, Outcome, Refused, settled
from floodmark.notify.targets.authorization import bearer
from floodmark.notify.targets.blamed import change_of, named
from floodmark.notify.targets.conversation import asked, at, posted, said


def sink(settings: targets.ArgoCd, exchange: Exchange) -> ArgoCd:
    return ArgoCd(settings, exchange)


class ArgoCd:
    """Rolls applications back."""

    takes: frozenset[Event] = frozenset({"playbook"})

    def __init__(self, settings: targets.ArgoCd, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        if message.incident is None:
            return Refused("there is no incident, so nothing says what to roll back")
        change, headers = change_of(message.incident), bearer(self._settings.token)
        name = named(self._settings.application, message.incident)
        if name is None:
            return Refused("the incident's first cause is no name that an application can have")
        url = at(self._settings.url, "api", "v1", "applications", name)
        where = {"appNamespace": self._settings.namespace} if self._settings.namespace else {}
        query = f"?appNamespace={where['appNamespace']}" if where else ""
        answer = await asked(self._exchange, url + query, headers)
        if answer.status != 200:
            return settled(answer)
        application = said(answer)
        if ((application.get("spec") or {}).get("syncPolicy") or {}).get("automated") is not None:
            return Refused(f"Argo CD syncs {name} by itself, so it takes no rollback: revert the change in Git")
        before = change.time if change is not None else message.incident.started_at
        entry = deployed_before((application.get("status") or {}).get("history") or [], before)
        if entry is None:
            return Refused(f"the history of {name} has nothing that was deployed before {before:%Y-%m-%d %H:%M} UTC")
        body = {"name": name, "id": entry["id"], "prune": False, "dryRun": message.test, **where}
        answer = await posted(self._exchange, f"{url}/rollback", body, headers)
        note = f"{name} {'would go' if message.test else 'goes'} back to {str(entry.get('revision', ''))[:12]}"
        outcome = settled(answer, {"history": str(entry["id"])})
        return Delivered(outcome.memory, note) if isinstance(outcome, Delivered) else outcome


def deployed_before(history: list[Any], before: datetime) -> dict[str, Any] | None:
    """The newest entry of an application's history that was there before a time."""
    found: list[tuple[datetime, dict[str, Any]]] = []
    for entry in history:
        try:
            at_ = datetime.fromisoformat(str(entry["deployedAt"]))
        except (KeyError, TypeError, ValueError):
            continue
        if isinstance(entry.get("id"), int) and at_.tzinfo is not None and at_ < before:
            found.append((at_, entry))
    return max(found, key=lambda pair: (pair[0], pair[1]["id"]))[1] if found else None
