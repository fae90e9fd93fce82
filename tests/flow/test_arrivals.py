"""When records were here: what is believed of Kafka's times, what is doubted, and how a wrong one is mended."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack

from floodmark.flow.arrivals import Arrivals, Run
from floodmark.records import Record

NOON = 1_769_860_800
WEEK = 7 * 86_400


def records(times: Sequence[float]) -> list[Record]:
    """Kafka's times in seconds; -0.001 is none."""
    return [Record("t", 0, i, round(time * 1000), None, b"%d" % i) for i, time in enumerate(times)]


def nothing(record: Record) -> list[float]:
    """Events without a time of their own."""
    return [] if record.timestamp < 0 else [record.timestamp / 1000]


def flat(runs: Sequence[Run]) -> list[tuple[int, int, int, float]]:
    """Offset, Kafka's time and bound in ms, and arrival in seconds (0: not known), of what was handed on."""
    return [
        (record.offset, record.timestamp, record.by, 0.0 if math.isnan(arrival) else round(arrival, 3))
        for run in runs
        for record, arrival in zip(run.records, run.arrivals, strict=True)
    ]


def steady(n: int, start: float = NOON, step: float = 3.0) -> list[float]:
    return [start + step * i for i in range(n)]


def test_honest_times_are_handed_on_at_once_and_as_they_are() -> None:
    came = records(steady(1_000))
    (run,) = Arrivals(nothing).take(came)
    assert (run.records, run.back) == (came, None)
    assert list(run.arrivals) == steady(1_000)


@pytest.mark.parametrize("ahead", [3_600, 86_400, WEEK])
def test_a_time_far_ahead_of_what_follows_is_no_time(ahead: int) -> None:
    times = steady(600)
    times[400] += ahead
    arrivals = Arrivals(nothing)
    found = flat(list(arrivals.take(records(times))))
    assert [offset for offset, *_ in found] == list(range(600))
    assert found[400] == (400, -1, round(times[399] * 1000), -times[399])
    assert [each[3] for each in found[401:]] == times[401:]
    assert arrivals.counts() == {"kafka_time:wild": 1}


def test_two_such_times_in_a_row_are_none_either() -> None:
    times = [*steady(400), NOON + WEEK, NOON + 2 * WEEK, *steady(10, NOON + 1_200)]
    arrivals = Arrivals(nothing)
    found = flat(list(arrivals.take(records(times))))
    assert [stamp for _, stamp, _, _ in found[400:402]] == [-1, -1]
    assert arrivals.counts() == {"kafka_time:wild": 2}


def test_after_a_pause_the_stream_goes_on_with_the_third_record() -> None:
    times = [*steady(400), *steady(3, NOON + 86_400)]
    arrivals = Arrivals(nothing)
    came = records(times)
    assert len(flat(list(arrivals.take(came[:402])))) == 400
    assert arrivals.sizes() == {"held_records": 2}
    found = flat(list(arrivals.take(came[402:])))
    assert [(offset, arrival) for offset, _, _, arrival in found] == [(400 + i, times[400 + i]) for i in range(3)]
    assert arrivals.counts() == {}


def test_a_wild_time_within_a_pause_does_not_hide_it() -> None:
    times = [*steady(400), NOON + 86_400, NOON + WEEK, *steady(3, NOON + 86_401)]
    found = flat(list(Arrivals(nothing).take(records(times))))
    assert [offset for offset, stamp, _, _ in found if stamp == -1] == [401]
    assert found[-1][3] == times[-1]


def test_rare_records_are_not_doubted_for_being_rare() -> None:
    times = steady(50, step=3_600.0)
    assert len(flat(list(Arrivals(nothing).take(records(times))))) == 50


@pytest.mark.parametrize("wild", [1, 3, 5])
def test_a_wrong_time_of_the_partition_is_mended(wild: int) -> None:
    """The first records are a week ahead."""
    times = [*steady(wild, NOON + WEEK, 1.0), *steady(20)]
    arrivals = Arrivals(nothing)
    runs = list(arrivals.take(records(times)))
    back = [run.back for run in runs if run.back is not None]
    assert back == [times[wild + max(wild, 2)]]
    assert runs[-1].wrong
    assert flat(runs)[-1][3] == times[-1]
    assert arrivals.counts() == {"kafka_time:mended": 1}


