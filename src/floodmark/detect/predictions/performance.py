"""How well a model did over its last labelled predictions: accuracy, precision, recall, F1, AUC, or MAE and RMSE.

The window is kept as numbers and River's metrics are computed afresh from it when a point is due, not rolled: rolling
costs more per label than this costs per minute, its reverts lose digits for ever after one huge error, and a confusion
matrix that is reverted keeps every class that it ever saw. Never emits a number that is undefined: precision with
nothing predicted positive has no point rather than a zero that cries.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby
from typing import Final, Protocol

from floodmark.detect.predictions import learners
from floodmark.detect.predictions.classes import DEFAULT_POSITIVE, class_of, number_of, only_binary
from floodmark.detect.predictions.join import Joined
from floodmark.detect.predictions.ring import Ring

Facts = dict[str, float | str]
MOST_CLASSES: Final = 200
"""Classes told apart in the confusion matrix; the later ones are one. Whether a prediction was right stays exact."""
_MISSING: Final = float("nan")
_CONFUSIONS: Final = 3


class Performance(Protocol):
    """The rolling performance of one version of a model."""

    def update(self, joined: Joined) -> float | None:
        """Take a labelled prediction; its error (0 or 1, or the absolute error), None if the two cannot be compared."""
        ...

    def read(self) -> tuple[dict[str, float], Facts]:
        """Every metric that is defined over the window now, by name, and the facts that support them."""
        ...

    def __len__(self) -> int: ...


class Classification:
    """Binary if `positive` is told or all classes ever seen are 0 and 1, else macro averages over the classes."""

    def __init__(self, window: int, positive: str | None) -> None:
        self._positive = positive
        self._codes: dict[str, int] = {}
        self._labels = Ring(window)
        self._predictions = Ring(window)
        self._scores = Ring(window)

    def __len__(self) -> int:
        return len(self._labels)

    def learn_class(self, name: str) -> None:
        """A class that exists, seen in a label, a prediction or the scores."""
        if name not in self._codes and len(self._codes) < MOST_CLASSES:
            self._codes[name] = len(self._codes)

    def update(self, joined: Joined) -> float | None:
        label, prediction = class_of(joined.label), class_of(joined.prediction.prediction)
        if label is None or prediction is None:
            return None
        self.learn_class(label)
        self.learn_class(prediction)
        error = float(label != prediction)
        others = MOST_CLASSES  # two classes beyond the cap that differ must still differ here
        self._labels.append(self._codes.get(label, others))
        self._predictions.append(self._codes.get(prediction, others + 1 if error else others))
        score = joined.prediction.score
        self._scores.append(_MISSING if score is None else score)
        return error

    def read(self) -> tuple[dict[str, float], Facts]:
        labels, predictions = self._labels.last(), self._predictions.last()
        pairs = Counter(zip(map(int, labels), map(int, predictions), strict=True))
        # Classes go in as small integers: River adds up over a set, and strings hash differently in each process.
        matrix = learners.confusion_matrix()
        for (label, prediction), n in pairs.items():
            matrix.update(label, prediction, w=n)
        values = {"accuracy": learners.Accuracy(cm=matrix).get()}
        facts: Facts = {"labelled": len(labels)}
        positive = self._positive
        if positive is None and only_binary(self._codes):
            positive = DEFAULT_POSITIVE
        if positive is not None:
            code = self._codes.get(positive, -1)
            self._binary(matrix, code, values, facts)
            self._auc(labels, code, values)
        elif len(self._codes) > 1:
            values["precision"] = learners.MacroPrecision(cm=matrix).get()
            values["recall"] = learners.MacroRecall(cm=matrix).get()
            values["f1"] = learners.MacroF1(cm=matrix).get()
            facts["average"] = "macro"
        names = list(self._codes)
        wrong = [(n, pair) for pair, n in pairs.items() if pair[0] != pair[1]]
        for n, (label, prediction) in sorted(wrong, key=lambda item: (-item[0], item[1]))[:_CONFUSIONS]:
            told, truth = (names[c] if c < len(names) else "another class" for c in (prediction, label))
            facts[f"{truth} predicted as {told}"] = n
        return values, facts

    @staticmethod
    def _binary(matrix: learners.ConfusionMatrix, code: int, values: dict[str, float], facts: Facts) -> None:
        hits, misses = matrix.true_positives(code), matrix.false_negatives(code)
        false_alarms = matrix.false_positives(code)
        facts["true_positives"], facts["false_positives"] = hits, false_alarms
        facts["false_negatives"] = misses
        facts["true_negatives"] = matrix.total_weight - hits - misses - false_alarms
        if hits + false_alarms:
            values["precision"] = learners.Precision(cm=matrix, pos_val=code).get()
        if hits + misses:
            values["recall"] = learners.Recall(cm=matrix, pos_val=code).get()
        if hits + misses + false_alarms:
            values["f1"] = learners.F1(cm=matrix, pos_val=code).get()

    def _auc(self, labels: list[float], code: int, values: dict[str, float]) -> None:
        """The AUC over those of the window that have a score, if both kinds of label are among them."""
        rows = zip(self._scores.last(), labels, strict=True)
        auc = roc_auc([(score, label == code) for score, label in rows if not math.isnan(score)])
        if auc is not None:
            values["auc"] = auc


def roc_auc(rows: list[tuple[float, bool]]) -> float | None:
    """Area under the ROC curve of (score, is positive) by Mann & Whitney's statistic; None if one kind is lacking.

    Ours, because tied scores have to count half: River's ROCAUC interpolates on ten thresholds, and its RollingROCAUC
    is exact only as long as no two scores are equal (rounded to two digits, it is off by 0.005).
    """
    rows.sort()
    positives = sum(is_positive for _, is_positive in rows)
    negatives = len(rows) - positives
    if not positives or not negatives:
        return None
    wins = below = 0.0
    for _, tied in groupby(rows, key=lambda row: row[0]):
        kinds = [is_positive for _, is_positive in tied]
        hits = sum(kinds)
        misses = len(kinds) - hits
        wins += hits * (below + misses / 2)
        below += misses
    return wins / (positives * negatives)


class Regression:
    """Mean absolute error and root mean squared error, in the unit of what is predicted."""

    def __init__(self, window: int) -> None:
        self._labels = Ring(window)
        self._predictions = Ring(window)

    def __len__(self) -> int:
        return len(self._labels)

    def update(self, joined: Joined) -> float | None:
        label, prediction = number_of(joined.label), number_of(joined.prediction.prediction)
        if label is None or prediction is None:
            return None
        self._labels.append(label)
        self._predictions.append(prediction)
        return abs(label - prediction)

    def read(self) -> tuple[dict[str, float], Facts]:
        mae, rmse, bias = learners.MAE(), learners.RMSE(), 0.0
        labels, predictions = self._labels.last(), self._predictions.last()
        for label, prediction in zip(labels, predictions, strict=True):
            mae.update(label, prediction)
            rmse.update(label, prediction)
            bias += prediction - label
        facts: Facts = {"labelled": len(labels), "mean_error": bias / max(1, len(labels))}
        return {"mae": mae.get(), "rmse": rmse.get()}, facts
