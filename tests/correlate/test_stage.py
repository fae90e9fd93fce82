"""The life of incidents, through the stage, over plain lists."""

import pickle

import pytest

from floodmark.alerts import Dependencies, utc
from floodmark.config.models import Service
from floodmark.correlate.changes import ATTACHED
from floodmark.correlate.stage import CorrelateStage

from .making import SHOP, T0, change, closed, conf, events, mark, opened, run, updated, wrongs

FAR = 10**6


def stage(services=SHOP, buffer=50_000, **more):
    return CorrelateStage(conf(**more), services, buffer=buffer)


def outcome(*items, services=SHOP, **more):
    return run(stage(services, **more), [*items, mark(FAR)])


def seconds(time):
    return time.timestamp() - T0


# -- related or not


def test_an_anomaly_and_its_dependency_are_one_incident_with_a_life():
    a, b = opened(0, "payment"), opened(30, "checkout", "errors")
    got = outcome(a, b, closed(a, 200), closed(b, 300))
    assert events(got) == ["opened", "resolved"]
    assert [m.why for m in got[0].members] == ["first", "checkout depends on payment"]
    assert got[0].entities == ["payment", "checkout"]
    assert seconds(got[0].started_at) == 0
    assert seconds(got[0].updated_at) == 30
    assert seconds(got[1].resolved_at) == 420  # quiet for the gap
    assert got[1].resolution == "Both anomalies ended, and 2 min passed without another."
    assert got[0].why == "2 anomalies of 2 services began within 30 s of each other: checkout depends on payment."


def test_the_id_is_made_of_scope_and_first_member():
    a = opened(0, severity="error")
    ids = {incident.id for incident in outcome(a) + outcome(a)}
    assert len(ids) == 1
    other = opened(0, severity="error", scope="eu", id=a.id)
    assert outcome(other)[0].id not in ids


@pytest.mark.parametrize(
    ("entity", "at", "together"),
    [("checkout", 120, True), ("checkout", 121, False), ("frontend", 10, False), ("search", 10, False),
     ("unknown", 10, False), ("payment", 10, True)],
)  # fmt: skip
def test_who_joins_a_payment_incident(entity, at, together):
    first = opened(0, "payment", severity="error")
    got = outcome(first, opened(at, entity, "errors", severity="error"))
    assert (len({incident.id for incident in got}) == 1) is together


def test_hops_are_configurable():
    got = outcome(opened(0, "payment"), opened(10, "frontend"), hops=2)
    assert got[0].members[1].why == "frontend depends on payment through others"


def test_same_entity_is_said_by_its_kind():
    got = outcome(opened(0, "payment"), opened(5, "payment", "errors"))
    assert got[0].members[1].why == "same service as latency"
    assert got[0].why == "2 anomalies of payment began within 5 s of each other."


def test_labels_relate_across_the_topology():
    items = (opened(0, "search", labels={"region": "eu"}), opened(5, "redis", labels={"region": "eu"}))
    got = outcome(*items, labels=["region"])
    assert got[0].members[1].why == "shares region=eu with search"
    assert "redis shares region=eu with search" in got[0].why
    assert outcome(items[0], opened(5, "redis", labels={"region": "us"}), labels=["region"]) == []


def test_without_topology_and_labels_time_in_the_scope_relates():
    items = (opened(0, "a"), opened(50, "b"), opened(400, "c", severity="error"))
    got = outcome(*items, services={})
    assert events(got) == ["opened", "opened", "resolved", "resolved"]
    assert got[0].member_count == 2
    assert got[0].members[1].why == "close in time to latency of a"
    apart = outcome(opened(0, "a", p=1e-9), opened(50, "b", p=1e-9, scope="eu"), services={})
    assert len({incident.id for incident in apart}) == 2


def test_the_nearest_incident_wins_over_the_most_recent():
    services = {"a": Service(depends_on=["b"]), "b": Service(), "z": Service()}
    own = opened(0, "b", severity="error", labels={"zone": "1"})
    other = opened(50, "z", severity="error", labels={"zone": "2"})
    both = opened(60, "a", labels={"zone": "2"})
    got = outcome(own, other, both, services=services, labels=["zone"])
    assert [m.entity for m in got[2].members] == ["b", "a"]


