"""River's learners and metrics that the monitors of predictions use, with the types that River does not publish.

`river.drift` and `river.metrics` bring SciPy, which takes longer to import than all else: the first prediction imports
them, not the start of every run.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final, Protocol


def _river(module: str, name: str) -> Callable[..., Any]:
    """A class of River that is imported when it is first called."""

    def make(*arguments: Any, **parameters: Any) -> Any:
        return getattr(importlib.import_module(f"river.{module}"), name)(*arguments, **parameters)

    return make


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


ADWIN: Final[Callable[..., Adwin]] = _river("drift", "ADWIN")
MAE: Final[Callable[[], Metric]] = _river("metrics", "MAE")
RMSE: Final[Callable[[], Metric]] = _river("metrics", "RMSE")
Accuracy: Final[Callable[..., Metric]] = _river("metrics", "Accuracy")
Precision: Final[Callable[..., Metric]] = _river("metrics", "Precision")
Recall: Final[Callable[..., Metric]] = _river("metrics", "Recall")
F1: Final[Callable[..., Metric]] = _river("metrics", "F1")
MacroPrecision: Final[Callable[..., Metric]] = _river("metrics", "MacroPrecision")
MacroRecall: Final[Callable[..., Metric]] = _river("metrics", "MacroRecall")
MacroF1: Final[Callable[..., Metric]] = _river("metrics", "MacroF1")


class ConfusionMatrix(Protocol):
    """`river.metrics.ConfusionMatrix`."""

    @property
    def total_weight(self) -> float: ...
    def update(self, y_true: Any, y_pred: Any, w: float) -> None: ...
    def true_positives(self, label: int, /) -> float: ...
    def false_positives(self, label: int, /) -> float: ...
    def false_negatives(self, label: int, /) -> float: ...


confusion_matrix: Final[Callable[[], ConfusionMatrix]] = _river("metrics", "ConfusionMatrix")
