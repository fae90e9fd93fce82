"""What the pages ask, of a recorded demo."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from floodmark.actions import Action, Arguments
from floodmark.alerts import SEVERITIES, Incident, utc
from floodmark.config.models import Config
from floodmark.console.queries import anomalies, audit, engine, incident, incidents, models, oncall, search, status
from floodmark.console.queries.cursors import CursorError
from floodmark.console.store import View

from .recorded import incidents as revisions_of
from .recorded import kept
from .viewed import config, demo, filled, now

ALL = ("needs", "handled", "resolved", "merged")


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    view = filled(tmp_path_factory.mktemp("view") / "view.db")
    yield view
    view.close()


@pytest.fixture
def db(view: View) -> Iterator[Any]:
    with view.reading() as db:
        yield db


@pytest.fixture(scope="module")
def newest() -> dict[str, Incident]:
    return {each.id: each for each in revisions_of(list(demo()))}


def test_the_list_has_each_incident_once_with_what_the_engine_says(db: Any, newest: dict[str, Incident]) -> None:
    found = incidents.incidents(db, groups=ALL)
    assert {each.id for each in found.rows} == set(newest)
    assert sum(found.counts.values()) == len(newest)
    for each in found.rows:
        told = newest[each.id]
        assert (each.revision, each.title, each.severity) == (told.revision, told.title, told.severity)
        assert each.member_count == told.member_count
        assert each.first == told.causes[0].entity
        assert all(0 <= bar.entity < len(each.entities) for bar in each.lifeline)
    times = [each.started_at for each in found.rows]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("sort", ["urgency", "newest"])
def test_pages_give_each_row_once(db: Any, sort: Any) -> None:
    whole = [each.id for each in incidents.incidents(db, groups=ALL, sort=sort).rows]
    paged, following = [], ""
    while True:
        page = incidents.incidents(db, groups=ALL, sort=sort, limit=3, start=following)
        paged += [each.id for each in page.rows]
        if page.next is None:
            break
        following = page.next
    assert paged == whole


@pytest.mark.parametrize("text", ["x", "e30", "WzFd", "\ud800", "WyJhIiwgImIiLCAiYyJd" * 40])
def test_a_cursor_that_is_none_of_ours_is_refused(db: Any, text: str) -> None:
    with pytest.raises(CursorError):
        incidents.incidents(db, start=text)


def test_filters(db: Any, newest: dict[str, Incident]) -> None:
    for least in SEVERITIES:
        found = incidents.incidents(db, groups=ALL, least=least).rows
        wanted = {each.id for each in newest.values() if SEVERITIES.index(each.severity) >= SEVERITIES.index(least)}
        assert {each.id for each in found} == wanted
    some = next(iter(newest.values()))
    of_entity = incidents.incidents(db, groups=ALL, entity=some.entities[0]).rows
    assert {each.id for each in of_entity} == {each.id for each in newest.values() if some.entities[0] in each.entities}
    assert incidents.incidents(db, groups=ALL, entity="nothing").rows == []
    end = some.started_at.timestamp() + 60
    between = incidents.incidents(db, groups=ALL, since=end - 120, until=end).rows
    assert some.id in {each.id for each in between}
    for group in ALL:
        rows = incidents.incidents(db, groups=(group,))
        assert len(rows.rows) == rows.counts[group]
    nobody = incidents.incidents(db, groups=ALL, owner="").rows
    assert all(each.owner == "" for each in nobody)
    ann = incidents.incidents(db, groups=ALL, owner="ann@example.org").rows
    assert ann
    assert {each.owner for each in ann} == {"ann@example.org"}


@pytest.mark.parametrize(
    "words",
    ["3.41*", '"', "a AND (b", "NEAR(", "^x", "col:y", "-z", "''", "\0", "\u202e", "x" * 100_000, " ", "*", "a OR"],
)
def test_whatever_is_typed_is_no_error(db: Any, words: str) -> None:
    search.search(db, words)
    incidents.incidents(db, words=words)


def test_search_finds_what_has_a_name(db: Any, newest: dict[str, Incident]) -> None:
    some = next(iter(newest.values()))
    assert search.search(db, some.id).found[0].id == some.id
    assert some.id[4:12] in search.search(db, some.id[4:12]).found[0].id
    kinds = {each.kind for each in search.search(db, some.entities[0]).found}
    assert {"incident", "entity", "anomaly"} <= kinds
    assert {each.kind for each in search.search(db, "ann").found} >= {"person"}
    assert {each.kind for each in search.search(db, "fraud-scorer").found} >= {"model"}
    assert {each.kind for each in search.search(db, "deploy").found} >= {"change"}


def test_the_page_of_an_incident(db: Any, newest: dict[str, Incident]) -> None:
    for id, told in newest.items():
        page = incident.incident(db, config(), id, now())
        assert page is not None
        assert page.incident == told
        assert len(page.lanes) == min(12, len(told.members))
        assert page.more_lanes == len(told.members) - len(page.lanes)
        assert any(each.points for each in page.lanes)
        assert [each.at for each in page.entries] == sorted(each.at for each in page.entries)
        assert {each.kind for each in page.entries} >= {"revision"}
        assert page.link == f"https://floodmark.example.org/incidents/{id}"
        assert set(page.order) <= set(told.entities)
        assert all(each.started_at < told.started_at for each in page.kin)
        more = incident.lanes(db, id)
        assert more is not None
        assert len(more.lanes) == min(50, page.more_lanes)
        history = incident.history(db, id)
        assert [each.revision for each in history] == sorted(each.revision for each in history)
        assert history[-1] == told
    assert incident.incident(db, config(), "inc-none", now()) is None
    assert incident.lanes(db, "inc-none") is None


def test_what_people_did_is_told_with_what_came_of_it(db: Any) -> None:
    whole = [
        entry
        for row in incidents.incidents(db, groups=ALL).rows
        for entry in incident.entries(db, row.id, now())
        if entry.kind == "action"
    ]
    assert any(entry.quote.startswith("All 503s") for entry in whole)
    refused = next(each for each in whole if each.id == "act-refused")
    assert refused.failed
    assert "no such incident" in refused.text
    assert {each.undo for each in whole if each.text.startswith("acknowledged")} == {"unack"}


def test_the_strip_counts_each_anomaly_once(view: View, db: Any) -> None:
    end = now()
    strip = incidents.water(db, end - 30 * 86_400, end)
    total = db.execute("SELECT count(*) FROM anomaly").fetchone()[0]
    assert strip.anomalies == sum(map(sum, strip.counts)) == total
    worst = db.execute("SELECT count(*) FROM anomaly WHERE severity=3").fetchone()[0]
    assert sum(each[3] for each in strip.counts) == worst
    assert incidents.water(db, end, end - 3600).anomalies == 0, "a range from its end to its beginning is empty"


def test_the_heat_map_of_services_and_of_the_series_of_one(db: Any) -> None:
    end = now()
    whole = anomalies.heat(db, end - 3 * 86_400, end)
    for row in whole.rows:
        series = anomalies.heat(db, end - 3 * 86_400, end, by="series", entity=row.name)
        assert sum(each.count for each in series.rows) == row.count
        assert all(0 <= cell.column < whole.columns for cell in row.cells)
    assert sum(each.count for each in whole.rows) == db.execute("SELECT count(*) FROM anomaly").fetchone()[0]


def test_anomalies_by_filters_and_pages(db: Any) -> None:
    whole = anomalies.anomalies(db, limit=200)
    assert len(whole.rows) == 200
    rest = anomalies.anomalies(db, limit=200, start=whole.next or "")
    assert {each.id for each in whole.rows}.isdisjoint(each.id for each in rest.rows)
    assert len(whole.rows) + len(rest.rows) == db.execute("SELECT count(*) FROM anomaly").fetchone()[0]
    logs = anomalies.anomalies(db, signal="log").rows
    assert {each.signal for each in logs} == {"log"}
    rare = anomalies.anomalies(db, most=1e-6).rows
    assert all(each.p_value <= 1e-6 for each in rare)
    homes = {each.incident for each in whole.rows} - {""}
    assert homes <= {id for (id,) in db.execute("SELECT id FROM incident")}
    page = anomalies.anomaly(db, whole.rows[0].id)
    assert page is not None
    assert page.lane.id == whole.rows[0].id
    assert page.explain.startswith("floodmark explain ")
    assert anomalies.anomaly(db, "ano-none") is None


def test_changes_and_who_calls_whom(db: Any) -> None:
    found = anomalies.changes(db, None, None)
    assert len(found.changes) == db.execute("SELECT count(*) FROM change").fetchone()[0]
    shown = anomalies.topology(db, config())
    assert ("web", "checkout") in [tuple(each) for each in shown.edges]
    assert set(config().services) <= set(shown.nodes)


def test_models(db: Any) -> None:
    (row,) = models.models(db).models
    assert (row.model, row.versions) == ("fraud-scorer", ["2.7.1"])
    page = models.model(db, "fraud-scorer", "2.7.1", None, None)
    assert page is not None
    assert len(page.reports) == 48
    assert page.reports[-1].features
    assert not page.reports[0].features
    assert [each.id for each in page.requests] == ["req-1"]
    assert models.model(db, "fraud-scorer", "9", None, None) is None


def test_who_is_on_call_and_what_is_muted(db: Any) -> None:
    shown = oncall.oncall(db, config(), now())
    assert shown.configured
    (schedule,) = shown.schedules
    assert schedule.now in ("ann@example.org", "bob@example.org")
    assert schedule.next != schedule.now
    assert len(schedule.shifts) in (2, 3)
    for before, after in pairwise(schedule.shifts):
        assert before.end == after.start
        assert before.person != after.person
        handoff = datetime.fromtimestamp(after.start, ZoneInfo("Europe/Berlin"))
        assert f"{handoff:%a %H:%M}" == "Mon 09:00"
    (silence,) = shown.silences
    assert (silence.id, silence.over) == ("act-silence", False)
    assert [each.result for each in shown.failed] == ["waiting"]
    assert [each.name for each in shown.routes] == ["payments", "all others"]


def test_without_notify_nobody_is_on_call_and_that_is_said(db: Any, newest: dict[str, Incident]) -> None:
    bare = Config.model_validate(config().model_dump(exclude={"notify"}, exclude_unset=True))
    shown = oncall.oncall(db, bare, now())
    assert not shown.configured
    assert shown.schedules == shown.routes == []
    tested = oncall.route_test(db, bare, next(iter(newest)))
    assert tested is not None
    assert "nobody is told" in tested.why


def test_where_an_incident_would_go_is_what_notify_would_do(db: Any, newest: dict[str, Incident]) -> None:
    routes = {}
    for id, told in newest.items():
        tested = oncall.route_test(db, config(), id)
        assert tested is not None
        routes[id] = tested.route
        owners = {service.owner for name in told.entities if (service := config().services.get(name))}
        assert tested.route == ("payments" if "payments" in owners else "all others")
    assert oncall.route_test(db, config(), "inc-none") is None


def test_a_silence_can_be_tried_before_it_is_made(db: Any, newest: dict[str, Incident]) -> None:
    everything = oncall.preview(db, config(), {"entity": "*"}, now())
    assert everything.week == len(newest)
    assert {each.state for each in everything.now} <= {"open", "acked", "snoozed"}
    assert oncall.preview(db, config(), {"entity": "nothing"}, now()).week == 0
    assert oncall.preview(db, config(), {}, now()).problem
    for one in everything.now:
        assert oncall.preview(db, config(), {"entity": one.entities[0]}, now()).now


def test_the_engine_and_what_was_wrong(view: View, db: Any) -> None:
    shown = engine.engine(
        db, config(), now(), engines=[], tasks=[], history={}, series=100, size=view.size(), rebuilt=view.rebuilt
    )
    (group,) = shown.dead_letters
    assert (group.error, group.origin, group.count) == ("missing_field", "shop.metrics", 7)
    assert engine.dead_letters(db, "other") == []
    (wrong,) = shown.wrong
    assert wrong.topic == "floodmark.alerts"
    (loaded,) = shown.configs
    assert loaded.problems
    assert sum(shown.alarms.values()) > 0
    assert shown.topics["floodmark.actions"] == 12


def test_the_audit_pages_and_filters(db: Any) -> None:
    whole = audit.audit(db, now()).rows
    assert len(whole) == 11
    times = [each.action.at for each in whole]
    assert times == sorted(times, reverse=True)
    first = audit.audit(db, now(), limit=4)
    second = audit.audit(db, now(), limit=200, start=first.next or "")
    assert [each.action.id for each in (*first.rows, *second.rows)] == [each.action.id for each in whole]
    assert {each.action.by for each in audit.audit(db, now(), by="bob@example.org").rows} == {"bob@example.org"}
    refused = next(each for each in whole if each.action.id == "act-refused")
    assert "no such incident" in refused.effect


def test_status_tells_the_console_from_the_engine(db: Any) -> None:
    lag = status.Lag(1_200, 4.5, True, "")
    shown = status.status(db, now(), lag, status.Engines(70.0, False, 12), "")
    assert (shown.behind_records, shown.building) == (1_200, True)
    assert (shown.engine_behind, shown.engine_ready, shown.series) == (70.0, False, 12)
    assert shown.reached is not None
    assert shown.wrong == 1
    assert shown.open + 0 == shown.incidents - incidents.incidents(db).counts["resolved"]


def test_an_empty_view_answers_everything(tmp_path: Any) -> None:
    view = View(tmp_path / "view.db", config())
    with view.reading() as db:
        answers = [
            incidents.incidents(db), incidents.water(db, 0, 1e9), anomalies.anomalies(db), anomalies.heat(db, 0, 1e9),
            anomalies.changes(db, None, None), anomalies.topology(db, config()), models.models(db),
            oncall.oncall(db, config(), now()), oncall.deliveries(db), oncall.silences(db, config(), now()),
            search.search(db, "x"), audit.audit(db, now()), engine.dead_letters(db),
            status.status(db, now(), status.Lag(0, 0.0, False, ""), status.Engines(None, None, None), ""),
            engine.engine(
                db, config(), now(), engines=[], tasks=[], history={}, series=None, size=0, rebuilt=""
            ),
        ]  # fmt: skip
    for each in answers:
        msgspec.json.encode(each)
    view.close()


def test_who_stands_in_for_a_quarter_of_an_hour_is_shown(tmp_path: Any) -> None:
    start = now() // 3600 * 3600 + 600
    view = filled(tmp_path / "view.db", [])
    whole = ("ann@example.org", "bob@example.org")
    with view.reading() as db:
        person = oncall.oncall(db, config(), start).schedules[0].now
    other = whole[person == whole[0]]
    args = Arguments(schedule="payments-duty", to=other, since=utc(start), until=utc(start + 900))
    act = Action(id="act-o", verb="override", by="ann@example.org", at=utc(start - 60), args=args)
    view.take([kept(act, start - 60, "floodmark.actions", act.id)], now=start)
    with view.reading() as db:
        (schedule,) = oncall.oncall(db, config(), start + 1).schedules
    assert schedule.now == other
    assert (other, start, start + 900, True) in [tuple(each) for each in schedule.shifts]
    view.close()
