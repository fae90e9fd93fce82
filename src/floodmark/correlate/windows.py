"""The time rules of incidents: what is soon enough to join, when two are one, when something happens by itself.

Pure functions of a group, the configuration and event time (epoch seconds).
"""

from __future__ import annotations

from floodmark.alerts import Anomaly
from floodmark.config.models import Correlate
from floodmark.correlate.group import Group


def end_of_life(group: Group, conf: Correlate) -> float:
    """When the group is over, whatever happens."""
    return group.started + conf.lifetime


def fits(group: Group, anomaly: Anomaly, onset: float, now: float, conf: Correlate) -> bool:
    """Whether time lets a related anomaly into a group.

    It must start before the group is `cap` old, and either within `gap` of the members' onsets, or where the trouble is
    known to go on: within `gap` of the last moment at which a series of the same entity was odd. (An alarm stays open
    long after its surprise; that proves nothing.) After the resolution, an affected entity re-opens the incident within
    `grace`.
    """
    if onset - group.started >= conf.cap or now >= end_of_life(group, conf) or onset < group.started - conf.gap:
        return False
    if onset <= group.last_start + conf.gap:
        return True
    if group.resolved_at is not None:
        return anomaly.entity in group.entities and onset <= group.resolved_at + conf.grace
    same = (symptom for symptom in group.symptoms.values() if symptom.entity == anomaly.entity)
    return any(symptom.seen >= onset - conf.gap for symptom in same)


def are_one(one: Group, other: Group, conf: Correlate) -> bool:
    """Whether two incidents that turn out to be connected would have met, had the connection come first."""
    older, younger = sorted((one, other), key=lambda group: (group.started, group.id))
    return younger.started <= older.last_start + conf.gap and younger.last_start - older.started < conf.cap


def deadline(group: Group, conf: Correlate) -> float:
    """When something happens to a group if nothing happens to it: resolved or forgotten, by its state."""
    if group.state == "held":
        # A related anomaly may be on its way, told later than it began.
        over = max(group.settled(), group.last_start + conf.gap) + conf.alone
        return end_of_life(group, conf) if group.open else min(end_of_life(group, conf), over)
    if group.resolved_at is not None:
        return group.resolved_at + conf.grace
    return end_of_life(group, conf) if group.open else min(end_of_life(group, conf), group.settled() + conf.gap)
