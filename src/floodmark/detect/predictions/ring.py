"""The last so many numbers, eight bytes each. Never grows beyond its capacity."""

from __future__ import annotations

from array import array


class Ring:
    """A bounded queue of floats that forgets the oldest; a deque of floats would cost four times as much."""

    __slots__ = ("_capacity", "_data", "_next")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._data = array("d")
        self._next = 0

    def append(self, value: float) -> None:
        if len(self._data) < self._capacity:
            self._data.append(value)
            return
        self._data[self._next] = value
        self._next += 1
        if self._next == self._capacity:
            self._next = 0

    def last(self, n: int | None = None) -> list[float]:
        """The newest `n` (all by default), oldest first."""
        values = self._data[self._next :] + self._data[: self._next]
        return values.tolist() if n is None or n >= len(values) else values[len(values) - n :].tolist()

    def __len__(self) -> int:
        return len(self._data)
