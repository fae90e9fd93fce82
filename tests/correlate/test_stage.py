"""The life of incidents, through the stage, over plain lists; what opens one is no question here."""

import pickle

import pytest

from floodmark.alerts import Dependencies, utc
from floodmark.config.models import Service
from floodmark.correlate.stage import CorrelateStage

from .making import SHOP, T0, closed, conf, events, mark, opened, run, updated, wrongs

FAR = 10**6


def stage(services=SHOP, buffer=50_000, **more):
    return CorrelateStage(conf(**more), services, buffer=buffer)


def outcome(*items, services=SHOP, **more):
    return run(stage(services, **more), [*items, mark(FAR)])


def seconds(time):
    return time.timestamp() - T0


def number(incidents):
    return len({incident.id for incident in incidents})


# -- related or not


def test_an_anomaly_and_its_dependency_are_one_incident_with_a_life():
    a, b = opened(0, "payment"), opened(30, "checkout", "errors")
    got = outcome(a, b, closed(a, 200), closed(b, 300))
    assert [(i.event, seconds(i.updated_at)) for i in got] == [("opened", 0), ("updated", 30), ("resolved", 420)]
    assert [m.why for m in got[1].members] == ["first", "checkout depends on payment"]
    assert got[1].entities == ["payment", "checkout"]
    assert seconds(got[1].started_at) == 0
    assert seconds(got[2].resolved_at) == 420  # quiet for the gap
    assert got[2].resolution == "Both anomalies ended, and 2 min passed without another."
    assert "checkout depends on payment" in got[2].why


def test_the_id_is_made_of_scope_and_first_member():
    a = opened(0)
    ids = {incident.id for incident in outcome(a) + outcome(a)}
    assert len(ids) == 1
    other = opened(0, scope="eu", id=a.id)
    assert outcome(other)[0].id not in ids


@pytest.mark.parametrize(
    ("entity", "at", "together"),
    [("checkout", 120, True), ("checkout", 121, False), ("frontend", 10, True), ("frontend", 100, False),
     ("search", 10, False), ("unknown", 10, False), ("payment", 10, True)],
)  # fmt: skip
def test_who_joins_a_payment_incident(entity, at, together):
    """One hop away within the gap; two or three only what begins at the same time."""
    got = outcome(opened(0, "payment"), opened(at, entity, "errors"))
    assert number(got) == (1 if together else 2)


def test_hops_are_configurable():
    got = outcome(opened(0, "payment"), opened(100, "frontend"), hops=2)
    assert got[1].members[1].why == "frontend depends on payment through others"


def test_same_entity_is_said_by_its_kind():
    got = outcome(opened(0, "payment"), opened(5, "payment", "errors"))
    assert got[1].members[1].why == "same service as latency"


def test_labels_relate_across_the_topology():
    items = (opened(0, "search", labels={"region": "eu"}), opened(5, "redis", labels={"region": "eu"}))
    got = outcome(*items, labels=["region"])
    assert got[1].members[1].why == "shares region=eu with search"
    assert "redis shares region=eu with search" in got[1].why
    assert number(outcome(items[0], opened(5, "redis", labels={"region": "us"}), labels=["region"])) == 2


def test_without_topology_and_labels_time_in_the_scope_relates():
    got = outcome(opened(0, "a"), opened(50, "b"), opened(400, "c"), services={})
    assert events(got) == ["opened", "updated", "opened", "resolved", "resolved"]
    assert got[1].member_count == 2
    assert got[1].members[1].why == "close in time to latency of a"
    assert number(outcome(opened(0, "a"), opened(50, "b", scope="eu"), services={})) == 2


def test_the_nearest_incident_wins_over_the_most_recent():
    services = {"a": Service(depends_on=["b"]), "b": Service(), "z": Service()}
    own = opened(0, "b", labels={"zone": "1"})
    other = opened(50, "z", labels={"zone": "2"})
    both = opened(60, "a", labels={"zone": "2"})
    got = outcome(own, other, both, services=services, labels=["zone"])
    assert [m.entity for m in got[2].members] == ["b", "a"]


def test_scopes_are_apart():
    got = outcome(opened(0), opened(1, "payment", scope="eu"))
    assert [incident.scope for incident in got if incident.event == "opened"] == ["default", "eu"]


