"""All that is watched of one version of a model: its performance, its errors, its features and its predictions.

Holds state and words, no policy of when to emit: `monitor` says when a point is due. Never sees an outcome that has no
prediction.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Final, Literal

from floodmark.alerts import Evidence, utc
from floodmark.config.models import Detect, ModelMonitor
from floodmark.detect.predictions.change import Change, Facts
from floodmark.detect.predictions.classes import DEFAULT_POSITIVE, class_of, is_number, positive_score
from floodmark.detect.predictions.error_drift import ErrorDrift, Shift
from floodmark.detect.predictions.feature import Manner, Watch
from floodmark.detect.predictions.join import Joined
from floodmark.detect.predictions.performance import Classification, Performance, Regression
from floodmark.detect.predictions.reference import number, percent
from floodmark.detect.predictions.reporting import FEATURES, feature, metrics, quantiles
from floodmark.detect.predictions.ring import Ring
from floodmark.detect.series import (
    Finding,
    Sample,
    Series,
    SeriesKind,
    label_entity,
    label_scope,
    series_key,
)
from floodmark.reports import ModelReport
from floodmark.signals import Prediction, Scalar

ENOUGH: Final = 50
"""Labelled predictions before performance is told (the window, if that is smaller)."""

_WORSE: Final[dict[str, Literal["up", "down"]]] = {
    "model_accuracy": "down",
    "model_precision": "down",
    "model_recall": "down",
    "model_f1": "down",
    "model_auc": "down",
    "model_mae": "up",
    "model_rmse": "up",
    "model_label_delay": "up",
}


def series_of(name: str, labels: dict[str, str], detect: Detect, kind: SeriesKind = "gauge", unit: str = "") -> Series:
    """A series of the prediction signal; its entity is the model unless `detect.entity` finds another label first."""
    return Series(
        key=series_key(name, labels),
        name=name,
        labels=labels,
        entity=label_entity(labels, detect.entity, labels["model"]),
        scope=label_scope(labels, detect.scope),
        signal="prediction",
        kind=kind,
        unit=unit,
        worse=_WORSE.get(name, "both"),
    )


class Version:
    """One version of one model. `counts` is shared with all others."""

    def __init__(self, model: str, version: str, monitor: ModelMonitor, detect: Detect, counts: Counter[str]) -> None:
        self.name = version
        self._labels = {"model": model, "version": version}
        self._title = f"{model} v{version}" if version[:1].isdigit() else f"{model} {version}".rstrip()
        self._monitor = monitor
        self._detect = detect
        self._counts = counts
        self._positive = None if monitor.positive is None else class_of(monitor.positive)
        self._score_name = monitor.positive or DEFAULT_POSITIVE
        self._now = float("-inf")
        self._numeric: bool | None = None
        self._features: dict[str, Watch] = {}
        self._feature_series: dict[str, Series] = {}
        self._prediction_series = series_of("model_prediction", self._labels, detect)
        self._prediction = Watch(self._manner("the prediction", "prediction_drift", novelty=False), counts)
        self._score: Watch | None = None
        self._score_classes: list[str] = []
        self._performance: Performance | None = None
        self._errors: ErrorDrift | None = None
        self._delays = Ring(monitor.window)
        self._n_predictions = self._n_labelled = self._n_new = 0

    _reported: tuple[int, int] = (0, 0)
    """Predictions and labels up to the last report. Of the class, so that a snapshot of before knows it."""

    @property
    def n_features(self) -> int:
        """Features that are watched."""
        return len(self._features)

    def watch_by(self, monitor: ModelMonitor) -> None:
        """Be watched by another monitor of the same task, window, interval and reference from now on."""
        self._monitor = monitor

    def score_of(self, prediction: Prediction) -> float | None:
        """The positive class's score, finite, or None."""
        if not prediction.scores:
            return None
        return positive_score(prediction.scores, self._score_name, self._positive or DEFAULT_POSITIVE)

    def predict(self, prediction: Prediction, score: float | None) -> list[Finding]:
        """Take a prediction (and `score_of` it); what has drifted with it."""
        now = self._now = max(self._now, prediction.time)
        self._n_predictions += 1
        if self._numeric is None and prediction.prediction is not None:
            self._numeric = self._is_numeric(prediction)
        if prediction.scores and not self._score_classes:
            self._score_classes = [name for name in map(class_of, prediction.scores) if name is not None]
        findings: list[Finding] = []
        features = prediction.features
        for name in features:
            if name not in self._features:
                self._begin(name)
        for name, watch in self._features.items():
            changes = watch.update(features.get(name), now)
            if changes:
                findings += [self._finding(self._feature_series[name], change, now) for change in changes]
        predicted: Scalar = prediction.prediction if self._numeric else class_of(prediction.prediction)
        findings += self._judge(self._prediction, predicted, self._score, now)
        if score is not None:  # without one it is not a missing value: its model gives scores when it likes
            if self._score is None:
                manner = self._manner("the score of the positive class", "prediction_drift", novelty=False)
                self._score = Watch(manner, self._counts)
            findings += self._judge(self._score, score, self._prediction, now)
        return findings

    def _judge(self, watch: Watch, value: Scalar, twin: Watch | None, now: float) -> list[Finding]:
        """Watch the prediction or its score; a drift that the other one has told is only counted."""
        findings: list[Finding] = []
        for change in watch.update(value, now):
            if change.head == "prediction_drift" and twin is not None and twin.drifted:
                self._counts["prediction_drift_twin"] += 1
            else:
                findings.append(self._finding(self._prediction_series, change, now))
        return findings

    def label(self, joined: Joined, now: float) -> list[Finding]:
        """Take a labelled prediction at event time `now`; the drift of the error that is found with it."""
        if self._performance is None:
            self._performance, self._errors = self._start(joined)
        error = self._performance.update(joined)
        if error is None or self._errors is None:
            self._counts["incomparable_label"] += 1
            return []
        self._n_labelled += 1
        self._n_new += 1
        self._delays.append(max(0.0, joined.delay))
        shift = self._errors.update(error, now)
        if shift is None:
            return []
        if shift.after <= shift.before:
            self._counts["error_drift_better"] += 1
            return []
        return [self._error_finding(shift, now)]

    def back(self, limit: float) -> None:
        """No prediction came from beyond `limit`."""
        self._now = min(self._now, limit)

    def read(self, time: float) -> list[Sample]:
        """The points of performance that are due at `time`; none without new labels, or with too few."""
        performance, new = self._performance, self._n_new
        if performance is None or not new:
            return []
        self._n_new = 0
        samples: list[Sample] = []
        delays = self._delays.last()
        waited = sorted(delays)
        facts: Facts = {
            "unlabelled_share": max(0.0, 1.0 - self._n_labelled / max(1, self._n_predictions)),
            "label_delay_median": waited[len(waited) // 2],
        }
        if len(performance) >= min(self._monitor.window, ENOUGH):
            values, support = performance.read()
            evidence = partial(Evidence, facts=support | facts)
            for name, value in values.items():
                kind: SeriesKind = "gauge" if isinstance(performance, Regression) else "ratio"
                series = series_of(f"model_{name}", self._labels, self._detect, kind)
                samples.append(Sample(series, time, value, evidence))
        fresh = delays[-new:]
        series = series_of("model_label_delay", self._labels, self._detect, "gauge", "s")
        delay_facts: Facts = facts | {"labels": new}
        samples.append(Sample(series, time, sum(fresh) / len(fresh), partial(Evidence, facts=delay_facts)))
        return samples

    def report(self, time: float, pending: int) -> ModelReport | None:
        """How it does at `time`; None if nothing has come since the last report. `pending`: what waits for a label."""
        before, self._reported = self._reported, (self._n_predictions, self._n_labelled)
        if self._reported == before:
            return None
        performance = self._performance
        values: dict[str, float] = {}
        facts: Facts = {}
        if performance is not None and len(performance) >= min(self._monitor.window, ENOUGH):
            values, facts = performance.read()
        watched = [feature(name, watch) for name, watch in self._features.items()]
        features = sorted((each for each in watched if each is not None), key=lambda each: (-each.value, each.name))
        predicted = feature("prediction", self._prediction)
        return ModelReport(
            model=self._labels["model"],
            version=self.name,
            scope=label_scope(self._labels, self._detect.scope),
            task="regression" if isinstance(performance, Regression) or self._numeric else "classification",
            time=utc(time),
            window=self._monitor.report,
            predictions=self._n_predictions - before[0],
            labelled=self._n_labelled - before[1],
            pending=pending,
            reference=self._prediction.learned,
            delays=quantiles(self._delays.last()),
            metrics=metrics(values, facts, len(performance)) if performance is not None else [],
            features=([predicted] if predicted is not None else []) + features[:FEATURES],
        )

    def _manner(self, subject: str, head: str, *, novelty: bool) -> Manner:
        monitor = self._monitor
        return Manner(subject, head, monitor.reference, monitor.every, self._detect.evidence, novelty)

    def _is_numeric(self, prediction: Prediction) -> bool:
        if self._monitor.task == "auto":
            return is_number(prediction.prediction) and not prediction.scores
        return self._monitor.task == "regression"

    def _start(self, joined: Joined) -> tuple[Performance, ErrorDrift]:
        """The task, settled by the first labelled prediction: a number against a number is a regression."""
        window = self._monitor.window
        numeric = self._numeric if self._numeric is not None else is_number(joined.prediction.prediction)
        if self._monitor.task == "regression" or (self._monitor.task == "auto" and numeric and is_number(joined.label)):
            return Regression(window), ErrorDrift(window, scaled=True)
        classification = Classification(window, self._positive)
        for name in self._score_classes:
            classification.learn_class(name)
        return classification, ErrorDrift(window, scaled=False)

    def _begin(self, name: str) -> None:
        """Watch a feature that is new, if there is room."""
        if len(self._features) >= self._monitor.features:
            self._counts["feature_unwatched"] += 1
            return
        self._features[name] = Watch(self._manner(f"feature {name}", "feature_drift", novelty=True), self._counts)
        self._feature_series[name] = series_of("model_feature", self._labels | {"feature": name}, self._detect)

    def _finding(self, series: Series, change: Change, now: float) -> Finding:
        return Finding(
            series=series,
            time=now,
            head=change.head,
            p_value=change.p_value,
            direction=change.direction,
            observed=change.observed,
            expected=change.expected,
            low=change.low,
            high=change.high,
            summary=f"{self._title}: {change.words}",
            evidence=Evidence(points=change.points, facts=change.facts),
        )

    def _error_finding(self, shift: Shift, now: float) -> Finding:
        regression = isinstance(self._performance, Regression)
        say = number if regression else percent
        what = "mean absolute error" if regression else "error rate"
        capped = " (the largest errors cut)" if shift.capped else ""
        words = (
            f"{what}{capped} rose from {say(shift.before)} to {say(shift.after)} "
            f"(last {shift.n:,} labelled predictions), ADWIN"
        )
        facts: Facts = {"labelled": shift.n, "labelled_before": shift.n_before, "detector": "river.drift.ADWIN"}
        kind: SeriesKind = "gauge" if regression else "ratio"
        series = series_of("model_error", self._labels, self._detect, kind)
        change = Change(
            "error_drift",
            shift.p_value,
            "up",
            shift.after,
            shift.before,
            shift.low,
            shift.high,
            words,
            facts,
            shift.points,
        )
        return self._finding(series, change, now)
