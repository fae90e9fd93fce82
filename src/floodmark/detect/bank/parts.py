"""The parts of the kernel: fading means, exact sums and heads, each as its Python twin does it.

Bit for bit: the same operations in the same order, no fast math, Python's rules for min, max, % and //. The twins'
constants are written out again, so that a change of either is seen by the tests of the bank.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numba as nb
import numpy as np

from floodmark.detect.bank import layout

_TO_SIGMA: Final = 1.2533
_CLIP: Final = 6.0
# Windows.
_REACH: Final = 4.0
_FADE_SLOW: Final = 0.0005
_WARM: Final = 2000
_WHITE: Final = 0.07
_FADE_DRIFT: Final = 0.00025
_WARM_DRIFT: Final = 4000
_DRIFT: Final = 0.01
_SPREAD: Final = 1 / 32
# The start of a series.
_NEWEST: Final = 5
_FEWEST: Final = 8
_RUN: Final = 3
_LEAST: Final = 0.025
_WIDE: Final = 16.0

FULL_DRIFT: Final = 96
FULL_SPREAD: Final = 64
FINEST: Final = 0.05
FINEST_STEP: Final = 0.1

part = nb.njit(error_model="numpy")


# -- fading means


@part
def fade(mean: float, n: int, x: float, fading_factor: float, warm: int) -> Any:
    """The fading mean after one more value; `n` are the values before it, counted up to `warm`."""
    if n < warm:
        return mean + (x - mean) / (n + 1)
    return fading_factor * x + (1.0 - fading_factor) * mean


@part
def scale_of(mean: float, n: int, floor: float) -> Any:
    size = mean * _TO_SIGMA
    if n == 0:
        return math.inf
    return size if size > floor else floor


@part
def clipped(mean: float, n: int, deviation: float, floor: float) -> Any:
    size = abs(deviation)
    if n >= 10:
        limit = _CLIP * (floor if floor > mean else mean)
        size = size if size < limit else limit
    return size


# -- exact sums


@part
def exact_sum(ring: Any, at: int, n: int, x: float) -> Any:
    """math.fsum of `x` and the `n` newest of a ring: the sum, rounded once.

    Errors of the additions are summed beside the sum (Ogita, Rump and Oishi 2005, "Accurate sum and dot product"). What
    that leaves open, hardly ever, is done with partial sums that do not overlap (Shewchuk 1997).
    """
    total, error, size = x, 0.0, 0.0
    for i in range(n):
        y = ring[(at - 1 - i) & 15]
        s = total + y
        z = s - total
        e = (total - (s - z)) + (y - z)
        total = s
        error += e
        size += abs(e)
    slack = 1e-14 * size
    low, high = total + (error - slack), total + (error + slack)
    return low if low == high else partial_sums(ring, at, n, x)


@part
def partial_sums(ring: Any, at: int, n: int, x: float) -> Any:
    partials = np.empty(layout.WINDOW + 1)
    count = 0
    for i in range(-1, n):
        a = x if i < 0 else ring[(at - 1 - i) & 15]
        kept = 0
        for j in range(count):
            b = partials[j]
            if abs(a) < abs(b):
                a, b = b, a
            s = a + b
            e = b - (s - a)
            if e != 0.0:
                partials[kept] = e
                kept += 1
            a = s
        partials[kept] = a
        count = kept + 1
    count -= 1
    total = partials[count]
    rest = 0.0
    while count > 0 and rest == 0.0:
        count -= 1
        s = total + partials[count]
        rest = partials[count] - (s - total)
        total = s
    # A tie that the smaller parts decide, by their sign: multiplied they may vanish.
    if count > 0 and rest != 0.0 and (rest > 0.0) == (partials[count - 1] > 0.0):
        s = total + rest * 2.0
        if s - total == rest * 2.0:
            total = s
    return total


# -- heads: z of a point


@part
def range_z(r: Any, value: float, floor: float) -> Any:
    if r.low <= value <= r.high or r.seen == 0:
        return 0.0
    deviation = value - r.centre
    return deviation / (scale_of(r.up, r.up_n, floor) if deviation > 0 else scale_of(r.down, r.down_n, floor))


@part
def gaussian(nats: float) -> Any:
    if nats < 1.15:
        return 0.0
    z = math.sqrt(2 * nats)
    for _ in range(3):
        square = 2 * (nats - math.log(z * 1.2533) + math.log1p(-1 / (z * z + 2)))
        z = math.sqrt(1.0 if square < 1.0 else square)
    return z


@part
def flatline_z(r: Any, value: float) -> Any:
    run = r.run + 1 if value == r.before else 0
    if r.seen < 60 or run < 8 or run <= 2 * r.longest:
        return 0.0
    q = r.changed / (r.seen + 2.0)
    q = 0.9 if q > 0.9 else q
    return gaussian(run * -math.log1p(-q))


@part
def finest_drift(r: Any, floor: float) -> Any:
    white = _WHITE * scale_of(r.drift_usual, r.seen, floor)
    return white if white > floor / 8 else floor / 8


@part
def next_drift(r: Any, level: float, floor: float) -> Any:
    """The window's mean with this point in it; `level` is the value without the season."""
    seen = r.seen
    deviation = level - r.drift_far if seen else 0.0
    if seen >= 10:
        reach = _REACH * scale_of(r.drift_usual, seen, floor)
        deviation = -reach if deviation < -reach else deviation
        deviation = reach if reach < deviation else deviation
    return r.drift + _DRIFT * (deviation - r.drift)