def test_scopes_are_apart():
    got = outcome(opened(0, severity="error"), opened(1, "payment", severity="error", scope="eu"))
    assert [incident.scope for incident in got if incident.event == "opened"] == ["default", "eu"]


def test_no_incident_grows_beyond_the_cap():
    items = [opened(100 * i, "payment", f"m{i}") for i in range(9)]
    got = outcome(*items, cap=500)
    counts = {incident.id: incident.member_count for incident in got}
    assert sorted(counts.values()) == [4, 5]


# -- candidates


def test_a_short_faint_anomaly_is_held_back_and_counted():
    correlate = stage()
    a = opened(0)
    assert run(correlate, [a, closed(a, 60), mark(FAR)]) == []
    assert correlate.counts()["held_back"] == 1
    assert correlate.sizes() == dict.fromkeys(correlate.sizes(), 0) | {"tasks": 1}


def test_an_anomaly_that_lasts_opens_from_its_start():
    a = opened(0)
    got = outcome(a, updated(a, 60), updated(a, 120), updated(a, 240), closed(a, 500, told=1400))
    assert [(i.event, seconds(i.started_at), seconds(i.updated_at)) for i in got] == [
        ("opened", 0, 120),
        ("resolved", 0, 1400),
    ]
    assert got[0].why == "One anomaly of checkout by itself: it has lasted 2 min."


@pytest.mark.parametrize("what", [{"severity": "error"}, {"p": 1e-9}])
def test_a_strong_single_opens_at_once(what):
    a = opened(0, **what)
    got = outcome(a, closed(a, 10))
    assert [(i.event, seconds(i.updated_at)) for i in got] == [("opened", 0), ("resolved", 130)]


def test_to_be_open_is_not_to_last():
    a = opened(0)
    correlate = stage()
    assert run(correlate, [a, closed(a, 60, told=960), mark(FAR)]) == []  # it took long to be sure that it was over
    assert correlate.counts()["held_back"] == 1


def test_silence_has_lasted_when_it_is_told():
    assert events(outcome(opened(0, head="stale", told=300))) == ["opened", "resolved"]


def test_a_candidate_that_is_never_closed_is_not_kept_for_ever():
    correlate = stage()
    assert run(correlate, [opened(0), mark(FAR)]) == []
    assert correlate.counts()["held_back"] == 1


def test_an_update_that_is_worse_is_news():
    a, b = opened(0, "payment"), opened(10, "checkout")
    got = outcome(a, b, updated(a, 120, severity="critical"), updated(b, 130))
    assert [(i.event, i.severity) for i in got] == [
        ("opened", "warning"),
        ("updated", "critical"),
        ("resolved", "critical"),
    ]


def test_one_that_turns_out_strong_at_its_end_opens_then():
    a = opened(0)
    got = outcome(a, closed(a, 60, severity="error"))
    assert seconds(got[0].updated_at) == 60


def test_a_series_that_flaps_stays_one_member_and_is_not_a_second_opinion():
    a, b = opened(0), opened(40)
    assert outcome(a, closed(a, 20), b, closed(b, 60)) == []
    other = opened(70, "payment")
    got = outcome(a, closed(a, 20), b, other, closed(b, 90), closed(other, 90))
    assert events(got) == ["opened", "resolved"]
    assert got[0].member_count == 2
    assert seconds(got[0].members[0].started_at) == 0
    assert got[0].members[0].id == a.id


def test_a_series_that_is_back_keeps_its_incident_open():
    a, b = opened(0, severity="error"), opened(40)
    got = outcome(a, closed(a, 20), b, closed(b, 500))
    assert [(i.event, seconds(i.updated_at)) for i in got] == [("opened", 0), ("resolved", 620)]


def test_two_candidates_connected_by_a_third_become_one():
    items = (opened(0, "frontend"), opened(10, "payment"), opened(20, "checkout"))
    got = outcome(*items)
    assert events(got) == ["opened", "resolved"]
    assert got[0].member_count == 3
    assert {m.entity: m.why for m in got[0].members} == {
        "frontend": "first",
        "payment": "checkout depends on payment",
        "checkout": "checkout depends on payment",
    }


