"""A symptom is a member of an incident as the correlator keeps it: one series, however often it has flapped.

It holds more than the published `Member` (sizes, band, series name), for the ranking of causes, and no evidence
points, which stay in the anomalies topic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from floodmark.alerts import SEVERITIES, Anomaly, AnomalySignal, Direction, Member, Point, Severity, utc
from floodmark.correlate.sentences import span

RANK: Mapping[Severity, int] = {severity: rank for rank, severity in enumerate(SEVERITIES)}
IMPROBABLE = 1e-7
"""A single anomaly that its model takes for this improbable is told at once. A budget of 1/week at a point a minute
makes alarms at 1e-4; this is a thousand times less."""
LINES = 3
"""Log lines of a symptom that are kept, the newest."""
LARGEST_DEVIATION = 1000.0
"""Deviations are cut here, in half-widths of the band: a band of width zero would make them infinite."""


class Symptom(Struct, eq=False):
    """One series of an incident. Times are epoch seconds; `ended` is None while its anomaly is open, and `seen` is
    when it was last said to be odd.

    `id` is its first anomaly, `anomaly` its latest (they differ once the series has flapped). `noun` is what its
    entity is: the label that names it (service, host, model), or "entity".
    """

    id: str
    anomaly: str
    entity: str
    noun: str
    signal: AnomalySignal
    series: str
    name: str
    head: str
    direction: Direction
    started: float
    seen: float
    ended: float | None
    observed: float | None
    expected: float | None
    low: float | None
    high: float | None
    p_value: float
    strength: float
    severity: Severity
    summary: str
    why: str
    late: bool = False
    returns: int = 0
    back: float | None = None
    level: float = 0.0
    labels: dict[str, str] = field(default_factory=dict)
    unit: str = ""
    template: str = ""
    lines: list[str] = field(default_factory=list)
    worse: Literal["both", "up", "down"] = "both"
    kpi: bool = False
    loss: float = 0.0
    family: str = ""
    change: str = ""
    """The kind of the change of its entity that it may be the effect of."""
    latest_observed: float | None = None
    latest_expected: float | None = None
    window: float = 0.0  # seconds in which what is observed was counted; 0 of what is no count of a window
    grade: str = ""  # the severity of its log lines
    limit_at: float | None = None  # when it will reach the operator's limit
    together: list[str] = field(default_factory=list)  # of many series at once: the oddest, each as "name up"
    member: Member | None = None  # as published, until something changes

    @classmethod
    def of(cls, anomaly: Anomaly, onset: float, why: str, *, late: bool) -> Symptom:
        """The symptom of an anomaly that has just opened."""
        return cls(
            id=anomaly.id,
            anomaly=anomaly.id,
            entity=anomaly.entity,
            noun=noun_of(anomaly),
            signal=anomaly.signal,
            series=anomaly.series,
            name=anomaly.name,
            head=anomaly.head,
            direction=anomaly.direction,
            started=onset,
            seen=max(onset, anomaly.updated_at.timestamp()),
            ended=None,
            observed=anomaly.observed,
            expected=anomaly.expected,
            low=anomaly.low,
            high=anomaly.high,
            p_value=sound_p(anomaly.p_value),
            strength=strength(anomaly),
            severity=anomaly.severity,
            summary=_lasting(anomaly),
            why=why,
            late=late,
            returns=anomaly.returns,
            level=anomaly.level,
            labels=anomaly.labels,
            unit=anomaly.unit,
            template=_template(anomaly.evidence.facts),
            lines=anomaly.evidence.lines[-LINES:],
            worse=anomaly.worse,
            kpi=anomaly.kpi,
            loss=anomaly.loss,
            latest_observed=_latest(anomaly).observed,
            latest_expected=_latest(anomaly).expected,
            window=_number(anomaly.evidence.facts, "window_seconds"),
            grade=str(anomaly.evidence.facts.get("severity", "")),
            limit_at=_limit_at(anomaly),
            together=_together(anomaly.evidence.facts),
        )

    def deviation(self) -> float | None:
        """Distance from what was expected in half-widths of the band, 0 to 1000; None where the head has no band."""
        if self.observed is None or self.expected is None:
            return None
        off = abs(self.observed - self.expected)
        if self.low is not None and self.high is not None:
            half = (self.high - self.low) / 2
        elif (edge := self.high if self.high is not None else self.low) is not None:
            half = abs(edge - self.expected)
        else:
            return None
        if math.isnan(off) or math.isnan(half):
            return None
        if off >= LARGEST_DEVIATION * half:
            return LARGEST_DEVIATION if off > 0 else 0.0
        return off / half

    def surprise(self) -> float:
        """How odd the model takes it to be, as -log10 of its own p-value, 0 to 300."""
        return self.strength

    def alone(self, lasting: float) -> str:
        """Why it is worth an incident of its own, as a clause; empty if it is not.

        It may be severe, improbable, or have been odd for `lasting` seconds, as far as its anomaly has said: silence
        proves nothing.
        """
        if RANK[self.severity] >= RANK["error"]:
            return f"its severity is {self.severity}"
        if self.strength >= -math.log10(IMPROBABLE):
            return "it is too far from the usual to wait for another"
        if self.seen - self.started >= lasting:
            return f"it has lasted {span(self.seen - self.started)}"
        return ""

    def published(self) -> Member:
        """The member as the incident's message lists it."""
        if self.member is None:
            self.member = Member(
                id=self.id,
                entity=self.entity,
                signal=self.signal,
                series=self.series,
                head=self.head,
                direction=self.direction,
                started_at=utc(self.started),
                ended_at=None if self.ended is None else utc(self.ended),
                p_value=self.p_value,
                severity=self.severity,
                summary=self._said(),
                why=self.why,
                late=self.late,
                name=self.name,
                labels=self.labels,
                unit=self.unit,
                observed=self.observed,
                expected=self.expected,
                low=self.low,
                high=self.high,
                level=self.level,
                surprise=self.strength,
                returns=self.returns,
                template=self.template,
            )
        return self.member

    def _said(self) -> str:
        said = self.summary
        if self.back is not None:
            times = f"{self.returns} times, last" if self.returns > 1 else ""
            said = f"{said}; back {times}{' ' * bool(times)}at {utc(self.back):%H:%M:%S} UTC"
        return said if self.ended is None else f"{said}; over since {utc(self.ended):%H:%M:%S} UTC"

    def take(self, anomaly: Anomaly) -> bool:
        """A later word on the same series: the strongest verdict is kept, with what was seen at it. Whether it says
        that the trouble, which had gone, is back."""
        odd = anomaly.updated_at if anomaly.event != "closed" else anomaly.ended_at
        if odd is not None:
            self.seen = max(self.seen, odd.timestamp())
        returned = anomaly.returns > self.returns
        if returned and odd is not None:
            self.returns, self.back = anomaly.returns, odd.timestamp()
        power = strength(anomaly)
        # The operator's own limit is what he wants to be told of, however improbable the rest may be.
        limits = (self.head == "limit") - (anomaly.head == "limit")
        if limits < 0 or (limits == 0 and (power > self.strength or self.observed is None or self.head == "limit")):
            self.p_value = min(sound_p(anomaly.p_value), self.p_value)
            self.strength = max(power, self.strength)
            self.head, self.direction, self.summary = anomaly.head, anomaly.direction, _lasting(anomaly)
            self.observed, self.expected = anomaly.observed, anomaly.expected
            self.low, self.high = anomaly.low, anomaly.high
        self.loss = max(self.loss, anomaly.loss)
        latest = _latest(anomaly)
        self.latest_observed, self.latest_expected = latest.observed, latest.expected
        self._learn(anomaly)
        if RANK[anomaly.severity] > RANK[self.severity]:
            self.severity = anomaly.severity
        self.member = None
        return returned and anomaly.event == "updated"

    def _learn(self, anomaly: Anomaly) -> None:
        """What the evidence says for words alone. Updates have little of it, so that what was known stays."""
        facts = anomaly.evidence.facts
        self.template = _template(facts) or self.template
        self.lines = anomaly.evidence.lines[-LINES:] or self.lines
        self.window = _number(facts, "window_seconds") or self.window
        self.grade = str(facts.get("severity", "")) or self.grade
        self.limit_at = _limit_at(anomaly) or self.limit_at
        self.together = _together(facts) or self.together

    def harm(self) -> int:
        """Whether it goes in the direction that hurts: 1, -1 if it goes the other way; 0 if nobody has said which."""
        if self.worse == "both" or self.direction == "none":
            return 0
        return 1 if self.direction == self.worse else -1

    def absorb(self, other: Symptom) -> None:
        """The same series in an incident that is merged into ours. Whether it is open is the incidents' business."""
        self.started = min(self.started, other.started)
        self.seen = max(self.seen, other.seen)
        self.p_value = min(self.p_value, other.p_value)
        self.strength = max(self.strength, other.strength)
        self.severity = max(self.severity, other.severity, key=lambda severity: RANK[severity])
        if self.ended is not None and other.ended is not None:
            self.ended = max(self.ended, other.ended)
        self.late = self.late or other.late
        self.member = None


