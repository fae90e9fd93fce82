"""The series core: samples and findings in, anomalies out. It judges every series by the same rules and must never
know what a series means.

A series' alarm opens when its combined p-value falls below what the budget allows per point, holds while points stay
odd, and closes after the quiet time. Staleness is an alarm too, set off by the watermark.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from floodmark.alerts import Anomaly, Evidence, Point
from floodmark.config.models import Config, Detector
from floodmark.config.river_models import build
from floodmark.detect import anomalies
from floodmark.detect.bank import layout
from floodmark.detect.bank.carry import bits
from floodmark.detect.bank.rows import BankedSeries
from floodmark.detect.bank.table import Recency
from floodmark.detect.mean import FadingMean
from floodmark.detect.model import Judgement, SeriesModel
from floodmark.detect.series import Finding, Sample, Series

_HOLD: Final = 0.01
"""While an alarm is open, points with a smaller p-value keep it open."""
_NORMAL: Final = 0.1
"""While an alarm is open, only points with at least this p-value are learned."""
_PERSISTS: Final = 120.0
"""An alarm that is still odd is told again this many seconds after it was last told."""
_STALE_INTERVALS: Final = 5.0
"""Intervals without a point, at least, before a series is stale; its own longest gap counts double."""
_SPORADIC: Final = 0.03
"""Where a larger share of points comes late, silence means nothing."""
_LARGEST: Final = 1e150
"""Largest magnitude of a value; squares of larger ones are not numbers."""
_FINDING_PERIOD: Final = 60.0
"""Seconds that a finding stands for, where the budget of a series is turned into a level per verdict."""


class Alarm:
    """An open alarm: its opening anomaly, its oddest moment, and when it was last odd."""

    __slots__ = ("adopt_at", "first", "last_odd", "normal", "odd", "peak", "tell_at")

    def __init__(self, first: Anomaly, now: float, adopt_at: float) -> None:
        self.first = first
        self.peak = first
        self.last_odd = now
        self.odd = 1
        self.normal = 0
        self.adopt_at = adopt_at
        self.tell_at = now + _PERSISTS

    def away(self, judgement: Judgement) -> bool:
        """Of a shifted level: whether the point is still half as far from the old one as when the alarm opened."""
        first, x = self.first, judgement.context
        if first.head != "level" or first.observed is None or first.expected is None:
            return False
        shift = first.observed - first.expected
        return (x.value - x.slow) * shift >= 0.5 * shift * shift

    @property
    def stale(self) -> bool:
        return self.first.head == "stale"


class Watched:
    """A series under watch. `last` is its newest point, `gap` its longest silence of late, `sporadic` the
    share of its points that came late.

    A metric has a row in the bank, `slot`. Unless an alarm is open all that it has learned is there, but for `held`
    series, whose model no row can take. Others have no row, and are always a model.
    """

    __slots__ = ("alarm", "born", "detector", "due", "gap", "held", "last", "out", "series", "slot", "sporadic", "used")

    def __init__(self, series: Series, detector: Detector, time: float) -> None:
        self.series = series
        self.detector = detector
        self.slot = -1
        self.held = True
        self.out: SeriesModel | None = None
        self.alarm: Alarm | None = None
        self.born = time
        self.last = time
        self.gap = 0.0
        self.sporadic = _NONE_LATE
        self.due: float | None = None
        self.used = 0

    @property
    def model(self) -> SeriesModel:
        """Raises RuntimeError while it is in the bank."""
        if self.out is None:
            raise RuntimeError(f"{self.series.key} is in the bank")
        return self.out

    @property
    def interval(self) -> float:
        return max(self.model.interval, 1.0)

    @property
    def alpha(self) -> float:
        """The level of one point: the budget, a rate, times the interval between points."""
        return min(0.01, self.detector.false_alarms * (self.interval if self.model.seen else _FINDING_PERIOD))

    @property
    def quiet(self) -> float:
        """Seconds without an odd point after which an alarm is over."""
        return max(self.detector.refractory, 6 * self.model.interval)


_NONE_LATE: Final = FadingMean(0.01, warm=100)
"""Stands for `sporadic` while a series is in the bank."""

CoreState = tuple[dict[str, Watched], list[tuple[float, str]], float, float, list[Alarm], Any]


class SeriesCore:
    """All series of one task, least recently used evicted beyond `limits.series`. Deterministic (law 1)."""

    def __init__(self, config: Config) -> None:
        self._detectors = (*config.detectors, Detector())
        self._evidence = config.detect.evidence
        self._limit = config.limits.series
        self._watched: dict[str, Watched] = {}
        self._bank = BankedSeries(self._detectors, self._evidence)
        self._recency = Recency()
        self._deadlines: list[tuple[float, str]] = []
        self._counts: Counter[str] = Counter()
        self._resumed = float("-inf")
        self._now = float("-inf")
        self._orphans: list[Alarm] = []

    def observe(self, event: Sample | Finding) -> list[Anomaly]:
        """Judge one sample or finding. Samples of a series come in order of time; an older one is counted and left."""
        watched = self._watch(event.series, event.time)
        if watched is None:
            return []
        if isinstance(event, Finding):
            self._take_out(watched)
            found = self._find(watched, event)
        elif watched.out is None and (why := self._step(watched, event)) != layout.PYTHON:
            if why == layout.SCHEDULE:
                self._schedule(watched)
            return []
        elif self._take_out(watched).seen and event.time <= watched.last:
            self._counts["skipped:out_of_order"] += 1
            return []
        elif not abs(event.value) <= _LARGEST:  # NaN is not, either: one would poison every running mean
            self._counts["skipped:not_finite"] += 1
            return []
        else:
            found = self._judge(watched, event)
        if watched.due is None:
            self._schedule(watched)
        self._put_back(watched)
        return found

    # -- many points at once

    def run(self, points: layout.Points, metrics: layout.Rows, at: int, now: tuple[float, float, float]) -> layout.Stop:
        """Take points of metrics from `at` on, up to one that is not plain: its place, and why (see `layout`).

        `now`: the tick that event time has reached, the lateness, and the ticks' width.
        """
        return self._bank.run(points, metrics, at, (*now, self._resumed))

    @property
    def uses(self) -> int:
        """The clock by which it is told what was used least recently."""
        return self._bank.uses

    def enter(self, series: Series, time: float) -> int:
        """Watch a metric: the token of its row, or DISABLED."""
        watched = self._watched.get(series.key) or self._enter(series, time)
        return layout.DISABLED if watched is None else self._bank.token(watched.slot)

    def schedule(self, series: Series) -> None:
        """After SCHEDULE: set the deadline that the series now has."""
        self._schedule(self._watched[series.key])

    def advance(self, watermark: float) -> list[Anomaly]:
        """Event time has reached `watermark`: close alarms that have been quiet, open those of stale series."""
        self._now = max(self._now, watermark)
        found = [anomalies.closed(a.first, a.peak, a.last_odd, max(a.last_odd, self._now)) for a in self._orphans]
        self._orphans = []
        self._postpone(watermark)
        while self._deadlines and self._deadlines[0][0] <= watermark:
            set_for, key = heapq.heappop(self._deadlines)
            watched = self._watched.get(key)
            if watched is None or watched.due != set_for:
                continue
            due = self._deadline(watched)
            if due is not None and due <= watermark:
                self._take_out(watched)
                found += self._expire(watched, due)
            if key in self._watched:
                self._schedule(watched)
                self._put_back(watched)
        return found

    def resume(self, time: float) -> None:
        """The whole stream stood still until `time`: silence before it is nobody's fault."""
        self._resumed = time

    # -- snapshots

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """By which series are judged: the config's, and the default one."""
        return self._detectors

    def state(self) -> object:
        return self._watched, self._deadlines, self._resumed, self._now, self._orphans, self._bank.state()

    def rivers(self) -> Iterator[tuple[Detector, object]]:
        """The config's own models that series have, each with the detector that named it."""
        for watched in self._watched.values():
            for model in _rivers(watched):
                yield watched.detector, model

    def restore(
        self, state: CoreState, fits: Callable[[Series, Detector | None, Detector], bool], *, same: bool
    ) -> set[str]:
        """Go on from what `state` gave with the series that `fits`, told the detector that was and the one that is now.

        `same`: no detector has changed. The keys of the series that do not fit, but would be watched. No alarm is left
        open without a series: those of series that go are closed by the next `advance`.
        """
        watched, self._deadlines, self._resumed, self._now, self._orphans, bank = state
        self._bank.restore(bank, watched.values())
        unfit: set[str] = set()
        for key, item in watched.items():
            detector = self._detector(item.series)
            if detector.enabled and fits(item.series, item.detector, detector) and None not in _rivers(item):
                self._watched[key] = item
                item.detector = detector
                if item.out is not None:
                    item.out.keep(self._evidence)
                if item.slot >= 0:
                    self._bank.rule(item.slot, detector)
                continue
            if detector.enabled:
                unfit.add(key)
            self._orphan(item)
        while len(self._watched) > self._limit:
            self._orphan(self._evict())
        if not same:
            for item in self._watched.values():
                due = self._deadline(item)
                if due is not None and (item.due is None or due < item.due):
                    self._schedule(item)
        return unfit

    def graft(self, state: CoreState, wanted: Callable[[Series], bool]) -> None:
        """Take over the series that are wanted. Their alarms were told to nobody: what is still odd opens anew."""
        bank = BankedSeries(self._detectors, self._evidence)
        bank.restore(state[-1], state[0].values())
        for key, item in sorted(state[0].items(), key=lambda pair: bank.used(pair[1])):
            if not wanted(item.series) or None in _rivers(item):
                continue
            young = self._watched.pop(key, None)
            item.detector = self._detector(item.series)
            if item.out is None:
                bank.take_out(item)
            if item.slot >= 0:
                item.slot = self._bank.take(item)
            if item.alarm is not None:
                item.alarm = None
                item.model.restart()
            if young is not None:
                item.alarm = young.alarm
                self._leave(young)
            self._watched[key] = item
            self._bank.use(item)
            self._schedule(item)
            self._put_back(item)
        while len(self._watched) > self._limit:
            self._orphan(self._evict())

    def _orphan(self, watched: Watched) -> None:
        self._leave(watched)
        if watched.alarm is not None:
            self._orphans.append(watched.alarm)

    def counts(self) -> Mapping[str, int]:
        return self._counts + Counter(self._bank.counts())

    def sizes(self) -> Mapping[str, int]:
        return {
            "series": len(self._watched),
            "open_alarms": sum(1 for w in self._watched.values() if w.alarm is not None),
        }

    # -- the life of a series

    def _watch(self, series: Series, time: float) -> Watched | None:
        watched = self._watched.get(series.key) or self._enter(series, time)
        if watched is None:
            self._counts["skipped:disabled"] += 1
        else:
            self._bank.use(watched)
        return watched

    def _enter(self, series: Series, time: float) -> Watched | None:
        """A series that is new. None: no detector watches it."""
        detector = self._detector(series)
        if not detector.enabled:
            return None
        river = build(detector.model, detector.parameters, detector.scale) if detector.model else None
        watched = Watched(series, detector, time)
        watched.out = SeriesModel(series.kind, detector, self._evidence, river)
        watched.sporadic = FadingMean(0.01, warm=100)
        if len(self._watched) >= self._limit:
            self._leave(self._evict())
        if series.signal == "metric" and series.kind != "count":
            watched.held = not bits(watched.out)
            watched.slot = self._bank.take(watched)
        self._watched[series.key] = watched
        self._bank.use(watched)
        self._put_back(watched)
        return watched

    def _step(self, watched: Watched, sample: Sample) -> int:
        return self._bank.step(watched.slot, sample.time, sample.value, self._resumed)

    def _take_out(self, watched: Watched) -> SeriesModel:
        """The series as a model, for what is no plain point."""
        return watched.out or self._bank.take_out(watched)

    def _put_back(self, watched: Watched) -> None:
        """Into the bank again, unless an alarm is open."""
        if watched.out is not None and watched.alarm is None and not watched.held:
            self._bank.put_back(watched)
            watched.sporadic = _NONE_LATE

    def _leave(self, watched: Watched) -> None:
        """The series has gone: its row is free."""
        if watched.slot >= 0:
            self._bank.give_back(watched.slot)

    def _detector(self, series: Series) -> Detector:
        return next(d for d in self._detectors if matches(d.match, series))

    def _evict(self) -> Watched:
        self._counts["evicted:series"] += 1
        watched = self._watched

        def used(key: str) -> int | None:
            return self._bank.used(watched[key]) if key in watched else None

        key = self._recency.oldest(used, lambda: ((self._bank.used(each), key) for key, each in watched.items()))
        return watched.pop(key)

    def _judge(self, watched: Watched, sample: Sample) -> list[Anomaly]:
        model, found = watched.model, []
        if watched.alarm is not None and watched.alarm.stale:
            found.append(self._close(watched, sample.time, sample.time))
        if model.seen and watched.last >= self._resumed:
            gap = sample.time - watched.last
            watched.gap = max(watched.gap * 0.999, gap)
            watched.sporadic.update(float(gap > 2 * watched.interval))
        watched.last = sample.time
        judgement = model.judge(sample.time, sample.value)
        if watched.alarm is not None:
            return found + self._hold(watched, watched.alarm, sample, judgement)
        odd = model.seen >= watched.detector.warmup and judgement.p_value < watched.alpha
        if not odd or not self._allowed(watched, judgement):
            model.learn(judgement)
            return found
        anomaly = self._anomaly(watched, sample, judgement)
        # What has lasted as long as all that was known before is no exception any more.
        patience = min(watched.detector.adopt, max(sample.time - watched.born, 4 * watched.quiet))
        watched.alarm = Alarm(anomaly, sample.time, sample.time + patience)
        self._counts[f"anomalies:{anomaly.head}"] += 1
        model.exceeded(judgement)
        model.follow(judgement)
        return [*found, anomaly]

    def _hold(self, watched: Watched, alarm: Alarm, sample: Sample, judgement: Judgement) -> list[Anomaly]:
        """The next point of an open alarm: it stays open, is over, or has become normal."""
        model = watched.model
        told: list[Anomaly] = []
        if judgement.point_p_value < _HOLD or (judgement.p_value < _HOLD and alarm.away(judgement)):
            alarm.last_odd = sample.time
            alarm.odd += 1
            before = alarm.peak.severity
            if judgement.p_value < alarm.peak.p_value and self._allowed(watched, judgement):
                alarm.peak = self._anomaly(watched, sample, judgement, alarm.first)
            persists = sample.time >= alarm.tell_at and alarm.odd > alarm.normal
            if persists or alarm.peak.severity != before:
                told.append(anomalies.persisting(alarm.peak, max(sample.time, self._now)))
                alarm.tell_at = sample.time + _PERSISTS
        else:
            alarm.normal += 1
        if sample.time >= alarm.adopt_at:
            self._counts["adopted"] += 1
            model.adopt(sample.value)
            return [*told, self._close(watched, alarm.last_odd, sample.time)]
        if judgement.p_value >= _NORMAL:
            model.learn(judgement)
        else:
            model.follow(judgement)
        if sample.time - alarm.last_odd >= watched.quiet:
            told.append(self._close(watched, alarm.last_odd, sample.time))
        return told

    def _find(self, watched: Watched, finding: Finding) -> list[Anomaly]:
        if not watched.model.seen:
            watched.last = max(watched.last, finding.time)
        if watched.alarm is not None:
            watched.alarm.last_odd = max(watched.alarm.last_odd, finding.time)
            self._counts["held:findings"] += 1
            return []
        anomaly = anomalies.of_finding(finding, watched.detector.name, watched.alpha, max(finding.time, self._now))
        watched.alarm = Alarm(anomaly, finding.time, finding.time + watched.detector.adopt)
        self._counts[f"anomalies:{finding.head}"] += 1
        self._schedule(watched)
        return [anomaly]

    # -- silence

    def _schedule(self, watched: Watched) -> None:
        watched.due = self._deadline(watched)
        if watched.due is not None:
            heapq.heappush(self._deadlines, (watched.due, watched.series.key))
        if watched.slot >= 0:
            self._bank.scheduled(watched.slot, watched.due is not None)

    def _postpone(self, watermark: float) -> None:
        """Of the deadlines that are due, move on those of series in the bank that have been heard since: all at once,
        because these are nearly all. The rest stay as they are, in their order."""
        due: list[tuple[float, str]] = []
        moved: list[Watched] = []
        heap = self._deadlines
        while heap and heap[0][0] <= watermark:
            entry = heapq.heappop(heap)
            while heap and heap[0] == entry:  # set twice for the same time
                heapq.heappop(heap)
            watched = self._watched.get(entry[1])
            if watched is None or watched.due != entry[0]:
                continue
            if watched.out is None:
                moved.append(watched)
            else:
                due.append(entry)
        if moved:
            silences = self._bank.silences([watched.slot for watched in moved], self._resumed, _STALE_INTERVALS)
            for watched, (deadline, late) in zip(moved, silences, strict=True):
                if deadline <= watermark or late > _SPORADIC:
                    due.append((watched.due or 0.0, watched.series.key))
                else:
                    watched.due = deadline
                    heapq.heappush(heap, (deadline, watched.series.key))
        for entry in due:
            heapq.heappush(heap, entry)

    def _deadline(self, watched: Watched) -> float | None:
        """When further silence means something: the end of an alarm, staleness, or that the series is forgotten."""
        if watched.alarm is not None:
            return watched.last + watched.detector.adopt if watched.alarm.stale else self._over(watched, watched.alarm)
        if watched.series.signal != "metric" or "stale" not in watched.detector.heads:
            return None
        if watched.out is None:
            seen, interval, last, gap, late = self._bank.pulse(watched.slot)
        else:
            seen, interval = watched.out.seen, watched.out.interval
            last, gap, late = watched.last, watched.gap, watched.sporadic.value
        if seen < watched.detector.warmup or late > _SPORADIC:
            return None
        return max(last, self._resumed) + max(_STALE_INTERVALS * max(interval, 1.0), 2 * gap, 60.0)

    def _over(self, watched: Watched, alarm: Alarm) -> float:
        """When an alarm without further points is over."""
        return alarm.last_odd + watched.quiet + (watched.interval if watched.model.seen else 0.0)

    def _expire(self, watched: Watched, due: float) -> list[Anomaly]:
        alarm = watched.alarm
        if alarm is None:
            return [self._stale(watched, due)]
        if alarm.stale:  # gone for longer than `adopt`: it is not coming back
            del self._watched[watched.series.key]
            self._leave(watched)
            self._counts["forgotten:stale"] += 1
            return [self._close(watched, due, due)]
        return [self._close(watched, alarm.last_odd, due)]

    def _stale(self, watched: Watched, due: float) -> Anomaly:
        series, model = watched.series, watched.model
        silence = due - watched.last
        # No gap in `seen` was this long: the rule of succession bounds the chance of one.
        p_value = min(0.5, 1 / (model.seen + 2) * watched.interval / silence)
        anomaly = anomalies.opened(
            series,
            detector=watched.detector.name,
            head="stale",
            start=watched.last + model.interval,
            now=due,
            direction="none",
            observed=None,
            band=(model.recent(), None, None),
            p_value=p_value,
            alpha=watched.alpha,
            summary=anomalies.say_stale(series, silence, model.interval, model.recent()),
            evidence=Evidence(points=model.points(watched.alpha)),
        )
        watched.alarm = Alarm(anomaly, due, due + watched.detector.adopt)
        self._counts["anomalies:stale"] += 1
        return anomaly

    # -- the alarm

    def _allowed(self, watched: Watched, judgement: Judgement) -> bool:
        """Whether the operator's guards let this deviation alarm."""
        detector = watched.detector
        for wanted in (detector.direction, watched.series.worse):
            if wanted != "both" and judgement.direction not in (wanted, "none"):
                return False
        guard = detector.min_deviation
        if not guard.absolute and not guard.relative:
            return True
        expected, _, _ = watched.model.band(judgement, watched.alpha)
        deviation = abs(judgement.context.value - expected)
        return deviation >= guard.absolute and deviation >= guard.relative * abs(expected)

    def _close(self, watched: Watched, end: float, now: float) -> Anomaly:
        alarm, watched.alarm = watched.alarm, None
        if alarm is None:
            raise RuntimeError(f"no open alarm to close on {watched.series.key}")
        watched.model.restart()
        return anomalies.closed(alarm.first, alarm.peak, end, max(now, self._now))

    def _anomaly(self, watched: Watched, sample: Sample, judgement: Judgement, first: Anomaly | None = None) -> Anomaly:
        model, series = watched.model, watched.series
        band = model.band(judgement, watched.alpha)
        head, observed = model.head(judgement), model.observed(judgement)
        evidence = sample.evidence() if sample.evidence is not None else Evidence()
        expected, low, high = band
        points = model.points(watched.alpha)[1 - self._evidence :]
        points.append(Point(sample.time, sample.value, expected, low, high))
        return anomalies.opened(
            series,
            detector=watched.detector.name,
            head=head,
            start=sample.time if first is None else first.started_at.timestamp(),
            now=max(sample.time, self._now),  # nothing is told before the watermark that is out already
            direction=judgement.direction,
            observed=observed,
            band=band,
            p_value=judgement.p_value,
            alpha=watched.alpha,
            summary=anomalies.say(series, head, judgement, observed, band, evidence),
            evidence=Evidence(points=points, lines=evidence.lines, facts=evidence.facts),
            id=None if first is None else first.id,
        )


def _rivers(watched: Watched) -> list[Any]:
    """The config's own model of the series, if it has one; in its place None if it was lost."""
    return watched.out.rivers if watched.out is not None else []


def matches(selectors: Mapping[str, str | list[str]], series: Series) -> bool:
    """Whether every selector's value, or one of its values, fits the series' label as a glob; `name` is its name."""
    for label, wanted in selectors.items():
        value = series.name if label == "name" else series.labels.get(label, "")
        if not any(fnmatchcase(value, pattern) for pattern in ([wanted] if isinstance(wanted, str) else wanted)):
            return False
    return True
