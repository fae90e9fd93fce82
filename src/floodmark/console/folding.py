"""Records of the topics as rows of the view. Each record may come twice, and the topics in any interleaving: the rows
are the same in the end.

It never raises for what a record holds: what is none of ours is listed as wrong, with its place, and the fold goes on.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import cramjam
import msgspec
from msgspec import Struct

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import SEVERITIES, Anomaly, ChangeNotice, Dependencies, Incident, Point, Watermark
from floodmark.config.models import Config
from floodmark.deliveries import Delivery
from floodmark.events import MalformedEventError, decode
from floodmark.fold import Life, Revision, life
from floodmark.letters import reason, receipt_of
from floodmark.records import Record
from floodmark.reports import ConfigLoaded, ModelReport
from floodmark.requests import ModelRequest
from floodmark.signals import Verdict

BUCKET: Final = 600
"""Seconds of a bucket of the roll-ups."""
WIDTHS: Final = (1, 6, 36)
"""Of the buckets of the heat map, in steps of `BUCKET`: ten minutes, an hour, six hours."""
POINTS: Final = 400
"""Points kept of an anomaly, the newest."""
_ROLLED: Final = 1_100
"""Buckets at most that an anomaly goes on in, in the roll-ups: a week, and some."""
_WRONG: Final = 1_000
"""Wrong records that are listed, the newest."""
_TEXT: Final = 2_000
_EARLIEST: Final = 0.0
_LATEST: Final = 4_102_444_800.0
GROUPS: Final[Mapping[str, str]] = {
    "none": "needs",
    "open": "needs",
    "acked": "handled",
    "snoozed": "handled",
    "resolved": "resolved",
    "merged": "merged",
}
"""Under which heading a state is listed; who has been given an open one handles it."""

_VERDICT: Final = msgspec.json.Decoder(Verdict)
_ENCODE: Final = msgspec.json.Encoder().encode


class New(NamedTuple):
    """What is new to whoever looks: an event of GET /live."""

    kind: str
    id: str


class _Place(Struct, frozen=True, array_like=True):
    entity: str


class _Kind(Struct, frozen=True, array_like=True):
    signal: str


class Meant(Struct, frozen=True, array_like=True):
    """Of an incident what routes and silences are held against, by the names that it has there: many of them are looked
    at for one page."""

    scope: str
    severity: str
    entities: list[str]
    labels: dict[str, str]
    causes: list[_Place]
    members: list[_Kind]

    @classmethod
    def of(cls, incident: Incident) -> Meant:
        signals = dict.fromkeys(each.signal for each in incident.members)
        causes = [_Place(each.entity) for each in incident.causes[:1]]
        members = [_Kind(each) for each in signals]
        return cls(incident.scope, incident.severity, incident.entities, incident.labels, causes, members)


class Fold:
    """Puts records into the tables of one connection; whoever calls commits."""

    def __init__(self, db: sqlite3.Connection, config: Config, counts: dict[tuple[str, str], int]) -> None:
        """`counts`: of records by topic and result (taken, old, wrong), kept up."""
        self._db = db
        self._topics = config.topics
        self._feedback = config.feedback.topic if config.feedback is not None else None
        self._counts = counts

    def take(self, records: Iterable[Any], now: float) -> list[New]:
        """Records in the order of their offsets; what is new by them, each once."""
        news: dict[New, None] = {}
        lives: dict[str, Any] = {}
        for record in records:
            for new in self._one(record, lives):
                news.pop(new, None)
                news[new] = None
        for incident, record in lives.items():
            try:
                changed = self._live(incident, now)
            except _BAD as error:
                self._refuse(record, error)
                continue
            if changed:
                news[New("incident", incident)] = None
        return list(news)

    def lapse(self, now: float) -> list[New]:
        """Incidents whose acknowledgement or snooze has run out."""
        found = self._db.execute("SELECT id FROM incident WHERE until IS NOT NULL AND until <= ?", (now,)).fetchall()
        return [New("incident", id) for (id,) in found if self._live(id, now)]

    def _one(self, record: Any, lives: dict[str, Any]) -> list[New]:
        topic = record.topic
        self._db.execute("SAVEPOINT record")  # a record is taken whole or not at all
        try:
            if topic == self._topics.dead_letters:
                news = self._letter(record)
            elif topic == self._feedback:
                news = self._verdict(_VERDICT.decode(record.value or b""))
            elif topic == self._topics.deliveries and record.value is None:
                news = []
            else:
                news = self._body(_body(record), record, lives)
        except _OldError:
            self._count(topic, "old")
            news = []
        except _BAD as error:
            self._db.execute("ROLLBACK TO record")
            self._refuse(record, error)
            news = [New("status", "")]
        else:
            self._count(topic, "taken")
        self._db.execute("RELEASE record")
        return news

    def _refuse(self, record: Any, error: Exception) -> None:
        self._count(record.topic, "wrong")
        self._wrong(record, str(error) or type(error).__name__)

    def _count(self, topic: str, result: str) -> None:
        self._counts[topic, result] = self._counts.get((topic, result), 0) + 1

    def _body(self, body: object, record: Any, lives: dict[str, Any]) -> list[New]:
        match body:
            case Incident():
                self._incident(body)
                lives[body.id] = record
                return [New("incident", body.id)]
            case Anomaly():
                return self._anomaly(body)
            case Action():
                self._action(body, record)
                if body.incident:
                    lives[body.incident] = record
                return [New("action", body.id)]
            case ActionOutcome():
                self._outcome(body)
                lives[body.incident] = record
                return [New("action", body.action)]
            case Watermark():
                self._db.execute(
                    "INSERT INTO reached VALUES(?,?,?,?) ON CONFLICT(task) DO UPDATE SET at=max(at, excluded.at), "
                    "tasks=excluded.tasks, idle=excluded.idle",
                    (body.task, body.time.timestamp(), body.tasks, body.idle),
                )
                return []
            case ChangeNotice():
                self._change(body)
                return [New("change", body.id)]
            case Dependencies():
                self._db.executemany(
                    "INSERT INTO edge VALUES(?,?,?) ON CONFLICT DO UPDATE SET at=max(at, excluded.at)",
                    [(clean(a), clean(b), body.time.timestamp()) for a, b in body.calls],
                )
                return []
            case Delivery():
                return self._delivery(body)
            case ModelReport():
                self._db.execute(
                    "INSERT OR REPLACE INTO report VALUES(?,?,?,?)",
                    (clean(body.model), clean(body.version), body.time.timestamp(), pack(body)),
                )
                self._index("model", f"{body.model}@{body.version}", f"{body.model} {body.version}")
                return [New("report", body.key())]
            case ConfigLoaded():
                self._db.execute(
                    "INSERT OR REPLACE INTO config VALUES(?,?,?)",
                    (clean(body.process), body.at.timestamp(), pack(body)),
                )
                return [New("status", "")]
            case ModelRequest():
                self._db.execute(
                    "INSERT OR REPLACE INTO request VALUES(?,?,?,?)",
                    (clean(body.id), clean(body.model), body.at.timestamp(), pack(body)),
                )
                return [New("report", body.model)]
            case _:
                return []  # words of tasks to each other

    # --- incidents

    def _incident(self, body: Incident) -> None:
        for at in (*(each.started_at for each in body.members), *(each.time for each in body.changes)):
            _time(at)
        known = self._db.execute("SELECT revision, started FROM incident WHERE id=?", (body.id,)).fetchone()
        severity, started = SEVERITIES.index(body.severity), _time(body.started_at)
        inserted = self._db.execute(
            "INSERT OR IGNORE INTO revision VALUES(?,?,?,?,?,?,?)",
            (body.id, body.revision, body.event, severity, len(body.entities), _time(body.updated_at), pack(body)),
        )
        if not inserted.rowcount:
            raise _OldError
        if known is not None and known[0] > body.revision:
            return  # an older one that comes late is history, and no more
        first = body.causes[0].entity if body.causes else (body.entities[0] if body.entities else "")
        self._db.execute(
            "INSERT INTO incident VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'open','needs',NULL,'','','') "
            "ON CONFLICT(id) DO UPDATE SET scope=excluded.scope, revision=excluded.revision, "
            "severity=excluded.severity, title=excluded.title, event=excluded.event, "
            "started=excluded.started, updated=excluded.updated, "
            "ended=excluded.ended, entities=excluded.entities, first=excluded.first, told=excluded.told, "
            "merged=excluded.merged, meant=excluded.meant, body=excluded.body",
            (
                body.id,
                clean(body.scope),
                body.revision,
                severity,
                clean(body.title),
                body.event,
                started,
                _time(body.updated_at),
                None if body.resolved_at is None else _time(body.resolved_at),
                " ".join(map(clean, body.entities[:100])),
                clean(first),
                body.told,
                body.merged_into,
                _ENCODE(Meant.of(body)),
                pack(body),
            ),
        )
        entities = {clean(each) for each in body.entities}
        before = {each for (each,) in self._db.execute("SELECT entity FROM affected WHERE incident=?", (body.id,))}
        self._db.executemany(
            "DELETE FROM affected WHERE entity=? AND incident=?", [(each, body.id) for each in before - entities]
        )
        self._db.executemany("INSERT INTO affected VALUES(?,?)", [(each, body.id) for each in entities - before])
        self._db.executemany(
            "INSERT INTO member VALUES(?,?,?) ON CONFLICT DO UPDATE SET revision=max(revision, excluded.revision)",
            [(each.id, body.id, body.revision) for each in body.members],
        )
        text = [body.id, body.title, *body.entities[:100], *(each.template for each in body.members[:50])]
        text += [each.series for each in body.members[:50]] + [
            f"{each.summary} {each.version}" for each in body.changes
        ]
        if known is not None and known[1] != started:
            self._db.execute("DELETE FROM search WHERE rowid=?", (place_of("incident", body.id, known[1]),))
        self._index("incident", body.id, " ".join(text), started)

    def _live(self, incident: str, now: float) -> bool:
        """Where it stands by people, anew; whether that is something else than before."""
        found = self._db.execute("SELECT state, until, owner, woke, priority FROM incident WHERE id=?", (incident,))
        before = found.fetchone()
        if before is None:
            return False
        stands = stands_of(self._db, incident, now)
        until = None if stands.until is None else stands.until.timestamp()
        group = GROUPS[stands.state]
        if group == "needs" and stands.owner:
            group = "handled"
        after = (stands.state, until, clean(stands.owner), clean(stands.woke), stands.priority)
        self._db.execute(
            "UPDATE incident SET state=?, until=?, owner=?, woke=?, priority=?, grp=? WHERE id=?",
            (*after, group, incident),
        )
        return bool(after != before)

    # --- anomalies

    def _anomaly(self, body: Anomaly) -> list[New]:
        known = self._db.execute(
            "SELECT updated, severity, rolled, event, points, started FROM anomaly WHERE id=?", (body.id,)
        ).fetchone()
        started, updated = _time(body.started_at), _time(body.updated_at)
        ended = None if body.ended_at is None else _time(body.ended_at)
        severity = SEVERITIES.index(body.severity)
        entity, series = clean(body.entity), clean(body.series)
        rank = (_EVENTS.index(body.event) == 2, updated, _EVENTS.index(body.event))
        newer = known is None or rank > (known[3] == "closed", known[0], _EVENTS.index(known[3]))
        points = _merged(known[4] if known else None, body.evidence.points, newer)
        if not newer:
            if points == known[4]:
                raise _OldError
            self._db.execute("UPDATE anomaly SET points=? WHERE id=?", (points, body.id))
            return [New("anomaly", body.id)]
        first, last = int(started // BUCKET), int(max(started, updated if ended is None else ended) // BUCKET)
        last = min(last, first + _ROLLED)
        if known is None:
            self._roll(entity, series, first, first, last, severity)
            self._db.execute(
                "INSERT INTO water VALUES(?,?,1) ON CONFLICT DO UPDATE SET began=began+1", (first, severity)
            )
            self._db.execute(
                "INSERT INTO alarms VALUES(?,?,1) ON CONFLICT DO UPDATE SET began=began+1",
                (int(started // 86_400), body.head),
            )
            self._index("anomaly", body.id, f"{body.id} {entity} {series} {_templates(body)}", started)
        else:
            first = int(known[5] // BUCKET)
            if last > known[2]:
                self._roll(entity, series, first, known[2] + 1, last, severity)
            if severity > known[1]:
                self._worse(entity, series, first, last, known[1], severity)
        bare = msgspec.structs.replace(body, evidence=msgspec.structs.replace(body.evidence, points=[]))
        self._db.execute(
            "INSERT OR REPLACE INTO anomaly VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                body.id,
                clean(body.scope),
                entity,
                body.signal,
                series,
                clean(body.head),
                max(severity, known[1] if known else severity),
                started if known is None else known[5],
                updated,
                ended,
                body.p_value if math.isfinite(body.p_value) else 1.0,
                body.event,
                clean(body.labels.get("model", "")) if body.signal == "prediction" else "",
                max(last, known[2] if known else last),
                pack(bare),
                points,
            ),
        )
        return [New("anomaly", body.id)]

    def _roll(self, entity: str, series: str, start: int, first: int, last: int, severity: int) -> None:
        """Buckets from `first` to `last` in which an anomaly goes on that began in `start`."""
        for width in WIDTHS:
            new = range(first // width, last // width + 1)
            if first > start and (first - 1) // width == new.start:  # it was in that one before
                new = range(new.start + 1, new.stop)
            rows = [(each, int(each == start // width)) for each in new]
            self._db.executemany(
                "INSERT INTO heat VALUES(?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
                "severity=max(severity, excluded.severity), began=began+excluded.began, going=going+excluded.going",
                [(width, bucket, entity, severity, began, 1 - began) for bucket, began in rows],
            )
        self._db.executemany(
            "INSERT INTO heat_series VALUES(?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
            "severity=max(severity, excluded.severity), began=began+excluded.began, going=going+excluded.going",
            [
                (entity, bucket, series, severity, int(bucket == start), int(bucket != start))
                for bucket in range(first, last + 1)
            ],
        )

    def _worse(self, entity: str, series: str, first: int, last: int, before: int, severity: int) -> None:
        """An anomaly that goes on is worse than it was: so are its buckets."""
        for width in WIDTHS:
            self._db.execute(
                "UPDATE heat SET severity=max(severity, ?) WHERE width=? AND bucket BETWEEN ? AND ? AND entity=?",
                (severity, width, first // width, last // width, entity),
            )
        self._db.execute(
            "UPDATE heat_series SET severity=max(severity, ?) WHERE entity=? AND bucket BETWEEN ? AND ? AND series=?",
            (severity, entity, first, last, series),
        )
        self._db.execute("UPDATE water SET began=began-1 WHERE bucket=? AND severity=?", (first, before))
        self._db.execute("INSERT INTO water VALUES(?,?,1) ON CONFLICT DO UPDATE SET began=began+1", (first, severity))

    # --- what people did, and what was told

    def _action(self, body: Action, record: Any) -> None:
        place = (record.partition, record.offset)
        known = self._db.execute("SELECT partition, offset FROM action WHERE id=?", (clean(body.id),)).fetchone()
        if known is not None and known <= place:
            raise _OldError
        self._db.execute("DELETE FROM action WHERE id=?", (clean(body.id),))
        row = (*place, clean(body.id), clean(body.incident), clean(body.verb), clean(body.by), body.at.timestamp())
        self._db.execute(
            "INSERT INTO action(partition, offset, id, incident, verb, by, at, body) VALUES(?,?,?,?,?,?,?,?)",
            (*row, pack(body)),
        )
        if body.verb in ("dismiss", "good_catch"):
            self._db.executemany(
                "INSERT INTO judged VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET at=excluded.at, verb=excluded.verb, "
                "by=excluded.by WHERE (excluded.at, excluded.verb, excluded.by) > (at, verb, by)",
                [(clean(id), body.at.timestamp(), body.verb, clean(body.by)) for id in body.args.anomalies],
            )
        if body.args.text and body.incident:
            self._index("comment", body.id, body.args.text)

    def _outcome(self, body: ActionOutcome) -> None:
        done = self._db.execute(
            "INSERT OR IGNORE INTO outcome VALUES(?,?,?,?)",
            (clean(body.action), clean(body.incident), body.result, pack(body)),
        )
        if not done.rowcount:
            raise _OldError

    def _verdict(self, body: Verdict) -> list[New]:
        done = self._db.execute(
            "INSERT OR IGNORE INTO verdict VALUES(?,?,?,?,?)",
            (clean(body.id), body.at.timestamp(), clean(body.series), clean(body.undoes), pack(body)),
        )
        if not done.rowcount:
            raise _OldError
        return [New("action", body.id)]

    def _delivery(self, body: Delivery) -> list[New]:
        self._db.execute(
            "INSERT INTO delivery VALUES(?,?,?,?,?,?) ON CONFLICT DO UPDATE SET id=excluded.id, at=excluded.at, "
            "result=excluded.result, body=excluded.body WHERE excluded.at >= at",
            (clean(body.key), clean(body.target), clean(body.id), body.at.timestamp(), body.result, pack(body)),
        )
        return [New("delivery", body.key)]

    def _change(self, body: ChangeNotice) -> None:
        known = self._db.execute("SELECT body FROM change WHERE id=?", (clean(body.id),)).fetchone()
        if known is not None and _order(unpack(known[0], ChangeNotice)) >= _order(body):
            return
        self._db.execute(
            "INSERT OR REPLACE INTO change VALUES(?,?,?,?)",
            (clean(body.id), _time(body.time), clean(body.service), pack(body)),
        )
        if known is not None:
            before = _time(unpack(known[0], ChangeNotice).time)
            self._db.execute("DELETE FROM search WHERE rowid=?", (place_of("change", body.id, before),))
        self._index("change", body.id, f"{body.said()} {body.summary} {body.actor}", _time(body.time))

    def _letter(self, record: Any) -> list[New]:
        if receipt_of(record.headers) is not None:
            return []
        said = reason(record.headers)
        self._db.execute(
            "INSERT OR IGNORE INTO letter VALUES(?,?,?,?,?,?,?)",
            (
                record.partition,
                record.offset,
                record.timestamp / 1000,
                clean(said.error[:200]),
                clean(said.topic),
                clean(said.stage),
                clean(said.message[:_TEXT]),
            ),
        )
        return [New("status", "")]

    def _wrong(self, record: Any, said: str) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO wrong VALUES(?,?,?,?,?)",
            (record.topic, record.partition, record.offset, clean(said[:_TEXT]), record.timestamp / 1000),
        )
        self._db.execute(
            "DELETE FROM wrong WHERE at < (SELECT at FROM wrong ORDER BY at DESC LIMIT 1 OFFSET ?)", (_WRONG,)
        )

    def _index(self, kind: str, id: str, text: str, at: float = 0.0) -> None:
        row, table = place_of(kind, id, at), words_of(kind)
        self._db.execute(f"DELETE FROM {table} WHERE rowid=?", (row,))
        self._db.execute(
            f"INSERT INTO {table}(rowid, kind, id, text) VALUES(?,?,?,?)", (row, kind, clean(id), clean(text[:20_000]))
        )


class _OldError(Exception):
    """Known already, or older than what is known."""


def stands_of(db: sqlite3.Connection, incident: str, now: float) -> Life:
    """Where an incident stands by the engine and by people."""
    revisions = [
        Revision(number, event, SEVERITIES[severity], entities)
        for number, event, severity, entities in db.execute(
            "SELECT revision, event, severity, entities FROM revision WHERE incident=?", (incident,)
        )
    ]
    actions = [
        (offset, unpack(body, Action))
        for offset, body in db.execute("SELECT offset, body FROM action WHERE incident=?", (incident,))
    ]
    outcomes = [
        unpack(body, ActionOutcome) for (body,) in db.execute("SELECT body FROM outcome WHERE incident=?", (incident,))
    ]
    return life(revisions, actions, datetime.fromtimestamp(now).astimezone(), outcomes=outcomes)


def pack(body: Any) -> bytes:
    """A body as it is kept."""
    return bytes(cramjam.zstd.compress(_ENCODE(body), 3))


def unpack(kept: bytes, kind: type[Any]) -> Any:
    """What `pack` has kept."""
    return msgspec.json.decode(bytes(cramjam.zstd.decompress(kept)), type=kind)


def points_of(kept: bytes | None) -> list[Point]:
    """The points of an anomaly, oldest first; none if they are gone."""
    return [] if kept is None else unpack(kept, list[Point])


def clean(text: str) -> str:
    """A text as SQLite takes it: half characters become U+FFFD, and what ends a string in C goes the same way."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def words_of(kind: str) -> str:
    """The index of words that has a kind of thing."""
    return "search_anomaly" if kind == "anomaly" else "search"


