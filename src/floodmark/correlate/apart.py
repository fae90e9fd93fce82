"""Series that people have held apart by a split: they are never again of one incident, until people merge them.

Bounded: the oldest split goes first, and is counted. It decides nothing about incidents.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Final

_MOST: Final = 50_000
"""Series of all splits together."""


class Apart:
    """The two sides of each split, by scope and series."""

    def __init__(self) -> None:
        self.evicted = 0
        """Splits that went because there were too many."""
        self._splits: dict[str, tuple[str, dict[str, int]]] = {}  # by id: the scope, and the side of each series
        self._index: dict[tuple[str, str], dict[str, int]] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._splits)

    def state(self) -> object:
        return self._splits, self._index, self._size

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave."""
        self._splits, self._index, self._size = state

    def hold(self, split: str, scope: str, one: Iterable[str], other: Iterable[str]) -> None:
        """From now on the series of one side and of the other are apart. `split`: its id."""
        sides = dict.fromkeys(one, 0) | dict.fromkeys(other, 1)
        self._splits[split] = scope, sides
        self._size += len(sides)
        for series, side in sides.items():
            self._index.setdefault((scope, series), {})[split] = side
        while self._size > _MOST and len(self._splits) > 1:
            self.evicted += 1
            self._drop(next(iter(self._splits)))

    def parted(self, scope: str, one: Iterable[str], other: Container[str]) -> bool:
        """Whether a series of one is held apart from a series of the other."""
        return bool(self._splits) and next(iter(self._between(scope, one, other)), None) is not None

    def join(self, scope: str, one: Iterable[str], other: Container[str]) -> None:
        """People have put these together: what held them apart holds them no more."""
        for split in list(dict.fromkeys(self._between(scope, one, other))):
            self._drop(split)

    def _between(self, scope: str, one: Iterable[str], other: Container[str]) -> Iterable[str]:
        for series in one:
            for split, side in self._index.get((scope, series), {}).items():
                if any(there != side and each in other for each, there in self._splits[split][1].items()):
                    yield split

    def _drop(self, split: str) -> None:
        scope, sides = self._splits.pop(split)
        self._size -= len(sides)
        for series in sides:
            found = self._index[scope, series]
            del found[split]
            if not found:
                del self._index[scope, series]
