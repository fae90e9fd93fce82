"""The life of alarms: what opens one, keeps it open and ends it, each told as an anomaly.

An alarm opens when the combined p-value of a point falls below what the budget allows per point, holds while points
stay odd, and closes after the quiet time, or when the series has moved for good. A finding and silence open one as
well. It must never tell of a moment before the watermark that is out already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from floodmark.alerts import Anomaly, Direction, Evidence, Point
from floodmark.config.models import Detect
from floodmark.detect import anomalies
from floodmark.detect.discoveries import Discoveries
from floodmark.detect.feedback import Feedback
from floodmark.detect.habits import usual_return
from floodmark.detect.model import Judgement
from floodmark.detect.schedules import Schedules, Why
from floodmark.detect.series import Finding, Sample
from floodmark.detect.watched import HOLD, Alarm, Watched

Witness = Callable[[Watched, Judgement, Why | None], None]
"""Shown a point's judgement before anything follows from it, and why no alarm may open. It must change nothing."""
_LASTS: Final = 12
"""Points that a change must have lasted, however long `adopt` is."""
AlarmsState = tuple[float, list[Alarm], Discoveries]


class Alarms:
    """What all alarms of a task share: the watermark, and those that are open on no series any more."""

    def __init__(
        self,
        config: Detect,
        schedules: Schedules,
        feedback: Feedback,
        judged: Callable[[Watched, Judgement], None],
    ) -> None:
        """`schedules`: when none opens. `feedback`: what is calmer. `judged`: told of each point."""
        self._evidence = config.evidence
        self._rate = config.false_discoveries
        self._schedules = schedules
        self._feedback = feedback
        self._judged = judged
        self._now = float("-inf")
        self._orphans: list[Alarm] = []
        self._discoveries = Discoveries()
        self._counts: Counter[str] = Counter()
        self.witness: Witness | None = None

    def state(self) -> AlarmsState:
        return self._now, self._orphans, self._discoveries

    def restore(self, state: AlarmsState) -> None:
        self._now, self._orphans, self._discoveries = state

    def advance(self, watermark: float) -> list[Anomaly]:
        """Event time has reached `watermark`: the alarms without a series are over."""
        self._now = max(self._now, watermark)
        orphans, self._orphans = self._orphans, []
        return [self._closed(alarm, alarm.last_odd, alarm.last_odd, []) for alarm in orphans]

    def back(self, tick: float) -> None:
        """Event time goes back to `tick`."""
        self._now = min(self._now, tick)

    def orphan(self, watched: Watched, limit: float = math.inf) -> None:
        """Its series has gone: if an alarm is open, the next `advance` closes it, as one that ended by `limit`."""
        if watched.alarm is not None:
            watched.alarm.last_odd = min(watched.alarm.last_odd, limit)
            self._orphans.append(watched.alarm)

    def judge(self, watched: Watched, sample: Sample, step: float) -> list[Anomaly]:
        """The next point of a series, `step` seconds after the one before it."""
        model, found = watched.model, []
        if watched.alarm is not None and watched.alarm.stale:
            found.append(self.close(watched, sample.time, sample.time))
        why = self._schedules.why(watched.series, watched.detector, sample.time)
        if watched.hushed is not None and (why is None or sample.time - watched.hushed >= watched.quiet):
            watched.hushed = None
            model.restart()
        judgement = model.judge(sample.time, sample.value)
        if self.witness is not None:
            self.witness(watched, judgement, why)
        self._judged(watched, judgement)
        if watched.alarm is not None:
            return self._hold(watched, watched.alarm, sample, judgement, step)
        odd = watched.opens(judgement)
        if not odd and watched.alpha <= judgement.p_value < watched.budgeted and model.seen >= watched.detector.warmup:
            self._counts["held:too_many"] += 1
        level = self._level(watched, judgement.direction, sample.time) if odd else watched.alpha
        if odd and judgement.p_value >= level * watched.share:
            self._counts["held:feedback"] += 1
            odd = False
        if not odd:
            if watched.hushed is None:
                watched.learn(judgement)
            else:
                watched.move(judgement)
            return found
        if why is not None:
            self._hush(watched, judgement, why)
            return found
        if watched.hushed is None and watched.usual(judgement):
            self._counts["held:usual"] += 1
            watched.learn(judgement)
            return found
        if self._rate is not None:
            share = judgement.p_value / level
            if not self._discoveries.test(self._rate, watched.series, sample.time, share):
                self._counts["held:false_discoveries"] += 1
                watched.learn(judgement)
                return found
        anomaly = self._opening(watched, sample, judgement, watched.loss(judgement, step))
        watched.learn_opening(judgement)
        return [*found, anomaly]

    def glimpse(self, watched: Watched, sample: Sample) -> list[Anomaly]:
        """What a window that is not over has counted so far: an alarm may open, or be told to be back, no more."""
        alarm = watched.alarm
        if watched.hushed is not None or self._rate is not None:
            return []
        if self._schedules.why(watched.series, watched.detector, sample.time) is not None:
            return []
        judgement = watched.model.judge(sample.time, sample.value)
        level = self._level(watched, judgement.direction, sample.time) * watched.share
        if judgement.point_p_value >= level or not watched.opens(judgement):
            return []
        if alarm is None:
            return [self._opening(watched, sample, judgement, shown=watched.last)]
        returned, before = alarm.returned(sample.time, plain=True), alarm.peak.severity
        alarm.last_odd = max(alarm.last_odd, sample.time)
        if _tops(watched, alarm, judgement, level):
            alarm.peak = self._anomaly(watched, sample, judgement, alarm)
        if not returned and alarm.peak.severity == before:
            return []
        return [self._again(watched, alarm, sample, judgement if returned else None, [])]

    def _opening(
        self, watched: Watched, sample: Sample, judgement: Judgement, loss: float = 0.0, shown: float | None = None
    ) -> Anomaly:
        """An alarm opens with a point, which has cost `loss`. `shown`: the newest point that counts as shown, if it is
        not this one."""
        anomaly = anomalies.costing(self._anomaly(watched, sample, judgement), loss)
        # What has lasted as long as all that was known before is no exception any more. But a few points of a series
        # that has one an hour, some of them normal again, are not yet where it is from now on.
        patience = min(watched.detector.adopt, max(sample.time - watched.born, 4 * watched.quiet))
        patience = max(patience, _LASTS * watched.interval)
        if watched.upwards:  # errors are none the better for having been there soon after the start
            patience = watched.detector.adopt
        self._open(watched, anomaly, sample.time, patience, watched.model.shift(judgement), shown)
        return anomaly

    def find(self, watched: Watched, finding: Finding) -> list[Anomaly]:
        """A verdict on a series: an anomaly, unless an alarm is open, which then goes on, and may be told to."""
        if not watched.model.seen:
            watched.last = max(watched.last, finding.time)
        if watched.alarm is not None:
            return self._find_again(watched, watched.alarm, finding)
        if (why := self._schedules.why(watched.series, watched.detector, finding.time)) is not None:
            self._counts[f"held:{why}"] += 1
            return []
        level = self._level(watched, finding.direction, finding.time)
        if level < watched.alpha and finding.p_value >= level:
            self._counts["held:feedback"] += 1
            return []
        anomaly = self._of_finding(watched, finding, level)
        self._open(watched, anomaly, finding.time, watched.detector.adopt)
        return [anomaly]

    def _find_again(self, watched: Watched, alarm: Alarm, finding: Finding) -> list[Anomaly]:
        """A further verdict of an open alarm is told if it is an error by now, or after a while, as a point is."""
        self._counts["held:findings"] += 1
        alarm.last_odd = max(alarm.last_odd, finding.time)
        before = alarm.peak.severity
        if finding.head == alarm.first.head and anomalies.surprise(finding.p_value) > alarm.peak.surprise:
            level = self._level(watched, finding.direction, finding.time)
            alarm.peak = self._of_finding(watched, finding, level, alarm.first)
        if finding.time < alarm.tell_at and not alarm.louder and alarm.peak.severity == before:
            return []
        points = watched.model.points(watched.alpha)
        return [self._persisting(alarm, finding.time, points)]

    def _of_finding(self, watched: Watched, finding: Finding, level: float, first: Anomaly | None = None) -> Anomaly:
        detector, now = watched.detector, max(finding.time, self._now)
        finding = finding._replace(series=watched.told)
        return anomalies.of_finding(finding, detector.name, level, now, first, kpi=detector.kpi)

    def stale(self, watched: Watched, due: float) -> Anomaly:
        """A series without an alarm has been silent for too long at `due`."""
        silence = due - watched.last
        # No gap in `seen` was this long: the rule of succession bounds the chance of one.
        p_value = min(0.5, 1 / (watched.model.seen + 2) * watched.interval / silence)
        anomaly = self._stale(watched, due, p_value)
        self._open(watched, anomaly, due, watched.detector.adopt, shown=watched.last)
        if watched.alarm is not None:
            watched.alarm.tell_at = due + silence
        return anomaly

    def silent(self, watched: Watched, alarm: Alarm, due: float) -> Anomaly:
        """It is still silent at `due`, for twice as long as when that was last told: by the cube of it less probable
        than at first (silences have heavy tails)."""
        first, due = alarm.first, max(due, self._now)  # event time may have moved on by far: it is told once
        told = first.updated_at.timestamp() - watched.last
        silence = due - watched.last
        alarm.peak = self._stale(watched, due, 10.0**-first.surprise * (told / silence) ** 3, alarm)
        anomaly = self._persisting(alarm, due, [])
        alarm.tell_at = due + silence
        return anomaly

    def _stale(self, watched: Watched, due: float, p_value: float, alarm: Alarm | None = None) -> Anomaly:
        series, model = watched.told, watched.model
        silence = due - watched.last
        back = usual_return(watched.silences, watched.last)
        return anomalies.opened(
            series,
            detector=watched.detector.name,
            head="stale",
            start=watched.last + model.interval,
            now=due,
            direction="none",
            observed=None,
            band=(model.recent(), None, None),
            p_value=p_value,
            alpha=watched.alpha,
            summary=anomalies.say_stale(series, silence, model.interval, model.recent())
            + ("" if back is None else anomalies.say_back(back)),
            evidence=Evidence(points=model.points(watched.alpha)),
            seen=model.seen,
            kpi=watched.detector.kpi,
            id=None if alarm is None else alarm.first.id,
        )

    def close(self, watched: Watched, end: float, now: float) -> Anomaly:
        """The open alarm ended at `end`, as known at `now`. Raises RuntimeError if there is none."""
        alarm = watched.alarm
        if alarm is None:
            raise RuntimeError(f"no open alarm to close on {watched.series.key}")
        watched.closed(alarm, end)
        points = watched.model.points(watched.alpha)
        shown = alarm.worst.evidence.points[-1:]
        alarm.shown = shown[0].time if shown else alarm.shown
        watched.model.restart()
        return self._closed(alarm, end, now, alarm.since(points))

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def _open(
        self,
        watched: Watched,
        anomaly: Anomaly,
        time: float,
        patience: float,
        shift: float = 0.0,
        shown: float | None = None,
    ) -> None:
        """`patience`: seconds after which what is odd becomes normal."""
        watched.opened(Alarm(anomaly, time, time + patience, shift, shown), time)
        self._counts[f"anomalies:{anomaly.head}"] += 1

    def _level(self, watched: Watched, direction: Direction, time: float) -> float:
        """The level of a point: the budget's, less what people have said of the series."""
        return watched.alpha / self._feedback.calmer(watched.series.key, direction, time)

    def _hush(self, watched: Watched, judgement: Judgement, why: Why) -> None:
        """The point is odd, and no alarm opens. The tails do not learn it either: when one may, it must be as odd."""
        if watched.hushed is None:
            self._counts[f"held:{why}"] += 1
        watched.hushed = judgement.context.time
        watched.move(judgement)

    def _hold(self, watched: Watched, alarm: Alarm, sample: Sample, judgement: Judgement, step: float) -> list[Anomaly]:
        """The next point of an open alarm: it stays open, is over, or has become normal."""
        model = watched.model
        told: list[Anomaly] = []
        alarm.loss += watched.loss(judgement, step)
        if judgement.point_p_value < HOLD or (judgement.p_value < HOLD and alarm.away(judgement)):
            alarm.last_odd = sample.time
            alarm.odd += 1
            alarm.low, alarm.high = min(alarm.low, sample.value), max(alarm.high, sample.value)
            before = alarm.peak.severity, alarm.peak.head == "limit"
            level = self._level(watched, judgement.direction, sample.time)
            if _tops(watched, alarm, judgement, level) and watched.barred(judgement) is None:
                alarm.peak = self._anomaly(watched, sample, judgement, alarm)
            plain = judgement.p_value < level and judgement.point_p_value < HOLD and watched.barred(judgement) is None
            returned = alarm.returned(sample.time, plain)
            persists = sample.time >= alarm.tell_at and alarm.odd > alarm.normal
            if persists or returned or alarm.louder or (alarm.peak.severity, alarm.peak.head == "limit") != before:
                now = [self._point(sample, watched.model.band(judgement, level))]
                told.append(self._again(watched, alarm, sample, judgement if returned else None, now))
        else:
            alarm.normal += 1
            alarm.calm += 1
        if sample.time - alarm.last_odd >= watched.quiet:  # normal again: there is nothing to adopt
            watched.move(judgement)
            return [*told, self.close(watched, alarm.last_odd, sample.time)]
        if sample.time >= alarm.adopt_at:
            self._counts["adopted"] += 1
            model.adopt(sample.time, sample.value, alarm.first.head)
            return [*told, self.close(watched, alarm.last_odd, sample.time)]
        watched.move(judgement)
        return told

    def _again(
        self, watched: Watched, alarm: Alarm, sample: Sample, judgement: Judgement | None, now: list[Point]
    ) -> Anomaly:
        """An open alarm is told again, by its oddest moment or, if it is back, by this one. `now`: the point, if it is
        a whole one."""
        if judgement is not None:
            alarm.back(self._anomaly(watched, sample, judgement, alarm))
        points = watched.model.points(watched.alpha) + now
        return self._persisting(alarm, sample.time, points)

    def _persisting(self, alarm: Alarm, time: float, points: list[Point]) -> Anomaly:
        """An update at `time`, with those of the series' points that are new."""
        alarm.told(time)
        alarm.updated = max(time, self._now)
        told = anomalies.persisting(alarm.peak, alarm.updated, alarm.since(points), alarm.returns)
        return anomalies.costing(told, alarm.loss)

    def _closed(self, alarm: Alarm, end: float, now: float, tail: list[Point]) -> Anomaly:
        """The end, told later than all else of the alarm, also where time has gone back since."""
        now = max(now, self._now, round(alarm.updated, 3) + anomalies.MOMENT)  # as it is told: in milliseconds
        return anomalies.costing(anomalies.closed(alarm.first, alarm.worst, end, now, tail, alarm.returns), alarm.loss)

    def _anomaly(self, watched: Watched, sample: Sample, judgement: Judgement, alarm: Alarm | None = None) -> Anomaly:
        """What the point says. `alarm`: the one that is open."""
        model, series, first = watched.model, watched.told, None if alarm is None else alarm.first
        again = watched.alarms_of_late > (alarm is not None) or model.partly
        support = anomalies.Support(model.seen, model.looks(judgement), again)
        alpha = self._level(watched, judgement.direction, sample.time)
        band = model.band(judgement, alpha)
        head, observed = model.head(judgement), model.observed(judgement)
        evidence = sample.evidence() if sample.evidence is not None else Evidence()
        points = [*model.points(alpha)[1 - self._evidence :], self._point(sample, band)]
        return anomalies.opened(
            series,
            detector=watched.detector.name,
            head=head,
            start=sample.time if first is None else first.started_at.timestamp(),
            now=max(sample.time, self._now),
            direction=judgement.direction,
            observed=observed,
            band=band,
            p_value=judgement.p_value,
            alpha=alpha,
            summary=anomalies.say(series, head, judgement, observed, band, evidence, support, model.outlook(judgement)),
            evidence=Evidence(points, evidence.lines, evidence.facts | anomalies.ahead(model.outlook(judgement))),
            seen=support.looks,
            returns=0 if alarm is None else alarm.returns,
            kpi=watched.detector.kpi,
            id=None if first is None else first.id,
        )

    def _point(self, sample: Sample, band: tuple[float, float, float]) -> Point:
        """The point, as it is shown."""
        expected, *ends = band
        low, high = (end if math.isfinite(end) else None for end in ends)
        return Point(sample.time, sample.value, expected, low, high)


def _tops(watched: Watched, alarm: Alarm, judgement: Judgement, level: float) -> bool:
    """Whether this is what the alarm should tell from now on: the oddest moment, or that a limit is near."""
    now, before = watched.model.head(judgement) == "limit", alarm.peak.head == "limit"
    if now == before:
        return anomalies.surprise(judgement.p_value) > alarm.peak.surprise
    return now and judgement.p_value < level
