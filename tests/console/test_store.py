"""The file of the view: it goes on where it was, is begun anew when it cannot be used, and lets go what is old."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from floodmark.actions import Action
from floodmark.alerts import utc
from floodmark.console.retention import trim
from floodmark.console.store import View

from .recorded import decoded, kept
from .viewed import config, content, demo, filled, now


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    view = filled(tmp_path / "view.db")
    yield view
    view.close()


def test_offsets_stand_in_the_transaction_of_the_rows(view: View, tmp_path: Path) -> None:
    newest = {}
    for each in demo():
        newest[each.topic, each.partition] = each.offset + 1
    assert view.places() == newest
    with sqlite3.connect(tmp_path / "view.db") as db:
        db.execute("CREATE TRIGGER full BEFORE UPDATE ON place BEGIN SELECT raise(ABORT, 'disk full'); END")
    before = content(view)
    action = Action(id="act-another", verb="comment", incident="inc-1", seen=1, at=utc(now()), by="bob@example.org")
    record = kept(action, now(), "floodmark.actions", "inc-1")
    with pytest.raises(sqlite3.Error, match="disk full"):
        view.take([replace(record, offset=10_000)], now=now())
    assert content(view) == before
    assert view.places() == newest


def test_another_process_goes_on_where_it_was(tmp_path: Path) -> None:
    half = len(demo()) // 2
    filled(tmp_path / "view.db", demo()[:half]).close()
    whole = filled(tmp_path / "view.db", demo()[half:])
    assert whole.rebuilt == ""
    assert content(whole) == content(filled(tmp_path / "other.db"))


@pytest.mark.parametrize("how", ["text", "cut", "version", "middle"])
def test_what_cannot_be_used_is_set_aside_and_said(tmp_path: Path, how: str) -> None:
    path = tmp_path / "view.db"
    filled(path).close()
    whole = path.read_bytes()
    if how == "text":
        path.write_bytes(b"no database, but a text of somebody" * 100)
    elif how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "middle":
        path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 16384) + whole[-8192:])
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version=99")
    view = View(path, config())
    assert "was set aside as view.db." in view.rebuilt
    assert "read again from the topics" in view.rebuilt
    assert view.rebuilds == 1
    assert view.places() == {}
    view.take(demo(), now=now())
    assert [each for each in tmp_path.iterdir() if each.name.startswith("view.db.2")]
    view.close()


def test_damage_that_is_met_while_it_is_read_is_mended_by_who_writes_next(view: View) -> None:
    before = content(view)
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # as SQLite raises it
    with contextlib.suppress(sqlite3.DatabaseError), view.reading():
        raise error
    view.take(demo(), now=now())
    assert view.rebuilds == 1
    assert content(view) == before


def test_who_looks_does_not_wait_for_who_writes_and_sees_one_state(view: View) -> None:
    done = threading.Event()

    def look() -> None:
        with view.reading() as db:
            db.execute("SELECT count(*) FROM incident").fetchone()
        done.set()

    with view._writing() as db:
        db.execute("DELETE FROM incident")
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(10)
        assert done.is_set()


def test_live_events_can_be_asked_for_again(view: View) -> None:
    with view.reading() as db:
        last = db.execute("SELECT max(sequence) FROM live").fetchone()[0]
    assert view.since(last) == []
    assert [each.sequence for each in view.since(last - 3) or ()] == [last - 2, last - 1, last]
    assert view.since(last + 1) is None, "of another view"
    assert view.since(1) is None, "of a view before this one, or gone"
    assert view.since(last - 20, limit=10) is None, "so many that asking anew is cheaper"


def test_acks_run_out_by_the_clock(tmp_path: Path) -> None:
    acks = [
        body
        for each in demo()
        if each.topic == "floodmark.actions" and isinstance(body := decoded(each), Action) and body.verb == "ack"
    ]
    view = View(tmp_path / "view.db", config())
    soon = acks[0].at.timestamp() + 1
    first = next(each for each in demo() if each.topic == "floodmark.alerts" and each.key == acks[0].incident.encode())
    ack = next(each for each in demo() if each.topic == "floodmark.actions" and acks[0].id.encode() in each.value)
    view.take([first, ack], now=soon)
    with view.reading() as db:
        held = db.execute("SELECT id, state FROM incident WHERE until IS NOT NULL").fetchall()
    assert held == [(acks[0].incident, "acked")]
    assert view.tick(soon) == []
    assert [(each.kind, each.id) for each in view.tick(soon + 86_400)] == [("incident", acks[0].incident)]
    with view.reading() as db:
        assert db.execute("SELECT state, grp FROM incident WHERE id=?", (acks[0].incident,)).fetchone()[0] == "open"
    assert view.tick(soon + 86_400) == []
    view.close()


def test_what_is_old_goes_and_what_people_did_stays(view: View) -> None:
    before = content(view)
    with view._writing() as db:
        assert trim(db, 90 * 86_400, 10**12, now() + 1000 * 86_400) == 0, "age is counted in the time of what was told"
        assert trim(db, 3600.0, 10**12, now()) > 0
    after = content(view)
    assert 0 < len(after["anomaly"]) < len(before["anomaly"])
    assert len(after["incident"]) < len(before["incident"])
    assert after["action"] == before["action"]
    with view.reading() as db:
        open_ones = db.execute("SELECT count(*) FROM incident WHERE grp IN ('needs','handled')").fetchone()[0]
        left = db.execute("SELECT count(*) FROM search_anomaly WHERE id NOT IN (SELECT id FROM anomaly)").fetchone()[0]
        orphans = db.execute(
            "SELECT count(*) FROM revision WHERE incident NOT IN (SELECT id FROM incident)"
        ).fetchone()[0]
    assert open_ones == len([each for each in before["incident"] if "'needs'" in each or "'handled'" in each])
    assert left == orphans == 0


def test_what_is_too_large_loses_its_evidence_first_and_incidents_last(view: View) -> None:
    incidents, anomalies = len(content(view)["incident"]), len(content(view)["anomaly"])
    with view._writing() as db:
        size = used_by(db)
        trim(db, 90 * 86_400, round(size * 0.97), now())
        assert db.execute("SELECT count(*) FROM anomaly WHERE points IS NULL").fetchone()[0] > 0
        assert db.execute("SELECT count(*) FROM anomaly").fetchone()[0] == anomalies
        trim(db, 90 * 86_400, 1, now())
        assert db.execute("SELECT count(*) FROM anomaly").fetchone()[0] == 0
        left = db.execute("SELECT count(*) FROM incident").fetchone()[0]
    assert left < incidents
    assert len(content(view)["action"]) > 0


def used_by(db: sqlite3.Connection) -> int:
    from floodmark.console.retention import used

    return used(db)


def test_a_refusal_is_kept_for_the_audit(view: View) -> None:
    from floodmark.console.queries.audit import audit

    action = Action(id="act-1", verb="resolve", incident="inc-1", seen=1, at=utc(now()), by="bob@example.org")
    view.refuse(action, "A responder may not resolve.")
    with view.reading() as db:
        rows = audit(db, now()).rows
    assert [each.refused for each in rows if each.action.id == "act-1"] == ["A responder may not resolve."]
