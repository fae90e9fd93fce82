"""Anomalies as a list, one with its evidence, the heat map, changes, and who calls whom."""

from __future__ import annotations

import shlex
import sqlite3
from collections import defaultdict
from typing import Any, Final, Literal

from floodmark.alerts import Anomaly, ChangeNotice
from floodmark.config.models import Config
from floodmark.console.contract import (
    AnomalyList,
    AnomalyPage,
    Cell,
    Changes,
    Edge,
    Heat,
    HeatRow,
    Lane,
    Topology,
)
from floodmark.console.folding import BUCKET, WIDTHS, points_of, unpack
from floodmark.console.queries.cursors import MOST, after, cursor
from floodmark.console.queries.rows import anomaly_rows, finite, incidents_of, judgements
from floodmark.console.queries.strips import bars, ticks

_ROWS: Final = 60
_SERIES: Final = 200
_COLUMNS: Final = 600
_LINES: Final = 20
_EDGE: Final = 86_400.0
"""How long a call that nobody tells any more is shown, by event time."""


def anomalies(
    db: sqlite3.Connection,
    *,
    since: float | None = None,
    until: float | None = None,
    entity: str | None = None,
    series: str | None = None,
    signal: str | None = None,
    head: str | None = None,
    most: float | None = None,
    model: str | None = None,
    start: str = "",
    limit: int = 100,
) -> AnomalyList:
    """Anomalies that began between two times, the newest first. `most`: of the p-value. Raises CursorError."""
    limit = max(1, min(limit, MOST))
    where, values = ["1"], list[Any]()
    for clause, value in (
        ("started >= ?", since),
        ("started <= ?", until),
        ("entity = ?", entity),
        ("series = ?", series),
        ("signal = ?", signal),
        ("head = ?", head),
        ("p <= ?", most),
        ("model = ? AND model <> ''", model),
    ):
        if value is not None:
            where.append(clause)
            values.append(value)
    if start:
        key = after(start, 2)
        where.append("(started < ? OR (started = ? AND id > ?))")
        values += [key[0], key[0], key[1]]
    found = db.execute(
        f"SELECT id, started FROM anomaly WHERE {' AND '.join(where)} ORDER BY started DESC, id LIMIT ?",
        [*values, limit + 1],
    ).fetchall()
    page = found[:limit]
    following = cursor(page[-1][1], page[-1][0]) if len(found) > limit else None
    bodies = [db.execute("SELECT id, body FROM anomaly WHERE id=?", each[:1]).fetchone() for each in page]
    return AnomalyList(rows=anomaly_rows(db, bodies), next=following)


def anomaly(db: sqlite3.Connection, id: str) -> AnomalyPage | None:
    """One of them; None if there is none."""
    found = db.execute("SELECT body, points FROM anomaly WHERE id=?", (id,)).fetchone()
    if found is None:
        return None
    body = unpack(found[0], Anomaly)
    said = judgements(db, [body.series], [id])
    at = body.started_at.isoformat().replace("+00:00", "Z")
    return AnomalyPage(
        lane=lane(body, found[1], "", said.get(id, said.get(body.series, "")), False, ""),
        scope=body.scope,
        labels=body.labels,
        detector=body.detector,
        incident=incidents_of(db, [id]).get(id, ""),
        explain=f"floodmark explain {shlex.quote(body.series)} {at} FILE",
    )


def lane(body: Anomaly, points: bytes | None, why: str, judged: str, late: bool, template: str) -> Lane:
    """An anomaly as it is drawn."""
    facts = dict(body.evidence.facts)
    return Lane(
        id=body.id,
        entity=body.entity,
        signal=body.signal,
        series=body.series,
        name=body.name,
        unit=body.unit,
        head=body.head,
        direction=body.direction,
        severity=body.severity,
        started_at=body.started_at,
        ended_at=body.ended_at,
        observed=finite(body.observed),
        expected=finite(body.expected),
        low=finite(body.low),
        high=finite(body.high),
        p_value=body.p_value,
        level=body.level,
        summary=body.summary,
        why=why,
        template=template or str(facts.get("log.record.template") or facts.get("template") or ""),
        judged=judged,
        late=late,
        points=points_of(points),
        lines=body.evidence.lines[-_LINES:],
        facts=facts,
        partial=points is None and body.signal != "alert",
    )


