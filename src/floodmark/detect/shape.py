"""A head for the form of a series: a beat that is missing, a cycle turned over. No value, level or spread need be odd.

The last 64 points are held against every stretch as long of the 448 points before them, as sixteen means of four
points each, less their mean. The distance to the nearest is that of a discord which looks back only (Lu et al. 2022,
"Matrix Profile XXIV", DAMP). It is taken as a share of the energy, which counts as at least the usual one: so noise
around a series at rest is not blown up into a shape. A window of more than the usual energy may be shrunk, to no less
than that, if it is nearer then: so a series that only swings wider is no new shape either.
"""

from __future__ import annotations

import math
from array import array
from typing import Final

import numpy as np

from floodmark.detect.heads import Context, Scale
from floodmark.detect.mean import FadingMean

_CLIP: Final = 6.0
_MEMORY: Final = 0.0005
_WARM: Final = 2000
_BLOCK: Final = 4
"""Points of a mean."""
_WINDOW: Final = 16
"""Means that are a shape."""
_PAST: Final = 112
"""Means before the window that are remembered."""
SPAN: Final = _BLOCK * _WINDOW
"""Points that are a shape."""
_LEAST: Final = 48
"""Means of the past with which it begins to compare."""
_HOLE: Final = 4.5
"""Intervals without a point over which no shape reaches. Within less the points that are missing are drawn in."""
_FOREVER: Final = 1e15
_LEARNED: Final = 32
"""Comparisons after which it is known how far a shape usually is from all earlier ones."""
_FADE: Final = 0.002
_MANY: Final = 500
_FINEST: Final = 0.05
"""Smallest scale of a logarithm, as of `Variance`."""
_TINY: Final = 1e-12


class Shape:
    """How far the last 64 points are from all that came before, whatever their level, against what is usual.

    z is that of the distance's logarithm, upwards only. It is computed with every fourth point, from what was learned
    until then, and holds for the four that follow.
    """

    __slots__ = (
        "_before",
        "_centre",
        "_energy",
        "_far",
        "_last",
        "_past",
        "_points",
        "_scale",
        "_size",
        "_sum",
        "_usual",
        "_window",
        "_z",
    )
    name = "shape"

    def __init__(self) -> None:
        self._size = Scale(_MEMORY, _WARM)
        self._last = 0.0
        self._before = 0.0
        self._sum = 0.0
        self._points = 0
        self._window = array("f")
        self._past = array("f")
        self._energy, self._centre, self._scale = _fresh()
        self._z = 0.0
        self._far = 0.0
        self._usual = 0.0

    def score_one(self, x: Context) -> float:
        return self._z

    def learn_one(self, x: Context) -> None:
        self._take(x, normal=True)
        self._size.learn_one(x.value - x.slow, x.floor)

    def follow(self, x: Context) -> None:
        self._take(x, normal=False)

    def restart(self) -> None:
        """The unfinished mean goes on: what comes is cut at the same phases as the past."""
        self._window = array("f")
        self._z = 0.0

    def adopt(self) -> None:
        """What comes is normal whatever its shape: it is held against none that was before, nor against how far from
        each other those were."""
        self._past = array("f")
        self._energy, self._centre, self._scale = _fresh()

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        return self._usual, 0.0, self._usual * math.exp(min(up * self._scale.get(_FINEST), 50.0))

    def observed(self, x: Context) -> float:
        """The distance, as the root of a mean square in the series' unit."""
        return self._far

    def _take(self, x: Context, *, normal: bool) -> None:
        """Move on by a point. Only what is `normal` becomes a part of the past, when it leaves the window."""
        size = self._size.get(x.floor)
        deviation = min(max((x.value - x.slow) / size, -_CLIP), _CLIP)
        after = (x.time - self._last) / x.interval if x.interval else 1.0
        before, self._before, self._last = self._before, deviation, x.time
        if after > _HOLE:
            self.restart()
            self._points = (self._points + round(min(after, _FOREVER)) - 1) % _BLOCK
            self._sum = self._points * deviation
            after = 1.0
        steps = max(round(after), 1)
        for step in range(1, steps + 1):
            self._sum += before + (deviation - before) * (step / steps)
            self._points += 1
            if self._points == _BLOCK:
                self._shift(normal=normal)
                if len(self._window) == _WINDOW and len(self._past) >= _LEAST:
                    self._compare(x.floor / size, size, normal=normal)

    def _shift(self, *, normal: bool) -> None:
        self._window.append(self._sum / _BLOCK)
        self._sum, self._points = 0.0, 0
        if len(self._window) > _WINDOW:
            oldest = self._window.pop(0)
            if normal:
                self._past.append(oldest)
                del self._past[:-_PAST]

    def _compare(self, floor: float, size: float, *, normal: bool) -> None:
        least = max(floor * floor * _BLOCK, _TINY)
        usual = max(self._energy.value, least)
        nearest, energy = self._nearest(usual, least)
        distance = 0.5 * math.log(nearest)
        known = self._centre.n
        deviation = distance - self._centre.value if known else 0.0
        self._z = max(deviation / self._scale.get(_FINEST), 0.0) if known > _LEARNED else 0.0
        unit = math.sqrt(usual / _WINDOW) * size
        self._far, self._usual = unit * math.exp(distance), unit * math.exp(distance - deviation)
        if normal:
            self._scale.learn_one(deviation, _FINEST)
            self._centre.update(distance)
            self._energy.update(energy)

    def _nearest(self, usual: float, least: float) -> tuple[float, float]:
        """Square of the distance to the nearest stretch of the past, as a share of the energy, and the energy."""
        total = 0.0
        for value in self._window:
            total += value
        window = [value - total / _WINDOW for value in self._window]
        energy = 0.0
        for value in window:
            energy += value * value
        past = np.frombuffer(self._past, np.float32).astype(np.float64)
        stretches = len(past) - _WINDOW + 1
        sums, squares, products = np.zeros(stretches), np.zeros(stretches), np.zeros(stretches)
        for i, value in enumerate(window):
            part = past[i : i + stretches]
            sums += part
            squares += part * part
            products += value * part
        own = max(energy, _TINY)
        swing = np.clip(products / own, min(math.sqrt(usual / own), 1.0), 1.0)
        shrunk = swing * swing * own
        apart = shrunk - 2.0 * swing * products + (squares - sums * sums / _WINDOW)
        return float((np.maximum(apart, least) / np.maximum(shrunk, usual)).min()), energy


def _fresh() -> tuple[FadingMean, FadingMean, Scale]:
    """A window's energy, and the distance's logarithm and its scale, of which nothing is known."""
    return FadingMean(_FADE, _MANY), FadingMean(_FADE, _MANY), Scale(_FADE, _MANY)
