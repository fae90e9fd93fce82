"""The week of each audience: what is counted, what is compared, and what is left to people."""

import re
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from floodmark.actions import ActionOutcome
from floodmark.alerts import Acted, ChangeNotice
from floodmark.config.models import Config
from floodmark.console.reporting.gathering import gather
from floodmark.console.reporting.reading import Odd, Setting, fate, ninth, setting_of
from floodmark.console.reporting.rendering import FORMATS, rendered
from floodmark.console.reporting.weekly import AUDIENCES, weekly
from floodmark.console.reporting.weeks import week_named, week_of
from floodmark.deliveries import Delivery
from floodmark.reports import FeatureReport, ModelMetric, ModelReport
from floodmark.requests import ModelRequest

from .told import WEEK, WILD, action, at, impact, incident, member, over


def report(audience, *bodies, setting=None):
    return weekly(gather(zip(count(), bodies, strict=False), setting or Setting()), audience, WEEK)


def section(report, heading):
    return next(each for each in report.sections if each.heading == heading)


def said(report, heading):
    return " ".join(section(report, heading).paragraphs)


def rows(report, heading):
    found = section(report, heading).table
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows] if found is not None else []


@pytest.mark.parametrize(
    ("time", "name", "start"),
    [
        ("2026-11-29T23:59:59Z", "2026-W48", "2026-11-23"),
        ("2027-01-03T12:00:00Z", "2026-W53", "2026-12-28"),
        ("2024-12-30T00:00:00Z", "2025-W01", "2024-12-30"),
        ("2026-11-23T00:30:00+01:00", "2026-W47", "2026-11-16"),
    ],
)
def test_weeks_are_those_of_iso_8601(time, name, start):
    found = week_of(datetime.fromisoformat(time))
    assert (found.name, f"{found.start:%Y-%m-%d}") == (name, start)
    assert week_named(name) == found
    assert found.holds(found.start)
    assert not found.holds(found.end)


@pytest.mark.parametrize("name", ["2026-W54", "2026-W00", "W12", "next", "9999-W52", "0001-W01", "2026-W48; drop"])
def test_what_is_no_week_is_refused_in_words(name):
    with pytest.raises(ValueError, match="is no week: write it like 2026-W48"):
        week_named(name)


