"""The life of an incident, as those hear it who are told."""

from floodmark.alerts import Acted, utc
from floodmark.deliveries import Delivery
from floodmark.events import decode
from floodmark.notify.sink import Delivered, Later, Refused
from floodmark.records import Record

from .world import START, World, change, config


def deliveries(world):
    """What the ledger says of each target and incident."""
    found = {}
    for key, entry in world.log.items():
        kinds = dict(entry.headers)
        if entry.value is not None and kinds["ce_type"] == b"dev.floodmark.delivery.v1":
            record = Record(
                topic="d", partition=0, offset=0, timestamp=0, key=key, value=entry.value, headers=entry.headers
            )
            found[key.decode()] = decode(record)
    return found


def test_an_incident_is_held_told_and_resolved():
    world = World(config())
    world.revise(1)
    assert world.told() == []
    world.run(29)
    assert world.told() == []
    world.run(2)
    assert world.told() == [(30, "hook", "open", True)]
    world.revise(2, "updated")
    world.run(600)
    assert world.told() == [], "one more member is no news"
    world.revise(3, "resolved")
    assert world.told() == [(631, "hook", "resolve", False)]
    delivery = deliveries(world)["hook|inc-1"]
    assert isinstance(delivery, Delivery)
    assert (delivery.result, delivery.event, delivery.revision, delivery.id) == (
        "delivered",
        "resolve",
        3,
        "inc-1/3/hook",
    )


def test_what_is_critical_is_not_held_and_less_than_the_page_does_not_ring():
    world = World(config())
    world.revise(1, severity="critical", id="inc-1")
    world.revise(1, severity="warning", id="inc-2")
    world.run(60)
    assert world.told() == [(0, "hook", "open", True), (30, "hook", "open", False)]


def test_what_is_over_before_it_was_told_is_one_quiet_message_and_no_page():
    world = World(config(targets={"hook": {}, "pd": {}, "es": {}}))
    world.revise(1)
    world.run(10)
    world.revise(2, "resolved")
    world.run(600)
    assert world.told("hook", "pd") == [(10, "hook", "resolve", False)]
    world.revise(1, "resolved", id="inc-2")
    assert world.told() == [(610, "es", "resolve", False), (610, "hook", "resolve", False)]


def test_what_was_resolved_before_anybody_listened_is_told_to_nobody():
    world = World(config())
    world.revise(7, "resolved")
    world.revise(3, "merged", id="inc-2")
    world.run(600)
    assert world.told() == []
    assert world.desk.counts()["unknown"] == 2


def test_records_hear_each_revision_at_once():
    world = World(config(targets={"es": {}}))
    for number, event in enumerate(("opened", "updated", "updated", "resolved", "reopened", "resolved"), 1):
        world.revise(number, event)
    assert [event for _, _, event, _ in world.told()] == ["open", "update", "update", "resolve", "open", "resolve"]


def test_it_is_told_again_when_it_is_worse_or_open_again():
    world = World(config())
    world.revise(1, severity="warning")
    world.run(60)
    world.told()
    world.revise(2, "updated", severity="error")
    assert world.reasons() == [("hook", "told again: severity rose from warning to error")]
    world.revise(3, "updated", severity="warning")
    world.revise(4, "updated", severity="error")
    assert world.told() == [], "it was told that it is as bad as this"
    world.revise(5, "resolved", severity="error")
    world.told()
    world.revise(6, "reopened", severity="error")
    assert world.sent[0][2].reason == "told again: it is open again"
    assert world.told() == [(60, "hook", "open", True)]


def test_who_has_opened_it_again_is_said_of_that_time_only():
    world = World(config())
    world.revise(1)
    world.run(60)
    world.revise(2, "resolved")
    act = Acted(id="act-1", verb="reopen", by="ann", applied_at=utc(world.now))
    world.told()
    world.revise(3, "reopened", acts=[act])
    assert world.reasons() == [("hook", "told again: ann has opened it again")]
    world.revise(4, "resolved", acts=[act])
    world.run(60)
    world.told()
    world.revise(5, "reopened", acts=[act])
    assert world.reasons() == [("hook", "told again: it is open again")]


def test_an_older_revision_changes_nothing():
    world = World(config())
    world.revise(1)
    world.run(60)
    world.revise(3, "resolved")
    world.told()
    world.revise(2, "updated", severity="critical")
    world.revise(3, "resolved")
    world.run(60)
    assert world.told() == []
    assert world.desk.counts()["stale"] == 2


def test_another_first_cause_is_told_when_it_has_stood():
    world = World(config())
    world.revise(1, causes=["cart"])
    world.run(60)
    world.told()
    world.revise(2, "updated", causes=["db"])
    world.run(60)
    world.revise(3, "updated", causes=["cart"])
    world.run(600)
    assert world.told() == []
    world.revise(4, "updated", causes=["db"])
    world.run(100)
    world.revise(5, "updated", causes=["db"])
    world.run(30)
    assert world.reasons() == [("hook", "the first cause is db now (it was cart): It moved first.")]


