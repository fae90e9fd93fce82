"""The time rules of incidents: what is soon enough to join, when two are one, when something happens by itself.

Pure functions of a group, the configuration and event time (epoch seconds).
"""

from __future__ import annotations

from floodmark.alerts import Anomaly
from floodmark.config.models import Correlate
from floodmark.correlate.group import Group


def end_of_life(group: Group, conf: Correlate) -> float:
    """When the group is over, whatever happens."""
    return group.started + conf.cap + conf.grace


def fits(group: Group, anomaly: Anomaly, onset: float, now: float, conf: Correlate) -> bool:
    """Whether time lets a related anomaly into a group.

    It starts within `gap` of the members' onsets, and before the group is `cap` old. Members that are still open do
    not stretch the gap, since a series stays open long after its surprise; with three exceptions, where the same
    trouble goes on or is back: a series that is a member already, within `grace` of its end; the entity that is the
    probable cause, while it has an open anomaly; and an affected entity, within `grace` of the resolution.
    """
    if onset - group.started >= conf.cap or now >= end_of_life(group, conf):
        return False
    if group.started - conf.gap <= onset <= group.last_start + conf.gap:
        return True
    if onset < group.started:
        return False
    same = group.symptoms.get(anomaly.series)
    if same is not None and (same.ended is None or onset <= same.ended + conf.grace):
        return True
    if group.resolved_at is not None:
        return anomaly.entity in group.entities and onset <= group.resolved_at + conf.grace
    return (
        bool(group.causes)
        and group.causes[0].entity == anomaly.entity
        and any(s.ended is None and s.entity == anomaly.entity for s in group.symptoms.values())
    )


def are_one(one: Group, other: Group, conf: Correlate) -> bool:
    """Whether two incidents that turn out to be connected would have met, had the connection come first."""
    older, younger = sorted((one, other), key=lambda group: (group.started, group.id))
    return younger.started <= older.last_start + conf.gap and younger.last_start - older.started < conf.cap


def has_lasted(group: Group, conf: Correlate) -> bool:
    """Whether a member has been odd for `alone` seconds, as far as its anomaly has said: silence proves nothing."""
    return any(symptom.seen - symptom.started >= conf.alone for symptom in group.symptoms.values())


def deadline(group: Group, conf: Correlate) -> float:
    """When something happens to a group if nothing happens to it: resolved or forgotten, by its state."""
    if group.state == "held":
        # A related anomaly may be on its way, told later than it began.
        over = max(group.settled(), group.last_start + conf.gap) + conf.alone
        return end_of_life(group, conf) if group.open else min(end_of_life(group, conf), over)
    if group.resolved_at is not None:
        return group.resolved_at + conf.grace
    return end_of_life(group, conf) if group.open else min(end_of_life(group, conf), group.settled() + conf.gap)
