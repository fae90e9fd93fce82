"""What an incident says beside its title: why, lines, labels, severity, resolution."""

from floodmark.alerts import ChangeNotice
from floodmark.correlate import narrate
from floodmark.correlate.sentences import moment, seldom

from .making import T0, change
from .test_titles import ERRORS, group_of, log, one

DAY = 86400.0


def test_why_says_what_belongs_together_and_how_often_that_is_chance():
    group = group_of(
        one("http_errors_total", 0.1, 38, **ERRORS),
        one("http_errors_total", 0.1, 2, entity="checkout", at=50, **ERRORS),
        one("cpu", 1, 2, entity="checkout", at=20, ended=300),
        by_chance=14 * 7 * DAY,
        links={"checkout depends on payment": None},
    )
    assert narrate.why(group) == (
        "3 series of 2 services became unusual within 50 s of each other, from 22:13 UTC on: checkout depends on "
        "payment. As much as this at once happens by chance about once in 3 months here. 1 of them is over."
    )
    group.by_chance, group.links = 0.0, {}
    assert ": " not in narrate.why(group)
    group.symptoms[list(group.symptoms)[1]].why = "close in time to http_errors_total of payment"
    assert narrate.why(group) == (
        "3 series of 2 services became unusual within 50 s of each other, from 22:13 UTC on: only time relates them, "
        "as no topology and no labels are configured. 1 of them is over."
    )


def test_why_of_a_flood_and_of_what_members_say_themselves():
    found = [one("a", 1, 2, entity=name) for name in ("x", "y", "z")]
    found[1].why, found[2].why = "y depends on x", "shares region=eu with x"
    group = group_of(*found)
    what = "3 series of 3 services became unusual at the same time, from 22:13 UTC on: "
    assert narrate.why(group) == what + "y depends on x; z shares region=eu with x."
    group.links, group.flood = {"z depends on x": None}, True
    assert narrate.why(group) == (
        what + "z depends on x; so much that has nothing to do with each other begins at once only if it has one cause."
    )


def test_why_of_one_series():
    alone = group_of(one("http_errors_total", 0.1, 38, **ERRORS), by_chance=20 * 365.25 * DAY)
    assert narrate.why(alone) == (
        "One series of payment by itself, since 22:13 UTC. "
        "As much as this happens by chance less than once in ten years here."
    )


def test_how_seldom():
    said = [seldom(days * DAY) for days in (0.01, 0.05, 1, 3, 6.9, 10, 21, 61, 400, 1000, 3650, 4000)]
    assert said == [
        "more than once an hour", "about once an hour", "about once a day", "about once in 3 days", "about once a week",
        "about once a week", "about once in 3 weeks", "about once in 2 months", "about once a year",
        "about once in 3 years", "about once in 10 years", "less than once in ten years",
    ]  # fmt: skip


def test_moments_have_a_date_where_they_need_one():
    assert moment(T0) == moment(T0, T0 + 3600) == "22:13 UTC"
    assert moment(T0, T0 + DAY) == "14 November 22:13 UTC"


def test_lines_are_those_that_say_most_and_each_kind_once():
    group = group_of(
        log("log_lines", 5, 50, lines=["GET / 200"], at=0, surprise=30),
        log("log_errors", 0.1, 15, template="refused <*>", lines=["old", "refused 17"], surprise=20),
        log("log_template", 0.1, 15, template="refused <*>", grade="ERROR", lines=["refused 18"], surprise=19),
        log("log_new_templates", 0, 1, template="NullPointerException", lines=["NullPointerException"], surprise=3),
        log("log_template", 10, 90, template="served <*>", lines=["served 1"], surprise=25),
    )
    assert narrate.lines(group) == ["NullPointerException", "refused 17"]


def test_lines_of_several_services_say_whose_they_are_and_the_lead_comes_first():
    group = group_of(
        log("log_errors", 0.1, 15, lines=["call failed"], entity="web", surprise=20),
        log("log_errors", 0.1, 15, lines=["x" * 900], entity="payment"),
        *(log("log_new_templates", 0, 1, template=f"t{i}", lines=[f"new {i}"], entity="web") for i in range(5)),
        lead="payment",
    )
    found = narrate.lines(group)
    assert len(found) == 3
    assert found[0].startswith("payment: xxx")
    assert len(found[0]) == 500
    assert found[1].startswith("web: new ")


def test_without_errors_a_kind_of_line_that_has_become_common_is_shown():
    many = log("log_template", 0.2, 15, template="retrying <*>", lines=["retrying 3"])
    usual = log("log_template", 10, 15, template="served <*>", lines=["served 3"])
    fewer = log("log_template", 15, 0, template="done <*>", lines=["done 3"])
    assert narrate.lines(group_of(many, usual, fewer)) == ["retrying 3"]


def test_severity_of_what_harms_nobody():
    better = one("http_errors_total", 4, 0.1, severity="error", **ERRORS)
    worse = one("http_errors_total", 0.1, 4, severity="error", **ERRORS)
    assert narrate.severity(group_of(better)) == "warning"
    assert narrate.severity(group_of(worse)) == "error"
    everywhere = [one("latency", 4, 0.1, entity=f"s{i}", worse="up", severity="error") for i in range(8)]
    assert narrate.severity(group_of(*everywhere)) == "warning"
    assert narrate.severity(group_of(worse, *everywhere)) == "error"
    assert narrate.severity(group_of(better, severity="critical")) == "critical"  # it never falls


def test_a_message_carries_what_its_members_share_and_says_which_have_ended():
    group = group_of(
        one("http_errors_total", 0.1, 38, labels={"region": "eu", "pod": "a"}, ended=600, **ERRORS),
        one("latency", 1, 2, labels={"region": "eu", "pod": "b"}, summary="latency is 2"),
        by_chance=9.0,
    )
    first = change(-60)
    group.changes = {first.id: first}
    said = narrate.incident(group, "updated", T0 + 700, 50)
    assert said.labels == {"service": "payment", "region": "eu"}
    assert said.by_chance == 9.0
    over, ongoing = said.members
    assert over.summary == "payment http_errors_total is high; over since 22:23:20 UTC"
    assert ongoing.summary == "latency is 2"
    assert isinstance(said.changes[0], ChangeNotice)


def test_resolutions():
    group = group_of(one("a", 1, 2))
    assert narrate.over(group, 7200) == (
        "Nothing was odd for 2 h, though 1 of 1 series has not been normal for long enough to say that all is over."
    )
    over = group_of(one("a", 1, 2))
    over.open = 0
    assert narrate.over(over, 180) == "The anomaly ended, and 3 min passed without another."
    assert narrate.capped(group, DAY) == (
        "capped: it reached 24 h, the longest an incident may live; 1 of its series is still abnormal."
    )
