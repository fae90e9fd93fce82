"""The model of one series: forecaster, heads and their tails. It must never read a clock.

`judge` scores a point by every head against what was learned before it and gives the smallest p-value, times the
number of heads (Bonferroni). `learn` takes the point as normal; `follow` moves on without learning, for points of an
open alarm, so that the incident does not become normal; `adopt` starts from where the series is now.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from river.base import AnomalyDetector
from river.compose import Pipeline

from floodmark.alerts import Direction, Point
from floodmark.config.models import Detector, Limit
from floodmark.detect.counts import CountLevel, CountTail
from floodmark.detect.exhaustion import Outlook, Surety, TimeToLimit
from floodmark.detect.forecast import Forecaster
from floodmark.detect.heads import (
    WINDOWED,
    Context,
    Flatline,
    ForecastResidual,
    Head,
    LevelShift,
    Range,
    RiverScore,
)
from floodmark.detect.mean import FadingMean
from floodmark.detect.series import SeriesKind
from floodmark.detect.shape import Shape
from floodmark.detect.shifts import Drift, Variance
from floodmark.detect.tail import Frequency, PeakTail, Tail

_CELLS: Final = 4
_PLAIN: Final = 4e-6
SLOW: Final = frozenset((Drift.name, Variance.name, Shape.name))
"""Heads whose p-value has to be smaller than others', by `WEIGHT`. What they alone see is seldom urgent."""
WEIGHT: Final = 30.0
_WIDTHS: Final = {"level": 4, Drift.name: 100, Variance.name: 32, Shape.name: 64}
"""Points that a head looks at together: so many are one look, for neighbouring windows are nearly the same."""
_ADOPTED: Final = 16
"""Points that say where a series is that has moved for good."""


class Judgement(NamedTuple):
    """What the model made of a point. `p_value` is corrected for the number of heads; `head` found it oddest.

    `point_p_value` leaves out the heads that look over a window, which stay odd long after the points are normal again;
    `quick_p_value` those over a long one (`SLOW`), and `quick` is the head that is oddest then.
    `season` is what the forecast was read from: "" (the level), "daily" or "weekly".
    """

    head: int
    p_value: float
    point_p_value: float
    quick: int
    quick_p_value: float
    direction: Direction
    season: str
    context: Context
    deviations: tuple[float, ...]


class Reason(NamedTuple):
    """What one head made of a point. `p_value` is corrected for the other heads; `observed` is what it
    holds against its `band` (expected, low, high), both in the series' unit."""

    head: str
    z: float
    p_value: float
    observed: float
    band: tuple[float, float, float]


