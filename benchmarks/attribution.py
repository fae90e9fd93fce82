"""Incidents against faults by time alone: what an incident says belongs to the fault during which it was said.

The strict scorer beside `simulate.score`: it knows no call graph, so an anomaly that happens to begin while a fault is
on is that fault's, wherever it is; and one that begins outside all of them is noise, whatever it is.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from floodmark.alerts import Incident
from floodmark.simulate.faults import Fault

TAIL = 300.0
"""Seconds after its end for which a fault owns the time, unless another begins."""


class Attribution(NamedTuple):
    """`exactly_one`: faults all of whose anomalies are in one incident, which holds no other's. `mixing`: incidents of
    several faults. `noise`: incidents of none. `first_cause`: faults whose service is the first cause of the incident
    that holds most of their anomalies. `delays`: from injection until an incident that holds some is opened, seconds.
    """

    faults: int
    found: int
    exactly_one: int
    incidents: int
    mixing: int
    noise: int
    first_cause: int
    delays: list[float]


def attribute(incidents: Sequence[Incident], faults: Sequence[Fault], tail: float = TAIL) -> Attribution:
    """Score `incidents`, every revision in order of publication. Members count that were ever told."""
    faults = sorted(faults, key=lambda fault: fault.start)
    starts = [fault.start for fault in faults]
    ends = [min(fault.end + tail, following) for fault, following in zip(faults, [*starts[1:], math.inf], strict=False)]

    def owner(at: float) -> int | None:
        number = bisect_right(starts, at) - 1
        return number if number >= 0 and at < ends[number] else None

    opened, members, final = _folded(incidents)
    seen: defaultdict[int, Counter[str]] = defaultdict(Counter)
    holds: defaultdict[str, set[int]] = defaultdict(set)
    for incident, moments in members.items():
        for at in moments.values():
            if (number := owner(at)) is not None:
                seen[number][incident] += 1
                holds[incident].add(number)
    first, delays = 0, []
    for number, where in seen.items():
        fault = faults[number]
        delays.append(max(0.0, min(opened[incident] for incident in where) - fault.start))
        main = max(where, key=lambda incident: (where[incident], -opened[incident], incident))
        first += bool({cause.entity for cause in final[main].causes[:1]} & {fault.service, fault.peer})
    exactly = sum(len(where) == 1 and len(holds[next(iter(where))]) == 1 for where in seen.values())
    mixing = sum(len(which) > 1 for which in holds.values())
    noise = len(members) - len(holds)
    return Attribution(len(faults), len(seen), exactly, len(members), mixing, noise, first, sorted(delays))


def _folded(
    incidents: Sequence[Incident],
) -> tuple[dict[str, float], dict[str, dict[str, float]], dict[str, Incident]]:
    """By incident: when it was opened, when each of its anomalies began, and its last revision. What was merged into
    another is in that one."""
    opened: dict[str, float] = {}
    members: dict[str, dict[str, float]] = {}
    final: dict[str, Incident] = {}
    for incident in incidents:
        opened.setdefault(incident.id, incident.updated_at.timestamp())
        own = members.setdefault(incident.id, {})
        own.update((member.id, member.started_at.timestamp()) for member in incident.members)
        final[incident.id] = incident
    for name, incident in final.items():
        into = incident.merged_into
        if into in members:
            members[into].update(members.pop(name))
    return opened, members, final
