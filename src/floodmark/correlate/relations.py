"""Which groups an anomaly is related to, how closely, and in which words. Time is not judged here.

Two anomalies of one scope are related if they are of the same entity, if their entities are at most `hops`
dependencies apart (in either direction), or if they are equal in one of the configured labels. Entities that the
topology does not know are related by equality and labels only. Where neither a topology nor labels are configured
little could be related, so that time within the scope alone relates; what was learned of the topology takes nothing
from that, but its words come first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

from floodmark.alerts import Anomaly
from floodmark.config.models import Correlate
from floodmark.correlate.group import Group
from floodmark.correlate.symptoms import noun_of
from floodmark.correlate.topology import Topology

LINKS = 8
"""Connections of an incident that are kept to be told."""


class Link(NamedTuple):
    """A group that an anomaly is related to.

    `distance` is in dependencies (0: the same entity); a label counts as further than any dependency, and mere time as
    further than that. `by` is the entity or the label that relates them.
    """

    distance: int
    group: Group
    by: str


class Relations:
    """An index of groups by what can relate an anomaly to them. Holds no group that was not added."""

    def __init__(self, correlate: Correlate, topology: Topology) -> None:
        self._topology = topology
        self._hops = correlate.hops
        self._labels = tuple(correlate.labels)
        self._by_time_alone = not len(topology) and not correlate.labels
        self._index: dict[Hashable, dict[str, Group]] = {}

    def state(self) -> object:
        return self._index

    def restore(self, index: dict[Hashable, dict[str, Group]], groups: Iterable[Group]) -> None:
        """Go on from what `state` gave; where time alone relates now, and did not, it relates these groups too."""
        self._index = index
        for group in groups if self._by_time_alone else ():
            if (group.scope,) not in group.keys:
                self._put(group, (group.scope,))

    def add(self, group: Group, entity: str, name: str, labels: Mapping[str, str]) -> None:
        """Let a group be found by a member's entity and labels."""
        if entity not in group.entities:
            group.entities[entity] = name
            self._put(group, (group.scope, entity))
        for label in self._labels:
            if (value := labels.get(label)) and (label, value) not in group.labels:
                group.labels[label, value] = entity
                self._put(group, (group.scope, label, value))
        if self._by_time_alone and len(group.keys) == 1:
            self._put(group, (group.scope,))

    def take_over(self, group: Group, other: Group) -> None:
        """Let a group be found by all that found the other, and forget the other."""
        for entity, name in other.entities.items():
            if entity not in group.entities:
                group.entities[entity] = name
                self._put(group, (group.scope, entity))
        for (label, value), entity in other.labels.items():
            if (label, value) not in group.labels:
                group.labels[label, value] = entity
                self._put(group, (group.scope, label, value))
        for clause in other.links:
            self.note(group, clause)
        self.forget(other)

    def forget(self, group: Group) -> None:
        """Take a group out of the index."""
        for key in group.keys:
            found = self._index[key]
            del found[group.id]
            if not found:
                del self._index[key]
        group.keys.clear()

    def of(self, anomaly: Anomaly) -> list[Link]:
        """The groups that the anomaly is related to, each by its closest link."""
        found: dict[str, Link] = {}
        for entity, distance in self._topology.near(anomaly.entity, self._hops).items():
            for group in self._index.get((anomaly.scope, entity), {}).values():
                found.setdefault(group.id, Link(distance, group, entity))
        for label in self._labels:
            if value := anomaly.labels.get(label):
                for group in self._index.get((anomaly.scope, label, value), {}).values():
                    found.setdefault(group.id, Link(self._hops + 1, group, label))
        if self._by_time_alone:
            for group in self._index.get((anomaly.scope,), {}).values():
                found.setdefault(group.id, Link(self._hops + 2, group, group.first.entity))
        return list(found.values())

    def near(self, group: Group) -> set[str]:
        """The entities of a group and those around them, as far as `hops`."""
        near: set[str] = set()
        for entity in group.entities:
            near.update(self._topology.near(entity, self._hops))
        return near

    def renew(self, group: Group) -> None:
        """Let a group be found by the members that are left to it, and by no others."""
        self.forget(group)
        group.entities, group.labels, group.links = {}, {}, {}
        for symptom in group.symptoms.values():
            self.add(group, symptom.entity, symptom.name, symptom.labels)

    def is_topological(self, link: Link) -> bool:
        """Whether entities relate, rather than labels or time."""
        return link.distance <= self._hops

    def why(self, anomaly: Anomaly, link: Link) -> str:
        """Why the anomaly belongs to the group, as a clause; also noted with the group if it tells something of it."""
        group = link.group
        if link.distance == 0:
            noun = noun_of(anomaly)
            if anomaly.series in group.symptoms:
                return f"same series as before on {anomaly.entity}"
            return f"same {noun} as {group.entities[link.by]}"
        if link.distance <= self._hops:
            clause = self._topology.connection(anomaly.entity, link.by, link.distance)
        elif link.distance == self._hops + 1:
            value = anomaly.labels[link.by]
            clause = f"shares {link.by}={value} with {group.labels[link.by, value]}"
            self.note(group, f"{anomaly.entity} {clause}")
            return clause
        else:
            return f"close in time to {group.first.name} of {link.by}"
        self.note(group, clause)
        return clause

    @staticmethod
    def note(group: Group, clause: str) -> None:
        """Keep a connection to be told, as long as there are few."""
        if len(group.links) < LINKS:
            group.links[clause] = None

    def _put(self, group: Group, key: Hashable) -> None:
        self._index.setdefault(key, {})[group.id] = group
        group.keys.append(key)
