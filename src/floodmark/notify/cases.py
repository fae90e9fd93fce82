"""What a desk knows of one thing that is told, and of itself: the records from which it goes on after a restart.

A case is an incident, a digest, a change, a request or the run of a playbook. Its record holds all of it, so that the
newest record of each key is enough. It keeps the revisions that something still to be sent is about, and no others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct, field

from floodmark.actions import Action, Arguments
from floodmark.alerts import ChangeNotice, Incident, Severity
from floodmark.config.schedules import Standin
from floodmark.fold import Life, Revision, State
from floodmark.notify.lanes import Lane
from floodmark.notify.throttle import Bucket
from floodmark.requests import ModelRequest

CASE_TYPE: Final = "dev.floodmark.notify-case.v1"
DESK_KEY: Final = b"desk|"
_CASE: Final = b"case|"
_LARGEST: Final = 512 * 1024
"""Bytes of a record, from which on it keeps fewer members of its incidents. Kafka takes a MiB by default."""
_FEW: Final = 5

MEMBERS: Final = 100
"""Members of an incident that are kept, and told; all are counted."""
ENTITIES: Final = 1_000

Stage = Literal["unrouted", "held", "muted", "storm", "told", "over"]
"""unrouted: nobody is told of it. held: it may grow. muted: by a silence. storm: it is a line of a digest."""


class ChainStep(Struct, frozen=True):
    notify: list[str]
    wait: float


class Plan(Struct, frozen=True, omit_defaults=True):
    """How an incident is told: what the config said when it opened. Hours and schedules are always asked anew."""

    route: str
    targets: list[str]
    page: Severity
    fallback: list[str] = field(default_factory=list)
    playbooks: list[str] = field(default_factory=list)
    steps: list[ChainStep] = field(default_factory=list)
    repeat: int = 1
    last: list[str] = field(default_factory=list)


class Climb(Struct, omit_defaults=True):
    """A chain that is being gone through: the step that comes next, when, and who is asked before it."""

    due: float
    step: int = 0
    first: str = ""


class Offer(Struct, omit_defaults=True):
    """A playbook for an incident: how far it is, and until when it can be approved."""

    state: Literal["proposed", "running", "done"]
    until: float
    service: str
    version: str = ""


class Case(Struct, omit_defaults=True, eq=False):
    """`revision` counts what can be told of it. `lanes`: by target. `line`, `acts`: what its life is folded from;
    `heard`: the offset of the newest action that was told. `worst`: the severity that was told since it opened.
    `said`: of a change, its statuses that were told; of a digest, the incidents whose end is its own.
    `waiting`: people who hear of it when their quiet hours end, and when that is."""

    key: str
    kind: Literal["incident", "digest", "change", "request", "playbook"] = "incident"
    revision: int = 0
    began: float = 0.0
    lanes: dict[str, Lane] = field(default_factory=dict)
    bodies: dict[int, Incident] = field(default_factory=dict)
    texts: dict[int, list[str]] = field(default_factory=dict)
    notices: dict[int, ChangeNotice] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    request: ModelRequest | None = None
    playbook: str = ""
    dry_run: bool = False
    incident: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    until: float = 0.0
    line: list[Revision] = field(default_factory=list)
    acts: list[tuple[int, Action]] = field(default_factory=list)
    heard: int = -1
    state: State = "none"
    owner: str = ""
    ends: datetime | None = None
    stage: Stage = "held"
    held: float = 0.0
    plan: Plan | None = None
    worst: Severity = "info"
    cause: str = ""
    next_cause: str = ""
    cause_due: float = 0.0
    changes: list[str] = field(default_factory=list)
    climb: Climb | None = None
    silence: str = ""
    storm: str = ""
    waiting: dict[str, float] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    forget: float = 0.0

    def newest(self) -> Incident:
        """The newest revision."""
        return self.bodies[self.revision]

    def state_at(self, revision: int) -> Literal["open", "acked", "snoozed", "resolved", "merged"]:
        """Where it stands; of a revision that is not the newest, as that has it."""
        body = self.bodies.get(revision)
        if revision == self.revision or body is None:
            return self.state if self.state != "none" else "open"
        if body.event == "resolved":
            return "resolved"
        return "merged" if body.event == "merged" else "open"

    def proposed(self, now: float) -> str:
        """The playbook that somebody can approve now; empty: none."""
        standing = (name for name, each in self.offers.items() if each.state == "proposed" and now <= each.until)
        return next(standing, "") if self.alive() else ""

    def alive(self) -> bool:
        """Whether it is an incident that is not over."""
        return self.kind == "incident" and self.state in ("open", "acked", "snoozed")

    def lane(self, target: str) -> Lane:
        return self.lanes.setdefault(target, Lane())

    def prune(self) -> None:
        """Forget the revisions that nothing is to be sent of."""
        kept = {each.revision for lane in self.lanes.values() for each in lane.queue} | {self.revision}
        self.bodies = {number: body for number, body in self.bodies.items() if number in kept}
        self.texts = {number: text for number, text in self.texts.items() if number in kept}
        self.notices = {number: notice for number, notice in self.notices.items() if number in kept}

    def idle(self) -> bool:
        return all(lane.idle() for lane in self.lanes.values())

    def live(self, life: Life) -> None:
        self.state, self.owner, self.ends = life.state, life.owner, life.until


class Silence(Struct, omit_defaults=True):
    """What mutes messages, not detection. `muted`: incidents that it has muted so far."""

    id: str
    by: str
    since: float
    until: float
    match: dict[str, str | list[str]] = field(default_factory=dict)
    incident: str = ""
    reason: str = ""
    muted: int = 0
    warned: bool = False


class Storm(Struct, omit_defaults=True):
    """New incidents of a route, of late; and the digest that stands for them while there are too many."""

    times: list[float] = field(default_factory=list)
    key: str = ""
    since: float = 0.0
    edited: float = 0.0
    members: list[str] = field(default_factory=list)
    fresh: bool = False


class Run(Struct, frozen=True):
    """A playbook was run for a service."""

    at: float
    playbook: str
    service: str


class Ledger(Struct, omit_defaults=True):
    """What a desk knows that is of no one incident."""

    silences: dict[str, Silence] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)
    standins: dict[str, Standin] = field(default_factory=dict)
    storms: dict[str, Storm] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)


def slim(incident: Incident) -> Incident:
    """The revision as it is kept and told: of what may be many, the first."""
    if len(incident.members) <= MEMBERS and len(incident.entities) <= ENTITIES:
        return incident
    return msgspec.structs.replace(incident, members=incident.members[:MEMBERS], entities=incident.entities[:ENTITIES])


def case_key(key: str) -> bytes:
    """The key of a case's record."""
    return _CASE + key.encode()


