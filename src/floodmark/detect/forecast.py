"""What a series should be now: its level, with the daily or weekly season if it has one.

Nobody tells the sampling interval or the season. Three experts forecast (the recent level; the level plus the time of
day; the level plus the hour of the week) and the one whose absolute error has lately been the smallest speaks, as in
fixed-share expert tracking (Herbster & Warmuth 1998) with a hard choice. Levels and errors are fading means (`mean`).
A level of minutes follows a daily season by itself and needs none; the long-run level does: there the errors of a whole
day choose.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Final

from floodmark.detect.mean import FadingMean

DAY: Final = 86_400.0
WEEK: Final = 604_800.0
_SLOT: Final = DAY / 96
_SPARSE: Final = 2.5
"""A slot that is less wide than so many intervals has only one or two points."""
_FADE_LEVEL: Final = 0.15
_FADE_ERROR: Final = 0.02
_CLEARLY: Final = 0.5
"""The long-run level has a season only where it errs by so much less: a weak one brings more noise than it takes."""
_CLEARLY_COUNTED: Final = 0.7
"""The same of counts, whose error is that of their mean over a slot: chance, which no season takes, is less there."""


class Profile:
    """The mean of a value by phase of a period, in equal slots, learned with a memory of a few periods."""

    __slots__ = ("_count", "_mean", "period", "slots")

    def __init__(self, period: float, slots: int) -> None:
        self.period = period
        self.slots = slots
        self._mean = array("d", [0.0]) * slots
        self._count = array("f", [0.0]) * slots

    def get(self, time: float, interval: float) -> float | None:
        """The profile at a phase, interpolated between slot centres; None where it was never seen.

        `interval`: typical seconds between points. Where a slot has only one or two, these need not be at its centre,
        but come at the same times in each period: then it is the slot's own mean.
        """
        position = (time % self.period) / self.period * self.slots - 0.5
        left = int(position // 1)
        share = position - left
        i, j = left % self.slots, (left + 1) % self.slots
        if self._is_sparse(interval):
            share = 0.0 if share < 0.5 else 1.0
        if not self._count[i]:
            return self._mean[j] if self._count[j] else None
        if not self._count[j]:
            return self._mean[i]
        return self._mean[i] * (1 - share) + self._mean[j] * share

    def around(self, time: float, interval: float) -> Iterator[float]:
        """The profile in the slots between whose centres a phase is, of those that were seen; none if it is not
        interpolated."""
        if not self._is_sparse(interval):
            left = int(((time % self.period) / self.period * self.slots - 0.5) // 1)
            for slot in (left % self.slots, (left + 1) % self.slots):
                if self._count[slot]:
                    yield self._mean[slot]

    def _is_sparse(self, interval: float) -> bool:
        return _SPARSE * interval > self.period / self.slots

    def learn_one(self, time: float, value: float, weight: float) -> None:
        """`weight`: how much of a slot this point stands for (its interval over the slot's width), at most 1."""
        slot = int((time % self.period) / self.period * self.slots) % self.slots
        count = self._count[slot] + weight
        self._count[slot] = min(count, 3.0)  # three periods of memory
        self._mean[slot] += (value - self._mean[slot]) * (weight / max(count, weight) if count < 3.0 else weight / 3.0)


class Seasonal:
    """The level plus what the phase of a period adds to it."""

    __slots__ = ("_level", "_profile", "_since", "error", "slow_error")

    def __init__(self, period: float, slots: int) -> None:
        self._profile = Profile(period, slots)
        self._level = FadingMean(_FADE_LEVEL)
        self._since: float | None = None
        self.error = FadingMean(_FADE_ERROR)
        self.slow_error = 0.0

    def forecast(self, time: float, interval: float) -> float | None:
        """None until a whole period has been seen."""
        if self._since is None or time - self._since < self._profile.period:
            return None
        offset = self._profile.get(time, interval)
        return None if offset is None else self._level.value + offset

    def nearest(self, time: float, value: float, interval: float) -> float:
        """Of the forecast and what either slot around the phase says, that which is nearest to a value. Only where
        there is a forecast."""
        best = self._level.value + (self._profile.get(time, interval) or 0.0)
        for offset in self._profile.around(time, interval):
            other = self._level.value + offset
            if abs(value - other) < abs(value - best):
                best = other
        return best

    def offset(self, time: float, interval: float) -> float | None:
        """What the phase adds to the level; None where the phase was never seen."""
        return self._profile.get(time, interval)

    def move(self, by: float) -> None:
        """The level has moved for good; the profile stays."""
        if self._since is not None:
            self._level.restart(self._level.value + by)

    def learn_one(self, time: float, value: float, offset: float | None, base: float, interval: float) -> None:
        """`offset`: what the phase added before. `base`: the long-run level. `interval`: as of now."""
        if self._since is None:
            self._since = time
        self._level.update(value - offset if offset is not None else base)
        width = self._profile.period / self._profile.slots
        self._profile.learn_one(time, value - base, min(1.0, interval / width))


class Forecaster:
    """Forecast of one series, one step ahead. `learn_one` after `forecast_one`; a point is not in its own forecast."""

    __slots__ = ("_base", "_daily", "_error", "_level", "_n", "_slow_error", "_smooth", "_weekly", "interval", "last")

    def __init__(self, *, counts: bool = False) -> None:
        """`counts`: values are numbers of events in a window, of which chance has the larger part."""
        self._level = FadingMean(_FADE_LEVEL)
        self._base = FadingMean(0.002, warm=500)
        self._error = FadingMean(_FADE_ERROR)
        self._slow_error = 0.0
        self._smooth: float | None = 0.0 if counts else None
        self._daily = Seasonal(DAY, 96)
        self._weekly: Seasonal | None = None
        self._n = 0
        self.last = 0.0
        self.interval = 0.0

    def forecast_one(self, time: float) -> tuple[float, str]:
        """The expected value and the season that it was read from ("", "daily", "weekly")."""
        expert, season = self._expert(time)
        forecast = expert.forecast(time, self.interval) if expert is not None else None
        return (self._level.value, "") if forecast is None else (forecast, season)

    def _expert(self, time: float) -> tuple[Seasonal | None, str]:
        """Who has erred the least of late; None if it is the level."""
        best, error, season = None, self._error.value, ""
        for expert, name in ((self._daily, "daily"), (self._weekly, "weekly")):
            if expert is not None and expert.error.value < error and expert.forecast(time, self.interval) is not None:
                best, error, season = expert, expert.error.value, name
        return best, season

    def nearest_one(self, time: float, value: float) -> tuple[float, str]:
        """Of what may be expected, that which is nearest to a value, and the season that it was read from.

        Where a season speaks, that is its forecast, what either slot around it says, or the level: a job that begins
        some minutes early, or not at all, is odd by what lasts and not by the minute. Where none does, it is the level.
        """
        expert, season = self._expert(time)
        level = self._level.value
        if expert is None:
            return level, ""
        nearest = expert.nearest(time, value, self.interval)
        return (level, "") if abs(value - level) < abs(value - nearest) else (nearest, season)

    def learn_one(self, time: float, value: float) -> None:
        usual = self.interval
        if self._n:
            gap = time - self.last
            self.interval = (
                gap if self._n == 1 else self.interval + (min(gap, 5 * self.interval) - self.interval) * 0.05
            )
            self._error.update(abs(value - self._level.value))
        judged = value
        if self._smooth is not None:
            share = min(1.0, 2 * self.interval / _SLOT) if self._n > 1 else 1.0
            judged = self._smooth = self._smooth + (value - self._smooth) * share
        before = abs(judged - self._base.value)
        share = max(1 / max(self._n, 1), min(1.0, self.interval / DAY))
        if self.interval:
            self._slow_error += (before - self._slow_error) * share
        self._n += 1
        self.last = time
        level = self._base.value
        self._base.update(value)
        base = self._base.value
        if self._weekly is None and self._n * self.interval > 2 * DAY:
            self._weekly = Seasonal(WEEK, 168)
        for expert in (self._daily, self._weekly):
            if expert is None or not self.interval:
                continue
            forecast, offset = expert.forecast(time, usual), expert.offset(time, usual)
            # Until it can speak, an expert is charged more than the level so that it is not chosen on no evidence.
            expert.error.update(abs(value - forecast) if forecast is not None else 1.5 * abs(value - self._level.value))
            error = 1.5 * before if forecast is None or offset is None else abs(judged - (level + offset))
            expert.slow_error += (error - expert.slow_error) * share
            expert.learn_one(time, value, offset, base, self.interval)
        self._level.update(value)

    def adopt(self, points: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """A change has come to stay: the series is where these points are (times and values, the newest last).

        By how much it has moved, the mean distance of the points from the long-run level and season, and the new level.
        The season stays.
        """
        moved = fmean(value - self.slow_one(time)[0] for time, value in points)
        season = self._slow_expert(points[-1][0]) is not None
        self._level.restart(fmean(value for _, value in points[-4:]))
        self._base.restart(self._base.value + moved, None if season else len(points))
        for expert in (self._daily, self._weekly):
            if expert is not None:
                expert.move(moved)
        return moved, self._base.value

    def slow_one(self, time: float) -> tuple[float, float]:
        """The long-run level (about 500 points) plus the season that is clear in it, and that season alone."""
        expert = self._slow_expert(time)
        season = expert.offset(time, self.interval) or 0.0 if expert is not None else 0.0
        return self._base.value + season, season

    def _slow_expert(self, time: float) -> Seasonal | None:
        best, least = None, (_CLEARLY if self._smooth is None else _CLEARLY_COUNTED) * self._slow_error
        for expert in (self._daily, self._weekly):
            if expert is not None and expert.slow_error < least and expert.forecast(time, self.interval) is not None:
                best, least = expert, expert.slow_error
        return best
