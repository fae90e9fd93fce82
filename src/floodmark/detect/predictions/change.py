"""A change that a watch reports, in words and numbers; and the words that several kinds of change share."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from floodmark.alerts import Direction, Point
from floodmark.detect.predictions.drift import Drift, Verdict
from floodmark.detect.predictions.reference import Reference, percent

Facts = dict[str, float | str]
BAND: Final = 4.9
"""Standard errors of the band of normal windows: where a two-sided p-value is one in a million."""
_FACTS: Final = 5


class Change(NamedTuple):
    """`words` continue a sentence that begins with the model's name and version; the rest is as in `Finding`."""

    head: str
    p_value: float
    direction: Direction
    observed: float | None
    expected: float | None
    low: float | None
    high: float | None
    words: str
    facts: Facts
    points: list[Point]


def share_change(head: str, subject: str, reference: Reference, drift: Drift, verdict: Verdict) -> Change:
    """A drift told by the bin whose share changed most."""
    n, m = reference.n, verdict.n
    shifts = [b / m - a / n for a, b in zip(reference.counts, verdict.counts, strict=True)]
    order = sorted(range(len(shifts)), key=lambda i: -abs(shifts[i]))
    worst = order[0]
    before, after = reference.counts[worst] / n, verdict.counts[worst] / m
    words = (
        f"{subject} is distributed differently: {reference.bin_name(worst)} went from {percent(before)} to "
        f"{percent(after)} of values, over the last {m:,} predictions (PSI {verdict.stability_index:.2f})"
    )
    facts: Facts = {"population_stability_index": verdict.stability_index, "predictions": m}
    for i in order[:_FACTS]:
        facts[f"share of {reference.bin_name(i)}"] = verdict.counts[i] / m
        facts[f"share of {reference.bin_name(i)}, reference"] = reference.counts[i] / n
    points = []
    for time, counts in drift.history:
        low, high = _band(before, drift.effect, n, sum(counts))
        points.append(Point(time, counts[worst] / sum(counts), before, low, high))
    low, high = _band(before, drift.effect, n, m)
    direction: Direction = "up" if after > before else "down"
    return Change(head, verdict.p_value, direction, after, before, low, high, words, facts, points)


def _band(share: float, effect: float, n: float, m: float) -> tuple[float, float]:
    margin = BAND * math.sqrt(effect * share * (1 - share) * (1 / n + 1 / m))
    return max(0.0, share - margin), min(1.0, share + margin)
