"""An incident as a document: what people search and draw, under names that Elastic's own (ECS) are where they fit.

Labels are texts "name=value", so that a thousand different ones are one field and not a thousand.
"""

from __future__ import annotations

from typing import Any, Final

from floodmark.alerts import ChangeNotice, Incident
from floodmark.notify import wording
from floodmark.notify.sink import Message

MEMBERS: Final = 50
ENTITIES: Final = 200
LABELS: Final = 100
TEXT: Final = 8_000
KEYWORD: Final = 1_024


def document(message: Message) -> dict[str, Any]:
    """What is kept of a message."""
    found: dict[str, Any] = {
        "@timestamp": message.at.isoformat(),
        "event": {"kind": "alert", "module": "floodmark", "dataset": "floodmark.incidents", "action": message.event},
        "message": wording.title(message),
        "incident": {"id": _word(message.key), "revision": message.revision, "state": message.state},
        "told": {
            "id": _word(message.id),
            "at": message.at.isoformat(),
            "reason": _text(message.reason),
            "loud": message.loud,
            "people": [_word(each) for each in message.people[:ENTITIES]],
        },
        "owner": _word(message.owner),
        "team": _word(message.team),
        "link": _word(message.link),
        "runbook": _word(message.runbook),
        "test": message.test,
    }
    if message.incident is not None:
        found["@timestamp"] = message.incident.updated_at.isoformat()
        found["incident"] |= _incident(message.incident)
        found["tags"] = [_word(f"{name}={value}") for name, value in message.incident.labels.items()][:LABELS]
    return {name: each for name, each in found.items() if each not in ("", [])}


def _incident(incident: Incident) -> dict[str, Any]:
    end = incident.resolved_at
    return {
        "scope": _word(incident.scope),
        "severity": incident.severity,
        "title": _text(incident.title),
        "why": _text(incident.why),
        "started_at": incident.started_at.isoformat(),
        "updated_at": incident.updated_at.isoformat(),
        "resolved_at": end.isoformat() if end is not None else None,
        "duration": (end - incident.started_at).total_seconds() if end is not None else None,
        "resolution": _text(incident.resolution),
        "entities": [_word(each) for each in incident.entities[:ENTITIES]],
        "member_count": incident.member_count,
        "by_chance": incident.by_chance,
        "merged_into": _word(incident.merged_into or ""),
        "members": [
            {
                "id": _word(each.id),
                "entity": _word(each.entity),
                "series": _word(each.series),
                "signal": each.signal,
                "severity": each.severity,
                "summary": _text(each.summary),
                "started_at": each.started_at.isoformat(),
                "p_value": each.p_value,
            }
            for each in incident.members[:MEMBERS]
        ],
        "causes": [
            {"entity": _word(each.entity), "share": each.share, "reason": _text(each.reason)}
            for each in incident.causes[:MEMBERS]
        ],
        "changes": [_change(each) for each in incident.changes[:MEMBERS]],
        "impact": [
            {"entity": _word(each.entity), "name": _word(each.name), "loss": each.loss, "summary": _text(each.summary)}
            for each in incident.impact[:MEMBERS]
        ],
        "lines": [_text(each) for each in incident.lines[:MEMBERS]],
    }


def _change(change: ChangeNotice) -> dict[str, Any]:
    return {
        "id": _word(change.id),
        "time": change.time.isoformat(),
        "service": _word(change.service),
        "kind": change.kind,
        "status": change.status,
        "version": _word(change.version),
        "summary": _text(change.summary),
    }


def _word(text: str) -> str:
    return wording.cut(text, KEYWORD)


def _text(text: str) -> str:
    return wording.cut(text, TEXT)