# -- revisions


def test_what_happens_at_one_moment_is_one_revision():
    items = [opened(10, "payment", f"m{i}") for i in range(20)]
    assert [(i.event, i.member_count) for i in outcome(*items)] == [("opened", 20), ("resolved", 20)]


def test_new_members_and_worse_severity_are_news_and_closings_are_not():
    a, b, c = opened(0, "payment"), opened(10, "checkout"), opened(20, "checkout", "errors")
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
    got = run(correlate, [opened(0, severity="error"), mark(60), opened(50, "payment"), mark(FAR)])
    assert events(got) == ["opened", "updated", "resolved"]
    assert [m.late for m in got[1].members] == [False, True]
    assert correlate.counts()["late:anomalies"] == 1
    assert wrongs(got) == {}


def test_a_late_anomaly_that_fits_nothing_stands_for_itself():
    correlate = stage()
    got = run(correlate, [mark(5000), opened(50, severity="error"), mark(FAR)])
    assert events(got) == ["opened", "resolved"]
    assert got[0].members[0].late


def test_repeated_messages_change_nothing():
    a, b = opened(0, "payment"), opened(10, "checkout")
    items = [a, b, closed(a, 50), closed(b, 60)]
    correlate = stage()
    assert run(correlate, [*items, *items, mark(FAR)]) == outcome(*items)
    assert correlate.counts()["duplicates"] == 4
    assert run(correlate, items) == []  # long over, and late


def test_an_end_without_a_beginning_is_counted():
    correlate = stage()
    assert run(correlate, [closed(opened(0), 10), mark(FAR)]) == []
    assert correlate.counts()["closes:unknown"] == 1


# -- merging


def test_an_anomaly_between_two_incidents_merges_the_younger_into_the_older():
    old = opened(0, "frontend", severity="error")
    young = opened(10, "payment", severity="error")
    got = outcome(old, young, opened(20, "checkout"), closed(young, 40))
    assert events(got) == ["opened", "opened", "merged", "updated", "resolved"]
    merged, updated = got[2], got[3]
    assert (merged.id, merged.merged_into) == (got[1].id, got[0].id)
    assert updated.id == got[0].id
    assert {m.entity for m in updated.members} == {"frontend", "payment", "checkout"}
    assert next(m.why for m in updated.members if m.entity == "payment") == "checkout depends on payment"
    assert got[4].members[1].ended_at is not None  # the end found its way to the incident merged into
    assert wrongs(got) == {}


def test_labels_alone_do_not_merge_incidents():
    old = opened(0, "search", severity="error", labels={"region": "eu"})
    young = opened(10, "redis", severity="error", labels={"zone": "1"})
    bridge = opened(20, "far", labels={"region": "eu", "zone": "1"})
    assert "merged" not in events(outcome(old, young, bridge, labels=["region", "zone"]))


# -- the end, and after


def test_an_incident_waits_for_its_open_members_but_takes_no_strangers_meanwhile():
    a = opened(0, "payment", severity="error")
    later = opened(500, "checkout", severity="error")
    got = outcome(a, later, closed(a, 900), closed(later, 950))
    assert len({incident.id for incident in got}) == 2
    assert [seconds(i.resolved_at) for i in got if i.event == "resolved"] == [1020, 1070]


def test_an_entity_goes_on_collecting_while_it_is_known_to_be_odd():
    leak = opened(0, "payment", "memory", severity="error")
    known = [updated(leak, at) for at in range(120, 900, 120)]
    got = outcome(leak, *known, opened(900, "payment", "restarts", severity="error"))
    assert events(got) == ["opened", "updated", "resolved"]
    silent = outcome(leak, opened(900, "payment", "restarts", severity="error"))
    assert len({incident.id for incident in silent}) == 2


