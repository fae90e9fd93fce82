"""Which anomaly went where: the symptoms of groups, and from an anomaly's id to its symptom.

Bounded: a group keeps `most` series; further ones are only counted. A series that flaps stays one symptom, known by
its first and its latest anomaly. It decides nothing about incidents.
"""

from __future__ import annotations

from floodmark.alerts import Anomaly
from floodmark.correlate.group import Group
from floodmark.correlate.symptoms import Symptom


class Membership:
    """The symptoms of all groups of a partition."""

    def __init__(self, most: int) -> None:
        self.beyond = 0
        """Series that joined a group which had its fill: counted with it, not kept."""
        self._most = most
        self._owners: dict[str, tuple[Group, Symptom]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def state(self) -> object:
        return self._owners

    def restore(self, owners: dict[str, tuple[Group, Symptom]]) -> None:
        """Go on from what `state` gave."""
        self._owners = owners

    def owner(self, anomaly_id: str) -> tuple[Group, Symptom] | None:
        """Where an anomaly went, while its group lives."""
        return self._owners.get(anomaly_id)

    def latest(self, anomaly_id: str) -> tuple[Group, Symptom] | None:
        """The same, if the series has not opened again since."""
        owner = self._owners.get(anomaly_id)
        return owner if owner is not None and owner[1].anomaly == anomaly_id else None

    def add(self, group: Group, symptom: Symptom) -> bool:
        """A new series joins; False if the group has its fill."""
        group.member_count += 1
        if len(group.symptoms) >= self._most:
            self.beyond += 1
            return False
        group.symptoms[symptom.series] = symptom
        group.open += symptom.ended is None
        self._own(group, symptom)
        return True

    def again(self, group: Group, symptom: Symptom, anomaly: Anomaly, onset: float) -> None:
        """A series that is a member has another anomaly."""
        self._latest(group, symptom, anomaly.id)
        symptom.started = min(symptom.started, onset)

    def remove(self, group: Group, symptom: Symptom) -> None:
        """A symptom is no part of the group after all."""
        del group.symptoms[symptom.series]
        group.open -= symptom.ended is None
        group.member_count -= 1
        self._disown(symptom)

    def end(self, group: Group, symptom: Symptom, time: float) -> None:
        """The latest anomaly of a symptom has ended."""
        symptom.ended, symptom.member = time, None
        group.open -= 1
        group.last_end = max(group.last_end, time)

    def move(self, other: Group, group: Group) -> None:
        """Give all that one group has to another."""
        beyond = other.member_count - len(other.symptoms)
        group.member_count += beyond
        for symptom in other.symptoms.values():
            self._disown(symptom)
            same = group.symptoms.get(symptom.series)
            if same is None:
                self.add(group, symptom)
                continue
            same.absorb(symptom)
            if symptom.ended is None and same.ended is not None:
                self._latest(group, same, symptom.anomaly)
        group.started = min(group.started, other.started)
        group.last_start = max(group.last_start, other.last_start)
        group.last_end = max(group.last_end, other.last_end)

    def drop(self, group: Group) -> None:
        """Forget a group's symptoms."""
        for symptom in group.symptoms.values():
            self._disown(symptom)

    def _latest(self, group: Group, symptom: Symptom, anomaly_id: str) -> None:
        if symptom.anomaly != symptom.id:
            self._give_up(symptom.anomaly, symptom)
        symptom.anomaly = anomaly_id
        group.open += symptom.ended is not None
        symptom.ended = symptom.member = None
        self._own(group, symptom)

    def _own(self, group: Group, symptom: Symptom) -> None:
        self._owners[symptom.id] = self._owners[symptom.anomaly] = (group, symptom)

    def _disown(self, symptom: Symptom) -> None:
        self._give_up(symptom.id, symptom)
        self._give_up(symptom.anomaly, symptom)

    def _give_up(self, anomaly_id: str, symptom: Symptom) -> None:
        owner = self._owners.get(anomaly_id)
        if owner is not None and owner[1] is symptom:  # it may have come again, and be another group's by now
            del self._owners[anomaly_id]
