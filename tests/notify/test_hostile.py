"""What nobody means to happen: names that clash, actions on what is no incident, ends that overtake, floods."""

from floodmark.events import encode
from floodmark.notify import desk as desk_module
from floodmark.notify.hearing import Hearing
from floodmark.notify.sink import Delivered, Later
from floodmark.records import Record

from .world import START, World, action, change, config, incident


def test_an_end_waits_for_the_repeat_that_is_on_its_way():
    world = World(config(targets={"am": {}}))
    world.revise(1, severity="critical")
    world.now = world.desk.due()
    (repeat,) = world.desk.ready(world.now)
    assert "/again-" in repeat.message.id
    world.desk.revise(incident(2, "resolved", severity="critical"), world.now)
    assert world.desk.ready(world.now) == [], "Alertmanager would fire again"
    world.desk.settle(repeat, Delivered(), world.now)
    assert world.desk.due() <= world.now
    assert [job.message.event for job in world.desk.ready(world.now)] == ["resolve"]


def test_a_change_may_have_the_id_of_an_incident():
    world = World(config(targets={"hook": {}, "ci": {}}, routes=[{"targets": ["hook"]}], changes=[{"targets": ["ci"]}]))
    world.revise(1, severity="critical")
    world.desk.change(change(id="inc-1"), world.now)
    world.desk.change(change(id="inc-2"), world.now)
    world.desk.change(change(id="inc-2"), world.now)
    world.step()
    world.revise(1, id="inc-2", severity="critical")
    world.revise(2, "resolved", severity="critical")
    world.run(3600)
    found = [(target, message.event, message.key) for _, target, message in world.sent]
    assert [each[:2] for each in found].count(("ci", "change")) == 2
    assert [each for each in found if each[0] == "hook"] == [
        ("hook", "open", "inc-1"),
        ("hook", "open", "inc-2"),
        ("hook", "resolve", "inc-1"),
    ]


def test_what_is_done_to_a_digest_or_a_change_is_passed_over():
    world = World(config(targets={"hook": {}, "ci": {}}, routes=[{"targets": ["hook"]}], changes=[{"targets": ["ci"]}]))
    world.act("silence", incident="", match={"entity": "checkout"}, until=START + 3600)
    world.revise(1, severity="critical")
    world.desk.change(change(), world.now)
    world.run(3600)
    keys = {message.key for _, _, message in world.sent}
    assert any(message.event == "digest" for _, _, message in world.sent)
    world.told()
    for key in keys - {"inc-1"}:
        for verb in ("ack", "comment", "resolve", "snooze"):
            world.act(verb, incident=key, text="x")
    world.run(3600)
    assert world.told() == []


def test_a_target_may_have_any_name():
    world = World(config(targets={"case": {}, "desk": {}, "position": {}}))
    world.revise(1, severity="critical")
    world.restart()
    world.revise(2, "resolved", severity="critical")
    assert [(target, event) for _, target, event, _ in world.told()] == [
        (target, event) for event in ("open", "resolve") for target in ("case", "desk", "position")
    ]
    assert world.desk.counts().get("unreadable", 0) == 0


def test_changes_are_bounded(monkeypatch):
    monkeypatch.setattr(desk_module, "_CASES", 100)
    world = World(config(targets={"ci": {}}, routes=[], changes=[{"targets": ["ci"]}]))
    for number in range(300):
        world.desk.change(change(id=f"chg-{number}"), world.now)
        world.step()
    assert world.desk.sizes()["cases"] <= 100
    assert len(world.sent) == 300


def test_what_was_never_sent_is_no_failure_of_its_target():
    tried = []

    def answer(target, message, now):
        tried.append((message.id, message.revision))
        return Later("it was not its turn", sent=False) if now < START + 5 else Delivered()

    world = World(config(), answer=answer)
    for number in range(20):
        world.revise(1, id=f"inc-{number}", severity="critical")
    world.revise(2, "updated", severity="critical", id="inc-0", changes=[change()])
    world.run(10)
    assert {(message.key, message.revision) for _, _, message in world.sent} == {
        ("inc-0", 2),
        *((f"inc-{number}", 1) for number in range(1, 20)),
    }
    assert all(message.event == "open" for _, _, message in world.sent)


def test_a_bug_that_one_case_meets_keeps_nothing_else_from_being_told(monkeypatch):
    world = World(config())
    world.revise(1, id="good")
    world.revise(1, id="bad")
    wake = world.desk._affairs.wake

    def buggy(case, now):
        if case.key == "bad":
            raise RuntimeError("a bug")
        wake(case, now)

    monkeypatch.setattr(world.desk._affairs, "wake", buggy)
    world.run(100)
    assert [message.key for _, _, message in world.sent] == ["good"]
    assert [fault.key for fault in world.desk.faults()] == ["bad", "bad"]
    monkeypatch.undo()
    world.run(60)
    assert [message.key for _, _, message in world.sent] == ["good", "bad"]


def test_an_action_that_a_desk_cannot_take_ends_nothing():
    class Desk:
        heard = 0

        def hear(self, action, offset, now):
            self.heard += 1
            raise RuntimeError("a bug")

    hearing, desk, told = Hearing("actions"), Desk(), []
    hearing.join(desk, lambda: told.append(1))
    output = encode(action("ack"), source="test", key="inc-1")
    hearing.hear(Record("actions", 0, 0, -1, output.key, output.value, output.headers))
    hearing.join(desk, lambda: None)
    assert (desk.heard, told) == (2, [1])


def test_long_comments_make_no_record_that_kafka_does_not_take():
    world = World(config(targets={f"hook-{number}": {} for number in range(20)}))
    world.answer = lambda target, message, now: Later("away")
    world.revise(1, severity="critical")
    for number in range(250):
        world.act("comment", id=f"act-{number}", text="ü" * 4_000, reason="ü" * 4_000)
    world.act("ack", until=START + 7000)
    assert max(len(entry.value or b"") for entry in world.log.values()) < 700_000
    world.restart()
    world.revise(2, "updated", severity="critical")
    assert world.desk._post.cases["inc-1"].state == "acked"
