import math

import pytest

from floodmark.correlate.order import EventOrder

from .making import T0, absence, change, closed, mark, opened


def push(order, *items):
    return [item for given in items for _, item in order.push(order.stamp(given), given)]


def taken(order):
    return [item for _, item in order.take()]


def test_items_wait_for_the_smallest_watermark():
    order = EventOrder()
    first, second = opened(10), opened(20)
    push(order, second, first)
    order.hear(mark(100, "a", 2))
    assert taken(order) == []  # b has said nothing yet
    order.hear(mark(20, "b", 2))
    assert taken(order) == [first]  # not the second: b may still send one at 20
    order.hear(mark(21, "b", 2))
    assert taken(order) == [second]


def test_at_one_time_changes_come_first_and_closings_last():
    order = EventOrder()
    first = opened(10)
    push(order, closed(first, 10), first, change(10))
    order.hear(mark(11))
    assert [type(item).__name__ + getattr(item, "event", "") for item in taken(order)] == [
        "ChangeNotice",
        "Anomalyopened",
        "Anomalyclosed",
    ]


def test_an_idle_task_is_not_waited_for_until_it_speaks():
    order = EventOrder()
    early, late = opened(10), opened(50)
    push(order, early, late)
    order.hear(mark(5, "a", 2))
    order.hear(mark(30, "b", 2))
    order.hear(mark(5, "a", 2, idle=True))
    assert taken(order) == [early]
    order.hear(mark(6, "a", 2))
    order.hear(mark(100, "b", 2))
    assert taken(order) == []
    order.hear(mark(60, "a", 2))
    assert taken(order) == [late]


def test_when_all_are_idle_nothing_waits():
    order = EventOrder()
    item = opened(500)
    push(order, item)
    order.hear(mark(100, "a", 2, idle=True))
    assert taken(order) == []  # b is not known to be idle
    order.hear(mark(100, "b", 2, idle=True))
    assert taken(order) == [item]


def test_a_watermark_never_goes_back():
    order = EventOrder()
    order.hear(mark(100))
    order.hear(mark(50))
    item = opened(70)
    assert order.backwards == 1
    list(order.take())
    assert order.stamp(item).time < order.passed


def test_fewer_tasks_are_waited_for_when_the_number_shrinks():
    order = EventOrder()
    item = opened(10)
    push(order, item)
    for task in "abc":
        order.hear(mark(5, task, 3))
    order.hear(mark(20, "a", 2))
    assert taken(order) == []
    assert order.tasks == 3  # b and c may both be there still
    order.hear(mark(20, "b", 2))
    assert taken(order) == [item]
    assert order.forgotten == 1
    assert order.tasks == 2


def test_more_tasks_are_waited_for_when_the_number_grows():
    order = EventOrder()
    item = opened(10)
    push(order, item)
    order.hear(mark(20, "a", 2))
    assert taken(order) == []
    order.hear(mark(20, "b", 3))
    order.hear(mark(25, "a", 3))
    assert taken(order) == []
    order.hear(mark(20, "c", 3))
    assert taken(order) == [item]


def test_without_watermarks_the_oldest_are_forced_out_and_counted():
    order = EventOrder(capacity=2)
    a, b, c = opened(30), opened(10), opened(20)
    assert push(order, a, b, c) == [b]
    assert order.forced == 1
    assert len(order) == 2
    assert order.stamp(opened(5)).time < order.passed  # what is older than the forced one is late now


@pytest.mark.parametrize("tasks", [0, -1])
def test_a_nonsense_number_of_tasks_counts_as_one(tasks):
    order = EventOrder()
    item = opened(10)
    push(order, item)
    order.hear(mark(20, tasks=tasks))
    assert taken(order) == [item]


def test_a_task_that_is_named_and_not_heard_is_waited_for_by_its_name():
    order = EventOrder()
    item = opened(10)
    push(order, item)
    topics = {"metrics": 2, "logs": 1}
    order.hear(mark(20, "metrics/0", topics=topics))
    order.hear(mark(20, "metrics/1", topics=topics))
    order.hear(mark(20, "old/0", topics=topics))  # three have spoken, but not those three
    assert taken(order) == []
    assert order.blocker() == ("logs/0", -math.inf)
    assert {name for name, heard in order.heard().items() if not heard.words} == {"logs/0"}
    order.hear(mark(20, "logs/0", topics=topics))
    assert taken(order) == [item]


