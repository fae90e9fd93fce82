"""Has a feature, or a prediction, left its reference? Blocks of recent values against the frozen reference, and ADWIN.

Values come as places in [0, 1] (see `reference`). A block of them is compared with the reference in three ways: the
mean place (a rank-sum test: a shift), the mean distance of the place from the middle (as in Ansari & Bradley 1960: a
change of spread, which ADWIN on the values alone misses) and a chi-square over the bins (anything else). Each p-value
is corrected for the autocorrelation that the reference showed.

A drift is reported when two consecutive, disjoint blocks disagree with the reference, both together improbable beyond
one in a million and large enough to matter, and River's ADWIN, which runs on the places and the distances over all
time, has moved its window's mean as well; a change of shape alone, which no mean shows, must last for four blocks.

Never reports the same drift twice: it is quiet until four blocks in a row agree with the reference again. The limit to
know: against a reference that does not cover a season (a day, mostly), the season is a drift; choose `reference` so
that it does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from floodmark.detect.predictions.learners import ADWIN
from floodmark.detect.predictions.tests_of_change import (
    Moments,
    design_effect,
    moments,
    normal_two_sided,
    probability,
    same_shares,
    stability_index,
    two_means_z,
)

SIGNIFICANT: Final = 1e-6
"""Of two blocks together."""
DISAGREES: Final = 0.01
"""Of each block by itself."""
MOVED: Final = 0.05
"""Least change of a mean place that matters: a shift by about a sixth of a standard deviation."""
ANOTHER_POPULATION: Final = 0.1
"""Least population stability index that matters."""
CALM: Final = 4
"""Blocks in a row that agree with the reference before a drift is over; fewer, and a weak one would be told again."""
_ALONE: Final = 4
"""Blocks in a row that report a drift that ADWIN does not see."""
_TESTS: Final = 3

Kind = Literal["shift", "spread", "shape"]


class Blocks(NamedTuple):
    """How a stream is cut into blocks: values, seconds of event time at the least, and how many are remembered."""

    size: int
    every: float
    kept: int


class Verdict(NamedTuple):
    """How two blocks differ from the reference. `moved`: change of the mean place (shift) or distance (spread)."""

    kind: Kind
    p_value: float
    moved: float
    stability_index: float
    n: int
    counts: list[int]


class Block:
    """What is kept of a block of places: sums and a histogram."""

    __slots__ = ("counts", "distance", "distance_squared", "n", "place", "place_squared", "since")

    def __init__(self, bins: int, since: float) -> None:
        self.since = since
        self.n = 0
        self.place = self.place_squared = self.distance = self.distance_squared = 0.0
        self.counts = [0] * bins

    def __add__(self, other: Block) -> Block:
        both = Block(len(self.counts), self.since)
        both.n = self.n + other.n
        both.place, both.place_squared = self.place + other.place, self.place_squared + other.place_squared
        both.distance = self.distance + other.distance
        both.distance_squared = self.distance_squared + other.distance_squared
        both.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        return both


class Drift:
    """The drift of one stream of places against `places` and `counts`, the reference's own places and histogram.

    `blocks.size`: values of a block; `blocks.every`: seconds of event time that a block lasts at least. `history`: the
    end and the histogram of the last `blocks.kept` blocks.
    """

    __slots__ = (
        "_block",
        "_blocks",
        "_calm",
        "_centre",
        "_counts",
        "_distances_adwin",
        "_effects",
        "_places_adwin",
        "_previous",
        "_run",
        "_width",
        "drifted",
        "history",
        "recovered",
    )

    def __init__(self, places: Sequence[float], counts: list[int], blocks: Blocks, now: float) -> None:
        distances = [abs(2.0 * u - 1.0) for u in places]
        self._counts = counts
        self._blocks = blocks
        self.history: deque[tuple[float, list[int]]] = deque(maxlen=blocks.kept)
        self._centre, self._width = moments(places), moments(distances)
        self._effects = (design_effect(places), design_effect(distances))
        self._places_adwin, self._distances_adwin = ADWIN(), ADWIN()
        for u, s in zip(places, distances, strict=True):
            self._places_adwin.update(u)
            self._distances_adwin.update(s)
        self._block = Block(len(counts), now)
        self._previous: Block | None = None
        self._run = self._calm = 0
        self.drifted = False
        self.recovered = 0

    @property
    def effect(self) -> float:
        """By how much autocorrelation inflates the variance of means; at least 1."""
        return max(self._effects)

    @property
    def reference(self) -> list[int]:
        """The histogram of the reference."""
        return self._counts

    def stands(self) -> tuple[float, float, list[int] | None]:
        """Of the last whole block: its stability index, the p-value against the reference, and its histogram; 0, 1 and
        None while there is none."""
        block = self._previous
        if block is None or not block.n:
            return 0.0, 1.0, None
        verdict = self._compare(block, matters=False)
        return verdict.stability_index, verdict.p_value, block.counts

    def update(self, place: float, index: int, now: float) -> bool:
        """Take a value's place and bin at event time `now`; whether the block is complete and wants to be closed."""
        block = self._block
        distance = abs(2.0 * place - 1.0)
        block.n += 1
        block.place += place
        block.place_squared += place * place
        block.distance += distance
        block.distance_squared += distance * distance
        block.counts[index] += 1
        self._places_adwin.update(place)
        self._distances_adwin.update(distance)
        return block.n >= self._blocks.size and now - block.since >= self._blocks.every

    def close(self, now: float) -> Verdict | None:
        """Judge the block, begin the next one; the verdict if a drift begins with it."""
        block, previous = self._block, self._previous
        self._previous, self._block = block, Block(len(self._counts), now)
        self.history.append((now, block.counts))
        verdict = self._compare(block, matters=False)
        if verdict.p_value >= DISAGREES:
            self._run = 0
            self._calm += 1
            if self.drifted and self._calm >= CALM:
                self.drifted = False
                self.recovered += 1
            return None
        self._calm = 0
        self._run += 1
        if self.drifted or previous is None or self._run < 2:
            return None
        verdict = self._compare(previous + block, matters=True)
        if verdict.p_value > SIGNIFICANT or not (self._run >= _ALONE or self._adwin_agrees()):
            return None
        self.drifted = True
        return verdict

    def _adwin_agrees(self) -> bool:
        """ADWIN has cut its window so that what is left is no longer like the reference."""
        return (
            abs(self._places_adwin.estimation - self._centre.mean) >= MOVED / 2
            or abs(self._distances_adwin.estimation - self._width.mean) >= MOVED / 2
        )

    def _compare(self, block: Block, *, matters: bool) -> Verdict:
        """The most improbable of the three tests, its p-value times three; with `matters`, small effects are none."""
        centre = _moments(block.n, block.place, block.place_squared)
        width = _moments(block.n, block.distance, block.distance_squared)
        shift, spread = centre.mean - self._centre.mean, width.mean - self._width.mean
        index = stability_index(self._counts, block.counts)
        p_shift = normal_two_sided(two_means_z(self._centre, centre, self._effects[0]))
        p_spread = normal_two_sided(two_means_z(self._width, width, self._effects[1]))
        p_shape = same_shares(self._counts, block.counts, self.effect)
        if matters:
            p_shift = p_shift if abs(shift) >= MOVED else 1.0
            p_spread = p_spread if abs(spread) >= MOVED else 1.0
            p_shape = p_shape if index >= ANOTHER_POPULATION else 1.0
        kind: Kind = "spread" if p_spread < p_shift else "shift"
        p = min(p_shift, p_spread)
        # A large shift changes the shape even more improbably, but says less: the plain words win where they suffice.
        if _TESTS * p > SIGNIFICANT and p_shape < p:
            kind = "shape"
        moved = {"shift": shift, "spread": spread, "shape": 0.0}[kind]
        p = min(p, p_shape)
        return Verdict(kind, probability(_TESTS * p), moved, index, block.n, block.counts)


def _moments(n: int, total: float, squared: float) -> Moments:
    mean = total / n
    return Moments(n, mean, max(0.0, squared / n - mean * mean))
