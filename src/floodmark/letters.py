"""Dead letters on the wire: input that could not be used, untouched, and in headers where it came from and why.

They are made here and read here, and nothing else knows what the headers are called. A letter keeps the headers that it
came with before those of its own, so what it says of itself is what stands last.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from floodmark.records import Headers, Output, Record

LEFT_OUT: Final = "left_out"
"""The error of a letter whose own value was too large to be kept."""
_OURS: Final = "floodmark."
"""Prefix of the headers that are ours: a letter goes back without them."""
_RECEIPT: Final = f"{_OURS}retried"
_RETRY: Final = f"{_OURS}retry"
HEADERS: Final = {
    f"{_OURS}topic": "The topic that it came from.",
    f"{_OURS}partition": "Its partition there.",
    f"{_OURS}offset": "Its offset there.",
    f"{_OURS}index": "Its place in its message's array, if it was one.",
    f"{_OURS}stage": "Who could not use it: route, detect or correlate.",
    f"{_OURS}error": "The class of errors; for a bug in a task, the name of the exception.",
    f"{_OURS}message": "What is wrong with it, as a sentence.",
    f"{_OURS}left-out": "Only if the value did not fit into the topic: how large it was.",
    _RETRY: "How often it was sent again already.",
    _RECEIPT: "Only on a record that is no letter: the offsets of the letters that were sent again.",
}
"""What each header says, for who reads the topic with a tool of their own."""
_DIGITS: Final = 20
_LONGEST: Final = 1_000
"""Characters kept of what an exception says, of a key, and of a header, where there is no room for all."""
_MOST: Final = 50
"""Headers kept where there is no room for all."""


class Letter(NamedTuple):
    """A dead letter: where it lies (`partition`, `offset`, `timestamp` in ms), what it is, and what is said of it.

    `origin` is the topic that it came from, empty if that is not said; `place` its partition and offset there.
    `element` is its place in its message's array. `retries` is how often it has been sent again already.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    origin: str
    place: tuple[int | None, int | None]
    element: int | None
    stage: str
    error: str
    message: str
    retries: int


class Reason(NamedTuple):
    """What a dead letter says of itself; empty or None is what it does not say."""

    topic: str
    partition: int | None
    offset: int | None
    element: int | None
    stage: str
    error: str
    message: str
    retries: int


def letter(
    record: Record, stage: str, error: str, message: str, value: bytes | None, index: int | None = None
) -> Output:
    """A record, or the element `index` of one, as a dead letter. `error` is a class of errors, `message` a sentence."""
    said: dict[str, object] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "stage": stage,
        "error": error,
        "message": message,
    }
    if index is not None:
        said["index"] = index
    headers = tuple((f"{_OURS}{name}", str(each).encode("utf-8", "replace")) for name, each in said.items())
    return Output("dead_letters", record.key, value, (*record.headers, *headers))


def broken(record: Record, stage: str, error: Exception) -> Output:
    """A record that made a task raise, untouched."""
    return letter(record, stage, type(error).__name__, str(error)[:_LONGEST], record.value)


def shortened(output: Output, topic: str) -> Output:
    """What can be said of an output that its topic does not take, since it is too large: a letter without a value."""
    said = f"value of {len(output.value or b'')} bytes for {topic}"
    kept = [(name, value) for name, value in output.headers if len(value) <= _LONGEST]
    headers = (*kept[:_MOST], (f"{_OURS}left-out", said.encode()))
    return Output("dead_letters", (output.key or b"")[:_LONGEST], None, headers)


def reason(headers: Headers) -> Reason:
    """What the headers of a letter say. Whatever they hold, this does not raise."""
    said = {name: value.decode("utf-8", "replace") for name, value in headers if name.startswith(_OURS) and value}

    def number(name: str) -> int | None:
        text = said.get(f"{_OURS}{name}", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else None

    return Reason(
        said.get(f"{_OURS}topic", ""),
        number("partition"),
        number("offset"),
        number("index"),
        said.get(f"{_OURS}stage", ""),
        said.get(f"{_OURS}error", "") or LEFT_OUT,
        said.get(f"{_OURS}message", "") or said.get(f"{_OURS}left-out", ""),
        number("retry") or 0,
    )


def read(record: Any) -> Letter:
    """A record of the dead-letter topic as a letter. Whatever its headers hold, this does not raise."""
    said = reason(record.headers)
    return Letter(
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
        said.topic,
        (said.partition, said.offset),
        said.element,
        said.stage,
        said.error,
        said.message,
        said.retries,
    )


def again(letter: Letter) -> list[tuple[str, bytes]]:
    """The headers with which a letter is sent again: those it came with, and how often it has been sent again."""
    own = [(name, value) for name, value in letter.headers if not name.startswith(_OURS)]
    return [*own, (_RETRY, str(letter.retries + 1).encode())]


def receipt(offsets: Iterable[int]) -> tuple[str, bytes]:
    """A header that notes which letters were sent again: ascending offsets, as "12-40,57"."""
    runs: list[list[int]] = []
    for offset in offsets:
        if runs and offset == runs[-1][1] + 1:
            runs[-1][1] = offset
        else:
            runs.append([offset, offset])
    text = ",".join(f"{first}-{last}" if last > first else str(first) for first, last in runs)
    return _RECEIPT, text.encode()


def receipt_of(headers: Headers) -> list[range] | None:
    """The offsets that a receipt names; None if it is no receipt. What cannot be read names nothing."""
    text = next((value.decode("utf-8", "replace") for name, value in headers if name == _RECEIPT), None)
    if text is None:
        return None
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.append(range(int(first), int(last or first) + 1))
    return found
