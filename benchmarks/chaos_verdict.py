"""What a run of the chaos benchmark was worth: faults told, late, missed; false green; doubled. Pure functions.

All times are seconds since the phase's start, by the clock of whoever watched; a record's time is when an independent
read-committed reader was first shown it. Times of events are turned into seconds since the start by `Reading.of`.

Told
    A fault is *told* by the first revision of an incident of its region that lists a member of its service which began
    while it was on. It is *due* `TELL` seconds after it began; if something happens to the broker or to a worker
    before that, not before `RECOVER` and `TELL` after that has ended. Told after it was due is *late*, never told
    (until a minute after the phase's end) is *missed*.

False green
    The time in which every living worker said that it was ready, although (a) the broker had been away for longer than
    it may take to notice (`NOTICE`, and anew for a worker that was stopped and continues), or (b) an anomaly had waited
    for longer than `BEARABLE`. What waits is the first anomaly of a fault, until the fault is told or the phase is
    over, and every anomaly of severity error or critical that an incident lists sooner or later, until it does. (Milder
    ones may be held back on purpose.) A living worker that does not answer is not ready. Time counts between two looks
    that both saw green.

Doubled
    A revision of an incident (id and number), or an event of an anomaly, that a read-committed reader is shown again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import orjson

from chaos_plan import BROKER, Fault
from floodmark.letters import reason
from kafka_side import Written

PATIENCE: Final = 30.0
"""The default of `correlate.patience`: how long the correlator waits for a task that says nothing."""
LATENESS: Final = 2.0
TICK: Final = 1.0
"""As the benchmark's config has them."""
BEARABLE: Final = PATIENCE + LATENESS + TICK + 5
"""Five seconds more: for the way through Kafka, and for a busy machine."""
NOTICE: Final = {"stop": 5.0, "kill": 5.0, "freeze": 10.0}
TELL: Final = 20.0
RECOVER: Final = 30.0
CALM: Final = 60.0
"""After so long a fleet that is well should say so."""
ONSET: Final = 2.0
"""A window of logs that a fault falls into began before it."""
GAP: Final = 2.0
"""Looks further apart than this prove nothing about the time between them."""

Interval = tuple[float, float]
Outcome = Literal["told", "late", "missed"]


class Happened(NamedTuple):
    """Trouble as it really was."""

    kind: str
    begin: float
    end: float
    worker: int = -1


class Look(NamedTuple):
    """One round of asking all living workers whether they are ready."""

    at: float
    green: bool


class Opened(NamedTuple):
    """An anomaly that opened."""

    at: float
    id: str
    scope: str
    entity: str
    started: float
    severe: bool


class Member(NamedTuple):
    id: str
    entity: str
    started: float


class Revision(NamedTuple):
    """One revision of an incident."""

    at: float
    id: str
    number: int
    scope: str
    members: tuple[Member, ...]


class Reading(NamedTuple):
    """What was read of the engine's topics, in the order of `at`."""

    opened: tuple[Opened, ...]
    revisions: tuple[Revision, ...]

    @staticmethod
    def of(records: Iterable[tuple[float, Written]], start: float) -> Reading:
        """Of records and when each was readable; `start` is the phase's, in epoch seconds. Others are left out."""
        opened: list[Opened] = []
        revisions: list[Revision] = []
        for at, record in records:
            kind = record.header("ce_type")
            if kind == "dev.floodmark.anomaly.v1":
                body = orjson.loads(record.value or b"{}")
                if body["event"] == "opened":
                    severe = body["severity"] in ("error", "critical")
                    began = _seconds(body["started_at"], start)
                    opened.append(Opened(at, body["id"], body["scope"], body["entity"], began, severe))
            elif kind == "dev.floodmark.incident.v1":
                body = orjson.loads(record.value or b"{}")
                members = tuple(
                    Member(one["id"], one["entity"], _seconds(one["started_at"], start)) for one in body["members"]
                )
                revisions.append(Revision(at, body["id"], body["revision"], body["scope"], members))
        return Reading(tuple(sorted(opened)), tuple(sorted(revisions)))


class Verdict(NamedTuple):
    """What became of a fault. `found` is when its first anomaly was readable, `told` when an incident was.

    They are None if that never was. `incidents` are all that list a member of it.
    """

    fault: Fault
    due: float
    found: float | None
    told: float | None
    outcome: Outcome
    incidents: tuple[str, ...]


class DeadLetters(NamedTuple):
    """`lost` and `doubled` poison, and how many other dead letters there are of each class."""

    lost: int
    doubled: int
    others: Counter[str]


def is_of(fault: Fault, scope: str, entity: str, started: float) -> bool:
    """Whether an anomaly is the fault's: of its region and service, and begun while it was on."""
    return (scope, entity) == (fault.region, fault.service) and fault.at - ONSET <= started <= fault.end


