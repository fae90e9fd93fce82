"""What opens an incident, and what does not, under a budget that asks for more than chance."""

import pytest

from floodmark.alerts import utc
from floodmark.correlate.stage import CorrelateStage

from .making import DAILY, LOOSE, SHOP, T0, burst, change, closed, conf, events, mark, opened, run, updated, wrongs

FAR = 10**6
FAINT = 1e-4
STRONG = 1e-14


def stage(**more):
    return CorrelateStage(conf(**({"gap": 180, "false_incidents": DAILY} | more)), SHOP)


def outcome(*items, **more):
    got = run(stage(**more), [*items, mark(FAR)])
    assert wrongs(got) == {}
    return got


def starts(incidents):
    """When the incidents began, and what of."""
    return [(i.started_at.timestamp() - T0, sorted(i.entities)) for i in incidents if i.event == "opened"]


def told(incidents):
    return [(i.event, i.updated_at.timestamp() - T0) for i in incidents]


# -- one by itself


def test_a_lone_faint_anomaly_is_held_back_and_counted():
    correlate = stage()
    a = opened(0, p=FAINT)
    assert run(correlate, [a, closed(a, 60), mark(FAR)]) == []
    assert correlate.counts()["held_back"] == 1
    assert correlate.sizes() == dict.fromkeys(correlate.sizes(), 0) | {"tasks": 1}


@pytest.mark.parametrize("end", [[], [closed(opened(0, p=FAINT), 2_000, told=2_900)]])
def test_to_last_is_no_evidence(end):
    a = opened(0, p=FAINT)
    assert outcome(a, *(updated(a, at) for at in range(120, 2_000, 120)), *end) == []


def test_severity_by_itself_opens_nothing():
    assert outcome(opened(0, p=FAINT, severity="critical")) == []


@pytest.mark.parametrize("at", [60, 290, 5_000])
def test_a_faint_one_opens_when_it_becomes_worse(at):
    a = opened(0, p=FAINT)
    got = outcome(a, updated(a, at, p_value=STRONG), closed(a, at + 100))
    assert events(got) == ["opened", "resolved"]
    assert got[0].updated_at == utc(T0 + at)
    assert [m.id for m in got[0].members] == [a.id]


def test_worse_at_its_end_is_worse_too():
    a = opened(0, p=FAINT)
    assert told(outcome(a, closed(a, 60, p_value=STRONG)))[0] == ("opened", 60)


def test_a_faint_one_opens_when_company_comes():
    a = opened(0, "payment", p=1e-6)
    assert outcome(a) == []
    got = outcome(a, opened(100, "checkout", "errors", p=1e-7), opened(110, "payment", "timeouts", p=1e-7))
    assert starts(got) == [(0, ["checkout", "payment"])]
    assert got[-1].member_count == 3


def test_company_that_comes_too_late_or_is_unrelated_is_none():
    a = opened(0, "payment", p=1e-6)
    others = [opened(200, "checkout", "errors", p=1e-6), opened(20, "search", p=1e-6)]
    assert outcome(a, *others) == []


def test_two_lines_of_one_kind_are_one_witness():
    assert outcome(*(opened(0, "payment", f"cpu{i}", p=1e-6) for i in range(20))) == []
    novel = [opened(0, "payment", name, p=1e-6) for name in ("log_new_templates", "log_rare_templates")]
    assert outcome(*novel) == []
    assert outcome(*(opened(0, "payment", name, p=1e-6) for name in ("errors", "latency", "cpu")))


def test_a_limit_opens_alone():
    a = opened(0, p=1.0, head="limit")
    got = outcome(a, closed(a, 60), false_incidents=DAILY / 365)
    assert events(got) == ["opened", "resolved"]


def test_a_smaller_budget_asks_for_more():
    items = [opened(0, "payment", name, p=1e-6) for name in ("errors", "latency")]
    rare = [bool(outcome(*items, false_incidents=LOOSE / 100**i)) for i in range(6)]
    assert rare[0]
    assert not rare[-1]
    assert rare == sorted(rare, reverse=True)


def better(at, name, **more):
    """An improbable anomaly that is good news."""
    return opened(at, "payment", name, worse="up", direction="down", **({"p": STRONG} | more))


