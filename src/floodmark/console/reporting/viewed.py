"""What the console's view knows, as what reports are made of: functions of a reading connection (`View.reading()`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import ChangeNotice, Incident, utc
from floodmark.config.models import Config
from floodmark.console.folding import points_of, unpack
from floodmark.console.queries.incident import history, incident
from floodmark.console.reporting.document import Report
from floodmark.console.reporting.gathering import gather
from floodmark.console.reporting.postmortem import postmortem
from floodmark.console.reporting.reading import Known, Odd, setting_of
from floodmark.console.reporting.weeks import Week
from floodmark.console.store import VERSION
from floodmark.deliveries import Delivery
from floodmark.fold import Book
from floodmark.reports import ModelReport
from floodmark.requests import ModelRequest

_LATER: Final = 7 * 86_400.0
"""What comes of a request may come after the week in which it was asked for."""
_TOLD: Final = 3_600.0
"""Within this after a week all of it is told."""
_LATELY: Final = 600.0
_OLDEST: Final = 40 * 86_400.0
"""A silence holds for 30 days at most; a maintenance is seldom longer."""


def known_of(db: sqlite3.Connection, config: Config, week: Week, series: float | None = None) -> Known:
    """What there is of a week and the one before. `series`: how many are watched, if somebody knows."""
    since, until = week.before().start.timestamp(), week.end.timestamp()
    found = gather(_bodies(db, since, until), setting_of(config, series))
    return replace(found, odd=_odd(db, since, week), opened=_opened(db, since, until))


def stored(path: Path, config: Config, week: Week, now: float) -> Known | None:
    """What a console's view in a file knows of a week; None if there is none that was read on until the week's end, or
    lately. It is only looked at: it may be that of a console that runs."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except (sqlite3.Error, OSError):
        return None
    try:
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            return None
        last = db.execute("SELECT max(at) FROM place WHERE topic = ?", (config.topics.alerts,)).fetchone()[0]
        if last is None or last < min(week.end.timestamp() + _TOLD, now - _LATELY):
            return None
        return known_of(db, config, week)
    except sqlite3.Error:
        return None
    finally:
        db.close()


def _bodies(db: sqlite3.Connection, since: float, until: float) -> Iterator[tuple[int, Any]]:
    span = (since, until)
    chosen = "SELECT id FROM incident WHERE started >= ? AND started < ?"
    for statement, kind, values in (
        ("SELECT 0, body FROM incident WHERE started >= ? AND started < ?", Incident, span),
        (f"SELECT offset, body FROM action WHERE incident IN ({chosen})", Action, span),
        (
            "SELECT offset, body FROM action WHERE incident = '' AND at >= ? AND at < ?",
            Action,
            (since - _OLDEST, until),
        ),
        (f"SELECT 0, body FROM outcome WHERE incident IN ({chosen})", ActionOutcome, span),
        ("SELECT 0, body FROM delivery WHERE at >= ? AND at < ?", Delivery, span),
        ("SELECT 0, body FROM report WHERE at >= ? AND at < ?", ModelReport, span),
        ("SELECT 0, body FROM request WHERE at >= ? AND at < ?", ModelRequest, span),
        ("SELECT 0, body FROM change WHERE at >= ? AND at < ?", ChangeNotice, (since, until + _LATER)),
    ):
        for row in db.execute(statement, values):
            if row[1] is not None:
                yield row[0], unpack(row[1], kind)


def _opened(db: sqlite3.Connection, since: float, until: float) -> dict[str, datetime]:
    """When each incident was told first, of which the first revision is known."""
    found = db.execute(
        "SELECT incident, at FROM revision WHERE revision = 1 "
        "AND incident IN (SELECT id FROM incident WHERE started >= ? AND started < ?)",
        (since, until),
    )
    return {id: utc(at) for id, at in found}


def _odd(db: sqlite3.Connection, since: float, week: Week) -> list[Odd]:
    """Counted by series, for each of the two weeks."""
    start = week.start.timestamp()
    found = db.execute(
        "SELECT entity, series, signal, min(started), count(*) FROM anomaly WHERE started >= ? AND started < ? "
        "GROUP BY started >= ?, entity, series, signal",
        (since, week.end.timestamp(), start),
    )
    return [
        Odd(entity, series, series.partition("{")[0], signal, utc(began), count)
        for entity, series, signal, began, count in found
    ]


def postmortem_of(db: sqlite3.Connection, config: Config, id: str, now: datetime) -> Report | None:
    """The post-mortem of an incident; None if nothing is known of it, or only what was done to it."""
    page = incident(db, config, id, now.timestamp())
    if page is None or page.incident is None:
        return None
    revisions = history(db, id) or [page.incident]
    book = Book()
    for each in revisions:
        book.take(each)
    for offset, body in db.execute("SELECT offset, body FROM action WHERE incident=? ORDER BY number", (id,)):
        book.take(unpack(body, Action), offset)
    for (body,) in db.execute("SELECT body FROM outcome WHERE incident=?", (id,)):
        book.take(unpack(body, ActionOutcome))
    sent = db.execute("SELECT body FROM delivery WHERE incident=? ORDER BY at", (id,)).fetchall()
    ids = [each.id for each in page.incident.members]
    points = db.execute(
        f"SELECT id, points FROM anomaly WHERE points IS NOT NULL AND id IN ({','.join('?' * len(ids))})", ids
    ).fetchall()
    return postmortem(
        revisions,
        book.known(id, now),
        deliveries=[unpack(body, Delivery) for (body,) in sent],
        points={name: points_of(kept) for name, kept in points},
        nearby=page.nearby,
    )
