"""Dead letters over plain lists: what is read of them, which are meant, and what counts as done."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.letters import read
from floodmark.runtime.dead_letters import Choice, Progress, why_not


class Found(NamedTuple):
    """What a consumer gives."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def letter(value: bytes | None = b"{", timestamp: int = 5_000, **said: object) -> Any:
    fields = {"topic": "metrics", "partition": 3, "offset": 42, "error": "not_json", "message": "why"} | said
    headers = [(f"floodmark.{name}", str(v).encode()) for name, v in fields.items() if v is not None]
    return read(Found(0, 7, timestamp, b"k", value, (("trace", b"\xff"), *headers)))


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), True),
        (Choice(topic="metrics", error="not_json", since=5_000), True),
        (Choice(topic="logs"), False),
        (Choice(error="empty"), False),
        (Choice(since=5_001), False),
    ],
)
def test_a_choice_takes_what_fits_all_of_it(choice: Choice, taken: bool) -> None:
    assert choice.takes(letter()) is taken


def test_what_can_never_be_sent_again() -> None:
    ours = {"floodmark.anomalies"}
    assert why_not(letter(), ours) == ""
    assert "too large" in why_not(letter(None), ours)
    assert "where it came from" in why_not(letter(topic=None), ours)
    assert "floodmark.anomalies" in why_not(letter(topic="floodmark.anomalies"), ours)


@given(
    st.lists(st.tuples(st.integers(1, 3), st.lists(st.booleans(), min_size=6, max_size=6)), min_size=1, max_size=6),
)
def test_each_letter_is_done_exactly_once_whatever_the_filters(rounds: list[Any]) -> None:
    """Retry after retry, with other filters and new letters each time; each reads only what the last one noted."""
    base, receipts, done, end = 0, set[int](), list[int](), 0
    for more, wanted in [*rounds, (0, [True] * 6)]:
        end += more
        progress = Progress(base)
        progress.beyond = {offset for offset in receipts if offset >= base}
        for offset in range(base, end):
            over = wanted[offset % 6] and not progress.done(offset)
            if over:
                done.append(offset)
            if progress.passed(offset, over=over):
                receipts.add(offset)
        base = progress.base
        assert all(offset in done for offset in range(base))
    assert sorted(done) == list(range(end))
    assert base == end
