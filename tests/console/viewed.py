"""A view for tests: filled with records, and what is in it as plain rows."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from floodmark.config.models import Config
from floodmark.console.folding import unpack
from floodmark.console.store import View

from .recorded import CONFIG, Kept, records

_TABLES = (
    "incident", "revision", "affected", "member", "anomaly", "heat", "heat_series", "water", "alarms", "change",
    "edge", "reached", "outcome", "judged", "verdict", "delivery", "report", "request", "config", "letter", "wrong",
)  # fmt: skip


@functools.cache
def config() -> Config:
    return Config.model_validate(yaml.safe_load(CONFIG))


@functools.cache
def demo() -> tuple[Kept, ...]:
    return tuple(records())


def now() -> float:
    """A moment after all that was recorded."""
    return demo()[-1].timestamp / 1000 + 1


def filled(path: Path, some: Sequence[Kept] | None = None, size: int = 500) -> View:
    view = View(path, config())
    some = demo() if some is None else some
    for start in range(0, len(some), size):
        view.take(some[start : start + size], now=now())
    return view


def content(view: View) -> dict[str, list[Any]]:
    """All rows, in an order that says nothing; what is compressed is opened."""
    found: dict[str, list[Any]] = {}
    with view.reading() as db:
        for table in _TABLES:
            rows = db.execute(f"SELECT * FROM {table}").fetchall()
            found[table] = sorted(repr([_opened(each) for each in row]) for row in rows)
        rows = db.execute("SELECT id, incident, verb, by, at, body FROM action").fetchall()
        found["action"] = sorted(repr([_opened(each) for each in row]) for row in rows)
        found["search"] = sorted(
            map(
                repr,
                db.execute(
                    "SELECT kind, id, text FROM search UNION ALL SELECT kind, id, text FROM search_anomaly"
                ).fetchall(),
            )
        )
    return found


def _opened(value: Any) -> Any:
    return unpack(value, Any) if isinstance(value, bytes) and value[:1] == b"(" else value
