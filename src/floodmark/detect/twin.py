"""What judges a series, as objects of River: a whole series, one head of it, and heads as a drift detector.

They are faces of `SeriesModel`, the twin of the compiled kernel, and give point by point what the engine gives (law 9).
No head, tail or forecast is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Final, Literal

from river.base import AnomalyDetector, DriftDetector

from floodmark.config.models import Detector, Head
from floodmark.config.river_models import build
from floodmark.detect.model import SeriesModel
from floodmark.detect.series import LARGEST, Series, SeriesKind
from floodmark.detect.watched import Watched

_MINUTE: Final = 60.0
_MOST: Final = 0.05
"""Largest level of a point, as everywhere."""


class SeriesDetector(AnomalyDetector):
    """One series, judged as the engine judges it; the score is -log10 of the p-value on which its heads agree.

    `x` has the features `time`, in seconds since the epoch, and `value`; others are ignored. As in the engine, a point
    is left out that is not later than the last one, not finite, or beyond ±1e150 (score 0, nothing learned); and of
    a point that would open an alarm only the tails learn. No alarm stays open, so there is neither `refractory` nor
    `adopt`; nor are there quiet hours, staleness or false discovery rates.
    """

    def __init__(self, detector: Detector | None = None, kind: SeriesKind = "gauge", evidence: int = 60) -> None:
        """`detector`: the default one if None; `match` is not looked at. `evidence`: points kept to plot.

        Raises RiverModelError if the detector's `model` cannot be built.
        """
        self.detector = detector or Detector()
        self.kind = kind
        self.evidence = evidence
        named = self.detector
        river = build(named.model, named.parameters, named.scale) if named.model else None
        self.watched = Watched(Series("x", "x", {}, "x", "default", "metric", kind), named, 0.0)
        self.watched.out = SeriesModel(kind, named, evidence, river)

    def _unit_test_skips(self) -> set[str]:
        return {  # River's checks in which features go missing: a series without a time or a value is none
            "check_emerging_features",
            "check_disappearing_features",
            "check_radically_disappearing_features",
        }

    @property
    def threshold(self) -> float:
        """The score above which the engine opens an alarm if the guards let it: -log10 of the level of a point.
        Infinite within the warm-up."""
        watched = self.watched
        return -math.log10(watched.alpha) if watched.model.seen >= self.detector.warmup else math.inf

    def score_one(self, x: Mapping[Hashable, Any]) -> float:
        """From 0 to 300, whatever `threshold` is. Raises ValueError if a feature is missing."""
        point = self._point(x)
        return 0.0 - math.log10(self.watched.model.judge(*point).p_value) if point else 0.0

    def learn_one(self, x: Mapping[Hashable, Any]) -> None:
        """Raises ValueError if a feature is missing."""
        self.opens(x)

    def opens(self, x: Mapping[Hashable, Any]) -> bool:
        """Learn a point. Whether an alarm opens with it. Raises ValueError if a feature is missing."""
        point, watched = self._point(x), self.watched
        if point is None:
            return False
        watched.heard(point[0], -math.inf)
        judgement = watched.model.judge(*point)
        opens = watched.opens(judgement)
        if opens:
            watched.learn_opening(judgement)
        else:
            watched.learn(judgement)
        return opens

    def _point(self, x: Mapping[Hashable, Any]) -> tuple[float, float] | None:
        """Time and value; None if the core would skip the point."""
        try:
            time, value = float(x["time"]), float(x["value"])
        except KeyError as missing:
            raise ValueError(f"{self} needs the features time and value; there is no {missing}") from None
        late = self.watched.model.seen and time <= self.watched.last
        return None if late or not math.isfinite(time) or not abs(value) <= LARGEST else (time, value)


class HeadDetector(SeriesDetector):
    """One head alone, with its own tail and the default budget."""

    def __init__(self, head: Head, kind: SeriesKind | None = None) -> None:
        """`kind`: None for a count where the head is `count`, else a gauge.

        Raises ValueError if the head does not judge points of such a series.
        """
        self.head = head
        super().__init__(Detector(heads=[head]), kind or ("count" if head == "count" else "gauge"))
        if not self.watched.model.heads:
            raise ValueError(f"{head!r} does not judge the points of a {self.kind}")

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"head": "forecast"}


class SeriesDrift(DriftDetector):
    """The heads that look over windows as a drift detector, for values without times: they come as a point a minute.

    After a drift it starts afresh, as River's do, and is then blind for 20 values (`level`), 66 (`variance`) or
    97 (`drift`).
    """

    def __init__(
        self,
        heads: tuple[Literal["level", "drift", "variance"], ...] = ("level", "drift", "variance"),
        level: float = 1e-4,
    ) -> None:
        """`level`: chance of a false alarm at one value, at most 0.05; 1e-4 is one a week of a point a minute.

        Raises ValueError if it is not above 0 or larger than that.
        """
        super().__init__()
        if not 0 < level <= _MOST:
            raise ValueError(f"the level of a point must be above 0 and at most {_MOST}, and not {level}")
        self.heads = heads
        self.level = level
        self._reset()

    def _reset(self) -> None:
        super()._reset()
        self._n = 0
        self._series = SeriesDetector(Detector(heads=list(self.heads), false_alarms=self.level / _MINUTE), evidence=1)

    def update(self, x: float) -> None:
        """Take a value; one that is not finite or beyond ±1e150 is left out."""
        if self.drift_detected:
            self._reset()
        self._n += 1
        self._drift_detected = self._series.opens({"time": _MINUTE * self._n, "value": x})
