"""Heads: the parts of a series model that each look at a point in one way and say how far out it is.

A head takes the point and what was forecast of it and returns a signed z: how many of its own scales the point is
from what it expects (unsaturated; the sign is the direction). `score_one` comes before `learn_one`, so a point is never
part of its own baseline. Turning z into a p-value is not a head's business (see `tail`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from typing import Final, NamedTuple, Protocol

from river import stats
from river.base import AnomalyDetector
from river.compose import Pipeline

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


class Head(Protocol):
    """Law 9's `score_one`/`learn_one`, over a context instead of a feature dict."""

    name: str

    def score_one(self, x: Context) -> float: ...
    def learn_one(self, x: Context) -> None: ...
    def follow(self, x: Context) -> None:
        """Move windows on without learning: an open alarm is watched, not taken as normal."""
        ...

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        """Expected, low and high, in the series' unit, where |z| stays within `z`."""
        ...


class Scale:
    """The typical size of a deviation: River's EWMean of its absolute value, clipped; a plain mean at first."""

    __slots__ = ("_ew", "_n")

    def __init__(self, fading_factor: float = 0.01) -> None:
        self._ew = stats.EWMean(fading_factor)
        self._n = 0

    def get(self, floor: float) -> float:
        return max(float(self._ew.get()) * _TO_SIGMA, floor) if self._n else math.inf

    def learn_one(self, deviation: float, floor: float) -> None:
        size = abs(deviation)
        if self._n >= 10:
            size = min(size, _CLIP * max(float(self._ew.get()), floor))
        self._n += 1
        if self._n <= 100:  # an exponential start from one deviation would take long to forget it
            mean = float(self._ew.get()) if self._n > 1 else size
            restart = stats.EWMean(self._ew.fading_factor)
            restart.update(mean + (size - mean) / self._n)
            self._ew = restart
        else:
            self._ew.update(size)


class ForecastResidual:
    """How far the point is from the forecast of its own level and season."""

    __slots__ = ("_scale",)
    name = "forecast"

    def __init__(self) -> None:
        self._scale = Scale()

    def score_one(self, x: Context) -> float:
        return (x.value - x.expected) / self._scale.get(x.floor)

    def learn_one(self, x: Context) -> None:
        self._scale.learn_one(x.value - x.expected, x.floor)

    def follow(self, x: Context) -> None:
        pass

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        half = z * self._scale.get(x.floor)
        return x.expected, x.expected - half, x.expected + half


class Range:
    """How far the point is outside all that the series has ever been; 0 inside. Up and down have own scales."""

    __slots__ = ("_centre", "_down", "_n", "_up", "high", "low")
    name = "range"

    def __init__(self) -> None:
        self._centre = stats.EWMean(0.002)
        self._up = Scale(0.002)
        self._down = Scale(0.002)
        self._n = 0
        self.low = math.inf
        self.high = -math.inf

    def score_one(self, x: Context) -> float:
        if self.low <= x.value <= self.high or not self._n:
            return 0.0
        deviation = x.value - float(self._centre.get())
        return deviation / (self._up if deviation > 0 else self._down).get(x.floor)

    def learn_one(self, x: Context) -> None:
        self._n += 1
        centre = float(self._centre.get()) if self._n > 1 else x.value
        if self._n <= 500:
            self._centre = stats.EWMean(0.002)
            self._centre.update(centre + (x.value - centre) / self._n)
        else:
            self._centre.update(x.value)
        (self._up if x.value >= centre else self._down).learn_one(x.value - centre, x.floor)
        # The extremes creep inwards so that a range seen once, long ago, does not hide new extremes for ever.
        creep = 0.0002 * (self.high - self.low) if self._n > 1 else 0.0
        self.low = min(self.low + creep, x.value)
        self.high = max(self.high - creep, x.value)

    def follow(self, x: Context) -> None:
        pass

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        return float(self._centre.get()), self.low, self.high  # what it has been, whatever z


