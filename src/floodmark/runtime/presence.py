"""Whether Kafka is there, in our own words: away since when and why, back after how long. `probing` finds it out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

log = structlog.get_logger(__name__)

PROBE_SECONDS = 2.0
"""Time between two questions: one small request a process, on a connection that is kept."""
REPEAT_SECONDS = 60.0
"""How often it is said again that Kafka is still away."""


class Presence:
    """What is known of Kafka's being there. Told by whoever notices; says the changes in the log."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` counts seconds since the epoch."""
        self.away_since: float | None = None
        self.reason = ""
        self.outages = 0
        self.returned = asyncio.Event()
        """Set while Kafka is there."""
        self.returned.set()
        self._clock = clock
        self._heard: float | None = None
        self._said = 0.0

    def away(self, reason: str) -> None:
        """No server answers; `reason` has that of each."""
        now = self._clock()
        self.reason = reason
        if self.away_since is None:
            self.away_since = min(now, self._heard if self._heard is not None else now)
            self.outages += 1
            self.returned.clear()
            self._said = now
            log.warning(f"{self.sentence()}; trying again every {PROBE_SECONDS:.0f} s, nothing is lost")
        elif now - self._said >= REPEAT_SECONDS:
            self._said = now
            log.warning(f"{self.sentence()}; still trying after {_duration(self.seconds())}")

    def back(self) -> None:
        """A server has answered."""
        seconds = self.seconds()
        self._heard = self._clock()
        if self.away_since is not None:
            self.away_since, self.reason = None, ""
            self.returned.set()
            log.info(f"Kafka is back after {_duration(seconds)}")

    def seconds(self) -> float:
        """For how long Kafka has been away; 0 if it is there."""
        return max(0.0, self._clock() - self.away_since) if self.away_since is not None else 0.0

    def sentence(self) -> str:
        """Since when and why Kafka is away; empty if it is there."""
        if self.away_since is None:
            return ""
        return f"Kafka has been away since {datetime.fromtimestamp(self.away_since, UTC):%H:%M:%S} UTC: {self.reason}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
