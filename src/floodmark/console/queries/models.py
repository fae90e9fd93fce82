"""How models do: the newest report of each version, and all of one."""

from __future__ import annotations

import sqlite3
from typing import Final

from msgspec.structs import replace

from floodmark.alerts import ChangeNotice
from floodmark.console.contract import ModelPage, ModelRow, Models
from floodmark.console.folding import unpack
from floodmark.console.queries.anomalies import anomalies
from floodmark.console.queries.rows import COLUMNS, rows
from floodmark.reports import ModelReport
from floodmark.requests import ModelRequest

_REPORTS: Final = 300
_VERSIONS: Final = 20


def models(db: sqlite3.Connection) -> Models:
    """Each model with the newest report of its newest version."""
    found = db.execute("SELECT model, version, max(at) FROM report GROUP BY model, version ORDER BY 1, 3 DESC")
    versions: dict[str, list[tuple[str, float]]] = {}
    for model, version, at in found:
        versions.setdefault(model, []).append((version, at))
    listed = []
    for model, some in versions.items():
        (body,) = db.execute(
            "SELECT body FROM report WHERE model=? AND version=? AND at=?", (model, *some[0])
        ).fetchone()
        odd = db.execute(
            "SELECT count(*) FROM anomaly WHERE model=? AND model<>'' AND ended IS NULL", (model,)
        ).fetchone()
        incidents = db.execute(
            "SELECT count(DISTINCT i.id) FROM affected a JOIN incident i ON i.id = a.incident "
            "WHERE a.entity = ? AND i.grp IN ('needs', 'handled')",
            (model,),
        ).fetchone()
        listed.append(
            ModelRow(
                model=model,
                versions=[version for version, _ in some[:_VERSIONS]],
                newest=unpack(body, ModelReport),
                odd=odd[0],
                open_incidents=incidents[0],
            )
        )
    return Models(models=listed)


def model(
    db: sqlite3.Connection, model: str, version: str, since: float | None, until: float | None
) -> ModelPage | None:
    """All of a version between two times (left out: the 48 hours before its newest report); None if none is known."""
    newest = db.execute("SELECT max(at) FROM report WHERE model=? AND version=?", (model, version)).fetchone()[0]
    if newest is None:
        return None
    until = newest if until is None else until
    since = until - 2 * 86_400.0 if since is None else since
    times = [
        at
        for (at,) in db.execute(
            "SELECT at FROM report WHERE model=? AND version=? AND at BETWEEN ? AND ? ORDER BY at",
            (model, version, since, until),
        )
    ]
    step = max(1, -(-len(times) // _REPORTS))
    chosen = sorted({*times[::step], *times[-1:]}) or [newest]
    reports = []
    for at in chosen:
        (body,) = db.execute(
            "SELECT body FROM report WHERE model=? AND version=? AND at=?", (model, version, at)
        ).fetchone()
        reports.append(unpack(body, ModelReport))
    reports = [replace(each, features=[], groups=[]) for each in reports[:-1]] + reports[-1:]
    names = [
        name
        for (name,) in db.execute(
            "SELECT version FROM report WHERE model=? GROUP BY version ORDER BY max(at) DESC LIMIT ?",
            (model, _VERSIONS),
        )
    ]
    incidents = db.execute(
        f"SELECT {_QUALIFIED} FROM affected a JOIN incident i ON i.id = a.incident WHERE a.entity = ? "
        "AND i.started <= ? AND (i.ended IS NULL OR i.ended >= ?) ORDER BY i.started DESC LIMIT 50",
        (model, until, since),
    ).fetchall()
    requests = db.execute("SELECT body FROM request WHERE model=? ORDER BY at DESC LIMIT 20", (model,)).fetchall()
    changes = db.execute(
        "SELECT body FROM change WHERE service=? AND at BETWEEN ? AND ? ORDER BY at", (model, since, until)
    ).fetchall()
    return ModelPage(
        model=model,
        version=version,
        versions=names,
        reports=reports,
        anomalies=anomalies(db, since=since, until=until, entity=model, limit=100).rows,
        incidents=rows(incidents),
        requests=[unpack(body, ModelRequest) for (body,) in requests],
        changes=[unpack(body, ChangeNotice) for (body,) in changes],
    )


_QUALIFIED: Final = ", ".join(f"i.{each}" for each in COLUMNS.split(", "))
