"""Who did what, and what came of it; and who was refused what here."""

from __future__ import annotations

import sqlite3
from typing import Any

from floodmark.actions import OF_ALL, Action, ActionOutcome
from floodmark.console.contract import Audit, AuditRow
from floodmark.console.folding import stands_of, unpack
from floodmark.console.queries.cursors import MOST, after, cursor


def audit(
    db: sqlite3.Connection,
    now: float,
    *,
    by: str | None = None,
    verb: str | None = None,
    incident: str | None = None,
    start: str = "",
    limit: int = 100,
) -> Audit:
    """What was done, the newest first. Raises CursorError."""
    limit = max(1, min(limit, MOST))
    where, values = ["1"], list[Any]()
    for column, value in (("by", by), ("verb", verb), ("incident", incident)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    if start:
        key = after(start, 2)
        where.append("(at < ? OR (at = ? AND id > ?))")
        values += [key[0], key[0], key[1]]
    found = db.execute(
        f"SELECT at, id, offset, body FROM action WHERE {' AND '.join(where)} ORDER BY at DESC, id LIMIT ?",
        [*values, limit + 1],
    ).fetchall()
    page = found[:limit]
    rows = [
        (at, AuditRow(action=unpack(body, Action), offset=offset, effect="", refused=""))
        for at, _, offset, body in page
    ]
    effects: dict[str, dict[str, str]] = {}
    told = []
    for at, each in rows:
        name = each.action.incident
        if name and name not in effects:
            effects[name] = dict(stands_of(db, name, now).effects)
        effect = effects[name].get(each.action.id, "") if name else _held(db, each.action)
        told.append((at, AuditRow(action=each.action, offset=each.offset, effect=effect, refused="")))
    told += _refusals(db, by, verb, incident, told, bool(start), len(found) <= limit)
    told.sort(key=lambda pair: (-pair[0], pair[1].action.id))
    following = cursor(page[-1][0], page[-1][1]) if len(found) > limit else None
    return Audit(rows=[each for _, each in told], next=following)


def _held(db: sqlite3.Connection, action: Action) -> str:
    outcome = db.execute("SELECT body FROM outcome WHERE action=?", (action.id,)).fetchone()
    if outcome is not None:
        said = unpack(outcome[0], ActionOutcome)
        return "done" if said.result == "applied" else f"no effect: {said.reason}"
    return "noted" if action.verb in OF_ALL else ""


def _refusals(
    db: sqlite3.Connection,
    by: str | None,
    verb: str | None,
    incident: str | None,
    rows: list[tuple[float, AuditRow]],
    later: bool,
    last: bool,
) -> list[tuple[float, AuditRow]]:
    """Those of the stretch of time that the page shows."""
    high = rows[0][0] if later and rows else 1e12
    low = rows[-1][0] if rows and not last else 0.0
    found = []
    for at, reason, body in db.execute("SELECT at, reason, body FROM refusal WHERE at BETWEEN ? AND ?", (low, high)):
        action = unpack(body, Action)
        if by in (None, "", action.by) and verb in (None, "", action.verb) and incident in (None, "", action.incident):
            found.append((at, AuditRow(action=action, offset=None, effect="", refused=reason)))
    return found[-MOST:]
