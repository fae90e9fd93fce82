"""Dead letters: what is made is read, whatever a record brought with it."""

from hypothesis import given
from hypothesis import strategies as st

from floodmark.letters import LEFT_OUT, again, broken, letter, read, reason, receipt, receipt_of, shortened
from floodmark.records import Output, Record

NAMES = ("topic", "partition", "offset", "index", "stage", "error", "message", "retry", "left-out", "retried", "")
HEADERS = st.lists(
    st.tuples(st.sampled_from([f"floodmark.{name}" for name in NAMES] + ["trace", "ce_id"]), st.binary(max_size=12)),
    max_size=8,
).map(tuple)


def in_topic(output: Output, timestamp: int = 5_000) -> Record:
    return Record("dead", 0, 7, timestamp, output.key, output.value, output.headers)


@given(st.text(), st.text(), st.text(st.characters()), st.none() | st.integers(0, 10**9), HEADERS)
def test_what_is_made_is_read(stage, error, message, index, headers):
    record = Record("metrics", 3, 42, 0, b"key", b"\xffvalue", headers)
    made = letter(record, stage, error, message, b"element", index)
    said = read(in_topic(made))
    assert (said.origin, said.place, said.key, said.value) == ("metrics", (3, 42), b"key", b"element")
    shown = [text.encode("utf-8", "replace").decode() for text in (stage, error, message)]
    assert said.stage == shown[0] or not shown[0]
    assert said.error == (shown[1] or LEFT_OUT) or not shown[1]
    assert said.message == shown[2] or not shown[2]
    assert said.element == index or index is None
    assert made.headers[: len(headers)] == headers


@given(HEADERS)
def test_headers_that_make_no_sense_are_no_reason_to_fail(headers):
    said = reason(headers)
    assert said.error
    assert said.retries >= 0
    receipt_of(headers)


def test_numbers_that_are_none_are_not_known():
    said = reason([("floodmark.partition", b"x"), ("floodmark.offset", "²".encode()), ("floodmark.index", b"-1")])
    assert (said.partition, said.offset, said.element, said.error) == (None, None, None, LEFT_OUT)
    assert reason([("floodmark.retry", b"9" * 5000)]).retries == 0


def test_a_bug_is_told_by_the_name_of_the_exception():
    said = reason(broken(Record("metrics", 3, 42, 0, b"k", b"v"), "detect", ValueError("x" * 5000)).headers)
    assert (said.error, said.stage, len(said.message)) == ("ValueError", "detect", 1000)


def test_what_is_too_large_says_so_without_its_value():
    large = Output("alerts", b"k" * 5000, b"v" * 9, (("ce_type", b"t"), ("long", b"x" * 1001), *[("n", b"")] * 100))
    small = shortened(large, "floodmark.alerts")
    said = reason(small.headers)
    assert (said.error, said.message) == (LEFT_OUT, "value of 9 bytes for floodmark.alerts")
    assert (small.stream, small.value, len(small.key or b""), len(small.headers)) == ("dead_letters", None, 1000, 51)


@given(HEADERS, st.integers(1, 4))
def test_sent_again_it_is_as_it_came_and_counts_how_often(headers, times):
    record = Record("metrics", 3, 42, 0, b"key", b"value", (("trace", b"\xff"),))
    for number in range(1, times + 1):
        record = record._replace(headers=tuple(again(read(in_topic(letter(record, "detect", "e", "m", b"value"))))))
        assert record.headers == (("trace", b"\xff"), ("floodmark.retry", str(number).encode()))


@given(st.sets(st.integers(0, 60)))
def test_a_receipt_names_exactly_its_offsets(offsets):
    assert {offset for run in receipt_of([receipt(sorted(offsets))]) or [] for offset in run} == offsets


def test_only_a_receipt_is_one():
    assert receipt([1, 2, 3, 9]) == ("floodmark.retried", b"1-3,9")
    assert receipt_of((("floodmark.topic", b"1-3"),)) is None
    assert receipt_of((("floodmark.retried", b"x,-,3-,-3,5"),)) == [range(3, 4), range(5, 6)]
