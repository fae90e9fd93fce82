"""What people's actions do to incidents: each verb, its words, and why it is refused."""

import pytest

from floodmark.alerts import utc
from floodmark.correlate import actions, apart
from floodmark.correlate.stage import CorrelateStage

from .making import SHOP, T0, act, burst, closed, conf, events, mark, opened, run, updated, wrongs

FAR = 10**6
A, B = opened(0, "payment", "errors"), opened(0, "search", "errors")


def stage(services=SHOP, **more):
    return CorrelateStage(conf(**more), services)


def ids(*items, **more):
    """The incidents that come of items, by the entity of each one's first."""
    return {i.members[0].entity: i.id for i in run(stage(**more), [*items, mark(FAR)])}


PAYMENT, SEARCH = (ids(A, B)[name] for name in ("payment", "search"))


def outcome(*items, **more):
    """The revisions, and what came of the actions: "applied", or why it was refused."""
    correlate = stage(**more)
    got = run(correlate, [*items, mark(FAR)])
    assert wrongs(got) == {}
    return got, [each.reason or each.result for each in correlate.outcomes()]


def test_who_resolves_an_incident_is_told_with_the_reason():
    got, come = outcome(A, act("resolve", PAYMENT, 60, reason="rolled back", seen=1))
    assert come == ["applied"]
    assert [(i.event, i.updated_at) for i in got] == [("opened", utc(T0)), ("resolved", utc(T0 + 60))]
    assert got[1].resolution == "Resolved by ann: rolled back."
    (acted,) = got[1].acts
    assert (acted.verb, acted.by, acted.applied_at, acted.reason) == ("resolve", "ann", utc(T0 + 60), "rolled back")


def test_what_was_open_when_it_was_resolved_never_opens_it_again():
    worse = updated(A, 200, p_value=1e-12, severity="critical", returns=1)
    got, _ = outcome(A, act("resolve", PAYMENT, 60), worse, updated(A, 1000, returns=2), closed(A, 2000))
    assert events(got) == ["opened", "resolved"]


def test_a_new_anomaly_of_it_within_the_grace_opens_it_again():
    again = opened(200, "payment", "errors")
    got, _ = outcome(A, closed(A, 30), act("resolve", PAYMENT, 60), again)
    assert events(got) == ["opened", "resolved", "reopened", "resolved"]
    assert {i.id for i in got} == {PAYMENT}


def test_an_incident_that_is_resolved_as_it_opens_is_told_once():
    got, come = outcome(A, act("resolve", PAYMENT, 0))
    assert come == ["applied"]
    assert [(i.event, i.revision, i.told) for i in got] == [("resolved", 1, "after")]


def test_who_opens_it_again_is_told():
    got, come = outcome(A, act("resolve", PAYMENT, 60), act("reopen", PAYMENT, 90, by="bob", reason="still slow"))
    assert come == ["applied", "applied"]
    assert events(got) == ["opened", "resolved", "reopened", "resolved"]
    assert got[2].why.endswith("bob opened it again: still slow.")
    assert (got[2].resolution, got[2].resolved_at) == ("", None)
    assert [acted.verb for acted in got[2].acts] == ["resolve", "reopen"]


def test_members_of_what_is_merged_move_and_later_kin_goes_to_it():
    kin = opened(40, "search", "latency")
    got, come = outcome(A, B, act("merge", PAYMENT, 30, into_it=[SEARCH], reason="one deploy"), kin)
    assert come == ["applied"]
    merged = next(i for i in got if i.event == "merged")
    assert (merged.id, merged.merged_into) == (SEARCH, PAYMENT)
    assert merged.why.endswith(f"ann merged it into {PAYMENT}: one deploy.")
    told = next(i for i in got if i.id == PAYMENT and i.event == "updated")
    assert told.entities == ["payment", "search"]
    assert f"ann merged {SEARCH} into it: one deploy." in told.why
    assert got[-1].member_count == 3
    assert [m.why for m in told.members if m.entity == "search"] == ["merged by ann"]