@given(st.integers(0, 30_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_each_moment_is_in_one_week_and_that_follows_the_one_before(time):
    week = week_of(time)
    assert week.holds(time)
    assert week.before().end == week.start
    assert week.end - week.start == timedelta(days=7)


def test_incidents_are_counted_beside_those_of_the_week_before():
    found = report("oncall", *over("inc-1"), *over("inc-2", severity="critical"), *over("inc-0", started_at=at(-40)))
    assert "2 incidents began in this week (the week before: 1)" in said(found, "What came")
    assert rows(found, "What came") == [
        {"Severity": "critical", "Incidents": "1", "The week before": "0"},
        {"Severity": "error", "Incidents": "1", "The week before": "1"},
    ]


def test_nothing_known_of_the_week_before_is_not_taken_for_nothing_wrong():
    found = report("oncall", *over())
    assert found.period.endswith("; nothing is known of the week before")
    assert rows(found, "What came") == [{"Severity": "error", "Incidents": "1", "The week before": "-"}]
    assert "week before" not in said(found, "What came")
    assert "the week before" not in said(report("business", *over()), "Time without")


def test_what_was_merged_counts_once():
    merged = incident("inc-2", event="merged", revision=2, merged_into="inc-1")
    assert "1 incident began" in said(report("oncall", *over(), merged), "What came")


def test_noise_is_what_somebody_dismissed_or_was_over_before_it_was_told():
    late = incident("inc-3", event="resolved", told="after", resolved_at=at(11), updated_at=at(11))
    found = report("oncall", *over("inc-1"), *over("inc-2"), late, action("dismiss", "inc-2"), action("ack", "inc-1"))
    assert "2 of 3 were noise (67%)" in said(found, "What was noise")
    assert [each["Why"] for each in rows(found, "What was noise")] == ["dismissed", "over before it was told"]
    assert "1 were dismissed" in said(found, "Was the budget kept")


def test_an_anomaly_struck_out_alone_does_not_make_an_incident_noise():
    found = report("oncall", *over("inc-1"), action("dismiss", "inc-1", args={"anomalies": ["ano-9"]}))
    assert "0 of 1 were noise" in said(found, "What was noise")


def test_who_opens_again_what_was_dismissed_takes_that_back():
    found = report("oncall", *over("inc-1"), action("dismiss", "inc-1"), action("reopen", "inc-1", hours=10.7))
    assert "0 of 1 were noise" in said(found, "What was noise")


@pytest.mark.parametrize(("hours", "noise"), [(11, 1), (10.5, 0)])
def test_the_engine_says_what_was_dismissed_where_actions_are_not_known(hours, noise):
    acts = [Acted(id="act-1", verb="dismiss", by="ann", applied_at=at(hours))]  # at its end, or only a part of it
    found = report("oncall", *over("inc-1", acts=acts))
    assert f"{noise} of 1 were noise" in said(found, "What was noise")


def test_what_the_engine_refused_is_not_done():
    dismissed = action("dismiss", "inc-1")
    refused = ActionOutcome(action=dismissed.id, verb="dismiss", incident="inc-1", result="refused", applied_at=at(11))
    assert "0 of 1 were noise" in said(report("oncall", *over(), dismissed, refused), "What was noise")


def test_the_budget_is_that_of_the_config_and_of_each_scope():
    bodies = [*over("inc-1"), *over("inc-2", scope="eu"), *(over(f"inc-x{n}")[-1] for n in range(3))]
    bodies += [action("dismiss", f"inc-x{n}") for n in range(3)]
    kept = report("oncall", *bodies, setting=Setting(false_incidents=2.0, series=100.0))
    assert "allows 4 a week by chance (2 scopes)" in said(kept, "Was the budget kept")
    assert "the budget is kept" in said(kept, "Was the budget kept")
    assert "100 series may alarm 7 times" in said(kept, "Was the budget kept")
    over_it = report("oncall", *bodies, setting=Setting(false_incidents=1.0))
    assert "the budget is exceeded" in said(over_it, "Was the budget kept")


def test_the_time_until_somebody_took_it_is_by_event_time_where_that_is_known():
    found = fate(over(), [(0, action("comment", hours=10.1)), (1, action("ack", hours=10.5, effective=at(10.25)))])
    assert (found.taken, found.by, found.resolved) == (900.0, "ann", 3600.0)


def test_of_two_who_took_it_the_first_by_offset_counts():
    found = fate(over(), [(7, action("ack", hours=10.2, by="bob")), (3, action("assign", hours=10.5))])
    assert (found.by, found.taken) == ("ann", 1800.0)


def test_who_takes_an_incident_of_last_year_in_a_replay_was_not_slow():
    assert fate(over(), [(0, action("ack", hours=9_000))]).taken is None


def test_an_incident_of_which_the_beginning_is_gone_was_told_when_it_began():
    assert fate(over()[1:], []).opened == at(10)


@pytest.mark.parametrize(("values", "expected"), [([], None), ([5.0], 5.0), (list(range(1, 11)), 9), ([1, 2, 3], 3)])
def test_nine_of_ten_stay_below(values, expected):
    assert ninth(values) == expected


def test_nights_are_by_the_clocks_of_whom_it_wakes():
    def told(target, hours, key):
        return Delivery(target=target, key=key, id=f"{key}/{target}", event="opened", result="delivered", at=at(hours))

    setting = Setting(
        targets={"mail": ["ann", "bob"], "chat": []}, timezones={"ann": "UTC", "bob": "America/Los_Angeles"}
    )
    found = report(
        "oncall", told("mail", 3, "inc-1"), told("mail", 12, "inc-2"), told("chat", 3, "inc-1"), setting=setting
    )
    assert {each["Person"]: (each["Messages"], each["At night"]) for each in rows(found, "Nights")} == {
        "ann": ("2", "1"),  # 03:00 and 12:00
        "bob": ("2", "1"),  # 19:00 and 04:00
    }


def test_silences_of_the_week_are_listed_and_what_was_taken_back_says_so():
    def silence(id, **changes):
        args = {"match": {"service": "cart"}, "until": at(20), **changes}
        return action("silence", incident="", id=id, args=args, reason="moving")

    undone = action("unsilence", incident="", hours=12, args={"undoes": "act-b"})
    found = report("oncall", silence("act-a"), silence("act-b"), silence("act-c", until=at(-10)), undone)
    assert [each["Until (UTC)"] for each in rows(found, "What was silenced")] == ["2026-11-23 20:00:00", "taken back"]


def test_the_verdict_is_the_last_word():
    found = report(
        "oncall", *over("inc-1"), *over("inc-2"), *over("inc-3"), action("wrong_cause", "inc-1"),
        action("good_catch", "inc-1", hours=11), action("wrong_cause", "inc-2"),
    )  # fmt: skip
    bars = {each.label: each.value for each in section(found, "Were we right").bars}
    assert bars == {"good catches": 1, "wrong causes": 1, "unanswered": 1}
    assert "inc-2" in said(found, "What to do next week")


def test_anomalies_that_are_known_count_rather_than_the_members_of_incidents():
    odd = [Odd("web", "cpu", "cpu", "metric", at(n)) for n in range(3)] + [Odd("web", "cpu", "cpu", "metric", at(9), 2)]
    known = gather(enumerate(over()), Setting())
    assert "1 anomaly began" in said(weekly(known, "oncall", WEEK), "What came")
    known = type(known)(revisions=known.revisions, odd=odd)
    assert "5 anomalies began" in said(weekly(known, "oncall", WEEK), "What came")


def model(hours=20, version="2", **changes):
    return ModelReport(**{"model": "fraud", "version": version, "scope": "default", "task": "binary", "time": at(hours),
                          "window": 3600.0, "predictions": 10, "labelled": 8, "pending": 2, **changes})  # fmt: skip


def test_a_metric_is_worse_only_where_its_interval_is_beyond_the_reference():
    metrics = [
        ModelMetric(name="auc", value=0.7, count=50, reference=0.9, low=0.6, high=0.8),
        ModelMetric(name="f1", value=0.85, count=50, reference=0.9, low=0.8, high=0.92),
        ModelMetric(name="mae", value=3.0, count=50, reference=2.0, better="lower"),
        ModelMetric(name="recall", value=0.88, count=50, reference=0.9),
        ModelMetric(name="new", value=1.0, count=2),
    ]
    found = report("ml", model(metrics=metrics, delays={"p50": 60.0}), model(-20, metrics=metrics[:1]))
    assert {each["Metric"]: each["So it is"] for each in rows(found, "How good they are")} == {
        "auc": "worse", "f1": "as it was", "mae": "worse", "recall": "as it was", "new": "no reference yet",
    }  # fmt: skip
    assert "fraud@2 (auc, mae)" in said(found, "In short")
    assert rows(found, "How late labels are")[0]["Half within"] == "60 s"
    assert "nobody has asked for anything" in said(found, "What to do next week")


def test_the_last_report_of_the_week_counts_and_what_drifted_in_between_is_said():
    drifted = FeatureReport(name="amount", kind="number", statistic="psi", value=0.4, p_value=1e-6, odd=True)
    calm = FeatureReport(name="amount", kind="number", statistic="psi", value=0.01, p_value=0.5, odd=False)
    found = report("ml", model(30, features=[calm]), model(20, features=[drifted]), model(200, features=[drifted]))
    assert [(each["Feature"], each["Odd"]) for each in rows(found, "What drifted")] == [("amount", "no more")]


def test_requests_have_what_came_of_them():
    def asked(id, **changes):
        return ModelRequest(**{"id": id, "kind": "retrain", "model": "fraud", "why": "drift", "by": "ann", "at": at(30),
                               **changes})  # fmt: skip

    def changed(id, hours, **changes):
        said = {"id": id, "scope": "", "time": at(hours), "service": "fraud", "kind": "deploy", "summary": "released"}
        return ChangeNotice(**{**said, **changes})

    found = report(
        "ml", asked("r1"), asked("r2", model="other"), changed("c0", 29, summary="before"),
        changed("c1", 31, version="3"), changed("c2", 32, summary="run floodmark-r1 is done", status="succeeded"),
    )  # fmt: skip
    came = [each["What came of it"] for each in rows(found, "What was asked for")]
    assert came == ["deploy of fraud, 2026-11-24 08:00:00", "nothing that is known"]


def test_losses_are_added_by_unit_and_never_across():
    found = report(
        "business", *over("inc-1", impact=[impact(1000.0), impact(50.0, "orders")]),
        *over("inc-2", impact=[impact(500.0)]),
        *over("inc-0", started_at=at(-40), impact=[impact(3000.0)]),
    )  # fmt: skip
    assert rows(found, "What it cost") == [
        {"Unit": "EUR", "This week": "1,500 EUR", "The week before": "3,000 EUR", "Change": "-50%"},
        {"Unit": "orders", "This week": "50 orders", "The week before": "0 orders", "Change": "-"},
    ]
    assert [each["Id"] for each in rows(found, "The five that cost most")] == ["inc-1", "inc-2", "inc-1"]


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -5.0, 0.0])
def test_a_loss_that_is_none_costs_nothing(loss):
    found = report("business", *over("inc-1", impact=[impact(loss)]))
    assert rows(found, "The five that cost most") == []
    assert rendered(found, "json")


