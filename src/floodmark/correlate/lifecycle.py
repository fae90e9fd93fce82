"""The life of incidents: a candidate, opened, updated, merged, resolved, reopened, forgotten.

A discrete-event machine: what is `opened`, `updated`, `closed` or a `change` comes in event-time order, and between
them the timers of groups fire at their exact event times, so that no revision depends on when a watermark happened to
arrive. All that happens at one moment makes one revision. It never reads a clock, and no incident outlives `lifetime`.

An anomaly joins or begins a group (`bursts`); a group opens an incident when it is too surprising to be chance
(`evidence`, `nulls`). What never does is chance, and is learned as such.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import Anomaly, ChangeNotice, Incident, content_id, utc
from floodmark.config.models import Correlate
from floodmark.correlate import bursts, evidence, narrate, parting
from floodmark.correlate.actions import Doings
from floodmark.correlate.apart import Apart
from floodmark.correlate.chance import Chance
from floodmark.correlate.changes import RecentChanges
from floodmark.correlate.faint import Faint
from floodmark.correlate.floods import Floods
from floodmark.correlate.group import Group
from floodmark.correlate.membership import Membership
from floodmark.correlate.relations import Link, Relations
from floodmark.correlate.revisions import Revisions
from floodmark.correlate.symptoms import RANK, Symptom
from floodmark.correlate.timers import Timers
from floodmark.correlate.topology import Topology

REMEMBERED = 8192
"""Incidents that are over, remembered by their id and their first anomaly (two entries each), so that a repeated
message does not open them again."""
_FLOOD: Final = 4
"""So many incidents of a scope that begin together have one cause, whether or not anything relates them."""
_RETURNS: Final = 60.0
"""Seconds without an odd point, at least, after which a series that is odd again begins something."""


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
        self._chance = Chance(correlate, self._relations, self._changes)
        self._revisions = Revisions(correlate, topology, self._changes, self._chance)
        self._floods = Floods(correlate.gap * bursts.TOGETHER or 1.0)
        self._members = Membership(4 * correlate.members)
        self._parting = parting.Parting(self._members, self._relations, self._chance)
        self._kept = correlate.changes + correlate.lifetime + correlate.grace  # a change, for as long as it can matter
        self._now = -math.inf
        self._groups: dict[str, Group] = {}
        # By state, each in the order of last use.
        self._held: dict[str, Group] = {}
        self._open: dict[str, Group] = {}
        self._resolved: dict[str, Group] = {}
        self._over: dict[str, str] = {}  # each with what it was merged into
        self._apart = Apart()
        self._doings = Doings()
        self._faint = Faint()
        self._timers = Timers()
        self._weighed: dict[str, Group] = {}  # is more or less surprising at this moment
        self._counts: Counter[str] = Counter()

    def state(self) -> object:
        return (
            self._now,
            self._groups,
            (self._held, self._open, self._resolved, self._over),
            (self._chance.state(), self._faint.state(), self._floods.state()),
            (self._apart.state(), self._doings.state()),
            self._timers.state(),
            self._weighed,
            self._revisions.state(),
            self._relations.state(),
            self._changes.state(),
            self._members.state(),
            self._topology.state(),
        )

    def restore(self, state: tuple[Any, ...], *, same: bool) -> None:
        """Go on from what `state` gave. If the settings are not the `same`, incidents live by those of now."""
        self._now, self._groups, by_state, chance, people, timers, self._weighed, revisions, *parts = state
        relations, changes, members, topology = parts
        self._held, self._open, self._resolved, self._over = by_state
        known, faint, floods = chance
        self._chance.restore(known)
        self._faint.restore(faint)
        self._floods.restore(floods)
        apart, doings = people
        self._apart.restore(apart)
        self._doings.restore(doings)
        self._revisions.restore(revisions)
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
        return self._revisions.take()

    def outcomes(self) -> list[ActionOutcome]:
        """What has come of actions since the last call."""
        return self._doings.take()

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
            if bursts.deadline(group, time, self._conf) > time:
                self._schedule(group)
                if group.parent:  # it may be clear by now whether that has gone on
                    self._weighed[group.id] = group
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
        self._cost(anomaly)
        owner = self._members.owner(anomaly.id)
        if owner is not None or anomaly.id in self._over or anomaly.id in self._faint:
            self._counts["duplicates"] += 1
            if owner is not None:
                self._take(*owner, anomaly)
            return
        if not anomaly.level:
            self._counts["levels:unknown"] += 1
        if anomaly.signal == "alert":
            anomaly = self._chance.told(anomaly)
        self._onset(anomaly, anomaly.started_at.timestamp(), late=late)

    def updated(self, anomaly: Anomaly, time: float, *, late: bool) -> None:
        """An anomaly persists, has become worse or is back; told at event time `time`."""
        self.advance(time)
        self._cost(anomaly)
        odd = anomaly.updated_at.timestamp()
        if (owner := self._members.latest(anomaly.id)) is None:
            anew = self._faint.begins_anew(anomaly)
            if anew is None:
                self._counts["updates:unknown"] += 1
            elif anew:
                self._onset(anomaly, odd, late=late, again=True)
            return
        group, symptom = owner
        if (
            anomaly.returns > symptom.returns
            and odd - symptom.seen > _RETURNS
            and not bursts.joins(group, odd, self._conf)
            and group.resolved_at is None
        ):  # it is odd again, long after the group has begun: that may be another fault
            if symptom.ended is None:
                self._members.end(group, symptom, symptom.seen)
            self._onset(anomaly, odd, late=late, again=True)
            self._schedule(group)
            return
        self._take(group, symptom, anomaly)
        self._schedule(group)

    def closed(self, anomaly: Anomaly, time: float, *, late: bool) -> None:
        """An anomaly has ended; told at event time `time`."""
        del late  # it is applied all the same
        self.advance(time)
        self._cost(anomaly)
        if anomaly.head == "stale" and anomaly.ended_at is not None:
            self._chance.speaks(anomaly.scope, anomaly.entity, anomaly.ended_at.timestamp())
            self._explain_again(anomaly.scope, anomaly.entity)
        if (owner := self._members.latest(anomaly.id)) is None:
            # Its incident is over, or the series has opened again, or we never saw it open.
            if not self._faint.remove(anomaly.id):
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
        known = self._changes.knows(notice)
        if not self._changes.add(time, notice):
            self._counts["duplicates"] += 1
            return
        if not known:
            self._chance.changed(notice)
        self._explain_again(notice.scope, notice.service)
        hit = (notice.service, *self._topology.dependents(notice.service))
        for group in list(self._open.values()):
            if notice.scope in ("", group.scope) and any(entity in group.entities for entity in hit):
                self._revisions.touch(group)

    def learn(self, calls: Iterable[tuple[str, str]], time: float) -> None:
        """Spans have shown that services call each other, at event time `time`."""
        self.advance(time)
        self._topology.learn(calls, time)
        self._topology.expire(self._now)

    def act(self, action: Action, time: float) -> None:
        """Somebody has done something, that holds from event time `time` on."""
        self.advance(time)
        self._settle(acted=False)  # an action stands behind all else of its moment
        self._doings.do(action, self, self._now)

    def refuse(self, action: Action, reason: str) -> None:
        """Say that an action changes nothing."""
        self._doings.refuse(action, reason, self._now)

    def counts(self) -> Mapping[str, int]:
        """Monotonic counters."""
        return {
            **self._counts,
            **self._revisions.counts,
            **self._doings.counts,
            "apart:evicted": self._apart.evicted,
            "faint:evicted": self._faint.evicted,
            "changes:evicted": self._changes.evicted,
            "members:beyond": self._members.beyond,
            "dependencies:evicted": self._topology.evicted,
        }

    def bars(self) -> list[tuple[str, float, float]]:
        """Of each scope the surprise from which a group opens an incident, and from how many it was learned."""
        return self._chance.bars()

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

    def _cost(self, anomaly: Anomaly) -> None:
        """What a KPI has lost is news of the incidents that it may come of, now and then."""
        if not anomaly.kpi:
            return
        self._revisions.hear(anomaly)
        for group in list(self._open.values()):
            self._revisions.cost(anomaly, group, self._now)

    # -- what people do (`actions`) -------------------------------------------------------------------------------

    def find(self, incident: str) -> Group | None:
        """An incident that is open, or in its grace."""
        group = self._groups.get(incident)
        return group if group is not None and group.revision else None

    def fate(self, incident: str) -> str | None:
        """Of an incident that is over and forgotten: what it was merged into, if it was; None: never heard of."""
        return self._over.get(incident)

    def is_spent(self, group: Group) -> bool:
        """Whether it has lived as long as it may."""
        return self._now >= bursts.end_of_life(group, self._conf)

    def member(self, group: Group, anomaly_id: str) -> Symptom | None:
        """The member of this anomaly."""
        owner = self._members.owner(anomaly_id)
        return owner[1] if owner is not None and owner[0] is group else None

    def close(self, group: Group, resolution: str) -> None:
        """It is over, and in its grace."""
        self._resolve(group, resolution)
        self._learn(group)
        group.state = "resolved"
        self._resolved[group.id] = group
        self._end_grace()
        self._schedule(group)

    def reopen(self, group: Group) -> None:
        """It is not over after all."""
        group.resolved_at, group.resolution, group.reopened, group.dismissed = None, "", True, False
        self._make_open(group)

    def merge(self, group: Group, other: Group, why: str) -> None:
        """They are one, whatever was said before."""
        self._apart.join(group.scope, group.symptoms, other.symptoms)
        self._merge(group, other, why)
        self._use(group)

    def split(self, group: Group, leaving: Sequence[Symptom], made: str, name: str) -> Group:
        """Some members leave, for a group of their own that is still to be opened; the two are held apart from now."""
        gone = {symptom.series: None for symptom in leaving}
        self._apart.hold(made, group.scope, [series for series in group.symptoms if series not in gone], gone)
        new = parting.offshoot(group, leaving, made, name, self._now)
        self._groups[new.id] = self._held[new.id] = new
        self._parting.move(leaving, group, new)
        self._changed(group)
        return new

    def open(self, group: Group) -> None:
        """What people have made is an incident, whatever chance would say."""
        self._make_open(group)

    def strike(self, group: Group, symptoms: Sequence[Symptom]) -> None:
        """These are no anomalies: they are no members any more, nor ever again."""
        self._parting.strike(group, symptoms)
        for symptom in symptoms:
            self._is_over(symptom.id)
            self._is_over(symptom.anomaly)
        self._changed(group)

    def _changed(self, group: Group) -> None:
        self._revisions.touch(group)
        self._use(group)
        self._schedule(group)

    def _parted(self, group: Group, other: Group) -> bool:
        """Whether people have held them apart."""
        return self._apart.parted(group.scope, other.symptoms, group.symptoms)

    # -- groups ---------------------------------------------------------------------------------------------------

    def _onset(self, anomaly: Anomaly, onset: float, *, late: bool, again: bool = False) -> None:
        """A series becomes odd at `onset`: it joins a burst, or begins one."""
        mine = anomaly.scope, (anomaly.series,)
        flood = self._flood(anomaly.scope, onset)
        if flood is not None and not self._apart.parted(*mine, flood.symptoms):
            self._join(flood, anomaly, onset, f"began together with {flood.first.entity}", late=late)
            return
        related = self._relations.of(anomaly)
        if len(self._apart):
            related = [link for link in related if not self._apart.parted(*mine, link.group.symptoms)]
        joining = [link for link in related if bursts.joins(link.group, onset, self._conf)]
        if not joining and anomaly.signal == "alert":  # other tools wait before they speak
            joining = [link for link in related if bursts.goes_on(link.group, onset, self._conf)]
        if not joining:
            self._start(anomaly, onset, related, late=late, again=again)
            return
        # What is open before candidates; the nearest, then the most recent.
        joining.sort(key=lambda link: (link.distance, -link.group.last_start, link.group.started, link.group.id))
        joining.sort(key=lambda link: link.group.state == "held")
        nearest = joining[0]
        why = self._relations.why(anomaly, nearest)
        together = [nearest, *(link for link in joining[1:] if self._are_one(nearest, link))]
        alike = [link.group for link in together if link.group.state == nearest.group.state]
        group = min(alike, key=lambda group: (group.started, group.id))  # that people have known for longest
        for link in together:
            if link.group is not group and not self._parted(group, link.group):
                self._merge(group, link.group, self._relations.why(anomaly, link))
        group.again = group.again and again
        self._join(group, anomaly, onset, why, late=late)

    def _join(self, group: Group, anomaly: Anomaly, onset: float, why: str, *, late: bool) -> None:
        group.started = min(group.started, onset)
        if anomaly.signal != "alert" or bursts.joins(group, onset, self._conf):
            group.last_start = max(group.last_start, onset)
        symptom = group.symptoms.get(anomaly.series)
        if symptom is not None:  # it flaps: one member, from its first onset
            self._members.again(group, symptom, anomaly, onset)
            self._take(group, symptom, anomaly)
        else:
            self._add(group, self._symptom(anomaly, onset, why, late=late))
        self._use(group)
        self._schedule(group)

    def _are_one(self, nearest: Link, other: Link) -> bool:
        """Whether an anomaly that joins two groups makes them one. A candidate always goes along; labels alone, or
        time alone, do not merge incidents that people have been told of."""
        return other.group.state == "held" or (
            self._relations.is_topological(nearest)
            and self._relations.is_topological(other)
            and bursts.began_together(nearest.group, other.group, self._conf)
        )

    def _start(self, anomaly: Anomaly, onset: float, related: list[Link], *, late: bool, again: bool) -> None:
        group_id = content_id("inc", anomaly.scope, anomaly.id, *([onset] if again else []))
        if group_id in self._over:
            self._counts["duplicates"] += 1
            return
        symptom = self._symptom(anomaly, onset, "first", late=late)
        group = Group(
            id=group_id,
            scope=anomaly.scope,
            first=symptom,
            started=onset,
            last_start=onset,
            last_end=-math.inf,
            again=again,
        )
        going_on = [link for link in related if bursts.goes_on(link.group, onset, self._conf)]
        if going_on:
            parent = min(going_on, key=lambda link: (link.distance, -link.group.last_start, link.group.id)).group
            group.parent, group.life = parent.id, bursts.alive(parent, onset, self._conf)
        self._groups[group.id] = self._held[group.id] = group
        self._add(group, symptom)
        if not group.parent and self._is_flood(group):
            return
        while len(self._held) > 4 * self._conf.open_incidents:
            self._counts["held_back:evicted"] += 1
            self._let_go(next(iter(self._held.values())))  # and learn nothing of chance: it was not waited for
        self._schedule(group)

    def _symptom(self, anomaly: Anomaly, onset: float, why: str, *, late: bool) -> Symptom:
        symptom = Symptom.of(anomaly, onset, why, late=late)
        symptom.family = evidence.family(symptom)
        self._chance.explain(anomaly.scope, symptom)
        return symptom

    def _explain_again(self, scope: str, entity: str) -> None:
        """There was a change of an entity: look again at what is odd of it."""
        for group in self._held.values():
            if scope in ("", group.scope) and entity in group.entities:
                for symptom in group.symptoms.values():
                    self._chance.explain(group.scope, symptom)
                self._weighed[group.id] = group

    def _add(self, group: Group, symptom: Symptom) -> None:
        group.last_odd = max(group.last_odd, symptom.seen + bursts.lasts(symptom))
        if self._members.add(group, symptom):
            group.joined = True
            self._revisions.touch(group)
            self._relations.add(group, symptom.entity, symptom.name, symptom.labels)
            self._weighed[group.id] = group

    def _take(self, group: Group, symptom: Symptom, anomaly: Anomaly) -> None:
        """A later word on a member: only what is worse is news, or an error that had gone and is back."""
        before, strength = RANK[symptom.severity], symptom.strength
        back = symptom.take(anomaly)
        group.last_odd = max(group.last_odd, symptom.seen + bursts.lasts(symptom))
        if symptom.strength > strength:
            self._weighed[group.id] = group
        if back and RANK[symptom.severity] >= RANK["error"]:
            group.joined = True
            self._revisions.touch(group)
        if RANK[symptom.severity] > before:
            self._revisions.touch(group)

    def _merge(self, group: Group, other: Group, why: str) -> None:
        """Move all that another group has into this one. Only an incident that was announced says so."""
        if other.revision:
            self._revisions.merged(other, group, self._now)
        if other.first.why == "first":
            other.first.why, other.first.member = why, None
        for child in self._held.values() if other.state == "open" else ():
            if child.parent == other.id:
                child.parent = group.id
        self._members.move(other, group)
        group.changes = other.changes | group.changes
        group.again = group.again and other.again
        group.last_odd = max(group.last_odd, other.last_odd)
        group.joined = True
        self._revisions.touch(group)
        self._relations.take_over(group, other)
        self._drop(other, group.id)
        self._weighed[group.id] = group
        self._schedule(group)

    # -- chance ---------------------------------------------------------------------------------------------------

    def _judge(self, group: Group) -> None:
        """Open a candidate if it is more than chance would bring, and not part of what is open already."""
        if group.state != "held" or all(evidence.is_harmless(symptom) for symptom in group.symptoms.values()):
            return
        if self._now >= bursts.end_of_life(group, self._conf):
            return  # it was told so late that its incident would be over
        bar = self._chance.bar(group.scope, self._now)
        limit = any(symptom.head == "limit" for symptom in group.symptoms.values()) or self._is_called(group)
        if group.surprise < bar and not limit:
            return
        parent = self._groups.get(group.parent)
        goes_on = parent is not None and parent.state == "open" and bursts.is_worse(group, parent)
        if parent is not None and goes_on and not self._parted(parent, group):
            self._merge(parent, group, f"{parent.first.entity} has been odd since {utc(parent.started):%H:%M} UTC")
            return
        if group.parent and not limit and not bursts.is_another(group, parent, self._now, bar, self._conf):
            return
        alone = all(symptom.signal == "alert" for symptom in group.symptoms.values())
        self._trim(group)
        group.bar = bar
        if self._is_simultaneous(group) or self._is_back(group):
            return
        if not alone or self._chance.affords(group, bar):
            self._make_open(group)

    def _is_called(self, group: Group) -> bool:
        """Whether another tool says that it is critical, still does after a while, and seldom says so."""
        return any(
            symptom.signal == "alert"
            and symptom.severity == "critical"
            and symptom.ended is None
            and self._now >= symptom.started + self._conf.gap
            and self._chance.is_seldom(symptom)
            for symptom in group.symptoms.values()
        )

    def _trim(self, group: Group) -> None:
        """Let go of what came by chance before."""
        start = bursts.beginning(group, partial(self._chance.surprise, group))
        if start <= group.started:
            return
        before = [symptom for symptom in group.symptoms.values() if symptom.started < start]
        for symptom in before:
            self._members.remove(group, symptom)
            self._faint.add(symptom)
        rest = list(group.symptoms.values())
        group.first = min(rest, key=lambda symptom: (symptom.started, symptom.id))
        group.first.why, group.first.member, group.started = "first", None, start
        self._relations.renew(group)
        self._chance.weigh(group)

    def _is_simultaneous(self, group: Group) -> bool:
        """Give what began together with an open incident, near it, to that; or make all that begin together one, if
        they are too many to have nothing to do with each other."""
        together = [
            other
            for other in self._open.values()
            if other.scope == group.scope
            and bursts.began_together(other, group, self._conf)
            and not self._parted(other, group)
        ]
        if not together:
            return False
        together.sort(key=lambda other: (other.started, other.id))
        near = self._topology.within(group.entities, bursts.SIMULTANEOUS_HOPS)
        for other in together:
            if other.flood or any(entity in near for entity in other.entities):
                self._merge(other, group, f"began together with {other.first.entity}")
                return True
        if len(together) < _FLOOD - 1:
            return False
        self._gather(together[0], [*together[1:], group])
        return True

    def _is_flood(self, group: Group) -> bool:
        """Make all that begin with a candidate one incident, if they are more than ever begin together by chance."""
        if not self._floods.begins(group.scope, group.started, self._chance.bar(group.scope, self._now)):
            return False
        together = [
            other
            for other in (*self._open.values(), *self._held.values())
            if other.scope == group.scope and bursts.began_together(other, group, self._conf)
        ]
        first, *others = sorted(together, key=lambda other: (other.state == "held", other.started, other.id))
        self._gather(first, others)
        return True

    def _gather(self, first: Group, others: Iterable[Group]) -> None:
        """Put all that a flood has brought into one incident."""
        first.flood = True
        self._chance.flooded(first.scope, first.started)
        self._floods.began(first.scope, first.id)
        for other in others:
            if not self._parted(first, other):
                self._merge(first, other, f"began together with {first.first.entity}")
        if first.state == "held":
            self._chance.weigh(first)
            first.bar = self._chance.bar(first.scope, self._now)
            self._make_open(first)
        self._schedule(first)

    def _flood(self, scope: str, onset: float) -> Group | None:
        """The open flood that an onset is part of."""
        flood = self._open.get(self._floods.last(scope))
        return flood if flood is not None and abs(flood.started - onset) <= self._conf.gap * bursts.TOGETHER else None

    def _is_back(self, group: Group) -> bool:
        """Reopen an incident that has just resolved if what is odd now was odd then."""
        for other in self._resolved.values():
            if self._now >= bursts.end_of_life(other, self._conf) or other.dismissed or self._parted(other, group):
                continue
            same = sum(series in other.symptoms for series in group.symptoms)
            if other.scope == group.scope and 2 * same >= len(group.symptoms):
                other.resolved_at, other.resolution, other.reopened = None, "", True
                self._make_open(other)
                self._merge(other, group, f"odd again, as {other.first.entity} was before")
                return True
        return False

    def _learn(self, group: Group) -> None:
        """A group is over: what is to be learned from it of chance."""
        if group.state == "open":
            self._chance.weigh(group)
        self._chance.learn(group, self._now)

    # -- states ---------------------------------------------------------------------------------------------------

    def _make_open(self, group: Group) -> None:
        self._held.pop(group.id, None)
        self._resolved.pop(group.id, None)
        self._make_room(self._conf.open_incidents - 1)
        group.state = "open"
        if group.opened_at is None:
            self._chance.opened(group)
        group.opened_at = self._now
        self._use(group)
        self._revisions.touch(group)
        self._schedule(group)

    def _make_room(self, most: int) -> None:
        """Resolve the least recently used open incidents until there are so many."""
        while len(self._open) > most:
            self._counts["incidents:evicted"] += 1
            oldest = next(iter(self._open.values()))
            self._resolve(oldest, narrate.evicted(self._conf.open_incidents))
            self._forget(oldest)

    def _expire(self, group: Group) -> None:
        if group.state == "held":
            self._weighed.pop(group.id, None)
            self._judge(group)
            if group.state != "held" or group.id not in self._groups:
                return
            if bursts.deadline(group, self._now, self._conf) > self._now:
                self._schedule(group)
            else:
                self._counts["held_back"] += 1
                self._drop_candidate(group)
        elif group.state == "resolved":
            self._forget(group)
        elif group.pending and self._now >= group.told + bursts.PACE:
            group.pending = False
            self._revisions.touch(group)
            self._schedule(group)
        elif self._now >= bursts.end_of_life(group, self._conf):
            self._counts["incidents:capped"] += 1
            self._resolve(group, narrate.capped(group, self._conf.lifetime))
            self._learn(group)
            self._forget(group)
        elif group.open and any(bursts.stands(symptom, self._now) for symptom in group.symptoms.values()):
            group.last_odd = self._now
            self._schedule(group)
        else:
            self.close(group, narrate.over(group, bursts.QUIET if group.open else self._conf.gap))

    def _drop_candidate(self, group: Group) -> None:
        """It was no more than chance, or the aftermath of what is open."""
        parent = self._open.get(group.parent)
        if parent is not None:
            parent.aftermath += bursts.families(group)
        self._learn(group)
        self._let_go(group)

    def _let_go(self, group: Group) -> None:
        """Forget a candidate, but not what of it goes on."""
        for symptom in group.symptoms.values():
            self._faint.add(symptom)
        self._forget(group)

    def _end_grace(self) -> None:
        """Forget the resolved incidents that are too many, before their grace is over."""
        while len(self._resolved) > self._conf.open_incidents:
            self._counts["grace:evicted"] += 1
            self._forget(next(iter(self._resolved.values())))

    def _resolve(self, group: Group, resolution: str) -> None:
        self._revisions.resolved(group, resolution, self._now)
        self._open.pop(group.id, None)

    def _forget(self, group: Group) -> None:
        self._members.drop(group)
        self._relations.forget(group)
        self._drop(group)

    def _drop(self, group: Group, into: str = "") -> None:
        for groups in (self._groups, self._held, self._open, self._resolved, self._weighed):
            groups.pop(group.id, None)
        self._revisions.forget(group)
        if group.revision:
            self._is_over(group.id, into)
            self._is_over(group.first.id)  # what it is named after may have been let go
            for symptom in group.symptoms.values():
                if symptom.signal == "alert":  # that is said again for as long as it goes on
                    self._is_over(symptom.anomaly)

    def _is_over(self, id: str, into: str = "") -> None:
        self._over[id] = into
        while len(self._over) > REMEMBERED:
            del self._over[next(iter(self._over))]

    def _schedule(self, group: Group) -> None:
        """Set a timer for the deadline, if it has not gone."""
        if group.id in self._groups:
            self._timers.set(group, bursts.deadline(group, self._now, self._conf), self._groups)

    # -- telling --------------------------------------------------------------------------------------------------

    def _use(self, group: Group) -> None:
        """It was of use: it is the last to make room."""
        if group.state == "open":
            self._open.pop(group.id, None)
            self._open[group.id] = group

    def _settle(self, *, acted: bool = True) -> None:
        """Judge what has changed at this moment, and make one revision of all that has happened to each incident.

        Without `acted`, what people do is not told yet: they may do more at this moment.
        """
        while self._weighed:
            group = self._weighed.pop(next(iter(self._weighed)))
            if group.state == "held" and group.id in self._groups:
                self._chance.weigh(group)
                self._judge(group)
        while (touched := self._revisions.touched(acted=acted)) is not None:
            self._revisions.announce(touched, self._now)
            if touched.pending:  # it is told when there has been time for more
                self._schedule(touched)
