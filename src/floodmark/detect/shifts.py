"""Heads that look over a long window: a mean that drifts, a spread that changes. They see what no single point shows.

Both windows are fading means, of deviations that are clipped: a spike is neither a drift nor a spread. Their scales
remember thousands of points, for the windows of neighbouring points are nearly the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Final

from floodmark.detect.heads import Context, Scale
from floodmark.detect.mean import FadingMean

_CLIP: Final = 4.0
_MEMORY: Final = 0.0005
_WARM: Final = 2000
_DRIFT: Final = 0.01
_MEMORY_DRIFT: Final = 0.00025
_WARM_DRIFT: Final = 4000
"""A drift comes so slowly that a scale which remembers less would learn it first."""
_SPREAD: Final = 1 / 32
_WHITE: Final = 0.07
"""Of the scale of points, that of their fading mean if each is drawn anew: the root of _DRIFT / (2 - _DRIFT)."""
FULL_DRIFT: Final = 96
FULL_SPREAD: Final = 64
"""Points with which a window has seen enough to be judged."""
_FINEST: Final = 0.1
"""Smallest scale of a logarithm: that of the mean of 32 steps of noise without memory."""
_ADOPTS: Final = 0.6
"""Logarithm of the least factor that a few points can tell from one."""


class Drift:
    """How far the mean of the last 100 points or so is from that of the last 2,000, season aside: a leak, a small step.

    The long-run level itself follows a leak too soon.
    """

    __slots__ = ("_far", "_mean", "_n", "_scale", "_usual")
    name = "drift"

    def __init__(self) -> None:
        self._far = FadingMean(_MEMORY, _WARM)
        self._usual = Scale()
        self._scale = Scale(_MEMORY_DRIFT, _WARM_DRIFT)
        self._mean = 0.0
        self._n = 0

    def _next(self, x: Context) -> float:
        """The window's mean with this point in it."""
        deviation = x.value - x.season - self._far.value if self._n else 0.0
        if self._n >= 10:
            reach = _CLIP * self._usual.get(x.floor)
            deviation = min(max(deviation, -reach), reach)
        return self._mean + _DRIFT * (deviation - self._mean)

    def _finest(self, x: Context) -> float:
        """Smallest scale of the window: of noise without memory. A young scale, of few windows, may be far less."""
        return max(x.floor / 8, _WHITE * self._usual.get(x.floor))

    def score_one(self, x: Context) -> float:
        return self._next(x) / self._scale.get(self._finest(x)) if self._n > FULL_DRIFT else 0.0

    def learn_one(self, x: Context) -> None:
        self._mean = self._next(x)
        self._usual.learn_one(x.value - x.slow, x.floor)
        if self._n >= FULL_DRIFT:
            self._scale.learn_one(self._mean, x.floor / 8)
        self._far.update(x.value - x.season)
        self._n += 1

    def adopt(self, level: float, points: int) -> None:
        """The series is at this level, the mean of so many points, for good."""
        self._far.restart(level, points)
        self._mean = 0.0

    def follow(self, x: Context) -> None:
        self._mean = self._next(x)

    def restart(self) -> None:
        self._mean = 0.0

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        scale = self._scale.get(self._finest(x))
        usual = self._far.value + x.season
        return usual, usual - down * scale, usual + up * scale

    def observed(self, x: Context) -> float:
        return self._far.value + x.season + self._next(x)


class Variance:
    """How far the steps from point to point, of the last 32 or so, are from what they usually are, as a logarithm.

    A step is not a residual: while an alarm is open the forecast stands still, and residuals would grow of themselves.
    """

    __slots__ = ("_centre", "_last", "_n", "_scale", "_short", "_usual")
    name = "variance"

    def __init__(self) -> None:
        self._usual = Scale(_MEMORY, _WARM)
        self._centre = FadingMean(_MEMORY, _WARM)
        self._scale = Scale(_MEMORY, _WARM)
        self._last = 0.0
        self._short = 0.0
        self._n = 0

    def _next(self, x: Context) -> float:
        """The window's mean step with this point in it."""
        if not self._n:
            return 0.0
        step = abs(x.value - self._last)
        if self._n > 10:
            step = min(step, _CLIP * self._usual.get(x.floor))
        share = max(_SPREAD, 1 / self._n)
        return self._short + share * (step - self._short)

    def _deviation(self, short: float, x: Context) -> float:
        return math.log(max(short, x.floor)) - self._centre.value

    def score_one(self, x: Context) -> float:
        if self._n <= FULL_SPREAD + 1:
            return 0.0
        return self._deviation(self._next(x), x) / self._scale.get(_FINEST)

    def learn_one(self, x: Context) -> None:
        self._short = self._next(x)
        if self._n:
            self._usual.learn_one(x.value - self._last, x.floor)
        self._last = x.value
        if self._n >= FULL_SPREAD:
            deviation = self._deviation(self._short, x)
            if self._n > FULL_SPREAD:
                self._scale.learn_one(deviation, _FINEST)
            self._centre.update(self._centre.value + deviation)
        self._n += 1

    def adopt(self, values: Sequence[float]) -> float:
        """The series varies for good as these values do. By what factor more than before; 1 if that is not clear."""
        step = fmean(abs(after - before) for before, after in pairwise(values)) if len(values) > 1 else 0.0
        usual = self._usual._mean
        if not step or not usual.value:
            return 1.0
        change = math.log(step / usual.value)
        if abs(change) < _ADOPTS:
            return 1.0
        factor = math.exp(change)
        self._centre.restart(self._centre.value + change, self._centre.n)
        usual.restart(usual.value * factor, usual.n)
        return factor

    def follow(self, x: Context) -> None:
        self._short = self._next(x)
        self._last = x.value

    def restart(self) -> None:
        if self._n > FULL_SPREAD:
            self._short = math.exp(self._centre.value)

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        usual, scale = math.exp(min(self._centre.value, 300.0)), self._scale.get(_FINEST)
        return usual, usual * math.exp(-down * scale), usual * math.exp(min(up * scale, 50.0))

    def observed(self, x: Context) -> float:
        return self._next(x)
