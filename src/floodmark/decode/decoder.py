"""What every decoder takes and gives. Nothing here knows a wire format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from floodmark.records import Record
from floodmark.signals import Samples, Signal


class Refused(Struct, frozen=True, gc=False):
    """An event that could not be used, on its way to the dead letters.

    `index` is its place in the message's array, None where the message as a whole is refused (or is one event).
    `error` is a short class for counting; `message` a sentence for a person; `value` the event's own text, or the
    whole message.

    The classes: empty, too_large, too_many_events, not_json, not_protobuf, malformed, missing_field, wrong_type,
    infinite, not_a_time, implausible_time, from_the_future, too_many_labels, too_many_features, too_many_buckets,
    too_long, unknown_format.
    """

    index: int | None
    error: str
    message: str
    value: bytes


class Decoded(NamedTuple):
    """What one record held, in its order. Every event of the record is in one list or the other."""

    signals: list[Signal]
    refused: list[Refused]


class Decoder(Protocol):
    """Turns the records of one input into signals."""

    def decode(self, record: Record) -> Decoded:
        """Decode one record. Never raises for its content."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters of what was accepted after a repair (`no_value`, `body_cut`, …)."""
        ...


class ColumnDecoder(Protocol):
    """Turns many records of one input of metrics into columns: the answer of a `Decoder`, at less cost."""

    def decode(self, records: Sequence[Record], refuse: Callable[[Record, Decoded], None]) -> Samples:
        """What the records hold, in order; `refuse` is called for each record of which something was refused."""
        ...


class EventError(Exception):
    """Why one event is refused; raised inside a decoder and never out of it."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