def test_reopened_within_grace_and_only_then():
    a = opened(0, "payment", severity="error")
    end = closed(a, 60)  # resolved at 180, in grace until 480
    back = opened(400, "payment", "errors", severity="error")
    got = outcome(a, end, back, closed(back, 450))
    assert [(i.event, i.revision) for i in got] == [("opened", 1), ("resolved", 2), ("reopened", 3), ("resolved", 4)]
    assert got[2].resolved_at is None
    assert got[2].resolution == ""
    assert len({incident.id for incident in got}) == 1
    again = outcome(a, end, opened(481, "payment", "errors", severity="error"))
    assert len({incident.id for incident in again}) == 2
    neighbour = outcome(a, end, opened(400, "checkout", severity="error"))
    assert len({incident.id for incident in neighbour}) == 2


def test_one_told_late_that_began_in_time_reopens_too():
    a = opened(0, "payment", severity="error")
    got = outcome(a, closed(a, 30), opened(100, "checkout", told=300))
    assert events(got) == ["opened", "resolved", "reopened", "resolved"]


def test_at_the_very_moment_of_a_deadline_what_comes_goes_first():
    a = opened(0, "payment", severity="error")
    got = outcome(a, closed(a, 30), opened(100, "checkout", told=150))  # due to resolve at 150
    assert events(got) == ["opened", "updated", "resolved"]


def test_no_incident_lives_for_ever():
    correlate = stage(cap=600, lifetime=700)
    items = [opened(0, "payment", severity="error"), *(opened(100 * i, "payment", f"m{i}") for i in range(1, 5))]
    got = run(correlate, [*items, mark(FAR)])
    assert got[-1].event == "resolved"
    assert seconds(got[-1].resolved_at) == 700
    assert got[-1].resolution == (
        "capped: it reached 12 min, the longest an incident may live; 5 of its series are still abnormal."
    )
    assert correlate.counts()["incidents:capped"] == 1
    assert correlate.sizes()["anomalies"] == 0


def test_the_longest_without_news_makes_room():
    correlate = stage(open_incidents=2)
    items = [opened(at, name, severity="error") for at, name in ((0, "x"), (1, "y"), (2, "z"))]
    got = run(correlate, [items[0], items[1], opened(1, "x", "errors"), items[2], mark(3)])
    assert [(i.event, i.entities) for i in got][-2:] == [("resolved", ["y"]), ("opened", ["z"])]
    assert got[-2].resolution.startswith("evicted: more than 2 incidents")
    assert correlate.sizes()["open_incidents"] == 2
    assert wrongs(got, ended=False) == {}


def test_one_that_makes_room_at_the_moment_of_its_opening_is_told_in_full():
    got = outcome(opened(0, "x", severity="error"), opened(0, "y", severity="error"), open_incidents=1)
    assert events(got) == ["opened", "resolved", "opened", "resolved"]
    assert wrongs(got) == {}


# -- severity, title, changes


def test_breadth_raises_severity():
    services = {f"s{i}": Service(depends_on=["hub"]) for i in range(6)}

    def worst(names, **more):
        items = [opened(i, name, **more) for i, name in enumerate(names)]
        return outcome(*items, services=services, hops=2)[-1].severity

    assert worst(["s0", "s1"]) == "warning"
    assert worst(["s0", "s1", "s2"]) == "error"
    assert worst([f"s{i}" for i in range(6)]) == "error"
    assert worst([f"s{i}" for i in range(6)], severity="error") == "critical"


def test_titles():
    got = outcome(
        opened(0, "payment", "error_rate", p=1e-9),
        opened(0, "payment", "latency_seconds", p=1e-8),
        opened(30, "checkout", "latency_seconds"),
        opened(31, "bank", "requests", direction="down"),
    )
    assert got[-1].title == "payment: error rate and latency up; 3 services affected"
    long = outcome(opened(0, "p" * 1000, "n" * 1000, severity="error"))
    assert len(long[0].title) <= 120
    many = outcome(
        *(opened(0, "a", f"m{i}", p=10.0 ** -(9 - i), direction=d) for i, d in enumerate(["up", "down"] * 3))
    )
    assert many[0].title == "a: m0 and m2 up, m1 down"
    silent = outcome(opened(0, "a", "heartbeat", head="stale", severity="error"))
    assert silent[0].title == "a: heartbeat silent"


