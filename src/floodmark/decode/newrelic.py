"""New Relic (`alert`): what its workflows send of an issue, and its older alerts of an incident. The body is a template
that its users may change, so that several names of a field are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, each, found, last, plain, stamp, text
from floodmark.decode.wire import AlertEvent


def read(said: Json, post: Post) -> Iterator[AlertEvent]:
    """Raises EventError."""
    issue = text(said, "issueId", "issue_id", "id", "incident_id", "incidentId")
    state = text(said, "state", "current_state", "issueState", "status", "event_type")
    if not issue or not state:
        raise EventError("missing_field", "this is no issue of New Relic: it has no id, or no state")
    conditions = _names(said, "alertConditionNames", "condition_names", "conditionName", "condition_name")
    policies = _names(said, "alertPolicyNames", "policy_names", "policyName", "policy_name")
    targets = [plain(target) for target in each(said, "targets") if isinstance(target, dict)]
    entities = _names(said, "impactedEntities", "entitiesNames", "entity_names", "entitiesData.names")
    entities += [str(target["name"]) for target in targets if target.get("name")]
    labels: dict[str, Any] = {}
    for target in each(said, "targets")[:1]:
        labels |= plain(target.get("labels")) if isinstance(target, dict) else {}
    labels |= _firsts(said.get("labels")) | _firsts(said.get("tags"))
    if entities and not any(name in labels for name in ("service", "host")):
        labels["service"] = last(entities[0])
    if policies:
        labels["policy"] = policies[0]
    yield AlertEvent(
        timestamp=post.arrival(*(found(said, name) for name in ("updatedAt", "timestamp", "closedAt", "createdAt"))),
        source="New Relic",
        name=conditions[0] if conditions else text(said, "title", "issueTitle", "condition") or "issue",
        status=state,
        fingerprint=issue,
        started=stamp(found(said, "createdAt", "activatedAt", "issueCreatedAt", "open_time")),
        ended=stamp(found(said, "closedAt", "issueClosedAt", "close_time")),
        severity=text(said, "priority", "severity", "issuePriority") or None,
        summary=text(said, "title", "issueTitle", "details", "description"),
        labels=labels,
        url=text(said, "issueUrl", "issuePageUrl", "issue_url", "incident_url", "violationChartUrl"),
    )


def _firsts(owner: Any) -> dict[str, Any]:
    """Labels; of tags with several values the first."""
    if not isinstance(owner, dict):
        return {}
    given = {name: value[0] if isinstance(value, list) and value else value for name, value in owner.items()}
    return {name: value for name, value in plain(given).items() if value != ""}


def _names(said: Json, *paths: str) -> list[str]:
    """A list of names, or one; also the text of a list."""
    value = found(said, *paths)
    if isinstance(value, str):
        value = [part.strip().strip('"') for part in value.strip("[]").split(",")]
    return [each for each in value if isinstance(each, str) and each] if isinstance(value, list) else []
