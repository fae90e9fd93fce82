"""What a budget would have cost: the detect stage over a recording, once for each budget, and what it told.

A recording that ends is no silence: that a series is stale counts only if it was heard of again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from floodmark.alerts import Anomaly
from floodmark.config.models import Config, Detector
from floodmark.config.quantities import budget as parsed
from floodmark.detect import DetectStage
from floodmark.detect.feedback import Feedback
from floodmark.detect.model import Judgement
from floodmark.detect.schedules import Why
from floodmark.detect.series import Series
from floodmark.detect.watched import Watched
from floodmark.detect.watchlist import matches
from floodmark.tuning.labels import Event, Period, Score, score
from floodmark.tuning.recording import Batch, Recording, fits

WEEK: Final = 604_800.0


class Span(NamedTuple):
    """A series as it was recorded: its first and newest point in epoch seconds, and how many there are."""

    series: Series
    first: float
    last: float
    points: int


class Alarm(NamedTuple):
    """An alarm of a series, in epoch seconds: since when it was odd, when that was told, and the last odd moment."""

    series: str
    head: str
    start: float
    told: float
    end: float
    p_value: float
    summary: str


class Cost(NamedTuple):
    """What the alarms of a run come to. `realised` is the alarms a series and week, over those of the budget; `share`
    is the part of the series' time that was in alarm. Of no time at all, both are 0."""

    alarms: int
    per_week: float
    realised: float
    share: float
    heads: Counter[str]


class Run(NamedTuple):
    """The alarms under one budget, as it was written and as false alarms a second, in the order of their start."""

    budget: str
    rate: float
    alarms: list[Alarm]


class Backtest(NamedTuple):
    """`spans` by key, of the series that a detector watches. `counts` are the stage's, of the first run."""

    spans: Mapping[str, Span]
    runs: list[Run]
    counts: Mapping[str, int]

    @property
    def weeks(self) -> float:
        """The time that the series were recorded for, all together."""
        return sum(span.last - span.first for span in self.spans.values()) / WEEK

    def cost(self, run: Run) -> Cost:
        weeks, alarms = self.weeks, run.alarms
        per_week = len(alarms) / weeks if weeks else 0.0
        share = sum(alarm.end - alarm.start for alarm in alarms) / WEEK / weeks if weeks else 0.0
        return Cost(len(alarms), per_week, per_week / (run.rate * WEEK), share, Counter(a.head for a in alarms))

    def noisiest(self, most: int) -> list[str]:
        """The keys of the series with the most alarms, under all budgets together."""
        counts = Counter(alarm.series for run in self.runs for alarm in run.alarms)
        return sorted(counts, key=lambda key: (-counts[key], key))[:most]

    def known(self, events: Sequence[Event]) -> list[Event]:
        """The events that can be found: of series that were recorded then."""
        spans = self.spans.values()
        return [e for e in events if any(fits(e.pattern, s.series) and e.overlaps(s.first, s.last) for s in spans)]

    def score(self, run: Run, events: Sequence[Event]) -> Score:
        """The run against the events, all of which are `known`."""
        return score(events, (Period(self.spans[a.series].series, a.start, a.told, a.end) for a in run.alarms))


def with_budget(config: Config, rate: float) -> Config:
    """The config with this budget, in false alarms a second, for every series."""
    detectors = [each.model_copy(update={"false_alarms": rate}) for each in (*config.detectors, Detector())]
    return config.model_copy(update={"detectors": detectors})


def backtest(
    config: Config, recording: Recording, budgets: Sequence[str], feedback: Feedback | None = None
) -> Backtest:
    """Run the recording once under each budget ("1/week"), heeding what people say. Raises ValueError for what is no
    budget."""
    rates = [parsed(each) for each in budgets]
    stages = [DetectStage(with_budget(config, rate), "backtest/0", 1, feedback) for rate in rates]
    tapes = [recording.tape() for _ in stages]
    told: list[dict[str, Alarm]] = [{} for _ in stages]
    known = _Known(recording, config)
    if stages:
        stages[0].watch(lambda _: False, known.judged)
    for batch in recording.read():
        known.take(batch)
        for stage, tape, alarms in zip(stages, tapes, told, strict=True):
            outputs = stage.process(batch.signals) if batch.signals else stage.take(tape(batch))
            known.told(outputs)
            _note(outputs, alarms)
    for stage, alarms in zip(stages, told, strict=True):
        outputs = stage.finish()
        known.told(outputs)
        _note(outputs, alarms)
    spans = known.spans()
    runs = [Run(text, rate, _settled(alarms, spans)) for text, rate, alarms in zip(budgets, rates, told, strict=True)]
    return Backtest(spans, runs, stages[0].counts() if stages else {})


