"""Alerts as Prometheus's Alertmanager tells them (`alert`): its webhook (version 4), Grafana's (version 1, with
values), a bare array as its API has it, and what Prometheus itself sends there.

An alert that has no state of its own goes on until its `endsAt`. One that goes on says that it ends in the year 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from floodmark.decode.decoder import EventError
from floodmark.decode.posted import Json, Post, at, each, plain, text
from floodmark.decode.timestamps import ended
from floodmark.decode.wire import AlertEvent

_APART = frozenset({"alertname", "severity"})


def read(said: Json, post: Post) -> Iterator[AlertEvent]:
    """Raises EventError."""
    alerts = each(said, "alerts") if "alerts" in said else [said]
    grafana = "orgId" in said or any(at(one, "dashboardURL") is not None or "values" in one for one in _objects(alerts))
    for one in _objects(alerts):
        if not isinstance(at(one, "labels"), dict):
            raise EventError("missing_field", "this is no alert of Alertmanager or Grafana: it has no labels")
        yield _alert(one, said, post, "Grafana" if grafana else "Alertmanager")


def _objects(alerts: list[Any]) -> list[Any]:
    return [one for one in alerts if isinstance(one, dict)]


def _alert(one: Json, said: Json, post: Post, source: str) -> AlertEvent:
    labels = plain(one["labels"])
    starts, ends = one.get("startsAt"), one.get("endsAt")
    started, over = _time(starts), _time(ends)
    status = text(one, "status", "status.state").lower()
    if status in ("active", "suppressed", "unprocessed"):
        status = "firing"
    elif not status:
        said_at = post.here if post.here is not None else over
        status = "resolved" if over and over <= said_at else "firing"
    return AlertEvent(
        timestamp=post.arrival(*((over or started, started) if status == "resolved" else (started, over))),
        source=source,
        name=text(labels, "alertname") or text(labels, "rulename", "rule") or "alert",
        status=status,
        fingerprint=text(one, "fingerprint") or None,
        started=started or None,
        ended=over or None,
        severity=text(labels, "severity", "priority", "level") or None,
        summary=text(one, *(f"annotations.{name}" for name in ("summary", "message", "title", "description"))),
        labels={name: value for name, value in labels.items() if name not in _APART and value != ""},
        url=text(one, "panelURL", "dashboardURL", "generatorURL") or text(said, "externalURL"),
        value=_value(one.get("values")),
    )


def _time(value: Any) -> float:
    """Epoch seconds, 0 if it is none: of the end of what goes on. Raises EventError."""
    return ended(value) if type(value) in (str, int, float) else 0.0


def _value(values: Any) -> float | None:
    """Of Grafana's values by reference: that of the query, which comes first."""
    numbers = plain(values)
    return next((float(numbers[name]) for name in sorted(numbers) if type(numbers[name]) in (int, float)), None)  # type: ignore[arg-type]
