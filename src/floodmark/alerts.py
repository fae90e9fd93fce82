"""What flows out: anomalies, watermarks and incidents. `schemas/` is generated from this module.

Times are aware UTC datetimes, RFC 3339 on the wire; evidence points carry float epoch seconds to stay small.
Ids are derived from content (`content_id`), so that a replay gives the same ids.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from msgspec import Struct, field

from floodmark.signals import ChangeKind

Direction = Literal["up", "down", "none"]
Severity = Literal["info", "warning", "error", "critical"]
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
    `updated_at` of an update is the newest odd point; its evidence is left out.

    `p_value` is how often a normal moment of this series would look at least this odd, by `head`, the part of
    the model that said so; never less than 1 in as many as have been seen, for that is all that is known. `surprise`
    is how odd the model takes it to be beyond that: -log10 of its own p-value, up to 300, by which anomalies can be
    ranked. `returns`: how often it was odd again, as at first, after it had been normal for a while. `expected`,
    `low`, `high` are in the unit of `observed`; None where the head has no band.
    """

    id: str
    event: Literal["opened", "updated", "closed"]
    scope: str
    entity: str
    signal: Literal["metric", "log", "prediction", "span"]
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
    returns: int = 0


class ChangeNotice(Struct, frozen=True, kw_only=True):
    """A change, on its way to the correlator through the anomalies topic (law 2: what is joined meets there).

    An empty `scope` means every scope: the native format names only the service.
    """

    id: str
    scope: str
    time: datetime
    service: str
    kind: ChangeKind
    summary: str


class Watermark(Struct, frozen=True, kw_only=True):
    """A detect task's promise: nothing older than `time` will follow, except what is late.

    `task` is "topic/partition"; `tasks` is how many such tasks there are, and `topics` of which topics, with the number
    of partitions of each, so that the correlator waits for all and can name who is missing. An `idle` task is not
    waited for until it has something to say. A task that has nothing new to say repeats its word every few seconds: so
    that whoever begins to listen hears of it, and silence means that it is not there.
    """

    task: str
    tasks: int
    time: datetime
    idle: bool
    topics: dict[str, int] = field(default_factory=dict)


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
    """A probable cause. `share` is its part of all the evidence, 0 to 1; `reason` is a sentence for a person."""

    entity: str
    share: float
    reason: str
    anomalies: list[str]
    change: str | None = None


class Member(Struct, frozen=True, kw_only=True):
    """An anomaly as an incident keeps it; the whole of it is in the anomalies topic under `id`."""

    id: str
    entity: str
    signal: Literal["metric", "log", "prediction", "span"]
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


class Incident(Struct, frozen=True, kw_only=True):
    """One revision of an incident. `why` says why its members belong together; `causes` are best first.

    `member_count` counts all members; `members` holds the most telling ones up to the configured cap.
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