def test_who_is_given_up_is_waited_for_again_once_it_says_something_new():
    order = EventOrder()
    topics = {"metrics": 2}
    first, second = opened(10), opened(30)
    push(order, first, second)
    order.hear(mark(5, "metrics/1", topics=topics))
    order.hear(mark(20, "metrics/0", topics=topics))
    assert taken(order) == []
    assert order.blocker() == ("metrics/1", T0 + 5)
    order.forgo(absence("metrics/1"))
    assert taken(order) == [first]
    order.hear(mark(5, "metrics/1", topics=topics))  # it is there, but stands where it stood
    order.hear(mark(40, "metrics/0", topics=topics))
    assert taken(order) == [second]
    third = opened(50)
    push(order, third)
    order.hear(mark(45, "metrics/1", topics=topics))
    order.hear(mark(60, "metrics/0", topics=topics))
    assert taken(order) == []
    order.hear(mark(60, "metrics/1", topics=topics))
    assert taken(order) == [third]


def test_where_nobody_has_spoken_all_can_be_given_up():
    order = EventOrder()
    item = opened(10)
    push(order, item)
    assert order.heard() == {"": (0, 0)}
    assert order.blocker() == ("", -math.inf)
    order.forgo(absence())
    assert taken(order) == [item]
    push(order, opened(20))
    order.hear(mark(0, "metrics/0", topics={"metrics": 2}))  # now it is known whom there are
    assert taken(order) == []
    assert order.blocker() == ("metrics/1", -math.inf)


def test_given_up_by_name_before_anybody_has_spoken():
    order = EventOrder()
    item = opened(10)
    push(order, item)
    order.hear(mark(20, "metrics/0", topics={"metrics": 2}))
    order.forgo(absence("metrics/1"))
    assert taken(order) == [item]


def test_how_long_the_oldest_has_waited_is_by_arrival():
    order = EventOrder()
    late, early = opened(30), opened(10)
    list(order.push(order.stamp(late), late, 1000.0))
    list(order.push(order.stamp(early), early, 1005.0))
    assert order.since == 1000.0
    order.hear(mark(20))
    assert taken(order) == [early]
    assert order.since == 1000.0
    order.hear(mark(40))
    assert taken(order) == [late]
    assert math.isnan(order.since)


def test_a_repeated_word_moves_nothing_and_is_heard():
    order = EventOrder()
    order.hear(mark(20))
    order.hear(mark(20))
    assert order.heard() == {"metrics/0": (2, 1)}
    order.hear(mark(20, idle=True))
    assert order.heard() == {"metrics/0": (3, 2)}


def test_a_watermark_that_had_gone_wrong_by_days_heals():
    order = EventOrder()
    order.hear(mark(700_000))
    assert taken(order) == []
    order.hear(mark(100))
    assert order.heal()
    assert order.passed == T0 + 100
    item = opened(150)
    assert order.stamp(item).time > order.passed  # it is not late
    push(order, item)
    order.hear(mark(160))
    assert not order.heal()
    assert taken(order) == [item]


def test_a_task_that_began_anew_and_has_heard_nothing_heals_nothing():
    order = EventOrder()
    order.hear(mark(700_000))
    list(order.take())
    order.hear(mark(-T0))
    assert not order.heal()
    assert order.passed == T0 + 700_000


def test_an_old_line_on_a_quiet_partition_heals_nothing():
    order = EventOrder()
    order.hear(mark(0, "a", 2, idle=True))
    order.hear(mark(30_000, "b", 2))
    assert taken(order) == []
    order.hear(mark(22_000, "a", 2))  # hours old, and yet later than all that it had
    assert not order.heal()
    assert order.passed == T0 + 30_000


def test_who_there_is_is_heard_also_of_one_that_began_anew():
    order = EventOrder()
    for task in ("a/0", "a/1"):
        order.hear(mark(100, task, topics={"a": 2}))
    order.hear(mark(-T0, "a/0", topics={"a": 1}))
    order.hear(mark(200, "a/0", topics={"a": 1}))
    assert order.tasks == 1