def test_changes_of_members_and_their_dependencies_are_attached():
    mine, theirs, old, foreign = (
        change(-60, "checkout"),
        change(-30, "payment"),
        change(-1801, "cart"),
        change(0, "search"),
    )
    got = outcome(
        mine, theirs, old, foreign, change(0, "checkout", scope="eu"), opened(0, "checkout", severity="error")
    )
    assert got[0].changes == [mine, theirs]
    assert got[0].causes[0].change == mine.id


def test_a_change_without_scope_is_of_all_scopes():
    everywhere = change(-60, "checkout", scope="")
    got = outcome(everywhere, opened(0, severity="error"), opened(1, severity="error", scope="eu"))
    assert [i.changes for i in got if i.event == "opened"] == [[everywhere], [everywhere]]


def test_a_late_change_that_explains_is_news():
    late = change(-60, "checkout", scope="")
    a, b = opened(0, "payment", severity="error"), opened(30, "checkout")
    got = run(stage(), [a, b, mark(40), late, mark(FAR)])
    assert events(got) == ["opened", "updated", "updated", "resolved"]
    assert (got[2].causes[0].entity, got[2].causes[0].change) == ("checkout", late.id)


def test_a_change_during_an_incident_is_attached_without_a_revision_of_its_own():
    a = opened(0, "checkout", severity="error")
    during = change(50, "checkout", "rollback")
    got = outcome(a, during, closed(a, 100), change(5000, "checkout"))
    assert events(got) == ["opened", "resolved"]
    assert got[1].changes == [during]


def test_attached_changes_are_bounded():
    got = outcome(*(change(-i, "checkout") for i in range(1, 60)), opened(0, severity="error"))
    assert len(got[0].changes) == ATTACHED
    assert seconds(got[0].changes[-1].time) == -1


def test_the_message_lists_the_most_telling_members_and_counts_all():
    items = [opened(0, "payment", f"m{i}", p=1e-4 / (i + 1)) for i in range(30)]
    got = outcome(*items, members=3)
    assert got[0].member_count == 30
    assert len(got[0].members) == 3


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


def test_a_flood_stays_bounded():
    correlate = stage(buffer=1000, open_incidents=20, members=5)
    got = []
    for i in range(100_000):
        got += correlate.process(opened(i / 10, f"e{i % 997}", f"m{i % 13}", scope=f"s{i % 7}"))
    sizes, counts = correlate.sizes(), correlate.counts()
    assert sizes["waiting"] <= 1000
    assert sizes["open_incidents"] <= 20
    assert sizes["candidates"] <= 80
    assert sizes["resolved_incidents"] <= 20
    assert sizes["anomalies"] <= 2 * 20 * 120
    assert sizes["timers"] <= 1024 + 4 * 120
    assert counts["forced"] == 99_000
    got += correlate.finish()
    assert wrongs(got) == {}
    assert correlate.sizes()["anomalies"] == 0
    assert counts["anomalies"] == 100_000


def learned(at, *calls):
    return Dependencies(task="spans/0", time=utc(T0 + at), calls=list(calls))


def test_a_learned_dependency_relates_and_is_in_the_snapshot():
    first, second = stage({"other": Service()}), stage({"other": Service()})
    run(first, [learned(0, ("web", "db")), mark(10)])
    assert not second.restore(first.snapshot())
    assert second.sizes()["dependencies"] == 1
    (*_, last) = run(second, [opened(20, "db"), opened(30, "web"), mark(40)])
    assert last.entities == ["db", "web"]
    assert last.causes[0].entity == "db"
    assert "web depends on db" in last.why


def test_a_learned_dependency_that_is_not_told_again_relates_nothing_after_a_day():
    day = 86_400
    messages = [opened(day + 20, "db"), opened(day + 30, "web"), mark(day + 40)]
    assert run(stage({"other": Service()}), [learned(0, ("web", "db")), *messages]) == []
    again = learned(3600, ("web", "db"))
    assert run(stage({"other": Service()}), [learned(0, ("web", "db")), again, *messages])
