"""The life of an incident: the state machine, and one answer whatever the order in which the two topics are read."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.actions import LONGEST_ACK, LONGEST_SNOOZE, Action, ActionOutcome, Arguments
from floodmark.alerts import SEVERITIES, Incident
from floodmark.fold import ACK, NO_EFFECT, Book, Life, Revision, life

START = datetime(2026, 2, 1, tzinfo=UTC)
VERBS = ("ack", "ack", "unack", "snooze", "unsnooze", "assign", "priority", "comment", "resolve", "page", "frobnicate")


def at(minutes):
    return START + timedelta(minutes=minutes)


def revision(number, event="updated", severity="error", entities=1):
    return Revision(number, event, severity, entities)


def incident(number, event="updated", severity="error", entities=1, id="inc-1"):
    over = at(number) if event == "resolved" else None
    return Incident(
        id=id, event=event, revision=number, scope="", severity=severity, title="", why="", started_at=START,
        updated_at=at(number), resolved_at=over, resolution="", entities=[f"e{n}" for n in range(entities)],
        member_count=1, members=[], causes=[], changes=[],
    )  # fmt: skip


def action(verb, by="ann", minutes=0.0, seen=1, id="", incident="inc-1", **args):
    return Action(
        id=id or f"act-{verb}-{by}-{minutes}", verb=verb, by=by, at=at(minutes), incident=incident, seen=seen,
        args=Arguments(**args),
    )  # fmt: skip


def lived(*items, now=1.0):
    """A life by revisions and actions, the latter with ascending offsets."""
    revisions = [each for each in items if isinstance(each, Revision)]
    actions = [each for each in items if isinstance(each, Action)]
    return life(revisions, enumerate(actions), at(now))


def effects(found):
    return [effect for _, effect in found.effects]


OPENED = revision(1, "opened")


@pytest.mark.parametrize(
    ("items", "now", "expected"),
    [
        ((), 1, Life()),
        ((OPENED,), 1, Life(state="open", severity="error", entities=1)),
        ((OPENED, action("ack")), 29, Life(state="acked", owner="ann", until=at(30), severity="error", entities=1)),
        (
            (OPENED, action("ack")),
            30,
            Life(state="open", owner="ann", severity="error", entities=1, woke="the acknowledgement ran out"),
        ),
        (
            (OPENED, action("ack"), action("unack", "bob", 2)),
            3,
            Life(state="open", severity="error", entities=1, woke="bob gave it back"),
        ),
        (
            (OPENED, action("ack"), revision(2, "resolved")),
            3,
            Life(state="resolved", owner="ann", severity="error", entities=1),
        ),
        (
            (OPENED, action("ack"), revision(2, "resolved"), revision(3, "reopened")),
            3,
            Life(state="open", owner="ann", severity="error", entities=1, woke="it is open again"),
        ),
        ((OPENED, revision(2, "merged")), 3, Life(state="merged", severity="error", entities=1)),
        (
            (OPENED, action("priority", priority="p2"), action("assign", to="night")),
            3,
            Life(state="open", owner="night", priority="p2", severity="error", entities=1),
        ),
    ],
)
def test_the_states(items, now, expected):
    found = lived(*items, now=now)
    assert Life(**{name: getattr(found, name) for name in Life.__struct_fields__ if name != "effects"}) == expected


def test_of_two_acknowledgements_the_first_counts():
    found = lived(OPENED, action("ack", "ines"), action("ack", "bob", 1))
    assert (found.owner, effects(found)) == ("ines", ["acknowledged", f"{NO_EFFECT}ines had it already"])


def test_once_an_acknowledgement_ran_out_another_may_have_it():
    found = lived(OPENED, action("ack", "ines"), action("ack", "bob", 40), now=41)
    assert (found.state, found.owner, effects(found)) == ("acked", "bob", ["acknowledged", "acknowledged"])


def test_who_is_at_it_keeps_it():
    found = lived(OPENED, action("ack"), action("comment", minutes=20, text="looking"), now=45)
    assert (found.state, found.until) == ("acked", at(20) + ACK)
    others = lived(OPENED, action("ack"), action("comment", "bob", 20, text="and?"), now=45)
    assert (others.state, others.woke) == ("open", "the acknowledgement ran out")


def test_nobody_has_anything_for_too_long():
    assert lived(OPENED, action("ack", until=at(60 * 24))).until == START + LONGEST_ACK
    assert lived(OPENED, action("snooze", until=at(60 * 24 * 30))).until == START + LONGEST_SNOOZE
    assert lived(OPENED, action("snooze", unless="worse")).until == START + LONGEST_SNOOZE


@pytest.mark.parametrize(
    ("unless", "later", "state"),
    [
        ("worse", revision(2, severity="critical"), "open"),
        ("worse", revision(2, entities=2), "open"),
        ("worse", revision(2, severity="warning"), "snoozed"),
        ("", revision(2, severity="critical", entities=9), "snoozed"),
        ("", revision(2, "reopened"), "open"),
    ],
)
def test_a_snooze_wakes_early_only_if_it_is_to(unless, later, state):
    assert lived(OPENED, action("snooze", until=at(60), unless=unless), later).state == state


@pytest.mark.parametrize("verb", ["ack", "unack", "snooze", "unsnooze", "assign", "page"])
def test_what_is_over_needs_nobody(verb):
    resolved = lived(OPENED, revision(2, "resolved"), action(verb, seen=2, to="bob"))
    assert (resolved.state, effects(resolved)) == ("resolved", [f"{NO_EFFECT}it was resolved"])
    assert effects(lived(action(verb, seen=0, to="bob"))) == [f"{NO_EFFECT}it was not open yet"]


def test_what_is_not_known_is_kept():
    found = lived(OPENED, action("frobnicate"))
    assert "this release does not know it" in effects(found)[0]


def test_of_a_compacted_topic_it_was_open_before():
    found = lived(revision(7, severity="critical"), action("ack", seen=3))
    assert (found.state, found.owner) == ("acked", "ann")


def test_what_the_engine_said_of_an_action_counts():
    done = action("split", id="a", anomalies=["x"])
    said = ActionOutcome(
        action="a", verb="split", incident="inc-1", result="applied", applied_at=START, made="inc-2", reason=""
    )
    refused = ActionOutcome(
        action="a", verb="split", incident="inc-1", result="refused", applied_at=START, reason="it was merged"
    )
    assert life([OPENED], [(0, done)], at(1)).effects == (("a", "handed to the engine"),)
    assert life([OPENED], [(0, done)], at(1), ACK, [said]).effects == (("a", "done; inc-2 is new"),)
    assert life([OPENED], [(0, done)], at(1), ACK, [refused]).effects == (("a", f"{NO_EFFECT}it was merged"),)


def test_the_first_outcome_counts_however_often_the_engine_answers():
    done = action("resolve", id="act-1")
    said = [
        ActionOutcome(action="act-1", verb="resolve", incident="inc-1", result=result, applied_at=at(1))
        for result in ("applied", "refused")
    ]
    assert life([revision(1, "opened")], [(1, done)], at(2), outcomes=said).effects == (("act-1", "done"),)


@st.composite
def histories(draw):
    """The revisions and the actions of some incidents, each topic in its order; actions are repeated at later
    offsets."""
    told, done = [], []
    for number in range(draw(st.integers(1, 3))):
        name, entities = f"inc-{number}", 1
        later = st.sampled_from(["updated", "updated", "updated", "resolved", "reopened", "merged"])
        events = ["opened", *draw(st.lists(later, max_size=6))]
        for place, event in enumerate(events, 1):
            entities += draw(st.integers(0, 1))
            told.append(incident(place, event, draw(st.sampled_from(SEVERITIES)), entities, name))
        for _ in range(draw(st.integers(0, 6))):
            verb, minutes = draw(st.sampled_from(VERBS)), draw(st.integers(0, 90))
            until = (
                at(minutes + draw(st.integers(5, 60))) if verb in ("ack", "snooze") and draw(st.booleans()) else None
            )
            done.append((minutes, name, verb, until, draw(st.integers(0, len(events)))))
    done.sort(key=lambda each: each[:3])
    actions = []
    for minutes, name, verb, until, seen in done:
        found = Action(
            id=f"act-{len(actions)}", verb=verb, by=draw(st.sampled_from(["ann", "bob"])), at=at(minutes),
            incident=name, seen=seen,
            args=Arguments(
                until=until, unless=draw(st.sampled_from(["", "worse"])), to=draw(st.sampled_from(["", "cy"]))
            ),
        )  # fmt: skip
        actions += [found] * draw(st.sampled_from([1, 1, 1, 2]))
    return told, list(enumerate(actions))


def interleaved(told, done, draw):
    told, done, items = list(told), list(done), []
    while told or done:
        items.append(told.pop(0) if told and (not done or draw.random() < 0.5) else done.pop(0))
        if draw.random() < 0.2:
            items.append(draw.choice(items))  # read again after a crash
    return items


def states(items, now, most=5_000):
    book = Book(most)
    for item in items:
        if isinstance(item, tuple):
            book.take(item[1], item[0])
        else:
            book.take(item)
    return {name: book.known(name, now).life for name in book}


@given(histories(), st.randoms(use_true_random=False), st.integers(0, 200))
def test_one_answer_whatever_the_interleaving(history, draw, minutes):
    now, (told, done) = at(minutes), history
    first = states([*told, *done], now)
    for _ in range(4):
        assert states(interleaved(told, done, draw), now) == first


def test_in_order_of_arrival_there_would_be_several():
    """What the fold is for: seen 1 and written late, the ack is of the time before it was resolved and open again."""
    told = [incident(1, "opened"), incident(2, "resolved"), incident(3, "reopened")]
    done = [(0, action("ack", seen=1))]
    assert states([*told, *done], at(1)) == states([told[0], *done, *told[1:]], at(1))
    assert states([*told, *done], at(1))["inc-1"].state == "open"


@given(histories(), st.integers(0, 200))
def test_a_life_is_sound(history, minutes):
    told, done = history
    for name, found in states([*told, *done], at(minutes)).items():
        assert (found.until is not None) == (found.state in ("acked", "snoozed"))
        assert found.until is None or found.until > at(minutes)
        assert found.state != "acked" or found.owner
        assert not (found.woke and found.state in ("resolved", "merged", "acked", "snoozed"))
        newest = max((each for each in told if each.id == name), key=lambda each: each.revision)
        assert found.severity == newest.severity
        assert (found.state in ("resolved", "merged")) == (newest.event in ("resolved", "merged"))
        assert len(found.effects) == len({each.id for _, each in done if each.incident == name})


def test_a_book_is_bounded():
    book = Book(most=3)
    for number in range(5):
        book.take(incident(1, "opened", id=f"inc-{number}"))
    assert (list(book), book.forgotten) == (["inc-2", "inc-3", "inc-4"], 2)
    book.take(action("ack", incident="inc-2"))
    book.take(incident(1, "opened", id="inc-9"))
    assert list(book) == ["inc-2", "inc-4", "inc-9"]
    assert book.known("inc-2", at(1)).life.state == "acked"
    assert book.known("inc-0", at(1)).incident is None


def test_the_history_of_one_is_bounded(monkeypatch):
    monkeypatch.setattr(Book, "HISTORY", 10)
    book = Book()
    for number in range(1, 31):
        book.take(incident(number, "opened" if number == 1 else "updated"))
        book.take(action("comment", minutes=number, seen=number, id=f"a{number}"), number)
    known = book.known("inc-1", at(40))
    assert (known.incident.revision, len(known.actions), known.life.state) == (30, 10, "open")
    assert book.forgotten == 40


def test_what_was_over_long_ago_is_forgotten():
    book = Book()
    book.take(incident(9, "resolved"))
    book.take(incident(9, "updated", id="inc-2"))
    book.take(incident(9, "resolved", id="inc-3"))
    book.take(action("comment", minutes=100, incident="inc-3"))
    assert book.forget(at(50)) == 1
    assert list(book) == ["inc-2", "inc-3"]
    assert book.take(action("silence", incident="")) == ""