class LevelShift:
    """How far the mean of the last few points is from the long-run level; two window lengths, the larger z speaks."""

    __slots__ = ("_recent", "_scales")
    name = "level"
    windows = (4, 16)

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=self.windows[-1])
        self._scales = tuple(Scale(0.004) for _ in self.windows)

    def _means(self, x: Context) -> list[float]:
        """Mean deviation over each window that is full, this point included."""
        recent = [*self._recent, x.value - x.slow]
        return [math.fsum(recent[-w:]) / w for w in self.windows if len(recent) >= w]

    def score_one(self, x: Context) -> float:
        means = self._means(x)
        return max((m / s.get(x.floor) for m, s in zip(means, self._scales, strict=False)), key=abs, default=0.0)

    def learn_one(self, x: Context) -> None:
        for mean, scale in zip(self._means(x), self._scales, strict=False):
            scale.learn_one(mean, x.floor)
        self._recent.append(x.value - x.slow)

    def follow(self, x: Context) -> None:
        self._recent.append(x.value - x.slow)

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        half = z * self._scales[0].get(x.floor)
        return x.slow, x.slow - half, x.slow + half


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

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        return x.expected, x.expected, x.expected


class CountTail:
    """How odd a count of events is, given the forecast rate: a Poisson tail, or a negative binomial one where the
    series is more variable than Poisson (dispersion by River's EWMean of the Pearson statistic).

    The rate keeps a half event over all that was seen, so that the first event of a quiet series is not infinitely odd.
    """

    __slots__ = ("_dispersion", "_n")
    name = "count"

    def __init__(self) -> None:
        self._dispersion = stats.EWMean(0.01)
        self._n = 0

    def _rate(self, x: Context) -> float:
        return max(x.expected, 0.5 / (self._n + 1))

    def _spread(self) -> float:
        return max(1.0, float(self._dispersion.get())) if self._n else 1.0

    def score_one(self, x: Context) -> float:
        return count_deviation(x.value, self._rate(x), self._spread())

    def learn_one(self, x: Context) -> None:
        self._n += 1
        rate = max(self._rate(x), 0.25)
        pearson = (x.value - rate) ** 2 / rate
        self._dispersion.update(min(pearson, 20.0 * self._spread()))

    def follow(self, x: Context) -> None:
        pass

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        rate = self._rate(x)
        half = z * math.sqrt(rate * self._spread())
        return x.expected, max(0.0, rate - half), rate + max(half, 1.0)


class CountLevel:
    """How odd the sum of the last few counts is, given the long-run rate: `LevelShift` for counts."""

    __slots__ = ("_dispersion", "_n", "_recent")
    name = "level"
    windows = (5, 15)

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=self.windows[-1])
        self._dispersion = tuple(stats.EWMean(0.005) for _ in self.windows)
        self._n = 0

    def _sums(self, x: Context) -> list[tuple[float, float, float]]:
        """Sum, expected sum and dispersion for each window that is full, this point included."""
        recent = [*self._recent, x.value]
        rate = max(x.slow, 0.5 / (self._n + 1))
        return [
            (math.fsum(recent[-w:]), rate * w, max(1.0, float(d.get())) if self._n else 1.0)
            for w, d in zip(self.windows, self._dispersion, strict=True)
            if len(recent) >= w
        ]

    def score_one(self, x: Context) -> float:
        return max((count_deviation(*each) for each in self._sums(x)), key=abs, default=0.0)

    def learn_one(self, x: Context) -> None:
        self._n += 1
        for (total, expected, spread), dispersion in zip(self._sums(x), self._dispersion, strict=False):
            rate = max(expected, 0.25)
            dispersion.update(min((total - rate) ** 2 / rate, 20.0 * spread))
        self._recent.append(x.value)

    def follow(self, x: Context) -> None:
        self._recent.append(x.value)

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        rate = max(x.slow, 0.0)
        spread = max(1.0, float(self._dispersion[0].get())) if self._n else 1.0
        half = z * math.sqrt(max(rate, 0.1) * spread / self.windows[0])
        return x.slow, max(0.0, rate - half), rate + half


