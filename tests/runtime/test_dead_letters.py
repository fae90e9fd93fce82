"""Dead letters over plain lists: what is read of them, which are meant, and what counts as done."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.runtime.dead_letters import Choice, Progress, again, letter_of, receipt, receipt_of, why_not


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
    return letter_of(Found(0, 7, timestamp, b"k", value, (("trace", b"\xff"), *headers)))


def test_a_letter_says_where_it_came_from() -> None:
    found = letter(stage="detect", index=2, retry=1)
    assert (found.origin, found.place, found.element, found.retries) == ("metrics", (3, 42), 2, 1)
    assert (found.stage, found.error, found.message) == ("detect", "not_json", "why")
    assert again(found) == [("trace", b"\xff"), ("floodmark.retry", b"2")]


def test_headers_that_make_no_sense_are_no_reason_to_fail() -> None:
    found = letter(partition="x", offset="²", index="-1", retry="9" * 5000, error=None)
    assert (found.place, found.element, found.retries, found.error) == ((None, None), None, 0, "left_out")


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


@given(st.sets(st.integers(0, 60)))
def test_a_receipt_names_exactly_its_offsets(offsets: set[int]) -> None:
    headers = (("floodmark.retried", receipt(sorted(offsets))),)
    assert {offset for run in receipt_of(headers) or [] for offset in run} == offsets


def test_only_a_receipt_is_one() -> None:
    assert receipt([1, 2, 3, 9]) == b"1-3,9"
    assert receipt_of((("floodmark.topic", b"1-3"),)) is None
    assert receipt_of((("floodmark.retried", b"x,-,3-,-3,5"),)) == [range(3, 4), range(5, 6)]


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
