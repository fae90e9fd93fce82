"""The time rules of incidents: what begins together, what a later burst is, and when something happens by itself.

A fault's onsets are a burst. What trickles in afterwards is its aftermath, and no news; another burst on what is
still odd is another fault, unless it comes as the first one ends. Pure functions of groups, the configuration and
event time (epoch seconds); all lengths of time follow from `correlate.gap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from floodmark.config.models import Correlate
from floodmark.correlate.evidence import is_found, ln_poisson_tail, nats
from floodmark.correlate.group import Group
from floodmark.correlate.symptoms import Symptom

_HORIZON: Final = 5 / 3
_WAIT: Final = 5 / 3
TOGETHER: Final = 1 / 2
_SETTLES: Final = 4 / 3
"""Gaps: the longest burst; how long a candidate waits for company; two beginnings that are one; and after which it is
clear whether what was there before ends."""
_AGING: Final = 3600.0
"""Seconds after an incident's last onset for which a burst on it is compared with it."""
_ALIVE: Final = 0.25
"""The share of an incident's evidence that is still odd, below which it is over."""
_RECOVERED: Final = 0.4
"""As a share of the life that an incident had when a burst came: below it, the burst was its end."""
_PLAIN: Final = 2.0
"""Times the bar: such a burst is a fault whatever else goes on."""
_APART: Final = 9.0
"""Nats by which a burst on a live incident must be more than its aftermath."""
_TRICKLE: Final = 1.0
_TRICKLE_SHARE: Final = 0.05
_TRICKLE_TIME: Final = 600.0
"""Aftermath is expected to bring (1 + 0.05 families + what it brought) in 10 minutes and what has passed."""
_LEAST: Final = 60.0
_SLACK: Final = 2.0
"""Nats that the earliest members must add to be part of it."""
_FOUND: Final = 7200.0
"""Seconds for which what a test has found is taken to go on: it does not say when it ends."""
_SLOW: Final = 900.0
_SOON: Final = 420.0
_OWN: Final = 0.99
_UNDIMINISHED: Final = 0.9
"""An incident of which nearly all is still odd gets worse, by what comes on its own entities soon (7 minutes), and a
lone series by whatever it comes to later (15 minutes on: a leak is felt at its end)."""
_REPEATED: Final = 16_200.0
"""Seconds in which another tool says an alert again, at most, that goes on (Alertmanager: four hours)."""
QUIET: Final = 7200.0
"""Seconds in which no member is said to be odd, after which an incident is over although alarms are open."""
PACE: Final = 20.0
"""Seconds within which further members of an incident are told together."""
SIMULTANEOUS_HOPS: Final = 3


def end_of_life(group: Group, conf: Correlate) -> float:
    """When the group is over, whatever happens."""
    return group.started + conf.lifetime


def joins(group: Group, onset: float, conf: Correlate) -> bool:
    """Whether an onset is part of the burst with which a group began."""
    return (
        group.resolved_at is None
        and group.started - conf.gap <= onset <= group.last_start + conf.gap
        and onset - group.started <= conf.gap * _HORIZON
    )


def goes_on(group: Group, onset: float, conf: Correlate) -> bool:
    """Whether an onset comes on an open incident that is not over yet."""
    return (
        group.state == "open"
        and group.started < onset <= group.last_start + (_AGING if len(group.symptoms) > 1 else conf.lifetime)
        and alive(group, onset, conf) >= _ALIVE
    )


def alive(group: Group, time: float, conf: Correlate) -> float:
    """The share of a group's evidence that is odd at `time`."""
    total = odd = 0.0
    for symptom in group.symptoms.values():
        weight = nats(symptom) + 0.1
        total += weight
        if symptom.seen + lasts(symptom) >= time - conf.gap or stands(symptom, time):
            odd += weight
    return odd / total if total else 0.0


def stands(symptom: Symptom, time: float) -> bool:
    """Whether it is as it was although nobody says so: who is silent says nothing, and another tool says an alert again
    only every few hours."""
    if symptom.ended is not None:
        return False
    return symptom.head == "stale" or (symptom.signal == "alert" and time <= symptom.seen + _REPEATED)


def lasts(symptom: Symptom) -> float:
    """Seconds for which a symptom is odd after that was last said."""
    return _FOUND if is_found(symptom) else 0.0


def is_worse(child: Group, parent: Group) -> bool:
    """Whether a burst on a live incident is what that has come to: all that was odd still is, and it is on the same
    entities."""
    if child.life < _UNDIMINISHED:
        return False
    if child.started >= parent.started + _SLOW and families(parent) == 1 and parent.first.entity in child.entities:
        return True
    if child.started > parent.started + _SOON:
        return False
    total = own = 0.0
    for symptom in child.symptoms.values():
        weight = nats(symptom) + 0.1
        total += weight
        own += weight * (symptom.entity in parent.entities)
    return own >= _OWN * total


def is_another(child: Group, parent: Group | None, now: float, bar: float, conf: Correlate) -> bool | None:
    """Whether a burst on a live incident, `parent` (None: it is forgotten by now), is another fault; None if that is
    not clear before `settles`."""
    plain = child.surprise >= _PLAIN * bar
    if parent is None:
        return plain
    if not plain and now < settles(child, conf):
        return None
    if not plain and child.life and alive(parent, now, conf) < _RECOVERED * child.life:
        return False  # it began as the other ended
    passed = max(_LEAST, child.started - parent.started)
    lasted = max(_LEAST, child.last_start - child.started) + _LEAST
    trickle = _TRICKLE + _TRICKLE_SHARE * families(parent) + parent.aftermath
    usual = trickle / (_TRICKLE_TIME + passed) * lasted
    return -ln_poisson_tail(families(child), usual) >= _APART


def settles(child: Group, conf: Correlate) -> float:
    """When it shows whether the incident on which a burst came has gone on."""
    return child.started + conf.gap * _SETTLES


def families(group: Group) -> int:
    """How many families of entities it has."""
    return len({(symptom.entity, symptom.family) for symptom in group.symptoms.values()})


def began_together(one: Group, other: Group, conf: Correlate) -> bool:
    """Whether two groups began at the same time."""
    return abs(one.started - other.started) <= conf.gap * TOGETHER


def beginning(group: Group, surprise: Callable[[list[Symptom]], float]) -> float:
    """Where the group is most surprising from: what came before it by chance is no part of it."""
    symptoms = list(group.symptoms.values())
    least, start = surprise(symptoms) - _SLACK, group.started
    for onset in sorted({symptom.started for symptom in symptoms})[1:]:
        without = surprise([symptom for symptom in symptoms if symptom.started >= onset])
        if without < least:
            break
        least, start = max(least, without - _SLACK), onset
    return start


def deadline(group: Group, now: float, conf: Correlate) -> float:
    """When something happens to a group if nothing happens to it: judged, resolved or forgotten, by its state."""
    if group.state == "held":
        over = group.last_start + conf.gap * _WAIT
        if group.parent and now < (clear := settles(group, conf)) < over:
            over = clear
        return min(end_of_life(group, conf), over)
    if group.resolved_at is not None:
        return group.resolved_at + conf.grace
    over = end_of_life(group, conf)
    last = max(group.last_odd, group.opened_at or 0.0)
    over = min(over, last + QUIET if group.open else max(group.settled(), last) + conf.gap)
    return min(over, group.told + PACE) if group.pending else over
