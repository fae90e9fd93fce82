"""Incidents as a list, and the strip above it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final, Literal

from floodmark.alerts import SEVERITIES
from floodmark.console.contract import IncidentList, Water
from floodmark.console.folding import BUCKET
from floodmark.console.queries.cursors import MOST, after, cursor
from floodmark.console.queries.rows import COLUMNS, rows
from floodmark.console.queries.search import matched
from floodmark.console.queries.strips import bars, ticks

Sort = Literal["urgency", "newest"]
GROUPS: Final = ("needs", "handled", "resolved", "merged")


def incidents(
    db: sqlite3.Connection,
    *,
    groups: Sequence[str] = ("needs", "handled", "resolved"),
    least: str = "info",
    scope: str | None = None,
    entity: str | None = None,
    owner: str | None = None,
    words: str = "",
    since: float | None = None,
    until: float | None = None,
    sort: Sort = "newest",
    start: str = "",
    limit: int = 100,
) -> IncidentList:
    """Incidents of some groups, that went on at some moment between `since` and `until`.

    `owner`: whose they are; empty: nobody's. `sort`: urgency (the worst first, then the newest told) or newest (by when
    they began). `start`: the cursor of a page before. Raises CursorError.
    """
    limit = max(1, min(limit, MOST))
    where, values = _where(least, scope, entity, owner, since, until)
    if words.strip():
        ids = matched(db, words, "incident", 2_000)
        where.append(f"id IN ({','.join('?' * len(ids)) or 'NULL'})")
        values += ids
    clause = " AND ".join(where) or "1"
    counts = dict.fromkeys(GROUPS, 0)
    counts.update(
        db.execute(
            f"SELECT grp, count(*) FROM incident INDEXED BY incident_by_time WHERE {clause} GROUP BY grp", values
        ).fetchall()
    )
    chosen = [each for each in groups if each in GROUPS] or list(GROUPS)
    clause += f" AND grp IN ({','.join('?' * len(chosen))})"
    values += chosen
    if sort == "urgency":
        keys, order = "severity, updated, id", "severity DESC, updated DESC, id"
    else:
        keys, order = "started, id", "started DESC, id"
    if start:
        key = after(start, 3 if sort == "urgency" else 2)
        if sort == "urgency":
            clause += " AND (severity < ? OR (severity = ? AND (updated < ? OR (updated = ? AND id > ?))))"
            values += [key[0], key[0], key[1], key[1], key[2]]
        else:
            clause += " AND (started < ? OR (started = ? AND id > ?))"
            values += [key[0], key[0], key[1]]
    found = db.execute(
        f"SELECT {keys} FROM incident INDEXED BY incident_by_time WHERE {clause} ORDER BY {order} LIMIT ?",
        [*values, limit + 1],
    ).fetchall()
    page = found[:limit]
    following = cursor(*page[-1]) if len(found) > limit else None
    shown = [db.execute(f"SELECT {COLUMNS} FROM incident WHERE id=?", each[-1:]).fetchone() for each in page]
    return IncidentList(rows=rows(shown), next=following, counts=counts)


def _where(
    least: str, scope: str | None, entity: str | None, owner: str | None, since: float | None, until: float | None
) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    if least in SEVERITIES and least != SEVERITIES[0]:
        where.append("severity >= ?")
        values.append(SEVERITIES.index(least))
    for column, value in (("scope", scope), ("owner", owner)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if entity is not None:
        where.append("id IN (SELECT incident FROM affected WHERE entity = ?)")
        values.append(entity)
    if since is not None:
        where.append("(ended IS NULL OR ended >= ?)")
        values.append(since)
    if until is not None:
        where.append("started <= ?")
        values.append(until)
    return where, values


def water(db: sqlite3.Connection, since: float, until: float, bucket: float = BUCKET) -> Water:
    """How much was odd and when: at most 2,000 buckets, each a multiple of ten minutes."""
    steps = max(1, round(bucket / BUCKET), round((until - since) / BUCKET / 2_000 + 0.5))
    first, last = int(since // BUCKET) // steps, int(until // BUCKET) // steps
    counts = [[0, 0, 0, 0] for _ in range(last - first + 1)]
    found = db.execute(
        "SELECT bucket / ?, severity, sum(began) FROM water WHERE bucket BETWEEN ? AND ? GROUP BY 1, 2",
        (steps, first * steps, last * steps + steps - 1),
    )
    for column, severity, began in found:
        counts[column - first][severity] += began
    return Water(
        start=float(first * steps * BUCKET),
        bucket=float(steps * BUCKET),
        counts=[(a, b, c, d) for a, b, c, d in counts],
        incidents=bars(db, since, until),
        changes=ticks(db, since, until),
        anomalies=sum(map(sum, counts)),
    )
