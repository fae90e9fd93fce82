"""What people's actions do to incidents, and what is said of that: resolve, reopen, merge, split, dismiss.

An action comes in the order of event time, like all else that is known of incidents (`waiting`), so that a replay with
the same actions gives the same incidents. It changes an incident as a whole or not at all, and why not is said. Nothing
is edited: undo is another action.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import Acted, content_id, utc
from floodmark.correlate.group import Group
from floodmark.correlate.sentences import cut, listed, sentence
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.titles import one_line

if TYPE_CHECKING:
    from floodmark.correlate.lifecycle import Lifecycle

_REMEMBERED: Final = 8192
"""Actions that are remembered by their id, so that a repetition changes nothing."""
_ACTS: Final = 20
_SAID: Final = 3
"""Of one incident: acts that are listed, and those that `why` tells."""
_NAME: Final = 100
_REASON: Final = 300
"""Characters of a name and of a reason that are told."""


class RefusedError(Exception):
    """An action that changes nothing, and why."""


class Doings:
    """The actions of one partition: which were heard, and what has come of them since that was last asked."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._heard: dict[str, None] = {}
        self._outcomes: list[ActionOutcome] = []

    def state(self) -> object:
        return self._heard, self._outcomes

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave."""
        self._heard, self._outcomes = state

    def take(self) -> list[ActionOutcome]:
        """What has come of actions since the last call."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def do(self, action: Action, lives: Lifecycle, now: float) -> None:
        """Do what somebody wants, as of `now`."""
        if action.id in self._heard:
            self.counts["actions:repeated"] += 1
            return
        self._heard[action.id] = None
        while len(self._heard) > _REMEMBERED:
            del self._heard[next(iter(self._heard))]
        try:
            group = _incident(action, lives)
            if group is None:
                self.counts["actions:elsewhere"] += 1
                return
            made = _done(action, group, lives, now)
        except RefusedError as refusal:
            self.refuse(action, str(refusal), now)
            return
        self.counts[f"actions:{action.verb}"] += 1
        self._outcomes.append(
            ActionOutcome(
                action=action.id,
                verb=action.verb,
                incident=action.incident,
                result="applied",
                applied_at=_moment(now),
                made=made,
            )
        )

    def refuse(self, action: Action, reason: str, now: float) -> None:
        """Say that an action changes nothing."""
        self.counts["actions:refused"] += 1
        self._outcomes.append(
            ActionOutcome(
                action=action.id,
                verb=action.verb,
                incident=action.incident,
                result="refused",
                applied_at=_moment(now),
                reason=sentence(reason),
            )
        )


def _incident(action: Action, lives: Lifecycle) -> Group | None:
    """The incident that is meant; None if it may be another partition's."""
    if not action.incident:
        raise RefusedError("It names no incident")
    group = lives.find(action.incident)
    if group is None:
        into = lives.fate(action.incident)
        if into is None and not action.scope:
            return None
        raise RefusedError(_gone(action.incident, into, action.scope))
    if action.scope and action.scope != group.scope:
        raise RefusedError(f"{group.id} is of scope {group.scope}, not {one_line(action.scope)}")
    if action.seen > group.revision:
        raise RefusedError(f"Revision {action.seen} of {group.id} is not known here: the newest is {group.revision}")
    return group


def _gone(incident: str, into: str | None, scope: str) -> str:
    """Why there is nothing to be done to an incident; `into`: where it went, empty if it is over, None if it was never
    heard of."""
    incident = one_line(incident)
    if into:
        return f"{incident} was merged into {into}: act on that one"
    if into is not None:
        return f"{incident} is over, and longer than correlate.grace"
    where = f" in scope {one_line(scope)}" if scope else ""
    return f"There is no incident {incident}{where}: it is not known here, or it has long been over"


def _done(action: Action, group: Group, lives: Lifecycle, now: float) -> str:
    """Do it; the id of an incident that was made of it. Raises RefusedError before anything has changed."""
    match action.verb:
        case "reopen":
            return _reopen(action, group, lives, now)
        case "resolve" | "merge" | "split" | "dismiss":
            _open(group)
        case _:
            raise RefusedError(f"This release does not know what {one_line(action.verb)} is")
    match action.verb:
        case "resolve":
            _note(group, action, now, "")
            lives.close(group, sentence(f"Resolved by {_who(action)}{_because(action)}"))
        case "merge":
            _merge(action, group, lives, now)
        case "split":
            return _split(action, group, lives, now)
        case "dismiss":
            _dismiss(action, group, lives, now)
    return ""


