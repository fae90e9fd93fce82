"""The detect stage: signals in, anomalies and watermarks out. It must never read a clock: time is the signals' own.

Each signal goes to the maker of its kind, what the maker makes goes to the series core. Event time moves in ticks: a
signal that carries the watermark over a tick first closes all that ends there, so the answer does not depend on how
the input was cut into batches.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from msgspec.msgpack import encode
from msgspec.structs import replace
from numpy.typing import NDArray
from river import stats

from floodmark.alerts import Anomaly, Dependencies, SeriesSample, Watermark, utc
from floodmark.config.models import Config, Detector, ModelMonitor
from floodmark.detect import snapshots
from floodmark.detect.alarms import Witness
from floodmark.detect.bank import layout
from floodmark.detect.clocks import Clocks, Signal, spans
from floodmark.detect.core import SeriesCore
from floodmark.detect.feedback import Feedback
from floodmark.detect.histograms import Histograms
from floodmark.detect.logs import LogSources
from floodmark.detect.metrics import MetricSeries
from floodmark.detect.predictions import ModelMonitors
from floodmark.detect.sampling import QUIET, Identity, SeriesSampler
from floodmark.detect.series import Finding, Sample, Series
from floodmark.detect.spans import SpanSeries
from floodmark.detect.upkeep import Upkeep
from floodmark.detect.warming import Warming
from floodmark.reports import ModelReport
from floodmark.signals import Histogram, Inference, Log, Metric, Origin, Outcome, Prediction, Samples, Span
from floodmark.state import StateError

_KINDS: Final[Mapping[type, Signal]] = {Metric: "metric", Histogram: "metric", Log: "log", Span: "span"}
_STANDSTILL: Final = 6.0
"""A pause of the whole stream this many times the usual one between ticks, and a minute, is a standstill."""

Judged = Metric | Histogram | Log | Prediction | Inference | Outcome | Span
_Moved = TypeVar("_Moved", bound=Judged)
Told = Anomaly | Dependencies | ModelReport | SeriesSample | Watermark


class State(NamedTuple):
    """The parts of the state."""

    clock: tuple[float, Any]
    clocks: Any
    metrics: Any
    histograms: Any
    logs: Any
    spans: Any
    models: Any
    core: Any
    sampler: Any


class Missing(NamedTuple):
    """What a restore left out: the keys of series, the names of models, and whole parts."""

    series: set[str]
    models: set[str]
    logs: bool = False
    spans: bool = False
    metrics: bool = False


class DetectStage:
    """The detection state of one partition. Bounded by the config's limits."""

    def __init__(
        self,
        config: Config,
        task: str,
        tasks: int,
        feedback: Feedback | None = None,
        topics: Mapping[str, int] | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        """`task`: "topic/partition", named in the watermarks. `tasks`: how many detect tasks there are in all, and
        `topics` of which topics, with the number of partitions of each.

        `feedback`, `upkeep`: what people say of its series; shared, and no part of its state.
        """
        self._config = config
        self._task = task
        self._tasks = tasks
        self._topics = dict(sorted(topics.items())) if topics else {}
        self._lateness = config.detect.lateness
        self._grid = config.detect.tick
        self._core = SeriesCore(config, feedback, upkeep)
        self._sampler = SeriesSampler()
        self._metrics = MetricSeries(config.limits, config.detect, self._sampler, config.detectors)
        self._histograms = Histograms(config.limits)
        self._logs = LogSources(config.logs, config.limits, config.detect, self._sampler)
        self._spans = SpanSeries(config.spans, config.limits, config.detect)
        self._models = ModelMonitors(config.models, config.limits, config.detect)
        self._tick = float("-inf")
        self._pace = stats.EWMean(0.05)
        self._clocks = Clocks(config)
        self._counts: Counter[str] = Counter()
        self._missing = Missing(set(), set())

    def process(self, signals: Sequence[Judged], arrivals: Sequence[float] = ()) -> list[Told]:
        """Handle the next signals of the partition, in order. `arrivals`: when the record of each was here, epoch
        seconds (see `Clocks.time`); without them their times are taken as they are."""
        out: list[Told] = []
        waiting: list[Metric | Histogram] = []
        for signal in self._in_time(signals, arrivals) if arrivals else signals:
            if isinstance(signal, Metric | Histogram):
                waiting.append(signal)
                continue
            if waiting:
                out += self._take(_samples(waiting))
                waiting = []
            tick = (signal.time - self._lateness) // self._grid * self._grid
            if tick > self._tick:
                self._advance(tick, out)
            made: list[Sample | Finding]
            if isinstance(signal, Log):
                self._counts["signals:log"] += 1
                made = self._logs.observe(signal)
            elif isinstance(signal, Span):
                self._counts["signals:span"] += 1
                made = self._spans.observe(signal)
            else:
                self._counts[f"signals:{type(signal).__name__.lower()}"] += 1
                made = self._models.observe(signal)
            for event in made:
                out += self._core.observe(event)
        return out + self._take(_samples(waiting)) if waiting else out

    def take(self, samples: Samples, arrivals: NDArray[np.float64] | None = None) -> list[Told]:
        """Handle the next metrics of the partition, in order: as `process` would, only faster. `arrivals`: when each
        record was here."""
        times = np.array(samples.times, np.float64)
        if arrivals is None or self._in_time_already(samples, times, arrivals):
            return self._take(samples, times)
        return self._take(self._samples_in_time(samples, arrivals))

    def back(self, time: float, *, wrong: bool) -> list[Told]:
        """Event time was not what it was taken for: it goes back to `time`. `wrong`: plainly, so that whatever lies
        beyond is wrong as well; else only what is further ahead than an event may be."""
        self._clocks.back(time)
        tick = (time - self._lateness) // self._grid * self._grid
        if tick >= self._tick:
            return []
        self._counts["watermark:mended"] += 1
        self._tick = tick
        limit = time + (self._lateness if wrong else self._config.limits.ahead)
        for part in (*self._makers, self._histograms, self._core):
            part.back(tick, limit)
        return [self._watermark(idle=False)]

    def _take(self, samples: Samples, times: NDArray[np.float64] | None = None) -> list[Told]:
        """`times`: those of the samples, if they are an array already."""
        out: list[Told] = []
        if samples.histograms or times is None:
            samples = self._histograms.spread(samples)
            times = np.array(samples.times, np.float64)
        origins, metrics, core = samples.origins, self._metrics, self._core
        points = layout.Points(
            np.array([origin.ref for origin in origins], np.int64),
            times,
            np.array(samples.values, np.float64),
            _starts(samples),
        )
        if metrics.scaled:
            for i in np.flatnonzero(points.refs & layout.SCALED).tolist():
                points.values[i] *= origins[i].factor
        at = 0
        while True:
            at, why = core.run(points, metrics.rows, at, (self._tick, self._lateness, self._grid))
            if why == layout.DONE:
                return out
            time, ref = float(points.times[at]), int(points.refs[at])
            if why == layout.TICK:
                self._advance((time - self._lateness) // self._grid * self._grid, out)
            elif why == layout.METRIC_UNKNOWN:
                points.refs[at] = origins[at].ref = metrics.ref(origins[at], core.uses)
                points.values[at] = samples.values[at] * origins[at].factor
                self._forget(time)
            elif why == layout.TURN:
                metrics.turn(ref)
                self._forget(time)
            elif why == layout.SERIES_UNKNOWN:
                metrics.link(ref, core.enter(metrics.series(ref), time))
            else:
                if why == layout.PYTHON:
                    out += core.observe(Sample(metrics.series(ref), time, float(points.values[at])))
                elif why == layout.SCHEDULE:
                    core.schedule(metrics.series(ref))
                elif why == layout.SETTLE:
                    core.settle(metrics.series(ref))
                at += 1

    def _forget(self, time: float) -> None:
        """Let go of what was learned of series that are read in another way from now on."""
        for key in self._metrics.turned():
            self._core.forget(key, time)

    def _in_time(self, signals: Sequence[Judged], arrivals: Sequence[float]) -> Iterable[Judged]:
        """The signals, those of clocks that are wrong set right."""
        near = self._clocks.near
        for signal, arrival in zip(signals, arrivals, strict=True):
            if near(signal.time, arrival):
                yield signal
                continue
            time = self._clocks.time(_KINDS.get(type(signal), "prediction"), _labels(signal), signal.time, arrival)
            if time != signal.time:
                yield _moved(signal, time)
                continue
            yield signal

    def _in_time_already(self, samples: Samples, times: NDArray[np.float64], arrivals: NDArray[np.float64]) -> bool:
        """Whether no time has to be set right: a comparison for all of them, in the usual case."""
        if samples.histograms or not len(times):
            return not samples.histograms
        here = np.abs(arrivals)
        return self._clocks.right(float(times.min()), float(times.max()), float(here.min()), float(here.max()))

    def _samples_in_time(self, samples: Samples, arrivals: NDArray[np.float64]) -> Samples:
        """The samples, those of clocks that are wrong set right."""
        clocks = self._clocks
        of_samples, of_histograms = spans(samples.shares, arrivals.tolist())
        places = [at for at, _ in samples.histograms]
        histograms: list[tuple[int, Histogram]] = []
        times: list[float] = []

        def until(end: int) -> None:
            while len(histograms) < len(places) and places[len(histograms)] <= end:
                at, histogram = samples.histograms[len(histograms)]
                arrival = of_histograms[len(histograms)]
                time = clocks.time("metric", histogram.labels, histogram.time, arrival)
                histograms.append((at, histogram if time == histogram.time else _moved(histogram, time)))

        for i, (origin, time, arrival) in enumerate(zip(samples.origins, samples.times, of_samples, strict=True)):
            until(i)
            times.append(clocks.time("metric", origin.labels, time, arrival))
        until(len(times))
        origins, own = samples.origins, samples.times
        starts = [(i, start + (times[i] - own[i]) * (origins[i].kind == "delta")) for i, start in samples.starts]
        return samples._replace(times=times, histograms=histograms, starts=starts)

    def watch(self, wanted: Callable[[Series], bool], witness: Witness) -> None:
        """Look on while series are judged; see `SeriesCore.watch`."""
        self._core.watch(wanted, witness)

    def speak(self, *, idle: bool) -> list[Watermark]:
        """The last word again. `idle`: nothing comes, do not wait for this task, the runtime's clock says (law 6)."""
        return [replace(self._watermark(idle=idle), repeated=True)]

    def finish(self) -> list[Told]:
        """The input has ended for good (a replay): close what the last signals left open."""
        out: list[Told] = []
        if self._tick > float("-inf"):
            self._advance(self._tick + self._lateness + self._grid, out)
        return out

    def warming(self) -> list[Warming]:
        """What is still learning, at most 50 of it, what is over soonest last; `sizes` has how many there are."""
        return self._core.warming()

    def templates(self) -> list[tuple[str, str, int]]:
        """The log templates that are held: source, text, lines."""
        return self._logs.templates()

    def snapshot(self) -> bytes:
        """All state, so that a stage that restores it goes on as this one would."""
        rivers = self._rivers()
        shapes = snapshots.shapes(self._config)
        models = snapshots.write_models(rivers)
        return encode(snapshots.Snapshot(snapshots.MADE_BY, self._monitored, shapes, self._written(rivers), models))

    def restore(self, data: bytes) -> Mapping[str, int]:
        """Go on from a snapshot; what other settings shaped is left out: how many series, models, and log sources.

        Raises StateError.
        """
        snapshot = snapshots.opened(data)
        rivers = dict(snapshots.read_models(snapshot.models, self._core.detectors))
        state = self._read(snapshot.state, rivers, monitored=snapshot.monitored)
        self._tick, self._pace = state.clock
        self._clocks.restore(state.clocks)
        self._sampler.restore(state.sampler)
        shapes = snapshots.shapes(self._config)
        same = {part for part, shape in shapes.items() if snapshot.shapes.get(part) == shape}
        known = "identity" in same
        logs, spans = known and "logs" in same, known and "spans" in same
        left_out: Counter[str] = Counter()
        if known:
            self._metrics.restore(state.metrics)
            self._histograms.restore(state.histograms)
        if logs:
            self._logs.restore(state.logs)
        else:
            left_out["log_sources"] = len(state.logs[0])
        if spans:
            self._spans.restore(state.spans)
        else:
            left_out["operations"] = len(state.spans[0])
        models = self._models.restore(state.models, _fits_monitor) if known else set(state.models[0])
        left_out["models"] = len(models)

        def fits(series: Series, before: Detector | None, now: Detector) -> bool:
            if before is None or not known or snapshots.shape_of(before) != snapshots.shape_of(now):
                return False
            if series.signal == "prediction":
                return series.labels["model"] not in models
            return {"log": logs, "span": spans}.get(series.signal, True)

        keys = self._core.restore(state.core, fits, same="detectors" in same)
        left_out["series"] = len(keys)
        if "detectors" not in same:
            self._metrics.unlink()
            self._metrics.reconsider()
        self._missing = Missing(keys, models, logs=not logs, spans=not spans, metrics=not known)
        return +left_out

    def graft(self, warmed: DetectStage) -> None:
        """Take over from a stage that has learned from the recent past what `restore` left out, once."""
        missing, self._missing = self._missing, Missing(set(), set())
        rivers = warmed._rivers()
        # Copied by way of bytes, so that the stages share nothing but River's models, which cannot all be written.
        state = self._read(warmed._written(rivers), dict(snapshots.named_models(rivers)), monitored=warmed._monitored)
        if missing.logs:
            self._logs.restore(state.logs)
        if missing.spans:
            self._spans.restore(state.spans)
        if missing.metrics:
            self._metrics.restore(state.metrics)
            self._histograms.restore(state.histograms)
        if missing.logs or missing.metrics:
            self._sampler.restore(state.sampler)
        if missing.models:
            self._models.forget(missing.models)
            self._models.restore(state.models, _fits_monitor, missing.models)

        kinds = self._metrics.kinds()

        def wanted(series: Series) -> bool:
            if series.signal == "metric" and kinds.get(series.key, series.kind) != series.kind:
                return False  # one of us has found that it is a counter
            lost = {"log": missing.logs, "span": missing.spans}.get(series.signal, False)
            if series.key in missing.series or lost:
                return True
            return series.signal == "prediction" and series.labels["model"] in missing.models

        self._core.graft(state.core, wanted)
        self._metrics.unlink()

    def _rivers(self) -> dict[str, tuple[Detector, list[object]]]:
        """River's models of the config by the shape of their detector."""
        found: dict[str, tuple[Detector, list[object]]] = {}
        shapes = {id(detector): snapshots.shape_of(detector) for detector in self._core.detectors}
        for detector, model in self._core.rivers():
            found.setdefault(shapes[id(detector)], (detector, []))[1].append(model)
        return found

    @property
    def _monitored(self) -> bool:
        return bool(self._models.sizes()["models"])

    def _written(self, rivers: Mapping[str, tuple[Detector, list[object]]]) -> bytes:
        state = State(
            clock=(self._tick, self._pace),
            clocks=self._clocks.state(),
            metrics=self._metrics.state(),
            histograms=self._histograms.state(),
            logs=self._logs.state(),
            spans=self._spans.state(),
            models=self._models.state(),
            core=self._core.state(),
            sampler=self._sampler.state(),
        )
        external = [*self._external(), *snapshots.named_models(rivers)]
        return snapshots.codec(monitored=self._monitored).dumps(state, external)

    def _read(self, data: bytes, rivers: Mapping[str, object], *, monitored: bool) -> State:
        state = snapshots.codec(monitored=monitored).loads(data, {**dict(self._external()), **rivers}, lenient=True)
        if not isinstance(state, State):
            raise StateError("the snapshot does not hold the state of a detect task")
        return state

    def _external(self) -> list[tuple[str, object]]:
        """What the state refers to and does not hold, by name."""
        return [
            ("detect", self._config.detect),
            ("limits", self._config.limits),
            ("logs", self._config.logs),
            ("log memos", self._logs.memos),
            ("model counts", self._models.shared),
            *((f"detector:{snapshots.shape_of(each)}", each) for each in self._core.detectors),
            *((f"monitor:{snapshots.shape_of_monitor(each)}", each) for each in self._models.monitors),
        ]

    def counts(self) -> Mapping[str, int]:
        total = Counter(self._counts)
        for part in (*self._makers, self._histograms, self._core, self._clocks):
            total.update(part.counts())
        return total

    def remarks(self) -> list[str]:
        """Sentences for the operator's log that arose since last asked."""
        return self._clocks.remarks() + self._metrics.remarks()

    def skews(self) -> list[tuple[str, float]]:
        """Sources whose clocks are wrong, and by how many seconds."""
        return self._clocks.skews()

    def sizes(self) -> Mapping[str, int]:
        total: Counter[str] = Counter()
        for part in (*self._makers, self._histograms, self._core, self._clocks):
            total.update(part.sizes())
        return total

    @property
    def _makers(self) -> tuple[MetricSeries, LogSources, SpanSeries, ModelMonitors]:
        return self._metrics, self._logs, self._spans, self._models

    def _advance(self, tick: float, out: list[Told]) -> None:
        first = self._tick == float("-inf")
        step = 0.0 if first else tick - self._tick
        if not first:
            usual = float(self._pace.get()) or step
            if step > max(60.0, _STANDSTILL * usual):
                self._counts["standstills"] += 1
                self._core.resume(tick)
            else:
                self._pace.update(step)
        before, self._tick = self._tick, tick
        for maker in self._makers:
            for event in maker.advance(tick):
                out += self._core.observe(event)
        out += self._core.advance(tick)
        out += self._clocks.advance(tick)
        if calls := self._spans.calls(tick):
            out.append(Dependencies(task=self._task, time=utc(tick), calls=calls))
        if not first:
            out += self._models.reports(before, tick)
        if (series := self._sampler.news(tick, self._heard)) is not None:
            settled = tick + self._lateness + 2 * self._grid + QUIET
            out.append(SeriesSample(task=self._task, time=utc(tick), settled=utc(settled), series=series))
        out.append(self._watermark(idle=False))

    def _heard(self, identity: Identity) -> float:
        return max(self._metrics.heard(identity), self._logs.heard(identity))

    def _watermark(self, *, idle: bool) -> Watermark:
        time = self._tick if self._tick > float("-inf") else 0.0  # nothing has come yet
        return Watermark(task=self._task, tasks=self._tasks, time=utc(time), idle=idle, topics=self._topics)


def _samples(signals: list[Metric | Histogram]) -> Samples:
    histograms: list[tuple[int, Histogram]] = []
    starts: list[tuple[int, float]] = []
    samples = Samples([], [], [], histograms, (), starts)
    for each in signals:
        if isinstance(each, Histogram):
            histograms.append((len(samples.times), each))
            continue
        if each.start > 0:
            starts.append((len(samples.times), each.start))
        samples.origins.append(Origin(each.name, each.labels, each.kind, each.unit))
        samples.times.append(each.time)
        samples.values.append(math.nan if each.value is None else each.value)
    return samples


def _starts(samples: Samples) -> NDArray[np.float64]:
    """A start for each sample, 0 where none is said; nothing at all if none is."""
    if not samples.starts:
        return layout.NO_STARTS
    starts = np.zeros(len(samples.times))
    places, said = zip(*samples.starts, strict=True)
    starts[list(places)] = said
    return starts


def _moved(signal: _Moved, time: float) -> _Moved:
    """A signal whose clock is wrong, at its true time. The interval of a delta goes with it; since when a counter
    counts is a mark of its life, which must stay the same."""
    if isinstance(signal, Metric) and signal.kind == "delta" and signal.start:
        return replace(signal, time=time, start=signal.start + time - signal.time)
    if isinstance(signal, Histogram) and not signal.cumulative and signal.start:
        return replace(signal, time=time, start=signal.start + time - signal.time)
    return replace(signal, time=time)


def _labels(signal: Judged) -> Mapping[str, str]:
    """By which the source of a signal is known."""
    if isinstance(signal, Span):
        return {"service": signal.service, **signal.labels}
    return signal.labels if isinstance(signal, Metric | Histogram | Log) else {"model": signal.model}


def _fits_monitor(before: ModelMonitor | None, now: ModelMonitor) -> bool:
    return before is not None and snapshots.shape_of_monitor(before) == snapshots.shape_of_monitor(now)
