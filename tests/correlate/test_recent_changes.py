"""Several words on one change are one change, in whatever order they come."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.alerts import ChangeNotice
from floodmark.correlate.changes import RecentChanges

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def word(minutes=0.0, status="", id="chg-1", **more):
    given = {"scope": "", "service": "pay", "kind": "deploy", "summary": "", **more}
    return ChangeNotice(id=id, time=NOON + timedelta(minutes=minutes), status=status, **given)


def add(changes, *words):
    return [changes.add(each.time.timestamp(), each) for each in words]


def known(changes, minutes=10):
    return changes.before("default", "pay", NOON.timestamp() + 60 * minutes)


def test_the_newest_word_counts_and_the_first_says_when():
    changes = RecentChanges()
    first, second = word(0, "started", summary="vault", version="2.14"), word(6, "failed", url="https://ci/1")
    assert add(changes, first, second, second, first) == [True, True, False, False]
    assert len(changes) == 1
    assert known(changes) == word(0, "failed", summary="vault", version="2.14", url="https://ci/1")


def test_what_goes_on_is_taken_for_the_cause_until_it_ends():
    changes = RecentChanges()
    add(changes, word(-30, "started"))
    assert known(changes) is None
    add(changes, word(8, "succeeded"))
    assert known(changes) == word(-30, "succeeded")


WORDS = st.lists(
    st.builds(
        word,
        st.integers(0, 8),
        st.sampled_from(["", "started", "succeeded", "failed", "cancelled"]),
        st.sampled_from(["chg-1", "chg-2"]),
        summary=st.sampled_from(["", "a", "b"]),
        version=st.sampled_from(["", "1", "2"]),
    ),
    max_size=6,
)


@given(words=WORDS, data=st.data())
def test_the_order_in_which_they_come_does_not_matter(words, data):
    one, other = RecentChanges(), RecentChanges()
    add(one, *words)
    add(other, *data.draw(st.permutations(words)))
    assert one.state() == other.state()
    assert len(one) == len({each.id for each in words})


def test_what_is_forgotten_is_forgotten_whole():
    changes = RecentChanges(capacity=2)
    add(changes, word(0, "started"), word(1, id="chg-2"), word(2, "succeeded"), word(3, id="chg-3"))
    assert (len(changes), changes.evicted) == (2, 1)
    changes.expire((NOON + timedelta(hours=1)).timestamp())
    assert len(changes) == 0
    assert known(changes) is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_words_of_one_time_are_told_by_how_far_they_go(order):
    words = [word(0, "started"), word(0, "failed"), word(0, "succeeded")]
    changes = RecentChanges()
    add(changes, *(words[i] for i in order))
    assert known(changes, 1).status == "succeeded"