def place_of(kind: str, id: str, at: float) -> int:
    """The row of the index of words that something of a time has: so that the newest is found first."""
    mark = hashlib.blake2b(f"{kind}\x1f{id}".encode(errors="replace"), digest_size=4).digest()
    return int(at) << 31 | int.from_bytes(mark) >> 1


def _merged(kept: bytes | None, points: list[Point], newer: bool) -> bytes | None:
    """Points that were told, and those that are told now; of a time that both have, what was told later."""
    if not points:
        return kept
    before = {each.time: each for each in points_of(kept)}
    now = {each.time: each for each in points}
    found = before | now if newer else now | before
    if found == before:
        return kept
    return pack([found[at] for at in sorted(found)][-POINTS:])


def _templates(body: Anomaly) -> str:
    return " ".join(str(each) for name, each in body.evidence.facts.items() if "template" in name)


def _time(at: datetime) -> float:
    """A moment as it is kept: between 1970 and 2100, or it could not be drawn. Raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"the time {at.isoformat()} has no zone")
    return min(max(at.timestamp(), _EARLIEST), _LATEST)


_EVENTS: Final = ("opened", "updated", "closed")
_BAD: Final = (MalformedEventError, msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)
"""What a record raises that is none of ours, or says what cannot be."""
_STATUSES: Final = ("", "started", "cancelled", "failed", "succeeded")


def _order(change: ChangeNotice) -> tuple[float, int]:
    """What is said later of a change stands."""
    return change.time.timestamp(), _STATUSES.index(change.status) if change.status in _STATUSES else 0


def _body(record: Any) -> object:
    headers = tuple(record.headers)
    return decode(Record(record.topic, record.partition, record.offset, record.timestamp, None, record.value, headers))
