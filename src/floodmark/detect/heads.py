"""Heads: the parts of a series model that each look at a point in one way and say how far out it is.

A head takes the point and what was forecast of it and returns a signed z: how many of its own scales the point is
from what it expects (unsaturated; the sign is the direction). `score_one` comes before `learn_one`, so a point is never
part of its own baseline. Turning z into a p-value is not a head's business (see `tail`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple, Protocol

from river.base import AnomalyDetector
from river.compose import Pipeline

from floodmark.detect.mean import FadingMean
from floodmark.detect.tail import gaussian

_TO_SIGMA: Final = 1.2533  # a Gaussian's standard deviation over its mean absolute deviation
_CLIP: Final = 6.0  # scales learn at most this many scales from one point: a spike must not hide the next one

_BURN_IN: Final = 10
"""Points that a River model sees before its scores are looked at."""


class Context(NamedTuple):
    """A point and what was expected of it before it came: by the forecaster, and by the long-run level plus season."""

    time: float
    value: float
    expected: float
    slow: float
    floor: float
    """Smallest scale that makes sense for the series: without it a constant series would have infinite surprises."""
    interval: float = 0.0
    """Usual seconds between points; 0 while there are not two."""
    season: float = 0.0
    """Of `slow`, what is of the season."""


WINDOWED: Final = frozenset(("level", "drift", "variance", "shape"))
"""Heads that look over a window: they stay odd long after the points are normal again."""


class Head(Protocol):
    """Law 9's `score_one`/`learn_one`, over a context instead of a feature dict."""

    name: str

    def score_one(self, x: Context) -> float: ...
    def learn_one(self, x: Context) -> None: ...
    def follow(self, x: Context) -> None:
        """Move windows on without learning: an open alarm is watched, not taken as normal."""
        ...

    def restart(self) -> None:
        """Empty the windows: the points of an alarm that is over are no evidence for the next one."""
        ...

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        """Expected, low and high, in the series' unit, where z stays within -`down` and `up`."""
        ...

    def observed(self, x: Context) -> float:
        """What the band is to be held against: the value, or its mean over the head's window."""
        ...


class Scale:
    """The typical size of a deviation, as a standard deviation: a fading mean of its absolute value, clipped."""

    __slots__ = ("_mean",)

    def __init__(self, fading_factor: float = 0.01, warm: int = 100) -> None:
        self._mean = FadingMean(fading_factor, warm)

    def get(self, floor: float) -> float:
        """At least `floor`; infinite before the first deviation."""
        mean = self._mean
        size = mean.value * _TO_SIGMA
        return (size if size > floor else floor) if mean.n else math.inf

    def learn_one(self, deviation: float, floor: float) -> None:
        mean = self._mean
        size = abs(deviation)
        if mean.n >= 10:
            limit = _CLIP * max(mean.value, floor)
            size = size if size < limit else limit
        mean.update(size)


class ForecastResidual:
    """How far the point is from the forecast of its own level and season."""

    __slots__ = ("_scale",)
    name = "forecast"

    def __init__(self) -> None:
        self._scale = Scale()

    def score_one(self, x: Context) -> float:
        return (x.value - x.expected) / self._scale.get(x.floor)

    def adopt(self, factor: float) -> None:
        """The series spreads by so many times what it did, for good."""
        mean = self._scale._mean
        mean.restart(mean.value * factor, mean.n)

    def learn_one(self, x: Context) -> None:
        self._scale.learn_one(x.value - x.expected, x.floor)

    def follow(self, x: Context) -> None:
        pass

    def restart(self) -> None:
        pass

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        scale = self._scale.get(x.floor)
        return x.expected, x.expected - down * scale, x.expected + up * scale

    def observed(self, x: Context) -> float:
        return x.value


class Range:
    """How far the point is outside all that the series has ever been; 0 inside. Up and down have own scales."""

    __slots__ = ("_centre", "_down", "_n", "_up", "high", "low")
    name = "range"

    def __init__(self) -> None:
        self._centre = FadingMean(0.002, warm=500)
        self._up = Scale(0.002)
        self._down = Scale(0.002)
        self._n = 0
        self.low = math.inf
        self.high = -math.inf

    def score_one(self, x: Context) -> float:
        if self.low <= x.value <= self.high or not self._n:
            return 0.0
        deviation = x.value - self._centre.value
        return deviation / (self._up if deviation > 0 else self._down).get(x.floor)

    def learn_one(self, x: Context) -> None:
        self._n += 1
        centre = self._centre.value if self._n > 1 else x.value
        self._centre.update(x.value)
        (self._up if x.value >= centre else self._down).learn_one(x.value - centre, x.floor)
        # The extremes creep inwards so that a range seen once, long ago, does not hide new extremes for ever.
        creep = 0.0002 * (self.high - self.low) if self._n > 1 else 0.0
        self.low = min(self.low + creep, x.value)
        self.high = max(self.high - creep, x.value)

    def adopt(self, moved: float, values: Sequence[float]) -> None:
        """The series has moved for good, by so much: where these values are is within its range."""
        self._centre.restart(self._centre.value + moved, self._centre.n)
        self.low, self.high = min(self.low, *values), max(self.high, *values)

    def follow(self, x: Context) -> None:
        pass

    def restart(self) -> None:
        pass

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        return self._centre.value, self.low, self.high  # what it has been, whatever z

    def observed(self, x: Context) -> float:
        return x.value


