"""The series core: samples and findings in, anomalies out. It judges every series by the same rules and must never
know what a series means.

It joins the watchlist (which series there are), the alarms (what is odd) and the deadlines (what silence means).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detector
from floodmark.detect import warming
from floodmark.detect.absences import Absences
from floodmark.detect.alarms import Alarms, AlarmsState, Witness
from floodmark.detect.bank import layout
from floodmark.detect.bank.rows import BankedSeries
from floodmark.detect.feedback import Feedback
from floodmark.detect.model import Judgement
from floodmark.detect.schedules import Schedules
from floodmark.detect.series import LARGEST, Finding, Sample, Series
from floodmark.detect.silence import Deadlines, DeadlinesState
from floodmark.detect.upkeep import Upkeep
from floodmark.detect.watched import Watched
from floodmark.detect.watchlist import Fits, Watchlist, WatchlistState

CoreState = tuple[WatchlistState, DeadlinesState, AlarmsState]


class SeriesCore:
    """All series of one task, least recently used evicted beyond `limits.series`. Deterministic (law 1)."""

    def __init__(self, config: Config, feedback: Feedback | None = None, upkeep: Upkeep | None = None) -> None:
        """`feedback`, `upkeep`: what people say of its series; shared, and no part of its state."""
        schedules = Schedules(config, upkeep)
        self._alarms = Alarms(config.detect, schedules, feedback or Feedback(), self._judged)
        self._watchlist = Watchlist(config, self._alarms.orphan)
        self._deadlines = Deadlines(self._watchlist, schedules)
        self._absences = Absences(self._watchlist)
        self._counts: Counter[str] = Counter()

    def observe(self, event: Sample | Finding) -> list[Anomaly]:
        """Judge one sample or finding. Samples of a series come in order of time; an older one is counted and left."""
        watchlist = self._watchlist
        if isinstance(event, Sample) and event.early:
            known = watchlist.series.get(event.series.key)
            return self._alarms.glimpse(known, event) if known is not None and known.out is not None else []
        watched = watchlist.enter(event.series, event.time)
        if watched is None:
            self._counts["skipped:disabled"] += 1
            return []
        watchlist.bank.use(watched)
        if isinstance(event, Finding):
            watchlist.take_out(watched)
            found = self._alarms.find(watched, event)
            if found:
                self._deadlines.set(watched)
        elif watched.out is None and (why := self._step(watched, event)) != layout.PYTHON:
            if why == layout.SCHEDULE:
                self._deadlines.set(watched)
            elif why == layout.SETTLE:
                self._settle(watched)
            return []
        elif watchlist.take_out(watched).seen and event.time <= watched.last:
            self._counts["skipped:out_of_order"] += 1
            return []
        elif not abs(event.value) <= LARGEST:  # NaN is not, either: one would poison every running mean
            self._counts["skipped:not_finite"] += 1
            return []
        else:
            back = watched.silent
            step = watched.heard(event.time, self._deadlines.resumed)
            found = self._alarms.judge(watched, event, step)
            watchlist.bank.heard(watched)
            if back:
                self._deadlines.set(watched)
        if watched.due is None:
            self._deadlines.set(watched)
        watchlist.put_back(watched)
        return found

    def advance(self, watermark: float) -> list[Anomaly]:
        """Event time has reached `watermark`: judge the entities, close alarms that have been quiet, open those of
        stale series."""
        found = self._alarms.advance(watermark)
        for finding in self._watchlist.odd_entities(watermark):
            found += self.observe(finding)
        for watched, due in self._deadlines.passed(watermark):
            self._watchlist.take_out(watched)
            found += self._silent(watched, due)
            if watched.series.key in self._watchlist.series:
                self._deadlines.set(watched)
                self._watchlist.put_back(watched)
        return found

    def _silent(self, watched: Watched, due: float) -> list[Anomaly]:
        """The deadline of a series has passed: what is told of it. It may be forgotten with that."""
        alarm, absences = watched.alarm, self._absences
        if alarm is None:
            expected = watched.absent(watched.last)
            if expected is not None and expected.over:
                self._watchlist.remove(watched)
                self._counts["forgotten:gone"] += 1
                return []
            if absences.accepts(watched, due):
                return []
            found = self._alarms.stale(watched, due)
            absences.told(watched, due)
            return [found]
        if not alarm.stale:
            return [self._alarms.close(watched, alarm.last_odd, due)]
        if absences.ended(watched, due):
            return [self._alarms.close(watched, due, due)]
        if due < watched.last + watched.detector.adopt:
            absences.told(watched, due)
            return [self._alarms.silent(watched, alarm, due)] if due >= alarm.tell_at else []
        absences.give_up(watched)
        return [self._alarms.close(watched, due, due)]

    def resume(self, time: float) -> None:
        """The whole stream stood still until `time`: silence before it is nobody's fault."""
        self._deadlines.resumed = time

    def back(self, tick: float, limit: float) -> None:
        """Event time goes back to `tick`. What is known of times beyond `limit` was never so: series that were born
        there are forgotten, all others go on from there."""
        self._alarms.back(tick)
        self._deadlines.resumed = min(self._deadlines.resumed, tick)
        watchlist = self._watchlist
        watchlist.bank.back(limit)
        watchlist.entities.back(tick)
        for watched in list(watchlist.series.values()):
            if watched.born > limit:
                self._alarms.orphan(watched, limit)
                watchlist.remove(watched)
                self._counts["forgotten:wrong_time"] += 1
                continue
            if watched.out is not None and watched.last > limit:
                watched.last = limit
                watched.model.back(limit)
            if watched.alarm is not None and watched.alarm.last_odd > limit:
                self._alarms.orphan(watched, limit)
                watched.alarm = None
                watched.model.restart()
            elif watched.alarm is not None:
                watched.alarm.shown = min(watched.alarm.shown, limit)
            self._deadlines.set_earlier(watched)
            watchlist.put_back(watched)

    def counts(self) -> Mapping[str, int]:
        parts = (self._alarms, self._watchlist, self._deadlines, self._absences)
        return sum((Counter(part.counts()) for part in parts), self._counts)

    def sizes(self) -> Mapping[str, int]:
        series = self._watchlist.series
        return {
            "series": len(series),
            "entities": len(self._watchlist.entities),
            "open_alarms": sum(each.alarm is not None for each in series.values()),
            "warming": warming.count(series.values(), self.bank.rows, self.bank.warmups),
        }

    def warming(self) -> list[warming.Warming]:
        """What is still learning, at most 50 of it, what is over soonest last; `sizes` has how many there are."""
        return warming.listed(self._watchlist.series, self.bank.rows, self.bank.warmups)

    def watch(self, wanted: Callable[[Series], bool], witness: Witness) -> None:
        """Show `witness` each point of the series that are wanted, and perhaps of others. To be called before any
        sample; no answer changes, but these series are not judged by the compiled kernel."""
        self._watchlist.hold, self._alarms.witness = wanted, witness

    # -- many points at once

    def run(self, points: layout.Points, metrics: layout.Rows, at: int, now: tuple[float, float, float]) -> layout.Stop:
        """Take points of metrics from `at` on, up to one that is not plain: its place, and why (see `layout`).

        `now`: the tick that event time has reached, the lateness, and the ticks' width.
        """
        return self._watchlist.bank.run(points, metrics, at, (*now, self._deadlines.resumed))

    @property
    def uses(self) -> int:
        """The clock by which it is told what was used least recently."""
        return self._watchlist.bank.uses

    def enter(self, series: Series, time: float) -> int:
        """Watch a metric: the token of its row, or DISABLED."""
        watched = self._watchlist.enter(series, time)
        return layout.DISABLED if watched is None else self._watchlist.bank.token(watched.slot)

    def forget(self, key: str, time: float) -> None:
        """What a series has shown means something else from now on: it begins anew. An alarm that is open is closed."""
        watched = self._watchlist.series.get(key)
        if watched is not None:
            self._alarms.orphan(watched, time)
            self._watchlist.remove(watched)
            self._counts["forgotten:read_anew"] += 1

    @property
    def bank(self) -> BankedSeries:
        """The rows of the metrics, which go to River and come back."""
        return self._watchlist.bank

    def slot(self, key: str) -> int:
        """The row of a series; -1 if it is none of a metric. Raises KeyError if it is not watched."""
        return self._watchlist.series[key].slot

    def schedule(self, series: Series) -> None:
        """After SCHEDULE: set the deadline that the series now has."""
        self._deadlines.set(self._watchlist.series[series.key])

    def settle(self, series: Series) -> None:
        """After SETTLE: see what of its first points is normal."""
        self._settle(self._watchlist.series[series.key])

    # -- snapshots

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """By which series are judged: the config's, and the default one."""
        return self._watchlist.detectors

    def state(self) -> CoreState:
        return self._watchlist.state(), self._deadlines.state(), self._alarms.state()

    def rivers(self) -> Iterator[tuple[Detector, object]]:
        """The config's own models that series have, each with the detector that named it."""
        return ((watched.detector, model) for watched in self._watchlist.series.values() for model in watched.rivers)

    def restore(self, state: CoreState, fits: Fits, *, same: bool) -> set[str]:
        """Go on from what `state` gave with the series that fit. `same`: no detector has changed.

        The keys of the series that do not fit, but would be watched. No alarm is left open without a series: those of
        series that go are closed by the next `advance`.
        """
        watchlist, deadlines, alarms = state
        self._alarms.restore(alarms)
        self._deadlines.restore(deadlines)
        unfit, gone = self._watchlist.restore(watchlist, fits)
        for watched in gone:
            self._alarms.orphan(watched)
        self._watchlist.shrink()
        if not same:
            for watched in self._watchlist.series.values():
                self._deadlines.set_earlier(watched)
        return unfit

    def graft(self, state: CoreState, wanted: Callable[[Series], bool]) -> None:
        """Take over the series that are wanted. Their alarms were told to nobody: what is still odd opens anew."""
        for watched in self._watchlist.graft(state[0], wanted):
            self._deadlines.set(watched)
            self._watchlist.put_back(watched)
        self._watchlist.shrink()

    def _settle(self, watched: Watched) -> None:
        self._watchlist.take_out(watched)
        watched.settle()
        self._watchlist.put_back(watched)

    def _judged(self, watched: Watched, judgement: Judgement) -> None:
        self._watchlist.bank.judged(watched, judgement)

    def _step(self, watched: Watched, sample: Sample) -> int:
        """One point of a series that is in the bank; why the kernel stopped."""
        return self._watchlist.bank.step(watched.slot, sample.time, sample.value, self._deadlines.resumed)
