"""How much work fits between two turns of the event loop."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from floodmark.runtime.pace import SLICE, SLICE_BYTES, TURN_SECONDS, Pace, size, slices


def records(*sizes):
    return [SimpleNamespace(value=bytes(size)) for size in sizes]


def at(seconds_a_byte):
    pace = Pace()
    some = records(100)
    pace.update(some, seconds_a_byte * size(some))
    return pace


@given(st.lists(st.integers(0, SLICE_BYTES * 2), max_size=50), st.one_of(st.none(), st.floats(1e-9, 10)))
def test_slices_keep_every_record_in_order(sizes, cost):
    pace = Pace() if cost is None else at(cost)
    given = records(*sizes)
    pieces = list(slices(given, pace))
    assert [record for piece in pieces for record in piece] == given
    for piece in pieces:
        assert len(piece) == 1 or size(piece) <= SLICE_BYTES
        assert cost is None or len(piece) == 1 or pace.seconds(size(piece)) <= TURN_SECONDS


def test_slices_are_bounded_in_bytes_too():
    half = SLICE_BYTES // 2
    sizes = [10, half - 1000, half - 1000, 3 * SLICE_BYTES, 10, 10]
    assert [len(piece) for piece in slices(records(*sizes), at(1e-12))] == [3, 1, 2]


def test_a_fast_task_gets_large_slices_and_a_slow_one_small():
    small = records(*[0] * 2 * SLICE)
    assert [len(piece) for piece in slices(small, at(1e-12))] == [SLICE, SLICE]
    assert len(next(slices(small, at(0.99 * TURN_SECONDS / size(small[:10]))))) == 10
    assert {len(piece) for piece in slices(small, at(TURN_SECONDS))} == {1}


def test_what_is_not_known_is_begun_carefully_and_in_a_thread():
    pace, small = Pace(), records(*[0] * 1000)
    pieces = slices(small, pace)
    first = next(pieces)
    assert len(first) < 100
    assert pace.slow(first)
    pace.update(first, 1e-9)
    assert len(next(pieces)) == 1000 - len(first)
    assert not pace.slow(small)


def test_a_large_message_of_a_task_that_is_slow_by_the_byte_is_known_beforehand():
    pace = at(1e-6)
    assert not pace.slow(records(1000))
    assert pace.slow(records(1_000_000))


def test_slower_counts_at_once_and_faster_by_and_by():
    pace, one = at(1e-9), records(0)
    pace.update(one, 1.0)
    assert pace.slow(one)
    for _ in range(10):
        pace.update(one, 0.001)
    assert not pace.slow(one)
