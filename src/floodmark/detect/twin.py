"""What judges a series, as objects of River: a whole series, one head of it, and the level head as a drift detector.

Point by point they give what the engine gives (law 9; the bank proves it). A series has times, so `x` is the features
`time`, seconds since the epoch, and `value`; all others are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, Final

from river.base import AnomalyDetector, DriftDetector

from floodmark.config.models import Detector, Head
from floodmark.config.river_models import build
from floodmark.detect.model import SeriesModel
from floodmark.detect.series import LARGEST, Series, SeriesKind
from floodmark.detect.watched import Watched

_MINUTE: Final = 60.0


class SeriesDetector(AnomalyDetector):
    """One series, judged as the engine judges it. Its score is -log10 of the p-value that its heads agree on.

    As in the engine, a point is left that is not later than the last one, not finite or beyond ±1e150 (score 0, nothing
    learned), and of a point that would open an alarm only the tails learn. There is no alarm that stays open, so there
    is neither `refractory` nor `adopt`, quiet hours or staleness.
    """

    def __init__(self, detector: Detector | None = None, kind: SeriesKind = "gauge", evidence: int = 60) -> None:
        """`detector`: the default one if None; its `match` is not looked at. `evidence`: points kept to plot.

        Raises RiverModelError if the detector's `model` cannot be built.
        """
        self.detector = detector or Detector()
        self.kind = kind
        self.evidence = evidence
        river = (
            build(self.detector.model, self.detector.parameters, self.detector.scale) if self.detector.model else None
        )
        self.watched = Watched(Series("x", "x", {}, "x", "default", "metric", kind), self.detector, 0.0)
        self.watched.out = SeriesModel(kind, self.detector, evidence, river)

    @property
    def threshold(self) -> float:
        """The score above which the engine would open an alarm: the level of one point; infinite within the warm-up."""
        watched = self.watched
        return -math.log10(watched.alpha) if watched.model.seen >= self.detector.warmup else math.inf

    def score_one(self, x: Mapping[Hashable, Any]) -> float:
        """At least 0, and never saturated short of p = 1e-300. Raises ValueError if a feature is missing."""
        point = self._point(x)
        return 0.0 - math.log10(self.watched.model.judge(*point).p_value) if point else 0.0

    def learn_one(self, x: Mapping[Hashable, Any]) -> None:
        """Raises ValueError if a feature is missing."""
        point = self._point(x)
        if point is None:
            return
        watched = self.watched
        judgement = watched.model.judge(*point)
        watched.heard(point[0], -math.inf)
        if watched.opens(judgement):
            watched.learn_opening(judgement)
        else:
            watched.model.learn(judgement)

    def _point(self, x: Mapping[Hashable, Any]) -> tuple[float, float] | None:
        """Time and value; None if the core would skip the point."""
        try:
            time, value = float(x["time"]), float(x["value"])
        except KeyError as missing:
            raise ValueError(
                f"{type(self).__name__} needs the features time and value; there is no {missing}"
            ) from None
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


class LevelDrift(DriftDetector):
    """The level head as a drift detector, for values without times: it takes them as a point a minute.

    After a drift it starts afresh, as River's do.
    """

    def __init__(self, level: float = 1e-4) -> None:
        """`level`: chance of a false alarm at one point, at most 0.05; 1e-4 is one a week of a point a minute."""
        super().__init__()
        self.level = level
        self._reset()

    def _reset(self) -> None:
        super()._reset()
        self._n = 0
        self._series = SeriesDetector(Detector(heads=["level"], false_alarms=self.level / _MINUTE))

    def update(self, x: float) -> None:
        """Take a value; one that is not finite or beyond ±1e150 is left."""
        if self.drift_detected:
            self._reset()
        self._n += 1
        point: dict[Hashable, float] = {"time": _MINUTE * self._n, "value": x}
        self._drift_detected = self._series.score_one(point) > self._series.threshold
        self._series.learn_one(point)
