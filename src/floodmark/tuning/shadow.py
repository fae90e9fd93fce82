"""What another config would have told of the same input: incidents of both side by side. Pure.

Two incidents are the same one if they went on at the same time, give or take a little, and share a series, or an entity
where they share no series. Each has at most one counterpart: the one with which it shares most, then the one that began
nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from floodmark.alerts import SEVERITIES, Incident

SLACK: Final = 300.0
"""Seconds by which one may be over before the other begins."""
_WEEK: Final = 7 * 86_400.0


class Side(Struct, frozen=True, kw_only=True):
    """What one config told: incidents, alarms (anomalies that opened), and by how many of each a week."""

    incidents: int
    alarms: int
    incidents_week: float
    alarms_week: float
    budget_week: float


class Pair(Struct, frozen=True, kw_only=True):
    """An incident of both: their ids, and in what they differ, in words; empty if in nothing that matters."""

    live: str
    shadow: str
    title: str
    differs: list[str]


class Lone(Struct, frozen=True, kw_only=True):
    """An incident that only one of them told."""

    id: str
    title: str
    severity: str
    started_at: str


class Comparison(Struct, frozen=True, kw_only=True):
    live: Side
    shadow: Side
    both: list[Pair]
    only_live: list[Lone]
    only_shadow: list[Lone]

    @property
    def same(self) -> bool:
        """Whether they told the same incidents, and said the same of each."""
        return not self.only_live and not self.only_shadow and not any(each.differs for each in self.both)


class Heard(NamedTuple):
    """What a config told: revisions in any order, how many anomalies opened, and its budget of incidents a second."""

    incidents: Iterable[Incident]
    alarms: int
    budget: float


def compare(live: Heard, shadow: Heard, seconds: float) -> Comparison:
    """Both over the same stretch of event time, `seconds` long."""
    ours, theirs = newest(live.incidents), newest(shadow.incidents)
    pairs = _pairs(ours, theirs)
    left, right = {a.id for a, _ in pairs}, {b.id for _, b in pairs}
    return Comparison(
        live=_side(ours, live, seconds),
        shadow=_side(theirs, shadow, seconds),
        both=[Pair(live=a.id, shadow=b.id, title=a.title, differs=_differs(a, b)) for a, b in pairs],
        only_live=[_lone(each) for each in ours if each.id not in left],
        only_shadow=[_lone(each) for each in theirs if each.id not in right],
    )


def newest(revisions: Iterable[Incident]) -> list[Incident]:
    """The newest revision of each that was not merged away, in the order in which they began."""
    found: dict[str, Incident] = {}
    for each in revisions:
        if each.id not in found or each.revision >= found[each.id].revision:
            found[each.id] = each
    kept = [each for each in found.values() if each.merged_into is None]
    return sorted(kept, key=lambda each: (each.started_at, each.id))


def _side(told: Sequence[Incident], heard: Heard, seconds: float) -> Side:
    weeks = max(seconds, 1.0) / _WEEK
    return Side(
        incidents=len(told),
        alarms=heard.alarms,
        incidents_week=len(told) / weeks,
        alarms_week=heard.alarms / weeks,
        budget_week=heard.budget * _WEEK,
    )


def _pairs(ours: Sequence[Incident], theirs: Sequence[Incident]) -> list[tuple[Incident, Incident]]:
    scored = []
    for a in ours:
        mine = {each.series for each in a.members}
        for b in theirs:
            if not _meet(a, b):
                continue
            series = len(mine & {each.series for each in b.members})
            entities = len(set(a.entities) & set(b.entities))
            if series or entities:
                apart = abs((a.started_at - b.started_at).total_seconds())
                scored.append((-series, -entities, apart, a.id, b.id, a, b))
    scored.sort(key=lambda each: each[:5])
    taken_a: set[str] = set()
    taken_b: set[str] = set()
    pairs = []
    for *_, a, b in scored:
        if a.id not in taken_a and b.id not in taken_b:
            taken_a.add(a.id)
            taken_b.add(b.id)
            pairs.append((a, b))
    return sorted(pairs, key=lambda pair: (pair[0].started_at, pair[0].id))


def _meet(a: Incident, b: Incident) -> bool:
    def until(each: Incident) -> float:
        return (each.resolved_at or each.updated_at).timestamp() + SLACK

    return a.started_at.timestamp() <= until(b) and b.started_at.timestamp() <= until(a)


def _differs(a: Incident, b: Incident) -> list[str]:
    said = []
    if a.severity != b.severity:
        worse = SEVERITIES.index(b.severity) > SEVERITIES.index(a.severity)
        said.append(f"{b.severity} instead of {a.severity}{' (worse)' if worse else ''}")
    first, second = (each.causes[0].entity if each.causes else "" for each in (a, b))
    if first != second:
        said.append(f"first cause {second or 'none'} instead of {first or 'none'}")
    sooner = (a.started_at - b.started_at).total_seconds()
    if abs(sooner) >= 60.0:
        said.append(f"begins {abs(sooner) / 60:.0f} min {'sooner' if sooner > 0 else 'later'}")
    more = sorted(set(b.entities) - set(a.entities)), sorted(set(a.entities) - set(b.entities))
    if more[0]:
        said.append(f"also {', '.join(more[0][:5])}")
    if more[1]:
        said.append(f"without {', '.join(more[1][:5])}")
    return said


def _lone(each: Incident) -> Lone:
    return Lone(
        id=each.id, title=each.title, severity=each.severity, started_at=f"{each.started_at:%Y-%m-%d %H:%M:%S} UTC"
    )