def test_what_trickles_in_after_the_burst_is_no_news_and_no_incident():
    items = [opened(100 * i, "payment" if i < 3 else "checkout", f"m{i}") for i in range(9)]
    got = outcome(*items, *(updated(item, at) for at in range(240, 900, 60) for item in items[:3]))
    assert number(got) == 1
    assert [i.member_count for i in got if i.event != "resolved"] == [1, 2, 3]


# -- members


def test_an_update_that_is_worse_is_news():
    a, b = opened(0, "payment"), opened(0, "checkout")
    got = outcome(a, b, updated(a, 120, severity="critical"), updated(b, 130))
    assert [(i.event, i.severity) for i in got] == [
        ("opened", "warning"),
        ("updated", "critical"),
        ("resolved", "critical"),
    ]


def test_a_series_that_flaps_stays_one_member():
    a, b = opened(0), opened(40)
    got = outcome(a, closed(a, 20), b, closed(b, 60))
    assert events(got) == ["opened", "resolved"]
    assert got[-1].member_count == 1
    other = opened(70, "payment")
    got = outcome(a, closed(a, 20), b, other, closed(b, 90), closed(other, 90))
    assert events(got) == ["opened", "updated", "resolved"]
    assert got[-1].member_count == 2
    assert seconds(got[-1].members[0].started_at) == 0
    assert got[-1].members[0].id == a.id


def test_a_series_that_is_back_keeps_its_incident_open():
    a, b = opened(0), opened(40)
    got = outcome(a, closed(a, 20), b, closed(b, 500))
    assert [(i.event, seconds(i.updated_at)) for i in got] == [("opened", 0), ("resolved", 620)]


# -- revisions


def test_what_happens_at_one_moment_is_one_revision():
    items = [opened(10, "payment", f"m{i}") for i in range(20)]
    assert [(i.event, i.member_count) for i in outcome(*items)] == [("opened", 20), ("resolved", 20)]


def test_new_members_and_worse_severity_are_news_and_closings_are_not():
    a, b, c = opened(10, "payment"), opened(10, "checkout"), opened(20, "checkout", "errors")
    got = outcome(a, b, c, closed(a, 100), closed(b, 110), closed(c, 130, severity="critical"))
    assert [(i.event, i.revision, i.severity) for i in got] == [
        ("opened", 1, "warning"),
        ("updated", 2, "warning"),
        ("updated", 3, "critical"),
        ("resolved", 4, "critical"),
    ]
    assert got[2].members[2].ended_at is not None


def test_a_late_anomaly_is_attached_marked_and_counted():
    correlate = stage()
    got = run(correlate, [opened(0), mark(60), opened(50, "payment"), mark(FAR)])
    assert events(got) == ["opened", "updated", "resolved"]
    assert [m.late for m in got[1].members] == [False, True]
    assert correlate.counts()["late:anomalies"] == 1
    assert wrongs(got) == {}


def test_a_late_anomaly_that_fits_nothing_stands_for_itself():
    correlate = stage()
    got = run(correlate, [mark(5000), opened(50), mark(FAR)])
    assert events(got) == ["opened", "resolved"]
    assert got[0].members[0].late


def test_repeated_messages_change_nothing():
    a, b = opened(0, "payment"), opened(10, "checkout")
    items = [a, b, closed(a, 50), closed(b, 60)]
    correlate = stage()
    assert run(correlate, [*items, *items, mark(FAR)]) == outcome(*items)
    assert correlate.counts()["duplicates"] == 4
    assert run(correlate, [a, closed(a, 50)]) == []  # long over, and late


def test_an_end_without_a_beginning_is_counted():
    correlate = stage()
    assert run(correlate, [closed(opened(0), 10), mark(FAR)]) == []
    assert correlate.counts()["closes:unknown"] == 1


def test_anomalies_that_do_not_say_their_level_are_counted():
    correlate = stage()
    assert run(correlate, [opened(0, level=0.0), opened(1), mark(FAR)])
    assert correlate.counts()["levels:unknown"] == 1


# -- merging


