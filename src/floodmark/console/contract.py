"""What the API below /api/v1 answers; its OpenAPI is made from this module.

Times are RFC 3339 in UTC; points, lifelines and cells carry float epoch seconds to stay small. A list that goes on has
`next`, the cursor of its next page. Bodies that stand in topics (`Incident`, …) are
given as they stand there. Errors are RFC 9457 problems.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple

from msgspec import Struct, field

from floodmark.actions import Action
from floodmark.alerts import AnomalySignal, ChangeNotice, Direction, Incident, Point, Severity
from floodmark.deliveries import Delivery
from floodmark.fold import State
from floodmark.reports import ConfigLoaded, ModelReport
from floodmark.requests import ModelRequest

# --- every page


class Status(Struct, frozen=True, kw_only=True):
    """How far everything is; each page shows it. `now` is the server's clock: a browser's may be wrong.

    `behind_records`, `behind_seconds`: how far the console is behind the topics; `building` while it reads what there
    was before its start. `reached`: event time that the engine has reached; `engine_behind`: seconds between what it
    reads and what there is, None if no engine says so. `oldest`: nothing is shown of before this. `away`: why Kafka is
    not there, as a sentence; empty while it is. `sequence`: of the newest live event.
    """

    now: datetime
    behind_records: int
    behind_seconds: float
    building: bool
    reached: datetime | None
    engine_behind: float | None
    engine_ready: bool | None
    oldest: datetime | None
    incidents: int
    open: int
    needs: int
    series: int | None
    wrong: int
    rebuilt: str
    away: str
    sequence: int


class Me(Struct, frozen=True, kw_only=True):
    """Who is signed in. `may`: of each verb "" if it may be done, else the sentence why not (it may still depend on the
    incident: see `IncidentPage.may`). `people`, `schedules`: to whom something can be assigned. `verbs`: those that a
    token names; None of whoever signs in otherwise, and of a token that names none."""

    name: str
    role: str
    kind: Literal["none", "token", "basic", "oidc", "proxy"]
    may: dict[str, str]
    people: list[str]
    schedules: list[str]
    version: str
    verbs: list[str] | None = None


# --- incidents


class Bar(NamedTuple):
    """A member on the lifeline of its incident: place of its entity in `IncidentRow.entities`, from, until (None: still
    odd), severity as its place in `SEVERITIES`."""

    entity: int
    start: float
    end: float | None
    severity: int


class Tick(NamedTuple):
    """A change beside a line of time."""

    time: float
    service: str
    kind: str
    summary: str


class IncidentRow(Struct, frozen=True, kw_only=True):
    """An incident in a list. `state`: where it stands by the engine and by people; `woke`: why it needs somebody again.
    `first`: the entity to look at first, how probable (0 to 1), the reason, and the change that is to blame in words
    ("deploy release 3.41.0 of payment, 61 s before"), empty if none is."""

    id: str
    revision: int
    state: State
    severity: Severity
    title: str
    why: str
    scope: str
    first: str
    first_share: float
    first_reason: str
    first_change: str
    entities: list[str]
    entity_count: int
    member_count: int
    started_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    owner: str
    until: datetime | None
    woke: str
    priority: str
    told: str
    merged_into: str | None
    impact: list[str]
    lifeline: list[Bar]
    changes: list[Tick]
    by_people: str


class IncidentList(Struct, frozen=True, kw_only=True):
    """`counts`: how many match in all, by group: needs (open, and nobody has it), handled (acknowledged or snoozed),
    resolved, merged."""

    rows: list[IncidentRow]
    next: str | None
    counts: dict[str, int]


class Lane(Struct, frozen=True, kw_only=True):
    """A member on the timeline. `points` are all that are known, oldest first, at most 400; `partial` if some are
    gone by retention. `facts` and `lines` as in `Evidence`. `judged`: what people said of it ("not_anomaly by ann")."""

    id: str
    entity: str
    signal: AnomalySignal
    series: str
    name: str
    unit: str
    head: str
    direction: Direction
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    observed: float | None
    expected: float | None
    low: float | None
    high: float | None
    p_value: float
    level: float
    summary: str
    why: str
    template: str
    judged: str
    late: bool
    points: list[Point]
    lines: list[str]
    facts: dict[str, float | str]
    partial: bool


class Entry(Struct, frozen=True, kw_only=True):
    """Something that happened to an incident: a revision, an action with what came of it, or a delivery. `text` is a
    sentence; `quote` is what a person wrote; `undo` is the verb that takes it back, empty if nothing does."""

    at: datetime
    kind: Literal["revision", "action", "delivery"]
    severity: Severity | None
    by: str
    text: str
    quote: str
    id: str
    failed: bool
    undo: str


class Edge(NamedTuple):
    """A call between two services."""

    caller: str
    callee: str


class Topology(Struct, frozen=True, kw_only=True):
    """Who calls whom: of the config and of what was learned from spans."""

    nodes: list[str]
    edges: list[Edge]


class Ownership(Struct, frozen=True, kw_only=True):
    """Whose the services of an incident are. `on_call`: person by schedule of the owning routes, now."""

    service: str
    owner: str
    runbook: str
    tier: int | None
    on_call: list[str]


class Kin(Struct, frozen=True, kw_only=True):
    """An earlier incident like this one."""

    id: str
    title: str
    started_at: datetime
    resolved_at: datetime | None
    shared: list[str]
    resolution: str


class IncidentPage(Struct, frozen=True, kw_only=True):
    """All of an incident but its older revisions. `lanes` are the 12 most telling; GET .../lanes has the others.
    `order`: onset of each affected entity. `may`: as in `Me`, for this one. `effective`: event time from which an
    action on it would hold. `incident` is None if only actions on it are known."""

    row: IncidentRow
    incident: Incident | None
    lanes: list[Lane]
    more_lanes: int
    entries: list[Entry]
    topology: Topology
    order: dict[str, datetime]
    nearby: list[ChangeNotice]
    ownership: list[Ownership]
    kin: list[Kin]
    may: dict[str, str]
    effective: datetime | None
    link: str


class Lanes(Struct, frozen=True, kw_only=True):
    lanes: list[Lane]
    next: str | None


class Water(Struct, frozen=True, kw_only=True):
    """The strip above the incidents: anomalies begun in each bucket by severity (columns of `SEVERITIES`), incidents as
    bars (id, from, until, severity, open), and changes."""

    start: float
    bucket: float
    counts: list[tuple[int, int, int, int]]
    incidents: list[tuple[str, float, float | None, int, bool]]
    changes: list[Tick]
    anomalies: int


# --- explorer


class AnomalyRow(Struct, frozen=True, kw_only=True):
    """An anomaly in a list; `incident` is empty if it was told of none."""

    id: str
    entity: str
    signal: AnomalySignal
    series: str
    name: str
    unit: str
    head: str
    direction: Direction
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    observed: float | None
    expected: float | None
    p_value: float
    summary: str
    incident: str
    judged: str


class AnomalyList(Struct, frozen=True, kw_only=True):
    rows: list[AnomalyRow]
    next: str | None


class AnomalyPage(Struct, frozen=True, kw_only=True):
    """An anomaly with its evidence; `explain` is the command that says more."""

    lane: Lane
    scope: str
    labels: dict[str, str]
    detector: str
    incident: str
    explain: str


class Cell(NamedTuple):
    """Of a row of the heat map: column, worst severity, how many began here, how many still go on."""

    column: int
    severity: int
    began: int
    going: int


class HeatRow(Struct, frozen=True, kw_only=True):
    name: str
    count: int
    cells: list[Cell]


class Heat(Struct, frozen=True, kw_only=True):
    """Services (or the series of one) by time: `columns` buckets of `bucket` seconds from `start`."""

    start: float
    bucket: float
    columns: int
    by: Literal["entity", "series"]
    rows: list[HeatRow]
    more: int
    incidents: list[tuple[str, float, float | None, int, bool]]
    changes: list[Tick]


class Changes(Struct, frozen=True, kw_only=True):
    changes: list[ChangeNotice]
    next: str | None


# --- models


class ModelRow(Struct, frozen=True, kw_only=True):
    model: str
    versions: list[str]
    newest: ModelReport
    odd: int
    open_incidents: int


class Models(Struct, frozen=True, kw_only=True):
    models: list[ModelRow]


class ModelPage(Struct, frozen=True, kw_only=True):
    """A version of a model: its reports in the range, oldest first, thinned to at most 300; only the newest has
    features and groups."""

    model: str
    version: str
    versions: list[str]
    reports: list[ModelReport]
    anomalies: list[AnomalyRow]
    incidents: list[IncidentRow]
    requests: list[ModelRequest]
    changes: list[ChangeNotice]


# --- on call


class Shift(NamedTuple):
    """Who is on call from when until when; `override`: because somebody said so."""

    person: str
    start: float
    end: float
    override: bool


class ScheduleRow(Struct, frozen=True, kw_only=True):
    name: str
    timezone: str
    now: str
    next: str
    next_at: datetime | None
    shifts: list[Shift]
    gaps: list[tuple[float, float]]


class SilenceRow(Struct, frozen=True, kw_only=True):
    """A silence or a maintenance: what it mutes `now` (incidents), how many it has muted."""

    id: str
    verb: Literal["silence", "maintain"]
    by: str
    reason: str
    match: dict[str, str | list[str]]
    since: datetime
    until: datetime
    over: bool
    mutes: list[str]
    muted: int


class RouteRow(Struct, frozen=True, kw_only=True):
    name: str
    match: dict[str, str | list[str]]
    targets: list[str]
    chain: str
    steps: list[str]


class OnCall(Struct, frozen=True, kw_only=True):
    schedules: list[ScheduleRow]
    silences: list[SilenceRow]
    routes: list[RouteRow]
    people: dict[str, list[str]]
    failed: list[Delivery]
    configured: bool


class RouteTest(Struct, frozen=True, kw_only=True):
    """Where an incident would go: each step in a sentence, with the seconds after its opening."""

    route: str
    steps: list[tuple[float, str]]
    why: str


class SilencePreview(Struct, frozen=True, kw_only=True):
    """What a silence would mute: open incidents now, and how many of the last seven days it would have."""

    now: list[IncidentRow]
    week: int
    problem: str


class Deliveries(Struct, frozen=True, kw_only=True):
    deliveries: list[Delivery]
    next: str | None


# --- engine


class EngineRow(Struct, frozen=True, kw_only=True):
    """An engine that is asked. `problem`: why it does not answer; else what it says of itself."""

    url: str
    version: str
    ready: bool
    reasons: list[str]
    problem: str


class TaskRow(Struct, frozen=True, kw_only=True):
    group: str
    topic: str
    partition: int
    records: float
    behind: float
    series: float
    open: float
    waiting: float


class DeadLetterGroup(Struct, frozen=True, kw_only=True):
    """Dead letters of one error and origin: how many, the newest, and what it says."""

    error: str
    origin: str
    stage: str
    count: int
    newest: datetime
    message: str
    partition: int
    offset: int


class DeadLetterPage(Struct, frozen=True, kw_only=True):
    """One dead letter with its value, as text with escapes; `cut` if it is longer."""

    error: str
    message: str
    origin: str
    origin_partition: int | None
    origin_offset: int | None
    stage: str
    at: datetime
    key: str
    value: str
    cut: bool
    headers: list[tuple[str, str]]


class WrongRecord(Struct, frozen=True, kw_only=True):
    topic: str
    partition: int
    offset: int
    reason: str
    at: datetime


class VerdictRow(Struct, frozen=True, kw_only=True):
    """What somebody said of an anomaly, and what stands."""

    anomaly: str
    verdict: str
    by: str
    at: datetime
    reason: str
    summary: str


class Retried(Struct, frozen=True, kw_only=True):
    """What was sent again, or with `dry_run` would be."""

    count: int
    topics: dict[str, int]


class Engine(Struct, frozen=True, kw_only=True):
    """`history`: `behind` (records), `records` (read so far), `memory` (bytes): pairs of epoch seconds and value.
    `alarms`: opened in the last week by head; `budget`: how many there may be in all by the budget, None if unknown."""

    engines: list[EngineRow]
    tasks: list[TaskRow]
    history: dict[str, list[tuple[float, float]]]
    alarms: dict[str, int]
    alarms_series_week: float | None
    budget_series_week: float | None
    incidents_week: int
    budget_incidents_week: float | None
    dead_letters: list[DeadLetterGroup]
    configs: list[ConfigLoaded]
    feedback: list[VerdictRow]
    wrong: list[WrongRecord]
    topics: dict[str, int]
    store_bytes: int
    rebuilt: str


# --- audit, search, acting


class AuditRow(Struct, frozen=True, kw_only=True):
    """Somebody did something, or was refused it here (`refused` says why)."""

    action: Action
    offset: int | None
    effect: str
    refused: str


class Audit(Struct, frozen=True, kw_only=True):
    rows: list[AuditRow]
    next: str | None


class Found(Struct, frozen=True, kw_only=True):
    """Something that a search has found. `where`: the page that shows it."""

    kind: Literal["incident", "anomaly", "series", "entity", "change", "person", "model"]
    id: str
    text: str
    where: str
    at: datetime | None


class Search(Struct, frozen=True, kw_only=True):
    found: list[Found]


class Acting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The body of POST /actions: an action without what the server knows (who, when, by which way)."""

    verb: str
    incident: str = ""
    seen: int = 0
    reason: str = ""
    args: dict[str, Any] = field(default_factory=dict)


class Acted(Struct, frozen=True, kw_only=True):
    """The action is on the topic. It may still be refused by the engine: the page's entries say so."""

    id: str
    offset: int
    action: Action


class Retrying(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /dead-letters/retry."""

    error: str = ""
    origin: str = ""
    dry_run: bool = True


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, as application/problem+json. `pointer`: where in the body (RFC 6901); `current`: what is true now,
    where an action came too late."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    pointer: str = ""
    current: IncidentRow | None = None


class Live(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event of GET /live: its name is `kind`, its id `sequence`. `row`: of an incident. gap: something is missing,
    so ask again."""

    kind: Literal["incident", "anomaly", "action", "delivery", "status", "report", "gap"]
    sequence: int
    id: str = ""
    row: IncidentRow | None = None
    status: Status | None = None
