"""What the view knows of the engine: configs, dead letters, verdicts, wrong records, alarms against the budget."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from floodmark.alerts import utc
from floodmark.config.models import Config
from floodmark.console.contract import (
    DeadLetterGroup,
    Engine,
    EngineRow,
    TaskRow,
    VerdictRow,
    WrongRecord,
)
from floodmark.console.folding import unpack
from floodmark.reports import ConfigLoaded
from floodmark.signals import Verdict

_WEEK: Final = 7 * 86_400.0
_CONFIGS: Final = 20
_WRONG: Final = 100
_VERDICTS: Final = 200
_GROUPS: Final = 200


def engine(
    db: sqlite3.Connection,
    config: Config,
    now: float,
    *,
    engines: Sequence[EngineRow],
    tasks: Sequence[TaskRow],
    history: dict[str, list[tuple[float, float]]],
    series: int | None,
    size: int,
    rebuilt: str,
) -> Engine:
    """All of the page. `engines`, `tasks`, `history`, `series`: what those who were asked said."""
    reached = db.execute("SELECT max(at) FROM reached").fetchone()[0] or now
    alarms = dict(
        db.execute(
            "SELECT head, sum(began) FROM alarms WHERE day > ? GROUP BY head ORDER BY 2 DESC",
            (int((reached - _WEEK) // 86_400),),
        ).fetchall()
    )
    told = db.execute(
        "SELECT count(*) FROM incident WHERE started >= ? AND grp <> 'merged'", (reached - _WEEK,)
    ).fetchone()[0]
    oldest = db.execute("SELECT min(started) FROM anomaly").fetchone()[0]
    weeks = 1.0 if oldest is None else min(1.0, max(1 / 7, (reached - oldest) / _WEEK))
    rate = None if not series else sum(alarms.values()) / series / weeks
    scopes = db.execute("SELECT count(DISTINCT scope) FROM incident WHERE started >= ?", (reached - _WEEK,)).fetchone()[
        0
    ]
    return Engine(
        engines=list(engines),
        tasks=list(tasks),
        history=history,
        alarms=alarms,
        alarms_series_week=rate,
        budget_series_week=config.detect.false_alarms * _WEEK if hasattr(config.detect, "false_alarms") else None,
        incidents_week=told,
        budget_incidents_week=config.correlate.false_incidents * _WEEK * max(1, scopes),
        dead_letters=dead_letters(db),
        configs=_configs(db),
        feedback=_verdicts(db),
        wrong=[
            WrongRecord(topic=topic, partition=partition, offset=offset, reason=reason, at=utc(max(0.0, at)))
            for topic, partition, offset, reason, at in db.execute(
                "SELECT topic, partition, offset, reason, at FROM wrong ORDER BY at DESC LIMIT ?", (_WRONG,)
            )
        ],
        topics=dict(db.execute("SELECT topic, sum(offset) FROM place GROUP BY topic").fetchall()),
        store_bytes=size,
        rebuilt=rebuilt,
    )


def dead_letters(db: sqlite3.Connection, error: str | None = None, origin: str | None = None) -> list[DeadLetterGroup]:
    """Dead letters by error and origin, those that came last first."""
    found = db.execute(
        "SELECT error, origin, count(*), max(at) FROM letter WHERE (:error IS NULL OR error = :error) "
        "AND (:origin IS NULL OR origin = :origin) GROUP BY error, origin ORDER BY 4 DESC LIMIT :most",
        {"error": error or None, "origin": origin or None, "most": _GROUPS},
    ).fetchall()
    groups = []
    for name, topic, count, newest in found:
        stage, message, partition, offset = db.execute(
            "SELECT stage, message, partition, offset FROM letter WHERE error=? AND origin=? AND at=? LIMIT 1",
            (name, topic, newest),
        ).fetchone()
        groups.append(
            DeadLetterGroup(
                error=name,
                origin=topic,
                stage=stage,
                count=count,
                newest=utc(max(0.0, newest)),
                message=message,
                partition=partition,
                offset=offset,
            )
        )
    return groups


def _configs(db: sqlite3.Connection) -> list[ConfigLoaded]:
    found = db.execute(
        "SELECT c.body FROM config c JOIN (SELECT process, max(at) AS at FROM config GROUP BY process) n "
        "ON c.process = n.process AND c.at = n.at ORDER BY c.at DESC LIMIT ?",
        (_CONFIGS,),
    )
    return [unpack(body, ConfigLoaded) for (body,) in found]


def _verdicts(db: sqlite3.Connection) -> list[VerdictRow]:
    """Verdicts that stand, the newest first."""
    found = db.execute(
        "SELECT body FROM verdict WHERE undoes = '' AND id NOT IN (SELECT undoes FROM verdict WHERE undoes <> '') "
        "ORDER BY at DESC LIMIT ?",
        (_VERDICTS,),
    )
    rows = []
    for (body,) in found:
        said = unpack(body, Verdict)
        way = "" if said.direction == "both" else f" going {said.direction}"
        rows.append(
            VerdictRow(
                anomaly=said.id,
                verdict=said.verdict,
                by=said.by,
                at=said.at,
                reason=said.reason,
                summary=f"{said.series}{way} is no anomaly",
            )
        )
    return rows