def sound_p(p_value: float) -> float:
    """A p-value one can take a logarithm of: within 1e-300 and 1. What is not a number says nothing: 1."""
    return min(1.0, max(1e-300, p_value)) if not math.isnan(p_value) else 1.0


def strength(anomaly: Anomaly) -> float:
    """How odd its model takes an anomaly to be, as -log10 of a p-value; by what was told if it does not say."""
    said = anomaly.surprise
    return said if 0.0 < said <= 300.0 else 0.0 - math.log10(sound_p(anomaly.p_value))


def _lasting(anomaly: Anomaly) -> str:
    """The summary without how long it lasted: a member may come back, and says itself when it ended."""
    if anomaly.event != "closed":
        return anomaly.summary
    said, over, how_long = anomaly.summary.rpartition("; over ")
    return said if over and len(how_long) < 24 else anomaly.summary


def _latest(anomaly: Anomaly) -> Point:
    """The newest point that the anomaly tells of; its oddest, if it shows none."""
    shown = next((point for point in reversed(anomaly.evidence.points) if point.observed is not None), None)
    return shown or Point(0.0, anomaly.observed, anomaly.expected, anomaly.low, anomaly.high)


def _template(facts: Mapping[str, float | str]) -> str:
    """The template of the lines, or of most of them."""
    names = ("log.record.template", "new_template_1", "rare_template_1", "commonest_error")
    return next((str(facts[name]) for name in names if facts.get(name)), "")


def _number(facts: Mapping[str, float | str], name: str) -> float:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _limit_at(anomaly: Anomaly) -> float | None:
    left = _number(anomaly.evidence.facts, "seconds_to_limit")
    return anomaly.updated_at.timestamp() + left if left else None


def _together(facts: Mapping[str, float | str]) -> list[str]:
    """Of an entity's many small surprises the oddest series: name and direction, without labels and p-value."""
    said = [str(facts[name]) for name in ("series_1", "series_2", "series_3") if name in facts]
    return [re.sub(r"\{.*\}", "", each).rpartition(", p = ")[0] for each in said]


def noun_of(anomaly: Anomaly) -> str:
    """What the entity is: the label whose value it is, `service` before all others; else "entity"."""
    if anomaly.labels.get("service") == anomaly.entity:
        return "service"
    return min((label for label, value in anomaly.labels.items() if value == anomaly.entity), default="entity")