@part
def next_step(r: Any, value: float, floor: float) -> Any:
    """The window's mean step with this point in it."""
    seen = r.seen
    if seen == 0:
        return 0.0
    step = abs(value - r.step_last)
    if seen > 10:
        reach = _REACH * scale_of(r.step_usual, seen - 1, floor)
        step = reach if reach < step else step
    share = 1 / seen
    share = share if share > _SPREAD else _SPREAD
    return r.step_short + share * (step - r.step_short)


@part
def step_deviation(r: Any, short: float, floor: float) -> Any:
    return math.log(floor if floor > short else short) - r.step_centre


@part
def band_of_window(r: Any, heads: int, expected: float, phase: float, floor: float) -> Any:
    """From the forecast to where the band of one scale ends: `Drift`'s, `Variance`'s or `Shape`'s."""
    if heads & layout.DRIFT:
        n = r.seen - FULL_DRIFT
        return (r.drift_far + phase + scale_of(r.drift_scale, n if n > 0 else 0, finest_drift(r, floor))) - expected
    if not heads & layout.VARIANCE:
        scale = scale_of(r.shape_scale, r.shape_n, FINEST)
        return r.shape_usual * math.exp(scale if scale < 50.0 else 50.0) - expected
    n = r.seen - FULL_SPREAD - 1
    scale = scale_of(r.step_scale, n if n > 0 else 0, FINEST_STEP)
    usual = math.exp(r.step_centre if r.step_centre < 300.0 else 300.0)
    return usual * math.exp(scale if scale < 50.0 else 50.0) - expected


# -- learning


@part
def learn_drift(r: Any, mean: float, level: float, deviation: float, floor: float) -> None:
    seen = r.seen
    r.drift = mean
    r.drift_usual = fade(r.drift_usual, seen, clipped(r.drift_usual, seen, deviation, floor), 0.01, 100)
    if seen >= FULL_DRIFT:
        n = seen - FULL_DRIFT
        size = clipped(r.drift_scale, n, mean, floor / 8)
        r.drift_scale = fade(r.drift_scale, n, size, _FADE_DRIFT, _WARM_DRIFT)
    r.drift_far = fade(r.drift_far, r.drift_far_n, level, _FADE_SLOW, _WARM)
    r.drift_far_n += r.drift_far_n < _WARM


