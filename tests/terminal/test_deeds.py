"""What people did, in words."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from floodmark.actions import Action, Arguments
from floodmark.fold import Book, Life
from floodmark.terminal.deeds import Deed, brief, line, standing, told, trail

START = datetime(2026, 2, 1, tzinfo=UTC)
WHEN = "2026-02-01 00:00:00"
HOUR = START + timedelta(hours=1)


def action(verb, by="ann", reason="", incident="inc-1", **args):
    return Action(
        id=f"act-{verb}", verb=verb, by=by, at=START, incident=incident, seen=1, reason=reason, args=Arguments(**args)
    )


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (action("ack"), "ack"),
        (action("ack", until=HOUR), "ack until 2026-02-01 01:00:00"),
        (action("snooze", unless="worse"), "snooze, unless it is worse"),
        (action("merge", from_=["inc-2", "inc-3"]), "merge inc-2, inc-3"),
        (action("split", anomalies=["ano-1"], title="the other one"), "split ano-1 “the other one”"),
        (action("dismiss", anomalies=[f"ano-{n}" for n in range(9)]), "dismiss 9 anomalies"),
        (action("good_catch"), "good catch"),
        (action("assign", to="bob\x1b[2J"), "assign to bob [2J"),
        (action("silence", match={"service": ["a", "b"], "env": "eu"}), "silence service=a|b, env=eu"),
        (action("ran", playbook="restart", result="late", ok=False), "ran playbook restart “late”, and failed"),
        (action("propose", entity="cart", playbook="undo"), "propose playbook undo for cart"),
        (action("override", schedule="night", to="cy", since=START), f"override schedule night to cy from {WHEN}"),
        (action("frob\x07nicate"), "frob nicate"),
    ],
)  # fmt: skip
def test_an_action_is_a_clause(done, words):
    assert brief(done) == words


@pytest.mark.parametrize(
    ("life", "words"),
    [
        (Life(state="open"), ""),
        (Life(state="open", owner="ann"), "ann's"),
        (Life(state="acked", owner="ann", until=HOUR, priority="p1"), "p1, ann has it until 2026-02-01 01:00:00 UTC"),
        (
            Life(state="snoozed", owner="ann", until=HOUR, unless_worse=True),
            "ann has snoozed it until 2026-02-01 01:00:00 UTC, or until it is worse",
        ),
        (Life(state="open", owner="ann", woke="the snooze ran out"), "the snooze ran out; it was ann's"),
        (Life(state="resolved"), ""),
    ],
)
def test_where_it_stands(life, words):
    assert standing(life) == words


def test_what_came_of_it_is_said_where_it_is_news():
    known = Book()
    known.take(action("unack"), 0)
    assert list(told(known.known("inc-1", START))) == [
        "2026-02-01 00:00:00  ann  unack (no effect: it was not open yet)"
    ]
    assert line(Deed(action("ack", reason="mine"), "acknowledged")) == "2026-02-01 00:00:00  ann  ack: mine"


def test_the_trail_shows_nothing_that_a_terminal_would_obey():
    console = Console(width=200, record=True, force_terminal=False)
    with console.capture() as shown:
        console.print(trail([Deed(action("comment", by="\x1b[31mann", text="\x07"), "noted")]))
    assert "\x1b" not in shown.get()
    assert "\x07" not in shown.get()
    assert "noted" in shown.get()
