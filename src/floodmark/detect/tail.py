"""From a head's deviation to a p-value, learned from the series' own past.

A head says how many scales away a point is (z). Nobody knows the distribution of z: scales are estimates, telemetry
is heavy-tailed and autocorrelated. So each head keeps the upper tail of its own z and reads the p-value there.

The tail is Hill's estimator (Hill 1975, "A simple general approach to inference about the tail of a distribution")
in a logarithmic coordinate, s = 5/2·ln(1 + z²/4): an exponential tail in s is a Pareto tail in z whose index is
learned. Three rungs are kept (z = 2, 3, 5); the highest with enough exceedances is extrapolated from. A prior worth a
few observations, between Gaussian and Student's t₄, stands in while the series is young.
"""

from __future__ import annotations

import math

RUNGS = tuple(2.5 * math.log1p(z * z / 4) for z in (2.0, 3.0, 5.0))
_PRIOR_RATE = (0.05, 0.006, 0.0004)
"""Share of points above each rung on one side, that a young series is assumed to have."""
_PRIOR_EXCESS = (0.55, 0.55, 0.55)
_PRIOR_WEIGHT = 30.0
"""The prior counts as this many points for a rate, and a tenth of it, as exceedances, for a mean excess."""
_COUNTED = 0.001
"""Odd is what has a smaller p-value: often enough to be counted, and not far from where alarms begin."""
_EVIDENCE = 5.0
"""Times that it must have been odd to be believed as much as the p-values are."""
_APART = 6.0
"""Points after which it is odd anew: as many intervals as an alarm stays open."""
_ENOUGH = 5.0
"""Exceedances of a rung before it is extrapolated from."""
_FARTHEST = 20.0
"""An exceedance counts as at most so far beyond its rung (z of 150 to 300). A series of rare, high spikes, which are
its normal, shows that by many; one monster, or a scale that was not known yet, must not blind it for weeks."""
_WIDEST = 25.0
"""Most scales that a band is drawn wide: a heavier tail would flatten the plot of it."""
_MEMORY = 20_000.0
"""Points after which the past has faded to 1/e: about two weeks of minutes."""
_YOUNG = 2_000.0
"""Up to as many points each weighs one more than the last: what was odd while nothing was known says little."""
_HEAVIEST = 1e100
"""A weight at which all are divided by it, so that none overflows."""


def surprisal(z: float) -> float:
    """The coordinate in which tails are kept: 0 at z = 0, growing as 5·ln z."""
    return 2.5 * math.log1p(z * z / 4)


def deviation(s: float) -> float:
    """Inverse of `surprisal`."""
    return 2.0 * math.sqrt(math.expm1(min(s, 700.0) / 2.5))


