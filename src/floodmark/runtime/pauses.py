"""Notices that the host or this process stood still, or that somebody set the clock, and says so.

Three clocks tell it apart: the wall's, the one that also counts while the host is suspended, and the one that does not.
Nothing is mended here: sessions that ran out meanwhile are joined anew as after any outage, and no stage reads a clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
PAUSE_SECONDS = 10.0
"""A pause that is shorter is not spoken of."""
STEP_SECONDS = 5.0
"""A clock that is set by less is not spoken of: it is NTP's daily work."""


class Clocks(NamedTuple):
    """Seconds of three clocks, read together."""

    wall: float
    """Since the epoch; may be set."""
    passed: float
    """Goes on while the host is suspended."""
    awake: float
    """Stands still while the host is suspended."""


def clocks() -> Clocks:
    awake = time.monotonic()
    suspended_too = getattr(time, "CLOCK_BOOTTIME", None)  # Linux
    return Clocks(time.time(), time.clock_gettime(suspended_too) if suspended_too is not None else awake, awake)


async def keep_looking(
    telemetry: Telemetry,
    read: Callable[[], Clocks] = clocks,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Compare the clocks every `LOOK_SECONDS`, for ever."""
    before = read()
    while True:
        await sleep(LOOK_SECONDS)
        now = read()
        _compare(before, now, telemetry)
        before = now


def _compare(before: Clocks, now: Clocks, telemetry: Telemetry) -> None:
    wall, passed, awake = (new - old for new, old in zip(now, before, strict=True))
    pause = passed - LOOK_SECONDS
    if pause >= PAUSE_SECONDS:
        telemetry.host_pauses.inc()
        telemetry.host_pause_seconds.inc(pause)
        # A virtual machine that is paused sees its clock of suspensions stand still too, and the wall's jump when the
        # host sets it: that is a step of the clock below.
        who = "host stood" if passed - awake >= PAUSE_SECONDS else "process stood"
        why = "suspended?" if passed - awake >= PAUSE_SECONDS else "stopped, or no processor free?"
        log.warning(
            f"This {who} still for {_duration(pause)} ({why}): if Kafka has given its work to others meanwhile, the "
            "groups are joined anew; nothing is lost"
        )
    step = wall - passed
    if abs(step) >= STEP_SECONDS:
        telemetry.clock_steps.inc()
        log.warning(
            f"The clock of this host was set {'forward' if step > 0 else 'back'} by {_duration(abs(step))} "
            "(a machine that was paused, or NTP): detection goes by the times in the records and does not mind"
        )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