def test_a_split_makes_an_incident_of_its_own_and_holds_the_two_apart():
    a, b = opened(0, "payment", "errors"), opened(5, "checkout", "errors")
    both = ids(a, b)["payment"]
    split = act("split", both, 60, anomalies=[b.id], title="checkout is another matter", reason="no relation")
    again = opened(70, "checkout", "errors")  # the series that has left, which is near the other
    got, come = outcome(a, b, closed(b, 62), split, again, mark(200), act("resolve", both, 300))
    assert come == ["applied", "applied"]
    made = next(i for i in got if i.id != both)
    assert (made.event, made.title, made.entities) == ("opened", "checkout is another matter", ["checkout"])
    assert made.why.endswith(f"ann split it off from {both}: no relation.")
    left = next(i for i in got if i.id == both and i.updated_at == utc(T0 + 60))
    assert (left.event, left.entities, left.member_count) == ("updated", ["payment"], 1)
    assert left.why.endswith(f"ann split 1 series off, as {made.id}: no relation.")
    assert all(i.entities == ["payment"] for i in got if i.id == both and i.updated_at > utc(T0 + 60))
    assert {m.id for i in got if i.id == made.id for m in i.members} == {b.id}


def test_the_outcome_of_a_split_names_what_was_made():
    a, b = opened(0, "payment"), opened(5, "payment", "errors")
    correlate = stage()
    got = run(correlate, [a, b, act("split", ids(a, b)["payment"], 60, anomalies=[b.id]), mark(FAR)])
    (come,) = correlate.outcomes()
    assert come.made in {i.id for i in got}
    assert come.applied_at == utc(T0 + 60)


def test_what_was_split_never_rejoins_even_when_both_begin_again_together():
    a, b = opened(0, "payment"), opened(5, "payment", "errors")
    first = [a, b, act("split", ids(a, b)["payment"], 60, anomalies=[b.id]), closed(a, 80), closed(b, 80)]
    later = [opened(50_000, "payment"), opened(50_005, "payment", "errors")]
    got, _ = outcome(*first, *later)
    assert [i.member_count for i in got if i.started_at > utc(T0 + 1000)] == [1, 1, 1, 1]
    merged = [*first, act("merge", ids(a, b)["payment"], 70, into_it=[ids_made(got)])]
    got, come = outcome(*merged, *later)
    assert come == ["applied", "applied"]
    assert [i.member_count for i in got if i.started_at > utc(T0 + 1000)][-1] == 2  # people have put them together


def ids_made(got):
    return next(i.id for i in got if i.acts and i.event == "opened")


def test_what_is_held_apart_is_bounded(monkeypatch):
    monkeypatch.setattr(apart, "_MOST", 4)
    held = apart.Apart()
    held.hold("one", "", ["a"], ["b"])
    held.hold("two", "", ["c"], ["d", "e"])
    assert (held.evicted, len(held)) == (1, 1)
    assert not held.parted("", ["a"], ["b"])
    assert held.parted("", ["e"], ["c"])
    assert not held.parted("", ["e"], ["d"])
    assert not held.parted("eu", ["e"], ["c"])


def test_what_is_dismissed_is_struck_out_and_never_comes_back():
    a, b = opened(0, "payment", severity="critical"), opened(5, "payment", "errors")
    group = ids(a, b)["payment"]
    worse = updated(a, 90, p_value=1e-30, severity="critical", returns=1)
    got, come = outcome(a, b, act("dismiss", group, 60, anomalies=[a.id], reason="a test"), worse, a, closed(a, 95))
    assert come == ["applied"]
    struck = next(i for i in got if i.acts)
    assert (struck.event, struck.severity, [m.id for m in struck.members]) == ("updated", "warning", [b.id])
    assert struck.why.endswith("ann struck 1 series out as no anomaly: a test.")
    assert {i.id for i in got} == {group}
    assert got[-1].member_count == 1


@pytest.mark.parametrize("named", [[], [A.id]])
def test_an_incident_with_no_member_left_is_not_an_anomaly(named):
    got, come = outcome(A, act("dismiss", PAYMENT, 60, anomalies=named, reason="load test"))
    assert come == ["applied"]
    assert (got[-1].event, got[-1].resolution) == ("resolved", "Not an anomaly, says ann: load test.")


