from hypothesis import given
from hypothesis import strategies as st

from floodmark.gateway.rates import Rate


def test_a_minute_has_as_many_as_it_says_and_who_waits_is_taken():
    rate = Rate(60, 0.0)
    assert [rate.take(0.0) for _ in range(61)] == [0.0] * 60 + [1.0]
    assert rate.take(0.5) == 0.5
    assert rate.take(1.0) == 0.0
    assert rate.take(1.0) > 0


def test_what_was_not_used_is_not_saved_beyond_a_minute():
    rate = Rate(10, 0.0)
    assert sum(rate.take(3600.0) == 0.0 for _ in range(100)) == 10


@given(st.integers(1, 1000), st.lists(st.floats(0, 30), max_size=200))
def test_never_more_than_twice_a_minutes_worth_in_any_minute(per_minute, pauses):
    rate, now, taken = Rate(per_minute, 0.0), 0.0, []
    for pause in pauses:
        now += pause
        if rate.take(now) == 0.0:
            taken.append(now)
    for begin in taken:
        assert sum(begin <= each < begin + 60 for each in taken) <= 2 * per_minute
