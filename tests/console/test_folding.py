"""Records as rows: the same view by whatever batches, repetitions and interleaving of the topics; and bad input."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace as changed
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from floodmark.alerts import Anomaly, Incident, Point, utc
from floodmark.console.folding import points_of
from floodmark.console.queries.anomalies import anomalies, anomaly, heat
from floodmark.console.queries.incident import incident
from floodmark.console.queries.incidents import incidents, water
from floodmark.console.queries.search import search
from floodmark.console.store import View

from .recorded import Kept, decoded, kept, numbered
from .viewed import config, content, demo, filled, now


def _few() -> list[Kept]:
    """Of the recording what is enough: people, incidents, and each third series of the anomalies."""
    found = []
    for each in demo():
        if each.topic == "floodmark.anomalies":
            body = decoded(each)
            if isinstance(body, Anomaly) and int(body.id[-2:], 16) % 32:
                continue
            if not isinstance(body, Anomaly) and each.offset % 20:
                continue
        found.append(each)
    return found


FEW = _few()


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    return content(filled(tmp_path_factory.mktemp("view") / "view.db", FEW))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), size=st.integers(1, 200), repeat=st.booleans())
def test_any_interleaving_batching_and_repetition_gives_the_same_view(
    expected: dict[str, list[object]], seed: int, size: int, repeat: bool
) -> None:
    draw = random.Random(seed)
    topics: dict[str, list[Kept]] = defaultdict(list)
    for each in FEW:
        topics[each.topic].append(each)
    mixed: list[Kept] = []
    while topics:
        name = draw.choice(sorted(topics))
        count = draw.randrange(1, 80)
        mixed += topics[name][:count]
        if repeat and draw.random() < 0.3:  # it was killed, and begins at an older offset
            mixed += topics[name][: count // 2] + topics[name][:count]
        topics[name] = topics[name][count:]
        if not topics[name]:
            del topics[name]
    with tempfile.TemporaryDirectory() as folder:
        view = filled(Path(folder) / "view.db", mixed, size)
        assert content(view) == expected
        view.close()


def test_a_restart_at_any_record_goes_on(tmp_path: Path, expected: dict[str, list[object]]) -> None:
    for number, place in enumerate(range(7, len(FEW), len(FEW) // 5)):
        path = tmp_path / f"{number}.db"
        filled(path, FEW[:place]).close()
        view = filled(path, FEW[max(0, place - 3) :])
        assert content(view) == expected
        view.close()


def _one(kind: type) -> Kept:
    return next(each for each in demo() if each.headers and isinstance(_told(each), kind))


def _told(record: Kept) -> object:
    try:
        return decoded(record)
    except ValueError:
        return None


def _taken(path: Path, some: Sequence[Kept]) -> View:
    view = View(path, config())
    view.take(numbered(list(some)), now=now())
    return view


def test_points_of_an_open_anomaly_gather(tmp_path: Path) -> None:
    first = next(body for each in demo() if isinstance(body := _told(each), Anomaly) and body.event == "opened")
    at = first.updated_at.timestamp()
    told = [first]
    for step in (1, 2, 3):
        points = [Point(at + step * 120 + n, float(n), 0.0, None, None) for n in range(10)]
        told.append(
            replace(
                first, event="updated", updated_at=utc(at + step * 120), evidence=replace(first.evidence, points=points)
            )
        )
    view = _taken(tmp_path / "view.db", [kept(each, at, "floodmark.anomalies") for each in told])
    with view.reading() as db:
        page = anomaly(db, first.id)
    assert page is not None
    assert len(page.lane.points) == len(first.evidence.points) + 30
    assert page.lane.points == sorted(page.lane.points)
    assert not page.lane.partial


def test_an_anomaly_that_gets_worse_colours_its_buckets(tmp_path: Path) -> None:
    body = decoded(_one(Anomaly))
    assert isinstance(body, Anomaly)
    body = replace(body, event="opened", severity="info", ended_at=None)
    worse = replace(body, event="updated", severity="critical", updated_at=utc(body.updated_at.timestamp() + 1))
    at = body.started_at.timestamp()
    view = _taken(tmp_path / "view.db", [kept(each, at, "floodmark.anomalies") for each in (body, worse)])
    with view.reading() as db:
        seen = heat(db, at - 3600, at + 3600)
        strip = water(db, at - 3600, at + 3600)
    assert {cell.severity for cell in seen.rows[0].cells} == {3}
    assert [sum(column) for column in zip(*strip.counts, strict=True)] == [0, 0, 0, 1]


@pytest.mark.parametrize("topic", ["floodmark.alerts", "floodmark.anomalies", "floodmark.actions", "floodmark.reports"])
@pytest.mark.parametrize(
    "value", [None, b"", b"\xff\x00", b"[]", b'{"id": 1}', b"[" * 100_000], ids=lambda value: repr(value)[:12]
)
def test_what_is_no_record_of_ours_is_listed_and_the_fold_goes_on(
    tmp_path: Path, topic: str, value: bytes | None
) -> None:
    sample = next(each for each in demo() if each.topic == topic and each.headers)
    bad = changed(sample, value=value, partition=3, offset=17)
    view = filled(tmp_path / "view.db", [bad, sample])
    with view.reading() as db:
        assert db.execute("SELECT topic, partition, offset FROM wrong").fetchall() == [(topic, 3, 17)]
    assert view.counts[topic, "wrong"] == 1
    assert view.counts[topic, "taken"] == 1


def test_times_without_a_zone_and_numbers_past_all_bounds_are_wrong_and_leave_nothing(tmp_path: Path) -> None:
    record = _one(Incident)
    body = msgspec.json.decode(record.value or b"")
    naive = dict(body, updated_at="2026-01-01T00:00:00")
    huge = dict(body, revision=10**30)
    some = [changed(record, value=msgspec.json.encode(naive)), changed(record, value=_json(huge))]
    view = _taken(tmp_path / "view.db", some)
    assert view.counts["floodmark.alerts", "wrong"] == 2
    found = content(view)
    assert found["incident"] == found["revision"] == found["affected"] == found["search"] == []


def _json(value: object) -> bytes:
    import json

    return json.dumps(value).encode()


def test_times_of_1970_and_2286_and_values_beyond_all_are_drawn(tmp_path: Path) -> None:
    body = decoded(_one(Anomaly))
    assert isinstance(body, Anomaly)
    odd = []
    for number, at in enumerate(
        (datetime.fromisoformat("1970-01-01T00:00:00Z"), datetime.fromisoformat("2286-11-20T17:46:40Z"))
    ):
        odd.append(
            replace(
                body,
                id=f"ano-{number}",
                event="opened",
                started_at=at,
                updated_at=at,
                ended_at=None,
                observed=1e300,
                p_value=0.0,
            )
        )
    view = _taken(tmp_path / "view.db", [kept(each, now(), "floodmark.anomalies") for each in odd])
    with view.reading() as db:
        assert {each.id for each in anomalies(db).rows} == {"ano-0", "ano-1"}
        assert heat(db, 0.0, 4e9).columns <= 1_441
        assert len(water(db, 0.0, 4e9).counts) <= 2_001
    assert view.counts == {("floodmark.anomalies", "taken"): 2}


def test_ten_thousand_members_and_two_thousand_entities(tmp_path: Path) -> None:
    body = decoded(_one(Incident))
    assert isinstance(body, Incident)
    member = body.members[0]
    many = replace(
        body,
        members=[replace(member, id=f"ano-{n}", entity=f"service-{n % 2000}") for n in range(10_000)],
        member_count=10_000,
        entities=[f"service-{n}" for n in range(2_000)],
    )
    view = _taken(tmp_path / "view.db", [kept(many, now(), "floodmark.alerts", many.id)])
    with view.reading() as db:
        page = incident(db, config(), many.id, now())
        listed = incidents(db, entity="service-1999")
    assert page is not None
    assert len(page.lanes) == 12
    assert page.more_lanes == 9_988
    assert [each.entity_count for each in listed.rows] == [2_000]
    assert len(listed.rows[0].entities) <= 8


@pytest.mark.parametrize(
    "text", ["\0 in the middle", "\x1b[31m red", "\u202e backwards", "'; DROP TABLE incident; --", "</script>"]
)
def test_text_of_any_kind_survives(tmp_path: Path, text: str) -> None:
    told, odd = decoded(_one(Incident)), decoded(_one(Anomaly))
    assert isinstance(told, Incident)
    assert isinstance(odd, Anomaly)
    some = [
        kept(replace(told, title=text, entities=[text, *told.entities]), now(), "floodmark.alerts", told.id),
        kept(replace(odd, entity=text, series=text, event="opened"), now(), "floodmark.anomalies"),
    ]
    view = _taken(tmp_path / "view.db", some)
    assert set(view.counts) == {("floodmark.alerts", "taken"), ("floodmark.anomalies", "taken")}
    with view.reading() as db:
        assert incidents(db, groups=()).rows[0].title == text
        assert anomalies(db).rows[0].entity == text
        search(db, text)


def test_half_characters_do_not_stop_the_fold(tmp_path: Path) -> None:
    record = _one(Incident)
    half = (record.value or b"").replace(b'"title":"', b'"title":"\\ud800 ', 1)
    view = _taken(tmp_path / "view.db", [changed(record, value=half), record])
    assert sum(view.counts.values()) == 2


def test_an_older_revision_that_comes_late_changes_nothing_that_is_shown(tmp_path: Path) -> None:
    told = decoded(_one(Incident))
    assert isinstance(told, Incident)
    newer = replace(told, revision=told.revision + 1, title="newer", entities=told.entities[:1])
    some = [kept(each, now(), "floodmark.alerts", told.id) for each in (newer, told, newer)]
    view = _taken(tmp_path / "view.db", some)
    with view.reading() as db:
        assert [each.title for each in incidents(db, groups=()).rows] == ["newer"]
    assert view.counts["floodmark.alerts", "old"] == 1


def test_points_are_bounded(tmp_path: Path) -> None:
    body = decoded(_one(Anomaly))
    assert isinstance(body, Anomaly)
    at = body.updated_at.timestamp()
    some = []
    for step in range(40):
        points = [Point(at + step * 120 + n * 5, 1.0, None, None, None) for n in range(24)]
        evidence = replace(body.evidence, points=points)
        told = replace(body, event="updated", updated_at=utc(at + step * 120), ended_at=None, evidence=evidence)
        some.append(kept(told, at, "floodmark.anomalies"))
    view = _taken(tmp_path / "view.db", some)
    with view.reading() as db:
        (points,) = db.execute("SELECT points FROM anomaly").fetchone()
    assert len(points_of(points)) == 400
