import pytest

from floodmark.correlate.order import EventOrder

from .making import change, closed, mark, opened


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
