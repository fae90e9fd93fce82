"""The KPIs of all scopes that are odd now, members of an incident or not, so that one can say what it costs.

Bounded: the longest known go first. It decides nothing.
"""

from __future__ import annotations

from typing import Any, Final

from floodmark.alerts import Anomaly
from floodmark.config.models import Correlate
from floodmark.correlate.group import Group
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.topology import Topology

_MOST: Final = 1_000
"""KPIs that are kept."""


class Kpis:
    """Open anomalies of KPIs, by scope and series."""

    def __init__(self, correlate: Correlate, topology: Topology) -> None:
        self._gap = correlate.gap
        self._topology = topology
        self._odd: dict[tuple[str, str], Symptom] = {}

    def state(self) -> object:
        return self._odd

    def restore(self, state: dict[tuple[str, str], Any]) -> None:
        """Go on from what `state` gave."""
        self._odd = state

    def hear(self, anomaly: Anomaly) -> None:
        """Any word on a KPI."""
        key = anomaly.scope, anomaly.series
        known = self._odd.get(key)
        if anomaly.event == "closed":
            self._odd.pop(key, None)
        elif known is not None and known.id == anomaly.id:
            known.take(anomaly)
        else:
            self._odd[key] = Symptom.of(anomaly, anomaly.started_at.timestamp(), "", late=False)
            while len(self._odd) > _MOST:
                del self._odd[next(iter(self._odd))]

    def beside(self, group: Group) -> list[Symptom]:
        """What is odd since an incident began, is no member, and may be its effect: of its entities, of those that
        depend on them, or of what the topology does not know."""
        return [
            symptom
            for (scope, series), symptom in sorted(self._odd.items())
            if scope == group.scope
            and series not in group.symptoms
            and symptom.started >= group.started - self._gap
            and self._may_come_of(symptom.entity, group)
        ]

    def _may_come_of(self, entity: str, group: Group) -> bool:
        if entity in group.entities or entity not in self._topology:
            return True
        closure = self._topology.closure(entity)
        return any(affected in closure for affected in group.entities)