def test_an_anomaly_between_two_incidents_merges_the_younger_into_the_older():
    services = {"a": Service(depends_on=["b"]), "b": Service()}
    old = opened(0, "a", labels={"zone": "1"})
    young = opened(10, "far", labels={"zone": "2"})
    bridge = Dependencies(task="spans/0", time=utc(T0 + 15), calls=[("b", "far")])
    got = outcome(old, young, bridge, opened(20, "b"), closed(young, 40), services=services)
    assert events(got) == ["opened", "opened", "merged", "updated", "resolved"]
    merged, after = got[2], got[3]
    assert (merged.id, merged.merged_into) == (got[1].id, got[0].id)
    assert after.id == got[0].id
    assert {m.entity for m in after.members} == {"a", "b", "far"}
    assert next(m.why for m in after.members if m.entity == "far") == "b depends on far"
    assert got[4].members[1].ended_at is not None  # the end found its way to the incident merged into
    assert wrongs(got) == {}


def test_labels_alone_do_not_merge_incidents():
    old = opened(0, "search", labels={"region": "eu"})
    young = opened(10, "redis", labels={"zone": "1"})
    bridge = opened(20, "far", labels={"region": "eu", "zone": "1"})
    assert "merged" not in events(outcome(old, young, bridge, labels=["region", "zone"]))


def test_what_begins_at_the_same_time_a_few_hops_away_is_one():
    got = outcome(opened(0, "redis"), opened(30, "frontend"), opened(45, "bank"))
    assert number(got) == 1
    assert got[-1].entities == ["redis", "frontend", "bank"]
    assert wrongs(got) == {}


def test_four_that_begin_together_and_have_nothing_to_do_with_each_other_are_a_flood():
    got = outcome(*(opened(10 * i, f"far-{i}") for i in range(5)))
    assert events(got)[:3] == ["opened"] * 3
    assert events(got).count("merged") == 2
    assert len({i.id for i in got if i.event == "resolved"}) == 1
    assert got[-1].member_count == 5
    assert wrongs(got) == {}
    assert number(outcome(*(opened(100 * i, f"far-{i}") for i in range(5)))) == 5


# -- the end, and after


def test_an_incident_waits_for_its_open_members_but_takes_no_strangers_meanwhile():
    a = opened(0, "payment")
    later = opened(500, "checkout")
    got = outcome(a, later, closed(a, 900), closed(later, 950))
    assert number(got) == 2
    assert [seconds(i.resolved_at) for i in got if i.event == "resolved"] == [1020, 1070]


def test_reopened_within_grace_and_only_if_it_is_the_same_that_is_back():
    a = opened(0, "payment")
    end = closed(a, 60)  # resolved at 180, in grace until 480
    back = opened(400, "payment")
    got = outcome(a, end, back, closed(back, 450))
    assert [(i.event, i.revision) for i in got] == [("opened", 1), ("resolved", 2), ("reopened", 3), ("resolved", 4)]
    assert got[2].resolved_at is None
    assert got[2].resolution == ""
    assert number(got) == 1
    assert got[-1].member_count == 1
    for other in (opened(481, "payment"), opened(400, "payment", "errors"), opened(400, "checkout")):
        assert number(outcome(a, end, other)) == 2


def test_at_the_very_moment_of_a_deadline_what_comes_goes_first():
    a = opened(0, "payment")
    got = outcome(a, closed(a, 30), opened(100, "checkout", told=150))  # due to resolve at 150
    assert events(got) == ["opened", "updated", "resolved"]


def test_no_incident_lives_for_ever():
    correlate = stage(lifetime=700)
    items = [opened(40 * i, "payment", f"m{i}") for i in range(5)]
    got = run(correlate, [*items, mark(FAR)])
    assert got[-1].event == "resolved"
    assert seconds(got[-1].resolved_at) == 700
    assert got[-1].resolution == (
        "capped: it reached 12 min, the longest an incident may live; 5 of its series are still abnormal."
    )
    assert correlate.counts()["incidents:capped"] == 1
    assert correlate.sizes()["anomalies"] == 0


def test_what_is_told_when_no_incident_would_still_live_opens_none():
    correlate = stage(lifetime=700)
    assert run(correlate, [mark(5000), opened(50), mark(FAR)]) == []
    assert (correlate.counts()["late:anomalies"], correlate.counts()["held_back"]) == (1, 1)


def test_no_incident_opens_and_resolves_at_the_same_moment():
    a = opened(50)
    got = run(stage(), [mark(5000), a, closed(a, 60), mark(FAR)])
    assert [(i.event, seconds(i.updated_at)) for i in got] == [("opened", 5000), ("resolved", 5120)]


