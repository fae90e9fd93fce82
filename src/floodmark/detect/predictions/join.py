"""Labels meet the predictions that they judge, however late or early they come.

Of each prediction only what its label will need is kept, in order of arrival, for as long as `horizon` in event time
and never more than `most` entries. What is forgotten is counted, never dropped in silence. Never looks at features.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import NamedTuple

from floodmark.detect.predictions.classes import class_of
from floodmark.signals import Outcome, Prediction, Scalar


class Waiting(NamedTuple):
    """What is kept of a prediction until its outcome comes. Time: epoch seconds."""

    time: float
    version: str
    prediction: Scalar
    score: float | None
    groups: dict[str, str] | None


class Joined(NamedTuple):
    """A prediction and its label, `delay` seconds of event time after it; negative if the label is older."""

    prediction_id: str
    prediction: Waiting
    label: Scalar
    delay: float


class Early(NamedTuple):
    """An outcome whose prediction has not come."""

    time: float
    label: Scalar


class Joiner:
    """The join of one model. A pair is joined if its event times are at most `horizon` seconds apart, in either order.

    The first prediction and the first outcome of an id count, so that the order in which the two kinds interleave does
    not change which pairs are made. Counted in `counts`: duplicate_prediction, duplicate_outcome (the same label
    again), corrected (another label for an id that has one; the first stays), expired_prediction, expired_outcome,
    evicted_prediction, evicted_outcome, joined.
    """

    def __init__(self, horizon: float, most: int, counts: Counter[str]) -> None:
        self._horizon = horizon
        self._most = most
        self._counts = counts
        # OrderedDict, not dict: taking the oldest from a dict walks over all that was deleted before it.
        self._predictions: OrderedDict[str, Waiting] = OrderedDict()
        self._outcomes: OrderedDict[str, Early] = OrderedDict()
        self._done: OrderedDict[str, Early] = OrderedDict()

    def resize(self, horizon: float, most: int) -> None:
        """Wait so long, and for so many, from now on; what is too old goes with the next watermark."""
        self._horizon, self._most = horizon, most
        for waiting, reason in ((self._predictions, "evicted_prediction"), (self._outcomes, "evicted_outcome")):
            while len(waiting) > most:
                waiting.popitem(last=False)
                self._counts[reason] += 1
        while len(self._done) > most:
            self._done.popitem(last=False)

    def knows(self, prediction_id: str) -> bool:
        """Whether a prediction of this id is waiting or was joined; the repeated one is counted."""
        known = prediction_id in self._predictions or prediction_id in self._done
        if known:
            self._counts["duplicate_prediction"] += 1
        return known

    def predict(self, prediction: Prediction, version: str, score: float | None) -> Joined | None:
        """Take a prediction whose id is not known; its pair, if its outcome was there first.

        `version` is passed apart so that equal strings are kept once.
        """
        waiting = Waiting(prediction.time, version, prediction.prediction, score, prediction.groups or None)
        early = self._outcomes.pop(prediction.prediction_id, None)
        if early is not None:
            if abs(early.time - prediction.time) <= self._horizon:
                return self._join(prediction.prediction_id, waiting, early)
            self._counts["expired_outcome"] += 1
        self._predictions[prediction.prediction_id] = waiting
        if len(self._predictions) > self._most:
            self._predictions.popitem(last=False)
            self._counts["evicted_prediction"] += 1
        return None

    def label(self, outcome: Outcome) -> Joined | None:
        """Take an outcome; its pair, if its prediction is there."""
        key = outcome.prediction_id
        before = self._done.get(key) or self._outcomes.get(key)
        if before is not None:
            same = class_of(before.label) == class_of(outcome.label)
            self._counts["duplicate_outcome" if same else "corrected"] += 1
            return None
        early = Early(outcome.time, outcome.label)
        waiting = self._predictions.get(key)
        if waiting is None:
            self._outcomes[key] = early
            if len(self._outcomes) > self._most:
                self._outcomes.popitem(last=False)
                self._counts["evicted_outcome"] += 1
            return None
        if abs(early.time - waiting.time) > self._horizon:
            self._counts["expired_outcome"] += 1
            return None
        del self._predictions[key]
        return self._join(key, waiting, early)

    def expire(self, watermark: float) -> None:
        """Forget what is older than the horizon. Entries go in order of arrival; one out of order waits its turn."""
        oldest = watermark - self._horizon
        while self._predictions and next(iter(self._predictions.values())).time < oldest:
            self._predictions.popitem(last=False)
            self._counts["expired_prediction"] += 1
        while self._outcomes and next(iter(self._outcomes.values())).time < oldest:
            self._outcomes.popitem(last=False)
            self._counts["expired_outcome"] += 1
        while self._done and next(iter(self._done.values())).time < oldest:
            self._done.popitem(last=False)

    def sizes(self) -> tuple[int, int, int]:
        """Predictions that wait, outcomes that wait, ids that are remembered as joined; each at most `most`."""
        return len(self._predictions), len(self._outcomes), len(self._done)

    def _join(self, key: str, waiting: Waiting, early: Early) -> Joined:
        self._done[key] = early
        if len(self._done) > self._most:
            self._done.popitem(last=False)
        self._counts["joined"] += 1
        return Joined(key, waiting, early.label, early.time - waiting.time)
