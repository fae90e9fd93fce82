"""What goes from the view when it is old, or too large: evidence first, then members and anomalies, incidents last. What
people did never goes: it is in its topic for ever."""

from __future__ import annotations

import sqlite3
from typing import Final

_STEP: Final = 2_000
_DAY: Final = 86_400.0
_SHARES: Final = (0.5, 0.25, 0.1)
"""Of `keep`: how much of it evidence may stay if the view is too large; tried one after the other."""


def trim(db: sqlite3.Connection, keep: float, size: int, now: float) -> int:
    """Let go what is older than `keep` seconds before `now`; if it is larger than `size` bytes, evidence that is old. How
    many rows went."""
    newest = db.execute(
        "SELECT max(at) FROM (SELECT max(updated) AS at FROM incident UNION ALL SELECT max(at) FROM reached)"
    ).fetchone()[0]
    now = min(now, newest) if newest is not None else now  # what is replayed of last year is not old
    before = now - keep
    gone = 0
    for statement in (
        "DELETE FROM anomaly WHERE started < ? AND updated < ?1",
        "DELETE FROM incident WHERE updated < ? AND grp IN ('resolved', 'merged')",
        "DELETE FROM change WHERE at < ?",
        "DELETE FROM letter WHERE at < ?",
        "DELETE FROM report WHERE at < ?",
        "DELETE FROM delivery WHERE at < ?",
    ):
        gone += db.execute(statement.replace("?1", "?"), (before,) * statement.count("?")).rowcount
    for table in ("heat", "heat_series", "water"):
        gone += db.execute(f"DELETE FROM {table} WHERE bucket < ?", (int(before // 600),)).rowcount
    if gone:
        for table in ("revision", "affected", "member"):
            db.execute(f"DELETE FROM {table} WHERE incident NOT IN (SELECT id FROM incident)")
        db.execute("DELETE FROM search WHERE kind='anomaly' AND id NOT IN (SELECT id FROM anomaly)")
        db.execute("DELETE FROM search WHERE kind='incident' AND id NOT IN (SELECT id FROM incident)")
    for share in _SHARES:
        if used(db) <= size:
            break
        found = db.execute(
            "UPDATE anomaly SET points=NULL WHERE points IS NOT NULL AND updated < ?", (now - keep * share,)
        )
        gone += found.rowcount
    if used(db) > size:  # still: the oldest anomalies, until it fits
        while used(db) > size:
            done = db.execute(
                "DELETE FROM anomaly WHERE id IN (SELECT id FROM anomaly ORDER BY started LIMIT ?)", (_STEP,)
            )
            if not done.rowcount:
                break
            gone += done.rowcount
    return gone


def used(db: sqlite3.Connection) -> int:
    """Bytes of its pages that hold something."""
    pages, free, bytes_each = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PRAGMAS)
    return int((pages - free) * bytes_each)


_PRAGMAS: Final = ("page_count", "freelist_count", "page_size")