def test_what_goes_in_the_harmless_direction_opens_nothing_and_may_be_a_member():
    good = [better(0, "errors"), better(0, "latency")]
    assert outcome(*good) == []
    assert outcome(*good, false_incidents=LOOSE) == []
    bad = burst(0, names=("cpu", "timeouts", "queue"))
    assert outcome(*bad, better(30, "latency"))[-1].member_count == 4


def test_what_came_by_chance_before_is_no_member():
    early = opened(0, "payment", "disk", p=5e-4)
    got = outcome(early, *burst(120), closed(early, 400))
    assert starts(got) == [(120, ["payment"])]
    assert early.id not in {m.id for i in got for m in i.members}
    assert got[0].members[0].why == "first"


def test_what_was_told_of_it_and_comes_again_opens_it_no_second_time():
    """Also if it is named after one that was let go."""
    items = [opened(0, "payment", "disk", p=5e-4), *burst(120)]
    correlate = stage(grace=1)
    got = run(correlate, [*items, *(closed(item, 200, told=600) for item in items), mark(5_000)])
    assert events(got) == ["opened", "resolved"]
    assert "opened" not in events(run(correlate, [*items, mark(FAR)])) or wrongs(got + run(correlate, items)) == {}
    assert got[0].id not in {i.id for i in run(correlate, items)}


# -- changes


def restart(at, entity="checkout"):
    """What a restart looks like: less memory, and lines that are seen at no other time."""
    return [
        opened(at, entity, "memory_bytes", p=1e-13, direction="down"),
        opened(at + 10, entity, "log_rare_templates", signal="log", head="count", p=1e-8),
        opened(at + 10, entity, "log_template", signal="log", head="count", expected=0.0, p=1e-8),
    ]


def test_one_restart_after_a_deploy_is_no_incident():
    assert outcome(change(0, "checkout"), *restart(20)) == []
    assert outcome(*restart(20))  # without a deploy it is


def test_the_change_may_be_heard_of_a_little_later():
    """It is announced after its first effect was measured, but before there is enough to open an incident."""
    items = [opened(20 + i, "checkout", name, p=1e-7) for i, name in enumerate(("memory_bytes", "threads", "disk"))]
    assert outcome(items[0], change(20.5, "checkout"), *items[1:]) == []
    assert outcome(*items)


def test_errors_after_a_deploy_are_an_incident():
    harm = [
        opened(40, "checkout", "error_ratio", p=STRONG),
        opened(40, "checkout", "latency_p99", p=STRONG),
        opened(60, "frontend", "latency_p99", p=STRONG),
    ]
    got = outcome(change(0, "checkout"), *restart(20), *harm)
    assert len(starts(got)) == 1
    assert set(got[-1].entities) == {"checkout", "frontend"}
    assert got[-1].causes[0].entity == "checkout"
    assert got[-1].changes


# -- one after the other


def going_on(items, until):
    """Updates of alarms that are as odd as ever."""
    return [updated(item, at) for at in range(120, until, 60) for item in items]


OTHERS = ("restarts", "queue", "retries", "threads", "disk", "sockets")


def test_a_second_burst_after_the_first_is_over_is_a_second_incident():
    first = burst(0)
    got = outcome(*first, *(closed(item, 200, told=500) for item in first), *burst(480, names=OTHERS))
    assert starts(got) == [(0, ["payment"]), (480, ["payment"])]


def test_a_second_burst_while_little_of_the_first_goes_on_is_a_second_incident():
    first = burst(0)
    ends = [closed(item, 100, told=400) for item in first[:3]]
    got = outcome(*first, *going_on(first[3:], 2_000), *ends, *burst(480, names=OTHERS))
    assert starts(got) == [(0, ["payment"]), (480, ["payment"])]


def test_a_burst_on_a_neighbour_while_the_first_goes_on_is_a_second_incident():
    first = burst(0)
    got = outcome(*first, *going_on(first, 2_000), *burst(480, "checkout", names=OTHERS))
    assert starts(got) == [(0, ["payment"]), (480, ["checkout"])]


def test_a_second_burst_eight_minutes_later_is_a_second_incident_although_the_first_goes_on():
    first = burst(0)
    got = outcome(*first, *going_on(first, 2_000), *burst(480, names=OTHERS))
    assert starts(got) == [(0, ["payment"]), (480, ["payment"])]


