"""The revisions of incidents: which of them have news at a moment, and what is told of each.

All that happens at one moment makes one revision, and what follows within seconds is told together. It never reads a
clock, and decides nothing about which anomalies are an incident.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from floodmark.alerts import Anomaly, Incident
from floodmark.config.models import Correlate
from floodmark.correlate import bursts, narrate
from floodmark.correlate.causes import rank
from floodmark.correlate.chance import Chance
from floodmark.correlate.changes import RecentChanges
from floodmark.correlate.group import Group
from floodmark.correlate.kpis import Kpis
from floodmark.correlate.topology import Topology

COSTS = 300.0
"""Seconds after which an incident is told again because of what it costs."""


class Revisions:
    """What is to be told of the incidents of a partition, and what has been told but not yet been taken."""

    def __init__(self, correlate: Correlate, topology: Topology, changes: RecentChanges, chance: Chance) -> None:
        self._conf = correlate
        self._topology = topology
        self._changes = changes
        self._chance = chance
        self._kpis = Kpis(correlate, topology)
        self._kept = correlate.changes + correlate.lifetime + correlate.grace  # a change, for as long as it can matter
        self._touched: dict[str, Group] = {}
        self._out: list[Incident] = []
        self.counts: Counter[str] = Counter()

    def state(self) -> object:
        return self._touched, self._out, self._kpis.state()

    def restore(self, state: tuple[Any, ...]) -> None:
        """Go on from what `state` gave."""
        self._touched, self._out, kpis = state
        self._kpis.restore(kpis)

    def take(self) -> list[Incident]:
        """What has been told since the last call."""
        out, self._out = self._out, []
        return out

    def touch(self, group: Group) -> None:
        """There may be news of it, if it is open."""
        if group.state == "open":
            self._touched[group.id] = group

    def touched(self, *, acted: bool = True) -> Group | None:
        """The next of which there may be news; without `acted`: and to which nobody has done anything."""
        return next((group for group in self._touched.values() if acted or not group.acted), None)

    def forget(self, group: Group) -> None:
        """There is nothing to be told of it any more."""
        self._touched.pop(group.id, None)

    def cost(self, anomaly: Anomaly, group: Group, now: float) -> None:
        """What a KPI has lost is news of an open incident that it may come of, now and then."""
        if group.scope != anomaly.scope or now < group.told + COSTS:
            return
        if anomaly.series in group.symptoms or any(s.id == anomaly.id for s in self._kpis.beside(group)):
            group.joined = True
            self.touch(group)

    def hear(self, anomaly: Anomaly) -> None:
        """Any word on a KPI."""
        self._kpis.hear(anomaly)

    def announce(self, group: Group, now: float) -> None:
        """Tell an incident if it has news: it is open, open again, has a new member, is worse or has another cause. It
        is `pending` then if that can wait for more."""
        if self._touched.pop(group.id, None) is None:
            return
        quiet = group.told + bursts.PACE > now and group.revision > 0 and not group.reopened and not group.acted
        if quiet and narrate.severity(group) == group.severity:
            group.pending = True
            return
        before = (group.severity, group.causes[0].entity if group.causes else None)
        self._assess(group, now)
        event: narrate.Event
        if not group.revision:
            event = "opened"
        elif group.reopened:
            event = "reopened"
        elif group.joined or group.acted or before != (group.severity, group.causes[0].entity):
            event = "updated"
        else:
            return
        group.joined = group.reopened = group.acted = False
        self._tell(group, event, now)

    def merged(self, group: Group, into: Group, now: float) -> None:
        """An incident that was announced goes on as another one."""
        self.announce(group, now)
        self._tell(group, "merged", now, merged_into=into.id)

    def resolved(self, group: Group, resolution: str, now: float) -> None:
        """It is over. One that would be opened at this very moment is only told afterwards: nobody is called for what
        is over."""
        after = self._at_once(group, now)
        if not after:
            self.announce(group, now)
        self._touched.pop(group.id, None)
        group.joined = group.reopened = group.acted = False
        group.resolved_at, group.resolution = now, resolution
        self._assess(group, now)
        self._tell(group, "resolved", now, told="after" if after else "")

    def _at_once(self, group: Group, now: float) -> bool:
        """Whether the opening of an incident has not been told yet, or is taken back, as it was at this moment."""
        if not group.revision:
            return True
        if group.revision > 1 or group.told != now:
            return False
        others = [each for each in self._out if each.id != group.id]
        if len(others) == len(self._out):
            return False  # it has been taken already
        self._out = others
        self.counts["incidents:opened"] -= 1
        group.revision = 0
        return True

    def _assess(self, group: Group, now: float) -> None:
        services = dict.fromkeys(
            service for entity in group.entities for service in (entity, *self._topology.depends_on(entity))
        )
        self._changes.attach(group, services, max(group.started - self._conf.changes, now - self._kept), now)
        self._chance.weigh(group)
        called = all(symptom.signal == "alert" for symptom in group.symptoms.values())
        group.by_chance = 0.0 if called else self._chance.apart(group)  # of what other tools call critical nobody says
        group.severity = narrate.severity(group)
        group.causes = rank(group.symptoms.values(), group.changes.values(), self._topology)

    def _tell(
        self,
        group: Group,
        event: narrate.Event,
        now: float,
        merged_into: str | None = None,
        told: Literal["", "after"] = "",
    ) -> None:
        group.revision += 1
        group.told, group.pending = now, False
        self.counts[f"incidents:{event}"] += 1
        beside = self._kpis.beside(group)
        self._out.append(narrate.incident(group, event, now, self._conf.members, merged_into, beside, told))
