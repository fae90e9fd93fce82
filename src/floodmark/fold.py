"""What an incident's life is, by what the engine said (revisions) and what people did (actions). Pure, and bounded.

The two come by different topics and have no common order. So an action stands right behind the revision that the person
had seen: of the actions of an incident in the order of their offsets, the running maximum of `seen`. Then whoever reads
both comes to the same answer, in whatever interleaving, and a record that is read twice changes nothing. Conflicts are
decided by offset: of two acknowledgements the first counts. There is no clock but `now`, which ends acks and snoozes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from floodmark.actions import Action
from floodmark.alerts import SEVERITIES, Incident, Severity

State = Literal["none", "open", "acked", "snoozed", "resolved", "merged"]
ACK: Final = timedelta(minutes=30)
"""How long an ack stands that says nothing itself."""
LONGEST_ACK: Final = timedelta(hours=8)
LONGEST_SNOOZE: Final = timedelta(days=7)
_OVER: Final = ("none", "resolved", "merged")
_NEEDS_OPEN: Final = frozenset({"ack", "unack", "snooze", "unsnooze", "assign", "page"})


class Revision(NamedTuple):
    """What of a revision matters here."""

    revision: int
    event: Literal["opened", "updated", "resolved", "reopened", "merged"]
    severity: Severity
    entities: int

    @classmethod
    def of(cls, incident: Incident) -> Revision:
        return cls(incident.revision, incident.event, incident.severity, len(incident.entities))


class Life(Struct, frozen=True, kw_only=True):
    """Where an incident stands. `until`: when an ack or a snooze runs out. `woke`: why it needs somebody again, in
    words. `effects`: of each action, by its id, what has come of it."""

    state: State = "none"
    owner: str = ""
    until: datetime | None = None
    severity: Severity = "info"
    priority: str = ""
    entities: int = 0
    unless_worse: bool = False
    woke: str = ""
    effects: tuple[tuple[str, str], ...] = ()


def life(
    revisions: Iterable[Revision], actions: Iterable[tuple[int, Action]], now: datetime, ack: timedelta = ACK
) -> Life:
    """The life of one incident at `now`, by its revisions and its actions (each with its offset), in any order and
    with repetitions. `ack`: how long an ack stands that says nothing itself."""
    known = {each.revision: each for each in sorted(revisions, reverse=True)}
    line: list[tuple[tuple[int, int, int], Revision | Action]] = [((n, 0, 0), each) for n, each in known.items()]
    seen, ids = 0, set[str]()
    for offset, action in sorted(actions, key=lambda pair: pair[0]):
        if action.id in ids:
            continue
        ids.add(action.id)
        seen = max(seen, action.seen)
        line.append(((seen, 1, offset), action))
    so_far = Life()
    for _, item in sorted(line, key=lambda pair: pair[0]):
        so_far = _told(so_far, item) if isinstance(item, Revision) else _done(so_far, item, ack)
    if so_far.state in ("acked", "snoozed") and so_far.until is not None and now >= so_far.until:
        word = "acknowledgement" if so_far.state == "acked" else "snooze"
        so_far = replace(so_far, state="open", until=None, woke=f"the {word} ran out")
    return so_far


def _told(life: Life, told: Revision) -> Life:
    rank = SEVERITIES.index
    worse = rank(told.severity) > rank(life.severity) or told.entities > life.entities
    before, life = life, replace(life, severity=told.severity, entities=max(life.entities, told.entities))
    if told.event in ("resolved", "merged"):
        return replace(life, state="resolved" if told.event == "resolved" else "merged", until=None, woke="")
    if before.state in _OVER or told.event == "reopened":
        return replace(life, state="open", until=None, woke="it is open again" if before.state != "none" else "")
    if before.state == "snoozed" and before.unless_worse and worse:
        return replace(life, state="open", until=None, woke="it is worse than when it was snoozed")
    return life


def _done(life: Life, action: Action, ack: timedelta) -> Life:
    args = action.args
    if action.verb in _NEEDS_OPEN and life.state in _OVER:
        return _with(life, action, f"no effect: it was {'not open yet' if life.state == 'none' else life.state}")
    match action.verb:
        case "ack":
            if life.state == "acked" and life.owner != action.by:
                return _with(life, action, f"no effect: {life.owner} had it already")
            until = min(args.until or action.at + ack, action.at + LONGEST_ACK)
            return _with(replace(life, state="acked", owner=action.by, until=until, woke=""), action, "acknowledged")
        case "unack" | "unsnooze":
            wanted = "acked" if action.verb == "unack" else "snoozed"
            if life.state != wanted:
                return _with(life, action, f"no effect: it was {life.state}")
            return _with(
                replace(life, state="open", until=None, woke=f"{action.by} gave it back"), action, "given back"
            )
        case "snooze":
            until = min(args.until or action.at + ack, action.at + LONGEST_SNOOZE)
            owner, wake = life.owner or action.by, args.unless == "worse"
            life = replace(life, state="snoozed", owner=owner, until=until, unless_worse=wake, woke="")
            return _with(life, action, "snoozed")
        case "assign":
            return _with(replace(life, owner=args.to), action, f"assigned to {args.to}" if args.to else "unassigned")
        case "priority":
            return _with(replace(life, priority=args.priority), action, "priority set")
        case "resolve" | "reopen" | "merge" | "split" | "dismiss":
            return _with(life, action, "handed to the engine")
        case "comment" | "link" | "page" | "good_catch" | "wrong_cause" | "propose" | "approve" | "ran":
            return _with(life, action, "noted")
        case _:
            return _with(life, action, "kept, without effect: this release does not know it")


def _with(life: Life, action: Action, effect: str) -> Life:
    return replace(life, effects=(*life.effects, (action.id, effect)))
