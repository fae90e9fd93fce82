"""What was read, from topics or from saved lines, as what a report is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import Anomaly, ChangeNotice, Incident
from floodmark.console.reporting.reading import Known, Odd, Setting
from floodmark.deliveries import Delivery
from floodmark.reports import ModelReport
from floodmark.requests import ModelRequest

_TOLD_BY: Final[tuple[tuple[frozenset[str], type[Any]], ...]] = (
    (frozenset({"revision", "members"}), Incident),
    (frozenset({"series", "surprise"}), Anomaly),
    (frozenset({"verb", "by"}), Action),
    (frozenset({"action", "applied_at"}), ActionOutcome),
    (frozenset({"target", "result"}), Delivery),
    (frozenset({"model", "window"}), ModelReport),
    (frozenset({"kind", "why", "by"}), ModelRequest),
    (frozenset({"kind", "service", "summary"}), ChangeNotice),
)
"""Fields by which a saved body is told, the first that has all of them."""


def body_of(line: bytes) -> object:
    """The body that a saved line holds. Raises ValueError, whose text says why it is none."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        found = next((kind for names, kind in _TOLD_BY if names <= fields.keys()), None)
        if found is None:
            raise ValueError("it is no incident, action, anomaly, delivery, report, request or change")
        return msgspec.json.decode(line, type=found)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def gather(bodies: Iterable[tuple[int, object]], setting: Setting) -> Known:
    """What is known by bodies, each with its offset, in any order and repeated or not."""
    revisions: dict[str, dict[int, Incident]] = {}
    actions: dict[str, tuple[int, Action]] = {}
    outcomes: dict[str, ActionOutcome] = {}
    odd: dict[str, Odd] = {}
    deliveries: dict[tuple[str, str, str], Delivery] = {}
    reports: dict[tuple[str, float], ModelReport] = {}
    requests: dict[str, ModelRequest] = {}
    changes: dict[str, ChangeNotice] = {}
    for offset, body in bodies:
        match body:
            case Incident():
                revisions.setdefault(body.id, {})[body.revision] = body
            case Action():
                actions.setdefault(body.id, (offset, body))
            case ActionOutcome():
                outcomes.setdefault(body.action, body)
            case Anomaly():
                odd[body.id] = of_anomaly(body)
            case Delivery():
                deliveries[body.target, body.key, body.id] = body
            case ModelReport():
                reports[body.key(), body.time.timestamp()] = body
            case ModelRequest():
                requests[body.id] = body
            case ChangeNotice():
                changes[body.id] = body
            case _:
                pass
    by_incident: dict[str, list[tuple[int, Action]]] = {}
    for pair in sorted(actions.values(), key=lambda pair: pair[0]):
        by_incident.setdefault(pair[1].incident, []).append(pair)
    of_all = [action for _, action in by_incident.pop("", [])]
    heard: dict[str, list[ActionOutcome]] = {}
    for each in outcomes.values():
        heard.setdefault(each.incident, []).append(each)
    return Known(
        revisions={name: [those[number] for number in sorted(those)] for name, those in revisions.items()},
        actions=by_incident,
        outcomes=heard,
        of_all=of_all,
        odd=list(odd.values()) if odd else None,
        deliveries=list(deliveries.values()),
        reports=list(reports.values()),
        requests=list(requests.values()),
        changes=list(changes.values()),
        setting=setting,
    )


def of_anomaly(anomaly: Anomaly) -> Odd:
    """An anomaly as far as it is counted."""
    return Odd(anomaly.entity, anomaly.series, anomaly.name, anomaly.signal, anomaly.started_at)