def test_a_new_change_is_told_once():
    world = World(config())
    world.revise(1)
    world.run(60)
    world.told()
    for number in (2, 3):
        world.revise(number, "updated", changes=[change()])
    assert world.reasons() == [("hook", "a change was found: deploy of checkout: v2")]


def test_what_is_merged_leads_to_the_other():
    world = World(config())
    world.revise(1)
    world.revise(1, id="inc-2", title="cart: errors up")
    world.run(60)
    world.told()
    world.revise(2, "merged", merged_into="inc-2")
    assert world.sent[0][2].state == "merged"
    assert world.reasons() == [("hook", "it goes on as inc-2: cart: errors up")]


def test_a_target_that_cannot_take_it_is_tried_again_and_stood_in_for():
    down = True
    world = World(
        config(targets={"hook": {}, "other": {}}, routes=[{"targets": ["hook"], "fallback": ["other"]}]),
        answer=lambda target, message, now: Later("status 503") if down and target == "hook" else Delivered(),
    )
    world.revise(1)
    world.run(60)
    assert deliveries(world)["hook|inc-1"].result == "waiting"
    assert deliveries(world)["hook|inc-1"].reason == "status 503"
    world.run(860)
    assert world.told() == []
    world.run(30)
    assert world.told() == [(930, "other", "open", True)]
    down = False
    world.run(300)
    ((_, target, message),) = world.sent
    assert (target, message.id, message.event) == ("hook", "inc-1/1/hook", "open")
    world.revise(2, "resolved")
    assert {target for _, target, event, _ in world.told() if event == "resolve"} == {"hook", "other"}


def test_what_is_refused_is_told_to_the_fallback_at_once():
    world = World(
        config(targets={"hook": {}, "other": {}}, routes=[{"targets": ["hook"], "fallback": ["other"]}]),
        answer=lambda target, message, now: Refused("status 400: no such field") if target == "hook" else Delivered(),
    )
    world.revise(1)
    world.run(31)
    assert world.reasons() == [("other", "hook does not take it (status 400: no such field)")]
    assert deliveries(world)["hook|inc-1"].result == "refused"
    assert world.desk.counts()["refused:hook"] == 1


def test_after_a_day_a_message_is_dead():
    tries = []
    world = World(config(), answer=lambda target, message, now: tries.append(message.id) or Later("no answer"))
    world.revise(1)
    world.run(2 * 86400)
    assert deliveries(world)["hook|inc-1"].result == "dead"
    assert set(tries) == {"inc-1/1/hook"}
    assert 86400 / 300 < len(tries) < 86400 / 150 + 20


def test_a_target_that_was_away_for_a_day_hears_what_is_true_then():
    down = True
    world = World(config(dead="2d"), answer=lambda target, message, now: Later("no answer") if down else Delivered())
    for number in range(40):
        world.revise(1, id=f"inc-{number}", severity="critical")
    for number in range(40):
        for revision in range(2, 6):
            world.revise(revision, "updated", id=f"inc-{number}", severity="critical", changes=[change(f"c{revision}")])
        if number >= 5:
            world.revise(6, "resolved", id=f"inc-{number}", severity="critical")
    world.run(80000)
    down = False
    world.run(1000)
    told = world.told()
    assert len([event for _, _, event, _ in told if event == "open"]) == 5
    assert len(told) <= 40 + 5, "each once, and an update for those that are open"


def test_what_asks_to_wait_is_left_alone():
    times = []

    def answer(target, message, now):
        times.append(now - START)
        return Later("status 429", 500.0) if now < START + 400 else Delivered()

    world = World(config(), answer=answer)
    world.revise(1, severity="critical")
    world.revise(1, severity="critical", id="inc-2")
    world.run(700)
    assert len([each for each in times if each < 499]) <= 2
    assert len(world.told()) == 2


def test_alertmanager_hears_it_again_for_as_long_as_it_is_open():
    world = World(config(targets={"am": {}}))
    world.revise(1, severity="critical")
    world.run(310)
    ids = [message.id for _, _, message in world.sent]
    assert len(ids) == len(set(ids)) == 6
    world.told()
    world.restart()
    world.run(1)
    assert world.told() == [(310, "am", "update", False)]
    world.revise(2, "resolved", severity="critical")
    world.run(300)
    assert world.told() == [(311, "am", "resolve", False)]


def test_a_day_after_the_end_all_is_forgotten():
    world = World(config())
    world.revise(1, severity="critical")
    world.revise(2, "resolved", severity="critical")
    world.run(2 * 86400)
    assert {entry.key for entry in world.log.values() if entry.value is not None} <= {b"desk|"}
    assert world.desk.sizes()["cases"] == 0


