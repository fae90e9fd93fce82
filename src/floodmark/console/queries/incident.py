"""One incident: all that its page shows, its older revisions, and its further lanes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import SEVERITIES, Anomaly, ChangeNotice, Incident, Member, utc
from floodmark.config.models import Config
from floodmark.console.contract import Edge, Entry, IncidentPage, Kin, Lane, Lanes, Ownership, Topology
from floodmark.console.folding import stands_of, unpack
from floodmark.console.queries.anomalies import lane, topology
from floodmark.console.queries.cursors import after, cursor
from floodmark.console.queries.rows import COLUMNS, judgements, row
from floodmark.deliveries import Delivery
from floodmark.fold import NO_EFFECT
from floodmark.terminal.deeds import brief
from floodmark.terminal.words import many

LANES: Final = 12
_NEARBY: Final = 3 * 3600.0
_ENTRIES: Final = 200
_KIN: Final = 5
_NODES: Final = 60
_UNDO: Final[Mapping[str, str]] = {
    "ack": "unack",
    "snooze": "unsnooze",
    "resolve": "reopen",
    "reopen": "resolve",
    "silence": "unsilence",
    "maintain": "unmaintain",
}


def incident(db: sqlite3.Connection, config: Config, id: str, now: float) -> IncidentPage | None:
    """All of an incident; None if nothing is known of it. `may` is left to whoever knows who asks."""
    found = db.execute(f"SELECT {COLUMNS} FROM incident WHERE id=?", (id,)).fetchone()
    if found is None:
        return None
    told = unpack(found[1], Incident)
    started, ended = told.started_at.timestamp(), (told.resolved_at or told.updated_at).timestamp()
    members = _ranked(told)
    return IncidentPage(
        row=row(*found),
        incident=told,
        lanes=_lanes(db, members[:LANES]),
        more_lanes=max(0, len(members) - LANES),
        entries=entries(db, id, now),
        topology=_around(topology(db, config, started), told.entities),
        order=_onsets(told.members),
        nearby=_nearby(db, told, started - _NEARBY, ended),
        ownership=_ownership(config, told.entities),
        kin=_kin(db, told),
        may={},
        effective=None,
        link=config.notify.link.format(incident=id) if config.notify is not None and config.notify.link else "",
    )


def history(db: sqlite3.Connection, id: str, limit: int = 500) -> list[Incident]:
    """Its revisions, oldest first; the newest 500."""
    found = db.execute(
        "SELECT body FROM revision WHERE incident=? AND body IS NOT NULL ORDER BY revision DESC LIMIT ?", (id, limit)
    ).fetchall()
    return [unpack(body, Incident) for (body,) in reversed(found)]


def lanes(db: sqlite3.Connection, id: str, start: str = "", limit: int = 50) -> Lanes | None:
    """The lanes after the first twelve, or after a cursor; None if there is no such incident. Raises CursorError."""
    found = db.execute("SELECT body FROM incident WHERE id=?", (id,)).fetchone()
    if found is None:
        return None
    first = int(after(start, 1)[0]) if start else LANES
    members = _ranked(unpack(found[0], Incident))
    page = members[first : first + limit]
    following = cursor(first + limit) if len(members) > first + limit else None
    return Lanes(lanes=_lanes(db, page), next=following)


def entries(db: sqlite3.Connection, id: str, now: float) -> list[Entry]:
    """What happened to it: revisions that say something new, what people did, and what was told; oldest first."""
    found = [*_revisions(db, id), *_actions(db, id, now), *_deliveries(db, id)]
    return sorted(found, key=lambda each: each.at)[-_ENTRIES:]


def _ranked(told: Incident) -> list[Member]:
    """Members with the first cause's first, then as they began."""
    places = {cause.entity: number for number, cause in enumerate(told.causes)}
    return sorted(told.members, key=lambda each: (places.get(each.entity, 99), each.started_at, each.id))


def _lanes(db: sqlite3.Connection, members: Iterable[Member]) -> list[Lane]:
    found = []
    some = list(members)
    said = judgements(db, {each.series for each in some}, [each.id for each in some])
    for each in some:
        judged = said.get(each.id, said.get(each.series, ""))
        kept = db.execute("SELECT body, points FROM anomaly WHERE id=?", (each.id,)).fetchone()
        if kept is not None:
            body = unpack(kept[0], Anomaly)
            found.append(lane(body, kept[1], each.why, judged, each.late, each.template))
            continue
        found.append(
            Lane(
                id=each.id,
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
                observed=each.observed,
                expected=each.expected,
                low=each.low,
                high=each.high,
                p_value=each.p_value,
                level=each.level,
                summary=each.summary,
                why=each.why,
                template=each.template,
                judged=judged,
                late=each.late,
                points=[],
                lines=[],
                facts={},
                partial=True,
            )
        )
    return found