def test_time_without_counts_each_moment_once():
    found = report(
        "business", *over("inc-1", 2.0), *over("inc-2", 3.0, started_at=at(11)),
        *over("inc-3", 5.0, severity="warning"),
        *over("inc-4", 1.0, started_at=at(167.5)),
    )  # fmt: skip
    assert section(found, "Time without").bars[0].value == 163.5  # 168 less 10:00 to 14:00, and the last half hour


def test_an_incident_counts_for_the_lowest_tier_in_it():
    setting = Setting(tiers={"cart": 2, "pay": 0})
    found = report("business", *over("inc-1", entities=["cart", "pay", "x"]), *over("inc-2", entities=["x"]),
                   setting=setting)  # fmt: skip
    assert [each["Tier"] for each in rows(found, "Which services, by what depends on them")] == ["no tier", "tier 0"]


def test_the_setting_is_what_the_config_says():
    config = Config.model_validate({
        "correlate": {"false_incidents": "2 / day"},
        "services": {"cart": {"tier": 1}, "web": {}},
        "detectors": [{"name": "a", "match": {"name": "x"}, "false_alarms": "9 / day"}],
    })  # fmt: skip
    found = setting_of(config)
    assert (round(found.false_incidents), round(found.false_alarms), found.tiers) == (14, 7, {"cart": 1})


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_week_is_a_report_too(audience, format):
    assert b"2026" in rendered(report(audience), format)


