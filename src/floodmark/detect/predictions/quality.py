"""Is the data still what it was? Values that are missing, categories never seen before, and values of another type.

Each watch is told about values after the reference is full, and reports a change once, until it is over. Never judges
how values are distributed: that is `drift`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from floodmark.alerts import Point
from floodmark.detect.predictions.drift import CALM, DISAGREES, SIGNIFICANT, Blocks
from floodmark.detect.predictions.tests_of_change import design_effect, poisson_sf, probability, share_rose

ROSE: Final = 0.02
"""Least rise of the share of missing values that matters."""
IN_A_ROW: Final = 3
"""Values of another type, one after the other, that are a change of schema and not a stray one."""
MOST_CATEGORIES: Final = 200
"""A feature with more distinct values holds ids; nothing about them is new."""
SURPRISING: Final = 1e-4
"""Highest p-value of a new category that is reported."""
_MOST_FRESH: Final = 20
_MOSTLY_NEW: Final = 0.2
_RULE_OF_THREE: Final = 3.0

Type = Literal["number", "string", "boolean", "mixed"]


class MissingRise(NamedTuple):
    """The share of missing values over the last `n` and over the reference; the points are of single blocks."""

    share: float
    before: float
    n: int
    p_value: float
    points: list[Point]


class Missing:
    """The share of missing values, in blocks of predictions, two in a row to report.

    Fisher's exact test on counts that are divided by the design effect of the reference: outages come in bursts.
    """

    __slots__ = (
        "_before",
        "_blocks",
        "_calm",
        "_effect",
        "_history",
        "_hits",
        "_n",
        "_n_before",
        "_previous",
        "_since",
        "missing",
    )

    def __init__(self, reference: Sequence[float], blocks: Blocks, now: float) -> None:
        self._effect = design_effect(reference)
        self._before, self._n_before = int(sum(reference)), len(reference)
        self._blocks = blocks
        self._history: deque[tuple[float, float]] = deque(maxlen=blocks.kept)
        self._since = now
        self._n = self._hits = self._calm = 0
        self._previous: tuple[int, int] | None = None
        self.missing = False

    def update(self, is_missing: bool, now: float) -> MissingRise | None:
        self._n += 1
        self._hits += is_missing
        if self._n < self._blocks.size or now - self._since < self._blocks.every:
            return None
        self._history.append((now, self._hits / self._n))
        block, previous = (self._hits, self._n), self._previous
        self._n = self._hits = 0
        self._since = now
        if not block[0] or self._p(*block) >= DISAGREES:
            self._previous = None
            self._calm += 1
            self.missing = self.missing and self._calm < CALM
            return None
        self._previous, self._calm = block, 0
        if previous is None or self.missing:
            return None
        hits, n = block[0] + previous[0], block[1] + previous[1]
        before = self._before / self._n_before
        p = self._p(hits, n)
        if p > SIGNIFICANT or hits / n - before < ROSE:
            return None
        self.missing = True
        points = [Point(time, share, before, None, None) for time, share in self._history]
        return MissingRise(hits / n, before, n, p, points)

    def _p(self, hits: int, n: int) -> float:
        effect = self._effect
        counts = (hits, n, self._before, self._n_before)
        return share_rose(*(round(count / effect) for count in counts))


class Fresh(NamedTuple):
    """A category that is new: how probable a new one was, and how many values there were with its first one."""

    p_new: float
    n: int


class Novelty:
    """Categories and how often each was seen, to tell how surprising one is that never was.

    The chance that a value is new is Good & Turing's (Good 1953): the share of values that were seen exactly once; with
    fewer than three of those, the rule of three (Hanley & Lippman-Hand 1983) bounds it. It also bounds how often the
    new category was to come again, so that its second and third coming soon add to the evidence. It goes up with every
    new category, so that a feature that becomes an id falls silent by itself. A value costs the same however many came
    before it.
    """

    __slots__ = ("_fresh", "_n", "_once", "_seen", "watched")

    def __init__(self, values: Sequence[str]) -> None:
        self._seen: dict[str, int] = {}
        self._fresh: dict[str, Fresh] = {}
        self._n = self._once = 0
        self.watched = True
        for value in values:  # nothing is told of the reference, so that nothing is judged
            self._take(value)
        self.watched = self.watched and self._once <= _MOSTLY_NEW * self._n

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def n(self) -> int:
        """Values seen."""
        return self._n

    def update(self, value: str) -> float | None:
        """Take a category; the p-value of its newness if it is new and by now improbable enough to be told, once."""
        if not self.watched:
            return None
        times = self._seen.get(value, 0)
        if not times:
            p_new = max(float(self._once), _RULE_OF_THREE) / self._n if self._n else 1.0
            self._fresh[value] = Fresh(p_new, self._n)
            if len(self._fresh) > _MOST_FRESH:
                del self._fresh[next(iter(self._fresh))]
        self._take(value)
        fresh = self._fresh.get(value)
        if fresh is None:
            return None
        p = fresh.p_new * poisson_sf(times, fresh.p_new * (self._n - 1 - fresh.n))
        if p > SURPRISING:
            return None
        del self._fresh[value]
        return probability(p)

    def _take(self, value: str) -> None:
        if not self.watched:
            return
        times = self._seen.get(value, 0)
        self._n += 1
        self._once += (times == 0) - (times == 1)
        self._seen[value] = times + 1
        if len(self._seen) >= MOST_CATEGORIES:
            self.watched = False
            self._seen.clear()
            self._fresh.clear()


class Schema:
    """Whether values still have the type that all of the reference's had."""

    __slots__ = ("_n", "_run", "changed", "type")

    def __init__(self, usual: Type, n: int) -> None:
        self.type = usual
        self._n = n
        self._run = 0
        self.changed = False

    def update(self, found: Type) -> float | None:
        """Take the type of a value; the p-value of the change of schema if there is one with this value.

        By Laplace's rule of succession, after n values of one type the next three are all of another with probability
        3!/((n+1)(n+2)(n+3)).
        """
        if (found == self.type) != self.changed:
            self._run = 0  # as it was before, whichever that is
            return None
        self._run += 1
        if self._run < IN_A_ROW:
            return None
        self._run = 0
        self.changed = not self.changed
        if not self.changed:
            return None
        return probability(math.factorial(IN_A_ROW) / math.prod(self._n + i for i in range(1, IN_A_ROW + 1)))