def _features(x: Context) -> dict[Hashable, float]:
    return {"value": x.value, "residual": x.value - x.expected}


def count_deviation(value: float, rate: float, dispersion: float) -> float:
    """The signed Gaussian equivalent of a count's tail; 0 where it is plainly within 1.5 sigma."""
    if (value - rate) ** 2 < 2.25 * rate * dispersion:
        return 0.0
    count = max(0, round(value))
    if count > rate:
        return gaussian(-log_count_tail(count, rate, dispersion, upper=True))
    return -gaussian(-log_count_tail(count, rate, dispersion, upper=False))


class RiverScore:
    """Any River anomaly detector as a head: how many scales its score is above its own usual score. It sees the value
    and its residual from the forecast; only upward scores are odd."""

    __slots__ = ("_mean", "_model", "_n", "_scale", "name")

    def __init__(self, name: str, model: AnomalyDetector | Pipeline) -> None:
        self.name = name
        self._model = model
        self._mean = stats.EWMean(0.01)
        self._scale = Scale()
        self._n = 0

    def score_one(self, x: Context) -> float:
        if self._n <= _BURN_IN + 1:
            return 0.0
        score = float(self._model.score_one(_features(x)))
        return max(0.0, (score - float(self._mean.get())) / self._scale.get(1e-9)) if math.isfinite(score) else 0.0

    def learn_one(self, x: Context) -> None:
        features = _features(x)
        score = float(self._model.score_one(features))
        self._model.learn_one(features)
        self._n += 1
        if self._n <= _BURN_IN or not math.isfinite(score):  # the first scores of many models are nonsense
            return
        mean = float(self._mean.get()) if self._n > _BURN_IN + 1 else score
        reach = _CLIP * self._scale.get(1e-9)
        self._scale.learn_one(score - mean, 1e-9)
        self._mean.update(min(max(score, mean - reach), mean + reach))

    def follow(self, x: Context) -> None:
        pass

    def band(self, x: Context, z: float) -> tuple[float, float, float]:
        return x.expected, x.expected, x.expected


def gaussian(nats: float) -> float:
    """The z ≥ 0 whose two-sided Gaussian tail is e^-nats (to 0.02 for z > 1; z < 1 is not told apart from 0)."""
    if nats < 1.15:
        return 0.0
    z = math.sqrt(2 * nats)
    for _ in range(3):  # ln P(|Z| > z) = -z²/2 - ln(z·√(π/2)) + ln(1 - 1/z² + …), solved for z
        z = math.sqrt(max(2 * (nats - math.log(z * 1.2533) + math.log1p(-1 / (z * z + 2))), 1.0))
    return z


def log_count_tail(count: int, rate: float, dispersion: float, *, upper: bool) -> float:
    """ln P(N ≥ count) (upper) or ln P(N ≤ count), N of mean `rate` and variance `rate·dispersion`.

    Negative binomial for dispersion > 1.01, else Poisson. The largest term times a bounded sum of ratios: exact to
    1e-9 for the terms that matter.
    """
    if upper and count == 0:
        return 0.0
    if dispersion > 1.01:
        size = rate / (dispersion - 1.0)
        log_p, log_q = -math.log(dispersion), math.log1p(-1.0 / dispersion)
        log_term = (
            math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1.0) + size * log_p + count * log_q
        )
        q = 1.0 - 1.0 / dispersion
    else:
        size, q = 0.0, 0.0
        log_term = count * math.log(rate) - rate - math.lgamma(count + 1.0)
    total, ratio, k = 1.0, 1.0, count
    for _ in range(400):
        if upper:
            ratio *= (k + size) * q / (k + 1) if q else rate / (k + 1)
            k += 1
        else:
            if k == 0:
                break
            k -= 1
            ratio *= (k + 1) / ((k + size) * q) if q else (k + 1) / rate
        total += ratio
        if ratio < 1e-9 * total:
            break
    return min(0.0, log_term + math.log(total))
