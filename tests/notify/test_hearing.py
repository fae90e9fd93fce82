"""What people do reaches all desks, also those that begin later, and is kept within bounds."""

from datetime import UTC, datetime, timedelta

from floodmark.actions import Action, ActionOutcome
from floodmark.events import encode
from floodmark.notify import hearing as module
from floodmark.notify.hearing import Hearing
from floodmark.records import Record

NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Desk:
    def __init__(self):
        self.heard = []

    def hear(self, action, offset, now):
        self.heard.append((action.id, offset))


def hearing():
    return Hearing("actions", clock=NOW.timestamp)


def record(body, offset=0):
    output = encode(body, source="test", key="k")
    return Record("actions", 0, offset, -1, output.key, output.value, output.headers)


def action(id, verb="ack", at=NOW, incident="inc-1"):
    return Action(id=id, verb=verb, by="ann", at=at, incident=incident)


def test_a_desk_hears_what_was_before_it_and_what_comes_and_nothing_after_it_left():
    heard, desk, told = hearing(), Desk(), []
    heard.hear(record(action("a"), 1))
    heard.hear(record(action("s", "silence", incident=""), 2))
    heard.join(desk, lambda: told.append("told"))
    assert sorted(desk.heard) == [("a", 1), ("s", 2)]
    assert not told
    heard.hear(record(action("b"), 3))
    assert desk.heard[-1] == ("b", 3)
    assert told == ["told"]
    heard.leave(desk)
    heard.hear(record(action("c"), 4))
    assert len(desk.heard) == 3


def test_a_repetition_changes_nothing():
    heard, desk = hearing(), Desk()
    heard.join(desk, lambda: None)
    heard.hear(record(action("a"), 1))
    heard.hear(record(action("a"), 2))
    assert desk.heard == [("a", 1)]


def test_what_is_no_action_is_remarked_on():
    heard, desk = hearing(), Desk()
    heard.join(desk, lambda: None)
    assert heard.hear(Record("actions", 0, 0, -1, b"k", b"{", ())).wrong
    outcome = ActionOutcome(action="a", verb="merge", incident="inc-1", result="applied", applied_at=NOW)
    assert not heard.hear(record(outcome)).wrong
    assert not desk.heard


def test_what_is_kept_is_bounded_by_age_and_number(monkeypatch):
    monkeypatch.setattr(module, "MOST", 3)
    heard = hearing()
    heard.hear(record(action("old", at=NOW - timedelta(days=40))))
    for number in range(5):
        heard.hear(record(action(f"a{number}")))
        heard.hear(record(action(f"s{number}", "silence", at=NOW - timedelta(days=40), incident="")))
    desk = Desk()
    heard.join(desk, lambda: None)
    assert sorted(id for id, _ in desk.heard) == ["a2", "a3", "a4", "s2", "s3", "s4"]
    assert heard.standing() == 6
    assert heard.left_out == 5
