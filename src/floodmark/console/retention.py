"""What goes from the view when it is old, or too large: evidence first, then members and anomalies, incidents last.
What people did never goes: it is in its topic for ever.

Age is counted from the newest that was told, in event time: what a replay of last year tells is as young as it was
then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from floodmark.console.folding import BUCKET, WIDTHS, place_of, words_of

_STEP: Final = 2_000
_SHARES: Final = (0.5, 0.25, 0.1, 0.0)
"""Of `keep`: how much of it evidence may stay if the view is too large; tried one after the other."""
_OF_INCIDENTS: Final = ("revision", "affected", "member")


def trim(db: sqlite3.Connection, keep: float, size: int, now: float) -> int:
    """Let go what is older than `keep` seconds; if it is larger than `size` bytes, also what is younger. How many rows
    went."""
    before = _newest(db, now) - keep
    gone = _anomalies(db, "started < ? AND updated < ?", (before, before))
    gone += _incidents(db, "updated < ? AND grp IN ('resolved', 'merged')", (before,))
    found = db.execute("DELETE FROM change WHERE at < ? RETURNING id, at", (before,)).fetchall()
    _unindexed(db, "change", found)
    gone += len(found)
    for table in ("letter", "report", "delivery", "request"):
        gone += db.execute(f"DELETE FROM {table} WHERE at < ?", (before,)).rowcount
    for width in WIDTHS:
        bucket = int(before // BUCKET) // width
        gone += db.execute("DELETE FROM heat WHERE width=? AND bucket < ?", (width, bucket)).rowcount
    for table in ("heat_series", "water"):
        gone += db.execute(f"DELETE FROM {table} WHERE bucket < ?", (int(before // BUCKET),)).rowcount
    gone += db.execute("DELETE FROM alarms WHERE day < ?", (int(before // 86_400),)).rowcount
    if used(db) > size:
        gone += _smaller(db, keep, size, before + keep)
    return gone


def _smaller(db: sqlite3.Connection, keep: float, size: int, newest: float) -> int:
    """One kind after the other, the oldest first, until it fits."""
    gone = 0
    for share in _SHARES:
        values = (newest - keep * share,)
        gone += db.execute("UPDATE anomaly SET points=NULL WHERE points IS NOT NULL AND updated < ?", values).rowcount
        if used(db) <= size:
            return gone
    for share in _SHARES:  # older revisions, whole
        gone += db.execute(
            "UPDATE revision SET body=NULL WHERE body IS NOT NULL AND at < ? AND "
            "revision < (SELECT i.revision FROM incident i WHERE i.id = incident)",
            (newest - keep * share,),
        ).rowcount
        if used(db) <= size:
            return gone
    for remove, where, order in (
        (_anomalies, "1", "started"),
        (_incidents, "grp IN ('resolved', 'merged')", "updated"),
    ):
        while used(db) > size:
            table = "anomaly" if remove is _anomalies else "incident"
            went = remove(db, f"id IN (SELECT id FROM {table} WHERE {where} ORDER BY {order} LIMIT {_STEP})", ())
            if not went:
                break
            gone += went
    return gone


def _newest(db: sqlite3.Connection, now: float) -> float:
    """The newest time that was told, and no later than now."""
    found = [
        db.execute(f"SELECT max({column}) FROM {table} WHERE {column} <= ?", (now,)).fetchone()[0]
        for table, column in (("anomaly", "started"), ("incident", "started"), ("reached", "at"), ("change", "at"))
    ]
    return max((at for at in found if at is not None), default=now)


def _anomalies(db: sqlite3.Connection, where: str, values: tuple[float, ...]) -> int:
    found = db.execute(f"DELETE FROM anomaly WHERE {where} RETURNING id, started", values).fetchall()
    _unindexed(db, "anomaly", found)
    return len(found)


def _incidents(db: sqlite3.Connection, where: str, values: tuple[float, ...]) -> int:
    found = db.execute(f"DELETE FROM incident WHERE {where} RETURNING id, started", values).fetchall()
    for table in _OF_INCIDENTS:
        db.executemany(f"DELETE FROM {table} WHERE incident=?", [(id,) for id, _ in found])
    _unindexed(db, "incident", found)
    return len(found)


def _unindexed(db: sqlite3.Connection, kind: str, found: Iterable[tuple[str, float]]) -> None:
    db.executemany(f"DELETE FROM {words_of(kind)} WHERE rowid=?", [(place_of(kind, id, at),) for id, at in found])


def used(db: sqlite3.Connection) -> int:
    """Bytes of its pages that hold something."""
    pages, free, bytes_each = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS)
    return int((pages - free) * bytes_each)


_PRAGMAS: Final = ("page_count", "freelist_count", "page_size")
