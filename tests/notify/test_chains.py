"""Who is paged after whom, and what stops it; quiet hours; people's actions."""

from floodmark.notify.sink import Delivered, Later

from .world import START, World, config

CHAIN = {
    "steps": [{"notify": ["duty"], "wait": "5m"}, {"notify": ["bob"], "wait": "10m"}],
    "repeat": 2,
    "fallback": ["boss-hook"],
}


def setting(**more):
    people = {
        "ann": {"targets": ["ann-hook"], "identities": ["slack:U1", "ann@example.org"]},
        "bob": {"targets": ["bob-hook"]},
    }
    return config(
        targets={"ann-hook": {}, "bob-hook": {}, "boss-hook": {}, "room": {}},
        people=people | more.pop("people", {}),
        schedules={"duty": {"rotation": ["ann"]}} | more.pop("schedules", {}),
        chains={"main": more.pop("chain", CHAIN)},
        routes=[{"name": "all", "targets": ["room"], "chain": "main", **more.pop("route", {})}],
        **more,
    )


def paged(world):
    return [(at, target) for at, target, _, loud in world.told() if loud and target != "room"]


def test_a_chain_is_gone_through_twice_and_then_falls_back():
    world = World(setting())
    world.revise(1)
    world.run(3600)
    assert [message.people for _, target, message in world.sent if target == "ann-hook"] == [("ann",)] * 2
    assert paged(world) == [
        (30, "ann-hook"),
        (330, "bob-hook"),
        (930, "ann-hook"),
        (1230, "bob-hook"),
        (1830, "boss-hook"),
    ]
    assert world.desk.counts()["escalations"] == 4


def test_less_severe_than_the_page_pages_nobody():
    world = World(setting())
    world.revise(1, severity="warning")
    world.run(3600)
    assert world.told() == [(30, "room", "open", False)]
    world.revise(2, "updated", severity="error")
    assert paged(world) == [(3600, "ann-hook")]


def test_an_ack_stops_it_and_when_it_runs_out_the_same_person_is_asked_first():
    world = World(setting(ack="20m"))
    world.revise(1)
    world.run(400)
    world.told()
    world.act("ack", by="slack:U1", seen=1)
    assert world.reasons() == [
        (target, "slack:U1 has taken it on until 2027-01-15 08:26 UTC") for target in ("ann-hook", "bob-hook", "room")
    ]
    world.run(1100)
    assert world.told() == []
    world.run(1000)
    found = [(at, target) for at, target in paged(world)]
    assert found == [(1600, "ann-hook"), (1900, "ann-hook"), (2200, "bob-hook")]


def test_unack_and_worse_start_again_at_the_first_step():
    world = World(setting())
    world.revise(1)
    world.run(400)
    world.act("ack", seen=1)
    world.told()
    world.act("unack", seen=1)
    assert paged(world) == [(400, "ann-hook")]
    world.act("ack", seen=1)
    world.told()
    world.revise(2, "updated", severity="critical")
    assert paged(world) == [(400, "ann-hook")]
    world.act("ack", by="bob", seen=2)
    world.run(3600)
    assert [at for at, _ in paged(world)] == [2200, 2500, 2800, 3400, 3700], "only when ann's own has run out"


def test_snooze_and_resolve_stop_it():
    for verb in ("snooze", "resolve"):
        world = World(setting())
        world.revise(1)
        world.run(60)
        if verb == "snooze":
            world.act("snooze", seen=1, until=world.now + 3600.0)
        else:
            world.revise(2, "resolved")
        world.told()
        world.run(3000)
        assert world.told() == []
    world = World(setting())
    world.revise(1)
    world.run(60)
    world.act("snooze", seen=1, until=world.now + 3600.0)
    world.told()
    world.run(3601)
    assert paged(world) == [(3660, "ann-hook")]
    assert world.desk.counts()["escalations"] == 0


def test_after_an_outage_only_the_newest_step_is_told_once():
    world = World(setting())
    world.revise(1)
    world.run(60)
    world.told()
    world.now += 1000  # nobody ran it: two steps are overdue
    world.restart()
    world.step()
    assert paged(world) == [(1060, "ann-hook")]
    world.run(400)
    assert paged(world) == [(1360, "bob-hook")]


def test_the_chain_is_that_which_stood_when_it_opened():
    world = World(setting())
    world.revise(1)
    world.run(60)
    world.told()
    world.config = setting(chain={"steps": [{"notify": ["boss-hook"]}]})
    world.restart()
    world.run(300)
    assert paged(world) == [(330, "bob-hook")]
    world.revise(1, id="inc-2", severity="critical")
    assert paged(world) == [(360, "boss-hook")]