def tells(revision: Revision, fault: Fault) -> bool:
    """Whether the revision lists an anomaly of the fault."""
    return any(is_of(fault, revision.scope, member.entity, member.started) for member in revision.members)


def due(fault: Fault, happened: Iterable[Happened]) -> float:
    """When the fault has to be told."""
    when = fault.at + TELL
    for trouble in sorted(happened, key=lambda trouble: trouble.begin):
        if trouble.begin < when and trouble.end + RECOVER > fault.at:
            when = max(when, trouble.end + RECOVER + TELL)
    return when


def judge(fault: Fault, happened: Iterable[Happened], reading: Reading) -> Verdict:
    """What became of a fault. `happened`: all trouble of its phase."""
    found = next((one.at for one in reading.opened if is_of(fault, one.scope, one.entity, one.started)), None)
    telling = [revision for revision in reading.revisions if tells(revision, fault)]
    when = due(fault, happened)
    incidents = tuple(dict.fromkeys(revision.id for revision in telling))
    if not telling:
        return Verdict(fault, when, found, None, "missed", incidents)
    at = telling[0].at
    return Verdict(fault, when, found, at, "told" if at <= when else "late", incidents)


def away(happened: Iterable[Happened]) -> list[Interval]:
    """The times in which nobody may say ready because the broker is away."""
    troubles = list(happened)
    pauses = [trouble for trouble in troubles if trouble.kind == "pause"]
    found: list[Interval] = []
    for outage in troubles:
        if outage.kind in BROKER:
            notice = NOTICE[outage.kind]
            begin = outage.begin + notice
            for pause in sorted(pauses, key=lambda pause: pause.begin):
                if begin < pause.end + notice and pause.begin < outage.end:
                    found.append((begin, pause.begin))
                    begin = pause.end + notice
            found.append((begin, outage.end))
    return [(begin, end) for begin, end in found if begin < end]


def waiting(verdicts: Iterable[Verdict], reading: Reading, end: float) -> list[Interval]:
    """The times in which nobody may say ready because an anomaly waits for too long."""
    listed: dict[str, float] = {}
    for revision in reading.revisions:
        for member in revision.members:
            listed.setdefault(member.id, revision.at)
    spans = [(one.at, listed[one.id]) for one in reading.opened if one.severe and one.id in listed]
    spans += [(one.found, end if one.told is None else one.told) for one in verdicts if one.found is not None]
    return [(begin + BEARABLE, until) for begin, until in spans if until - begin > BEARABLE]


def calm(happened: Iterable[Happened], end: float) -> list[Interval]:
    """The times in which everybody should say ready: `CALM` seconds after the start, and after each trouble."""
    troubled = _union([(0.0, CALM), *((trouble.begin, trouble.end + CALM) for trouble in happened)])
    return [(before[1], after[0]) for before, after in pairwise([*troubled, (end, end)]) if before[1] < after[0]]


def green_seconds(looks: Sequence[Look], wrong: Iterable[Interval]) -> float:
    """How long it was green within any of the intervals."""
    seconds = 0.0
    merged = _union(wrong)
    for before, after in pairwise(looks):
        if before.green and after.green and after.at - before.at <= GAP:
            seconds += sum(max(0.0, min(after.at, end) - max(before.at, begin)) for begin, end in merged)
    return seconds


def doubled(records: Iterable[Written]) -> dict[str, int]:
    """What there is more than once, and how often it is there too many times."""
    kinds = ("dev.floodmark.incident.v1", "dev.floodmark.anomaly.v1")
    found = Counter(
        f"{record.header('ce_source')} {record.header('ce_id')}"
        if record.header("ce_type") == kinds[1]
        else record.header("ce_id")  # whichever task told it
        for record in records
        if record.header("ce_type") in kinds
    )
    return {name: count - 1 for name, count in found.items() if count > 1}


def dead_letters(records: Iterable[Written], poison: Collection[bytes]) -> DeadLetters:
    """`poison` are the keys of all that was sent; `records` are all of the topic of dead letters."""
    found: Counter[bytes] = Counter()
    others: Counter[str] = Counter()
    for record in records:
        if record.key is not None and record.key in poison:
            found[record.key] += 1
        else:
            others[reason(record.headers).error] += 1
    lost = sum(found[key] == 0 for key in poison)
    return DeadLetters(lost, sum(count - 1 for count in found.values()), others)


def noise(revisions: Iterable[Revision], faults: Sequence[Fault]) -> int:
    """Incidents that list no member of any fault."""
    ours: dict[str, bool] = {}
    for revision in revisions:
        ours[revision.id] = ours.get(revision.id, False) or any(tells(revision, fault) for fault in faults)
    return sum(not found for found in ours.values())


def _union(intervals: Iterable[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def _seconds(text: str, start: float) -> float:
    return datetime.fromisoformat(text).timestamp() - start
