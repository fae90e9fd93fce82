"""The life of incidents: held back, opened, updated, merged, resolved, reopened, forgotten.

A discrete-event machine: what is `opened`, `updated`, `closed` or a `change` comes in event-time order, and between
them the timers of groups fire at their exact event times, so that no revision depends on when a watermark happened to
arrive. All that happens at one moment makes one revision. It never reads a clock, and no incident outlives `lifetime`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from floodmark.alerts import Anomaly, ChangeNotice, Incident, content_id
from floodmark.config.models import Correlate
from floodmark.correlate import narrate
from floodmark.correlate.causes import rank
from floodmark.correlate.changes import RecentChanges
from floodmark.correlate.group import Group
from floodmark.correlate.membership import Membership
from floodmark.correlate.relations import Link, Relations
from floodmark.correlate.symptoms import RANK, Symptom
from floodmark.correlate.timers import Timers
from floodmark.correlate.topology import Topology
from floodmark.correlate.windows import are_one, deadline, end_of_life, fits

REMEMBERED = 4096
"""Incidents that are over, remembered by their first anomaly so that a repeated message does not open them again."""


class Lifecycle:
    """Groups of all scopes of one partition.

    Bounds: `open_incidents` open ones (the least recently used is resolved), as many resolved ones in their grace, four
    times as many candidates, and four times `members` series each.
    """

    def __init__(self, correlate: Correlate, topology: Topology) -> None:
        self._conf = correlate
        self._topology = topology
        self._relations = Relations(correlate, topology)
        self._changes = RecentChanges()
        self._members = Membership(4 * correlate.members)
        self._kept = correlate.changes + correlate.cap + correlate.grace  # a change, for as long as it can matter
        self._now = -math.inf
        self._groups: dict[str, Group] = {}
        # By state, each in the order of last use.
        self._held: dict[str, Group] = {}
        self._open: dict[str, Group] = {}
        self._resolved: dict[str, Group] = {}
        self._over: dict[str, None] = {}
        self._timers = Timers()
        self._touched: dict[str, Group] = {}  # may have news at this moment
        self._out: list[Incident] = []
        self._counts: Counter[str] = Counter()

    def state(self) -> object:
        return (
            self._now,
            self._groups,
            (self._held, self._open, self._resolved, self._over),
            self._timers.state(),
            self._touched,
            self._out,
            self._relations.state(),
            self._changes.state(),
            self._members.state(),
            self._topology.state(),
        )

    def restore(self, state: tuple[Any, ...], *, same: bool) -> None:
        """Go on from what `state` gave. If the settings are not the `same`, incidents live by those of now."""
        self._now, self._groups, by_state, timers, self._touched, self._out, *parts = state
        relations, changes, members, topology = parts
        self._held, self._open, self._resolved, self._over = by_state
        self._timers.restore(timers)
        self._relations.restore(relations, self._groups.values())
        self._changes.restore(changes)
        self._members.restore(members)
        self._topology.restore(topology)
        if same:
            return
        self._make_room(self._conf.open_incidents)
        self._end_grace()
        for group in list(self._groups.values()):
            self._schedule(group)

    def revisions(self) -> list[Incident]:
        """What has become certain since the last call."""
        self._settle()
        out, self._out = self._out, []
        return out

    def advance(self, until: float) -> None:
        """Event time reaches `until` (epoch seconds, or infinity): fire all timers before it."""
        if until <= self._now:
            return
        self._settle()
        # Strictly before: at the very moment something may still come, and it goes first.
        while (fired := self._timers.fire(until, self._groups)) is not None:
            time, group = fired
            self._now = max(self._now, time)
            self._topology.expire(self._now)
            if deadline(group, self._conf) > time:
                self._schedule(group)
            else:
                self._expire(group)
            self._settle()
        if until < math.inf:
            self._now = max(self._now, until)
            self._changes.expire(self._now - self._kept)
            self._topology.expire(self._now)

    def go_back(self, time: float) -> None:
        """Event time had gone wrong, and is `time` again."""
        self._settle()
        self._now = min(self._now, time)

    def opened(self, anomaly: Anomaly, time: float, *, late: bool) -> None:
        """An anomaly has opened, at event time `time`."""
        self.advance(time)
        owner = self._members.owner(anomaly.id)
        if owner is not None or anomaly.id in self._over:
            self._counts["duplicates"] += 1
            if owner is not None:
                self._take(*owner, anomaly)
            return
        onset = anomaly.started_at.timestamp()
        related = self._relations.of(anomaly)
        found = [link for link in related if fits(link.group, anomaly, onset, self._now, self._conf)]
        if not found:
            self._start(anomaly, onset, late=late)
            return
        # The nearest, then the most recent; what is open before what was, and candidates last.
        found.sort(key=lambda link: (link.distance, -link.group.last_start, link.group.started, link.group.id))
        found.sort(key=lambda link: ("open", "resolved", "held").index(link.group.state))
        nearest = found[0]
        why = self._relations.why(anomaly, nearest)
        together = [link for link in found if link is nearest or self._become_one(nearest, link)]
        if nearest.group.state == "resolved":
            self._reopen(nearest.group)
            target = nearest.group
        else:
            alike = [link.group for link in together if link.group.state == nearest.group.state]
            target = min(alike, key=lambda group: (group.started, group.id))
        for link in together:
            if link.group is not target:
                self._merge(target, link.group, self._relations.why(anomaly, link))
        self._join(target, anomaly, onset, why, late=late)

    def updated(self, anomaly: Anomaly, time: float, *, late: bool) -> None:
        """An anomaly persists or has become worse; told at event time `time`."""
        del late  # it is applied all the same
        self.advance(time)
        if (owner := self._members.latest(anomaly.id)) is None:
            self._counts["updates:unknown"] += 1
            return
        self._take(*owner, anomaly)
        self._schedule(owner[0])

    def closed(self, anomaly: Anomaly, time: float, *, late: bool) -> None:
        """An anomaly has ended; told at event time `time`."""
        del late  # it is applied all the same
        self.advance(time)
        if (owner := self._members.latest(anomaly.id)) is None:
            # Its incident is over, or the series has opened again, or we never saw it open.
            self._counts["closes:unknown"] += 1
            return
        group, symptom = owner
        if symptom.ended is not None:
            self._counts["duplicates"] += 1
            return
        self._members.end(group, symptom, time if anomaly.ended_at is None else anomaly.ended_at.timestamp())
        self._take(group, symptom, anomaly)
        self._schedule(group)

    def change(self, notice: ChangeNotice, time: float, *, late: bool) -> None:
        """Somebody has changed something, at event time `time`."""
        del late  # its own time counts
        self.advance(time)
        if not self._changes.add(time, notice):
            self._counts["duplicates"] += 1
            return
        hit = (notice.service, *self._topology.dependents(notice.service))
        for group in list(self._open.values()):
            if notice.scope in ("", group.scope) and any(entity in group.entities for entity in hit):
                self._touch(group)

    def learn(self, calls: Iterable[tuple[str, str]], time: float) -> None:
        """Spans have shown that services call each other, at event time `time`."""
        self.advance(time)
        self._topology.learn(calls, time)
        self._topology.expire(self._now)

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters."""
        return {
            **self._counts,
            "changes:evicted": self._changes.evicted,
            "members:beyond": self._members.beyond,
            "dependencies:evicted": self._topology.evicted,
        }

    def sizes(self) -> Mapping[str, int]:
        """How much state is held now."""
        return {
            "open_incidents": len(self._open),
            "candidates": len(self._held),
            "resolved_incidents": len(self._resolved),
            "anomalies": len(self._members),
            "changes": len(self._changes),
            "timers": len(self._timers),
            "dependencies": self._topology.learned,
        }

    # -- members --------------------------------------------------------------------------------------------------

    def _become_one(self, nearest: Link, other: Link) -> bool:
        """Whether an anomaly that fits two groups makes them one. A candidate always goes along; mere labels or mere
        time do not merge incidents that people have been told of; what is resolved stays resolved."""
        if other.group.state == "held":
            return True
        return (
            nearest.group.state == other.group.state == "open"
            and self._relations.is_topological(nearest)
            and self._relations.is_topological(other)
            and are_one(nearest.group, other.group, self._conf)
        )

    def _start(self, anomaly: Anomaly, onset: float, *, late: bool) -> None:
        symptom = Symptom.of(anomaly, onset, "first", late=late)
        group = Group(
            id=content_id("inc", anomaly.scope, anomaly.id),
            scope=anomaly.scope,
            first=symptom,
            started=onset,
            last_start=onset,
            last_end=-math.inf,
        )
        self._groups[group.id] = self._held[group.id] = group
        self._add(group, symptom, anomaly.labels)
        if not self._promoted(group):
            while len(self._held) > 4 * self._conf.open_incidents:
                self._counts["held_back:evicted"] += 1
                self._forget(next(iter(self._held.values())))
        self._schedule(group)

    def _join(self, group: Group, anomaly: Anomaly, onset: float, why: str, *, late: bool) -> None:
        group.started = min(group.started, onset)
        group.last_start = max(group.last_start, onset)
        symptom = group.symptoms.get(anomaly.series)
        if symptom is not None:  # it flaps: one member, from its first onset
            self._members.again(group, symptom, anomaly, onset)
            self._take(group, symptom, anomaly)
        else:
            self._add(group, Symptom.of(anomaly, onset, why, late=late), anomaly.labels)
        self._promoted(group)
        self._use(group)
        self._schedule(group)

    def _add(self, group: Group, symptom: Symptom, labels: Mapping[str, str]) -> None:
        if self._members.add(group, symptom):
            group.joined = True
            self._touch(group)
            self._relations.add(group, symptom.entity, symptom.name, labels)

    def _take(self, group: Group, symptom: Symptom, anomaly: Anomaly) -> None:
        """A later word on a member: only what is worse is news, or an error that had gone and is back."""
        before = RANK[symptom.severity]
        back = symptom.take(anomaly)
        self._promoted(group)
        if back and RANK[symptom.severity] >= RANK["error"]:
            group.joined = True
            self._touch(group)
        if RANK[symptom.severity] > before:
            self._touch(group)

    def _merge(self, group: Group, other: Group, why: str) -> None:
        """Move all that another group has into this one. Only an incident that was announced says so."""
        if other.revision:
            self._announce(other)
            other.revision += 1
            self._tell(other, "merged", merged_into=group.id)
        if other.first.why == "first":
            other.first.why, other.first.member = why, None
        self._members.move(other, group)
        group.changes = other.changes | group.changes
        group.joined = True
        self._touch(group)
        self._relations.take_over(group, other)
        self._drop(other)

    # -- states ---------------------------------------------------------------------------------------------------

    def _promoted(self, group: Group) -> bool:
        """Open a candidate if it is more than one faint anomaly."""
        if group.state != "held":
            return True
        if len(group.symptoms) == 1:
            group.alone = group.first.alone(self._conf.alone)
            if not group.alone:
                return False
        self._make_open(group)
        return True

    def _make_open(self, group: Group) -> None:
        self._held.pop(group.id, None)
        self._resolved.pop(group.id, None)
        self._make_room(self._conf.open_incidents - 1)
        group.state = "open"
        self._use(group)
        self._touch(group)

    def _make_room(self, most: int) -> None:
        """Resolve the least recently used open incidents until there are so many."""
        while len(self._open) > most:
            self._counts["incidents:evicted"] += 1
            oldest = next(iter(self._open.values()))
            self._resolve(oldest, narrate.evicted(self._conf.open_incidents))
            self._forget(oldest)

    def _reopen(self, group: Group) -> None:
        group.resolved_at, group.resolution, group.reopened = None, "", True
        self._make_open(group)

    def _expire(self, group: Group) -> None:
        if group.state == "held":
            self._counts["held_back"] += 1
            self._forget(group)
        elif group.state == "resolved":
            self._forget(group)
        elif self._now >= end_of_life(group, self._conf):
            self._counts["incidents:capped"] += 1
            self._resolve(group, narrate.capped(group, self._conf.lifetime))
            self._forget(group)
        else:
            self._resolve(group, narrate.over(group, self._conf.gap))
            group.state = "resolved"
            self._resolved[group.id] = group
            self._end_grace()
            self._schedule(group)

    def _end_grace(self) -> None:
        """Forget the resolved incidents that are too many, before their grace is over."""
        while len(self._resolved) > self._conf.open_incidents:
            self._counts["grace:evicted"] += 1
            self._forget(next(iter(self._resolved.values())))

    def _resolve(self, group: Group, resolution: str) -> None:
        self._announce(group)
        group.revision += 1
        group.resolved_at, group.resolution = self._now, resolution
        self._assess(group)
        self._tell(group, "resolved")
        self._open.pop(group.id, None)

    def _forget(self, group: Group) -> None:
        self._members.drop(group)
        self._relations.forget(group)
        self._drop(group)

    def _drop(self, group: Group) -> None:
        for groups in (self._groups, self._held, self._open, self._resolved, self._touched):
            groups.pop(group.id, None)
        if group.revision:
            self._over[group.first.id] = None
            while len(self._over) > REMEMBERED:
                del self._over[next(iter(self._over))]

    def _schedule(self, group: Group) -> None:
        """Set a timer for the deadline, if it has not gone."""
        if group.id in self._groups:
            self._timers.set(group, deadline(group, self._conf), self._groups)

    # -- telling --------------------------------------------------------------------------------------------------

    def _use(self, group: Group) -> None:
        """It was of use: it is the last to make room."""
        if group.state == "open":
            self._open.pop(group.id, None)
            self._open[group.id] = group

    def _touch(self, group: Group) -> None:
        """There may be news of it, if it is open."""
        if group.state == "open":
            self._touched[group.id] = group

    def _settle(self) -> None:
        """Make one revision of all that has happened to each incident at this moment."""
        while self._touched:
            self._announce(next(iter(self._touched.values())))

    def _announce(self, group: Group) -> None:
        """Tell an incident if it has news: it is open, open again, has a new member, is worse or has another cause."""
        if self._touched.pop(group.id, None) is None:
            return
        before = (group.severity, group.causes[0].entity if group.causes else None)
        self._assess(group)
        event: narrate.Event
        if not group.revision:
            event = "opened"
        elif group.reopened:
            event = "reopened"
        elif group.joined or before != (group.severity, group.causes[0].entity):
            event = "updated"
        else:
            return
        group.revision += 1
        group.joined = group.reopened = False
        self._tell(group, event)

    def _assess(self, group: Group) -> None:
        services = dict.fromkeys(
            service for entity in group.entities for service in (entity, *self._topology.depends_on(entity))
        )
        since = max(group.started - self._conf.changes, self._now - self._kept)
        self._changes.attach(group, services, since, self._now)
        group.severity = narrate.severity(group)
        group.causes = rank(group.symptoms.values(), group.changes.values(), self._topology)

    def _tell(self, group: Group, event: narrate.Event, merged_into: str | None = None) -> None:
        self._counts[f"incidents:{event}"] += 1
        self._out.append(narrate.incident(group, event, self._now, self._conf.members, merged_into))
