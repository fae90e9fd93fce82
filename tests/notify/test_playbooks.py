"""First responses: proposed, approved, run, and held back."""

from floodmark.actions import Action, wrong_with
from floodmark.alerts import utc
from floodmark.events import decode, encode
from floodmark.fold import Book
from floodmark.notify.sink import Delivered, Later, Refused
from floodmark.records import Record
from floodmark.terminal.deeds import told

from .world import START, World, action, change, config

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


def test_what_is_told_of_an_incident_names_the_playbook_while_it_can_be_approved():
    world = World(setting(expires="1h"))
    blamed(world)
    world.act("comment", text="looking", seen=1)
    assert [message.playbook for _, _, message in world.sent] == ["rollback", "rollback"]
    world.restart()
    world.act("comment", text="still looking", seen=1)
    world.act("approve", seen=1, playbook="rollback")
    room = [message for _, target, message in world.sent if target == "room"]
    assert [message.playbook for message in room[2:]] == ["rollback"] + [""] * (len(room) - 3)
    assert len(room) > 3
    other = World(setting(expires="10m"))
    blamed(other)
    other.run(601)
    other.act("comment", text="too late", seen=1)
    assert [message.playbook for _, _, message in other.sent] == ["rollback", ""]


def test_the_playbook_is_the_same_at_every_attempt():
    tried = []

    def answer(target, message, now):
        tried.append((message.id, message.playbook))
        return Later("away") if now < START + 700 else Delivered()

    world = World(setting(expires="10m"), answer=answer)
    blamed(world)
    world.run(1200)
    assert len(set(tried)) == 1
    assert len(tried) > 3


def test_what_comes_of_it_is_shown_with_the_incident_it_was_run_for():
    world, book = World(setting()), Book()
    world.answer = lambda target, message, now: Delivered(note="checkout goes back to 4b1c")
    blamed(world)
    yes = action("approve", at=START + 60, playbook="rollback")
    assert wrong_with(yes) == ""
    world.run(60)
    world.desk.hear(yes, 7, world.now)
    world.step()
    for offset, act in enumerate([world.actions[0], yes, *world.actions[1:]]):
        output = encode(act, source="notify", key=act.key())
        read = decode(Record("actions", 0, offset, -1, output.key, output.value, output.headers))
        assert isinstance(read, Action)
        assert (read.incident, read.args.playbook) == ("inc-1", "rollback")
        book.take(read, offset)
    lines = list(told(book.known("inc-1", utc(START + 120))))
    assert [line.split("  ", 1)[1] for line in lines] == [
        "floodmark  propose playbook rollback for checkout until 2027-01-15 09:00:00: it is for checkout",
        "ann  approve playbook rollback",
        "floodmark  ran playbook rollback for checkout “checkout goes back to 4b1c”",
    ]


def test_what_is_approved_under_a_silence_runs():
    world = World(setting())
    blamed(world)
    world.act("silence", incident="", match={"entity": "checkout"}, until=START + 3600)
    world.run(60)
    world.act("comment", text="muted from now on", seen=1)
    blamed(world, id="inc-2", service="checkout")
    done(world)
    world.act("approve", seen=1, playbook="rollback")
    assert len(runs(world)) == 1
    assert done(world) == [("ran", "rollback", True, "done")]


def test_a_dry_run_does_nothing():
    world = World(setting(mode="run", dry_run=True))
    blamed(world)
    assert runs(world) == []
    assert done(world) == [("ran", "rollback", True, "dry run: hook would be told (to=v2, why=inc-1)")]


def test_a_dry_run_is_rehearsed_by_what_can_and_counts_as_none():
    heard, room = [], []
    world = World(
        config(
            targets={"room": {}, "argo": {}},
            playbooks={"rollback": BOOK | {"target": "argo", "mode": "run", "dry_run": True}},
            routes=[{"targets": ["room"], "playbooks": ["rollback"]}],
        ),
        answer=lambda target, message, now: Delivered(note="checkout would go back to 4b1c" if message.test else ""),
    )
    for id in ("inc-1", "inc-2"):  # within its cool-down
        blamed(world, id=id)
        heard += [message for _, target, message in world.sent if target == "argo"]
        room += [message for _, target, message in world.sent if target == "room"]
        world.sent.clear()
        assert done(world) == [("ran", "rollback", True, "dry run: checkout would go back to 4b1c")]
    assert [(message.event, message.test, message.playbook) for message in heard] == [
        ("playbook", True, "rollback")
    ] * 2
    assert room
    assert not any(message.test for message in room)
    assert not world.desk._post.ledger.runs


def test_what_is_refused_has_not_run_and_is_not_tried_again():
    world = World(
        setting(mode="run"), answer=lambda target, message, now: Refused("403") if target == "hook" else Delivered()
    )
    blamed(world)
    world.run(7200)
    assert done(world) == [("ran", "rollback", False, "hook: 403")]
    assert START