class _Known:
    """The first and the newest point of each series, and how many there are, as the recording goes by."""

    def __init__(self, recording: Recording, config: Config) -> None:
        self._recording = recording
        self._detectors = (*config.detectors, Detector())
        self._own: set[str] = set()
        self._first: list[float] = []
        self._last: list[float] = []
        self._points: list[int] = []
        self._made: dict[str, Span] = {}
        """Series that the stage makes of other signals: log lines, spans, predictions, histograms."""
        self._began, self._ended = float("inf"), float("-inf")

    def judged(self, watched: Watched, judgement: Judgement, _: Why | None) -> None:
        """A point of a series that is not among the recording's own metrics (of those, some may be shown, too)."""
        series, time = watched.series, judgement.context.time
        if series.signal != "metric" or series.key not in self._own:
            span = self._made.get(series.key, Span(series, time, time, 0))
            self._made[series.key] = Span(series, span.first, max(span.last, time), span.points + 1)

    def told(self, outputs: Sequence[object]) -> None:
        """Findings are of series without points: they are heard of for as long as the recording lasts."""
        for each in outputs:
            if isinstance(each, Anomaly) and each.series not in self._own and each.series not in self._made:
                series = Series(
                    each.series, each.name, each.labels, each.entity, each.scope, each.signal, unit=each.unit
                )
                self._made[each.series] = Span(series, self._began, self._ended, 0)

    def take(self, batch: Batch) -> None:
        new = len(self._recording.series) - len(self._first)
        self._own.update(each.key for each in self._recording.series[len(self._first) :])
        if moments := batch.moments():
            self._began, self._ended = min(self._began, *moments), max(self._ended, *moments)
        self._first += [float("inf")] * new
        self._last += [float("-inf")] * new
        self._points += [0] * new
        first, last, points = self._first, self._last, self._points
        for i, time in zip(batch.of, batch.times, strict=True):
            points[i] += 1
            first[i] = min(first[i], time)
            last[i] = max(last[i], time)

    def spans(self) -> dict[str, Span]:
        found: dict[str, Span] = {}
        rows = zip(self._recording.series, self._first, self._last, self._points, strict=True)
        for series, first, last, points in rows:
            detector = next(each for each in self._detectors if matches(each.match, series))
            if not points or not detector.enabled:
                continue
            _, since, until, count = found.get(series.key, (series, first, last, 0))
            found[series.key] = Span(series, min(first, since), max(last, until), points + count)
        for key, span in self._made.items():
            found.setdefault(key, span._replace(last=max(span.last, self._ended) if not span.points else span.last))
        return found


def _note(outputs: Sequence[object], alarms: dict[str, Alarm]) -> None:
    """Keep the alarms that open, by their id, and the ends of those that close."""
    for each in outputs:
        if not isinstance(each, Anomaly):
            continue
        if each.event == "opened":
            start, told = each.started_at.timestamp(), each.updated_at.timestamp()
            alarms[each.id] = Alarm(each.series, each.head, start, told, float("inf"), each.p_value, each.summary)
        elif each.event == "closed" and each.ended_at is not None and each.id in alarms:
            alarms[each.id] = alarms[each.id]._replace(end=each.ended_at.timestamp())


def _settled(alarms: Mapping[str, Alarm], spans: Mapping[str, Span]) -> list[Alarm]:
    """In order, those still open ended with the recording, without the silence after it."""
    kept = [a._replace(end=min(a.end, spans[a.series].last)) for a in alarms.values() if a.series in spans]
    return sorted((a for a in kept if a.start <= spans[a.series].last), key=lambda a: (a.start, a.series))
