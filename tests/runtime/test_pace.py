"""How much work fits between two turns of the event loop."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from floodmark.runtime.pace import RECORD_BYTES, SLICE_BYTES, TURN_SECONDS, Pace, slices


def records(*sizes):
    return [SimpleNamespace(value=bytes(size)) for size in sizes]


def size(some):
    return sum(len(record.value) + RECORD_BYTES for record in some)


def at(seconds_a_byte):
    pace = Pace()
    pace.update(1000, seconds_a_byte * 1000)
    return pace


@given(st.lists(st.integers(0, SLICE_BYTES * 2), max_size=50), st.one_of(st.none(), st.floats(1e-9, 10)))
def test_slices_keep_every_record_in_order(sizes, cost):
    pace = Pace() if cost is None else at(cost)
    given = records(*sizes)
    pieces = list(slices(given, pace))
    assert [record for piece, _ in pieces for record in piece] == given
    for piece, reckoned in pieces:
        assert reckoned == size(piece)
        assert len(piece) == 1 or reckoned <= SLICE_BYTES
        assert cost is None or len(piece) == 1 or pace.seconds(reckoned) <= TURN_SECONDS * 1.0001


def lengths(some, pace):
    return [len(piece) for piece, _ in slices(some, pace)]


def test_slices_are_bounded_in_bytes_too():
    half = SLICE_BYTES // 2
    assert lengths(records(10, half - 1000, half - 1000, 3 * SLICE_BYTES, 10, 10), at(1e-12)) == [3, 1, 2]


def test_a_fast_task_gets_large_slices_and_a_slow_one_small():
    small = records(*[0] * 4000)
    assert lengths(small, at(1e-12)) == [4000]
    assert lengths(small, at(0.99 * TURN_SECONDS / size(small[:10])))[0] == 10
    assert set(lengths(small, at(TURN_SECONDS))) == {1}


def test_what_is_not_known_is_begun_carefully_and_in_a_thread():
    pace, small = Pace(), records(*[0] * 1000)
    pieces = slices(small, pace)
    first, work = next(pieces)
    assert len(first) < 100
    assert pace.slow(work)
    pace.update(work, 1e-9)
    second, work = next(pieces)
    assert len(second) == 1000 - len(first)
    assert not pace.slow(work)


def test_a_large_message_of_a_task_that_is_slow_by_the_byte_is_known_beforehand():
    pace = at(1e-6)
    assert not pace.slow(1000)
    assert pace.slow(1_000_000)


def test_slower_counts_at_once_and_faster_by_and_by():
    pace = at(1e-9)
    pace.update(100, 1.0)
    assert pace.slow(100)
    for _ in range(10):
        pace.update(100, 0.001)
    assert not pace.slow(100)
