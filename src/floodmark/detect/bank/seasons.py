"""The part of the kernel that is the forecaster's day and week, as its Python twin does it: see `parts` for how."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from floodmark.detect.bank.parts import fade, part

_WEEK: Final = 604_800.0
_SPARSE: Final = 2.5
_FADE_LEVEL: Final = 0.15
_FADE_ERROR: Final = 0.02


@part
def is_sparse(interval: float, width: float) -> Any:
    """Whether a slot of so many seconds has only one or two points."""
    return _SPARSE * interval > width


@part
def season_offset(mean: Any, count: Any, position: float, slots: int, sparse: bool) -> Any:
    """What the phase adds, between the centres of the slots; NaN where it was never seen."""
    position = position - 0.5
    left = math.floor(position)
    share = position - left
    i = int(left) % slots
    j = (int(left) + 1) % slots
    if sparse:
        share = 0.0 if share < 0.5 else 1.0
    if count[i] == 0.0:
        return mean[j] if count[j] != 0.0 else math.nan
    if count[j] == 0.0:
        return mean[i]
    return mean[i] * (1 - share) + mean[j] * share


@part
def nearest_to(value: float, best: float, level: float, mean: Any, count: Any, position: float, slots: int) -> Any:
    """Of the forecast and what the slots around it say, that which is nearest to a value."""
    left = math.floor(position - 0.5)
    for slot in (int(left) % slots, (int(left) + 1) % slots):
        if count[slot] != 0.0:
            other = level + mean[slot]
            if abs(value - other) < abs(value - best):
                best = other
    return best


@part
def learn_phase(mean: Any, count: Any, position: float, slots: int, value: float, weight: float) -> None:
    slot = int(position) % slots
    seen = np.float64(count[slot]) + weight
    count[slot] = 3.0 if seen > 3.0 else seen
    by = weight / (weight if weight > seen else seen) if seen < 3.0 else weight / 3.0
    mean[slot] += (value - mean[slot]) * by


@part
def after_period(since: float, time: float, period: float, level: float, offset: float) -> Any:
    """A seasonal expert's forecast; NaN until it has seen a period."""
    return level + offset if time - since >= period else math.nan  # NaN since: never


@part
def next_interval(r: Any, time: float) -> Any:
    if r.seen == 0:
        return r.interval
    gap = time - r.learned
    if r.seen == 1:
        return gap
    most = 5 * r.interval
    return r.interval + ((most if most < gap else gap) - r.interval) * 0.05


@part
def learn_season(
    r: Any, value: float, offset: float, forecast: float, time: float, base: float, before: float, share: float
) -> None:
    """The daily expert, but for its profile. `base`: the long-run level before; `before`: how far off it was."""
    error = abs(value - forecast) if not math.isnan(forecast) else 1.5 * abs(value - r.level)
    first = math.isnan(r.day_since)
    r.day_error = fade(r.day_error, 0 if first else 1, error, _FADE_ERROR, 1)
    r.day_slow += ((abs(value - (base + offset)) if not math.isnan(forecast) else 1.5 * before) - r.day_slow) * share
    level = value - offset if not math.isnan(offset) else r.base
    r.day_level = fade(r.day_level, 0 if first else 1, level, _FADE_LEVEL, 1)
    if first:
        r.day_since = time


@part
def learn_week(
    w: Any, r: Any, value: float, time: float, position: float, sparse: bool, base: float, before: float, share: float
) -> None:
    offset = season_offset(w.mean, w.count, position, 168, sparse)
    forecast = after_period(w.since, time, _WEEK, w.level, offset)
    error = abs(value - forecast) if not math.isnan(forecast) else 1.5 * abs(value - r.level)
    level = value - offset if not math.isnan(offset) else r.base
    first = math.isnan(w.since)
    w.error = fade(w.error, 0 if first else 1, error, _FADE_ERROR, 1)
    w.slow += ((abs(value - (base + offset)) if not math.isnan(forecast) else 1.5 * before) - w.slow) * share
    w.level = fade(w.level, 0 if first else 1, level, _FADE_LEVEL, 1)
    if first:
        w.since = time
    part = r.interval / (_WEEK / 168)
    learn_phase(w.mean, w.count, position, 168, value - r.base, 1.0 if part > 1.0 else part)