def test_the_longest_without_news_makes_room():
    correlate = stage(open_incidents=2)
    got = run(correlate, [opened(0, "x"), opened(1, "y"), opened(1.5, "x", "errors"), opened(2, "z"), mark(3)])
    assert [(i.event, i.entities) for i in got][-2:] == [("resolved", ["y"]), ("opened", ["z"])]
    assert got[-2].resolution.startswith("evicted: more than 2 incidents")
    assert correlate.sizes()["open_incidents"] == 2
    assert wrongs(got, ended=False) == {}


def test_one_that_makes_room_at_the_moment_of_its_opening_is_told_only_afterwards():
    got = outcome(opened(0, "x"), opened(0, "y"), open_incidents=1)
    assert [(i.event, i.told, i.revision) for i in got] == [
        ("resolved", "after", 1),
        ("opened", "", 1),
        ("resolved", "", 2),
    ]
    assert wrongs(got) == {}


# -- state


def test_the_end_of_the_input_is_an_infinite_watermark():
    a, b = opened(0, "payment"), opened(10, "checkout")
    items = [a, b, opened(400, "search"), closed(a, 50)]
    ending = stage()
    assert run(ending, items) == []
    assert ending.finish() == outcome(*items)
    assert ending.finish() == []


def test_a_stage_survives_pickling():
    items = [opened(0, "payment"), opened(10, "checkout"), mark(100), opened(130, "checkout", "errors"), mark(FAR)]
    whole = stage()
    want = run(whole, items)
    part = stage()
    got = run(part, items[:3])
    part = pickle.loads(pickle.dumps(part))
    assert got + run(part, items[3:]) == want


def test_a_long_flood_stays_bounded():
    correlate = stage(buffer=1000, open_incidents=20, members=5)
    got = []
    for i in range(10_000):
        got += correlate.process(opened(i / 10, f"e{i % 997}", f"m{i % 13}", scope=f"s{i % 7}"))
    sizes, counts = correlate.sizes(), correlate.counts()
    assert sizes["waiting"] <= 1000
    assert sizes["open_incidents"] <= 20
    assert sizes["candidates"] <= 80
    assert sizes["resolved_incidents"] <= 20
    assert sizes["anomalies"] <= 2 * 20 * 120
    assert sizes["timers"] <= 1024 + 4 * 120
    assert counts["forced"] == 9_000
    got += correlate.finish()
    assert wrongs(got) == {}
    assert correlate.sizes()["anomalies"] == 0
    assert counts["anomalies"] == 10_000


def test_ten_thousand_that_begin_at_one_moment_are_one_incident():
    correlate = stage(members=20)
    got = run(correlate, [*(opened(5, f"far-{i}") for i in range(10_000)), mark(10)])
    assert events(got) == ["opened"]
    assert len(got[0].members) == 20
    assert correlate.sizes()["candidates"] == 0
    assert correlate.sizes()["anomalies"] <= 80
    got += correlate.finish()
    assert events(got) == ["opened", "resolved"]
    assert wrongs(got) == {}


def learned(at, *calls):
    return Dependencies(task="spans/0", time=utc(T0 + at), calls=list(calls))


def test_a_learned_dependency_relates_and_is_in_the_snapshot():
    first, second = stage({"other": Service()}), stage({"other": Service()})
    run(first, [learned(0, ("web", "db")), mark(10)])
    assert not second.restore(first.snapshot())
    assert second.sizes()["dependencies"] == 1
    (*_, last) = run(second, [opened(20, "db"), opened(30, "web"), mark(100)])
    assert last.entities == ["db", "web"]
    assert last.causes[0].entity == "db"
    assert "web depends on db" in last.why


def test_a_learned_dependency_that_is_not_told_again_relates_nothing_after_a_day():
    day = 86_400
    messages = [opened(day + 20, "db"), opened(day + 100, "web"), mark(day + 140)]
    assert number(run(stage({"other": Service()}), [learned(0, ("web", "db")), *messages])) == 2
    again = learned(3600, ("web", "db"))
    assert number(run(stage({"other": Service()}), [learned(0, ("web", "db")), again, *messages])) == 1