def test_what_comes_after_a_dismissal_is_news_and_not_the_same_again():
    got, _ = outcome(A, closed(A, 30), act("dismiss", PAYMENT, 60), opened(200, "payment", "errors"))
    assert events(got) == ["opened", "resolved", "opened", "resolved"]
    assert got[0].id != got[2].id


REFUSED = [
    (act("resolve", "inc-x", 60, scope="eu"), "There is no incident inc-x in scope eu: it is not known here"),
    (act("resolve", PAYMENT, 60, scope="eu"), f"{PAYMENT} is of scope default, not eu."),
    (act("resolve", PAYMENT, 60, seen=9), f"Revision 9 of {PAYMENT} is not known here: the newest is 1."),
    (act("resolve", "", 60), "It names no incident."),
    (act("reopen", PAYMENT, 60), f"{PAYMENT} is open."),
    (act("merge", PAYMENT, 60, into_it=[PAYMENT]), f"{PAYMENT} cannot be merged into itself."),
    (act("merge", PAYMENT, 60), "It does not say what is to be merged into it (args.from)."),
    (act("merge", PAYMENT, 60, into_it=["inc-x"]), "There is no incident inc-x in scope default, of which"),
    (act("split", PAYMENT, 60), "It does not say which anomalies leave (args.anomalies)."),
    (act("split", PAYMENT, 60, anomalies=[A.id]), f"Nothing would be left of {PAYMENT}."),
    (act("split", PAYMENT, 60, anomalies=["ano-1", "ano-2"]), f"ano-1 and ano-2 are not among those of {PAYMENT}."),
    (act("dismiss", PAYMENT, 60, anomalies=[B.id]), f"{B.id} is not among those of {PAYMENT}."),
    (act("shelve", PAYMENT, 60), "This release does not know what shelve is."),
]


@pytest.mark.parametrize(("action", "why"), REFUSED)
def test_what_is_refused_is_said_and_changes_nothing(action, why):
    got, (come,) = outcome(A, B, action)
    assert come.startswith(why)
    assert got == outcome(A, B)[0]


def test_what_is_over_is_refused_with_what_became_of_it():
    late = act("resolve", PAYMENT, 90)
    assert outcome(A, act("resolve", PAYMENT, 60), late)[1] == ["applied", f"{PAYMENT} is resolved already."]
    forgotten = act("reopen", PAYMENT, 5000)
    assert (
        outcome(A, act("resolve", PAYMENT, 60), forgotten)[1][1]
        == f"{PAYMENT} is over, and longer than correlate.grace."
    )
    gone = act("resolve", SEARCH, 90)
    _, come = outcome(A, B, act("merge", PAYMENT, 60, into_it=[SEARCH]), gone)
    assert come == ["applied", f"{SEARCH} was merged into {PAYMENT}: act on that one."]


def test_incidents_of_two_scopes_are_not_merged():
    foreign = opened(0, "search", "errors", scope="eu")
    other = ids(A, foreign)["search"]
    _, (come,) = outcome(A, foreign, act("merge", PAYMENT, 60, into_it=[other]))
    assert come == (
        f"There is no incident {other} in scope default, of which {PAYMENT} is: "
        "only incidents of one scope can be merged."
    )


def test_a_merge_is_done_whole_or_not_at_all():
    got, (come,) = outcome(A, B, act("merge", PAYMENT, 60, into_it=[SEARCH, "inc-x"]))
    assert "inc-x" in come
    assert "merged" not in events(got)


def test_an_incident_of_another_partition_is_no_business_of_this_one():
    correlate = stage()
    run(correlate, [A, act("resolve", "inc-x", 60), mark(FAR)])
    assert correlate.outcomes() == []
    assert correlate.counts()["actions:elsewhere"] == 1


def test_a_repeated_action_changes_nothing():
    resolve = act("resolve", PAYMENT, 60, id="act-1")
    again = act("resolve", PAYMENT, 500, id="act-1")
    correlate = stage()
    got = run(correlate, [A, resolve, resolve, act("reopen", PAYMENT, 90), again, mark(FAR)])
    assert [each.result for each in correlate.outcomes()] == ["applied", "applied"]
    assert correlate.counts()["actions:repeated"] == 2
    assert events(got) == ["opened", "resolved", "reopened", "resolved"]


