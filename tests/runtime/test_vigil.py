import math

import pytest

from floodmark.records import Awaited, Heard
from floodmark.runtime.vigil import Unread, Vigil

WALL = 1_770_000_000.0


class Watch:
    """A vigil with patience 30, looked at each second."""

    def __init__(self):
        self.vigil = Vigil(30.0, {})
        self.now = 100.0

    def look(self, heard, *, seconds=1, since=math.nan, listening=True, behind=""):
        """Look so many seconds long; whom it has given up."""
        given_up = []
        for _ in range(seconds):
            self.now += 1
            awaited = Awaited({name: Heard(*counts) for name, counts in heard.items()}, since, behind, 50.0)
            given_up += self.vigil.look(self.now, WALL + self.now, awaited, listening=listening)
        return given_up


def test_who_has_never_spoken_is_missing_at_once_and_given_up_once():
    watch = Watch()
    assert watch.look({"logs/0": (0, 0)}, seconds=30) == []
    assert watch.vigil.missing == ["logs/0"]
    assert watch.vigil.troubles() == ["detect task logs/0 has not been heard yet"]
    assert watch.look({"logs/0": (0, 0)}, seconds=100) == ["logs/0"]
    assert watch.look({"logs/0": (1, 1)}) == []
    assert watch.vigil.missing == []
    assert watch.vigil.troubles() == []


def test_who_has_fallen_silent_is_named_then_given_up():
    watch = Watch()
    watch.look({"logs/0": (1, 1), "logs/1": (1, 1)})
    for words in range(2, 21):
        assert watch.look({"logs/0": (words, words), "logs/1": (1, 1)}) == []
    assert watch.vigil.missing == []
    watch.look({"logs/0": (21, 21), "logs/1": (1, 1)})
    assert watch.vigil.troubles() == ["detect task logs/1 has not been heard for 20 s"]
    assert watch.look({"logs/0": (21, 21), "logs/1": (1, 1)}, seconds=15) == ["logs/1"]
    assert watch.vigil.silence(["logs/1"]) == 35


def test_a_word_ends_a_silence_and_another_silence_is_another_decision():
    watch = Watch()
    assert watch.look({"logs/0": (1, 1)}, seconds=40) == ["logs/0"]
    assert watch.look({"logs/0": (2, 2)}, seconds=20) == []
    assert watch.look({"logs/0": (2, 2)}, seconds=20) == ["logs/0"]


def test_silence_that_was_our_own_does_not_count():
    watch = Watch()
    watch.look({"logs/0": (1, 1)}, seconds=25)
    assert watch.look({"logs/0": (1, 1)}, seconds=600, listening=False) == []
    watch.now += 600  # the process stood still
    assert watch.look({"logs/0": (1, 1)}) == []
    assert watch.look({"logs/0": (1, 1)}, seconds=10) == ["logs/0"]


def test_who_speaks_and_does_not_move_on_is_given_up_only_where_something_waits_too_long():
    watch = Watch()
    for words in range(1, 100):
        assert watch.look({"logs/0": (words, 1)}) == []
    since = WALL + watch.now
    given_up = []
    for words in range(100, 200):
        given_up += watch.look({"logs/0": (words, 1)}, since=since, behind="logs/0 is at 12:00:00")
    assert given_up == ["logs/0"]
    assert watch.vigil.troubles() == ["an anomaly has waited for 100 s to become an incident: logs/0 is at 12:00:00"]
    assert watch.vigil.waited == 100


def test_whoever_there_may_be_has_no_name():
    watch = Watch()
    assert watch.look({"": (0, 0)}, seconds=32) == [""]
    assert watch.vigil.troubles() == ["no detect task has been heard yet"]
    watch.look({"metrics/0": (1, 1)})
    assert watch.vigil.missing == []


def test_many_names_are_counted():
    watch = Watch()
    watch.look({f"logs/{i}": (0, 0) for i in range(8)})
    words = "detect tasks logs/0, logs/1, logs/2, logs/3, logs/4 and 3 more have not been heard yet"
    assert watch.vigil.troubles() == [words]


def test_unread_is_since_the_newest_end_that_was_reached():
    unread = Unread()
    for now in range(10):
        unread.note(now, 10 * now, 10 * now + 5)  # never at the end, and never far from it
    assert unread.seconds(9) == 1
    for now in range(10, 50):
        unread.note(now, 90, 10 * now + 5)
    assert unread.seconds(49) == pytest.approx(41)
    assert unread.stuck(49) == 40
    unread.note(50, 505, 505)
    assert unread.seconds(50) == unread.stuck(50) == 0


def test_stuck_is_since_something_became_unread_and_not_since_the_last_record():
    unread = Unread()
    for now in range(7200):
        unread.note(now, 7, 7)
    unread.note(7200, 7, 9)  # written, and not readable yet
    assert unread.stuck(7201) == 1


def test_an_end_that_stays_is_reached_all_the_time():
    unread = Unread()
    for now in range(2000):
        unread.note(now, 7, 7)
    assert unread.seconds(1999) == unread.stuck(1999) == 0
    assert len(unread._ends) == 0
