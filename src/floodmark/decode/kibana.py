"""Kibana's alerts (`alert`): what a rule's action sends, whose body its users write in Mustache, and alerts as Elastic
keeps them (`kibana.alert.*`), nested or with dots in their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from floodmark.decode.decoder import EventError
from floodmark.decode.places import unfolded
from floodmark.decode.posted import Json, Post, found, plain, stamp, text
from floodmark.decode.wire import AlertEvent

_LABELS: Final = ("service.name", "host.name", "service.environment", "kubernetes.namespace", "container.name")
_AS: Final = {"service.name": "service", "host.name": "host", "service.environment": "env"}
"""Fields of the Elastic Common Schema that tell what it is about, and labels that are called otherwise."""
_OVER: Final = frozenset({"recovered", "resolved", "ok", "inactive", "untracked"})


def read(said: Json, post: Post) -> Iterator[AlertEvent]:
    """Raises EventError."""
    whole: Any = unfolded(dict(said))
    own = found(whole, "kibana.alert")
    if isinstance(own, dict):
        yield _kept(own, whole, post)
        return
    rule = text(whole, "rule.name", "rule_name", "ruleName", "rule", "alertName", "alert_name", "name")
    alert = text(whole, "alert.uuid", "alert_uuid", "alert.id", "alert_id", "alertId", "alertInstanceId", "id")
    if not rule and not alert:
        raise EventError("missing_field", "this is no alert of Kibana: it names neither a rule nor an alert")
    group = text(whole, "alert.actionGroup", "action_group", "actionGroup", "alert.actionGroupName", "status", "state")
    when = found(whole, "date", "timestamp", "@timestamp", "context.timestamp")
    yield AlertEvent(
        timestamp=post.arrival(when),
        source="Kibana",
        name=rule or "alert",
        status="resolved" if group.lower() in _OVER else "firing",
        fingerprint=alert or None,
        started=stamp(found(whole, "alert.start", "started", "start")),
        severity=text(whole, "severity", "alert.severity", "params.severity") or None,
        summary=text(whole, "context.message", "message", "summary", "context.reason", "reason"),
        labels=_labels(whole) | {name: value for name, value in plain(whole.get("labels")).items() if value != ""},
        url=text(whole, "context.alertDetailsUrl", "alertDetailsUrl", "rule.url", "rule_url", "ruleUrl", "url"),
        value=_number(found(whole, "context.value", "value")),
    )


def _kept(own: dict[str, Any], whole: Json, post: Post) -> AlertEvent:
    return AlertEvent(
        timestamp=post.arrival(found(own, "end"), found(whole, "@timestamp")),
        source="Kibana",
        name=text(own, "rule.name") or "alert",
        status="resolved" if text(own, "status").lower() in _OVER else "firing",
        fingerprint=text(own, "uuid", "instance.id") or None,
        started=stamp(found(own, "start")),
        ended=stamp(found(own, "end")),
        severity=text(own, "severity", "rule.parameters.severity") or None,
        summary=text(own, "reason", "rule.description"),
        labels=_labels(whole),
        url=text(own, "url"),
        value=_number(found(own, "evaluation.value")),
    )


def _labels(whole: Json) -> dict[str, str | int | float | bool | None]:
    given = {_AS.get(name, name): text(whole, name, f"context.{name}") for name in _LABELS}
    return {name: value for name, value in given.items() if value}


def _number(value: Any) -> float | None:
    return float(value) if type(value) in (int, float) and abs(value) < 1e300 else None