def test_what_is_done_at_one_moment_is_one_revision():
    a, b, c = (opened(0, "payment", name) for name in ("errors", "latency", "cpu"))
    group = ids(a, b, c)["payment"]
    acts = [act("dismiss", group, 60, anomalies=[each.id]) for each in (a, b)]
    got, _ = outcome(a, b, c, *acts)
    assert [len(i.acts) for i in got if i.event == "updated"] == [2]


@pytest.mark.parametrize("at", [None, 10])
def test_a_late_action_holds_from_what_has_passed_and_is_counted(at):
    """A replay that is given the moment at which it was applied says the same."""
    late = act("resolve", PAYMENT, at, id="act-1", said=70)
    moment = opened(100, "payment", "latency")  # of the very moment to which event time had come
    items = [A, mark(100), late, moment, mark(101)]
    correlate = stage()
    got = run(correlate, items)
    (come,) = correlate.outcomes()
    assert (come.result, come.applied_at) == ("applied", utc(T0 + 100))
    assert correlate.counts()["late:actions"] == 1
    replayed = stage()
    assert run(replayed, [act("resolve", PAYMENT, 100, id="act-1", said=70), A, moment, mark(101)]) == got
    assert replayed.outcomes() == [come]
    assert replayed.counts()["late:actions"] == 0


def test_an_action_of_a_time_that_was_wrong_holds_once_time_is_right_again():
    correlate = stage()
    run(correlate, [A, mark(100), mark(10**8), act("resolve", PAYMENT), mark(10**8 + 1)])
    correlate.outcomes()
    run(correlate, [act("resolve", "inc-x", scope="eu"), mark(200), mark(201)])
    (come,) = correlate.outcomes()
    assert come.applied_at == utc(T0 + 200)


def test_an_action_waits_for_nobody_where_all_are_idle():
    correlate = stage()
    got = run(correlate, [A, mark(100), act("resolve", PAYMENT, 10**5), mark(100, idle=True)])
    assert events(got) == ["opened", "resolved"]
    assert got[1].updated_at == utc(T0 + 100)
    assert correlate.order.passed == T0 + 100  # what comes after it is not late


def test_an_action_that_waits_holds_nobody_up():
    correlate = stage()
    run(correlate, [A, mark(100), act("resolve", PAYMENT, 10**9)])
    assert len(correlate.order) == 0
    assert correlate.order.blocker() is None
    assert correlate.sizes()["actions_waiting"] == 1


def test_too_many_waiting_actions_are_refused(monkeypatch):
    monkeypatch.setattr("floodmark.correlate.stage.MOST", 1)
    correlate = stage()
    run(correlate, [act("resolve", PAYMENT, 60), act("resolve", PAYMENT, 61)])
    assert [each.reason[:9] for each in correlate.outcomes()] == ["1 actions"]


def test_what_is_remembered_and_told_is_bounded(monkeypatch):
    monkeypatch.setattr(actions, "_REMEMBERED", 3)
    turns = [act("resolve" if n % 2 == 0 else "reopen", PAYMENT, 60 + n, reason="x\n" * 2000) for n in range(50)]
    correlate = stage()
    got = run(correlate, [A, *turns, mark(FAR)])
    assert {each.result for each in correlate.outcomes()} == {"applied"}
    assert max(len(i.acts) for i in got) == 20
    assert all(len(acted.reason) <= 300 for i in got for acted in i.acts)
    assert all("\n" not in i.why + i.resolution for i in got)


def test_a_person_may_open_again_what_has_lived_too_long_but_not_for_ever():
    _, come = outcome(A, act("resolve", PAYMENT, 60), act("reopen", PAYMENT, 300), lifetime=250)
    assert come[1] == f"{PAYMENT} has lived as long as an incident may (correlate.lifetime)."


def test_a_flood_leaves_alone_what_was_held_apart():
    one, other = burst(0, "payment")[:2]
    group = ids(one, other)["payment"]
    got, come = outcome(
        one, other, act("split", group, 30, anomalies=[other.id]), opened(40, "cart"), opened(41, "bank")
    )
    assert come == ["applied"]
    assert all(not {one.id, other.id} <= {m.id for m in i.members} for i in got if i.updated_at >= utc(T0 + 30))
