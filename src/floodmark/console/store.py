"""The view of the topics: an SQLite file (WAL) that can be deleted, for it is made again from them.

One connection writes: records and how far they were read, in one transaction. Any number of them read. All of it
blocks; whoever has a loop calls it in a thread.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

from floodmark.actions import Action
from floodmark.config.models import Config
from floodmark.console.folding import Fold, New, pack
from floodmark.console.retention import trim

VERSION: Final = 4
"""Of the tables: another one is set aside, and the view is made again."""
RING: Final = 100_000
"""Live events that can be asked for again."""
_BUSY_MS: Final = 5_000
_READERS: Final = 8
"""Connections that are kept for whoever looks; more are made, and closed."""
_CHECKED: Final = 512 * 1024 * 1024
"""A file up to this size is looked through when it is opened; of a larger one damage is found when it is met."""
_FILES: Final = ("", "-wal", "-shm")
_REFUSALS: Final = 90 * 86_400


class Event(NamedTuple):
    """A live event: what is new, and its number."""

    sequence: int
    kind: str
    id: str


class View:
    """The view in a file. `rebuilt`: why it was begun anew, as a sentence; empty if it was not."""

    def __init__(self, path: Path, config: Config) -> None:
        """Opens it, or begins a new one. Raises OSError if there is no place for it."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._config = config
        self._lock = threading.Lock()  # of the one that writes
        self._pool = threading.Lock()  # never held for long, so that those who look do not wait for who writes
        self._idle: list[sqlite3.Connection] = []
        self._damage = ""
        self.rebuilt = ""
        self.rebuilds = 0
        self._counts: dict[tuple[str, str], int] = {}
        self._db: sqlite3.Connection
        self._fold: Fold
        self._begin()

    def take_over(self, config: Config) -> None:
        """Go on with another config."""
        with self._lock:
            self._config = config
            self._fold = Fold(self._db, config, self._counts)

    def close(self) -> None:
        with self._lock:
            self._db.close()
            self._drain()

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Records by topic and what came of them: taken, old (known already) or wrong."""
        return dict(self._counts)

    def places(self) -> dict[tuple[str, int], int]:
        """The offset from which on each partition is still to be read."""
        with self.reading() as db:
            return {
                (topic, number): at for topic, number, at in db.execute("SELECT topic, partition, offset FROM place")
            }

    def take(
        self, records: Sequence[Any], positions: Mapping[tuple[str, int], int] | None = None, now: float | None = None
    ) -> list[Event]:
        """Records, in the order of their offsets, and how far they were read, in one transaction. `positions`: of
        partitions whose newest records are no records (markers of transactions)."""
        now = time.time() if now is None else now
        reached = {(each.topic, each.partition): each.offset + 1 for each in records} | dict(positions or {})
        with self._writing() as db:
            news = self._fold.take(records, now)
            db.executemany(
                "INSERT INTO place VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET offset=excluded.offset, at=excluded.at",
                [(*place, offset, now) for place, offset in reached.items()],
            )
            return self._told(db, news)

    def forget(self, topic: str, partition: int) -> None:
        """Begin a partition anew, whose offsets are others now."""
        with self._writing() as db:
            db.execute("DELETE FROM place WHERE topic=? AND partition=?", (topic, partition))

    def tick(self, now: float | None = None) -> list[Event]:
        """What has changed by the clock alone: acknowledgements and snoozes that ran out."""
        now = time.time() if now is None else now
        with self._writing() as db:
            return self._told(db, self._fold.lapse(now))

    def refuse(self, action: Action, reason: str) -> None:
        """Keep, for the audit, what somebody was refused here."""
        with self._writing() as db:
            at = action.at.timestamp()
            db.execute("INSERT OR REPLACE INTO refusal VALUES(?,?,?,?)", (action.id, at, reason, pack(action)))
            db.execute("DELETE FROM refusal WHERE at < ?", (at - _REFUSALS,))

    def trim(self, now: float | None = None) -> int:
        """Let go what is older than the config says, or too much; how many rows went."""
        keep = self._config.console
        with self._writing() as db:
            return trim(db, keep.keep, keep.size, time.time() if now is None else now)

    def since(self, sequence: int, limit: int = 1_000) -> list[Event] | None:
        """The live events after a number, the oldest first; None if some of them are gone, or are of another view."""
        with self.reading() as db:
            first, last = db.execute(
                "SELECT coalesce(min(sequence), 0), coalesce(max(sequence), 0) FROM live"
            ).fetchone()
            if sequence > last or (sequence < first - 1):
                return None
            rows = db.execute(
                "SELECT sequence, kind, id FROM live WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (sequence, limit + 1),
            ).fetchall()
        return None if len(rows) > limit else [Event(*row) for row in rows]

    def size(self) -> int:
        """Bytes of its files."""
        files = (self.path.with_name(self.path.name + suffix) for suffix in _FILES)
        return sum(each.stat().st_size for each in files if each.is_file())

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that only reads, and sees one state of the view as long as it is held."""
        with self._pool:
            db = self._idle.pop() if self._idle else None
            made = self.rebuilds
        if db is None:
            db = _connect(self.path)
            db.execute("PRAGMA query_only=1")
        try:
            db.execute("BEGIN")
            yield db
        except sqlite3.DatabaseError as error:
            if _broken(error) and made == self.rebuilds:
                self._damage = str(error)  # whoever writes next begins anew
            raise
        finally:
            with contextlib.suppress(sqlite3.Error):
                db.rollback()
            with self._pool:
                keep = made == self.rebuilds and len(self._idle) < _READERS
                if keep:
                    self._idle.append(db)
            if not keep:
                db.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._damage:
                self._anew(f"it was damaged ({self._damage})")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError) and _broken(error):
                    self._anew(f"it was damaged ({error})")
                raise

    def _anew(self, why: str) -> None:
        self._aside(why)
        self._begin()

    def _told(self, db: sqlite3.Connection, news: Sequence[New]) -> list[Event]:
        events = []
        for new in news:
            done = db.execute("INSERT INTO live(kind, id) VALUES(?,?)", new)
            events.append(Event(int(done.lastrowid or 0), *new))
        if events:
            db.execute("DELETE FROM live WHERE sequence <= ?", (events[-1].sequence - RING,))
        return events

    def _begin(self) -> None:
        if self.path.exists():
            try:
                self._db = _connect(self.path)
                version = self._db.execute("PRAGMA user_version").fetchone()[0]
                small = self.path.stat().st_size <= _CHECKED
                wrong = self._db.execute("PRAGMA quick_check(1)").fetchone()[0] if small else "ok"
                said = f"it was damaged ({wrong})" if wrong != "ok" else ""
                said = said or ("" if version == VERSION else f"it was of another release (version {version})")
            except sqlite3.DatabaseError as error:
                said = f"it was damaged ({error})"
            if said:
                self._aside(said)
        if not self.path.exists():
            self._db = _connect(self.path)
            script = resources.files("floodmark.console").joinpath("schema.sql").read_text("utf-8")
            first = round(time.time()) * 1000  # so that the numbers of another view's events are never taken for ours
            self._db.executescript(
                f"BEGIN; {script} INSERT INTO sqlite_sequence VALUES('live', {first}); "
                f"PRAGMA user_version={VERSION}; COMMIT;"
            )
            os.chmod(self.path, 0o600)  # noqa: PTH101 - it says what a company's systems are called
        self._fold = Fold(self._db, self._config, self._counts)

    def _aside(self, why: str) -> None:
        """Rename what cannot be used, with what belongs to it, and say so."""
        with contextlib.suppress(AttributeError, sqlite3.Error):
            self._db.close()
        with self._pool:
            self.rebuilds += 1
        self._drain()
        self._damage = ""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        for suffix in _FILES:
            old = self.path.with_name(self.path.name + suffix)
            if old.exists():
                old.rename(self.path.with_name(f"{self.path.name}.{stamp}{suffix}"))
        self.rebuilt = (
            f"The view in {self.path} was set aside as {self.path.name}.{stamp} and is read again from the topics, "
            f"since {why}."
        )

    def _drain(self) -> None:
        with self._pool:
            for each in self._idle:
                each.close()
            self._idle.clear()


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")  # what the last moments before a crash of the machine lose is read again
    db.execute("PRAGMA journal_size_limit=33554432")
    db.execute("PRAGMA mmap_size=268435456")
    db.execute("PRAGMA cache_size=-32000")
    return db


def _broken(error: sqlite3.DatabaseError) -> bool:
    return (
        error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        if hasattr(error, "sqlite_errorcode")
        else False
    )
