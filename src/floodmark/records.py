"""What a task takes and gives: Kafka's records, without Kafka.

This is the seam between the deterministic core and the runtime. A `Task` is records in, outputs out; it never
reads a clock, a network or an unseeded random number, so the same task gives the same bytes under Kafka, in
`floodmark replay`, and in a test over a list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

EARLIEST = 1e8
"""Epoch seconds, March 1973: no event is older."""
LATEST = 4_102_444_800.0
"""Epoch seconds, 2100-01-01: none is later."""

Headers = Sequence[tuple[str, bytes]]

Stream = Literal[
    "anomalies",
    "alerts",
    "dead_letters",
    "model_events",
    "rekeyed",
    "actions",
    "deliveries",
    "model_requests",
    "reports",
    "audit",
]
"""The topics that Floodmark writes, by their name in the config's `topics`."""


class Record(NamedTuple):
    """One record as it was read.

    `timestamp` is Kafka's, in milliseconds since the epoch (-1 if unknown); it bounds how far in the future an event's
    own time may lie, and stands for it where the event has none. `by` is when, at the latest, its partition was here,
    in the same unit: it bounds where Kafka's time is not to be believed (-1 if unknown). `offset` is the position
    within the partition (a line number in replay).
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    by: int = -1


def bound(record: Record) -> int:
    """The record's `by`. What the runtime hands on are the client's own records: they have all fields but this."""
    return getattr(record, "by", -1)


def arrival(record: Record) -> float:
    """Kafka's time of a message, in epoch seconds; NaN if there is none, or one that cannot be."""
    seconds = record.timestamp / 1000
    return seconds if EARLIEST <= seconds < LATEST else math.nan


def changed(record: Record, **changes: Any) -> Record:
    """A copy with some fields changed, also of a record of the client's."""
    fields = (record.topic, record.partition, record.offset, record.timestamp, record.key, record.value)
    return Record(*fields, tuple(record.headers), bound(record))._replace(**changes)


class Schema(NamedTuple):
    """What a schema registry has under an id, which never changes. `parts`, those that others need first: of Avro the
    texts, of Protobuf the descriptors of files (FileDescriptorProto, serialised), of JSON Schema nothing."""

    kind: Literal["AVRO", "JSON", "PROTOBUF"]
    parts: tuple[bytes, ...] = ()


Schemas = Mapping[int | str, Schema | str]
"""By id: a number, or a UUID. Text says why a schema cannot be had."""


class Output(NamedTuple):
    """One record to be written; `everywhere` sends it to each partition of the topic (watermarks, changes),
    `partition` to that one (what a task says to itself), else its key decides."""

    stream: Stream
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    everywhere: bool = False
    partition: int | None = None


class Remark(NamedTuple):
    """A line for the operator's log: a sentence, and facts beside it."""

    words: str
    wrong: bool
    facts: Mapping[str, str]


class Listener(Protocol):
    """Who hears all of `topic`, from its beginning, in every process and whatever partitions that has.

    What it knows is no state of a task: it is read again at each start.
    """

    @property
    def what(self) -> str:
        """What it hears, for metrics: feedback, actions."""
        ...

    @property
    def topic(self) -> str: ...

    def hear(self, record: Record) -> Remark | None:
        """Take a record; one that was heard before changes nothing. Bad input never raises: it is remarked on. None: it
        is of no concern here."""
        ...

    def standing(self) -> int:
        """How much of what was heard stands."""
        ...


class Heard(NamedTuple):
    """How often somebody has spoken, and how often with something new (or to say that nothing comes)."""

    words: int
    moves: int


class Awaited(NamedTuple):
    """Whom a task waits for, as it knows them from what it has read.

    `heard`: how often each of them has spoken (0: never), by name ("topic/partition", or "" for whoever there may
    be). `behind` names who holds the oldest item up, and why, in words; empty if nothing waits. `since`: Kafka's time
    of that item in epoch seconds, NaN if nothing waits or it is not known. `bound`: seconds for which an item
    waits at most where everybody is heard. `whom` is what one of them is called, and `item` what waits, in words.
    """

    heard: Mapping[str, Heard]
    since: float
    behind: str
    bound: float
    whom: str = "detect task"
    item: str = "an anomaly has waited for {} to become an incident"


class Task(Protocol):
    """One partition of one input topic. State is never shared between tasks (law 2)."""

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Handle the next records of the partition, in order. How they are split into calls changes nothing.

        Bad input never raises: it leaves as an output to `dead_letters`.
        """
        ...

    def speak(self, *, idle: bool) -> list[Output]:
        """Say downstream that this task is there, and whether nothing has come for a while. Changes no state.

        Called by the runtime's clock: at once when the task begins to be heard, then every few seconds.
        """
        ...

    def awaited(self) -> Awaited | None:
        """Whom the task has to hear of before it can go on; None for a task that waits for nobody."""
        ...

    def forgo(self, names: Sequence[str], silent: float) -> list[Output]:
        """Say, in a record that the task will read itself, that it goes on without those it has waited for in vain.

        `silent`: seconds of silence, of the longest. Changes no state: what decides is the record, when it is read.
        """
        ...

    def learning(self) -> Sequence[str]:
        """What is not judged yet because too little is known of it, in words; bounded."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters of what was taken, skipped and refused, by `name` or `name:reason`."""
        ...

    def sizes(self) -> Mapping[str, int]:
        """How much state is held now (series, templates, open incidents, …)."""
        ...

    def remarks(self) -> list[str]:
        """Sentences for the operator's log that arose since last asked (a series on two partitions, …). Bounded."""
        ...

    def snapshot(self) -> bytes:
        """All state after the last `process`, so that a task that restores it continues as this one would.

        Takes time in proportion to the state; changes nothing.
        """
        ...

    def restore(self, state: bytes) -> Mapping[str, int]:
        """Become what `snapshot` described; called once, before the first `process`. Never runs code from `state`.

        The snapshot may have been taken under another config: what it says of detectors, monitors or limits that are
        now different is left out, and the answer says how much, by kind ("series": 12). Empty: nothing was left out.
        Raises StateError if the bytes are not a sound snapshot of such a task; the task is then of no more use.
        """
        ...

    def graft(self, warmed: Task) -> None:
        """Take over from `warmed`, a task of the same config and partition that has just learned from the recent past,
        what `restore` left out here. What is there already stays as it is."""
        ...


@runtime_checkable
class Skewed(Protocol):
    """A task that knows the clocks of its sources."""

    def skews(self) -> Sequence[tuple[str, float]]:
        """Sources whose clocks are wrong and by how many seconds, fast ones above zero: at most twenty, the most wrong
        ones first."""
        ...
