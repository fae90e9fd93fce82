"""Did the model's errors grow? River's ADWIN decides; this says from what to what, and since when.

ADWIN (Bifet & Gavalda 2007) found a step of the error rate from .1 to .2 soonest and without a false alarm among
River's detectors. It is given errors between 0 and 1 only, as its bound asks: a regression's absolute errors are
divided by ten times their mean over the first ones, and cut at 1. Never reports an improvement; it is counted and
becomes the new reference.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from floodmark.alerts import Point
from floodmark.detect.predictions.learners import ADWIN
from floodmark.detect.predictions.ring import Ring
from floodmark.detect.predictions.tests_of_change import Moments, normal_two_sided, probability, share_rose, two_means_z

DELTA: Final = 0.002
"""ADWIN's bound on a false alarm, and the most that a drift's p-value can be."""
_SCALE_FROM: Final = 50
_HEADROOM: Final = 10.0
_SHORTEST: Final = 20
_GROWTH: Final = 1.3
_POINTS: Final = 20
"""Points that the evidence's window is told in."""


class Shift(NamedTuple):
    """Mean error was `before` (over `n_before` labels) and is `after` over the last `n`; `capped`: some were cut."""

    before: float
    after: float
    low: float
    high: float
    n_before: int
    n: int
    p_value: float
    capped: bool
    points: list[Point]


class ErrorDrift:
    """The errors of one version, in the order in which its labels came. `window`: errors kept to date the change by."""

    def __init__(self, window: int, *, scaled: bool) -> None:
        self._adwin = ADWIN(delta=DELTA)
        self._errors = Ring(window)
        self._times = Ring(window)
        self._scaled = scaled
        self._scale = 0.0 if scaled else 1.0
        self._first: list[tuple[float, float]] = []

    def update(self, error: float, time: float) -> Shift | None:
        """Take the finite error of a label that came at `time`; the shift, better or worse, if ADWIN sees one."""
        if self._scale:
            return self._judge(error, time)
        self._first.append((error, time))
        if len(self._first) < _SCALE_FROM:
            return None
        first, self._first = self._first, []
        # Without any error among the first, any error at all is as bad as can be told.
        self._scale = max(_HEADROOM * math.fsum(e for e, _ in first) / len(first), 1e-300)
        for e, t in first:
            self._judge(e, t)
        return None

    def _judge(self, error: float, time: float) -> Shift | None:
        x = min(error / self._scale, 1.0)
        self._errors.append(x)
        self._times.append(time)
        adwin = self._adwin
        width, total = int(adwin.width) + 1, adwin.total + x
        spread = adwin.variance / (width - 1) if width > 1 else 0.0  # River's `variance` is the sum of squares
        adwin.update(x)
        if not adwin.drift_detected:
            return None
        return self._explain(width, total, spread)

    def _explain(self, width: int, total: float, spread: float) -> Shift | None:
        """ADWIN cuts bucket by bucket, so what it kept still holds old errors: date the change by the likeliest cut.

        The p-value is that of the two means on both sides of the cut (Fisher's exact test on a classification's errors,
        else a z test), times the number of cuts tried.
        """
        recent = self._errors.last()
        best, best_p, cuts, size = 0, 1.0, 0, float(_SHORTEST)
        tail = 0.0
        for n in range(1, min(len(recent), width - _SHORTEST) + 1):
            tail += recent[-n]
            if n < size:
                continue
            size, cuts = size * _GROWTH, cuts + 1
            sides = _sides(width, total, spread, n, tail)
            p = normal_two_sided(two_means_z(*sides)) if self._scaled else _exact(*sides)
            if p < best_p:
                best, best_p = n, p
        # River's ADWIN forgets everything at the update after a drift: start it again from what came since the change.
        since = recent[-best:] if best else recent
        self._adwin = ADWIN(delta=DELTA)
        for x in since:
            self._adwin.update(x)
        if not best:
            return None
        before, after = _sides(width, total, spread, best, math.fsum(recent[-best:]))
        margin = 3.0 * math.sqrt(before.variance / best)
        scale = self._scale
        low, high = max(0.0, before.mean - margin) * scale, min(1.0, before.mean + margin) * scale
        return Shift(
            before=before.mean * scale,
            after=after.mean * scale,
            low=low,
            high=high,
            n_before=width - best,
            n=best,
            p_value=probability(min(DELTA, best_p * cuts)),
            capped=self._scaled and any(x >= 1.0 for x in since),
            points=self._points(before.mean * scale, low, high),
        )

    def _points(self, expected: float, low: float, high: float) -> list[Point]:
        errors, times = self._errors.last(), self._times.last()
        step = max(1, len(errors) // _POINTS)
        starts = range(len(errors) % step, len(errors), step)
        return [
            Point(times[i + step - 1], math.fsum(errors[i : i + step]) / step * self._scale, expected, low, high)
            for i in starts
        ]


def _sides(width: int, total: float, spread: float, n: int, tail: float) -> tuple[Moments, Moments]:
    """Moments before and within the last `n`, both with the variance of the whole: what it is if nothing changed."""
    before = min(max((total - tail) / (width - n), 0.0), 1.0)
    return Moments(width - n, before, spread), Moments(n, min(tail / n, 1.0), spread)


def _exact(before: Moments, after: Moments) -> float:
    """Two-sided p-value of two shares of errors, from their counts."""
    n, m = round(before.n), round(after.n)
    k, j = round(before.mean * n), round(after.mean * m)
    return min(1.0, 2.0 * min(share_rose(j, m, k, n), share_rose(m - j, m, n - k, n)))
