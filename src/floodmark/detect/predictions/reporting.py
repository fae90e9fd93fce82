"""How a version of a model does, as a report: read from what is watched of it, and changing none of that."""

from __future__ import annotations

import math
from typing import Final

from floodmark.detect.predictions.categorical import CategoricalDrift
from floodmark.detect.predictions.feature import Watch
from floodmark.detect.predictions.numeric import NumericDrift
from floodmark.reports import Bins, FeatureReport, ModelMetric

LOWER_IS_BETTER: Final = frozenset({"mae", "rmse"})
FEATURES: Final = 50
"""Features of a report at most: those that have moved most."""
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
_NORMAL: Final = 1.959964
"""Of a 95 % interval."""
_OF: Final = {
    "accuracy": ("true_positives", "true_negatives", "false_positives", "false_negatives"),
    "precision": ("true_positives", "false_positives"),
    "recall": ("true_positives", "false_negatives"),
}
"""Metrics that are shares, and of how many they are: the sum of these facts."""


def metrics(values: dict[str, float], facts: dict[str, float | str], count: int) -> list[ModelMetric]:
    """Metrics as they were computed over `count` labelled predictions; shares with Wilson's interval (1927)."""
    found = []
    for name, value in values.items():
        parts = [facts.get(each) for each in _OF.get(name, ())]
        of = sum(int(each) for each in parts if isinstance(each, int | float)) if name in _OF else 0
        if name == "accuracy" and not of:
            of = count
        low, high = wilson(value, of) if of else (None, None)
        better = "lower" if name in LOWER_IS_BETTER else "higher"
        found.append(ModelMetric(name=name, value=value, count=count, low=low, high=high, better=better))  # type: ignore[arg-type]
    return found


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count`."""
    squared = _NORMAL * _NORMAL
    centre = (share + squared / (2 * count)) / (1 + squared / count)
    half = (
        _NORMAL
        * math.sqrt(max(0.0, share * (1 - share) / count + squared / (4 * count * count)))
        / (1 + squared / count)
    )
    return max(0.0, centre - half), min(1.0, centre + half)


def quantiles(delays: list[float]) -> dict[str, float]:
    """Seconds until a label came; none if none has come."""
    waited = sorted(delays)
    return (
        {name: waited[min(len(waited) - 1, int(q * len(waited)))] for name, q in _QUANTILES.items()} if waited else {}
    )


def feature(name: str, watch: Watch) -> FeatureReport | None:
    """How a feature stands against its reference; None while that is being learned, or if it is not judged."""
    drift = watch.judged
    if drift is None:
        return None
    state = drift.state
    stability, p_value, current = state.stands()
    return FeatureReport(
        name=name,
        kind="number" if isinstance(drift, NumericDrift) else "category",
        statistic="psi",
        value=stability,
        p_value=p_value,
        odd=state.drifted,
        missing=watch.missing,
        reference=_bins(drift, state.reference),
        current=_bins(drift, current) if current is not None else None,
    )


def _bins(drift: NumericDrift | CategoricalDrift, counts: list[int]) -> Bins:
    if isinstance(drift, NumericDrift):
        return Bins(counts=[float(each) for each in counts], edges=drift.edges())
    return Bins(counts=[float(each) for each in counts], names=drift.names())