class LevelShift:
    """How far the mean of the last few points is from the long-run level; two window lengths, the larger z speaks."""

    __slots__ = ("_recent", "_scales")
    name = "level"
    windows = (4, 16)

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=self.windows[-1])
        self._scales = tuple(Scale(0.004) for _ in self.windows)

    def _means(self, x: Context) -> list[tuple[float, Scale, float]]:
        """Mean deviation, scale and smallest scale of each window that is full, this point included."""
        recent = [*self._recent, x.value - x.slow]
        return [
            (math.fsum(recent[-w:]) / w, scale, x.floor / math.sqrt(w))
            for w, scale in zip(self.windows, self._scales, strict=True)
            if len(recent) >= w
        ]

    def score_one(self, x: Context) -> float:
        return max((mean / scale.get(floor) for mean, scale, floor in self._means(x)), key=abs, default=0.0)

    def learn_one(self, x: Context) -> None:
        for mean, scale, floor in self._means(x):
            scale.learn_one(mean, floor)
        self._recent.append(x.value - x.slow)

    def follow(self, x: Context) -> None:
        self._recent.append(x.value - x.slow)

    def restart(self) -> None:
        self._recent.clear()

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        _, scale, floor = self._oddest(x)
        return x.slow, x.slow - down * scale.get(floor), x.slow + up * scale.get(floor)

    def observed(self, x: Context) -> float:
        return x.slow + self._oddest(x)[0]

    def _oddest(self, x: Context) -> tuple[float, Scale, float]:
        """The window that speaks."""
        nothing = (0.0, self._scales[0], x.floor)
        return max(self._means(x), key=lambda window: abs(window[0] / window[1].get(window[2])), default=nothing)


class Flatline:
    """How odd it is that the value has not changed for so long, for a series that usually changes.

    z is the Gaussian equivalent of (1 - q)^run, q being the share of points at which the series changes.
    """

    __slots__ = ("_changed", "_last", "_longest", "_n", "_run")
    name = "flatline"

    def __init__(self) -> None:
        self._changed = 0.0
        self._n = 0
        self._last = math.nan
        self._run = 0
        self._longest = 0

    def score_one(self, x: Context) -> float:
        run = self._run + 1 if x.value == self._last else 0
        if self._n < 60 or run < 8 or run <= 2 * self._longest:
            return 0.0
        q = min(self._changed / (self._n + 2.0), 0.9)
        return gaussian(run * -math.log1p(-q))

    def learn_one(self, x: Context) -> None:
        if self._n and x.value != self._last:  # a run counts when it is over, else it would be its own precedent
            self._longest = max(self._longest, self._run)
            self._changed += 1
        self._n += 1
        self.follow(x)

    def follow(self, x: Context) -> None:
        self._run = self._run + 1 if x.value == self._last else 0
        self._last = x.value

    def restart(self) -> None:
        self._run = 0

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        return x.expected, x.expected, x.expected

    def observed(self, x: Context) -> float:
        return x.value


class RiverScore:
    """Any River anomaly detector as a head: how many scales its score is above its own usual score. It sees the value
    and its residual from the forecast; only upward scores are odd."""

    __slots__ = ("_mean", "_model", "_n", "_scale", "name")

    def __init__(self, name: str, model: AnomalyDetector | Pipeline) -> None:
        self.name = name
        self._model = model
        self._mean = FadingMean(0.01)
        self._scale = Scale()
        self._n = 0

    @property
    def model(self) -> AnomalyDetector | Pipeline | None:
        """The detector; None only after a restore that could not bring it back."""
        return self._model

    def score_one(self, x: Context) -> float:
        if self._n <= _BURN_IN + 1:
            return 0.0
        score = float(self._model.score_one(_features(x)))
        return max(0.0, (score - self._mean.value) / self._scale.get(1e-9)) if math.isfinite(score) else 0.0

    def learn_one(self, x: Context) -> None:
        features = _features(x)
        score = float(self._model.score_one(features))
        self._model.learn_one(features)
        self._n += 1
        if self._n <= _BURN_IN or not math.isfinite(score):  # the first scores of many models are nonsense
            return
        mean = self._mean.value if self._n > _BURN_IN + 1 else score
        reach = _CLIP * self._scale.get(1e-9)
        self._scale.learn_one(score - mean, 1e-9)
        self._mean.update(min(max(score, mean - reach), mean + reach))

    def follow(self, x: Context) -> None:
        pass

    def restart(self) -> None:
        pass

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        return x.expected, x.expected, x.expected

    def observed(self, x: Context) -> float:
        return x.value


def _features(x: Context) -> dict[Hashable, float]:
    return {"value": x.value, "residual": x.value - x.expected}
