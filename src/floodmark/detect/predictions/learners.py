"""River's learners and metrics that the monitors of predictions use, with the types that River does not publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from river import drift, metrics


class Adwin(Protocol):
    """`river.drift.ADWIN`. Two traps: `variance` is the sum of squares, and one NaN makes it blind for ever."""

    @property
    def drift_detected(self) -> bool: ...
    @property
    def width(self) -> float: ...
    @property
    def total(self) -> float: ...
    @property
    def variance(self) -> float: ...
    @property
    def estimation(self) -> float: ...
    def update(self, x: float, /) -> None: ...


class Metric(Protocol):
    """Any metric of `river.metrics`."""

    def update(self, y_true: Any, y_pred: Any, /) -> None: ...
    def get(self) -> float: ...


ADWIN: Final[Callable[..., Adwin]] = drift.ADWIN
MAE: Final[Callable[[], Metric]] = metrics.MAE
RMSE: Final[Callable[[], Metric]] = metrics.RMSE
Accuracy: Final[Callable[..., Metric]] = metrics.Accuracy
Precision: Final[Callable[..., Metric]] = metrics.Precision
Recall: Final[Callable[..., Metric]] = metrics.Recall
F1: Final[Callable[..., Metric]] = metrics.F1
MacroPrecision: Final[Callable[..., Metric]] = metrics.MacroPrecision
MacroRecall: Final[Callable[..., Metric]] = metrics.MacroRecall
MacroF1: Final[Callable[..., Metric]] = metrics.MacroF1


class ConfusionMatrix(Protocol):
    """`river.metrics.ConfusionMatrix`."""

    @property
    def total_weight(self) -> float: ...
    def update(self, y_true: Any, y_pred: Any, w: float) -> None: ...
    def true_positives(self, label: int, /) -> float: ...
    def false_positives(self, label: int, /) -> float: ...
    def false_negatives(self, label: int, /) -> float: ...


confusion_matrix: Final[Callable[[], ConfusionMatrix]] = metrics.ConfusionMatrix
