"""Sign-ins that hold for a while: a file of their own, in which only the hashes of session ids stand."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from pathlib import Path

import msgspec

_TABLE = (
    "CREATE TABLE IF NOT EXISTS session("
    "hash TEXT PRIMARY KEY, until REAL NOT NULL, name TEXT NOT NULL, groups TEXT NOT NULL) WITHOUT ROWID"
)


class Sessions:
    """Made at a sign-in, asked at each request, gone at its end. Blocks for microseconds."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            self._db = self._opened(path)
        except sqlite3.DatabaseError:  # everybody signs in again
            path.unlink(missing_ok=True)
            self._db = self._opened(path)
        path.chmod(0o600)

    def begin(self, name: str, groups: list[str], until: float) -> str:
        """A new session; its id, 256 bits, which stands nowhere but in the cookie."""
        id = secrets.token_urlsafe(32)
        with self._lock:
            self._db.execute(
                "INSERT INTO session VALUES(?,?,?,?)", (_hash(id), until, name, msgspec.json.encode(groups).decode())
            )
        return id

    def find(self, id: str, now: float) -> tuple[str, list[str]] | None:
        """Name and groups of a session that holds."""
        with self._lock:
            found = self._db.execute("SELECT until, name, groups FROM session WHERE hash=?", (_hash(id),)).fetchone()
        if found is None or found[0] <= now:
            return None
        return found[1], msgspec.json.decode(found[2], type=list[str])

    def end(self, id: str, now: float) -> None:
        """End a session, and forget all that are over."""
        with self._lock:
            self._db.execute("DELETE FROM session WHERE hash=? OR until <= ?", (_hash(id), now))

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @staticmethod
    def _opened(path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(_TABLE)
        return db


def _hash(id: str) -> str:
    return hashlib.sha256(id.encode("utf-8", "replace")).hexdigest()
