"""A series under watch, and the alarm that may be open on it: what is kept of both, and what follows from it alone."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, NamedTuple

from floodmark.alerts import Anomaly, Point
from floodmark.config.models import Detector
from floodmark.detect import starts
from floodmark.detect.habits import LONG, Episode, Silence, has_hours, usual, with_episode, with_silence
from floodmark.detect.kpi import as_told, lost, shortfall
from floodmark.detect.mean import FadingMean
from floodmark.detect.model import Judgement, SeriesModel
from floodmark.detect.series import Series

Bar = Literal["direction", "min_deviation"]
"""The guard that lets a deviation not alarm."""
HOLD: Final = 0.01
"""While an alarm is open, points with a smaller p-value keep it open."""
NORMAL: Final = 0.1
"""Of points that are odd, or come while an alarm is open, only those with at least this p-value are learned."""
_LATE: Final = 14 * 86400.0
"""Seconds over which the alarms of a series are counted against its budget."""
_TIMES: Final = 4.0
"""How many times its budget a series may alarm before it has to be ever odder: incidents are no false alarms."""
_FEW: Final = 4.0
"""So many alarms are never too many."""
_LEAST: Final = 100.0
"""Decimal places by which a level can be lowered."""
_PERSISTS: Final = 120.0
"""An alarm that is still odd is told again this many seconds after it was last told."""
_LOUDER: Final = 3.0
"""Or at once when its p-value has fallen by so many powers of ten."""
_EARLY: Final = 4
"""Points after which a count that only alarms upwards may alarm, if it is plain enough."""
_PLAINER: Final = 3
"""Power of the share of the warm-up that has passed, by which the level is lowered before it is over."""
_KNOWN: Final = 2_000
"""Points of a count that only alarms upwards, after which an outage is a rare one, and may be learned as what happens
now and then."""
_YOUNG: Final = 21_600.0
"""The same of other series, in seconds of points: of one with a point an hour 2,000 points would be three months."""
_CALM: Final = 2
"""Normal points in a row after which an alarm that is odd again has returned."""
_RETURNS: Final = 300.0
"""Seconds after which a further return is told; sooner only the first, second, fourth, eighth …"""
_SHOWN: Final = 24
"""Most points of the series that go out with an update, or with the end."""
_FINDING_PERIOD: Final = 60.0
"""Seconds that a finding stands for, where the budget of a series is turned into a level per verdict."""


class Alarm:
    """An open alarm: its opening anomaly, its oddest moment since it was last back, and when it was last odd."""

    __slots__ = (
        "adopt_at",
        "calm",
        "first",
        "high",
        "last_odd",
        "loss",
        "low",
        "normal",
        "odd",
        "oddest",
        "peak",
        "returned_at",
        "returns",
        "shift",
        "shown",
        "tell_at",
        "told_surprise",
        "updated",
    )

    def __init__(
        self, first: Anomaly, now: float, adopt_at: float, shift: float = 0.0, shown: float | None = None
    ) -> None:
        """`shift`: by how much the level had moved, also where what is told ends at what the quantity can be. `shown`:
        time of the newest point of the series that the opening anomaly shows, if it is not `now`."""
        self.first = first
        self.shift = shift
        self.peak = first
        self.oddest = first
        self.last_odd = now
        self.odd = 1
        self.normal = 0
        self.calm = 0
        self.returns = 0
        self.returned_at = now
        self.adopt_at = adopt_at
        self.loss = first.loss
        reached = [each for each in (first.observed, first.expected) if each is not None] or [0.0]
        self.low, self.high = min(reached), max(reached)
        self.shown = now if shown is None else shown
        self.updated = first.updated_at.timestamp()
        self.told(now)

    def told(self, now: float) -> None:
        self.tell_at = now + _PERSISTS
        self.told_surprise = self.peak.surprise

    def since(self, points: list[Point]) -> list[Point]:
        """Of points, oldest first, those that nobody has been shown, at most `_SHOWN` of them; from now on they are."""
        new = [point for point in points if point.time > self.shown][-_SHOWN:]
        self.shown = new[-1].time if new else self.shown
        return new

    def returned(self, time: float, plain: bool) -> bool:
        """Take an odd point. Whether it is to be told that the trouble is back: it would open an alarm (`plain`),
        after points that were normal. Of many returns in a short time the first, second, fourth, eighth … is told."""
        calm, self.calm = self.calm, 0
        if not plain or calm < _CALM:
            return False
        self.returns += 1
        if self.returns & (self.returns - 1) and time - self.returned_at < _RETURNS:
            return False
        self.returned_at = time
        return True

    def back(self, now: Anomaly) -> None:
        """It is odd again after it had been normal: what is told from now on is of this time."""
        self.oddest, self.peak = self.worst, now

    @property
    def worst(self) -> Anomaly:
        """Its oddest moment of all times."""
        return self.oddest if self.oddest.surprise > self.peak.surprise else self.peak

    @property
    def louder(self) -> bool:
        """Whether it has become far more surprising than it was when last told."""
        return self.peak.surprise > self.told_surprise + _LOUDER

    def away(self, judgement: Judgement) -> bool:
        """Of a shifted level: whether the point is still half as far from the old one as when the alarm opened. Of a
        drift, a changed variance and a new shape no point says that, only the window."""
        head, x, shift = self.first.head, judgement.context, self.shift
        if head in ("drift", "variance", "shape"):
            return True
        return head == "level" and (x.value - x.slow) * shift >= 0.5 * shift * shift

    @property
    def stale(self) -> bool:
        return self.first.head == "stale"


class Absence(NamedTuple):
    """A silence of which nobody is told. `since`: the last point before it; a later one ends it. `until`: when it is
    looked at again. `over`: the series is forgotten then, else the silence may be told. `watched`: its model waits for
    the series to come back, so that its return is seen."""

    since: float
    until: float
    over: bool
    watched: bool


class Watched:
    """A series under watch. `last` is its newest point, `gap` its longest silence of late, `sporadic` the
    share of its points that came late.

    A metric has a row in the bank, `slot`. Unless an alarm is open all that it has learned is there, but for `held`
    series, whose model no row can take. Others have no row, and are always a model.

    `absence`: its silence, of which nobody is told. `silences`: its long ones of late. `episodes`: when it was odd.

    `hushed`: when it was last odd while no alarm may open, until it is normal again or one may.
    """

    __slots__ = (
        "absence",
        "alarm",
        "born",
        "detector",
        "due",
        "episodes",
        "gap",
        "held",
        "hushed",
        "last",
        "openings",
        "out",
        "series",
        "silences",
        "slot",
        "sporadic",
        "used",
    )

    def __init__(self, series: Series, detector: Detector, time: float) -> None:
        self.series = series
        self.detector = detector
        self.slot = -1
        self.held = True
        self.out: SeriesModel | None = None
        self.alarm: Alarm | None = None
        self.absence: Absence | None = None
        self.silences: tuple[Silence, ...] = ()
        self.episodes: tuple[Episode, ...] = ()
        self.hushed: float | None = None
        self.born = time
        self.last = time
        self.gap = 0.0
        self.sporadic = lateness()
        self.due: float | None = None
        self.used = 0
        self.openings = (0.0, time)

    def heard(self, time: float, resumed: float) -> float:
        """A point has come, at `time`: so many seconds after the last one. Silence before `resumed` says nothing about
        the series."""
        step = time - self.last
        if self.model.seen and self.last >= resumed and not self._of_hours(time):
            self.gap = max(self.gap * 0.999, step)
            self.sporadic.update(float(step > 2 * self.interval))
        self.absence, self.last = None, time
        return step

    def _of_hours(self, back: float) -> bool:
        """Whether the silence that ends was long, and may be a matter of hours: then it does not say how regular the
        series is while it comes."""
        if back - self.last < LONG or not self.silent:
            return False
        self.silences = with_silence(self.silences, self.last, back)
        return has_hours(self.silences, self.last)

    @property
    def silent(self) -> bool:
        """Whether its silence has been noticed, be it told or expected."""
        return (self.absence is not None and self.absence.watched) or (self.alarm is not None and self.alarm.stale)

    def absent(self, last: float) -> Absence | None:
        """The silence that is expected, if there is one and nothing has come since. `last`: the newest point."""
        return self.absence if self.absence is not None and self.absence.since == last else None

    @property
    def model(self) -> SeriesModel:
        """Raises RuntimeError while it is in the bank."""
        if self.out is None:
            raise RuntimeError(f"{self.series.key} is in the bank")
        return self.out

    @property
    def rivers(self) -> list[Any]:
        """The config's own model of the series, if it has one; in its place None if it was lost."""
        return self.out.rivers if self.out is not None else []

    @property
    def interval(self) -> float:
        """Seconds between points, at least one."""
        return max(self.model.interval, 1.0)

    @property
    def alpha(self) -> float:
        """The level of one point: what the budget allows, and a tenth of it for each alarm too many of late."""
        excess = self.alarms_of_late - max(_FEW, _TIMES * self.detector.false_alarms * _LATE)
        return self.budgeted if excess <= 0 else self.budgeted / 10.0 ** min(excess, _LEAST)

    @property
    def budgeted(self) -> float:
        """The budget, a rate, times the interval between points."""
        return min(0.05, self.detector.false_alarms * (self.interval if self.model.seen else _FINDING_PERIOD))

    @property
    def alarms_of_late(self) -> float:
        """How many alarms have opened, one of `_LATE` ago counting 1/e."""
        count, time = self.openings
        return count * math.exp((time - max(time, self.last)) / _LATE) if count else 0.0

    def opened(self, alarm: Alarm, time: float) -> None:
        """An alarm has opened."""
        self.alarm, self.hushed = alarm, None
        self.openings = (self.alarms_of_late + 1.0, time)

    def closed(self, alarm: Alarm, end: float) -> None:
        """The alarm is over since `end`."""
        self.alarm = None
        if alarm.first.direction != "none":
            start = alarm.first.started_at.timestamp()
            episode = Episode(start, end, alarm.first.direction, alarm.low, alarm.high)
            self.episodes = with_episode(self.episodes, episode)

    def usual(self, judgement: Judgement) -> bool:
        """Whether the point, which is odd, is what it was at this time on other days. Of errors nothing is usual."""
        x, direction = judgement.context, judgement.direction
        if self.upwards or self.model.head(judgement) == "limit":
            return False
        episode = usual(self.episodes, x.time, x.value, direction)
        if episode is not None:
            self.episodes = with_episode(self.episodes, episode)
        return episode is not None

    @property
    def quiet(self) -> float:
        """Seconds without an odd point after which an alarm is over."""
        return max(self.detector.refractory, 6 * self.model.interval)

    def opens(self, judgement: Judgement) -> bool:
        """Whether an alarm opens with the point, if one may: it is odd, and the guards let it alarm."""
        return judgement.p_value < self.alpha * self.share and self.barred(judgement) is None

    @property
    def told(self) -> Series:
        """The series as anomalies have it: in the operator's unit, with the direction that hurts."""
        return as_told(self.series, self.detector)

    def loss(self, judgement: Judgement, step: float) -> float:
        """What the point, if it is odd, has cost in the `step` of seconds to it; 0 of what is no KPI."""
        if not self.detector.kpi or judgement.p_value >= NORMAL:
            return 0.0
        told, value = self.told, judgement.context.value
        off = shortfall(told.worse, value, judgement.context.expected)
        return lost(told.kind, told.unit, off, step, self.interval)

    @property
    def upwards(self) -> bool:
        """Whether it counts what nobody wants: errors, and not requests."""
        return self.series.kind == "count" and self.series.worse == "up"

    @property
    def share(self) -> float:
        """Of the level, as far as the warm-up allows it: 0 within it, 1 after it.

        A burst of errors need not wait for its end. It has to be the plainer, the less is known.
        """
        seen, warmup = self.model.seen, self.detector.warmup
        if seen >= warmup:
            return 1.0
        return (seen / warmup) ** _PLAINER if self.upwards and seen >= _EARLY else 0.0

    def learn(self, judgement: Judgement) -> None:
        """Take the point as normal; while the series is young, also see whether all that it has learned is."""
        self.model.learn(judgement)
        self.settle()

    def settle(self) -> bool:
        """Of a young series that was in two states, learn the normal one alone. Whether that was so.

        It is looked at when as many points as `warmup` have come, and again after as many more, as long as all are
        still there to be plotted; of a count that only alarms upwards with each of these points.
        """
        model, detector = self.model, self.detector
        points = model.start()
        if not points or not model.plain or (len(points) % detector.warmup and not self.upwards):
            return False
        kept = starts.normal([value for _, value in points], counts=self.series.kind == "count", upwards=self.upwards)
        if kept is None or (sum(kept) >= model.seen and kept[-1]):
            return False
        self.out = model.relearned(self.series.kind, detector, points, kept)
        return True

    def barred(self, judgement: Judgement) -> Bar | None:
        """Which of the operator's guards keeps this deviation from an alarm, None if it may be one."""
        if self.model.head(judgement) == "limit":
            return None
        for wanted in (self.detector.direction, self.series.worse):
            if wanted != "both" and judgement.direction not in (wanted, "none"):
                return "direction"
        guard = self.detector.min_deviation
        if not guard.absolute and not guard.relative:
            return None
        expected, _, _ = self.model.band(judgement, self.alpha)
        deviation = abs(self.model.observed(judgement) - expected)
        return None if deviation >= max(guard.absolute, guard.relative * abs(expected)) else "min_deviation"

    def learn_opening(self, judgement: Judgement) -> None:
        """The point that opens an alarm: its deviations go to the tails, so that what recurs becomes less odd.

        But once among few points is often, and an outage that is like the first must be told, too: while the series is
        young, an opening counts as no odder than it need have been, and of a count that only alarms upwards as little
        more than odd.
        """
        if self.model.usual_p_value(judgement) < NORMAL:
            young = self.model.seen < _KNOWN if self.upwards else self.model.seen * self.model.interval < _YOUNG
            least = HOLD if self.upwards else self.alpha
            self.model.exceeded(judgement, least if young else 0.0)
        self.move(judgement)

    def move(self, judgement: Judgement) -> None:
        """Past a point of a series that is odd: learn it only if it is normal itself."""
        if self.model.usual_p_value(judgement) >= NORMAL:
            self.learn(judgement)
        else:
            self.model.follow(judgement)


def lateness() -> FadingMean:
    """A fresh `sporadic`."""
    return FadingMean(0.01, warm=100)


NONE_LATE: Final = lateness()
"""Stands for `sporadic` while a series is in the bank."""
