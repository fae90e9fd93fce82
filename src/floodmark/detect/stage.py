"""The detect stage: signals in, anomalies and watermarks out. It must never read a clock: time is the signals' own.

Each signal goes to the maker of its kind, what the maker makes goes to the series core. Event time moves in ticks: a
signal that carries the watermark over a tick first closes all that ends there, so the answer does not depend on how
the input was cut into batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from river import stats

from floodmark.alerts import Anomaly, Watermark, utc
from floodmark.config.models import Config
from floodmark.detect.core import SeriesCore
from floodmark.detect.logs import LogSources
from floodmark.detect.metrics import MetricSeries
from floodmark.detect.predictions import ModelMonitors
from floodmark.detect.series import Finding, Sample
from floodmark.signals import Log, Metric, Outcome, Prediction

_STANDSTILL: Final = 6.0
"""A pause of the whole stream this many times the usual one between ticks, and a minute, is a standstill."""

Judged = Metric | Log | Prediction | Outcome


class DetectStage:
    """The detection state of one partition. Bounded by the config's limits."""

    def __init__(self, config: Config, task: str, tasks: int) -> None:
        """`task`: "topic/partition", named in the watermarks. `tasks`: how many detect tasks there are in all."""
        self._task = task
        self._tasks = tasks
        self._lateness = config.detect.lateness
        self._grid = config.detect.tick
        self._core = SeriesCore(config)
        self._metrics = MetricSeries(config.limits, config.detect)
        self._logs = LogSources(config.logs, config.limits, config.detect)
        self._models = ModelMonitors(config.models, config.limits, config.detect)
        self._tick = float("-inf")
        self._pace = stats.EWMean(0.05)
        self._counts: Counter[str] = Counter()

    def process(self, signals: Iterable[Judged]) -> list[Anomaly | Watermark]:
        """Handle the next signals of the partition, in order."""
        out: list[Anomaly | Watermark] = []
        for signal in signals:
            tick = (signal.time - self._lateness) // self._grid * self._grid
            if tick > self._tick:
                self._advance(tick, out)
            made: list[Sample | Finding]
            if isinstance(signal, Metric):
                self._counts["signals:metric"] += 1
                made = self._metrics.observe(signal)
            elif isinstance(signal, Log):
                self._counts["signals:log"] += 1
                made = self._logs.observe(signal)
            else:
                self._counts["signals:prediction" if isinstance(signal, Prediction) else "signals:outcome"] += 1
                made = self._models.observe(signal)
            for event in made:
                out += self._core.observe(event)
        return out

    def idle(self) -> list[Watermark]:
        """Nothing comes: do not wait for this task (the runtime's clock says so, law 6)."""
        return [self._watermark(idle=True)] if self._tick > float("-inf") else [self._watermark(idle=True, at=0.0)]

    def finish(self) -> list[Anomaly | Watermark]:
        """The input has ended for good (a replay): close what the last signals left open."""
        out: list[Anomaly | Watermark] = []
        if self._tick > float("-inf"):
            self._advance(self._tick + self._lateness + self._grid, out)
        return out

    def templates(self) -> list[tuple[str, str, int]]:
        """The log templates that are held: source, text, lines."""
        return self._logs.templates()

    def counts(self) -> Mapping[str, int]:
        total = Counter(self._counts)
        for part in (*self._makers, self._core):
            total.update(part.counts())
        return total

    def sizes(self) -> Mapping[str, int]:
        total: Counter[str] = Counter()
        for part in (*self._makers, self._core):
            total.update(part.sizes())
        return total

    @property
    def _makers(self) -> tuple[MetricSeries, LogSources, ModelMonitors]:
        return self._metrics, self._logs, self._models

    def _advance(self, tick: float, out: list[Anomaly | Watermark]) -> None:
        first = self._tick == float("-inf")
        step = 0.0 if first else tick - self._tick
        if not first:
            usual = float(self._pace.get()) or step
            if step > max(60.0, _STANDSTILL * usual):
                self._counts["standstills"] += 1
                self._core.resume(tick)
            else:
                self._pace.update(step)
        self._tick = tick
        for maker in self._makers:
            for event in maker.advance(tick):
                out += self._core.observe(event)
        out += self._core.advance(tick)
        out.append(self._watermark(idle=False))

    def _watermark(self, *, idle: bool, at: float | None = None) -> Watermark:
        time = self._tick if at is None else at
        return Watermark(task=self._task, tasks=self._tasks, time=utc(time), idle=idle)
