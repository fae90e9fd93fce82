"""When a series will reach the limit that its detector names: a disk that fills, a pool that runs dry.

Lines are fitted to the past over several spans, by least squares with exponentially fading weights. How far a line can
be trusted is not left to theory, which knows neither seasons nor wandering: each line keeps foretelling, and what it
erred by when the time had come is its uncertainty. Student's t stands for how few independent errors there were.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from floodmark.config.models import Limit
from floodmark.detect.heads import Context
from floodmark.detect.mean import FadingMean
from floodmark.detect.tail import Tail

_SPANS: Final = (1_800.0, 14_400.0, 86_400.0)
"""Seconds over which the weights of points fade to 1/e."""
_AHEAD: Final = 8.0
"""A line looks as many spans ahead, and no further."""
_FORETOLD: Final = 16
"""Values that are foretold and waited for at any time."""
_INDEPENDENT: Final = 3.0
"""Errors of which none overlaps another, before a line is listened to."""
_MEMORY: Final = 259_200.0
"""Seconds for which errors are remembered, at least: days differ within themselves, so it takes some."""
_POINTS: Final = 5.0
"""Points that a line rests on, at least, by its weights."""
_CLIP: Final = 6.0
"""Times the usual size that one deviation, or one error, counts for at most."""
_TO_SIGMA: Final = 1.2533
_EXCEEDED: Final = 8.0
"""The z of a value at or beyond the limit, which is a fact and not a matter of chance."""
_SURE: Final = 1.96
"""The time that is left lies between the ones that are told in 19 of 20 cases."""


class Outlook(NamedTuple):
    """When the limit will be reached: in how many seconds, with the bounds of an interval (`late`: None if the line may
    never get there). `left` is 0 where the limit is reached. `slope` is a second."""

    limit: float
    above: bool
    left: float
    early: float
    late: float | None
    slope: float


class Foretold(NamedTuple):
    """What a line said that the value would be at a time."""

    due: float
    value: float


class Line:
    """A line over one span of the past, with what it erred by.

    Its uncertainty ahead is that of the fit, its residual variance corrected for their autocorrelation at lag 1 as for
    an AR(1) process, and beside it that of its past errors, in proportion to how far ahead it is asked.
    """

    __slots__ = (
        "_error",
        "_foretold",
        "_lagged",
        "_last",
        "_made",
        "_mean",
        "_n",
        "_residual",
        "_span",
        "_squares",
        "_time",
        "_tt",
        "_ty",
        "_weight",
        "_weight_squared",
    )

    def __init__(self, span: float) -> None:
        self._span = span
        spacing = self.ahead / _FORETOLD
        self._error = FadingMean(spacing / max(_MEMORY, 6 * self.ahead), warm=round(max(_MEMORY / spacing, 96)))
        self._foretold: deque[Foretold] = deque()
        self._made = -math.inf
        self._n = 0
        self._last = self._time = self._mean = 0.0
        self._weight = self._weight_squared = 0.0
        self._tt = self._ty = self._squares = self._lagged = self._residual = 0.0

    @property
    def ahead(self) -> float:
        """Seconds that it looks ahead."""
        return _AHEAD * self._span

    @property
    def freedom(self) -> float:
        """Errors so far of which none overlaps another."""
        return self._error.n / _FORETOLD

    @property
    def slope(self) -> float:
        return self._ty / self._tt if self._tt > 0 else 0.0

    def at(self, time: float) -> float:
        return self._mean + self.slope * (time - self._time)

    def sigma(self, ahead: float, floor: float) -> float:
        """The uncertainty of what it says of `ahead` seconds after its newest point."""
        if not self._weight or not self._tt:
            return math.inf
        rho = min(max(self._lagged / self._squares, 0.0), 0.98) if self._squares else 0.0
        variance = self._squares / self._weight * (1 + rho) / (1 - rho)
        share = self._weight_squared / self._weight
        far = self._last + ahead - self._time
        fit = variance * share * (1 / self._weight + far * far / self._tt)
        erred = max(_TO_SIGMA * self._error.value, floor) * ahead / self.ahead
        return math.sqrt(fit + erred * erred)

    @property
    def trusted(self) -> bool:
        return self.freedom >= _INDEPENDENT and self._sound

    def learn_one(self, time: float, value: float, floor: float) -> None:
        self._check(time, value, floor)
        keep = math.exp((self._last - time) / self._span) if self._n else 1.0
        residual = value - self.at(time) if self._n > 1 else 0.0
        if self._n >= 10:
            reach = _CLIP * max(math.sqrt(self._squares / self._weight), floor)
            residual = min(max(residual, -reach), reach)
            value = self.at(time) + residual
        self._n = min(self._n + 1, 10)
        self._last = time
        self._squares = keep * self._squares + residual * residual
        self._lagged = keep * self._lagged + residual * self._residual
        self._residual = residual
        self._weight = keep * self._weight + 1
        self._weight_squared = keep * keep * self._weight_squared + 1
        after = time - self._time
        self._time += after / self._weight
        above = value - self._mean
        self._mean += above / self._weight
        self._tt = keep * self._tt + after * (time - self._time)
        self._ty = keep * self._ty + after * (value - self._mean)
        if self._sound and time >= self._made + self.ahead / _FORETOLD:
            self._foretold.append(Foretold(time + self.ahead, self.at(time + self.ahead)))
            self._made = time

    @property
    def _sound(self) -> bool:
        return self._weight * self._weight >= _POINTS * self._weight_squared and self._tt > 0

    def _check(self, time: float, value: float, floor: float) -> None:
        """What was foretold of now."""
        while self._foretold and self._foretold[0].due <= time:
            foretold = self._foretold.popleft()
            if time - foretold.due > self.ahead / _FORETOLD + self._span / 4:
                continue  # nothing came at the time
            error = abs(value - foretold.value)
            if self._error.n >= _FORETOLD:
                error = min(error, _CLIP * max(self._error.value, floor))
            self._error.update(error)


class TimeToLimit:
    """The head: how sure it is that the limit is reached within the time that the detector names. It is a z of the
    normal distribution (see `Surety`), upwards for a limit above.

    It learns the points of an open alarm as well: what it foretells goes on.
    """

    __slots__ = ("_above", "_below", "_lines", "_within")
    name = "limit"

    def __init__(self, limit: Limit) -> None:
        self._lines = [Line(span) for span in _SPANS]
        self.aim(limit)

    def aim(self, limit: Limit) -> None:
        """From now on this is the limit. What was learned is as good as before."""
        self._above, self._below, self._within = limit.above, limit.below, limit.within

    def score_one(self, x: Context) -> float:
        _, z = self._surest(x)
        return z

    def learn_one(self, x: Context) -> None:
        for line in self._lines:
            line.learn_one(x.time, x.value, x.floor)

    def follow(self, x: Context) -> None:
        self.learn_one(x)

    def restart(self) -> None:
        pass

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        low = -math.inf if self._below is None else self._below
        return x.expected, low, math.inf if self._above is None else self._above

    def observed(self, x: Context) -> float:
        return x.value

    def outlook(self, x: Context) -> Outlook | None:
        """What the surest line says; None if no line gets there."""
        line, z = self._surest(x)
        above = z > 0
        limit = self._above if above else self._below
        if limit is None or not z:
            return None
        if line is None:
            return Outlook(limit, above, 0.0, 0.0, 0.0, max(self._lines, key=lambda each: each.freedom).slope)
        sign = 1.0 if above else -1.0
        width = _student(_SURE, line.freedom)
        start, slope = line.at(x.time), line.slope

        def reached(ahead: float, widths: float) -> bool:
            return sign * (start + slope * ahead - limit) + widths * line.sigma(ahead, x.floor) >= 0

        best = max(0.0, (limit - start) / slope)
        early = _first(partial(reached, widths=width), best)
        return Outlook(limit, above, best, early or 0.0, _first(partial(reached, widths=-width), best), slope)

    def _surest(self, x: Context) -> tuple[Line | None, float]:
        """The line that is surest and its z, 0 if none gets there; no line where the limit is reached."""
        surest: Line | None = None
        best = 0.0
        for limit, sign in ((self._above, 1.0), (self._below, -1.0)):
            if limit is None:
                continue
            if sign * (x.value - limit) >= 0:
                return None, sign * _EXCEEDED
            for line in self._lines:
                ahead = min(self._within, line.ahead)
                if not line.trusted or sign * line.slope <= 0:
                    continue
                beyond = sign * (line.at(x.time + ahead) - limit)
                if beyond > 0:
                    z = _normal(beyond / max(line.sigma(ahead, x.floor), 1e-300), line.freedom)
                    if z > abs(best):
                        surest, best = line, sign * min(z, _EXCEEDED)
        return surest, best


class Surety(Tail):
    """The tail of this head: nothing is learned, for its z is a normal one; the largest of all lines'."""

    __slots__ = ()

    def score_one(self, z: float) -> float:
        return min(1.0, max(len(_SPANS) * 0.5 * math.erfc(abs(z) / math.sqrt(2.0)), 1e-300)) if z else 1.0

    def learn_one(self, z: float) -> None:
        pass

    def quantiles(self, p: float) -> tuple[float, float]:
        return 0.0, 0.0  # its band is the limit


def _first(holds: Callable[[float], bool], about: float) -> float | None:
    """The first time ahead, somewhere about `about`, from which on it holds; None if it is far."""
    if holds(0.0):
        return 0.0
    low, high = 0.0, max(about, 1.0)
    while not holds(high):
        low, high = high, 2 * high
        if high > 64 * max(about, 1.0):
            return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _normal(t: float, freedom: float) -> float:
    """The z that is as improbable as Student's t (Wallace 1959, Annals of Mathematical Statistics 30)."""
    return (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))


def _student(z: float, freedom: float) -> float:
    """Inverse of `_normal`."""
    z *= (8 * freedom + 3) / (8 * freedom + 1)
    return math.sqrt(freedom * math.expm1(z * z / freedom))
