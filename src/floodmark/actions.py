"""What people do to incidents, as events: the topic `topics.actions`. `schemas/` is generated from this module.

An action says who did what, when, and which revision they had seen. Nothing is edited: undo is another action. Those
that the correlator hears (`CORRELATED`) go the way of changes into the anomalies topic and hold from `effective` on, so
that a replay with the same actions gives the same incidents; those that detection hears (`DETECTED`) hold by event time
as `maintenance` of the config does; all others are folded with the revisions by whoever shows or tells incidents
(`floodmark.fold`), which needs no clock.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct, field

Verb = Literal[
    "ack",
    "unack",
    "assign",
    "snooze",
    "unsnooze",
    "resolve",
    "reopen",
    "merge",
    "split",
    "dismiss",
    "good_catch",
    "wrong_cause",
    "comment",
    "link",
    "priority",
    "page",
    "silence",
    "unsilence",
    "maintain",
    "unmaintain",
    "override",
    "handover",
    "propose",
    "approve",
    "ran",
]
"""What can be done. propose, approve and ran are of playbooks: it is offered, a person says yes, it has run."""

CORRELATED: Final[frozenset[str]] = frozenset({"resolve", "reopen", "merge", "split", "dismiss"})
"""Verbs that change what an incident is."""
DETECTED: Final[frozenset[str]] = frozenset({"maintain", "unmaintain"})
"""Verbs that change what is judged."""
OF_ALL: Final[frozenset[str]] = frozenset({"silence", "unsilence", "maintain", "unmaintain", "override", "handover"})
"""Verbs that are about no one incident: their records are keyed by their own id."""
VERBS: Final[tuple[str, ...]] = get_args(Verb)
LONGEST_ACK: Final = timedelta(hours=8)
LONGEST_SNOOZE: Final = timedelta(days=7)
LONGEST_SILENCE: Final = timedelta(days=30)

Moment = Annotated[datetime, Meta(tz=True)]
Text = Annotated[str, Meta(max_length=4_000)]
Name = Annotated[str, Meta(max_length=200)]


class Arguments(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"from_": "from"}):
    """What an action is done with; each verb has a few of these."""

    from_: Annotated[list[Name], Meta(max_length=100, description="merge: the incidents that go into this one.")] = (
        field(default_factory=list)
    )
    anomalies: Annotated[
        list[Name],
        Meta(
            max_length=1_000,
            description="split: those that leave; dismiss: those that are none (all, if none is named).",
        ),
    ] = field(default_factory=list)
    title: Annotated[str, Meta(max_length=300, description="split: what the new incident is called.")] = ""
    entity: Annotated[Name, Meta(description="wrong_cause: which cause it was in truth.")] = ""
    to: Annotated[Name, Meta(description="assign, page: a person or a schedule; override, handover: a person.")] = ""
    text: Annotated[Text, Meta(description="comment: what is said.")] = ""
    url: Annotated[str, Meta(max_length=2_000, description="link: http or https.")] = ""
    priority: Literal["", "p1", "p2", "p3", "p4", "p5"] = ""
    since: Annotated[Moment | None, Meta(description="maintain, override: from when on.")] = None
    until: Annotated[Moment | None, Meta(description="ack, snooze, silence, maintain, override: until when.")] = None
    unless: Annotated[
        Literal["", "worse"], Meta(description="snooze: wake early if it is worse, or something new is affected.")
    ] = ""
    match: Annotated[
        dict[str, str | list[str]], Meta(description="silence, maintain: selectors, as those of routes and detectors.")
    ] = field(default_factory=dict)
    schedule: Annotated[Name, Meta(description="override, handover: which schedule.")] = ""
    undoes: Annotated[Name, Meta(description="unsilence, unmaintain: the action that no longer holds.")] = ""
    playbook: Annotated[Name, Meta(description="propose, approve, ran: which playbook.")] = ""
    result: Annotated[Text, Meta(description="ran: what has come of it.")] = ""
    ok: Annotated[bool, Meta(description="ran: whether it did what it should.")] = True


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a person, or a tool in a person's name, has done.

    `at` is when, by the clock on the wall; `effective` from when on it holds, in event time (left out: as soon as it is
    read). `seen`: the revision of the incident that was looked at. `via`: by which way it came (cli, console, slack,
    pagerduty, …). A verb that is not known, of a newer release, is kept and changes nothing.
    """

    id: Annotated[str, Meta(min_length=1, max_length=200, description="Unique; a repetition of it changes nothing.")]
    verb: Annotated[str, Meta(min_length=1, max_length=40, description="What is done.")]
    by: Annotated[str, Meta(min_length=1, max_length=200, description="Who does it.")]
    at: Annotated[datetime, Meta(tz=True, description="When it was done.")]
    incident: Annotated[Name, Meta(description="To which incident; empty for what is about none.")] = ""
    scope: Annotated[Name, Meta(description="The incident's scope, if it is known.")] = ""
    seen: Annotated[int, Meta(ge=0, description="Its newest revision that was seen; 0: not known.")] = 0
    effective: Annotated[Moment | None, Meta(description="From when on it holds, in event time.")] = None
    via: Annotated[str, Meta(max_length=40)] = "cli"
    reason: Annotated[Text, Meta(description="Why.")] = ""
    args: Arguments = Arguments()

    def key(self) -> str:
        """What its record is keyed by: the incident, or the action itself where it is about none."""
        return self.incident or self.id


class ActionOutcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the correlator made of an action: it is `applied`, from `applied_at` in event time on, or `refused`, for a
    `reason`. `incident`: of a split, the new one is `made`."""

    action: str
    verb: str
    incident: str
    result: Literal["applied", "refused"]
    applied_at: datetime
    reason: str = ""
    made: str = ""


def new_id(prefix: str = "act") -> str:
    """An id for an action that somebody does now."""
    return f"{prefix}-{secrets.token_hex(8)}"


def wrong_with(action: Action) -> str:
    """Why an action cannot be meant as it is written, as a sentence; empty if it can.

    Whoever writes actions asks this first; whoever reads them takes them as they are. Of a verb that is not known
    nothing is known to be wrong.
    """
    verb, args, start = action.verb, action.args, action.args.since or action.at
    if verb in VERBS and verb not in OF_ALL and not action.incident:
        return f"{verb} is about an incident: say which."
    if verb in _ENDS:
        longest, must = _ENDS[verb]
        if args.until is None and must:
            return f"{verb} needs an end: say until when."
        if args.until is not None and args.until <= max(start, action.at):
            return f"{verb} would be over before it begins: its end is {args.until.isoformat(timespec='seconds')}."
        if args.until is not None and longest is not None and args.until - start > longest:
            most = f"{longest.days} days" if longest.days else f"{longest.total_seconds() / 3600:.0f} hours"
            return f"{verb} holds for {most} at most."
    if verb == "merge" and action.incident in args.from_:
        return "An incident cannot be merged into itself."
    if verb == "link" and not args.url.startswith(("https://", "http://")):
        return "A link begins with https:// or http://."
    for name, words in _NEEDS.get(verb, {}).items():
        if not getattr(args, name):
            return f"{verb} needs {words}."
    return ""


_ENDS: Final[dict[str, tuple[timedelta | None, bool]]] = {
    "ack": (LONGEST_ACK, False),
    "snooze": (LONGEST_SNOOZE, False),
    "silence": (LONGEST_SILENCE, True),
    "maintain": (None, True),
    "override": (None, True),
}
"""Verbs that hold until a time: how long at most, and whether the time must be said."""
_NEEDS: Final[dict[str, dict[str, str]]] = {
    "merge": {"from_": "the incidents that go into this one"},
    "split": {"anomalies": "the anomalies that leave"},
    "page": {"to": "whom to call: a person or a schedule"},
    "comment": {"text": "what is said"},
    "silence": {"match": "what it is about, as selectors"},
    "unsilence": {"undoes": "the id of the silence"},
    "unmaintain": {"undoes": "the id of the maintenance"},
    "override": {"schedule": "a schedule", "to": "a person"},
    "handover": {"schedule": "a schedule", "to": "a person"},
    "propose": {"playbook": "a playbook"},
    "approve": {"playbook": "a playbook"},
    "ran": {"playbook": "a playbook"},
}
"""What must be said with a verb, in words."""
