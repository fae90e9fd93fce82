"""First responses: proposed, approved, run, and held back."""

from floodmark.notify.sink import Delivered, Refused

from .world import START, World, change, config

BOOK = {"target": "hook", "services": ["check*"], "parameters": {"to": "{version}", "why": "{incident}"}}


def setting(**book):
    return config(
        targets={"room": {}, "hook": {}},
        playbooks={"rollback": BOOK | book},
        routes=[{"targets": ["room"], "playbooks": ["rollback"]}],
    )


def guilty(world, revision=1, id="inc-1", service="checkout", **more):
    cause = change(service=service, version="v2")
    world.revise(revision, id=id, severity="critical", changes=[cause], **more)


def blamed(world, id="inc-1", service="checkout", **more):
    """An incident whose first cause is a deploy."""
    from msgspec.structs import replace

    from .world import incident

    body = incident(
        1, id=id, severity="critical", causes=[service], changes=[change(service=service, version="v2")], **more
    )
    body = replace(body, causes=[replace(body.causes[0], change="chg-1")])
    world.desk.revise(body, world.now)
    world.step()


def done(world):
    found = [(each.verb, each.args.playbook, each.args.ok, each.args.result) for each in world.actions]
    world.actions.clear()
    return found


def runs(world):
    return [message for _, target, message in world.sent if target == "hook"]


def test_it_is_proposed_and_runs_when_somebody_approves():
    world = World(setting())
    blamed(world)
    assert done(world) == [("propose", "rollback", True, "")]
    assert "floodmark act approve inc-1 rollback" in world.sent[0][2].reason
    assert runs(world) == []
    world.act("approve", by="floodmark", seen=1, playbook="rollback")
    world.act("approve", by="ann", seen=1, playbook="other")
    assert runs(world) == []
    world.answer = lambda target, message, now: Delivered(note="rolled back to revision 4")
    world.act("approve", by="ann", seen=1, playbook="rollback")
    world.act("approve", by="bob", seen=1, playbook="rollback")
    (message,) = runs(world)
    assert (message.event, message.key, message.playbook) == ("playbook", "inc-1", "rollback")
    assert message.parameters == {"to": "v2", "why": "inc-1", "service": "checkout"}
    assert message.incident.id == "inc-1"
    assert done(world) == [("ran", "rollback", True, "rolled back to revision 4")]
    reasons = [message.reason for _, target, message in world.sent if target == "room"]
    assert "playbook rollback: rolled back to revision 4" in reasons


def test_it_is_for_what_it_was_allowed_for():
    world = World(setting())
    blamed(world, service="cart")
    world.revise(1, id="inc-2", severity="critical", causes=["checkout"])
    assert done(world) == []
    world = World(setting(cause=["any"]))
    world.revise(1, id="inc-2", severity="critical", causes=["checkout"])
    assert [verb for verb, *_ in done(world)] == ["propose"]
    world = World(setting(services=[]))
    blamed(world)
    assert done(world) == []


def test_a_proposal_runs_out():
    world = World(setting(expires="10m"))
    blamed(world)
    world.run(601)
    done(world)
    world.act("approve", seen=1, playbook="rollback")
    assert runs(world) == []
    ((_, _, ok, result),) = done(world)
    assert not ok
    assert result == "not run: the proposal stood until 08:10 UTC"


def test_it_is_not_run_for_what_is_over():
    world = World(setting())
    blamed(world)
    world.revise(2, "resolved", severity="critical")
    world.act("approve", seen=1, playbook="rollback")
    assert runs(world) == []


def test_it_cools_down_and_runs_so_often_in_an_hour():
    world = World(setting(mode="run", cooldown="30m"))
    blamed(world)
    world.run(60)
    blamed(world, id="inc-2")
    blamed(world, id="inc-3", service="checks")
    blamed(world, id="inc-4", service="checker")
    assert [message.key for message in runs(world)] == ["inc-1", "inc-3"]
    told = {each.incident: each.args.result for each in world.actions if not each.args.ok}
    assert told == {
        "inc-2": "not run: it ran for checkout 1 min ago, and may once in 30 min",
        "inc-4": "not run: it ran 2 times within the hour, and may 2 times",
    }


def test_the_runs_of_other_processes_count():
    world = World(setting(mode="run"))
    world.act("ran", by="floodmark", incident="elsewhere", playbook="rollback", entity="checkout")
    blamed(world)
    assert runs(world) == []
    world.restart()
    blamed(world, id="inc-2")
    assert runs(world) == []


def test_a_dry_run_does_nothing():
    world = World(setting(mode="run", dry_run=True))
    blamed(world)
    assert runs(world) == []
    assert done(world) == [("ran", "rollback", True, "dry run: hook would be told (to=v2, why=inc-1)")]


def test_what_is_refused_has_not_run_and_is_not_tried_again():
    world = World(
        setting(mode="run"), answer=lambda target, message, now: Refused("403") if target == "hook" else Delivered()
    )
    blamed(world)
    world.run(7200)
    assert done(world) == [("ran", "rollback", False, "hook: 403")]
    assert START