def test_it_goes_on_after_a_restart_at_any_moment():
    world = World(config())
    world.revise(1)
    world.restart()
    world.run(40)
    world.restart()
    assert world.told() == [(30, "hook", "open", True)]
    world.revise(2, "updated", severity="critical")
    world.restart()
    assert world.told() == [(40, "hook", "update", True)]
    world.revise(3, "resolved")
    world.restart()
    world.run(1000)
    assert world.told() == [(40, "hook", "resolve", False)]


def test_a_route_reaches_by_owner_and_the_first_that_matches_has_it():
    services = {"checkout": {"owner": "payments", "tier": 1, "runbook": "https://run/checkout"}, "cart": {}}
    routes = [
        {"name": "payments", "match": {"owner": "payments", "tier": ["0", "1"]}, "targets": ["one"]},
        {"name": "severe", "severity": "critical", "targets": ["two"]},
    ]
    world = World(config(services, targets={"one": {}, "two": {}}, routes=routes, link="https://f/{incident}"))
    world.revise(1)
    world.revise(1, id="inc-2", entities=["cart"])
    world.run(60)
    ((_, target, message),) = world.sent
    assert (target, message.team, message.runbook) == ("one", "payments", "https://run/checkout")
    assert message.link == "https://f/inc-1"
    world.revise(2, "updated", id="inc-2", entities=["cart"], severity="critical")
    assert world.told("two") == [(60, "two", "open", True)]


def test_changes_go_to_those_who_want_them():
    world = World(config(changes=[{"match": {"kind": "deploy"}, "targets": ["hook"]}], routes=[]))
    for status in ("started", "started", "succeeded"):
        world.desk.change(change(status=status), world.now)
        world.step()
    world.desk.change(change("chg-2", kind="flag"), world.now)
    world.step()
    assert [(m.event, m.change.status, m.id) for _, _, m in world.sent] == [
        ("change", "started", "chg-1/1/hook"),
        ("change", "succeeded", "chg-1/2/hook"),
    ]


def test_a_page_that_may_have_arrived_is_resolved_all_the_same():
    world = World(config(targets={"pd": {}}), answer=lambda target, message, now: Later("no answer"))
    world.revise(1, severity="critical")
    world.answer = lambda target, message, now: Delivered()
    world.revise(2, "resolved", severity="critical")
    world.run(60)
    assert world.told() == [(0, "pd", "resolve", False)]


def test_an_end_that_waits_while_it_opens_again_says_what_it_is_of():
    down = True
    world = World(config(), answer=lambda target, message, now: Later("no answer") if down else Delivered())
    world.revise(1, severity="critical")
    world.revise(2, "resolved", severity="critical")
    world.revise(3, "reopened", severity="critical")
    world.run(100)
    world.restart()
    down = False
    world.run(300)
    assert [(m.event, m.revision, m.state, m.incident.event) for _, _, m in world.sent] == [
        ("resolve", 2, "resolved", "resolved"),
        ("open", 3, "open", "reopened"),
    ]


def test_changes_that_wait_are_told_each():
    down = True
    world = World(
        config(changes=[{"targets": ["hook"]}], routes=[]),
        answer=lambda target, message, now: Later("no answer") if down else Delivered(),
    )
    for status in ("started", "succeeded"):
        world.desk.change(change(status=status), world.now)
        world.step()
    down = False
    world.run(300)
    assert [(m.id, m.change.status) for _, _, m in world.sent] == [
        ("chg-1/1/hook", "started"),
        ("chg-1/2/hook", "succeeded"),
    ]


def test_an_end_that_waits_where_nobody_hears_of_the_new_beginning_is_of_its_own_revision():
    down = True
    world = World(
        config(targets={"hook": {}, "other": {}}, routes=[{"targets": ["hook"], "fallback": ["other"]}]),
        answer=lambda target, message, now: Later("no answer") if down else Delivered(),
    )
    world.revise(1, severity="critical")
    world.run(1000)
    world.revise(2, "merged", severity="critical", merged_into="inc-9")
    world.revise(3, "reopened", severity="critical")
    down = False
    world.run(600)
    found = [(m.event, m.revision, m.state) for _, target, m in world.sent if target == "other"]
    assert found == [("resolve", 2, "merged")]


def test_what_is_said_after_the_end_goes_to_those_who_have_heard_of_it():
    world = World(config(targets={"hook": {}, "pd": {}}))
    world.revise(1)
    world.revise(2, "resolved")
    world.told()
    world.act("comment", seen=2, text="it was the pool")
    assert world.told() == [(0, "hook", "update", False)]


def test_what_was_said_after_an_end_does_not_hide_the_new_beginning():
    down = True
    world = World(config(), answer=lambda target, message, now: Later("no answer") if down else Delivered())
    world.revise(1, severity="critical")
    world.revise(2, "resolved", severity="critical")
    world.act("comment", seen=2, text="x")
    world.revise(3, "reopened")
    down = False
    world.run(600)
    assert [event for _, _, event, _ in world.told()] == ["resolve", "open"]
