"""Has it changed? The few statistical tests that the monitors of predictions need, on plain numbers.

Never holds state, never sees a signal. `math` only: p-values are clipped to [1e-300, 1] so that their logarithm exists.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

SMALLEST: Final = 1e-300
_SUMMED: Final = 100
"""Most terms of a sum that are added up one by one."""
_LEGENDRE: Final = (
    (0.07652652113349734, 0.15275338713072628),
    (0.22778585114164507, 0.14917298647260424),
    (0.37370608871541955, 0.1420961093183824),
    (0.5108670019508271, 0.1316886384491769),
    (0.636053680726515, 0.1181945319615186),
    (0.7463319064601508, 0.1019301198172407),
    (0.8391169718222188, 0.08327674157670471),
    (0.912234428251326, 0.06267204833410879),
    (0.9639719272779138, 0.040601429800386446),
    (0.993128599185095, 0.017614007139150893),
)
"""Nodes above zero, and weights, of the Gauss-Legendre rule of twenty points on [-1, 1]."""
_RULE: Final = tuple(((1.0 + sign * node) / 2.0, weight / 2.0) for node, weight in _LEGENDRE for sign in (1.0, -1.0))
_LONGEST_MEMORY: Final = 0.98
"""Lag-one correlations are taken no higher than this: beyond, the estimate is all noise."""


class Moments(NamedTuple):
    """Count, mean and (population) variance of some values."""

    n: float
    mean: float
    variance: float


def moments(values: Sequence[float]) -> Moments:
    """Moments of finite values; mean and variance are 0 for none."""
    n = len(values)
    if not n:
        return Moments(0, 0.0, 0.0)
    mean = math.fsum(values) / n
    return Moments(n, mean, math.fsum((x - mean) * (x - mean) for x in values) / n)


def probability(p: float) -> float:
    """`p` clipped to [1e-300, 1]."""
    return min(1.0, max(p, SMALLEST))


def normal_two_sided(z: float) -> float:
    """P(|Z| ≥ |z|) of a standard normal Z."""
    return probability(math.erfc(abs(z) / math.sqrt(2.0)))


def two_means_z(before: Moments, after: Moments, effect: float = 1.0) -> float:
    """z of the difference of two means, `after` minus `before`, with the pooled variance and a design effect ≥ 1.

    The pooled variance (that of the null hypothesis) never vanishes while the means differ: it has a floor worth a
    quarter of one observation of a share, so that a reference without any spread still gives a finite z for values
    that live in [0, 1].
    """
    n = before.n + after.n
    if not before.n or not after.n:
        return 0.0
    pooled = (before.n * before.variance + after.n * after.variance) / n
    pooled = max(pooled, 0.25 / n)
    return (after.mean - before.mean) / math.sqrt(effect * pooled * (1.0 / before.n + 1.0 / after.n))


def design_effect(values: Sequence[float], batches: int = 20) -> float:
    """By how much autocorrelation inflates the variance of the mean of `values`, given in the order of time; ≥ 1.

    The larger of two estimates: (1 + r)/(1 - r) from the correlation r at lag one, exact for an AR(1) process, and
    that of batch means, which also sees slow waves (both: Law & Kelton, "Simulation Modeling and Analysis", ch. 9).
    Batch means only speak when they exceed what they show of independent values by chance (two standard errors).
    At most a tenth of the number of values.
    """
    n, mean, variance = moments(values)
    if n < 2 * batches or variance <= 0.0:
        return 1.0
    covariance = math.fsum((a - mean) * (b - mean) for a, b in pairwise(values)) / (n - 1)
    r = min(max(covariance / variance, 0.0), _LONGEST_MEMORY)
    size = int(n) // batches
    means = [math.fsum(values[i * size : (i + 1) * size]) / size for i in range(batches)]
    slow = size * moments(means).variance * batches / (batches - 1) / variance
    chance = 1.0 + 2.0 * math.sqrt(2.0 / (batches - 1))
    return min(max((1 + r) / (1 - r), slow if slow > chance else 1.0), max(1.0, n / 10))


def chi_square_sf(x: float, df: int) -> float:
    """P(X ≥ x) of a chi-square variable with `df` degrees of freedom: the regularised upper incomplete gamma function.

    By its series below a + 1 and its continued fraction above (Abramowitz & Stegun 6.5.29 and 6.5.31).
    """
    if x <= 0.0 or df < 1:
        return 1.0
    a, half = df / 2.0, x / 2.0
    scale = math.exp(max(a * math.log(half) - half - math.lgamma(a), -745.0))
    if half < a + 1.0:
        term = total = 1.0 / a
        k = a
        while term > total * 1e-16:
            k += 1.0
            term *= half / k
            total += term
        return probability(1.0 - total * scale)
    b = half + 1.0 - a  # Lentz's method for the continued fraction
    c, d = 1e300, 1.0 / b
    fraction = d
    for i in range(1, 500):
        factor = -i * (i - a)
        b += 2.0
        d = factor * d + b
        c = b + factor / c
        d = 1.0 / (d if abs(d) > SMALLEST else SMALLEST)
        c = c if abs(c) > SMALLEST else SMALLEST
        fraction *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return probability(fraction * scale)


def same_shares(before: Sequence[int], after: Sequence[int], effect: float = 1.0) -> float:
    """p-value of two histograms having the same shares: the two-sample chi-square test, over a design effect."""
    n, m = sum(before), sum(after)
    if not n or not m:
        return 1.0
    up, down = math.sqrt(m / n), math.sqrt(n / m)
    statistic = sum((up * a - down * b) ** 2 / (a + b) for a, b in zip(before, after, strict=True) if a + b)
    used = sum(1 for a, b in zip(before, after, strict=True) if a + b)
    return chi_square_sf(statistic / effect, used - 1)


def stability_index(before: Sequence[int], after: Sequence[int]) -> float:
    """The population stability index of two histograms: their symmetrised Kullback-Leibler divergence.

    By the convention of credit scoring, below 0.1 nothing happened and above 0.25 it is another population. Half an
    observation is added to each bin so that an empty one does not make it infinite.
    """
    bins = len(before)
    n, m = sum(before) + 0.5 * bins, sum(after) + 0.5 * bins
    total = 0.0
    for a, b in zip(before, after, strict=True):
        p, q = (a + 0.5) / n, (b + 0.5) / m
        total += (q - p) * math.log(q / p)
    return total


def share_rose(k: int, n: int, k_before: int, n_before: int) -> float:
    """One-sided p-value of a share k/n against an earlier k_before/n_before: Fisher's exact (hypergeometric) tail."""
    hits, everything = k + k_before, n + n_before
    if not n or not n_before or k * everything <= hits * n:
        return 1.0
    fixed = _log_choose(everything, n)
    total = 0.0
    for i in range(k, min(hits, n) + 1):
        term = math.exp(max(_log_choose(hits, i) + _log_choose(everything - hits, n - i) - fixed, -745.0))
        total += term
        if term < total * 1e-12:  # beyond the mode terms only fall
            break
    return probability(total)