def is_case(key: bytes) -> bool:
    return key.startswith(_CASE)


def headers(identity: str) -> tuple[tuple[str, bytes], ...]:
    """Those of a record of ours, a CloudEvent in binary mode. Readers of the topic skip what they do not know."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_id", identity.encode()),
        ("ce_source", b"/floodmark/notify"),
        ("ce_type", CASE_TYPE.encode()),
        ("content-type", b"application/json"),
    )


def write(record: Case | Ledger) -> bytes:
    """The record's body. What would be too large for Kafka keeps the first members of its incidents only, and
    not what people have said."""
    body = _ENCODER.encode(record)
    if len(body) <= _LARGEST or isinstance(record, Ledger):
        return body
    record.bodies = {
        number: msgspec.structs.replace(
            each,
            members=each.members[:_FEW],
            lines=each.lines[:_FEW],
            causes=each.causes[:_FEW],
            changes=each.changes[:_FEW],
            entities=each.entities[:100],
        )
        for number, each in record.bodies.items()
    }
    record.acts = [(offset, _bare(action)) for offset, action in record.acts]
    return _ENCODER.encode(record)


def _bare(action: Action) -> Action:
    """What an incident's life is folded from: what was said with it has been told."""
    args = action.args
    kept = Arguments(until=args.until, unless=args.unless, to=args.to, priority=args.priority, playbook=args.playbook)
    return msgspec.structs.replace(action, reason="", args=kept)


def read_case(body: bytes) -> Case:
    """Raises msgspec.MsgspecError."""
    return _CASES.decode(body)


def read_ledger(body: bytes) -> Ledger:
    """Raises msgspec.MsgspecError."""
    return _LEDGERS.decode(body)


_ENCODER: Final = msgspec.json.Encoder()
_CASES: Final = msgspec.json.Decoder(Case)
_LEDGERS: Final = msgspec.json.Decoder(Ledger)