def test_a_step_that_reaches_nobody_is_passed_over():
    world = World(setting(schedules={"duty": {"layers": []}}))
    world.revise(1, severity="critical")
    assert paged(world) == [(0, "bob-hook")]
    assert world.desk.counts()["nobody"] == 1


def test_who_stands_in_is_paged():
    world = World(setting())
    world.act("override", incident="", schedule="duty", to="bob", since=START, until=START + 100)
    world.revise(1, severity="critical")
    assert paged(world) == [(0, "bob-hook")]
    world.run(200)
    world.revise(1, severity="critical", id="inc-2")
    assert paged(world) == [(200, "ann-hook")]
    world.act("handover", incident="", schedule="duty", to="bob")
    world.revise(1, severity="critical", id="inc-3")
    assert paged(world) == [(200, "bob-hook")]


def test_what_people_do_is_told_once():
    world = World(setting())
    world.revise(1, severity="warning")
    world.run(60)
    world.told()
    world.act("comment", text="looking at the pool", seen=1)
    world.act("assign", to="bob", seen=1)
    world.act("priority", priority="p2", seen=1)
    world.act("link", url="https://x", seen=1)
    world.act("frobnicate", seen=1)
    room = [message.reason for _, target, message in world.sent if target == "room"]
    assert room == [
        "ann: looking at the pool",
        "ann has given it to bob",
        "ann has set its priority to p2",
        "ann has linked https://x",
    ]
    assert paged(world) == [(60, "bob-hook")]
    world.act("page", to="ann", seen=1, reason="your service")
    assert world.sent[-1][2].reason == "ann asks for you: your service"
    assert paged(world) == [(60, "ann-hook")]


def test_whom_somebody_calls_by_name_is_called_in_quiet_hours_too():
    quiet = [{"from": "07:00", "to": "09:00"}]  # it is eight
    world = World(setting(people={"ann": {"targets": ["ann-hook"], "quiet": quiet}}))
    world.revise(1)
    world.run(60)
    world.told()
    world.act("assign", to="ann", seen=1)
    assert paged(world) == [], "work that is given waits for the morning"
    world.act("page", to="ann", seen=1, reason="come")
    assert paged(world) == [(60, "ann-hook")]


def test_quiet_hours_end_with_one_message():
    quiet = [{"from": "07:00", "to": "09:00"}]  # it is eight
    world = World(setting(people={"ann": {"targets": ["ann-hook"], "quiet": quiet}}))
    world.revise(1)
    world.revise(1, id="inc-2")
    world.revise(1, id="inc-3")
    world.run(1000)
    assert ("ann-hook", "open") not in [(target, event) for _, target, event, _ in world.told()]
    world.revise(2, "resolved", id="inc-2")
    world.act("ack", incident="inc-3", seen=1, until=world.now + 28000)
    world.told()
    world.restart()
    world.revise(1, id="inc-4", severity="critical")
    assert (1000, "ann-hook", "open", True) in world.told(), "critical is told at once"
    world.act("ack", incident="inc-4", seen=1, until=world.now + 28000)
    world.run(2700)
    ((at, _, message),) = [each for each in world.sent if each[1] == "ann-hook" and each[2].event == "digest"]
    assert at == START + 3600
    assert message.loud
    assert message.people == ("ann",)
    assert message.lines == (
        "While you were not to be disturbed: 3 incidents, 2 of them still open",
        "error: checkout: latency up, inc-1",
        "error: checkout: latency up (acked by ann), inc-3",
        "error: checkout: latency up (resolved), inc-2",
    )


def test_outside_of_its_hours_a_route_waits_unless_it_is_critical():
    world = World(setting(route={"active": [{"from": "09:00", "to": "17:00"}]}))
    world.revise(1)
    world.revise(1, id="inc-2")
    world.run(1000)
    world.revise(2, "resolved", id="inc-2")
    world.revise(1, id="inc-3", severity="critical")
    assert {(target, at) for at, target, _, _ in world.told()} == {("room", 1000), ("ann-hook", 1000)}
    world.act("ack", incident="inc-3", seen=1, until=world.now + 28000)
    world.told()
    world.run(2601)
    assert sorted(world.told()) == [
        (3600, "ann-hook", "open", True),
        (3600, "room", "open", True),
        (3600, "room", "resolve", False),
    ]


def test_a_person_who_cannot_be_reached_is_stood_in_for():
    world = World(
        setting(chain={"steps": [{"notify": ["ann"]}]}, route={"fallback": ["boss-hook"]}),
        answer=lambda target, message, now: Later("no answer") if target == "ann-hook" else Delivered(),
    )
    world.revise(1, severity="critical")
    world.run(901)
    assert (900, "boss-hook", "open", True) in world.told()
