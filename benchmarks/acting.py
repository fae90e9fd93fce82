"""People of the crash benchmark: what they do to the incidents of a run, as messages of the topic of actions.

The same incidents give the same actions. Each names a moment of event time from which it holds, some minutes after what
it is about was told, and is sent long before: then no interleaving may change what comes of it. Some are of those that
the engine does not hear, some come twice, and some are refused, as what they are about is merged or over by then.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import orjson

from floodmark.actions import Action, ActionOutcome, Arguments
from floodmark.alerts import Incident
from floodmark.cli.acted import heeding, read_actions
from floodmark.config.models import Config
from floodmark.events import TYPES, encode, event_type
from floodmark.flow.local import LocalFlow
from floodmark.records import Record
from kafka_side import Message, Written

EARLY: Final = timedelta(minutes=50)
"""Event time by which an action is sent before it holds: more than the routes may be behind."""


def deeds(incidents: Sequence[Incident], seed: int) -> list[Action]:
    """What people do to these (every revision, in order): in order of when it holds."""
    draw = random.Random(seed)
    told: dict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        told[incident.id].append(incident)
    found: list[Action] = []
    for number, (name, revisions) in enumerate(sorted(told.items(), key=lambda each: (each[1][0].updated_at, each[0]))):
        first, last = revisions[0], revisions[-1]
        at = first.updated_at + timedelta(seconds=draw.randrange(5, 240))
        members = [member.id for member in max(revisions, key=lambda each: each.member_count).members]
        near = [
            other for other, theirs in sorted(told.items())
            if other != name and theirs[0].scope == first.scope and theirs[0].updated_at < at < theirs[-1].updated_at
        ]  # fmt: skip

        act = partial(_act, number, first, at)
        found.append(act("ack"))
        if near:
            found.append(act("merge", args=Arguments(from_=near[:1])))
        elif len(members) > 1 and number % 3 == 0:
            found.append(act("split", args=Arguments(anomalies=members[1:2], title=f"number {number}"), scoped=False))
        elif len(members) > 1 and number % 3 == 1:
            found.append(act("dismiss", args=Arguments(anomalies=members[:1])))
        else:
            found.append(act("resolve", scoped=bool(number % 2)))
            if number % 4 < 3:
                found.append(act("reopen", draw.randrange(10, 200)))
        if last.event == "resolved" and number % 5 == 0:
            found.append(act("resolve", 600, id="-again"))
    found += found[:: max(1, len(found) // 5)]  # a tool that says it twice
    return sorted(found, key=lambda each: (each.at, each.id))


def _act(
    number: int, incident: Incident, at: datetime, verb: str, later: float = 0, args: Arguments | None = None, *,
    scoped: bool = True, id: str = "",
) -> Action:  # fmt: skip
    when = at + timedelta(seconds=later)
    return Action(
        id=f"act-{number}-{verb}{id}",
        verb=verb,
        by="ann@example.org",
        at=when - EARLY,
        incident=incident.id,
        scope=incident.scope if scoped else "",
        seen=1,
        effective=when,
        via="crash",
        reason="as planned",
        args=args or Arguments(),
    )


def with_deeds(messages: Sequence[Message], actions: Sequence[Action], topic: str, partitions: int) -> list[Message]:
    """The messages of an input with actions among them, each where event time is when it is done."""
    waiting, found = list(actions), list[Message]()
    for message in messages:
        while waiting and waiting[0].at.timestamp() * 1000 <= message.timestamp:
            found.append(_message(waiting.pop(0), topic, partitions))
        found.append(message)
    return found + [_message(each, topic, partitions) for each in waiting]


def _message(action: Action, topic: str, partitions: int) -> Message:
    told = encode(action, source="crash", key=action.key())
    partition = sum(action.key().encode()) % partitions
    return Message(topic, partition, told.key, told.value, int(action.at.timestamp() * 1000), tuple(told.headers))


def incidents_of(records: Sequence[Written]) -> list[Incident]:
    """Every revision, in the order of each incident."""
    return [msgspec.json.decode(r.value or b"", type=Incident) for r in records if _is(r, Incident)]


def outcomes_of(records: Sequence[Written]) -> list[ActionOutcome]:
    """What the engine said of actions."""
    return [msgspec.json.decode(r.value or b"", type=ActionOutcome) for r in records if _is(r, ActionOutcome)]


def replayed(
    config: Config,
    messages: Sequence[Message],
    actions: Sequence[Action],
    outcomes: Sequence[ActionOutcome],
    path: Path,
) -> dict[str, list[bytes]]:
    """What `floodmark replay --actions` tells of the input, by incident: actions hold from when they were applied."""
    applied = {outcome.action: outcome.applied_at for outcome in outcomes}
    lines = [
        orjson.dumps(msgspec.to_builtins(msgspec.structs.replace(each, effective=applied.get(each.id, each.effective))))
        for each in actions
    ]
    path.write_bytes(b"\n".join(lines))
    config = heeding(config)
    done, upkeep = read_actions(path, config)
    counts: dict[str, int] = defaultdict(int)
    for message in messages:
        counts[message.topic] = max(counts[message.topic], message.partition + 1)
    flow = LocalFlow(config, partitions=counts, upkeep=upkeep)
    told: dict[str, list[bytes]] = defaultdict(list)
    for record in (*done, *_records(messages)):
        for output in flow.process([record]):
            if TYPES.get(event_type(output.headers) or "") is Incident:
                told[(output.key or b"").decode()].append(output.value or b"")
    return told


def differing(told: Mapping[str, Sequence[bytes]], records: Sequence[Written]) -> int:
    """Incidents of which a replay did not tell, byte for byte, what the run did."""
    run: dict[str, list[bytes]] = defaultdict(list)
    for record in records:
        if _is(record, Incident):
            run[(record.key or b"").decode()].append(record.value or b"")
    return sum(list(told.get(name, ())) != list(run.get(name, ())) for name in {*told, *run})


def _records(messages: Sequence[Message]) -> Iterator[Record]:
    offsets: dict[tuple[str, int], int] = defaultdict(int)
    for m in messages:
        yield Record(m.topic, m.partition, offsets[m.topic, m.partition], m.timestamp, m.key, m.value)
        offsets[m.topic, m.partition] += 1


def _is(record: Written, kind: type) -> bool:
    return TYPES.get(record.header("ce_type")) is kind
