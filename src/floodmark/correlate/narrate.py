"""Tells an incident: severity, title, why its members belong together, how it ended, and the message itself.

Reads a group and changes nothing. Every text is made from the group's content alone, so a replay tells it the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from floodmark.alerts import SEVERITIES, Incident, Severity, utc
from floodmark.correlate.group import Group
from floodmark.correlate.impact import brief, impacts
from floodmark.correlate.impact import told as impact_told
from floodmark.correlate.sentences import counted, cut, moment, seldom, sentence, span
from floodmark.correlate.symptoms import RANK, Symptom
from floodmark.correlate.titles import compose, labels_in_common, moves, one_line, order

BROAD = 3
"""Affected entities from which an incident is at least an error."""
VERY_BROAD = 6
"""Affected entities from which an incident with an error among its members is critical."""
Event = Literal["opened", "updated", "resolved", "reopened", "merged"]

_TITLE = 120  # fits the narrowest incident tool (Opsgenie: 130)
_NAMED = 24
"""Characters that one or two other entities may have to be named in a title."""
_LINES = 3
"""Log lines of an incident."""
_MUCH = 3.0
"""Times as many lines as usual, from which on a kind of line is told that is no error."""
_LINE = 500
"""Characters of one of them."""


def severity(group: Group) -> Severity:
    """The worst of the members, raised by breadth; it never falls while an incident lives, but when people take members
    away.

    Three affected entities make at least an error. Six make it critical if some member is an error by itself: many
    faint anomalies at once are one problem worth a look, not one worth a pager. What moves in the direction that hurts
    nobody is a warning at most, and affects nothing.
    """
    warning = RANK["warning"]
    worst, affected = 0, set()
    for symptom in group.symptoms.values():
        harmless = symptom.harm() < 0
        worst = max(worst, min(RANK[symptom.severity], warning) if harmless else RANK[symptom.severity])
        if not harmless:
            affected.add(symptom.entity)
    # Of members beyond the bound nothing is known but their entities.
    breadth = len(affected) if group.member_count == len(group.symptoms) else len(group.entities)
    if breadth >= VERY_BROAD and worst >= RANK["error"]:
        worst = RANK["critical"]
    elif breadth >= BROAD:
        worst = max(worst, RANK["error"])
    return SEVERITIES[max(worst, RANK[group.severity])]


def title(group: Group, beside: Sequence[Symptom] = ()) -> str:
    """What the one on call would say, at most 120 characters: "payment: HTTP errors 0.1 → 38 a second; 3 more services
    affected". Of the entity that leads: what still goes on, or that it is over. What people name keeps its name."""
    if group.named:
        return cut(one_line(group.named), _TITLE)
    members = list(group.symptoms.values())
    lead = _lead(group)
    own = [symptom for symptom in members if symptom.entity == lead]
    present = [symptom for symptom in own if symptom.ended is None]
    common = labels_in_common(members)
    new = {s.template for s in own if s.name == "log_new_templates" and s.template}
    found = moves(present or own, lead, common, new, over=not present)
    if present:
        tail = _others([entity for entity in group.entities if entity != lead], _noun(group))
    else:
        tail = f", over since {moment(max(s.ended for s in own if s.ended is not None), group.started)}"
        ongoing = {s.entity for s in members if s.ended is None}
        tail += _others([entity for entity in group.entities if entity in ongoing], _noun(group), still=True)
    name, hurt = brief(members, beside)
    text = compose(lead, found, tail, _TITLE)
    end = one_line(f"; {name} {hurt}")
    return text + end if hurt and name not in text and len(text) + len(end) <= _TITLE else text


def why(group: Group, beside: Sequence[Symptom] = ()) -> str:
    """Why the members were put together, how often that happens by chance, and what it costs, in sentences."""
    said = [_together(group)]
    if group.by_chance > 0:
        much = "As much as this" + " at once" * (group.member_count > 1)
        said.append(f"{much} happens by chance {seldom(group.by_chance)} here")
    ended = sum(symptom.ended is not None for symptom in group.symptoms.values())
    if ended and group.resolved_at is None and group.member_count > 1:
        said.append(f"{ended} of them {'is' if ended == 1 else 'are'} over" if group.open else "All of them are over")
    if cost := impact_told(impacts(group.symptoms.values(), beside)):
        said.append(f"Impact: {cost}")
    said += group.said
    return " ".join(sentence(each) for each in said)


