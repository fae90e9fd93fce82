"""How much work fits between two turns of the event loop."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from floodmark.runtime.pace import SLICE, SLICE_BYTES, TURN_SECONDS, Pace, slices


def fast():
    pace = Pace()
    for _ in range(100):
        pace.update(1000, 1e-6)
    return pace


@given(st.lists(st.integers(0, SLICE_BYTES * 2), max_size=50), st.floats(1e-9, 10))
def test_slices_keep_every_record_in_order(sizes, cost):
    pace = Pace()
    pace.update(1, cost)
    records = [SimpleNamespace(value=bytes(size)) for size in sizes]
    pieces = list(slices(records, pace))
    assert [record for piece in pieces for record in piece] == records
    for piece in pieces:
        assert len(piece) == 1 or sum(len(record.value) for record in piece) <= SLICE_BYTES


def test_slices_are_bounded_in_bytes_too():
    sizes = [10, SLICE_BYTES // 2, SLICE_BYTES // 2, 3 * SLICE_BYTES, 10, 10]
    records = [SimpleNamespace(value=b"x" * size) for size in sizes]
    assert [len(piece) for piece in slices(records, fast())] == [2, 1, 1, 2]


def test_a_fast_task_gets_large_slices_and_a_slow_one_small():
    assert fast().records == SLICE
    pace = fast()
    pace.update(SLICE, SLICE * TURN_SECONDS / 10)
    assert pace.records == 10
    pace.update(10, 10 * TURN_SECONDS * 3)
    assert pace.records == 1
    assert not pace.slow


def test_one_record_that_takes_a_second_makes_it_slow_until_it_is_fast_again():
    pace = Pace()
    pace.update(1, 1.0)
    assert pace.slow
    for _ in range(10):
        pace.update(1, 0.001)
    assert not pace.slow


def test_a_pace_that_changes_holds_from_the_next_slice_on():
    pace = fast()
    records = [SimpleNamespace(value=b"") for _ in range(SLICE + 5)]
    pieces = slices(records, pace)
    assert len(next(pieces)) == SLICE
    pace.update(1, TURN_SECONDS)
    assert len(next(pieces)) in (1, 5)