def wild(text):
    clean = text.replace("\ud800", "?")
    own = member(entity=clean, name=clean, series=clean, summary=clean)
    return [
        *over("inc-1", title=clean, entities=[clean], members=[own], impact=[impact(5.0, summary=clean, name=clean)]),
        action("dismiss", reason=clean, by=clean or "x"),
        model(model=clean, metrics=[ModelMetric(name=clean, value=1.0, count=1)]),
        ModelRequest(id="r", kind="retrain", model=clean, why=clean, by=clean, at=at(3)),
    ]


@pytest.mark.parametrize("text", WILD)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_wild_texts_are_shown_as_texts(audience, text):
    found = report(audience, *wild(text))
    page = rendered(found, "html").decode()
    for each in ("<script", "<img", "<b>", "onerror=alert(1)>"):
        assert each not in page
    assert not {"\x1b", "\x00", "\u202e", "\u2066"} & set(page)
    plain = rendered(found, "md").decode()
    assert not {"\x1b", "\x00", "\u202e", "\u2066"} & set(plain)
    shown = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(plain)
    assert set(re.findall(r"<(\w+)", shown)) <= {"h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert not re.search(r"https?://|www\.|\w@\w", plain)  # what GitHub makes a link of itself
    for table in (each.table for each in found.sections if each.table is not None):
        assert {len(row) for row in table.rows} <= {len(table.columns)}


@given(st.permutations([*over("inc-1"), *over("inc-2"), action("ack"), action("good_catch", "inc-2")]), st.data())
def test_the_order_of_reading_and_repetitions_change_nothing(bodies, data):
    again = data.draw(st.lists(st.sampled_from(bodies)))
    offsets = {each.id: n for n, each in enumerate([action("ack"), action("good_catch", "inc-2")])}
    pairs = [(offsets.get(each.id, 0), each) for each in [*bodies, *again]]
    straight = report("oncall", *over("inc-1"), *over("inc-2"), action("ack"), action("good_catch", "inc-2"))
    assert weekly(gather(pairs, Setting()), "oncall", WEEK) == straight
