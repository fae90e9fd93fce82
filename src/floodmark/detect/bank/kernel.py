"""The compiled port of `SeriesModel.judge` and `learn`, with the rules of the metric maker and of the core around it.

It takes points in order and stops at the first that is not plain. It must give, bit for bit, what the Python twins
give (see `parts`). It checks no bounds: what it is given must be sound.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba as nb
import numpy as np

from floodmark.detect import readings
from floodmark.detect.bank import cache, layout, parts, seasons, shapes, tails
from floodmark.detect.bank.parts import (
    FINEST_STEP,
    FULL_DRIFT,
    FULL_SPREAD,
    band_of_window,
    clipped,
    exact_sum,
    fade,
    finest_drift,
    flatline_z,
    learn_drift,
    learn_flatline,
    learn_level,
    learn_range,
    learn_step,
    next_drift,
    next_step,
    part,
    range_z,
    remember,
    scale_of,
    step_deviation,
    two_states,
)
from floodmark.detect.bank.seasons import (
    after_period,
    is_sparse,
    learn_phase,
    learn_season,
    learn_week,
    nearest_to,
    next_interval,
    season_offset,
)
from floodmark.detect.bank.shapes import learn_shape
from floodmark.detect.bank.tails import (
    factor_of,
    learn_frequency,
    learn_tails,
    tail_p,
)

_FEW: Final = 1e-6
_PLAIN: Final = 4e-6
_WEIGHT: Final = 30.0
_LARGEST: Final = 1e150
_SPORADIC: Final = 0.03
_DAY: Final = 86_400.0
_WEEK: Final = 604_800.0
_FADE_LEVEL: Final = 0.15
_FADE_ERROR: Final = 0.02
_CLEARLY: Final = 0.5
_SLOTS: Final = (1 << layout.SLOT_BITS) - 1
_KIND: Final = layout.SCALED - 1
_reading: Final = part(readings.reading)
_is_lower: Final = part(readings.is_lower)
_grows: Final = part(readings.grows)
_is_real_reset: Final = part(readings.is_real_reset)


@part
def _point(  # noqa: PLR0915 - cut up, it would pass twenty numbers from piece to piece
    s: int,
    time: float,
    value: float,
    series: Any,
    day_mean: Any,
    day_count: Any,
    weeks: Any,
    cells: Any,
    rules: Any,
    free: Any,
    clock: Any,
    resumed: float,
) -> int:
    """Judge a point and, if it is plain, learn it: DONE, SCHEDULE, SETTLE or ROOM. Else PYTHON, and nothing has
    changed."""
    r = series[s]
    seen = r.seen
    # What is expected.
    position = (time % _DAY) / _DAY * 96
    day_sparse, week_sparse = is_sparse(r.interval, _DAY / 96), is_sparse(r.interval, _WEEK / 168)
    offset = season_offset(day_mean[s], day_count[s], position, 96, day_sparse)
    forecast = after_period(r.day_since, time, _DAY, r.day_level, offset)
    expected, error, speaks = r.level, r.error, 0
    phase, slow_error = 0.0, _CLEARLY * r.slow_error
    if not math.isnan(forecast):
        if r.day_error < error:
            expected, error, speaks = forecast, r.day_error, 1
        if r.day_slow < slow_error:
            phase, slow_error = offset, r.day_slow
    week_position = 0.0
    if r.week >= 0:
        w = weeks[r.week]
        week_position = (time % _WEEK) / _WEEK * 168
        if w.error < error or w.slow < slow_error:
            week_offset = season_offset(w.mean, w.count, week_position, 168, week_sparse)
            week_forecast = after_period(w.since, time, _WEEK, w.level, week_offset)
            if not math.isnan(week_forecast):
                if w.error < error:
                    expected, speaks = week_forecast, 2
                phase = week_offset if w.slow < slow_error else phase
    if speaks == 1 and not day_sparse:
        expected = nearest_to(value, expected, r.day_level, day_mean[s], day_count[s], position, 96)
    elif speaks == 2 and not week_sparse:
        w = weeks[r.week]
        expected = nearest_to(value, expected, w.level, w.mean, w.count, week_position, 168)
    if abs(value - r.level) < abs(value - expected):
        expected = r.level
    phase = phase if phase != 0.0 else 0.0
    slow = r.base + phase
    floor = 1.0
    if seen:
        floor = 0.005 * r.size
        floor = 1e-9 if floor < 1e-9 else floor
    if r.counting and r.interval != 0.0:
        one = 1 / r.interval
        chance = math.sqrt(((0.0 if slow < 0.0 else slow) + one) * one)
        floor = chance if chance > floor else floor
    # How odd it is.
    heads = r.heads
    z0 = z1 = z2 = z3 = z4 = z5 = z6 = 0.0
    short = long = 0.0
    fast = heads & (layout.FORECAST | layout.RANGE | layout.FLATLINE | layout.LEVEL)
    smallest, oddest = math.inf, 0.0
    factor = factor_of(r)
    cost = float((fast & 1) + (fast >> 1 & 1) + (fast >> 2 & 1) + (fast >> 3 & 1))
    slow_cost = (cost * _WEIGHT if fast else float((heads >> 5 & 1) + (heads >> 6 & 1) + (heads >> 7))) * factor
    cost *= factor
    spread_n = seen if seen < 100 else 100
    if heads & layout.FORECAST:
        if seen:
            z0 = (value - expected) / scale_of(r.spread, spread_n, floor)
        smallest, oddest = tail_p(r, 0, z0) * cost, z0
    if heads & layout.RANGE:
        if seen:
            z1 = range_z(r, value, floor)
        p = tail_p(r, 1, z1) * cost
        if p < smallest:
            smallest, oddest = p, z1
    if heads & layout.FLATLINE:
        if seen:
            z2 = flatline_z(r, value)
        p = tail_p(r, 2, z2) * cost
        if p < smallest:
            smallest, oddest = p, 0.0
    short_z = long_z = 0.0
    if heads & layout.LEVEL:
        if r.recent_n >= 3:
            short = exact_sum(r.recent, r.recent_at, 3, value - slow) / 4
            short_z = short / scale_of(r.short, r.short_n, floor / 2.0)
        if r.recent_n >= 15:
            long = exact_sum(r.recent, r.recent_at, 15, value - slow) / 16
            long_z = long / scale_of(r.long, r.long_n, floor / 4.0)
        if seen:
            z3 = long_z if abs(long_z) > abs(short_z) else short_z
        p = tail_p(r, 3, z3) * cost
        if p < smallest and smallest > _PLAIN:
            smallest, oddest = p, z3
    quick = 1.0 if smallest > 1.0 else smallest
    drift = step = 0.0
    if heads & layout.DRIFT:
        drift = next_drift(r, value - phase, floor)
        if seen > FULL_DRIFT:
            z4 = drift / scale_of(r.drift_scale, seen - FULL_DRIFT, finest_drift(r, floor))
        p = tail_p(r, 4, z4) * slow_cost
        smallest = p if p < smallest and smallest > _PLAIN else smallest
    if heads & layout.VARIANCE:
        step = next_step(r, value, floor)
        if seen > FULL_SPREAD + 1:
            z5 = step_deviation(r, step, floor) / scale_of(r.step_scale, seen - FULL_SPREAD - 1, FINEST_STEP)
        p = tail_p(r, 5, z5) * slow_cost
        smallest = p if p < smallest and smallest > _PLAIN else smallest
    if heads & layout.SHAPE:
        z6 = r.shape_z
        p = tail_p(r, 6, z6) * slow_cost
        smallest = p if p < smallest and smallest > _PLAIN else smallest
    p_value = 1.0 if smallest > 1.0 else smallest
    if p_value < 0.05 and seen >= rules[r.rule].warmup:
        usual = r.interval if r.interval > 1.0 else 1.0
        alpha = rules[r.rule].false_alarms * (usual if seen else 60.0)
        if p_value < (alpha if alpha < 0.05 else 0.05):
            return layout.PYTHON
    if not quick >= r.p and seen >= rules[r.rule].warmup:
        r.p = quick
        r.way = 1 if oddest > 0 else -1 if oddest < 0 else 0
    # Plain: learn it. First what the core keeps.
    if seen and r.last >= resumed:
        gap = time - r.last
        faded = r.gap * 0.999
        r.gap = gap if gap > faded else faded
        usual = r.interval if r.interval > 1.0 else 1.0
        r.sporadic = fade(r.sporadic, r.sporadic_n, 1.0 if gap > 2 * usual else 0.0, 0.01, 100)
        r.sporadic_n += r.sporadic_n < 100
    r.last = time
    scale = math.inf
    if seen:
        if heads & layout.FORECAST:
            scale = (expected + scale_of(r.spread, spread_n, floor)) - expected
        elif heads & layout.RANGE:
            scale = r.high - expected
        elif heads & layout.FLATLINE:
            scale = 0.0
        elif not heads & layout.LEVEL:
            scale = band_of_window(r, heads, expected, phase, floor)
        elif r.recent_n < 3:
            scale = (slow + scale_of(r.short, r.short_n, floor)) - expected
        elif abs(long_z) > abs(short_z):
            scale = (slow + scale_of(r.long, r.long_n, floor / 4.0)) - expected
        else:
            scale = (slow + scale_of(r.short, r.short_n, floor / 2.0)) - expected
    remember(r, cells[s], time, value, expected, scale)
    if seen > 3:
        learn_tails(r, z0, z1, z2, z3, z4, z5, z6)
        learn_frequency(r, p_value, factor)
    if heads & layout.FORECAST:
        r.spread = fade(r.spread, spread_n, clipped(r.spread, spread_n, value - expected, floor), 0.01, 100)
    if heads & layout.RANGE:
        learn_range(r, value, floor)
    if heads & layout.FLATLINE:
        learn_flatline(r, value)
    if heads & layout.LEVEL:
        learn_level(r, value - slow, short, long, floor)
    if heads & layout.DRIFT:
        learn_drift(r, drift, value - phase, value - slow, floor)
    if heads & layout.VARIANCE:
        learn_step(r, step, value, floor)
    if heads & layout.SHAPE:
        learn_shape(r, time, value - slow, floor)
    r.size = fade(r.size, seen, abs(value), 0.01, 1)
    if not value >= 0:
        r.nonnegative = 0
    if r.counting and seen:
        events = value * (time - r.learned)
        r.counting = abs(events - np.rint(events)) <= _FEW * (events if events > 1.0 else 1.0)
    # The forecaster.
    r.interval = next_interval(r, time)
    base = r.base
    before, share = abs(value - base), r.interval / _DAY
    share = 1.0 if share > 1.0 else share
    first = 1 / seen if seen > 1 else 1.0
    share = first if first > share else share
    if r.interval != 0.0:
        r.slow_error += (before - r.slow_error) * share
    if seen:
        r.error = fade(r.error, seen - 1, abs(value - r.level), _FADE_ERROR, 1)
    r.learned = time
    r.base = fade(r.base, r.base_n, value, 0.002, 500)
    r.base_n += r.base_n < 500
    room = True
    if r.week < 0 and (seen + 1) * r.interval > 2 * _DAY:
        clock[1] -= 1
        r.week = free[clock[1]]
        week_position = (time % _WEEK) / _WEEK * 168
        room = clock[1] > 0
    if r.interval != 0.0:
        learn_season(r, value, offset, forecast, time, base, before, share)
        part = r.interval / (_DAY / 96)
        learn_phase(day_mean[s], day_count[s], position, 96, value - r.base, 1.0 if part > 1.0 else part)
        if r.week >= 0:
            learn_week(weeks[r.week], r, value, time, week_position, week_sparse, base, before, share)
    r.level = fade(r.level, seen, value, _FADE_LEVEL, 1)
    r.seen = seen + 1
    size = r.cells
    if size < len(cells[s]) and size % rules[r.rule].warmup == 0 and two_states(cells[s], size, r.seen):
        return layout.SETTLE  # whoever comes back makes room as well
    if not r.scheduled and heads & layout.STALE and r.seen >= rules[r.rule].warmup and r.sporadic <= _SPORADIC:
        return layout.SCHEDULE
    return layout.DONE if room else layout.ROOM


@part
def _run(  # noqa: PLR0915 - the rules of the metric maker, in the order in which it has them
    at: int,
    refs: Any,
    times: Any,
    values: Any,
    starts: Any,
    metrics: Any,
    series: Any,
    day_mean: Any,
    day_count: Any,
    weeks: Any,
    cells: Any,
    rules: Any,
    free: Any,
    clock: Any,
    tally: Any,
    now: Any,
) -> tuple[int, int]:
    """Take points from `at` on: (place, why it stopped there). See the words in `layout`.

    `refs` and `starts` are as `layout.Points` has them; with no `metrics`, `refs` are tokens of series. `now`:
    the tick that event time has reached, lateness, ticks' width, and the time before which silence is nobody's fault.
    `clock`: uses so far, and free weekly profiles.
    """
    plain = len(metrics) == 0
    tick, lateness, grid, resumed = now[0], now[1], now[2], now[3]
    for i in range(at, len(refs)):
        time, value = times[i], values[i]
        if plain:
            link = refs[i]
        else:
            x = time - lateness
            if not x < tick + 0.999 * grid and x // grid * grid > tick:
                return i, layout.TICK
            token = refs[i] >> layout.KIND_BITS
            slot = token & _SLOTS
            if slot >= len(metrics) or metrics[slot].token != token or token <= 0:
                return i, layout.METRIC_UNKNOWN
            m = metrics[slot]
            kind = refs[i] & _KIND
            before, sample, verdict, stale = m.value, value, readings.GROWN, False
            if math.isnan(value) or time <= m.time:
                verdict = readings.FIRST
            elif kind == layout.UNTYPED:
                enough = m.ups + 1 >= readings.ENOUGH and time - m.since >= readings.DAY
                if enough and value > before and _grows(value, before):
                    return i, layout.TURN
            elif kind == layout.DELTA:
                start = starts[i] if len(starts) > 0 else 0.0
                since = start if m.time < start < time and start > 0 else m.time
                if since == -math.inf:
                    verdict = readings.FIRST
                else:
                    sample = value / (time - since)
            elif kind == layout.COUNTER and value < 0:
                verdict = readings.FIRST
            elif kind == layout.COUNTER:
                start = starts[i] if len(starts) > 0 else 0.0
                if value >= before and not start > m.time and math.isnan(m.low):
                    sample = (value - before) / (time - m.time)
                else:
                    verdict, sample = _reading(value, time, start, before, m.held, m.low, m.time, m.began, m.rate)
                    if m.how == layout.LEARNED and _is_lower(verdict):
                        if value * 8 >= before:
                            if m.falls + 1 >= readings.FALLS and time - m.since <= readings.DAY:
                                return i, layout.TURN
                            stale = True
                        if verdict != readings.DIP and not _is_real_reset(value, before, sample, m.rate):
                            verdict = readings.FIRST
            link = m.series
            known = link > 0 and link & _SLOTS < len(series) and series[link & _SLOTS].token == link
            if verdict >= readings.GROWN and not known and link != layout.DISABLED:
                return i, layout.SERIES_UNKNOWN
            clock[0] += 1
            m.used = clock[0]
            tally[0] += 1
            if math.isnan(value):
                tally[1] += 1
                continue
            if time <= m.time:
                tally[2 if time == m.time else 3] += 1
                continue
            if kind == layout.COUNTER:
                if value < 0:
                    tally[4] += 1
                    continue
                if stale:
                    if m.falls == 0 or time - m.since > readings.DAY:
                        m.falls, m.since = 0, time
                    m.falls += 1
                if verdict == readings.DIP:
                    tally[9] += 1
                    if math.isnan(m.low):
                        m.held = m.time
                    m.low, m.lows, m.time = value, 0, time
                    continue
                if verdict in (readings.LOW, readings.HELD) and value < before and m.lows + 1 < readings.ACCEPTED:
                    m.low, m.time = value, time
                    m.lows += 1
                    if verdict == readings.HELD:
                        continue
                else:
                    m.value, m.low = value, math.nan
                    m.began = starts[i] if len(starts) > 0 else 0.0
                m.time = time
                tally[5] += verdict in (readings.RESET, readings.AGAIN)
                m.rate = sample if verdict >= readings.GROWN else math.nan
                if verdict < readings.GROWN:
                    continue
            elif kind == layout.DELTA:
                m.value, m.time = value, time
                if verdict == readings.FIRST:
                    continue
            elif kind == layout.UNTYPED:
                if not _grows(value, before):
                    m.since, m.ups = time, 0
                elif value > before:
                    m.ups += 1
                m.value, m.time = value, time
            else:
                m.time = time
            value = sample
            if link == layout.DISABLED:
                tally[6] += 1
                continue
        s = link & _SLOTS
        r = series[s]
        if r.out:
            values[i] = value
            return i, layout.PYTHON
        clock[0] += 1
        r.used = clock[0]
        if r.seen and time <= r.last:
            tally[7] += 1
            continue
        if not abs(value) <= _LARGEST:
            tally[8] += 1
            continue
        why = _point(s, time, value, series, day_mean, day_count, weeks, cells, rules, free, clock, resumed)
        if why != layout.DONE:
            values[i] = value
            return i, why
    return len(refs), layout.DONE


def _compiled() -> Callable[..., tuple[int, int]]:
    """Compiled for the one signature that is used, when this module is imported; from Numba's cache if there is one.

    Numba renews its cache when this file changes. A closure's variables are part of its key, so the digest of the other
    files renews it, too.
    """
    sources = b"".join(
        Path(module.__file__ or "").read_bytes() for module in (layout, parts, readings, seasons, shapes, tails)
    )
    digest = hashlib.blake2b(sources, digest_size=8).hexdigest()

    def run(
        at: int,
        refs: Any,
        times: Any,
        values: Any,
        starts: Any,
        metrics: Any,
        series: Any,
        day_mean: Any,
        day_count: Any,
        weeks: Any,
        cells: Any,
        rules: Any,
        free: Any,
        clock: Any,
        tally: Any,
        now: Any,
    ) -> Any:
        if not digest:
            return at, 0
        return _run(
            at,
            refs,
            times,
            values,
            starts,
            metrics,
            series,
            day_mean,
            day_count,
            weeks,
            cells,
            rules,
            free,
            clock,
            tally,
            now,
        )

    rows = {name: nb.from_dtype(getattr(layout, name)) for name in ("METRIC", "SERIES", "WEEK", "RULE")}
    signature = nb.types.Tuple((nb.int64, nb.int64))(
        nb.int64,
        nb.int64[::1],
        nb.float64[::1],
        nb.float64[::1],
        nb.float64[::1],
        rows["METRIC"][::1],
        rows["SERIES"][::1],
        nb.float64[:, ::1],
        nb.float32[:, ::1],
        rows["WEEK"][::1],
        nb.float64[:, :, ::1],
        rows["RULE"][::1],
        nb.int64[::1],
        nb.int64[::1],
        nb.int64[::1],
        nb.float64[::1],
    )
    compiled: Callable[..., tuple[int, int]]
    cache.readable()
    try:
        compiled = nb.njit(signature, error_model="numpy", cache=True)(run)
    except RuntimeError:  # nowhere to keep a cache, on a read-only installation without a home
        compiled = nb.njit(signature, error_model="numpy")(run)
    return compiled


run = _compiled()
