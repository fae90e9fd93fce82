"""How much of a task's work fits between two turns of the event loop, which the heartbeats share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

TURN_SECONDS = 0.02
"""What one slice should take."""
SLICE = 2_000
SLICE_BYTES = 262_144
"""Most records, and bytes of them, of a slice. A message may be an array of many events, so that bytes say more of the
work than records do."""
_SLOW_SECONDS = 0.25
"""A task that takes longer than this for a slice of one record works in a thread."""
_CAREFUL = 50
"""Records of a first slice, before anything is known of the task."""


class Pace:
    """Learns what a record costs a task, from its recent slices."""

    __slots__ = ("_cost",)

    def __init__(self) -> None:
        self._cost = TURN_SECONDS / _CAREFUL

    @property
    def records(self) -> int:
        """How many records the next slice should have: 1 to `SLICE`."""
        return max(1, min(SLICE, int(TURN_SECONDS / self._cost)))

    @property
    def slow(self) -> bool:
        """Whether even one record holds up the event loop for too long."""
        return self._cost > _SLOW_SECONDS

    def update(self, records: int, seconds: float) -> None:
        """A slice of so many records took so long. Slower counts at once, faster by and by."""
        cost = seconds / records
        self._cost = max(1e-9, cost if cost > self._cost else self._cost + (cost - self._cost) * 0.3)


def slices(records: Sequence[Any], pace: Pace) -> Iterator[list[Any]]:
    """The records in their order, in pieces that fit `pace` and `SLICE_BYTES`; a larger record is alone."""
    piece: list[Any] = []
    size, most = 0, pace.records
    for record in records:
        length = len(record.value or b"")
        if piece and (len(piece) >= most or size + length > SLICE_BYTES):
            yield piece
            piece, size, most = [], 0, pace.records
        piece.append(record)
        size += length
    if piece:
        yield piece
