"""Of the alarms of many series, how many may be false: the false discovery rate, controlled online.

With a budget for each, a hundred thousand series have a hundred thousand budgets. A point below the level of its series
is a candidate here, and that level is divided out of its p-value (discarding: Tian & Ramdas 2019, ADDIS). LORD++ gives
each candidate of a group its level (Ramdas et al. 2017, "Online control of the false discovery rate with decaying
memory"): its wealth is spent on candidates, and every alarm earns some back. So where much is odd the levels rise, and
where nothing is only a great surprise alarms.

Wealth is that of a day of event time (UTC), or a long calm would leave none for what comes after.
"""

from __future__ import annotations

import math
from typing import Final

from floodmark.config.models import FalseDiscoveries
from floodmark.detect.series import Series

_DAY: Final = 86_400.0
_REMEMBERED: Final = 100
"""Alarms of a group that still pay. Without the older ones the levels are lower, so the rate holds."""
_FADES: Final = 1.6
_SUMS_TO_ONE: Final = 0.4374
"""Of the sequence by which wealth is spent: 1 over Riemann's zeta of 1.6. Steep, for a day is short."""


class Stream:
    """The candidates of a group today: how many, and which of them became alarms."""

    __slots__ = ("alarms", "first", "tests")

    def __init__(self) -> None:
        self.tests = 0
        self.first = 0
        self.alarms: list[int] = []

    def level(self, rate: float) -> float:
        """The level of the next candidate: its p-value, divided by the level of its series, must be below."""
        now = self.tests + 1
        start = rate / 2
        earned = rate * sum(_share(now - each) for each in self.alarms)
        if self.first:
            earned += (rate - start) * _share(now - self.first)
        return start * _share(now) + earned

    def learn(self, *, alarm: bool) -> None:
        self.tests += 1
        if not alarm:
            return
        if not self.first:
            self.first = self.tests
        else:
            self.alarms = [*self.alarms, self.tests][-_REMEMBERED:]


class Discoveries:
    """The groups of one task, as many as had candidates today. State is without settings."""

    __slots__ = ("_day", "_streams")

    def __init__(self) -> None:
        self._day = -math.inf
        self._streams: dict[str, Stream] = {}

    def test(self, setting: FalseDiscoveries, series: Series, time: float, share: float) -> bool:
        """Whether a candidate is an alarm. `share`: its p-value over the level of its series, at most 1."""
        day = time // _DAY
        if day > self._day:
            self._day = day
            self._streams.clear()
        group = series.scope if setting.over == "scope" else f"{series.scope}\0{series.entity}"
        stream = self._streams.setdefault(group, Stream())
        alarm = share < stream.level(setting.rate)
        stream.learn(alarm=alarm)
        return alarm


def _share(j: int) -> float:
    """What of its wealth a test spends on the j-th candidate after it was earned."""
    return float(_SUMS_TO_ONE * j**-_FADES)
