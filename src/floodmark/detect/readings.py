"""What a reading of a counter adds to those before it, and what a series whose producer is silent on it must be.

A counter that is lower than before has begun again at zero, and all of it is new (Prometheus's rule for `increase`). It
is the least that has come since; if that is less than usual it says nothing. Nor does it if it is far from zero and
would be many times the usual: then a part of what was counted has gone, as when a shard moves.

But caches, replicas that take turns and readings that arrive late make it a little lower without any of that, and then
a rule for resets alone counts all that ever was a second time. So what has lost less than an eighth is a *dip*: of such
a reading nothing is made, and the next one is held against the value before it. An eighth is where VictoriaMetrics
draws the line between a reset and a part of one. A producer that says since when it counts leaves nothing to guess.

If a counter stays low it goes on from there. Until that is sure there are two values that a reading may go on from,
and the one is taken that fits better with the rate so far; what fits neither is held back for some readings.

The functions are plain arithmetic, which the kernel compiles: it and `MetricSeries.observe` share them.
"""

from __future__ import annotations

import math
from typing import Final

FIRST: Final = 0
"""No sample: nothing was before it."""
DIP: Final = 1
"""No sample: it is lower than it can be."""
AGAIN: Final = 2
"""No sample: it has begun again, and what has come since says nothing."""
HELD: Final = 3
"""No sample: it is near the dip, but does not go on as before."""
GROWN: Final = 4
RESET: Final = 5
BACK: Final = 6
"""It goes on from the value before the dip."""
LOW: Final = 7
"""It goes on from the dip."""

ACCEPTED: Final = 8
"""Readings that go on from a dip, after which the value before it is forgotten."""
DAY: Final = 86_400.0
ENOUGH: Final = 60
"""Increases that a series needs in a day or longer, without ever being lower, to be a counter that does not say so."""
FALLS: Final = 3
"""Times that such a counter is lower within a day, and not near zero, after which it is none."""
SAME: Final = 1.0
"""Seconds that the start of one and the same life of a counter may wander."""
FAST: Final = 8.0
"""Times the rate so far: what a counter that is not near zero has gained at most since it began again."""


def reading(
    value: float,
    time: float,
    start: float,
    base: float,
    held: float,
    low: float,
    newest: float,
    began: float,
    usual: float,
) -> tuple[int, float]:
    """How a counter's reading is to be taken, and the rate since the one that it goes on from.

    `base`: the last good value, NaN if there is none, and `held` its time. `low`: the last value of a dip, NaN if there
    is none. `newest`: time of the last reading. `start` and `began`: since when it counts, now and then; 0: unsaid.
    `usual`: the last rate.
    """
    if math.isnan(base):
        return FIRST, 0.0
    step = time - newest
    since_then = value / step
    began_again = AGAIN if since_then < usual else RESET
    if newest < start < time:
        return began_again, since_then
    last = base if math.isnan(low) else low
    if value < last:
        known = start > 0 and began > 0
        if start <= began + SAME if known else (last - value) * 8 < last:
            return DIP, 0.0
        partly = not known and value * 8 >= base and since_then > FAST * usual
        return AGAIN if partly else began_again, since_then
    if math.isnan(low):
        return GROWN, (value - base) / step
    onward = (value - low) / step
    if value < base:
        return HELD if onward * 2 < usual or onward > usual * 2 else LOW, onward
    back = (value - base) / (time - held)
    return (LOW, onward) if abs(onward - usual) < abs(back - usual) else (BACK, back)


def is_lower(verdict: int) -> bool:
    """Whether it is about a reading that is lower than the one before, or of another life."""
    return verdict == DIP or verdict == AGAIN or verdict == RESET  # noqa: PLR1714 - to be compiled


def is_real_reset(value: float, base: float, rate: float, usual: float) -> bool:
    """Whether what was taken for a counter by its values has begun again, as after a reboot, and not just fallen."""
    return value * 8 < base and not rate > FAST * usual


def grows(value: float, before: float) -> bool:
    """Whether a reading is as a counter would be: whole, and not lower than the one before (NaN: there is none)."""
    return value >= before and value >= 0 and value % 1.0 == 0.0
