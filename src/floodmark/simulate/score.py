"""How well incidents match the faults that were injected: the demo's scoreboard, and the lines of an external scorer.

Pure functions of incidents and faults. No stage may ever see the truth that it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any, NamedTuple

import orjson

from floodmark.alerts import Incident
from floodmark.simulate.faults import HOUR, MINUTE, Fault, Kind
from floodmark.simulate.topology import downstream, neighbours

TAIL = 15 * MINUTE
"""How long after a fault's end an incident may still begin because of it: recovery is seen too."""
TAILS: Mapping[Kind, float] = {"feature_drift": 4 * HOUR}
"""Where it takes longer: the labels of the drifted predictions come hours later."""


class Row(NamedTuple):
    """One fault: the incidents that belong to it, and what the main one (most members, then earliest) said.

    `delay`: seconds from injection until the first incident was opened, None if it was missed. `exactly_one`: one
    incident, with no other fault's anomalies in it. `rank`: the place of the fault's service (of the nearer one, of a
    fault between two) among the main incident's causes, from 1; None if it is not among them.
    """

    fault: Fault
    incidents: list[Incident]
    delay: float | None
    exactly_one: bool
    rank: int | None

    @property
    def main(self) -> Incident | None:
        return self.incidents[0] if self.incidents else None


class Score(NamedTuple):
    """The scoreboard. `reduction` is 1 - incidents / anomalies; `first_cause` counts faults whose service came first.

    `raw`: points that were surprising, before runs of them became anomalies (0: not known). `delay`: median, seconds.
    `seconds`: wall time of the run (0: not measured). `mixing`: incidents that hold anomalies of several faults.
    """

    rows: list[Row]
    incidents: int
    noise: list[Incident]
    anomalies: int
    raw: int
    events: int
    seconds: float
    mixing: int = 0

    @property
    def faults(self) -> int:
        return len(self.rows)

    @property
    def found(self) -> int:
        return sum(bool(row.incidents) for row in self.rows)

    @property
    def exactly_one(self) -> int:
        return sum(row.exactly_one for row in self.rows)

    @property
    def first_cause(self) -> int:
        return sum(row.rank == 1 for row in self.rows)

    @property
    def reduction(self) -> float:
        return 1 - self.incidents / self.anomalies if self.anomalies else 0.0

    @property
    def delay(self) -> float | None:
        delays = [row.delay for row in self.rows if row.delay is not None]
        return median(delays) if delays else None

    @property
    def rate(self) -> float | None:
        return self.events / self.seconds if self.seconds > 0 else None


def scoreboard(
    incidents: Sequence[Incident],
    anomalies: int,
    raw: int,
    faults: Sequence[Fault],
    depends_on: Mapping[str, Sequence[str]],
    *,
    events: int = 0,
    seconds: float = 0.0,
) -> Score:
    """Match `incidents` (every revision, in order of publication) to `faults`.

    An incident belongs to a fault if it started between injection and the fault's end plus its tail, and touches the
    service or a neighbour of it in the call graph `depends_on`; for a loss of traffic, anything downstream. If that is
    true of several faults, it belongs to one whose very service it touches, and among those to the youngest. If it is
    true of none, it is noise. Incidents that were merged away do not count.
    """
    final: dict[str, Incident] = {}
    opened: dict[str, datetime] = {}
    for incident in incidents:
        opened.setdefault(incident.id, incident.updated_at)
        final[incident.id] = incident
    lasting = [incident for incident in final.values() if incident.merged_into is None]

    reach = {fault.id: _reach(fault, depends_on) for fault in faults}
    owned: dict[str, list[Incident]] = {fault.id: [] for fault in faults}
    noise: list[Incident] = []
    for incident in lasting:
        owner = _owner(incident.started_at, incident.entities, faults, reach)
        if owner is None:
            noise.append(incident)
        else:
            owned[owner.id].append(incident)

    rows = []
    for fault in faults:
        own = sorted(owned[fault.id], key=lambda i: (-i.member_count, i.started_at, i.id))
        delay = None
        if own:
            first = min(opened[incident.id] for incident in own)
            delay = max(0.0, first.timestamp() - fault.start)
        pure = len(own) == 1 and _pure(own[0], fault, faults, reach)
        causes = [cause.entity for cause in own[0].causes] if own else []
        ranks = [causes.index(place) + 1 for place in (fault.service, fault.peer) if place in causes]
        rows.append(Row(fault, own, delay, pure, min(ranks, default=None)))
    mixing = sum(len(_owners(incident, faults, reach)) > 1 for incident in lasting)
    return Score(rows, len(lasting), noise, anomalies, raw, events, seconds, mixing)


def _reach(fault: Fault, depends_on: Mapping[str, Sequence[str]]) -> set[str]:
    reach = {fault.service} | neighbours(depends_on).get(fault.service, set())
    return reach | downstream(depends_on, fault.service) if fault.kind == "traffic_drop" else reach


def _owner(
    at: datetime, entities: Iterable[str], faults: Sequence[Fault], reach: Mapping[str, set[str]]
) -> Fault | None:
    touched = set(entities)
    moment = at.timestamp()
    able = [
        fault
        for fault in faults
        if fault.start <= moment <= fault.end + TAILS.get(fault.kind, TAIL) and touched & reach[fault.id]
    ]
    return max(able, key=lambda fault: (fault.service in touched, fault.start), default=None)


def _pure(incident: Incident, fault: Fault, faults: Sequence[Fault], reach: Mapping[str, set[str]]) -> bool:
    """Whether no member of the incident is another fault's."""
    return _owners(incident, faults, reach) <= {fault.id}


def _owners(incident: Incident, faults: Sequence[Fault], reach: Mapping[str, set[str]]) -> set[str]:
    """The faults whose anomalies are in the incident."""
    owners = (_owner(member.started_at, [member.entity], faults, reach) for member in incident.members)
    return {owner.id for owner in owners if owner is not None}


def truth_jsonl(faults: Sequence[Fault]) -> Iterator[bytes]:
    """The faults as JSON lines {"fault_id", "inject_ts", "service", "end_ts"}; times are epoch seconds.

    `end_ts` includes the tail, as anything until then may be the fault's.
    """
    for fault in faults:
        end = fault.end + TAILS.get(fault.kind, TAIL)
        truth = {"fault_id": fault.id, "inject_ts": fault.start, "service": fault.service, "end_ts": end}
        yield orjson.dumps(truth, option=orjson.OPT_APPEND_NEWLINE)


def to_yardstick(incident: Incident) -> dict[str, Any]:
    """One revision as a line for a scorer of incidents against faults: what it holds, when it was said, whom it blames.

    {"incident_id", "event", "ts", "alerts": [{"id", "ts", "service", "series"}], "root_causes": [service, best first]},
    and "merged_into" where it was; times are epoch seconds.
    """
    line: dict[str, Any] = {
        "incident_id": incident.id,
        "event": incident.event,
        "ts": incident.updated_at.timestamp(),
        "alerts": [
            {
                "id": member.id,
                "ts": member.started_at.timestamp(),
                "service": member.entity,
                "series": member.series,
            }
            for member in incident.members
        ],
        "root_causes": [cause.entity for cause in incident.causes],
    }
    if incident.merged_into is not None:
        line["merged_into"] = incident.merged_into
    return line