def poisson_sf(k: int, mean: float) -> float:
    """P(X ≥ k) of a Poisson variable, at a cost that does not grow with k.

    Summed up to `_SUMMED` terms; beyond, it is the regularised lower incomplete gamma function of k at the mean,
    integrated as in Press et al., "Numerical Recipes" (3rd edition, 6.2), to nine digits.
    """
    if mean <= 0.0:
        return probability(1.0 - (k > 0))
    if k <= _SUMMED:
        return probability(1.0 - sum(math.exp(-mean + i * math.log(mean) - math.lgamma(i + 1)) for i in range(k)))
    top, width = k - 1.0, math.sqrt(k)  # the integrand t^(k-1) e^-t has its maximum at k - 1
    upper = mean > top
    beyond = max(top + 11.5 * width, mean + 6.0 * width)
    end = beyond if upper else max(0.0, min(top - 7.5 * width, mean - 5.0 * width))
    logarithm = math.log(top)
    area = 0.0
    for node, weight in _RULE:
        t = mean + (end - mean) * node
        if t > 0.0:  # a mean of nearly nothing may vanish in rounding
            area += weight * math.exp(top - t + top * (math.log(t) - logarithm))
    area *= (end - mean) * math.exp(top * (logarithm - 1.0) - math.lgamma(k))
    return probability(1.0 - area if upper else -area)


def _log_choose(n: int, k: int) -> float:
    if k < 0 or k > n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
