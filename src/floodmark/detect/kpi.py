"""KPIs: what an operator has declared to say how well the business goes, and what is lost while it goes worse.

It must never decide what is odd: it adds up what others have found to be so.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from floodmark.config.models import Detector
from floodmark.detect.harm import LABEL, Worse, harm
from floodmark.detect.series import Series, SeriesKind

_EACH: Final = {
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
}
"""Seconds in what stands below the stroke of a unit: EUR/min."""
_KNOWN: Final = 5.0
"""Intervals for which a gauge is believed to have been where its next point is: of a longer silence nobody knows."""


def as_told(series: Series, detector: Detector) -> Series:
    """The series with the unit that the operator gave its values, if any, and the direction in which it hurts, which is
    no label of what it measures."""
    unit = series.unit
    if detector.unit is not None:
        unit = f"{detector.unit}/s" if series.kind == "rate" else detector.unit
    labels = {label: value for label, value in series.labels.items() if label != LABEL}
    return replace(series, unit=unit, worse=_worse(series, detector), labels=labels)


def _worse(series: Series, detector: Detector) -> Worse:
    if detector.worse is not None:
        return detector.worse
    found = harm(series)
    return "down" if detector.kpi and found == "both" else found


def lost(kind: SeriesKind, unit: str, off: float, seconds: float, interval: float) -> float:
    """What it costs that a point is `off` by so much, `seconds` after the one before it.

    Of a count it is `off` itself. All else lasts until the next point: a rate adds up to events, so does a gauge whose
    unit is a rate (orders/min), and of any other gauge the loss is in its unit times seconds. `interval`: seconds
    between its points.
    """
    if kind == "count":
        return off
    if kind == "rate":
        return off * seconds
    _, stroke, each = unit.rpartition("/")
    return off * min(seconds, _KNOWN * interval) / (_EACH.get(each, 1.0) if stroke else 1.0)


def shortfall(worse: Worse, value: float, expected: float) -> float:
    """By how much a value is worse than expected, never below 0."""
    if worse == "both":
        return abs(value - expected)
    return max(0.0, expected - value if worse == "down" else value - expected)
