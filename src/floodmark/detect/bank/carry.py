"""A series' way between its row in the bank and a `SeriesModel`: nothing is computed, everything is copied.

It reads and sets the private parts of the model, its forecaster, heads and tails: where one of these learns to keep
something new, here and in the kernel is where it has to be added. The tests of the bank compare every field.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from typing import Any, Final

import numpy as np

from floodmark.detect.bank import layout
from floodmark.detect.bank.table import Bank
from floodmark.detect.forecast import WEEK, Profile, Seasonal
from floodmark.detect.heads import Flatline, ForecastResidual, Head, LevelShift, Range
from floodmark.detect.mean import FadingMean
from floodmark.detect.model import SeriesModel
from floodmark.detect.shape import Shape
from floodmark.detect.shifts import FULL_DRIFT, FULL_SPREAD, Drift, Variance
from floodmark.detect.tail import PeakTail

BITS: Final[dict[str, int]] = {
    "forecast": layout.FORECAST,
    "range": layout.RANGE,
    "flatline": layout.FLATLINE,
    "level": layout.LEVEL,
    "drift": layout.DRIFT,
    "variance": layout.VARIANCE,
    "shape": layout.SHAPE,
}
_PLACES: Final = {name: layout.TAILS.index(bit) for name, bit in BITS.items()}


def bits(model: SeriesModel) -> int:
    """Which heads a model has, as a row has them; 0 if the bank cannot take it."""
    if not all(head.name in BITS for head in model._heads):
        return 0
    return sum(BITS[head.name] for head in model._heads)


def thaw(bank: Bank, slot: int, model: SeriesModel) -> None:
    """Set a fresh model to what a row says."""
    row = bank.rows[slot]
    seen = int(row["seen"])
    model.seen = seen
    model._nonnegative = bool(row["nonnegative"])
    model._counting = bool(row["counting"])
    size = int(row["cells"])
    model._cells = array("d", bank.cells[slot, :size].tobytes())
    model._next = int(row["next_cell"])
    set_mean(model._size, row["size"], seen)
    forecaster = model._forecaster
    forecaster._n = seen
    forecaster.last = float(row["learned"])
    forecaster.interval = float(row["interval"])
    set_mean(forecaster._level, row["level"], seen)
    set_mean(forecaster._base, row["base"], row["base_n"])
    set_mean(forecaster._error, row["error"], seen - 1)
    day = (row["day_since"], row["day_level"], row["day_error"], bank.day_mean[slot], bank.day_count[slot])
    _set_season(forecaster._daily, *day)
    forecaster._slow_error, forecaster._daily.slow_error = float(row["slow_error"]), float(row["day_slow"])
    week = int(row["week"])
    if week >= 0:
        forecaster._weekly = Seasonal(WEEK, layout.WEEK_SLOTS)
        w = bank.weeks[week]
        _set_season(forecaster._weekly, w["since"], w["level"], w["error"], w["mean"], w["count"])
        forecaster._weekly.slow_error = float(w["slow"])
    for head in model._heads:
        _set_head(head, row)
    for head, tail in zip(model._heads, model._tails, strict=True):
        place = _PLACES[head.name]
        tail._n, tail._weight = float(row["points"]), float(row["weight"])
        tail._above = row["above"][place].tolist()
        tail._excess = row["excess"][place].tolist()
        if isinstance(tail, PeakTail):
            tail._peak = float(row["peak"][place - 4])
    frequency = model._frequency
    frequency._n, frequency._odd = float(row["tried"]), float(row["odd"])
    frequency._since = float(row["odd_since"])


def freeze(model: SeriesModel, bank: Bank, slot: int) -> None:
    """Set a row, taken for such a model, to what the model is."""
    row = bank.rows[slot]
    row["seen"] = model.seen
    row["nonnegative"] = model._nonnegative
    row["counting"] = model._counting
    cells = np.frombuffer(model._cells).reshape(-1, 4)
    bank.cells[slot, : len(cells)] = cells
    row["cells"], row["next_cell"] = len(cells), model._next
    row["size"] = model._size.value
    forecaster = model._forecaster
    row["learned"], row["interval"] = forecaster.last, forecaster.interval
    row["level"], row["error"] = forecaster._level.value, forecaster._error.value
    row["base"], row["base_n"] = forecaster._base.value, forecaster._base.n
    daily, weekly = forecaster._daily, forecaster._weekly
    row["day_since"] = math.nan if daily._since is None else daily._since
    row["day_level"], row["day_error"] = daily._level.value, daily.error.value
    row["slow_error"], row["day_slow"] = forecaster._slow_error, daily.slow_error
    bank.day_mean[slot], bank.day_count[slot] = daily._profile._mean, daily._profile._count
    if weekly is not None:
        if row["week"] < 0:
            row["week"] = bank.take_week()
        w = bank.weeks[int(row["week"])]
        w["since"] = math.nan if weekly._since is None else weekly._since
        w["level"], w["error"], w["slow"] = weekly._level.value, weekly.error.value, weekly.slow_error
        w["mean"], w["count"] = weekly._profile._mean, weekly._profile._count
    else:
        bank.drop_week(slot)
    for head, tail in zip(model._heads, model._tails, strict=True):
        _get_head(head, row)
        place = _PLACES[head.name]
        row["points"], row["weight"] = tail._n, tail._weight
        row["above"][place], row["excess"][place] = tail._above, tail._excess
        if isinstance(tail, PeakTail):
            row["peak"][place - 4] = tail._peak
    frequency = model._frequency
    row["tried"], row["odd"], row["odd_since"] = frequency._n, frequency._odd, frequency._since


def set_mean(mean: FadingMean, value: Any, n: Any) -> None:
    count = max(0, int(n))
    if count >= mean.warm:
        mean.restart(float(value))
    else:
        mean.n, mean.value = count, float(value)


def _set_season(season: Seasonal, since: Any, level: Any, error: Any, mean: Any, count: Any) -> None:
    learned = not math.isnan(since)
    season._since = float(since) if learned else None
    set_mean(season._level, level, learned)
    set_mean(season.error, error, learned)
    profile: Profile = season._profile
    profile._mean = array("d", mean.tobytes())
    profile._count = array("f", count.tobytes())


def _set_head(head: Head, row: Any) -> None:
    seen = int(row["seen"])
    if isinstance(head, ForecastResidual):
        set_mean(head._scale._mean, row["spread"], seen)
    elif isinstance(head, Range):
        head._n = seen
        set_mean(head._centre, row["centre"], seen)
        set_mean(head._up._mean, row["up"], row["up_n"])
        set_mean(head._down._mean, row["down"], row["down_n"])
        head.low, head.high = float(row["low"]), float(row["high"])
    elif isinstance(head, Flatline):
        head._n = seen
        head._changed, head._last = float(row["changed"]), float(row["before"])
        head._run, head._longest = int(row["run"]), int(row["longest"])
    elif isinstance(head, LevelShift):
        n, at = int(row["recent_n"]), int(row["recent_at"])
        ring = row["recent"].tolist()
        head._recent = deque((ring[(at - n + i) % layout.WINDOW] for i in range(n)), maxlen=layout.WINDOW)
        short, long = head._scales
        set_mean(short._mean, row["short"], row["short_n"])
        set_mean(long._mean, row["long"], row["long_n"])
    elif isinstance(head, Drift):
        head._n, head._mean = seen, float(row["drift"])
        set_mean(head._far, row["drift_far"], row["drift_far_n"])
        set_mean(head._usual._mean, row["drift_usual"], seen)
        set_mean(head._scale._mean, row["drift_scale"], seen - FULL_DRIFT)
    elif isinstance(head, Variance):
        head._n, head._short, head._last = seen, float(row["step_short"]), float(row["step_last"])
        set_mean(head._usual._mean, row["step_usual"], seen - 1)
        set_mean(head._centre, row["step_centre"], seen - FULL_SPREAD)
        set_mean(head._scale._mean, row["step_scale"], seen - FULL_SPREAD - 1)
    elif isinstance(head, Shape):
        set_mean(head._size._mean, row["shape_size"], seen)
        head._last, head._before = float(row["shape_last"]), float(row["shape_before"])
        head._sum, head._points = float(row["shape_sum"]), int(row["shape_points"])
        head._window = array("f", row["shape_window"][: row["shape_window_n"]].tobytes())
        head._past = array("f", row["shape_past"][: row["shape_past_n"]].tobytes())
        set_mean(head._energy, row["shape_energy"], row["shape_n"])
        set_mean(head._centre, row["shape_centre"], row["shape_n"])
        set_mean(head._scale._mean, row["shape_scale"], row["shape_n"])
        head._z, head._far, head._usual = (float(row[name]) for name in ("shape_z", "shape_far", "shape_usual"))


def _get_head(head: Head, row: Any) -> None:
    if isinstance(head, ForecastResidual):
        row["spread"] = head._scale._mean.value
    elif isinstance(head, Range):
        row["centre"] = head._centre.value
        row["up"], row["up_n"] = head._up._mean.value, head._up._mean.n
        row["down"], row["down_n"] = head._down._mean.value, head._down._mean.n
        row["low"], row["high"] = head.low, head.high
    elif isinstance(head, Flatline):
        row["changed"], row["before"] = head._changed, head._last
        row["run"], row["longest"] = head._run, head._longest
    elif isinstance(head, LevelShift):
        n = len(head._recent)
        row["recent"] = [*head._recent, *[0.0] * (layout.WINDOW - n)]
        row["recent_n"], row["recent_at"] = n, n % layout.WINDOW
        short, long = head._scales
        row["short"], row["short_n"] = short._mean.value, short._mean.n
        row["long"], row["long_n"] = long._mean.value, long._mean.n
    elif isinstance(head, Drift):
        row["drift"], row["drift_usual"] = head._mean, head._usual._mean.value
        row["drift_far"], row["drift_far_n"] = head._far.value, head._far.n
        row["drift_scale"] = head._scale._mean.value
    elif isinstance(head, Variance):
        row["step_short"], row["step_usual"] = head._short, head._usual._mean.value
        row["step_last"] = head._last
        row["step_centre"], row["step_scale"] = head._centre.value, head._scale._mean.value
    elif isinstance(head, Shape):
        row["shape_size"] = head._size._mean.value
        row["shape_last"], row["shape_before"] = head._last, head._before
        row["shape_sum"], row["shape_points"] = head._sum, head._points
        for name, means in (("shape_window", head._window), ("shape_past", head._past)):
            row[name][: len(means)] = means
            row[f"{name}_n"] = len(means)
        row["shape_energy"], row["shape_n"] = head._energy.value, head._energy.n
        row["shape_centre"], row["shape_scale"] = head._centre.value, head._scale._mean.value
        row["shape_z"], row["shape_far"], row["shape_usual"] = head._z, head._far, head._usual
