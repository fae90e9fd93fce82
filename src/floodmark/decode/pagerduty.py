"""PagerDuty's webhooks of version 3: what a person does there to an incident of ours (`action`), and incidents that
others have raised (`alert`).

An incident of ours has its id as the key. What an integration has done, ours among them, is nobody's action.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, steady, text
from floodmark.decode.wire import ActionEvent, AlertEvent

_VERBS: Final = {
    "incident.acknowledged": "ack",
    "incident.unacknowledged": "unack",
    "incident.resolved": "resolve",
    "incident.reopened": "reopen",
    "incident.reassigned": "assign",
    "incident.delegated": "assign",
    "incident.priority_updated": "priority",
    "incident.annotated": "comment",
}
_FIRING: Final = frozenset(
    f"incident.{what}"
    for what in ("triggered", "reopened", "acknowledged", "unacknowledged", "escalated", "priority_updated")
)
_INCIDENT: Final = re.compile(r"inc-[0-9a-f]{16}")


def read(said: Json, post: Post) -> Iterator[ActionEvent | AlertEvent]:
    """Raises EventError."""
    event = at(said, "event")
    kind, data = text(event, "event_type"), at(event, "data")
    if not kind or not isinstance(data, dict):
        raise EventError("missing_field", "this is no webhook of PagerDuty: it has no event with a type and data")
    when = at(event, "occurred_at")
    key = text(data, "incident_key", "dedup_key", "incident.incident_key")
    if _INCIDENT.fullmatch(key):
        verb, agent = _VERBS.get(kind), text(event, "agent.id")
        if verb is not None and agent and text(event, "agent.type") == "user_reference":
            yield ActionEvent(
                timestamp=post.moment(when),
                id=f"pagerduty-{text(event, 'id') or f'{key}-{kind}-{when}'}",
                verb=verb,  # type: ignore[arg-type]
                by=f"pagerduty:{agent}",
                incident=key,
                via="pagerduty",
                reason=text(data, "resolve_reason.type"),
                text=text(data, "content"),
                to=_assignee(data) if verb == "assign" else "",
                priority=text(data, "priority.summary") if verb == "priority" else "",
            )
        return
    if kind in _FIRING or kind == "incident.resolved":
        title = text(data, "title", "summary")
        yield AlertEvent(
            timestamp=post.moment(when),
            source="PagerDuty",
            name=steady(title) or "incident",
            status="resolved" if kind == "incident.resolved" else "firing",
            fingerprint=text(data, "id") or None,
            started=text(data, "created_at") or None,
            ended=when if kind == "incident.resolved" and isinstance(when, str) else None,
            severity=text(data, "priority.summary") or text(data, "urgency") or None,
            summary=title,
            labels={"service": text(data, "service.summary")} if text(data, "service.summary") else {},
            url=text(data, "html_url"),
        )


def _assignee(data: Any) -> str:
    ids = [text(one, "id", "assignee.id") for one in each(data, "assignees") or each(data, "assignments")]
    return next((f"pagerduty:{one}" for one in ids if one), "")
