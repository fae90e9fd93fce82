"""A clock of the time in which this process was awake. It must never be used for what others can see.

While a process is stopped (SIGSTOP, a suspended laptop, a paused machine) nobody is silent: it only does not hear. With
an ordinary clock a task would find itself idle the moment that it wakes up, before it has read what waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STEP: Final = 2.0
"""Most seconds that pass between two looks; whoever works looks at least once a second."""


class Awake:
    """Call it for the seconds that were awake so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._awake = 0.0

    def __call__(self) -> float:
        now = self._clock()
        self._awake += min(now - self._last, STEP)
        self._last = now
        return self._awake
