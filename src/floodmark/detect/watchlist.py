"""The series of a task: which are watched, by which detector, and whether as a model or in the bank.

It is bounded: the least recently used series goes, and is counted. It must never judge a point or touch an alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from floodmark.config.models import Config, Detector
from floodmark.config.river_models import build
from floodmark.detect.bank.carry import bits
from floodmark.detect.bank.rows import BankedSeries
from floodmark.detect.bank.table import Recency
from floodmark.detect.entities import Entities, EntitiesState
from floodmark.detect.kin import Kin
from floodmark.detect.model import SeriesModel
from floodmark.detect.series import Finding, Series
from floodmark.detect.watched import NONE_LATE, Watched

Fits = Callable[[Series, Detector | None, Detector], bool]
"""Whether what a series has learned is of use, by the detector that was and the one that is now."""
WatchlistState = tuple[dict[str, Watched], Any, EntitiesState]


class Watchlist:
    """`series`, by their key, with their `kin`, the `bank` that holds most of them, and the `entities` of those that
    have a row in it.

    Those that `hold` names are kept out of the bank.
    """

    def __init__(self, config: Config, gone: Callable[[Watched], None]) -> None:
        """`gone`: told of each series that is evicted, for an alarm may be open on it."""
        self._gone = gone
        self.detectors = (*config.detectors, Detector())
        self.bank = BankedSeries(self.detectors, config.detect.evidence)
        self._evidence = config.detect.evidence
        self._limit = config.limits.series
        self.entities = Entities(self._detector, enabled=config.detect.entities)
        self.series: dict[str, Watched] = {}
        self.kin = Kin()
        self._recency = Recency()
        self.hold: Callable[[Series], bool] = lambda _: False
        self._counts: Counter[str] = Counter()

    def enter(self, series: Series, time: float) -> Watched | None:
        """The series, watched from now on if it is new. None: no detector watches it."""
        return self.series.get(series.key) or self._new(series, time)

    def remove(self, watched: Watched) -> None:
        """The series has gone: its row is free."""
        del self.series[watched.series.key]
        self._leave(watched)

    def take_out(self, watched: Watched) -> SeriesModel:
        """The series as a model, for what is no plain point."""
        return watched.out or self.bank.take_out(watched)

    def put_back(self, watched: Watched) -> None:
        """Into the bank again, unless an alarm is open, or would be if it might, or its return is awaited."""
        if watched.out is None or watched.alarm is not None or watched.hushed is not None or watched.held:
            return
        if watched.absence is None or not watched.absence.watched:
            self.bank.put_back(watched)

    def odd_entities(self, watermark: float) -> list[Finding]:
        """Event time has reached `watermark`: the entities that are odd by the series in the bank, once a period."""
        if (end := self.entities.ended(watermark)) is None:
            return []
        series = self.series

        def is_open(key: str) -> bool:
            return key in series and series[key].alarm is not None

        verdicts = self.entities.judge(end, self.bank.rows, is_open)
        slots = {each.slot for verdict in verdicts for each in verdict.contributions}
        tenants = {each.slot: each.series for each in series.values() if each.slot in slots} if slots else {}
        return [verdict.finding(tenants) for verdict in verdicts]

    def pulse(self, watched: Watched) -> tuple[float, float]:
        """When the series was last heard, and the seconds between its points."""
        if watched.out is not None:
            return watched.last, watched.interval
        _, interval, last, _, _ = self.bank.pulses([watched.slot])
        return float(last[0]), max(float(interval[0]), 1.0)

    def counts(self) -> Mapping[str, int]:
        return self._counts + Counter(self.bank.counts())

    def _new(self, series: Series, time: float) -> Watched | None:
        detector = self._detector(series)
        if not detector.enabled:
            return None
        river = build(detector.model, detector.parameters, detector.scale) if detector.model else None
        watched = Watched(series, detector, time)
        watched.out = SeriesModel(series.kind, detector, self._evidence, river)
        if len(self.series) >= self._limit:
            self._gone(self._evict())
        if series.signal == "metric" and series.kind != "count":
            watched.held = not bits(watched.out) or self.hold(series)
            self._take(watched)
        self.series[series.key] = watched
        self.kin.join(series)
        self.bank.use(watched)
        self.put_back(watched)
        return watched

    def _take(self, watched: Watched) -> None:
        watched.slot = self.bank.take(watched)
        self.bank.rows["entity"][watched.slot] = self.entities.join(watched.series)

    def _leave(self, watched: Watched) -> None:
        self.kin.leave(watched.series)
        if watched.slot >= 0:
            self.entities.leave(int(self.bank.rows["entity"][watched.slot]))
            self.bank.give_back(watched.slot)

    def _detector(self, series: Series) -> Detector:
        return next(d for d in self.detectors if matches(d.match, series))

    def _evict(self) -> Watched:
        """Remove the series that was used least recently."""
        self._counts["evicted:series"] += 1
        series, bank = self.series, self.bank

        def used(key: str) -> int | None:
            return bank.used(series[key]) if key in series else None

        key = self._recency.oldest(used, lambda: ((bank.used(each), key) for key, each in series.items()))
        watched = series.pop(key)
        self._leave(watched)
        return watched

    # -- snapshots

    def state(self) -> WatchlistState:
        return self.series, self.bank.state(), self.entities.state()

    def restore(self, state: WatchlistState, fits: Fits) -> tuple[set[str], list[Watched]]:
        """Go on from what `state` gave with the series that fit.

        The keys of those that do not, but would be watched; and all that have gone.
        """
        series, bank, entities = state
        self.bank.restore(bank, series.values())
        self.entities.restore(entities)
        unfit: set[str] = set()
        gone: list[Watched] = []
        for key, item in series.items():
            detector = self._detector(item.series)
            if detector.enabled and fits(item.series, item.detector, detector) and None not in item.rivers:
                self.series[key] = item
                self.kin.join(item.series)
                item.detector = detector
                if item.out is not None:
                    item.out.keep(self._evidence)
                    item.out.aim(detector.limit)
                else:
                    item.sporadic = NONE_LATE  # the one that all share, and no copy of it
                if item.slot >= 0:
                    self.bank.rule(item.slot, detector)
                    self.bank.rows["entity"][item.slot] = self.entities.join(item.series)
                continue
            if detector.enabled:
                unfit.add(key)
            self._leave(item)
            gone.append(item)
        self.entities.prune()
        return unfit, gone

    def graft(self, state: WatchlistState, wanted: Callable[[Series], bool]) -> Iterator[Watched]:
        """Take over the wanted series of a state, one by one; the caller sets the deadline of each and puts it back.

        Alarms that are open on the series that make way stay open, all others were told to nobody and are dropped.
        """
        series, rows, entities = state
        bank = BankedSeries(self.detectors, self._evidence)
        bank.restore(rows, series.values())
        for key, item in sorted(series.items(), key=lambda pair: bank.used(pair[1])):
            if not wanted(item.series) or None in item.rivers:
                continue
            young = self.series.pop(key, None)
            item.detector = self._detector(item.series)
            if item.out is None:
                bank.take_out(item)
            if item.slot >= 0:
                self._take(item)
            if item.alarm is not None:
                item.alarm = None
                item.model.restart()
            if young is not None:
                item.alarm = young.alarm
                self._leave(young)
            self.series[key] = item
            self.kin.join(item.series)
            self.bank.use(item)
            yield item
        self.entities.graft(entities)

    def shrink(self) -> None:
        """Evict what is beyond the limit."""
        while len(self.series) > self._limit:
            self._gone(self._evict())


def matches(selectors: Mapping[str, str | list[str]], series: Series) -> bool:
    """Whether every selector's value, or one of its values, fits the series' label as a glob; `name` is its name."""
    for label, wanted in selectors.items():
        value = series.name if label == "name" else series.labels.get(label, "")
        if not any(fnmatchcase(value, pattern) for pattern in ([wanted] if isinstance(wanted, str) else wanted)):
            return False
    return True
