"""River's detectors of an odd target, made to judge a series: the point is the target, and there are no features."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

from river.base import AnomalyDetector, SupervisedAnomalyDetector


class OneSeries(AnomalyDetector):
    """A SupervisedAnomalyDetector under the interface of an AnomalyDetector, for points of one finite feature.

    A point without one (MinMaxScaler makes NaN of the very first) is neither scored nor learned: it would poison the
    running means of these detectors for ever.
    """

    def __init__(self, detector: SupervisedAnomalyDetector) -> None:
        self.detector = detector

    def score_one(self, x: dict[Hashable, Any]) -> float:
        """The detector's score of the point's value; 0 while it knows too little to have one.

        PredictiveAnomalyDetection asks its forecaster before there is a forecast, and divides by its error so far
        even where that is nought: River lets these through as IndexError and ZeroDivisionError.
        """
        value = _only_value(x)
        if value is None:
            return 0.0
        try:
            return float(self.detector.score_one({}, value))
        except (IndexError, ZeroDivisionError):
            return 0.0

    def learn_one(self, x: dict[Hashable, Any]) -> None:
        """Learn the point's value."""
        value = _only_value(x)
        if value is not None:
            self.detector.learn_one({}, value)


def _only_value(x: dict[Hashable, Any]) -> float | None:
    value = next(iter(x.values()), None)
    return float(value) if value is not None and math.isfinite(value) else None