def _together(group: Group) -> str:
    """What belongs together, and by what."""
    began = moment(group.started)
    if group.member_count == 1:
        if group.first.signal == "alert":
            return f"One alert of {group.first.labels.get('source', 'another tool')} by itself, since {began}"
        return f"One series of {group.first.entity} by itself, since {began}"
    onsets = group.last_start - group.started
    when = f"became unusual within {span(onsets)} of each other" if onsets >= 1 else "became unusual at the same time"
    when += f", from {began} on"
    if len(group.entities) == 1:
        return f"{group.member_count} series of {group.first.entity} {when}"
    links = _links(group)
    how = links[:3]
    if len(links) > 3:
        how.append(f"and {len(links) - 3} more connections")
    if group.flood:
        how.append("so much that has nothing to do with each other begins at once only if it has one cause")
    what = f"{group.member_count} series of {counted(len(group.entities), _noun(group))} {when}"
    return f"{what}: {'; '.join(how)}" if how else what


def _links(group: Group) -> list[str]:
    """How the members are connected, as clauses; by what each says of itself, where the group no longer knows."""
    if group.links:
        return list(group.links)
    found: dict[str, None] = {}
    for symptom in group.symptoms.values():
        if symptom.why.startswith("close in time"):
            found["only time relates them, as no topology and no labels are configured"] = None
        elif symptom.why.startswith("shares "):
            found[f"{symptom.entity} {symptom.why}"] = None
        elif not symptom.why.startswith(("first", "same ")):
            found[symptom.why] = None
    return list(found)


def lines(group: Group) -> list[str]:
    """The log lines that say most, three at most: of kinds that are new, then rare, then errors; those of the entity
    that leads before others. Each has its entity in front where several are affected."""
    lead = _lead(group)
    found = []
    for symptom in order(group.symptoms.values()):
        if not symptom.lines or (kind := _telling(symptom)) is None:
            continue
        found.append((symptom.entity != lead, kind, symptom))
    found.sort(key=lambda each: each[:2])  # a stable sort: the rest is by importance
    best = min((kind for _, kind, _ in found), default=0)
    chosen: dict[str, None] = {}
    quoted: set[tuple[str, str]] = set()
    for _, kind, symptom in found:
        if kind > max(best, 2):  # many lines of a kind that is no error: where there is nothing better
            continue
        if (symptom.entity, symptom.template) in quoted and symptom.template:
            continue
        quoted.add((symptom.entity, symptom.template))
        before = f"{symptom.entity}: " if len(group.entities) > 1 else ""
        chosen[cut(f"{before}{symptom.lines[-1]}", _LINE)] = None
    return list(chosen)[:_LINES]


def _telling(symptom: Symptom) -> int | None:
    """How much the lines of a symptom tell, the smaller the more; None if they are as usual."""
    if symptom.name == "log_new_templates":
        return 0
    if symptom.name == "log_rare_templates":
        return 1
    if symptom.direction != "up":
        return None
    of_errors = symptom.name.startswith(("log_error", "log_code_error"))
    if of_errors or symptom.grade in ("ERROR", "FATAL"):
        return 2
    much = (symptom.observed or 0.0) >= _MUCH * (symptom.expected or 0.0)
    return 3 if symptom.name == "log_template" and much else None


def over(group: Group, quiet: float) -> str:
    """The resolution of an incident that ended by itself."""
    number = group.member_count
    if group.open:
        still = (
            f"{group.open} of {number} series {'has' if group.open == 1 else 'have'} not been normal for long enough"
        )
        return sentence(f"Nothing was odd for {span(quiet)}, though {still} to say that all is over")
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
    beside: Sequence[Symptom] = (),
    told: Literal["", "after"] = "",
) -> Incident:
    """The message of one revision. Lists the first member and the most telling ones, at most `most`, by onset.

    `beside`: KPIs that are odd now, and no members: what they lose is told as well. `told`: as in the message.
    """
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
        title=title(group, beside),
        why=why(group, beside),
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
        labels=labels_in_common(group.symptoms.values()),
        lines=lines(group),
        by_chance=group.by_chance,
        impact=impacts(group.symptoms.values(), beside),
        watermark=utc(at),
        acts=list(group.acts),
        told=told,
    )


def _lead(group: Group) -> str:
    """The first cause that has members; of an entity that was only changed there is nothing to tell."""
    known = {symptom.entity: None for symptom in group.symptoms.values()}
    return next((cause.entity for cause in group.causes if cause.entity in known), next(iter(known)))


def _others(entities: Sequence[str], noun: str, *, still: bool = False) -> str:
    """The end of a title: "; also checkout", "; 3 more services affected", "; 2 services still affected"."""
    if not entities:
        return ""
    names = " and ".join(entities[:2])
    if len(entities) <= 2 and len(names) <= _NAMED:
        return f"; {names} still affected" if still else f"; also {names}"
    number, things = counted(len(entities), noun).split(" ", 1)
    return f"; {number} {things} still affected" if still else f"; {number} more {things} affected"


def _noun(group: Group) -> str:
    nouns = {symptom.noun: None for symptom in group.symptoms.values()}
    return next(iter(nouns)) if len(nouns) == 1 else "entity"