def _reopen(action: Action, group: Group, lives: Lifecycle, now: float) -> str:
    if group.state == "open":
        raise RefusedError(f"{group.id} is open")
    if lives.is_spent(group):
        raise RefusedError(f"{group.id} has lived as long as an incident may (correlate.lifetime)")
    _note(group, action, now, f"{_who(action)} opened it again")
    lives.reopen(group)
    return ""


def _merge(action: Action, group: Group, lives: Lifecycle, now: float) -> None:
    others: dict[str, Group] = {}
    for name in action.args.from_:
        other = lives.find(name)
        if name == group.id:
            raise RefusedError(f"{group.id} cannot be merged into itself")
        if other is None or other.scope != group.scope:
            # The same words, whether or not both are of one partition.
            into = lives.fate(name) if other is None else None
            if into is not None:
                raise RefusedError(_gone(name, into, group.scope))
            words = f"There is no incident {one_line(name)} in scope {group.scope}, of which {group.id} is"
            raise RefusedError(f"{words}: only incidents of one scope can be merged")
        _open(other)
        others[name] = other
    if not others:
        raise RefusedError("It does not say what is to be merged into it (args.from)")
    _note(group, action, now, f"{_who(action)} merged {listed(list(others))} into it")
    for other in others.values():
        _note(other, action, now, f"{_who(action)} merged it into {group.id}")
        lives.merge(group, other, f"merged by {_who(action)}")


def _split(action: Action, group: Group, lives: Lifecycle, now: float) -> str:
    leaving = _members(action, group, lives)
    if not leaving:
        raise RefusedError("It does not say which anomalies leave (args.anomalies)")
    if len(leaving) == group.member_count:
        raise RefusedError(f"Nothing would be left of {group.id}")
    made = content_id("inc", action.id)
    if lives.find(made) is not None or lives.fate(made) is not None:
        raise RefusedError(f"It was split off before, as {made}")
    new = lives.split(group, leaving, made, action.args.title.strip())
    _note(group, action, now, f"{_who(action)} split {len(leaving)} series off, as {made}")
    _note(new, action, now, f"{_who(action)} split it off from {group.id}")
    lives.open(new)
    return made


def _dismiss(action: Action, group: Group, lives: Lifecycle, now: float) -> None:
    struck = _members(action, group, lives)
    if not struck or len(struck) == group.member_count:
        _note(group, action, now, "")
        group.dismissed = True
        lives.close(group, sentence(f"Not an anomaly, says {_who(action)}{_because(action)}"))
        return
    _note(group, action, now, f"{_who(action)} struck {len(struck)} series out as no anomaly")
    lives.strike(group, struck)


def _open(group: Group) -> None:
    if group.state != "open":
        raise RefusedError(f"{group.id} is resolved already")


def _members(action: Action, group: Group, lives: Lifecycle) -> list[Symptom]:
    """Those of the incident's members that the action names."""
    found: dict[str, Symptom] = {}
    unknown = []
    for name in action.args.anomalies:
        symptom = lives.member(group, name)
        if symptom is None:
            unknown.append(one_line(name))
        else:
            found[symptom.series] = symptom
    if unknown:
        raise RefusedError(f"{listed(unknown)} {'is' if len(unknown) == 1 else 'are'} not among those of {group.id}")
    return sorted(found.values(), key=lambda symptom: (symptom.started, symptom.id))


def _note(group: Group, action: Action, now: float, clause: str) -> None:
    """Write down in the incident what somebody does to it, and in words if it does not go without saying."""
    reason = cut(one_line(action.reason.strip()), _REASON)
    acted = Acted(id=action.id, verb=action.verb, by=_who(action), applied_at=_moment(now), reason=reason)
    group.acts.append(acted)
    del group.acts[:-_ACTS]
    if clause:
        group.said.append(f"{clause}{_because(action)}")
        del group.said[:-_SAID]
    group.acted = True


def _moment(now: float) -> datetime:
    """Event time for the wire. Before there is any, it is 1970: a replay puts it before all else, too."""
    return utc(now if math.isfinite(now) else 0.0)


def _who(action: Action) -> str:
    return cut(one_line(action.by), _NAME)


def _because(action: Action) -> str:
    reason = cut(one_line(action.reason.strip()), _REASON)
    return f": {reason}" if reason else ""
