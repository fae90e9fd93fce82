"""What a role may do: asked by the API at each request, never by the page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from floodmark.actions import OF_ALL, VERBS, Action
from floodmark.config.console import ROLES, Grant, Role

_FROM: Final[Mapping[str, Role]] = {
    **dict.fromkeys(
        ("ack", "unack", "assign", "snooze", "unsnooze", "comment", "link", "priority", "dismiss", "good_catch",
         "wrong_cause"),
        "responder",
    ),
    **dict.fromkeys(
        ("resolve", "reopen", "merge", "split", "silence", "unsilence", "maintain", "unmaintain", "override",
         "handover", "page", "approve"),
        "lead",
    ),
    "retry": "admin",
}  # fmt: skip
"""The least role that may do a verb; what is not here is nobody's (propose and ran are the notifier's)."""
SNOOZE: Final = timedelta(days=1)
"""How long a responder may snooze."""


class Person(NamedTuple):
    """Who asks, and what they may. `verbs`: a token may do these only. `session`: of which sign-in."""

    name: str
    grants: Sequence[Grant]
    kind: str
    verbs: frozenset[str] | None = None
    session: str = ""

    @property
    def role(self) -> Role:
        """The highest role that they have for anything."""
        return max((each.role for each in self.grants), key=ROLES.index, default="viewer")


def why_not(person: Person, verb: str, facts: Mapping[str, Sequence[str]] | None = None) -> str:
    """Why somebody may not do a verb, as a sentence; empty if they may. `facts`: of the incident that it is about;
    None: whether they may do it to any."""
    from floodmark.notify.routes import fits  # noqa: PLC0415 - half of notify comes with it

    needed = _FROM.get(verb)
    if needed is None:
        return f"Nobody does {verb.replace('_', ' ')} here."
    if person.verbs is not None and verb not in person.verbs:
        return f"This token may not {verb.replace('_', ' ')}."
    able = [each for each in person.grants if ROLES.index(each.role) >= ROLES.index(needed)]
    if not able:
        return f"It takes the role {needed}; yours is {person.role}."
    of_all = verb in OF_ALL or verb == "retry"  # whatever incident is named beside it
    if facts is not None and not of_all and not any(fits(each.match, facts) for each in able):
        return f"You are {needed} for other incidents than this one."
    if of_all and all(each.match for each in able):
        return f"It takes the role {needed} for all incidents; yours is for some."
    return ""


def too_much(person: Person, action: Action, facts: Mapping[str, Sequence[str]] | None = None) -> str:
    """Why an action goes beyond what its verb's role may, as a sentence; empty if it does not. `facts`: of its
    incident, as a lead of others is none of this one."""
    from floodmark.notify.routes import fits  # noqa: PLC0415 - half of notify comes with it

    here = [each.role for each in person.grants if facts is None or fits(each.match, facts)]
    if action.verb == "snooze" and not {"lead", "admin"}.intersection(here):
        until = action.args.until
        if until is None and action.args.unless == "worse":
            return "A responder may snooze for a day at most: say until when."
        if until is not None and until - action.at > SNOOZE:
            return "A responder may snooze for a day at most; a lead for longer."
    return ""


def may(person: Person, facts: Mapping[str, Sequence[str]] | None = None) -> dict[str, str]:
    """Of each verb "" if it may be done, else why not."""
    return {verb: why_not(person, verb, facts) for verb in (*(v for v in VERBS if v in _FROM), "retry")}