class Tail:
    """Both tails of one head's signed z. River's manner: `score_one` first, then `learn_one`.

    Each side sees every point: one of the other sign is a point that did not deviate its way. Sums are not made to
    fade: points weigh more and more, and sums are divided by the weight of the newest.
    """

    __slots__ = ("_above", "_excess", "_n", "_weight")

    def __init__(self) -> None:
        self._n = 0.0
        self._weight = 0.0
        self._above = [0.0] * (2 * len(RUNGS))  # up, then down
        self._excess = [0.0] * (2 * len(RUNGS))

    def score_one(self, z: float) -> float:
        """P(a normal point deviates by z or more to that side), in (0, 1]. Below |z| = 2 nothing can alarm: 1."""
        side = len(RUNGS) if z < 0 else 0
        z = abs(z)
        if z < 2.0:
            return 1.0
        s = surprisal(z)
        enough = _ENOUGH * (self._weight or 1.0)
        rung = next((r for r in (2, 1) if s >= RUNGS[r] and self._above[side + r] >= enough), 0)
        rate, excess = self._fit(side, rung)
        return max(min(1.0, rate * math.exp(-(s - RUNGS[rung]) / excess)), 1e-300)

    def quantiles(self, p: float) -> tuple[float, float]:
        """The |z| at which a p-value of `p` begins, downwards and upwards: where the normal ends."""
        return min(self._quantile(len(RUNGS), p), _WIDEST), min(self._quantile(0, p), _WIDEST)

    def learn_one(self, z: float) -> None:
        if self._weight < _YOUNG:
            self._weight += 1.0
        elif self._n > _MEMORY * self._weight:
            self._weight *= 1.0 + 1.0 / _MEMORY
            if self._weight > _HEAVIEST:
                self._lighten()
        self._n += self._weight
        self._exceed(z)

    def restart(self) -> None:
        """What comes next has nothing to do with what was before."""

    def _exceed(self, z: float) -> None:
        if -2.0 < z < 2.0:
            return
        side = len(RUNGS) if z < 0 else 0
        s = surprisal(z)
        for rung, start in enumerate(RUNGS):
            if s < start:
                break
            self._above[side + rung] += self._weight
            self._excess[side + rung] += self._weight * min(s - start, _FARTHEST)

    def _lighten(self) -> None:
        by = _YOUNG / self._weight
        self._weight = _YOUNG
        self._n *= by
        self._above = [above * by for above in self._above]
        self._excess = [excess * by for excess in self._excess]

    def _quantile(self, side: int, p: float) -> float:
        enough = _ENOUGH * (self._weight or 1.0)
        for rung in (2, 1, 0):
            rate, excess = self._fit(side, rung)
            if (rung == 0 or self._above[side + rung] >= enough) and rate >= p:
                return deviation(RUNGS[rung] + excess * math.log(rate / p))
        return 2.0

    def _fit(self, side: int, rung: int) -> tuple[float, float]:
        """Share of points above a rung, and their mean excess over it, with the prior in both."""
        above, weight = self._above[side + rung], self._weight or 1.0
        prior = _PRIOR_WEIGHT * weight
        rate = (above + prior * _PRIOR_RATE[rung]) / (self._n + prior)
        prior /= 10
        excess = (self._excess[side + rung] + prior * _PRIOR_EXCESS[rung]) / (above + prior)
        return rate, excess


class Frequency:
    """How often the heads together found a series odd, over how often they should have: by this their p-value is wrong.

    What no head can know of itself is in it: values that are few and discrete, heads that see the same thing, points
    that are odd one after another, which are one alarm. All of these make p-values too large. What makes the series odd
    more often than it should be may be incidents, and is no reason to look away.
    """

    __slots__ = ("_n", "_odd", "_since")

    def __init__(self) -> None:
        self._n = 0.0
        self._odd = 0.0
        self._since = 0.0

    @property
    def factor(self) -> float:
        """By which a p-value is to be multiplied, at most 1."""
        return min(1.0, (self._odd + _EVIDENCE) / (self._n * _COUNTED + _EVIDENCE))

    def learn_one(self, p_value: float) -> None:
        """`p_value`: as multiplied by `factor`."""
        odd = p_value < _COUNTED * self.factor
        if self._n < _MEMORY:
            self._n += 1.0
        else:
            self._odd *= 1.0 - 1.0 / _MEMORY
        if odd and self._since >= _APART:
            self._odd += 1.0
        self._since = 0.0 if odd else self._since + 1.0


class PeakTail(Tail):
    """The tail of a window's z, whose exceedances come in clusters: it learns the peak of each when it is over.

    Runs declustering (Coles 2001, An Introduction to Statistical Modeling of Extreme Values, 5.3.2). A shift that is
    still growing is not learned point by point, and the rate is that of clusters, as alarms are.
    """

    __slots__ = ("_peak",)

    def __init__(self) -> None:
        super().__init__()
        self._peak = 0.0

    def restart(self) -> None:
        super()._exceed(self._peak)
        self._peak = 0.0

    def _exceed(self, z: float) -> None:
        beyond = not -2.0 < z < 2.0
        if not beyond or z * self._peak < 0:
            super()._exceed(self._peak)
            self._peak = z if beyond else 0.0
        elif abs(z) > abs(self._peak):
            self._peak = z


def gaussian(nats: float) -> float:
    """The z ≥ 0 whose two-sided Gaussian tail is e^-nats (to 0.02 for z > 1; z < 1 is not told apart from 0)."""
    if nats < 1.15:
        return 0.0
    z = math.sqrt(2 * nats)
    for _ in range(3):  # ln P(|Z| > z) = -z²/2 - ln(z·√(π/2)) + ln(1 - 1/z² + …), solved for z
        z = math.sqrt(max(2 * (nats - math.log(z * 1.2533) + math.log1p(-1 / (z * z + 2))), 1.0))
    return z
