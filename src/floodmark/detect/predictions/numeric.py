"""The drift of a number, and how to say it: mean, spread and shape against the reference. NaN never enters."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from floodmark.alerts import Direction, Point
from floodmark.detect.predictions.change import BAND, Change, Facts, share_change
from floodmark.detect.predictions.drift import Blocks, Drift, Verdict
from floodmark.detect.predictions.reference import BINS, NumericReference, number
from floodmark.detect.predictions.ring import Ring


class Window(NamedTuple):
    """A closed block: its end, its count, and the sums of deviations from the reference's mean and of their squares."""

    time: float
    n: int
    total: float
    squared: float


class NumericDrift:
    """`values`: the reference, in the order of time, all finite."""

    __slots__ = ("_drift", "_n", "_recent", "_reference", "_squared", "_total", "_windows")

    def __init__(self, values: Sequence[float], blocks: Blocks, now: float) -> None:
        self._reference = NumericReference(values)
        places = [self._reference.place(value)[0] for value in values]
        self._drift = Drift(places, self._reference.counts, blocks, now)
        self._recent = Ring(2 * blocks.size)
        self._windows: deque[Window] = deque(maxlen=max(2, blocks.kept))
        self._n, self._total, self._squared = 0, 0.0, 0.0

    @property
    def state(self) -> Drift:
        return self._drift

    def edges(self) -> list[float]:
        """Between which values the bins lie; one more than there are bins."""
        return [self._reference.quantile(each / BINS) for each in range(BINS)] + [self._reference.quantile(1.0)]

    def update(self, value: float, now: float, head: str, subject: str) -> Change | None:
        """Take a finite value; the drift that is found with it, under the name of `head` and told of `subject`."""
        deviation = value - self._reference.mean
        self._n += 1
        self._total += deviation
        self._squared += deviation * deviation
        self._recent.append(value)
        place, index = self._reference.place(value)
        if not self._drift.update(place, index, now):
            return None
        self._windows.append(Window(now, self._n, self._total, self._squared))
        self._n, self._total, self._squared = 0, 0.0, 0.0
        verdict = self._drift.close(now)
        return None if verdict is None else self._explain(head, subject, verdict)

    def _explain(self, head: str, subject: str, verdict: Verdict) -> Change:
        reference = self._reference
        mean, std = self._moments(list(self._windows)[-2:])
        facts = self._facts(verdict, mean, std)
        if verdict.kind == "shape":
            change = share_change(head, subject, reference, self._drift, verdict)
            return change._replace(facts=facts | change.facts)
        tail = f"over the last {verdict.n:,} predictions (PSI {verdict.stability_index:.2f})"
        direction: Direction = "up" if verdict.moved > 0 else "down"
        if verdict.kind == "spread":
            points = [Point(w.time, self._moments([w])[1], reference.std, None, None) for w in self._windows]
            words = (
                f"{subject} varies {'more' if verdict.moved > 0 else 'less'}: standard deviation {number(std)} "
                f"instead of {number(reference.std)}, {tail}"
            )
            expected = reference.std
            return Change(head, verdict.p_value, direction, std, expected, None, None, words, facts, points)
        what, observed, expected = "mean", mean, reference.mean
        if (observed > expected) != (verdict.moved > 0):  # a few outliers hold the mean against all the others
            what, observed, expected = "median", float(facts["q50"]), reference.quantile(0.5)
        points = []
        for window in self._windows:
            margin = self._margin(window.n)
            points.append(
                Point(
                    window.time,
                    self._moments([window])[0],
                    reference.mean,
                    reference.mean - margin,
                    reference.mean + margin,
                )
            )
        margin = self._margin(verdict.n)
        words = f"{subject} drifted {direction}: {what} {number(observed)} instead of {number(expected)}, {tail}"
        low, high = expected - margin, expected + margin
        return Change(head, verdict.p_value, direction, observed, expected, low, high, words, facts, points)

    def _moments(self, windows: list[Window]) -> tuple[float, float]:
        """Mean and standard deviation over windows."""
        n = sum(w.n for w in windows)
        offset = math.fsum(w.total for w in windows) / n
        variance = max(0.0, math.fsum(w.squared for w in windows) / n - offset * offset)
        return self._reference.mean + offset, math.sqrt(variance)

    def _margin(self, n: int) -> float:
        """Half the width of the band of normal means of `n` values."""
        return BAND * self._reference.std * math.sqrt(self._drift.effect * (1 / n + 1 / self._reference.n))

    def _facts(self, verdict: Verdict, mean: float, std: float) -> Facts:
        reference = self._reference
        facts: Facts = {
            "population_stability_index": verdict.stability_index,
            "predictions": verdict.n,
            "mean": mean,
            "mean_reference": reference.mean,
            "std": std,
            "std_reference": reference.std,
            "design_effect": self._drift.effect,
        }
        recent = sorted(self._recent.last())
        for q in (0.05, 0.5, 0.95):
            facts[f"q{q * 100:02.0f}"] = recent[int(q * len(recent))]
            facts[f"q{q * 100:02.0f}_reference"] = reference.quantile(q)
        return facts
