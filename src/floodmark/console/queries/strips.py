"""What is drawn beside a line of time on several pages: incidents as bars, changes as ticks."""

from __future__ import annotations

import sqlite3
from typing import Final

from floodmark.alerts import ChangeNotice
from floodmark.console.contract import Tick
from floodmark.console.folding import unpack
from floodmark.console.queries.rows import tick

_BARS: Final = 500
_CHANGES: Final = 200


def bars(db: sqlite3.Connection, since: float, until: float) -> list[tuple[str, float, float | None, int, bool]]:
    """Incidents as bars: id, from, until, severity, whether it is still open; the newest at most 500, oldest first."""
    found = db.execute(
        "SELECT id, started, ended, severity, grp FROM incident INDEXED BY incident_by_time "
        "WHERE started <= ? AND (ended IS NULL OR ended >= ?) "
        "AND grp <> 'merged' ORDER BY started DESC LIMIT ?",
        (until, since, _BARS),
    ).fetchall()
    return [(id, start, end, severity, group != "resolved") for id, start, end, severity, group in reversed(found)]


def ticks(db: sqlite3.Connection, since: float, until: float) -> list[Tick]:
    """Changes between two times, the newest at most 200, oldest first."""
    found = db.execute(
        "SELECT body FROM change WHERE at BETWEEN ? AND ? ORDER BY at DESC LIMIT ?", (since, until, _CHANGES)
    ).fetchall()
    return [tick(unpack(body, ChangeNotice)) for (body,) in reversed(found)]