def test_old_records_do_not_make_a_proven_time_wrong() -> None:
    """A mirror copies what another cluster had an hour ago, in between."""
    times = [*steady(2_000), *steady(500, NOON), *steady(500, NOON + 6_000)]
    runs = list(Arrivals(nothing).take(records(times)))
    assert all(run.back is None for run in runs)
    assert [arrival < 0 for _, _, _, arrival in flat(runs)[2_100:2_101]] == [True]


@pytest.mark.parametrize("stamp", [0, -5, 1_769_860_805, 1_769_860_805_000_000, 1_770_000_000_000_000_000, -1])
def test_times_that_cannot_be_do_not_move_the_partition(stamp: int) -> None:
    came = records(steady(40))
    came[20] = came[20]._replace(timestamp=stamp)
    arrivals = Arrivals(lambda _: [NOON + 10 * WEEK])
    found = flat(list(arrivals.take(came)))
    assert found[20] == (20, -1, (NOON + 57) * 1000, -(NOON + 57.0))
    assert found[-1][3] == NOON + 117
    assert arrivals.counts() == ({"kafka_time:impossible": 1} if stamp != -1 else {})


def test_without_kafkas_times_the_events_own_are_looked_at() -> None:
    own = [*steady(400), NOON + 60 * 366 * 86_400, *steady(10, NOON + 1_200)]
    arrivals = Arrivals(lambda record: [own[record.offset]])
    found = flat(list(arrivals.take(records([-0.001] * len(own)))))
    assert [offset for offset, *_ in found] == list(range(len(own)))
    assert found[400][2:] == (round(own[399] * 1000), -own[399])
    assert found[-1][3] == -own[-1]


times = st.one_of(
    st.integers(0, 400).map(lambda i: NOON + i),
    st.sampled_from([0, -5, 1_769_860, NOON * 1000, NOON - WEEK, NOON + 3_600, NOON + WEEK, NOON + 2 * WEEK]),
    st.integers(-(10**12), 10**12),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(times, st.integers(1, 30).map(lambda _: None)), max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.booleans(),
)
def test_neither_cuts_nor_restarts_change_anything(some: list[int | None], cuts: list[int], restart: bool) -> None:
    """None: three seconds after the one before that was honest."""
    stamps, now = [], float(NOON)
    for each in some:
        now += 3
        stamps.append(now if each is None else each)
    came = records(stamps)

    def own(record: Record) -> list[float]:
        return [NOON + record.offset] if record.offset % 3 else nothing(record)

    whole = Arrivals(own)
    expected = flat([*whole.take(came), *whole.finish()])
    assert [offset for offset, *_ in sorted(expected)] == list(range(len(came)))

    found: list[Run] = []
    part = Arrivals(own)
    at = 0
    for cut in sorted({min(cut, len(came)) for cut in cuts} | {len(came)}):
        found += part.take(came[at:cut])
        at = cut
        if restart:
            state = msgpack.decode(msgpack.encode(part.state()))
            part = Arrivals(own)
            part.restore(state)
    assert flat([*found, *part.finish()]) == expected


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-40, 200), min_size=300, max_size=700), st.lists(st.integers(0, 700), max_size=4))
def test_many_at_once_are_as_one_by_one(steps: list[int], cuts: list[int]) -> None:
    stamps, now = [], float(NOON)
    for step in steps:
        now += step if step > 190 else step / 20
        stamps.append(now)
    came = records(stamps)
    one, many = Arrivals(nothing), Arrivals(nothing)
    expected = flat([run for record in came for run in one.take([record])])
    found: list[Run] = []
    at = 0
    for cut in sorted({min(cut, len(came)) for cut in cuts} | {len(came)}):
        found += many.take(came[at:cut])
        at = cut
    assert flat(found) == expected
    assert many.state() == one.state()
