"""Silences made in Alertmanager become snoozes, and end with them."""

from datetime import UTC, datetime, timedelta

from floodmark.notify.elsewhere import Elsewhere, changes
from floodmark.notify.sink import UnansweredError

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def said(actions):
    return [(action.verb, action.incident) for action in actions]


def test_what_is_silenced_is_snoozed_once_and_given_back_when_it_is_not_any_more():
    first = changes("am", ["inc-1", "inc-2"], [], NOW)
    assert said(first) == [("snooze", "inc-1"), ("snooze", "inc-2")]
    assert {action.by for action in first} == {"alertmanager:am"}
    assert changes("am", ["inc-1", "inc-2"], first, NOW + timedelta(hours=1)) == []
    then = changes("am", ["inc-2"], first, NOW + timedelta(hours=2))
    assert said(then) == [("unsnooze", "inc-1")]
    assert changes("am", ["inc-2"], [*first, *then], NOW + timedelta(hours=3)) == []


def test_a_long_silence_is_renewed_and_what_others_snoozed_is_left_alone():
    first = changes("am", ["inc-1"], [], NOW)
    assert said(changes("am", ["inc-1"], first, NOW + timedelta(days=6.5))) == [("snooze", "inc-1")]
    assert changes("other", [], first, NOW) == []


async def test_an_alertmanager_that_does_not_answer_changes_nothing():
    answers = iter([UnansweredError("no"), None, frozenset({"inc-1"})])

    async def ask():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    there = Elsewhere({"am": ask}, list, NOW.timestamp, every=0)
    assert said(await there.news()) == [("snooze", "inc-1")]
