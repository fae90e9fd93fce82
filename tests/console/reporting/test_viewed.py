"""Reports of the console's view say what they say of the records themselves."""

import sqlite3
from datetime import timedelta

import msgspec
import pytest

from floodmark.actions import ActionOutcome
from floodmark.alerts import Anomaly, ChangeNotice, Evidence, Point
from floodmark.config.models import Config
from floodmark.console.reporting.answering import NotAskedWellError
from floodmark.console.reporting.gathering import gather
from floodmark.console.reporting.reading import setting_of
from floodmark.console.reporting.routes import Reports
from floodmark.console.reporting.viewed import known_of, postmortem_of, stored
from floodmark.console.reporting.weekly import AUDIENCES, weekly
from floodmark.console.reporting.weeks import week_named
from floodmark.console.store import View
from floodmark.deliveries import Delivery
from floodmark.events import encode
from floodmark.records import Record
from floodmark.reports import ModelMetric, ModelReport
from floodmark.requests import ModelRequest

from .told import NOW, WEEK, action, at, impact, over

CONFIG = Config.model_validate({
    "actions": {},
    "services": {"cart": {"tier": 1}},
    "notify": {
        "targets": {"mail": {"webhook": {"url": "http://127.0.0.1:9/"}}},
        "people": {"ann": {"targets": ["mail"], "timezone": "Europe/Berlin"}},
        "routes": [{"targets": ["mail"]}],
    },
})  # fmt: skip


READ = WEEK.end.timestamp() + 7_200


def anomaly(id, hours):
    return Anomaly(
        id=id, event="opened", scope="default", entity="cart", signal="metric", series='latency_ms{service="cart"}',
        name="latency_ms", labels={}, unit="ms", started_at=at(hours), updated_at=at(hours), ended_at=None,
        head="range", direction="up", observed=9.0, expected=1.0, low=0.0, high=2.0, p_value=0.01, severity="error",
        summary="slow", detector="default",
        evidence=Evidence(points=[Point(at(hours).timestamp() + n, float(n), None, None, None) for n in range(8)]),
    )  # fmt: skip


def bodies():
    refused = action("dismiss", "inc-2")
    return {
        "alerts": [
            *over("inc-1", impact=[impact(900.0)]), *over("inc-2"), *over("inc-0", started_at=at(-40)),
            *over("inc-9", started_at=at(-400)),
        ],
        "anomalies": [
            anomaly("ano-inc-1", 10), anomaly("ano-x", 11), anomaly("ano-y", -30),
            ChangeNotice(id="chg", scope="", time=at(9.5), service="cart", kind="deploy", summary="v2"),
        ],
        "actions": [
            action("ack", "inc-1", effective=at(10.25)), action("good_catch", "inc-1"), refused,
            ActionOutcome(action=refused.id, verb="dismiss", incident="inc-2", result="refused", applied_at=at(11)),
            action("silence", "", id="act-s", args={"match": {"entity": "cart"}, "until": at(30)}),
        ],
        "deliveries": [
            Delivery(target="mail", key="inc-1", id="m", event="opened", result="delivered", at=at(26), revision=1)
        ],
        "reports": [
            ModelReport(model="fraud", version="2", scope="default", task="binary", time=at(20), window=3600.0,
                        predictions=10, labelled=8, pending=2, metrics=[ModelMetric(name="auc", value=0.9, count=8)])
        ],
        "model-requests": [ModelRequest(id="r", kind="retrain", model="fraud", why="drift", by="ann", at=at(30))],
    }  # fmt: skip


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    view = View(tmp_path_factory.mktemp("view") / "view.db", CONFIG)
    view.take([each for topic, some in bodies().items() for each in records(topic, some)], now=READ)
    yield view
    view.close()


def records(topic, some):
    for offset, body in enumerate(some):
        key = f"{body.key}|{body.target}" if isinstance(body, Delivery) else getattr(body, "id", None) or "k"
        out = encode(body, source="t/0", key=key)
        when = int(at(offset).timestamp() * 1000)
        yield Record(f"floodmark.{topic}", 0, offset, when, key.encode(), out.value, tuple(out.headers))


@pytest.mark.parametrize("audience", AUDIENCES)
def test_a_week_is_that_of_the_records(view, audience):
    pairs = [pair for some in bodies().values() for pair in enumerate(some)]
    with view.reading() as db:
        found = weekly(known_of(db, CONFIG, WEEK), audience, WEEK)
    assert msgspec.to_builtins(found) == msgspec.to_builtins(weekly(gather(pairs, setting_of(CONFIG)), audience, WEEK))


def test_alarms_are_held_against_the_budget_where_the_series_are_known(view):
    with view.reading() as db:
        found = weekly(known_of(db, CONFIG, WEEK, series=20.0), "oncall", WEEK)
    said = " ".join(next(each for each in found.sections if each.heading == "Was the budget kept").paragraphs)
    assert "20 series may alarm 7 times each in a week by chance: 140 in all. 2 anomalies began" in said


def test_a_post_mortem_has_all_that_the_view_knows(view):
    with view.reading() as db:
        found = postmortem_of(db, CONFIG, "inc-1", NOW)
        assert postmortem_of(db, CONFIG, "inc-none", NOW) is None
    rows = {each.heading: each.table.rows for each in found.sections if each.table is not None}
    assert rows["Evidence"][0][-1] == "▁▂▃▄▅▆▇█"
    assert {row[2] for row in rows["Timeline"]} >= {"ann", "notify", "Floodmark"}
    assert rows["What changed"][0][-1] == "nearby"


def test_the_api_gives_a_week_again_for_a_minute(view):
    reports = Reports(view, lambda: 20.0)
    first = reports.weekly(CONFIG, {"week": "2026-W48"}, NOW)
    assert reports.weekly(CONFIG, {"week": "2026-W48"}, NOW + timedelta(seconds=59)) is first
    assert reports.weekly(CONFIG, {"week": "2026-W48"}, NOW + timedelta(seconds=61)) is not first
    assert reports.weekly(CONFIG, {"week": "2026-W48", "format": "md"}, NOW).name == "floodmark-oncall-2026-W48.md"
    for number in range(1, 40):
        reports.weekly(CONFIG, {"week": f"2026-W{number:02}"}, NOW)
    with pytest.raises(NotAskedWellError):
        reports.weekly(CONFIG, {"week": "x"}, NOW)


def test_the_api_gives_a_post_mortem_or_none(view):
    reports = Reports(view)
    assert reports.postmortem(CONFIG, "inc-1", {}, NOW).body.startswith(b"# Post-mortem: cart: latency up")
    assert reports.postmortem(CONFIG, "inc-none", {}, NOW) is None


def test_a_view_in_a_file_is_looked_at_if_it_was_read_until_the_week_was_told(view, tmp_path):
    end = WEEK.end.timestamp()
    assert len(stored(view.path, CONFIG, WEEK, end + 86_400).revisions) == 3
    later = week_named("2027-W10")
    assert stored(view.path, CONFIG, later, later.end.timestamp() + 86_400) is None  # nobody has read on until then
    assert stored(tmp_path / "none.db", CONFIG, WEEK, end) is None
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "wrong.db").write_bytes(b"no database" * 1_000)
    assert stored(tmp_path / "wrong.db", CONFIG, WEEK, end) is None
    sqlite3.connect(tmp_path / "other.db").executescript("PRAGMA user_version=99; CREATE TABLE place(a)").close()
    assert stored(tmp_path / "other.db", CONFIG, WEEK, end) is None
