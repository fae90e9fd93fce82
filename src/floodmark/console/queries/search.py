"""Words looked for in all that has a name: incidents, anomalies, series, entities, changes, people, models."""

from __future__ import annotations

import re
import sqlite3
from typing import Final
from urllib.parse import quote

from floodmark.alerts import Anomaly, ChangeNotice, Incident
from floodmark.console.contract import Found, Search
from floodmark.console.folding import unpack, words_of
from floodmark.console.queries.rows import moment

_WORDS: Final = 12
_LONGEST: Final = 200


def matched(db: sqlite3.Connection, words: str, kind: str, limit: int) -> list[str]:
    """Ids of what has all the words, or words that begin so; the newest first."""
    asked = quoted(words)
    if not asked:
        return []
    table = words_of(kind)
    found = db.execute(
        f"SELECT id FROM {table} WHERE {table} MATCH ? ORDER BY rowid DESC LIMIT ?",
        (f'{{text}} : ({asked}) AND {{kind}} : "{kind}"', limit),
    )
    return [id for (id,) in found]


def quoted(words: str) -> str:
    """What somebody typed, as FTS5 asks for it: each word in quotes, for most signs mean something there."""
    parts = [each for each in words[:_LONGEST].replace("\0", " ").split() if re.search(r"\w", each)][:_WORDS]
    return " ".join('"' + each.replace('"', '""') + ('"*' if len(each) > 1 else '"') for each in parts)


def search(db: sqlite3.Connection, words: str, limit: int = 20) -> Search:
    """What has all the words; an id, whole or as it begins, comes first."""
    found: dict[tuple[str, str], Found] = {}
    begins = words.strip()
    if re.fullmatch(r"(inc-)?[0-9a-f]{4,16}", begins):
        like = begins if begins.startswith("inc-") else f"inc-{begins}"
        for (id,) in db.execute("SELECT id FROM incident WHERE id >= ? AND id < ? LIMIT 5", (like, like + "~")):
            _add(db, found, "incident", id)
    for kind, most in (("incident", limit), ("change", 5), ("model", 5), ("anomaly", 8)):
        for id in matched(db, words, kind, most):
            _add(db, found, kind, id)
    if begins:
        like = begins.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")[:_LONGEST] + "%"
        for (name,) in db.execute(
            "SELECT DISTINCT entity FROM affected WHERE entity LIKE ? ESCAPE '\\' LIMIT 5", (like,)
        ):
            found["entity", name] = Found(
                kind="entity", id=name, text=name, where=f"/explorer?entity={_url(name)}", at=None
            )
        for (name,) in db.execute("SELECT DISTINCT by FROM action WHERE by LIKE ? ESCAPE '\\' LIMIT 5", (like,)):
            found["person", name] = Found(kind="person", id=name, text=name, where=f"/audit?by={_url(name)}", at=None)
    return Search(found=list(found.values())[: limit + 20])


def _add(db: sqlite3.Connection, found: dict[tuple[str, str], Found], kind: str, id: str) -> None:
    if kind == "incident":
        for body, started in db.execute("SELECT body, started FROM incident WHERE id=?", (id,)):
            text = unpack(body, Incident).title
            found[kind, id] = Found(
                kind="incident", id=id, text=text, where=f"/incidents/{_url(id)}", at=moment(started)
            )
    elif kind == "change":
        for body, at in db.execute("SELECT body, at FROM change WHERE id=?", (id,)):
            change = unpack(body, ChangeNotice)
            text = f"{change.said()}: {change.summary}" if change.summary else change.said()
            found[kind, id] = Found(kind="change", id=id, text=text, where=f"/explorer?at={at:.0f}", at=moment(at))
    elif kind == "model":
        found[kind, id] = Found(kind="model", id=id, text=id, where=f"/models/{_url(id)}", at=None)
    else:
        for body, started in db.execute("SELECT body, started FROM anomaly WHERE id=?", (id,)):
            text = unpack(body, Anomaly).summary
            found[kind, id] = Found(
                kind="anomaly", id=id, text=text, where=f"/explorer?anomaly={_url(id)}", at=moment(started)
            )


def _url(text: str) -> str:
    return quote(text, safe="")
