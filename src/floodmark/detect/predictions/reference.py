"""What was normal of a feature: the frozen reference that later values are placed on.

A reference maps any value to a place between 0 and 1 and to one of a few bins. For numbers the place is the mid-rank
among the reference's values, which no outlier can stretch; for categories it is the mid-rank by frequency. One drift
test on places then serves both. Never changes once made.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final

from floodmark.detect.predictions.tests_of_change import moments

BINS: Final = 10
GRID: Final = 256
"""Most order statistics kept of a numeric reference."""
CATEGORIES: Final = 20
"""Most categories with a bin of their own."""


class NumericReference:
    """Quantiles of the first finite values. `values` in the order of time; at least one."""

    __slots__ = ("_grid", "counts", "mean", "n", "std")

    def __init__(self, values: Sequence[float]) -> None:
        ordered = sorted(values)
        self.n, self.mean, variance = moments(values)
        self.std = math.sqrt(variance)
        size = len(ordered)
        self._grid = (
            ordered if size <= GRID else [ordered[min(size - 1, int((i + 0.5) * size / GRID))] for i in range(GRID)]
        )
        self.counts = [0] * BINS
        for value in values:
            self.counts[self.place(value)[1]] += 1

    def place(self, value: float) -> tuple[float, int]:
        """Mid-rank of a finite value among the reference, in [0, 1], and its bin."""
        grid = self._grid
        size = len(grid)
        left = bisect_left(grid, value)
        if left < size and grid[left] == value:
            place = (left + bisect_right(grid, value, left)) / (2 * size)
        else:
            place = left / size
        return place, int(place * BINS) if place < 1.0 else BINS - 1

    def quantile(self, q: float) -> float:
        return self._grid[min(len(self._grid) - 1, int(q * len(self._grid)))]

    def bin_name(self, index: int) -> str:
        """The values of a bin, in words."""
        if index == 0:
            return f"values below {number(self.quantile(1 / BINS))}"
        if index == BINS - 1:
            return f"values of {number(self.quantile(1 - 1 / BINS))} and above"
        return f"values from {number(self.quantile(index / BINS))} to {number(self.quantile((index + 1) / BINS))}"


class CategoricalReference:
    """Frequencies of the first categories. `values` in the order of time; at least ten.

    The first tenth of them chooses which categories have bins, and in which order; only the others are counted. Chosen
    and counted on the same values, the frequent ones would owe part of their share to luck, and its loss would look
    like a drift.
    """

    __slots__ = ("_names", "_other", "_places", "counts", "n")

    def __init__(self, values: Sequence[str]) -> None:
        choosing = max(len(values) // 10, min(len(values) // 2, 25))
        frequency = Counter(values[:choosing])
        self._names = [name for name, count in frequency.most_common(CATEGORIES) if count > 1]
        counted = Counter(values[choosing:])
        self.n = len(values) - choosing
        self.counts = [counted[name] for name in self._names]
        self._places: dict[str, tuple[float, int]] = {}
        below = 0
        for i, count in enumerate(self.counts):
            self._places[self._names[i]] = ((below + count / 2) / self.n, i)
            below += count
        self.counts.append(self.n - below)
        self._other = ((below + self.n) / (2 * self.n), len(self._names))

    @property
    def names(self) -> list[str]:
        """Categories with a bin of their own."""
        return self._names

    def places(self, values: Sequence[str]) -> list[float]:
        """The places of the values that were counted, in the order of time."""
        return [self.place(value)[0] for value in values[len(values) - self.n :]]

    def place(self, value: str) -> tuple[float, int]:
        """Mid-rank of a category by its frequency in the reference, in [0, 1], and its bin; the rare share the last."""
        return self._places.get(value, self._other)

    def bin_name(self, index: int) -> str:
        return f"“{self._names[index]}”" if index < len(self._names) else "other values"


Reference = NumericReference | CategoricalReference


def number(x: float) -> str:
    """A number for a sentence: four significant digits, thousands separated."""
    if x == int(x) and abs(x) < 1e15:
        return f"{int(x):,}"
    return f"{x:,.0f}" if 1e4 <= abs(x) < 1e15 else f"{x:.4g}"


def percent(share: float) -> str:
    """A share for a sentence: "8.1 %"."""
    return f"{share * 100:.1f} %" if share >= 0.001 or share == 0.0 else f"{share * 100:.2g} %"
