"""The part of the kernel that is `Tail`, `PeakTail` and `Frequency`, as their twins do it: see `parts` for how."""

from __future__ import annotations

import math
from typing import Any, Final

from floodmark.detect.bank.parts import part

_RUNGS: Final = tuple(2.5 * math.log1p(z * z / 4) for z in (2.0, 3.0, 5.0))
_PRIOR_RATE: Final = (0.05, 0.006, 0.0004)
_PRIOR_EXCESS: Final = (0.55, 0.55, 0.55)
_PRIOR_WEIGHT: Final = 30.0
_COUNTED: Final = 0.001
_EVIDENCE: Final = 5.0
_APART: Final = 6.0
_ENOUGH: Final = 5.0
_FARTHEST: Final = 20.0
_MEMORY: Final = 20_000.0
_YOUNG: Final = 2_000.0
_HEAVIEST: Final = 1e100


@part
def surprisal(z: float) -> Any:
    return 2.5 * math.log1p(z * z / 4)


@part
def tail_p(r: Any, head: int, z: float) -> Any:
    side = 3 if z < 0 else 0
    z = abs(z)
    if z < 2.0:
        return 1.0
    s = surprisal(z)
    weight = r.weight if r.weight != 0.0 else 1.0
    enough = _ENOUGH * weight
    rung = 0
    if s >= _RUNGS[2] and r.above[head, side + 2] >= enough:
        rung = 2
    elif s >= _RUNGS[1] and r.above[head, side + 1] >= enough:
        rung = 1
    above = r.above[head, side + rung]
    prior = _PRIOR_WEIGHT * weight
    rate = (above + prior * _PRIOR_RATE[rung]) / (r.points + prior)
    prior /= 10
    excess = (r.excess[head, side + rung] + prior * _PRIOR_EXCESS[rung]) / (above + prior)
    p = rate * math.exp(-(s - _RUNGS[rung]) / excess)
    p = 1.0 if p > 1.0 else p
    return 1e-300 if p < 1e-300 else p


@part
def exceed(r: Any, head: int, z: float) -> None:
    if -2.0 < z < 2.0:
        return
    side = 3 if z < 0 else 0
    s = surprisal(z)
    for rung in range(3):
        if s < _RUNGS[rung]:
            break
        r.above[head, side + rung] += r.weight
        over = s - _RUNGS[rung]
        r.excess[head, side + rung] += r.weight * (_FARTHEST if over > _FARTHEST else over)


@part
def peak(r: Any, which: int, z: float) -> None:
    """A point of a head whose exceedances come in clusters."""
    beyond = not -2.0 < z < 2.0
    before = r.peak[which]
    if not beyond or z * before < 0:
        if before != 0.0:
            exceed(r, 4 + which, before)
        r.peak[which] = z if beyond else 0.0
    elif abs(z) > abs(before):
        r.peak[which] = z


@part
def learn_tails(r: Any, z0: float, z1: float, z2: float, z3: float, z4: float, z5: float, z6: float) -> None:
    if r.weight < _YOUNG:
        r.weight += 1.0
    elif r.points > _MEMORY * r.weight:
        r.weight *= 1.0 + 1.0 / _MEMORY
        if r.weight > _HEAVIEST:
            by = _YOUNG / r.weight
            r.weight = _YOUNG
            r.points *= by
            for head in range(7):
                for i in range(6):
                    r.above[head, i] *= by
                    r.excess[head, i] *= by
    r.points += r.weight
    exceed(r, 0, z0)
    exceed(r, 1, z1)
    exceed(r, 2, z2)
    exceed(r, 3, z3)
    peak(r, 0, z4)
    peak(r, 1, z5)
    peak(r, 2, z6)


@part
def factor_of(r: Any) -> Any:
    factor = (r.odd + _EVIDENCE) / (r.tried * _COUNTED + _EVIDENCE)
    return 1.0 if factor > 1.0 else factor


@part
def learn_frequency(r: Any, p_value: float, factor: float) -> None:
    odd = p_value < _COUNTED * factor
    if r.tried < _MEMORY:
        r.tried += 1.0
    else:
        r.odd *= 1.0 - 1.0 / _MEMORY
    if odd:
        if r.odd_since >= _APART:
            r.odd += 1.0
        r.odd_since = 0.0
    else:
        r.odd_since += 1.0