def heat(
    db: sqlite3.Connection,
    since: float,
    until: float,
    *,
    bucket: float = BUCKET,
    by: Literal["entity", "series"] = "entity",
    entity: str = "",
) -> Heat:
    """What was odd where and when: rows with the worst first, at most 600 columns, each a multiple of ten minutes, of
    more than four days of hours, of more than 25 days of six hours."""
    until = max(since, until)
    steps = max(1, round(bucket / BUCKET), -(-round((until - since) / BUCKET) // _COLUMNS))
    width = max(each for each in WIDTHS if each <= steps or each == 1)
    if steps > width and -(-steps // width) * width > steps:
        width = next((each for each in WIDTHS if each >= steps), WIDTHS[-1])
    steps = -(-steps // width) * width
    first, last = int(since // BUCKET) // steps, int(until // BUCKET) // steps
    span = (first * steps, last * steps + steps - 1)
    if by == "series":
        found = db.execute(
            "SELECT series, bucket / ?, max(severity), sum(began), max(going) FROM heat_series "
            "WHERE entity = ? AND bucket BETWEEN ? AND ? GROUP BY 1, 2",
            (steps, entity, *span),
        )
    else:
        found = db.execute(
            "SELECT entity, bucket, severity, began, going FROM heat WHERE width = ?2 AND bucket BETWEEN ?3 AND ?4"
            if steps == width
            else "SELECT entity, bucket / ?1, max(severity), sum(began), max(going) FROM heat WHERE width = ?2 AND "
            "bucket BETWEEN ?3 AND ?4 GROUP BY 1, 2",
            (steps // width, width, span[0] // width, span[1] // width),
        )
    cells: dict[str, list[Cell]] = defaultdict(list)
    for name, column, severity, began, going in found:
        cells[name].append(Cell(column - first, severity, began, going))
    most = _SERIES if by == "series" else _ROWS
    rows = [HeatRow(name=name, count=sum(each.began for each in some), cells=some) for name, some in cells.items()]
    rows.sort(key=lambda each: (-max(cell.severity for cell in each.cells), -each.count, each.name))
    return Heat(
        start=float(first * steps * BUCKET),
        bucket=float(steps * BUCKET),
        columns=last - first + 1,
        by=by,
        rows=rows[:most],
        more=max(0, len(rows) - most),
        incidents=bars(db, since, until),
        changes=ticks(db, since, until),
    )


def changes(
    db: sqlite3.Connection, since: float | None, until: float | None, start: str = "", limit: int = 100
) -> Changes:
    """Changes, the newest first. Raises CursorError."""
    limit = max(1, min(limit, MOST))
    where, values = ["1"], list[Any]()
    if since is not None:
        where.append("at >= ?")
        values.append(since)
    if until is not None:
        where.append("at <= ?")
        values.append(until)
    if start:
        key = after(start, 2)
        where.append("(at < ? OR (at = ? AND id > ?))")
        values += [key[0], key[0], key[1]]
    found = db.execute(
        f"SELECT body, at, id FROM change WHERE {' AND '.join(where)} ORDER BY at DESC, id LIMIT ?",
        [*values, limit + 1],
    ).fetchall()
    page = found[:limit]
    following = cursor(*page[-1][1:]) if len(found) > limit else None
    return Changes(changes=[unpack(each[0], ChangeNotice) for each in page], next=following)


def topology(db: sqlite3.Connection, config: Config, at: float | None = None) -> Topology:
    """Who calls whom: of the config, and what was learned in the day before `at`, or before the newest word."""
    edges = {(name, each) for name, service in config.services.items() for each in service.depends_on}
    newest = at if at is not None else db.execute("SELECT max(at) FROM edge").fetchone()[0]
    if newest is not None:
        edges.update(db.execute("SELECT caller, callee FROM edge WHERE at >= ?", (newest - _EDGE,)).fetchall())
    nodes = set(config.services) | {each for pair in edges for each in pair}
    return Topology(nodes=sorted(nodes), edges=[Edge(*each) for each in sorted(edges)])
