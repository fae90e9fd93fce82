"""How much of a task's work fits between two turns of the event loop, which the heartbeats share.

Work is reckoned in bytes: a message may be one event or an array of ten thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

TURN_SECONDS = 0.02
"""What one slice should take."""
SLICE = 2_000
SLICE_BYTES = 262_144
"""Most records, and bytes of them, of a slice, however fast the task is."""
_SLOW_SECONDS = 0.25
"""A slice that is expected to take longer than this, and cannot be smaller, is processed in a thread."""
_CAREFUL = 50
"""Records of a first slice, before anything is known of the task; it is processed in a thread too."""
_RECORD_BYTES = 100
"""What a record costs beside its value, reckoned as bytes of value."""


class Pace:
    """Learns what a byte costs a task, from its recent slices."""

    __slots__ = ("_cost",)

    def __init__(self) -> None:
        self._cost: float | None = None

    def seconds(self, size: int) -> float:
        """What work of a `size` (see `size`) is expected to take; infinite while nothing is known."""
        return float("inf") if self._cost is None else size * self._cost

    def slow(self, records: Sequence[Any]) -> bool:
        """Whether the records may hold up the event loop for too long."""
        return self.seconds(size(records)) > _SLOW_SECONDS

    def update(self, records: Sequence[Any], seconds: float) -> None:
        """The records took so long. Slower counts at once, faster by and by."""
        cost = max(seconds, 1e-9) / size(records)
        if self._cost is None or cost > self._cost:
            self._cost = cost
        else:
            self._cost += (cost - self._cost) * 0.3


def size(records: Sequence[Any]) -> int:
    """The work that is in records, in bytes."""
    return sum([len(record.value or b"") for record in records]) + _RECORD_BYTES * len(records)


def slices(records: Sequence[Any], pace: Pace) -> Iterator[list[Any]]:
    """The records in their order, in pieces that take about `TURN_SECONDS`, within `SLICE` and `SLICE_BYTES`.

    Pieces follow the pace as it changes. A record that is larger is alone.
    """
    piece: list[Any] = []
    held, most = 0, _most(pace)
    records_most = SLICE if pace.seconds(1) < TURN_SECONDS else _CAREFUL
    for record in records:
        length = len(record.value or b"") + _RECORD_BYTES
        if piece and (len(piece) >= records_most or held + length > most):
            yield piece
            piece, held, most, records_most = [], 0, _most(pace), SLICE
        piece.append(record)
        held += length
    if piece:
        yield piece


def _most(pace: Pace) -> int:
    """Bytes of the next slice, as `size` reckons them."""
    each = pace.seconds(1)
    return SLICE_BYTES if each == float("inf") else min(SLICE_BYTES, int(TURN_SECONDS / each))
