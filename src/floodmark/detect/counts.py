"""Heads for counts of events in a window: exact counting tails, so that low traffic does not cry.

They follow the rules of `heads`: score before learn, unsaturated, and no p-values (only the z that stands for a tail).
"""

from __future__ import annotations

import math
from collections import deque

from floodmark.detect.heads import Context
from floodmark.detect.mean import FadingMean
from floodmark.detect.tail import gaussian


class CountTail:
    """How odd a count of events is, given the forecast rate: a Poisson tail, or a negative binomial one where the
    series is more variable than Poisson (dispersion by River's EWMean of the Pearson statistic).

    The rate keeps a half event over all that was seen, so that the first event of a quiet series is not infinitely odd.
    """

    __slots__ = ("_dispersion", "_n")
    name = "count"

    def __init__(self) -> None:
        self._dispersion = FadingMean(0.01, warm=100)
        self._n = 0

    def _rate(self, x: Context) -> float:
        return max(x.expected, 0.5 / (self._n + 1))

    def _spread(self) -> float:
        return max(1.0, self._dispersion.value) if self._n else 1.0

    def score_one(self, x: Context) -> float:
        return count_deviation(x.value, self._rate(x), self._spread())

    def learn_one(self, x: Context) -> None:
        if self._n:  # of the first nothing was expected
            rate = max(self._rate(x), 0.25)
            pearson = (x.value - rate) ** 2 / rate
            self._dispersion.update(min(pearson, 20.0 * self._spread()))
        self._n += 1

    def follow(self, x: Context) -> None:
        pass

    def restart(self) -> None:
        pass

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        rate = self._rate(x)
        scale = math.sqrt(rate * self._spread())
        return max(x.expected, 0.0), max(0.0, rate - down * scale), rate + max(up * scale, 1.0)

    def observed(self, x: Context) -> float:
        return x.value


class CountLevel:
    """How odd the sum of the last few counts is, given the long-run rate: `LevelShift` for counts."""

    __slots__ = ("_dispersion", "_filled", "_n", "_recent", "_totals")
    name = "level"
    windows = (5, 15)

    def __init__(self) -> None:
        self._recent: deque[float] = deque([0.0] * (self.windows[-1] - 1), self.windows[-1] - 1)
        self._totals = [0.0 for _ in self.windows]  # over all of each window but the point that is to come
        self._dispersion = tuple(FadingMean(0.005, warm=200) for _ in self.windows)
        self._filled = 0
        self._n = 0

    def _sums(self, x: Context) -> list[tuple[float, float, float]]:
        """Sum, expected sum and dispersion for each window that is full, this point included."""
        rate = max(x.slow, 0.5 / (self._n + 1))
        return [
            (total + x.value, rate * w, max(1.0, dispersion.value))
            for w, total, dispersion in zip(self.windows, self._totals, self._dispersion, strict=True)
            if self._filled >= w - 1
        ]

    def score_one(self, x: Context) -> float:
        oddest = 0.0
        for total, expected, dispersion in self._sums(x):
            z = count_deviation(total, expected, dispersion)
            if abs(z) > abs(oddest):
                oddest = z
        return oddest

    def learn_one(self, x: Context) -> None:
        for (total, expected, spread), dispersion in zip(self._sums(x), self._dispersion, strict=False):
            rate = max(expected, 0.25)
            dispersion.update(min((total - rate) ** 2 / rate, 20.0 * spread))
        self._n += 1
        self.follow(x)

    def follow(self, x: Context) -> None:
        for i, w in enumerate(self.windows):
            self._totals[i] += x.value - self._recent[1 - w]
        self._recent.append(x.value)
        self._filled += 1

    def restart(self) -> None:
        self._recent.extend([0.0] * len(self._recent))
        self._totals = [0.0 for _ in self.windows]
        self._filled = 0

    def band(self, x: Context, down: float, up: float) -> tuple[float, float, float]:
        rate = max(x.slow, 0.0)
        spread = max(1.0, self._dispersion[0].value) if self._n else 1.0
        scale = math.sqrt(max(rate, 0.1) * spread / self.windows[0])
        return rate, max(0.0, rate - down * scale), rate + up * scale

    def observed(self, x: Context) -> float:
        sums = self._sums(x)
        if not sums:
            return x.value
        odd = [abs(count_deviation(*each)) for each in sums]
        window = odd.index(max(odd))
        return sums[window][0] / self.windows[window]


def count_deviation(value: float, rate: float, dispersion: float) -> float:
    """The signed Gaussian equivalent of a count's tail; 0 where it is plainly within 1.5 sigma."""
    if (value - rate) ** 2 < 2.25 * rate * dispersion:
        return 0.0
    count = max(0, round(value))
    if count > rate:
        return gaussian(-log_count_tail(count, rate, dispersion, upper=True))
    return -gaussian(-log_count_tail(count, rate, dispersion, upper=False))


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
