"""What flows out: anomalies, watermarks and incidents. `schemas/` is generated from this module.

Times are aware UTC datetimes, RFC 3339 on the wire; evidence points carry float epoch seconds to stay small.
Ids are derived from content (`content_id`), so that a replay gives the same ids.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from msgspec import Struct, field

from floodmark.signals import ChangeKind, ChangeStatus

Direction = Literal["up", "down", "none"]
Severity = Literal["info", "warning", "error", "critical"]
AnomalySignal = Literal["metric", "log", "prediction", "span", "alert"]
"""Of what an anomaly is; alert: another tool says so."""
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "critical")


def utc(seconds: float) -> datetime:
    """Epoch seconds as an aware datetime, to the millisecond."""
    return datetime.fromtimestamp(round(seconds, 3), UTC)


def content_id(prefix: str, *parts: object) -> str:
    """A stable id: prefix and 16 hex digits of BLAKE2b over the parts."""
    text = "\x1f".join(map(str, parts))
    return f"{prefix}-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


class Point(NamedTuple):
    """One step of the evidence window: epoch seconds, observed, and the band that was expected of it."""

    time: float
    observed: float | None
    expected: float | None
    low: float | None
    high: float | None


class Evidence(Struct, frozen=True, omit_defaults=True):
    """All that is needed to plot or read the anomaly without a second system.

    `points`: the series before and at the anomaly, oldest first. `lines`: log lines (the newest of the window).
    `facts`: whatever else supports it (template text, confusion counts, the categories that are new, …).
    """

    points: list[Point] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    facts: dict[str, float | str] = field(default_factory=dict)


class Anomaly(Struct, frozen=True, kw_only=True):
    """A run of surprise in one series, told when it opens, when it persists, and when it ends.

    `event` "updated": it is still odd, or worse; told every two minutes for as long as it is odd.
    `updated_at` of an update is the newest odd point. Its evidence are the points of the series since the last that was
    told, at most the newest 24, so that whoever follows can draw the series as it goes on; a point of a time that was
    told before replaces it. "closed" has the evidence of the oddest moment, and up to 24 points that came after it.

    `p_value` is how often a normal moment of this series would look at least this odd, by `head`, the part of
    the model that said so; never less than 1 in as many as have been seen, for that is all that is known. `surprise`
    is how odd the model takes it to be beyond that: -log10 of its own p-value, up to 300, by which anomalies can be
    ranked. `level`: the p-value below which a point of the series opens an alarm, as its budget has it at its pace; 0
    if that is not known (an older release). `returns`: how often it was odd again, as at first, after it had been
    normal for a while. `expected`, `low`, `high` are in the unit of `observed`; None where the head has no band.

    `worse`: the direction that hurts, where only one does, as the operator, a label or its name says; what goes the
    other way alone is nobody's trouble. `kpi`: the series says how well the business goes. `loss`: by how much in all
    it has been worse than expected since it opened: of counts, and of units with a stroke (EUR/s, orders/min) in what
    they count (EUR, orders); of any other in unit seconds; 0 of what is no KPI.
    """

    id: str
    event: Literal["opened", "updated", "closed"]
    scope: str
    entity: str
    signal: AnomalySignal
    series: str
    name: str
    labels: dict[str, str]
    unit: str
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    head: str
    direction: Direction
    observed: float | None
    expected: float | None
    low: float | None
    high: float | None
    p_value: float
    severity: Severity
    summary: str
    detector: str
    evidence: Evidence
    surprise: float = 0.0
    level: float = 0.0
    returns: int = 0
    worse: Literal["both", "up", "down"] = "both"
    kpi: bool = False
    loss: float = 0.0


class ChangeNotice(Struct, frozen=True, kw_only=True):
    """A change, on its way to the correlator through the anomalies topic (law 2: what is joined meets there).

    An empty `scope` means every scope: the native format names only the service. `id` is the same in all that is said
    of one change; the rest is as in a change that flows in (`floodmark.signals.Change`).
    """

    id: str
    scope: str
    time: datetime
    service: str
    kind: ChangeKind
    summary: str
    status: ChangeStatus = ""
    version: str = ""
    environment: str = ""
    url: str = ""
    actor: str = ""

    def said(self) -> str:
        """What it is in a few words: "deploy 2.14.0 of payment (failed)". What succeeded needs no word."""
        what = f"{self.kind} {self.version}" if self.version else self.kind
        how = {"started": " (still going on)", "failed": " (failed)", "cancelled": " (cancelled)"}.get(self.status, "")
        return f"{what} of {self.service}{how}"


class Watermark(Struct, frozen=True, kw_only=True):
    """A detect task's promise: nothing older than `time` will follow, except what is late.

    `task` is "topic/partition"; `tasks` is how many such tasks there are, and `topics` of which topics, with the number
    of partitions of each, so that the correlator waits for all and can name who is missing. An `idle` task is not
    waited for until it has something to say. A task repeats its word every few seconds (`repeated`), as the runtime's
    clock says: so that whoever begins to listen hears of it, and silence means that it is not there.
    """

    task: str
    tasks: int
    time: datetime
    idle: bool
    topics: dict[str, int] = field(default_factory=dict)
    repeated: bool = False


class Absence(Struct, frozen=True, kw_only=True):
    """A correlate task's decision: it goes on without detect tasks that it has not heard for `correlate.patience`.

    Written to the very partition that `correlator` ("topic/partition") reads, and it holds from where it stands there,
    so that a replay decides the same. Each of `tasks` is waited for again once it speaks; none named: all that have
    never been heard. `time`: event time of the decision, `silent` seconds of silence, of the longest.
    """

    correlator: str
    time: datetime
    tasks: list[str]
    silent: float


class Dependencies(Struct, frozen=True, kw_only=True):
    """Calls between services that a detect task has learned from spans: each caller, and what it called.

    Only those that are new, or were last told an hour ago. The correlator forgets a call that nobody tells for a day.
    """

    task: str
    time: datetime
    calls: list[tuple[str, str]]


class SeriesSample(Struct, frozen=True, kw_only=True):
    """A few of the series that a detect task hears, so that the correlator sees when one arrives on two partitions.

    Tasks that hear the same series name the same ones (a log source by its series log_lines). `task` is
    "topic/partition". The list replaces the last one of the task; a series that it still names when the task's
    watermark is at `settled` is no series that has just moved away.
    """

    task: str
    time: datetime
    settled: datetime
    series: list[str]


class Cause(Struct, frozen=True, kw_only=True):
    """A probable cause. `share` is how probable it is among those that are affected or changed, 0 to 1; `reason` is a
    sentence for a person; `signs` are the numbers that `share` is made of, each by its name.
    """

    entity: str
    share: float
    reason: str
    anomalies: list[str]
    change: str | None = None
    signs: dict[str, float] = field(default_factory=dict)


class Member(Struct, frozen=True, kw_only=True):
    """An anomaly as an incident keeps it, at its oddest moment; the whole of it is in the anomalies topic under `id`.

    `template`: of a log series, the lines that it counts, or most of them.
    """

    id: str
    entity: str
    signal: AnomalySignal
    series: str
    head: str
    direction: Direction
    started_at: datetime
    ended_at: datetime | None
    p_value: float
    severity: Severity
    summary: str
    why: str
    late: bool = False
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    unit: str = ""
    observed: float | None = None
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.0
    surprise: float = 0.0
    returns: int = 0
    template: str = ""


class Impact(Struct, frozen=True, kw_only=True):
    """What an incident costs, by a series that was declared a KPI, since `since`.

    `share`: by how much it is off what is expected now (-0.32: a third less). `loss`: by how much in all it has been
    worse so far, in `unit`.
    """

    entity: str
    series: str
    name: str
    unit: str
    since: datetime
    share: float | None
    loss: float
    summary: str


class Acted(Struct, frozen=True, kw_only=True):
    """What somebody did to an incident, as far as the correlator has heard it (`floodmark.actions`)."""

    id: str
    verb: str
    by: str
    applied_at: datetime
    reason: str = ""


class Incident(Struct, frozen=True, kw_only=True):
    """One revision of an incident. `why` says why its members belong together; `causes` are best first.

    `member_count` counts all members; `members` holds the most telling ones up to `correlate.members`. `labels` are
    those that all members share, `lines` the log lines that say most. `by_chance`: how many seconds pass between two
    groups of anomalies as improbable as this one where nothing is wrong, as far as this scope has shown; 0 if nobody
    said. `impact`: what it has cost so far. `watermark`: event time that was known when it was written. `acts`: what
    people did to it, the newest last, at most 20. `told`: "after" if it was over by the moment at which it would have
    been opened, so that this is the first that is said of it.
    """

    id: str
    event: Literal["opened", "updated", "resolved", "reopened", "merged"]
    revision: int
    scope: str
    severity: Severity
    title: str
    why: str
    started_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    resolution: str
    entities: list[str]
    member_count: int
    members: list[Member]
    causes: list[Cause]
    changes: list[ChangeNotice]
    merged_into: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    by_chance: float = 0.0
    impact: list[Impact] = field(default_factory=list)
    watermark: datetime | None = None
    acts: list[Acted] = field(default_factory=list)
    told: Literal["", "after"] = ""
