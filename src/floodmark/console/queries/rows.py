"""An incident and an anomaly as rows of a list."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from floodmark.alerts import SEVERITIES, Anomaly, Cause, ChangeNotice, Incident, Member, utc
from floodmark.console.contract import AnomalyRow, Bar, IncidentRow, Tick
from floodmark.console.folding import unpack
from floodmark.signals import Verdict
from floodmark.terminal.words import lasting

COLUMNS: Final = "id, body, state, until, owner, woke, priority"
"""Of the table incident, in the order in which `row` takes them."""
ENTITIES: Final = 8
_BARS: Final = 60
_TICKS: Final = 4


def rows(found: Iterable[Sequence[Any]]) -> list[IncidentRow]:
    """Incidents by their `COLUMNS`."""
    return [row(*each) for each in found]


def row(id: str, body: bytes, state: str, until: float | None, owner: str, woke: str, priority: str) -> IncidentRow:
    incident = unpack(body, Incident)
    cause = incident.causes[0] if incident.causes else None
    by = next((each for each in reversed(incident.acts) if each.verb in ("resolve", "merge", "dismiss")), None)
    entities = incident.entities[:ENTITIES]
    return IncidentRow(
        id=id,
        revision=incident.revision,
        state=state,  # type: ignore[arg-type]
        severity=incident.severity,
        title=incident.title,
        why=incident.why,
        scope=incident.scope,
        first=cause.entity if cause else (incident.entities[0] if incident.entities else ""),
        first_share=cause.share if cause else 0.0,
        first_reason=cause.reason if cause else "",
        first_change=blamed(incident, cause),
        entities=entities,
        entity_count=len(incident.entities),
        member_count=incident.member_count,
        started_at=incident.started_at,
        updated_at=incident.updated_at,
        resolved_at=incident.resolved_at,
        owner=owner,
        until=None if until is None else utc(until),
        woke=woke,
        priority=priority,
        told=incident.told,
        merged_into=incident.merged_into,
        impact=[each.summary for each in incident.impact[:3]],
        lifeline=_bars(incident.members, entities),
        changes=[tick(each) for each in incident.changes[-_TICKS:]],
        by_people="" if by is None else by.by,
    )


def blamed(incident: Incident, cause: Cause | None) -> str:
    """The change that the first cause names, in words, and how long before the incident it was."""
    if cause is None or cause.change is None:
        return ""
    change = next((each for each in incident.changes if each.id == cause.change), None)
    if change is None:
        return ""
    ago = incident.started_at - change.time
    when = f"{lasting(abs(ago))} {'after' if ago < timedelta() else 'before'}"
    what = (
        f"{change.said()}: {change.summary}"
        if change.summary and change.version not in change.summary
        else change.said()
    )
    return f"{what}, {when}"


def tick(change: ChangeNotice) -> Tick:
    return Tick(change.time.timestamp(), change.service, change.kind, change.summary or change.said())


def _bars(members: Sequence[Member], entities: Sequence[str]) -> list[Bar]:
    places = {name: number for number, name in enumerate(entities)}
    return [
        Bar(
            places[each.entity],
            each.started_at.timestamp(),
            None if each.ended_at is None else each.ended_at.timestamp(),
            SEVERITIES.index(each.severity),
        )
        for each in members
        if each.entity in places
    ][:_BARS]


def anomaly_rows(db: sqlite3.Connection, found: Iterable[tuple[str, bytes]]) -> list[AnomalyRow]:
    """Anomalies by their id and body."""
    bodies = [(id, unpack(body, Anomaly)) for id, body in found]
    homes = incidents_of(db, [id for id, _ in bodies])
    said = judgements(db, {each.series for _, each in bodies}, [id for id, _ in bodies])
    return [
        AnomalyRow(
            id=id,
            entity=each.entity,
            signal=each.signal,
            series=each.series,
            name=each.name,
            unit=each.unit,
            head=each.head,
            direction=each.direction,
            severity=each.severity,
            started_at=each.started_at,
            ended_at=each.ended_at,
            observed=finite(each.observed),
            expected=finite(each.expected),
            p_value=each.p_value,
            summary=each.summary,
            incident=homes.get(id, ""),
            judged=said.get(id, said.get(each.series, "")),
        )
        for id, each in bodies
    ]


def incidents_of(db: sqlite3.Connection, anomalies: Sequence[str]) -> dict[str, str]:
    """The incident of which each anomaly is a member: before all one that names it still, and was not merged."""
    found: dict[str, str] = {}
    for start in range(0, len(anomalies), 500):
        some = anomalies[start : start + 500]
        marks = ",".join("?" * len(some))
        rows = db.execute(
            f"SELECT m.anomaly, m.incident FROM member m JOIN incident i ON i.id = m.incident "
            f"WHERE m.anomaly IN ({marks}) ORDER BY i.merged IS NULL, m.revision = i.revision, i.updated, i.id",
            some,
        )
        found.update(rows)
    return found


def judgements(db: sqlite3.Connection, series: Iterable[str], anomalies: Sequence[str]) -> dict[str, str]:
    """What people said: by series, for verdicts that stand; by anomaly, for what they did in incidents."""
    found: dict[str, str] = {}
    for each in series:
        standing = db.execute(
            "SELECT body FROM verdict v WHERE series=? AND undoes='' AND NOT EXISTS "
            "(SELECT 1 FROM verdict u WHERE u.undoes = v.id AND u.undoes <> '') ORDER BY at DESC, id LIMIT 1",
            (each,),
        ).fetchone()
        if standing is not None:
            found[each] = f"no anomaly, says {unpack(standing[0], Verdict).by}"
    for start in range(0, len(anomalies), 500):
        some = anomalies[start : start + 500]
        marks = ",".join("?" * len(some))
        for id, verb, by in db.execute(f"SELECT anomaly, verb, by FROM judged WHERE anomaly IN ({marks})", some):
            found[id] = f"{'no anomaly' if verb == 'dismiss' else 'a good catch'}, says {by}"
    return found


def finite(value: float | None) -> float | None:
    """JSON knows no infinity."""
    return value if value is not None and math.isfinite(value) else None


def moment(at: float | None) -> datetime | None:
    return None if at is None else utc(at)