def _onsets(members: Iterable[Member]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for each in sorted(members, key=lambda member: member.started_at):
        found.setdefault(each.entity, each.started_at)
    return found


def _around(whole: Topology, entities: list[str]) -> Topology:
    """Those that are affected, and their neighbours; the latter only as far as there is room."""
    hit = set(entities)
    near = [each for each in whole.edges if each.caller in hit or each.callee in hit]
    nodes = list(dict.fromkeys([*entities, *(name for edge in near for name in edge)]))[:_NODES]
    kept = set(nodes)
    return Topology(nodes=nodes, edges=[Edge(*each) for each in near if each.caller in kept and each.callee in kept])


def _nearby(db: sqlite3.Connection, told: Incident, since: float, until: float) -> list[ChangeNotice]:
    found = {each.id: each for each in told.changes}
    for (body,) in db.execute(
        "SELECT body FROM change WHERE at BETWEEN ? AND ? ORDER BY at DESC LIMIT 20", (since, until)
    ):
        change = unpack(body, ChangeNotice)
        found.setdefault(change.id, change)
    return sorted(found.values(), key=lambda each: each.time)


def _ownership(config: Config, entities: list[str]) -> list[Ownership]:
    found = []
    for name in entities:
        service = config.services.get(name)
        if service is not None and (service.owner or service.runbook or service.tier is not None):
            runbook = service.runbook if service.runbook.startswith(("http://", "https://")) else ""
            found.append(Ownership(service=name, owner=service.owner, runbook=runbook, tier=service.tier, on_call=[]))
    return found[:10]


def _kin(db: sqlite3.Connection, told: Incident) -> list[Kin]:
    """Earlier ones that share series: the same fault again, perhaps."""
    mine = {each.series for each in told.members}
    places = told.entities[:10]
    marks = ",".join("?" * len(places))
    rows = db.execute(
        f"SELECT i.id, i.body FROM incident i WHERE i.id IN (SELECT incident FROM affected WHERE entity IN ({marks})) "
        "AND i.id <> ? AND i.started < ? AND i.grp <> 'merged' ORDER BY i.started DESC LIMIT 50",
        (*places, told.id, told.started_at.timestamp()),
    )
    scored = []
    for id, body in rows:
        other = unpack(body, Incident)
        shared = sorted(mine & {each.series for each in other.members})
        if shared:
            size = len(mine | {each.series for each in other.members})
            kin = Kin(
                id=id,
                title=other.title,
                started_at=other.started_at,
                resolved_at=other.resolved_at,
                shared=shared[:5],
                resolution=other.resolution,
            )
            scored.append((-len(shared) / size, -other.started_at.timestamp(), kin))
    return [kin for _, _, kin in sorted(scored, key=lambda each: each[:2])[:_KIN]]


def _revisions(db: sqlite3.Connection, id: str) -> Iterable[Entry]:
    before: tuple[int, int, str] | None = None
    rows = db.execute(
        "SELECT revision, event, severity, entities, at, body FROM revision WHERE incident=? ORDER BY revision", (id,)
    )
    for number, event, severity, entities, at, body in rows:
        worse = before is None or severity != before[0] or entities > before[1] + 1
        said = event != "updated" or worse
        if said:
            told = unpack(body, Incident) if body is not None else None
            text = _said(event, before is None, SEVERITIES[severity], entities, told)
            yield Entry(
                at=utc(at),
                kind="revision",
                severity=SEVERITIES[severity],
                by="",
                text=text,
                quote="",
                id=f"{id}/{number}",
                failed=False,
                undo="",
            )
        before = (severity, max(entities, before[1] if before else 0), event)


def _said(event: str, first: bool, severity: str, entities: int, told: Incident | None) -> str:
    count = told.member_count if told else 0
    if event == "opened" or (first and event == "updated"):
        return f"Opened as {severity}: {told.title if told else ''}"
    if event == "resolved":
        why = f": {told.resolution}" if told is not None and told.resolution else ""
        return f"Over{why}"
    if event == "merged":
        return f"Merged into {told.merged_into if told else 'another one'}"
    if event == "reopened":
        return f"Open again, as {severity}"
    anomalies = "1 anomaly" if count == 1 else f"{count} anomalies"
    places = "1 entity" if entities == 1 else f"{entities} entities"
    return f"Now {severity}: {anomalies} of {places}"


def _actions(db: sqlite3.Connection, id: str, now: float) -> Iterable[Entry]:
    effects = dict(stands_of(db, id, now).effects)
    outcomes = {
        action: unpack(body, ActionOutcome)
        for action, body in db.execute("SELECT action, body FROM outcome WHERE incident=?", (id,))
    }
    for (body,) in db.execute("SELECT body FROM action WHERE incident=? ORDER BY offset", (id,)):
        action = unpack(body, Action)
        effect = effects.get(action.id, "")
        failed = effect.startswith(NO_EFFECT)
        waiting = action.id not in outcomes and effect == "handed to the engine"
        more = (
            f" ({effect.removeprefix(NO_EFFECT)})"
            if failed
            else " (the engine has not answered yet)"
            if waiting
            else ""
        )
        quote = action.args.text or action.args.result
        reason = f", since {action.reason}" if action.reason else ""
        yield Entry(
            at=action.at,
            kind="action",
            severity=None,
            by=action.by,
            text=f"{_clause(action)}{reason}{more}",
            quote=quote,
            id=action.id,
            failed=failed,
            undo="" if failed else _UNDO.get(action.verb, ""),
        )


def _clause(action: Action) -> str:
    words = {"comment": "commented", "ack": "acknowledged it", "good_catch": "said: a good catch"}
    if action.verb in words:
        return words[action.verb]
    if action.verb == "dismiss":
        count = len(action.args.anomalies)
        return f"said that {many(count, 'anomaly') if count else 'all of it'} is no anomaly"
    return brief(action)


def _deliveries(db: sqlite3.Connection, id: str) -> Iterable[Entry]:
    for (body,) in db.execute("SELECT body FROM delivery WHERE incident=?", (id,)):
        sent = unpack(body, Delivery)
        words = {
            "waiting": f"{sent.target} has not taken it yet",
            "delivered": f"{sent.target} was told",
            "refused": f"{sent.target} refused it",
            "dead": f"{sent.target} was given up",
            "dropped": f"{sent.target} was not told",
        }
        why = f": {sent.reason}" if sent.reason else ""
        yield Entry(
            at=sent.at,
            kind="delivery",
            severity=None,
            by="",
            text=f"{words[sent.result]}{why}",
            quote="",
            id=sent.id,
            failed=sent.result in ("refused", "dead"),
            undo="",
        )
