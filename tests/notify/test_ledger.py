"""What the deliveries topic holds of a partition."""

from floodmark.notify.desk import Entry
from floodmark.notify.ledger import POSITION, held, written
from floodmark.records import Record

HEADERS = (("ce_type", b"dev.floodmark.delivery.v1"),)


def records(*outputs):
    return [
        Record("d", 0, offset, -1, output.key, output.value, output.headers) for offset, output in enumerate(outputs)
    ]


def entry(key, value):
    return Entry(key.encode(), value, HEADERS)


def test_the_newest_of_each_key_holds_in_the_order_of_writing_and_a_tombstone_ends_it():
    said = [entry("a", b"1"), entry("b", b"1"), entry("c", b"1"), entry("a", b"2"), entry("c", None)]
    found = held(records(*written(said, {}, 0)))
    assert found.entries == [entry("b", b"1"), entry("a", b"2")]


def test_positions_stand_beside_the_entries_and_the_desk_does_not_see_them():
    outputs = written([entry("a", b"1")], {("changes", 0): 7, ("requests", 2): 1}, 3)
    outputs += written([], {("changes", 0): 9}, 3)
    assert all(output.partition == 3 and output.stream == "deliveries" for output in outputs)
    found = held(records(*outputs))
    assert found.entries == [entry("a", b"1")]
    assert found.positions == {("changes", 0): 9, ("requests", 2): 1}


def test_what_cannot_be_read_is_passed_over():
    wrong = [
        Record("d", 0, 0, -1, None, b"x", HEADERS),
        Record("d", 0, 1, -1, b"position|x|0", b"{", (("ce_type", POSITION.encode()),)),
        Record("d", 0, 2, -1, b"position|x|0", None, (("ce_type", POSITION.encode()),)),
    ]
    assert held(wrong) == ([], {})
