"""The part of the kernel that is `Shape`, as its Python twin does it: see `parts` for how."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from floodmark.detect.bank import layout
from floodmark.detect.bank.parts import FINEST, clipped, fade, part, scale_of

_CLIP: Final = 6.0
_FADE_SLOW: Final = 0.0005
_WARM: Final = 2000
_BLOCK: Final = 4
_LEAST: Final = 48
_HOLE: Final = 4.5
_FOREVER: Final = 1e15
_LEARNED: Final = 32
_FADE_SHAPE: Final = 0.002
_MANY: Final = 500
_TINY: Final = 1e-12


@part
def nearest_shape(r: Any, own: float, usual: float, least: float, window: Any) -> Any:
    """Of the window, less its mean: the square of its distance to the nearest stretch of the past as a share of the
    energy. One result a stretch, so that the compiler takes several stretches at once."""
    past = r.shape_past
    stretches = int(r.shape_past_n) - layout.SHAPE_WINDOW + 1
    shares = np.empty(layout.SHAPE_PAST)
    root = math.sqrt(usual / own)
    root = 1.0 if root > 1.0 else root
    for at in range(stretches):
        total, squares, products = 0.0, 0.0, 0.0
        for i in range(layout.SHAPE_WINDOW):
            value = np.float64(past[at + i])
            total += value
            squares += value * value
            products += window[i] * value
        swing = products / own
        swing = root if swing < root else swing
        swing = 1.0 if swing > 1.0 else swing
        shrunk = swing * swing * own
        apart = shrunk - 2.0 * swing * products + (squares - total * total / layout.SHAPE_WINDOW)
        apart = least if apart < least else apart
        shares[at] = apart / (usual if shrunk < usual else shrunk)
    nearest = math.inf
    for at in range(stretches):
        nearest = shares[at] if shares[at] < nearest else nearest
    return nearest


@part
def push(means: Any, n: int, mean: Any) -> Any:
    """Add the newest of some means, the oldest of which goes if there is no room; how many there are then."""
    if n < len(means):
        means[n] = mean
        return n + 1
    for i in range(n - 1):
        means[i] = means[i + 1]
    means[n - 1] = mean
    return n


@part
def learn_shape(r: Any, time: float, deviation: float, floor: float) -> None:
    seen = r.seen
    size = scale_of(r.shape_size, seen, floor)
    r.shape_size = fade(r.shape_size, seen, clipped(r.shape_size, seen, deviation, floor), _FADE_SLOW, _WARM)
    z = deviation / size
    z = -_CLIP if z < -_CLIP else z
    z = _CLIP if z > _CLIP else z
    after = (time - r.shape_last) / r.interval if r.interval != 0.0 else 1.0
    before = r.shape_before
    r.shape_before, r.shape_last = z, time
    if after > _HOLE:
        r.shape_window_n, r.shape_z = 0, 0.0
        r.shape_points = (r.shape_points + np.rint(_FOREVER if after > _FOREVER else after) - 1.0) % _BLOCK
        r.shape_sum = r.shape_points * z
        after = 1.0
    steps = int(np.rint(after))
    steps = 1 if steps < 1 else steps
    for step in range(1, steps + 1):
        r.shape_sum += before + (z - before) * (step / steps)
        r.shape_points += 1
        if r.shape_points == _BLOCK:
            if r.shape_window_n == layout.SHAPE_WINDOW:
                r.shape_past_n = push(r.shape_past, r.shape_past_n, r.shape_window[0])
            r.shape_window_n = push(r.shape_window, r.shape_window_n, np.float32(r.shape_sum / _BLOCK))
            r.shape_sum = 0.0
            r.shape_points = 0
            if r.shape_window_n == layout.SHAPE_WINDOW and r.shape_past_n >= _LEAST:
                compare_shape(r, floor / size, size)


@part
def compare_shape(r: Any, floor: float, size: float) -> None:
    total, energy = 0.0, 0.0
    window = np.empty(layout.SHAPE_WINDOW)
    for i in range(layout.SHAPE_WINDOW):
        total += np.float64(r.shape_window[i])
    for i in range(layout.SHAPE_WINDOW):
        window[i] = np.float64(r.shape_window[i]) - total / layout.SHAPE_WINDOW
        energy += window[i] * window[i]
    least = floor * floor * _BLOCK
    least = _TINY if least < _TINY else least
    usual = least if least > r.shape_energy else r.shape_energy
    distance = 0.5 * math.log(nearest_shape(r, _TINY if energy < _TINY else energy, usual, least, window))
    known = r.shape_n
    off = distance - r.shape_centre if known else 0.0
    z = off / scale_of(r.shape_scale, known, FINEST) if known > _LEARNED else 0.0
    r.shape_z = z if z > 0.0 else 0.0
    unit = math.sqrt(usual / layout.SHAPE_WINDOW) * size
    r.shape_far = unit * math.exp(distance)
    r.shape_usual = unit * math.exp(distance - off)
    r.shape_scale = fade(r.shape_scale, known, clipped(r.shape_scale, known, off, FINEST), _FADE_SHAPE, _MANY)
    r.shape_centre = fade(r.shape_centre, known, distance, _FADE_SHAPE, _MANY)
    r.shape_energy = fade(r.shape_energy, known, energy, _FADE_SHAPE, _MANY)
    r.shape_n += known < _MANY
