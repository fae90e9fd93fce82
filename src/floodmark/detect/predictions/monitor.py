"""Predictions and outcomes become series and findings: the maker of the prediction signal.

`ModelMonitors` keeps a join and a clock for each model, and a `Version` for each version of it. Its own event time,
the newest of the signals less `detect.lateness`, closes windows as it goes, before the signal that moved it is taken;
so how often `advance` is called, and how the stream is cut into batches, changes nothing. Never reads a clock.

Bounds: `limits.models` models and as many versions in all, least recently used first out; `limits.pending` predictions
and as many outcomes wait for each model, and as many rows of requests, of all models, for their other half; the rest is
bounded for each version by its monitor's window, reference and features.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterable, Mapping
from fnmatch import fnmatchcase
from math import floor
from typing import Final

from floodmark.config.models import Detect, Limits, ModelMonitor
from floodmark.detect.predictions.join import Joined, Joiner
from floodmark.detect.predictions.requests import Requests, Waiting
from floodmark.detect.predictions.version import Version, series_of
from floodmark.detect.series import Finding, Sample, Series
from floodmark.reports import ModelReport
from floodmark.signals import Inference, Outcome, Prediction

MOST_FILLED: Final = 120
"""Empty windows that a jump of event time fills with zeros, at most; the ones before them are counted as skipped."""
SILENT: Final = 7 * 86_400.0
"""A model silent for longer than this is retired: its count is no longer told as zero."""


class Model:
    """What the versions of a model share: the join, and the number of predictions in each window."""

    def __init__(self, name: str, monitor: ModelMonitor, limits: Limits, detect: Detect, counts: Counter[str]) -> None:
        self.monitor = monitor
        self.joiner = Joiner(monitor.join, limits.pending, counts)
        self.due = float("inf")
        self.versions: dict[str, None] = {}
        self._counts = counts
        self._series: Series = series_of("model_predictions", {"model": name}, detect, "count")
        self._next = 0
        self._first_whole = 0
        self._windows: dict[int, int] = {}
        self._last = float("-inf")

    def start(self, time: float) -> None:
        """The first signal sets the clock: points are due at the multiples of `every` since the epoch."""
        if self.due == float("inf"):
            self._wait_for(floor(time / self.monitor.every))

    def count(self, time: float) -> None:
        """Count a prediction into its window. The window in which the first one came is not whole, and not told."""
        window = floor(time / self.monitor.every)
        if self._last == float("-inf"):
            self._first_whole = window + 1
        self._last = max(self._last, time)
        if window < self._next:
            self._counts["late_prediction"] += 1
        else:
            self._windows[window] = self._windows.get(window, 0) + 1

    def close(self, watermark: float) -> tuple[float, list[Sample]]:
        """Close the windows that end at or before `watermark`: the end of the first of them, and their counts."""
        every = self.monitor.every
        first, following = self.due, max(self._next + 1, floor(watermark / every))
        filled = max(self._next, following - MOST_FILLED)
        closed = sorted(window for window in self._windows if window < following)
        tell = [window for window in closed if window < filled]
        if filled > self._next + len(tell):
            self._counts["window_skipped"] += filled - self._next - len(tell)
        samples = []
        for window in (*tell, *range(filled, following)):
            end = (window + 1) * every
            if window >= self._first_whole and end - self._last <= SILENT:
                samples.append(Sample(self._series, end, float(self._windows.get(window, 0))))
        for window in closed:
            del self._windows[window]
        self._wait_for(following)
        return first, samples

    def back(self, time: float, limit: float) -> None:
        """Event time goes back to `time`: windows that began after `limit` never were."""
        self._last = min(self._last, limit)
        self._windows = {window: n for window, n in self._windows.items() if window * self.monitor.every <= limit}
        if self.due < float("inf"):
            self._wait_for(min(self._next, floor(time / self.monitor.every)))
            self._first_whole = min(self._first_whole, self._next + 1)

    def _wait_for(self, window: int) -> None:
        self._next = window
        self.due = (window + 1) * self.monitor.every


class ModelMonitors:
    """A `Maker[Prediction | Inference | Outcome]`. The first of `models` that matches a name watches it, else defaults.

    Counts: predictions, outcomes, the joins' (see `Joiner` and `Requests`), the features' (see `Watch`), missing_label
    (an outcome without one), unidentified_prediction (without an id: watched, never joined), incomparable_label,
    error_drift_better, prediction_drift_twin, feature_unwatched, late_prediction, window_skipped, evicted_model,
    evicted_version.
    """

    def __init__(self, models: list[ModelMonitor], limits: Limits, detect: Detect) -> None:
        self._monitors = [*models, ModelMonitor()]
        self._limits = limits
        self._detect = detect
        self._counts: Counter[str] = Counter()
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._versions: OrderedDict[tuple[str, str], Version] = OrderedDict()
        self._requests = Requests(limits.pending, self._counts)
        self._newest = float("-inf")
        self._due = float("inf")

    def observe(self, signal: Prediction | Inference | Outcome) -> list[Sample | Finding]:
        """Take a prediction, a half of one, or an outcome, in the order of their topic."""
        made: list[Sample | Finding] = []
        if signal.time > self._newest:
            self._newest = signal.time
            made = self.advance(signal.time - self._detect.lateness)
            for prediction in self._requests.expire(signal.time):
                made += self._predict(self._model(prediction.model), prediction, counted=True)
        model = self._model(signal.model)
        model.start(signal.time)
        self._due = min(self._due, model.due)
        if isinstance(signal, Prediction):
            made += self._predict(model, signal)
        elif isinstance(signal, Inference):
            for _ in signal.predictions:  # now, and not when the other half has come: that may take a while
                model.count(signal.time)
            for prediction in self._requests.take(signal):
                made += self._predict(self._model(prediction.model), prediction, counted=True)
        else:
            made += self._label(model, signal)
        return made

    def advance(self, watermark: float) -> list[Sample | Finding]:
        """Close the windows that end at or before `watermark`; their points, in the order of time."""
        if watermark < self._due:
            return []
        samples: list[Sample] = []
        for name, model in self._models.items():
            if model.due > watermark:
                continue
            first, counted = model.close(watermark)
            samples += counted
            for version in model.versions:
                samples += self._versions[name, version].read(first)
            model.joiner.expire(watermark)
        self._due = min(model.due for model in self._models.values())
        samples.sort(key=lambda sample: sample.time)
        return [*samples]

    def reports(self, before: float, tick: float) -> list[ModelReport]:
        """How each version does, where a time for a report lies after `before` and up to `tick`: at the last
        of these."""
        found = []
        for name, model in self._models.items():
            every = model.monitor.report
            if not every or floor(tick / every) <= floor(before / every):
                continue
            pending = model.joiner.sizes()[0]
            for version in model.versions:
                report = self._versions[name, version].report(floor(tick / every) * every, pending)
                if report is not None:
                    found.append(report)
        return found

    def back(self, tick: float, limit: float) -> None:
        """Event time goes back to `tick`: what came from beyond `limit` never was so."""
        self._newest = min(self._newest, limit)
        for model in self._models.values():
            model.back(tick, limit)
        for version in self._versions.values():
            version.back(limit)
        self._due = min((model.due for model in self._models.values()), default=float("inf"))

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters, by name."""
        return dict(self._counts)

    def sizes(self) -> Mapping[str, int]:
        """Models, versions, watched features, and what waits in the joins."""
        joins = [model.joiner.sizes() for model in self._models.values()]
        return {
            "models": len(self._models),
            "versions": len(self._versions),
            "features": sum(version.n_features for version in self._versions.values()),
            "pending_requests": len(self._requests),
            "pending_predictions": sum(sizes[0] for sizes in joins),
            "pending_outcomes": sum(sizes[1] for sizes in joins),
            "joined_ids": sum(sizes[2] for sizes in joins),
        }

    @property
    def monitors(self) -> list[ModelMonitor]:
        """By which models are watched: the config's, and the default one."""
        return self._monitors

    @property
    def shared(self) -> Counter[str]:
        """The counters that all models count in: telemetry, no state."""
        return self._counts

    def state(self) -> object:
        return self._models, self._versions, self._newest, self._due, self._requests.state()

    def restore(
        self,
        state: tuple[OrderedDict[str, Model], OrderedDict[tuple[str, str], Version], float, float, Waiting],
        fits: Callable[[ModelMonitor | None, ModelMonitor], bool],
        only: Container[str] | None = None,
    ) -> set[str]:
        """Go on from what `state` gave with the models (of `only`) whose monitor then `fits` that of now.

        The names of the models that do not fit. What is here already stays; smaller limits evict, and count.
        """
        models, versions, newest, due, requests = state
        first = not self._models and only is None
        unfit: set[str] = set()
        for name, model in models.items():
            monitor = self._monitor(name)
            if name in self._models or (only is not None and name not in only):
                continue
            if not fits(model.monitor, monitor):
                unfit.add(name)
                continue
            model.monitor = monitor
            model.joiner.resize(monitor.join, self._limits.pending)
            self._models[name] = model
        for (name, version), known in versions.items():
            model_here = self._models.get(name)
            if model_here is not None and model_here is models[name]:
                known.watch_by(model_here.monitor)
                self._versions[name, version] = known
        self._newest = max(self._newest, newest)
        self._due = due if first and not unfit else min((m.due for m in self._models.values()), default=float("inf"))
        self._evict()
        if first:
            self._requests.restore(requests)
        return unfit

    def forget(self, names: Iterable[str]) -> None:
        """Leave these models, to take them over from elsewhere."""
        for name in names:
            model = self._models.pop(name, None)
            for version in model.versions if model is not None else ():
                del self._versions[name, version]

    def _monitor(self, name: str) -> ModelMonitor:
        return next(monitor for monitor in self._monitors if fnmatchcase(name, monitor.match))

    def _predict(self, model: Model, prediction: Prediction, *, counted: bool = False) -> list[Finding]:
        """`counted`: it is already in the number of predictions of its window."""
        self._counts["predictions"] += 1
        identified = bool(prediction.prediction_id)
        if identified and model.joiner.knows(prediction.prediction_id):
            return []
        if not counted:
            model.count(prediction.time)
        version = self._version(model, prediction.model, prediction.version)
        score = version.score_of(prediction)
        findings = version.predict(prediction, score)
        if not identified:
            self._counts["unidentified_prediction"] += 1
            return findings
        joined = model.joiner.predict(prediction, version.name, score)
        return findings if joined is None else findings + version.label(joined, self._newest)

    def _label(self, model: Model, outcome: Outcome) -> list[Finding]:
        self._counts["outcomes"] += 1
        if outcome.label is None:
            self._counts["missing_label"] += 1
            return []
        joined: Joined | None = model.joiner.label(outcome)
        if joined is None:
            return []
        return self._version(model, outcome.model, joined.prediction.version).label(joined, self._newest)

    def _model(self, name: str) -> Model:
        model = self._models.get(name)
        if model is not None:
            self._models.move_to_end(name)
            return model
        monitor = self._monitor(name)
        model = self._models[name] = Model(name, monitor, self._limits, self._detect, self._counts)
        self._evict()
        return model

    def _evict(self) -> None:
        while len(self._models) > self._limits.models:
            gone, evicted = self._models.popitem(last=False)
            self._counts["evicted_model"] += 1
            predictions, outcomes, _ = evicted.joiner.sizes()
            self._counts["evicted_prediction"] += predictions
            self._counts["evicted_outcome"] += outcomes
            for version in evicted.versions:
                del self._versions[gone, version]
                self._counts["evicted_version"] += 1
        while len(self._versions) > self._limits.models:
            (owner, old), _ = self._versions.popitem(last=False)
            del self._models[owner].versions[old]
            self._counts["evicted_version"] += 1

    def _version(self, model: Model, name: str, version: str) -> Version:
        key = (name, version)
        known = self._versions.get(key)
        if known is not None:
            self._versions.move_to_end(key)
            return known
        known = self._versions[key] = Version(name, version, model.monitor, self._detect, self._counts)
        model.versions[version] = None
        self._evict()
        return known
