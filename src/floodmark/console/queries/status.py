"""How far everything is: what each page shows at its top."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from floodmark.alerts import utc
from floodmark.console.contract import Status
from floodmark.console.queries.rows import moment


class Lag(NamedTuple):
    """How far the console is behind the topics, as its reader sees it; `away`: why Kafka is not there."""

    records: int
    seconds: float
    building: bool
    away: str


class Engines(NamedTuple):
    """What the engines say of themselves, if they are asked: seconds behind, ready, series watched."""

    behind: float | None
    ready: bool | None
    series: int | None


def status(db: sqlite3.Connection, now: float, lag: Lag, engines: Engines, rebuilt: str) -> Status:
    counts = dict(db.execute("SELECT grp, count(*) FROM incident GROUP BY grp").fetchall())
    reached = db.execute("SELECT max(at) FROM reached").fetchone()[0]
    if reached is None:  # no engine has said so yet: it was there, at the latest, when it told what it told
        reached = db.execute("SELECT max(updated) FROM incident").fetchone()[0]
    oldest = db.execute("SELECT min(started) FROM anomaly").fetchone()[0]
    sequence = db.execute("SELECT coalesce(max(sequence), 0) FROM live").fetchone()[0]
    wrong = db.execute("SELECT count(*) FROM wrong").fetchone()[0]
    return Status(
        now=utc(now),
        behind_records=lag.records,
        behind_seconds=lag.seconds,
        building=lag.building,
        reached=moment(reached),
        engine_behind=engines.behind,
        engine_ready=engines.ready,
        oldest=moment(oldest),
        incidents=sum(counts.values()),
        open=counts.get("needs", 0) + counts.get("handled", 0),
        needs=counts.get("needs", 0),
        series=engines.series,
        wrong=wrong,
        rebuilt=rebuilt,
        away=lag.away,
        sequence=sequence,
    )
