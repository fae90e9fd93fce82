"""Opsgenie's and Jira Service Management's webhooks of alerts: what a person does there to an alert of ours (`action`),
and alerts that others have raised (`alert`).

An alert of ours has the incident's id as its alias. What was done by way of the API is nobody's action: we do so too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from floodmark.alerts import content_id
from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, found, plain, stamp, steady, text
from floodmark.decode.wire import ActionEvent, AlertEvent

_VERBS: Final = {
    "acknowledge": "ack",
    "unacknowledge": "unack",
    "close": "resolve",
    "snooze": "snooze",
    "snoozeended": "unsnooze",
    "addnote": "comment",
    "assignownership": "assign",
    "takeownership": "assign",
    "updatepriority": "priority",
}
_RAISED: Final = {"create": "firing", "close": "resolved", "acknowledge": "firing", "delete": "resolved"}
_INCIDENT: Final = re.compile(r"inc-[0-9a-f]{16}")


def read(said: Json, post: Post) -> Iterator[ActionEvent | AlertEvent]:
    """Raises EventError."""
    alert, what = at(said, "alert"), text(said, "action").lower()
    if not what or not isinstance(alert, dict):
        raise EventError("missing_field", "this is no webhook of Opsgenie: it has no action, or no alert")
    when, alias = alert.get("updatedAt"), text(alert, "alias")
    if not _INCIDENT.fullmatch(alias):
        if what in _RAISED:
            yield _raised(alert, what, post)
        return
    verb, who = _VERBS.get(what), text(alert, "username", "userName", "user")
    if verb is None or not who or text(said, "source.type").lower() == "api":
        return
    note = text(alert, "note", "addedNote")
    yield ActionEvent(
        timestamp=post.moment(when, said.get("createdAt")),
        id=content_id("opsgenie", text(alert, "alertId", "id"), what, when, who, note),
        verb=verb,  # type: ignore[arg-type]
        by=who,
        incident=alias,
        via="opsgenie",
        reason="" if verb == "comment" else note,
        text=note if verb == "comment" else "",
        to=text(alert, "owner") if verb == "assign" else "",
        priority=text(alert, "priority") if verb == "priority" else "",
        until=stamp(found(alert, "snoozeEndDate", "snoozedUntil", "endDate")),
    )


def _raised(alert: Json, what: str, post: Post) -> AlertEvent:
    labels = plain(alert.get("details"))
    entity = text(alert, "entity")
    if entity and "service" not in labels:
        labels["service"] = entity
    message = text(alert, "message")
    return AlertEvent(
        timestamp=post.moment(*(alert.get(name) for name in ("updatedAt", "createdAt"))),
        source="Opsgenie",
        name=steady(message) or "alert",
        status=_RAISED[what],
        fingerprint=text(alert, "alertId", "id") or None,
        started=stamp(alert.get("createdAt")),
        severity=text(alert, "priority") or None,
        summary=message,
        labels=labels,
    )
