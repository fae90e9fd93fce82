"""When no alarm opens: the quiet hours of detectors and the maintenance of series, as functions of event time alone.

It must never read a clock, know an alarm or keep anything: what is held is kept by whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from floodmark.config.models import Config, Detector, Maintenance, Quiet
from floodmark.detect.series import Series
from floodmark.detect.upkeep import Upkeep, Window
from floodmark.detect.watchlist import matches

Why = Literal["quiet", "maintenance"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOWS: Final = 64
"""Windows that are followed from one into the next before no end is in sight."""


class Hours:
    """Quiet hours that come again, by the clocks of a place: an hour that these skip or repeat in spring and autumn is
    skipped or repeated."""

    __slots__ = ("_days", "_end", "_start", "_zone")

    def __init__(self, quiet: Quiet) -> None:
        self._days = frozenset(_DAYS.index(day) for day in quiet.days)
        self._start, self._end = quiet.from_, quiet.to
        self._zone = ZoneInfo(quiet.timezone)

    def hold(self, time: float) -> bool:
        """Whether `time`, in seconds since the epoch, is within them: from `from` on, and before `to`."""
        local = datetime.fromtimestamp(time, self._zone)
        today = local.weekday()
        clock = local.hour * 3600.0 + local.minute * 60.0 + local.second + local.microsecond / 1e6
        if self._start < self._end:
            return today in self._days and self._start <= clock < self._end
        begun_today = clock >= self._start and today in self._days
        return begun_today or (clock < self._end and (today - 1) % 7 in self._days)

    def end(self, time: float) -> float:
        """When the hours that hold at `time` are over. Where the clocks skip that moment, up to an hour later."""
        local = datetime.fromtimestamp(time, self._zone)
        for days in (0, 1, 2):
            day = datetime.combine(local.date() + timedelta(days=days), datetime.min.time())
            wall = day + timedelta(seconds=self._end)
            for fold in (0, 1):  # the clocks may show it twice
                end = wall.replace(tzinfo=self._zone, fold=fold).timestamp()
                if end > time:
                    return end
        raise AssertionError("a day has an end")


class Schedules:
    """The quiet hours and maintenance of a config, and the maintenance that people announce (`upkeep`)."""

    def __init__(self, config: Config, upkeep: Upkeep | None = None) -> None:
        self._hours = {id(each): [Hours(quiet) for quiet in each.quiet] for each in config.detectors if each.quiet}
        self._maintenance = config.maintenance
        self._upkeep = upkeep or Upkeep()
        self._lifted = 0

    def why(self, series: Series, detector: Detector, time: float) -> Why | None:
        """Why the series may open no alarm at `time`, None if it may. `detector`: the config's own that judges it."""
        if any(window.from_ <= time < window.to and matches(window.match, series) for window in self._maintenance):
            return "maintenance"
        if self._upkeep.holds(series, time):
            return "maintenance"
        return "quiet" if any(hours.hold(time) for hours in self._hours.get(id(detector), ())) else None

    def lifted(self) -> Sequence[Window]:
        """The maintenance that people have taken back since that was last asked: what waits for its end may come
        earlier."""
        found = self._upkeep.lifted(self._lifted)
        self._lifted += len(found)
        return found

    def free(self, series: Series, detector: Detector, time: float) -> float | None:
        """The first moment from `time` on at which it may open one; None if none is in sight."""
        hours = self._hours.get(id(detector), ())
        if not hours and not self._maintenance and not self._upkeep.standing_at(time):
            return time
        mine: list[Maintenance] = [window for window in self._maintenance if matches(window.match, series)]
        for _ in range(_WINDOWS):
            ends = [window.to for window in mine if window.from_ <= time < window.to]
            ends += [each.end(time) for each in hours if each.hold(time)]
            ends += self._upkeep.ends(series, time)
            if not ends:
                return time
            time = max(ends)
        return None
