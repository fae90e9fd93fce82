"""Tells an incident: severity, title, why its members belong together, how it ended, and the message itself.

Reads a group and changes nothing. Every text is made from the group's content alone, so a replay tells it the same way.
"""

from __future__ import annotations

from typing import Literal

from floodmark.alerts import SEVERITIES, Incident, Severity, utc
from floodmark.correlate.group import Group
from floodmark.correlate.sentences import counted, cut, listed, readable, sentence, span
from floodmark.correlate.symptoms import RANK, Symptom

BROAD = 3
"""Affected entities from which an incident is at least an error."""
VERY_BROAD = 6
"""Affected entities from which an incident with an error among its members is critical."""
Event = Literal["opened", "updated", "resolved", "reopened", "merged"]

_TITLE = 120  # fits the narrowest incident tool (Opsgenie: 130)


def severity(group: Group) -> Severity:
    """The worst of the members, raised by breadth; it never falls while an incident lives.

    Three affected entities make at least an error. Six make it critical if some member is an error by itself: many
    faint anomalies at once are one problem worth a look, not one worth a pager.
    """
    worst = max(RANK[symptom.severity] for symptom in group.symptoms.values())
    if len(group.entities) >= VERY_BROAD and worst >= RANK["error"]:
        worst = RANK["critical"]
    elif len(group.entities) >= BROAD:
        worst = max(worst, RANK["error"])
    return SEVERITIES[max(worst, RANK[group.severity])]


def title(group: Group) -> str:
    """Short text for a list or a pager: "checkout: error rate and latency up; 4 services affected"."""
    lead = next((cause.entity for cause in group.causes if cause.anomalies), group.first.entity)
    own = [symptom for symptom in group.symptoms.values() if symptom.entity == lead]
    rest = f"; {_affected(group)} affected" if len(group.entities) > 1 else ""
    return cut(f"{cut(lead, 50)}: {_moves(own)}", _TITLE - len(rest)) + rest


def why(group: Group) -> str:
    """Why the members were put together, as a sentence."""
    if group.member_count == 1:
        return sentence(f"One anomaly of {group.first.entity} by itself")
    onsets = group.last_start - group.started
    began = f"began within {span(onsets)} of each other" if onsets >= 1 else "began at the same time"
    if len(group.entities) == 1:
        return sentence(f"{group.member_count} anomalies of {group.first.entity} {began}")
    how = "; ".join(list(group.links)[:3])
    if len(group.links) > 3:
        how += f"; and {len(group.links) - 3} more connections"
    if not how:
        how = "only time relates them, as no topology and no labels are configured"
    return sentence(f"{group.member_count} anomalies of {_affected(group)} {began}: {how}")


def over(group: Group, quiet: float) -> str:
    """The resolution of an incident that ended by itself."""
    number = group.member_count
    who = "The anomaly" if number == 1 else "Both anomalies" if number == 2 else f"All {number} anomalies"
    return sentence(f"{who} ended, and {span(quiet)} passed without another")


def capped(group: Group, longest: float) -> str:
    """The resolution of an incident that reached the longest life."""
    going_on = f"{group.open} of its series {'is' if group.open == 1 else 'are'} still abnormal" if group.open else ""
    return sentence(
        f"capped: it reached {span(longest)}, the longest an incident may live" + (f"; {going_on}" if going_on else "")
    )


def evicted(most: int) -> str:
    """The resolution of an incident that had to make room."""
    return sentence(f"evicted: more than {most} incidents were open, and this one was the longest without news")


def incident(
    group: Group,
    event: Event,
    at: float,
    most: int,
    merged_into: str | None = None,
) -> Incident:
    """The message of one revision. Lists the first member and the most telling ones, at most `most`, by onset."""
    symptoms = list(group.symptoms.values())
    if len(symptoms) > most:
        symptoms.sort(key=lambda s: (s is not group.first, -RANK[s.severity], -s.strength, s.started, s.id))
        del symptoms[most:]
    symptoms.sort(key=lambda s: (s.started, s.id))
    return Incident(
        id=group.id,
        event=event,
        revision=group.revision,
        scope=group.scope,
        severity=group.severity,
        title=title(group),
        why=why(group),
        started_at=utc(group.started),
        updated_at=utc(at),
        resolved_at=None if group.resolved_at is None else utc(group.resolved_at),
        resolution=group.resolution,
        entities=list(group.entities),
        member_count=group.member_count,
        members=[symptom.published() for symptom in symptoms],
        causes=group.causes,
        changes=sorted(group.changes.values(), key=lambda change: (change.time, change.id)),
        merged_into=merged_into,
    )


def _affected(group: Group) -> str:
    nouns = {symptom.noun: None for symptom in group.symptoms.values()}
    return counted(len(group.entities), next(iter(nouns)) if len(nouns) == 1 else "entity")


def _moves(symptoms: list[Symptom]) -> str:
    """ "error rate and latency up, traffic down": the three most surprising, those that move alike together."""
    ordered = sorted(symptoms, key=lambda s: (-s.strength, s.started, s.id))
    moves: dict[str, list[str]] = {}
    for name, move in list(dict.fromkeys((readable(s.name), _move(s)) for s in ordered))[:3]:
        moves.setdefault(move, []).append(name)
    return ", ".join(f"{listed(names)} {move}" for move, names in moves.items())


def _move(symptom: Symptom) -> str:
    if symptom.head == "stale":
        return "silent"
    if symptom.head == "flatline":
        return "flat"
    return {"up": "up", "down": "down", "none": "unusual"}[symptom.direction]