class SeriesModel:
    """All that is known of one series. Bounded: the same size after a day and after ten years."""

    __slots__ = (
        "_cells",
        "_cost",
        "_counting",
        "_evidence",
        "_forecaster",
        "_frequency",
        "_heads",
        "_next",
        "_nonnegative",
        "_share",
        "_size",
        "_tails",
        "seen",
    )

    def __init__(
        self, kind: SeriesKind, detector: Detector, evidence: int, river: AnomalyDetector | Pipeline | None
    ) -> None:
        """`evidence`: points kept to plot. `river`: the config's own model for this series, as one more head."""
        count = kind == "count"
        self._forecaster = Forecaster(counts=count)
        candidates: tuple[tuple[bool, type[Head]], ...] = (
            (count, CountTail),
            (not count, ForecastResidual),
            (not count, Range),
            (kind in ("gauge", "rate"), Flatline),
            (not count, LevelShift),
            (count, CountLevel),
            (not count, Drift),
            (not count, Variance),
            (not count, Shape),
        )
        self._heads: list[Head] = [head() for fits, head in candidates if fits and head.name in detector.heads]
        if river is not None:
            self._heads.append(RiverScore((detector.model or "").rpartition(".")[2], river))
        if detector.limit is not None:
            self._heads.append(TimeToLimit(detector.limit))
        self._tails = [_tail(head) for head in self._heads]
        slow = [head.name in SLOW for head in self._heads]
        heads = len(slow) - sum(slow) or len(slow)
        # Bonferroni by weights, that of slow heads so small that the others need not share with them.
        self._cost = [heads * WEIGHT if each and not all(slow) else float(heads) for each in slow]
        self._frequency = Frequency()
        self._cells = array("d")
        self._next = 0
        self._evidence = evidence
        self._size = FadingMean(0.01)
        self._nonnegative = True
        self._share = kind == "ratio"
        self._counting = kind == "rate"
        self.seen = 0

    @property
    def interval(self) -> float:
        """Typical seconds between points; 0 before there are two."""
        return self._forecaster.interval

    @property
    def heads(self) -> list[str]:
        """The names of the heads that judge it."""
        return [head.name for head in self._heads]

    @property
    def rivers(self) -> list[AnomalyDetector | Pipeline | None]:
        """The config's own model of this series, if it has one; in its place None if it was lost."""
        return [head.model for head in self._heads if isinstance(head, RiverScore)]

    def keep(self, evidence: int) -> None:
        """Keep so many points to plot from now on; the newest of those that are there stay."""
        if evidence == self._evidence:
            return
        start = self._next * _CELLS
        ordered = self._cells[start:] + self._cells[:start]
        self._cells = ordered[max(0, len(ordered) - evidence * _CELLS) :]
        self._evidence, self._next = evidence, 0

    def aim(self, limit: Limit | None) -> None:
        """From now on this is the limit, of a series that had one before."""
        for head in self._heads:
            if isinstance(head, TimeToLimit) and limit is not None:
                head.aim(limit)

    def judge(self, time: float, value: float) -> Judgement:
        """Score a finite value at an event time later than the last. Changes nothing."""
        expected, season = self._forecaster.nearest_one(time, value)
        slow, phase = self._forecaster.slow_one(time)
        floor = max(0.005 * self._size.value, 1e-9) if self.seen else 1.0
        if self._counting and self._forecaster.interval:
            # A counter of whole events has at least the noise of chance: Poisson's, one event being 1/interval.
            one = 1 / self._forecaster.interval
            floor = max(floor, math.sqrt((max(slow, 0.0) + one) * one))
        x = Context(time, value, expected, slow, floor, self._forecaster.interval, phase)
        best, smallest, of_point, deviations = 0, math.inf, 1.0, []
        quick, quickest = 0, math.inf
        weights = self._weights()
        for i, head in enumerate(self._heads):
            z = head.score_one(x) if self.seen else 0.0
            deviations.append(z)
            p = self._tails[i].score_one(z) * weights[i]
            # Where the point itself is plainly odd a window does not speak for it: a spike is a spike, not a level.
            if p < smallest and (head.name not in WINDOWED or smallest > _PLAIN):
                best, smallest = i, p
            if p < of_point and head.name not in WINDOWED:
                of_point = p
            if p < quickest and head.name not in SLOW and (head.name not in WINDOWED or quickest > _PLAIN):
                quick, quickest = i, p
        if not deviations:  # only staleness is watched for, which is not a matter of points
            return Judgement(0, 1.0, 1.0, 0, 1.0, "none", season, x, ())
        direction = self._direction(best, deviations)
        overall, quickly = min(1.0, smallest), min(1.0, quickest)
        return Judgement(best, overall, of_point, quick, quickly, direction, season, x, tuple(deviations))

    def quick_direction(self, judgement: Judgement) -> Direction:
        """Where the head that is oddest without the slow ones saw the point go."""
        if not judgement.deviations or self._heads[judgement.quick].name in SLOW:
            return "none"
        return self._direction(judgement.quick, judgement.deviations)

    def _direction(self, head: int, deviations: Sequence[float]) -> Direction:
        z = deviations[head]
        return "none" if not z or isinstance(self._heads[head], Flatline | Shape) else "up" if z > 0 else "down"

    def head(self, judgement: Judgement) -> str:
        """The name of the head that found the point oddest."""
        return self._heads[judgement.head].name

    def usual_p_value(self, judgement: Judgement) -> float:
        """The p-value without the limit: what heads for it may be normal as far as the others go."""
        if not self._heads or self.head(judgement) != TimeToLimit.name:
            return judgement.p_value
        found = zip(self._heads, self._tails, self._weights(), judgement.deviations, strict=True)
        others = [tail.score_one(z) * weight for head, tail, weight, z in found if not isinstance(head, TimeToLimit)]
        return min([1.0, *others])

    def outlook(self, judgement: Judgement) -> Outlook | None:
        """When the limit will be reached, if that is what is odd about the point."""
        head = self._heads[judgement.head]
        return head.outlook(judgement.context) if isinstance(head, TimeToLimit) else None

    def looks(self, judgement: Judgement) -> int:
        """Of how many moments that head has learned what is normal: points, or windows that do not overlap."""
        return max(1, self.seen // _WIDTHS.get(self.head(judgement), 1))

    def observed(self, judgement: Judgement) -> float:
        """What that head holds against its band: the value, or its mean over a window."""
        return self._possible(self._heads[judgement.head].observed(judgement.context))

    def shift(self, judgement: Judgement) -> float:
        """How far what that head holds against its band is from what it expects."""
        head = self._heads[judgement.head]
        return head.observed(judgement.context) - head.band(judgement.context, 0.0, 0.0)[0]

    def band(self, judgement: Judgement, alpha: float) -> tuple[float, float, float]:
        """Expected, low and high of that head, where a p-value of `alpha` begins."""
        down, up = self._tails[judgement.head].quantiles(alpha / self._weights()[judgement.head])
        expected, low, high = self._heads[judgement.head].band(judgement.context, down, up)
        return self._possible(expected), self._possible(low), self._possible(high)

    def _possible(self, value: float) -> float:
        """A level or an end of a band as the quantity can be: what was never negative is not, and a share is no more
        than the whole."""
        value = max(value, 0.0) if self._nonnegative else value
        return min(value, 1.0) if self._share and self._nonnegative else value

    def reasons(self, judgement: Judgement, alpha: float) -> list[Reason]:
        """What each head made of the point, with the band where its p-value is `alpha`."""
        return [
            Reason(
                head.name,
                z,
                min(1.0, tail.score_one(z) * weight),
                self._possible(head.observed(judgement.context)),
                self.band(judgement._replace(head=i), alpha),
            )
            for i, (head, tail, weight, z) in enumerate(
                zip(self._heads, self._tails, self._weights(), judgement.deviations, strict=True)
            )
        ]

    def learn(self, judgement: Judgement) -> None:
        """Take the point as normal."""
        x = judgement.context
        self._remember(x)
        if self.seen > 3:
            self.exceeded(judgement)
        for head in self._heads:
            head.learn_one(x)
        self._size.update(abs(x.value))
        self._nonnegative = self._nonnegative and x.value >= 0
        if self._counting and self.seen:
            events = x.value * (x.time - self._forecaster.last)
            self._counting = abs(events - round(events)) <= 1e-6 * max(1.0, events)
        self._forecaster.learn_one(x.time, x.value)
        self.seen += 1

    def follow(self, judgement: Judgement) -> None:
        """Move on without learning: the point belongs to an open alarm."""
        self._remember(judgement.context)
        for head in self._heads:
            head.follow(judgement.context)

    def back(self, limit: float) -> None:
        """No point was later than this."""
        self._forecaster.last = min(self._forecaster.last, limit)

    def restart(self) -> None:
        """An alarm is over: what was seen during it is no evidence for the next one."""
        for head, tail in zip(self._heads, self._tails, strict=True):
            head.restart()
            tail.restart()

    def exceeded(self, judgement: Judgement, least: float = 0.0) -> None:
        """Show the point's deviations to the tails only (an alarm's first: what recurs becomes less odd), as if none
        had a p-value below `least`."""
        for tail, weight, z in zip(self._tails, self._weights(), judgement.deviations, strict=True):
            down, up = tail.quantiles(least / weight) if least else (math.inf, math.inf)
            tail.learn_one(min(max(z, -down), up))
        self._frequency.learn_one(self.usual_p_value(judgement))

    def adopt(self, time: float, value: float, first: str) -> None:
        """What the series has been of late, this point included, is normal from now on. `first`: what was odd first."""
        recent = [*self._recent(_ADOPTED - 1), (time, value)]
        moved, level = self._forecaster.adopt(recent)
        values = [each for _, each in recent]
        varies = [head for head in self._heads if isinstance(head, Variance) and first in (head.name, Shape.name)]
        spread = math.prod(head.adopt(values) for head in varies)
        for head in self._heads:
            if isinstance(head, Range):
                head.adopt(moved, values)
            elif isinstance(head, Drift):
                head.adopt(level, len(recent))
            elif isinstance(head, ForecastResidual):
                head.adopt(spread)
            elif isinstance(head, Shape):
                head.adopt()

    def recent(self) -> float | None:
        """The level of late, for words about a series that has gone."""
        return self._forecaster.forecast_one(0.0)[0] if self.seen else None

    def points(self, alpha: float) -> list[Point]:
        """The evidence window, oldest first, its band where a p-value of `alpha` begins."""
        down, up = self._tails[0].quantiles(alpha / self._weights()[0]) if self._heads else (0.0, 0.0)
        found = []
        size = len(self._cells) // _CELLS
        for i in range(size):
            at = ((self._next + i) % size) * _CELLS
            time, value, expected, scale = self._cells[at : at + _CELLS]
            if math.isfinite(scale):
                low = expected - down * scale
                band = (self._possible(each) for each in (expected, low, expected + up * scale))
                found.append(Point(time, value, *(round(b, 6) for b in band)))
            else:
                found.append(Point(time, value, None, None, None))
        return found

    def start(self) -> list[tuple[float, float]] | None:
        """Times and values of all points so far, oldest first; None if they are more than are kept to plot."""
        size = len(self._cells) // _CELLS
        return self._recent(size) if size < self._evidence else None

    @property
    def partly(self) -> bool:
        """Whether points that are kept to plot were not learned: they were of an alarm, or of a start that was not
        normal."""
        return len(self._cells) // _CELLS > self.seen

    @property
    def plain(self) -> bool:
        """Whether all its heads can be learned again: a model of River and a way to a limit cannot."""
        return not any(isinstance(head, RiverScore | TimeToLimit) for head in self._heads)

    def relearned(
        self, kind: SeriesKind, detector: Detector, points: Sequence[tuple[float, float]], kept: Sequence[bool]
    ) -> SeriesModel:
        """A plain model of such a series that has learned, of these times and values, those that are `kept`."""
        fresh = SeriesModel(kind, detector, self._evidence, None)
        for (time, value), normal in zip(points, kept, strict=True):
            judgement = fresh.judge(time, value)
            if normal:
                fresh.learn(judgement)
            else:
                fresh.follow(judgement)
        fresh.restart()
        return fresh

    def _weights(self) -> list[float]:
        """By head, what its tail's p-value is multiplied by. Of a limit nothing but the number of heads is held."""
        factor = self._frequency.factor
        found = [cost * factor for cost in self._cost]
        if self._heads and isinstance(self._heads[-1], TimeToLimit):
            found[-1] = self._cost[-1]
        return found

    def _recent(self, most: int) -> list[tuple[float, float]]:
        """Times and values of the newest points, the newest last."""
        size = len(self._cells) // _CELLS
        starts = [((self._next + i) % size) * _CELLS for i in range(max(0, size - most), size)]
        return [(self._cells[start], self._cells[start + 1]) for start in starts]

    def _remember(self, x: Context) -> None:
        banded = self.seen and self._heads and not isinstance(self._heads[0], TimeToLimit)
        scale = self._heads[0].band(x, 1.0, 1.0)[2] - x.expected if banded else math.inf
        cell = array("d", (x.time, x.value, x.expected, scale))
        if len(self._cells) < self._evidence * _CELLS:
            self._cells.extend(cell)
        else:
            self._cells[self._next * _CELLS : (self._next + 1) * _CELLS] = cell
            self._next = (self._next + 1) % self._evidence


def _tail(head: Head) -> Tail:
    if isinstance(head, TimeToLimit):
        return Surety()
    return PeakTail() if head.name in SLOW else Tail()
