"""How much of a task's work fits between two turns of the event loop, which the heartbeats share.

Work is reckoned in bytes: a message may be one event or an array of ten thousand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

TURN_SECONDS = 0.02
"""What one slice should take."""
SLICE_BYTES = 524_288
"""Most bytes of a slice, however fast the task is."""
_SLOW_SECONDS = 0.25
"""A slice that is expected to take longer than this, and cannot be smaller, is processed in a thread."""
_CAREFUL = 50
"""Records of a first slice, before anything is known of the task; it is processed in a thread too."""
RECORD_BYTES = 100
"""What a record costs beside its value, reckoned as bytes of value."""


class Pace:
    """Learns what a byte costs a task, from its recent slices."""

    __slots__ = ("_cost",)

    def __init__(self) -> None:
        self._cost: float | None = None

    def seconds(self, size: int) -> float:
        """What work of a `size` (bytes, as `slices` reckons) is expected to take; infinite while nothing is known."""
        return float("inf") if self._cost is None else size * self._cost

    def slow(self, size: int) -> bool:
        """Whether work of a `size` may hold up the event loop for too long."""
        return self.seconds(size) > _SLOW_SECONDS

    def update(self, size: int, seconds: float) -> None:
        """Work of a `size` took so long. Slower counts at once, faster by and by."""
        cost = max(seconds, 1e-9) / size
        if self._cost is None or cost > self._cost:
            self._cost = cost
        else:
            self._cost += (cost - self._cost) * 0.3


def slices(records: Sequence[Any], pace: Pace) -> Iterator[tuple[Sequence[Any], int]]:
    """The records in their order, in pieces with their size that take about `TURN_SECONDS`, within `SLICE_BYTES`.

    The size of a piece is the bytes of its values and `RECORD_BYTES` for each record. Pieces follow the pace as it
    changes. A record that is larger is alone.
    """
    ends = list(accumulate([len(record.value or b"") + RECORD_BYTES for record in records]))
    start, before = 0, 0
    while start < len(records):
        each = pace.seconds(1)
        most = SLICE_BYTES if each == float("inf") else min(SLICE_BYTES, int(TURN_SECONDS / each))
        end = bisect_right(ends, before + most, start)
        if each == float("inf"):
            end = min(end, start + _CAREFUL)
        end = max(end, start + 1)
        yield records[start:end] if end - start < len(records) else records, ends[end - 1] - before
        start, before = end, ends[end - 1]