@part
def learn_step(r: Any, short: float, value: float, floor: float) -> None:
    seen = r.seen
    r.step_short = short
    if seen:
        step = clipped(r.step_usual, seen - 1, value - r.step_last, floor)
        r.step_usual = fade(r.step_usual, seen - 1, step, _FADE_SLOW, _WARM)
    r.step_last = value
    if seen >= FULL_SPREAD:
        n = seen - FULL_SPREAD
        deviation = step_deviation(r, short, floor)
        if n > 0:
            size = clipped(r.step_scale, n - 1, deviation, FINEST_STEP)
            r.step_scale = fade(r.step_scale, n - 1, size, _FADE_SLOW, _WARM)
        r.step_centre = fade(r.step_centre, n, r.step_centre + deviation, _FADE_SLOW, _WARM)


@part
def learn_range(r: Any, value: float, floor: float) -> None:
    seen = r.seen
    centre = r.centre if seen else value
    r.centre = fade(r.centre, seen if seen < 500 else 500, value, 0.002, 500)
    size = value - centre
    if value >= centre:
        r.up = fade(r.up, r.up_n, clipped(r.up, r.up_n, size, floor), 0.002, 100)
        r.up_n += r.up_n < 100
    else:
        r.down = fade(r.down, r.down_n, clipped(r.down, r.down_n, size, floor), 0.002, 100)
        r.down_n += r.down_n < 100
    creep = 0.0002 * (r.high - r.low) if seen else 0.0
    low, high = r.low + creep, r.high - creep
    r.low = value if value < low else low
    r.high = value if value > high else high


@part
def learn_flatline(r: Any, value: float) -> None:
    if r.seen and value != r.before:
        r.longest = r.run if r.run > r.longest else r.longest
        r.changed += 1
    r.run = r.run + 1 if value == r.before else 0
    r.before = value


@part
def learn_level(r: Any, deviation: float, short: float, long: float, floor: float) -> None:
    if r.recent_n >= 3:
        r.short = fade(r.short, r.short_n, clipped(r.short, r.short_n, short, floor / 2.0), 0.004, 100)
        r.short_n += r.short_n < 100
    if r.recent_n >= 15:
        r.long = fade(r.long, r.long_n, clipped(r.long, r.long_n, long, floor / 4.0), 0.004, 100)
        r.long_n += r.long_n < 100
    r.recent[r.recent_at] = deviation
    r.recent_at = (r.recent_at + 1) & 15
    r.recent_n += r.recent_n < 16


@part
def remember(r: Any, cells: Any, time: float, value: float, expected: float, scale: float) -> None:
    size = cells.shape[0]
    if r.cells < size:
        at = r.cells
        r.cells += 1
    else:
        at = r.next_cell
        r.next_cell = (r.next_cell + 1) % size
    cells[at, 0] = time
    cells[at, 1] = value
    cells[at, 2] = expected
    cells[at, 3] = scale


# -- the start of a series


@part
def two_states(cells: Any, n: int, seen: int) -> Any:
    """Whether of the first `n` points, which are all that came, fewer than have been learned are of the state in which
    the series is now: `starts.normal` of what is no count."""
    if n <= _NEWEST:
        return False
    low = high = cells[n - 1, 1]
    for i in range(n - _NEWEST, n - 1):
        low = min(low, cells[i, 1])
        high = max(high, cells[i, 1])
    grows = True
    while grows:
        reach = max(high - low, _LEAST * max(abs(low), abs(high)))
        least, most = low, high
        for i in range(n):
            value = cells[i, 1]
            if low - reach <= value < least:
                least = value
            if most < value <= high + reach:
                most = value
        grows = least < low or most > high
        low, high = least, most
    inside = runs = 0
    before = True
    gap = bottom = math.inf
    top = -math.inf
    for i in range(n):
        value = cells[i, 1]
        here = low <= value <= high
        if not here:
            gap = min(gap, max(low - value, value - high))
            bottom, top = min(bottom, value), max(top, value)
        inside += here
        runs += before and not here
        before = here
    others = n - inside
    state = others >= _RUN and others >= _RUN * runs and top - bottom <= _WIDE * gap
    return state and inside >= _FEWEST and inside < seen