def test_a_burst_soon_after_where_all_is_still_as_odd_as_it_was_is_what_it_has_come_to():
    first = burst(0)
    got = outcome(*first, *going_on(first, 2_000), *burst(400, names=OTHERS))
    assert starts(got) == [(0, ["payment"])]
    assert got[-1].member_count == len(first) + len(OTHERS)


def test_a_little_more_while_the_first_goes_on_is_its_aftermath():
    first = burst(0)
    correlate = stage()
    got = run(correlate, [*first, *going_on(first, 2_000), opened(480, "checkout", "disk", p=1e-9), mark(FAR)])
    assert starts(got) == [(0, ["payment"])]
    assert correlate.counts()["held_back"] == 1


def test_what_begins_as_the_fault_ends_is_its_end():
    first = burst(0)
    end = [closed(item, 610, told=900) for item in first]
    after = [opened(615, "payment", name, p=1e-6) for name in ("requests", "queue")]
    assert starts(outcome(*first, *going_on(first, 600), *end, *after)) == [(0, ["payment"])]


def test_to_come_back_from_silence_is_no_incident():
    silent = [opened(0, "payment", name, head="stale", p=STRONG, told=200) for name in ("up", "cpu", "requests")]
    back = [closed(item, 4_000, told=4_010) for item in silent]
    after = [opened(4_030, "payment", name, p=1e-8) for name in ("memory_bytes", "cpu")]
    assert len(starts(outcome(*silent, *back))) == 1
    assert len(starts(outcome(*silent, *back, *after))) == 1
    assert starts(outcome(*after)) == [(4_030, ["payment"])]


def test_bursts_that_begin_together_a_few_hops_apart_are_one():
    got = outcome(*burst(0, "redis"), *burst(60, "frontend"), *burst(45, "cart"))
    assert len({i.id for i in got if i.event == "resolved"}) == 1
    assert sorted(got[-1].entities) == ["cart", "frontend", "redis"]
    assert len(starts(outcome(*burst(0, "redis"), *burst(170, "frontend")))) == 2
    assert len(starts(outcome(*burst(0, "redis"), *burst(60, "search")))) == 2


def test_an_alarm_that_is_back_long_after_its_incident_began_begins_another():
    first = burst(0)
    got = outcome(*first, *(updated(item, 2_000, returns=1, p_value=1e-10) for item in first))
    assert starts(got) == [(0, ["payment"]), (2_000, ["payment"])]
    assert len({i.id for i in got}) == 2
    soon = outcome(*first, *(updated(item, 150, returns=1, p_value=1e-10) for item in first))
    assert starts(soon) == [(0, ["payment"])]


def test_an_end_that_was_told_before_a_return_is_ended_once():
    """Late words in any order keep the count of what is odd: the incident resolves."""
    first = burst(0)
    late = [updated(item, 600, returns=1) for item in first]
    got = run(stage(), [*first, *(closed(item, 100) for item in first), mark(101), *late, mark(3_000)])
    assert events(got)[0] == "opened"
    assert events(got)[-1] == "resolved"
    assert wrongs(got) == {}


def test_a_faint_one_that_is_back_is_looked_at_again():
    a = opened(0, "payment", "disk", p=FAINT)
    got = outcome(a, updated(a, 3_000, returns=1), *burst(3_010, p=1e-9))
    assert starts(got)[0][0] in (3_000, 3_010)
    assert len(starts(got)) == 1


# -- floods


def test_four_unrelated_bursts_at_once_are_one_flood():
    got = outcome(*(item for i in range(6) for item in burst(10 * i, f"far-{i}")))
    assert len({i.id for i in got if i.event == "resolved"}) == 1
    assert len(got[-1].entities) == 6
    assert len(starts(outcome(*(item for i in range(3) for item in burst(10 * i, f"far-{i}"))))) == 3


def test_a_flood_teaches_nothing_of_chance():
    """What opens an incident is the same after it."""
    faint = [opened(20_000, "payment", name, p=1e-6) for name in ("errors", "latency", "cpu")]
    flood = [item for i in range(200) for item in burst(0, f"far-{i}", p=1e-12)]
    got = outcome(*flood, *(closed(item, 100) for item in flood), *faint)
    assert starts(got)[-1] == starts(outcome(*faint))[0] == (20_000, ["payment"])
