"""The suspects of an incident, and the signs by which each is judged.

A suspect is an affected entity, or a dependency without symptoms that lines of its callers name, that several affected
ones share, that is not measured at all, or that was changed. Its signs are a handful of numbers of the size of 1; what
each is worth is fitted on known faults (`causes.json`). Pure functions: no state, no clock, and the same in whatever
order symptoms and changes are given.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from floodmark.alerts import ChangeNotice
from floodmark.correlate import kinds
from floodmark.correlate.blame import Affected, Blame, Finding, standing
from floodmark.correlate.evidence import MOST, family, nats
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.topology import Topology

SIGNS: Final = (
    "onset",  # -ln(1 + minutes after the first)
    "blame",  # ln(0.02 + share) of the blame that flows to it
    "named",  # nats of others' series that speak of it, 1 at 14
    "resource",  # nats of its strongest resource, 1 at 14
    "silence",  # how many of its series are silent, 1 at two
    "source",  # its load changed, that of no caller did, and it is not ill: 1 at 7 nats
    "change",  # a recent change: 1 at once, 0.3 at length
    "unseen",  # 1: it has series, and none of them is odd
    "unmeasured",  # 1: it has no series
)
"""Their names, and what they are."""

_STILL: Final = 7.0
"""Nats of a series that fell silent together with others of its entity, at least."""
_FIRM: Final = 3.0
"""Nats at which an onset counts; or half of the entity's strongest."""
_TOGETHER: Final = "entity"
"""The head that speaks of many series of its entity at once: beside the series themselves it says nothing new."""
_NONE: Final = 0.02
"""The share of blame below which less of it says little more."""
_SLACK: Final = 60.0
"""Seconds by which a change may be younger than the onset: a deploy is often announced a little after its first effect
is measured."""
_FADE: Final = 900.0
_QUIET: Final = 0.6
"""What a change weighs whose service shows nothing: its own symptoms would be the first to show."""
_UNMEASURED: Final = 3.0
"""How much more blame a dependency attracts that has no series."""


class Suspect(NamedTuple):
    """An entity with its symptoms, oldest first, or without any. `telling` are those of single series, if there are
    any; `naming` the entities whose series speak of it; `change` its last change before `onset` (epoch seconds; of a
    suspect without symptoms, its callers').
    """

    entity: str
    symptoms: list[Symptom]
    telling: list[Symptom]
    onset: float
    naming: list[str]
    change: ChangeNotice | None
    signs: dict[str, float]


def suspects(
    symptoms: Iterable[Symptom],
    changes: Iterable[ChangeNotice],
    topology: Topology,
    measured: Container[str] | None = None,
) -> list[Suspect]:
    """All of them, affected ones first, in the order of their onsets. `measured`: the entities that are known to have
    series; None if that is not known."""
    by_entity: dict[str, list[Symptom]] = {}
    for symptom in sorted(symptoms, key=lambda s: (s.started, s.id)):
        by_entity.setdefault(symptom.entity, []).append(symptom)
    if not by_entity:
        return []
    history: dict[str, list[ChangeNotice]] = {}
    for notice in sorted(changes, key=lambda change: (change.time, change.id)):
        history.setdefault(notice.service, []).append(notice)
    callers: dict[str, list[str]] = {}  # of dependencies without symptoms
    for entity in by_entity:
        for called in topology.depends_on(entity):
            if called not in by_entity:
                callers.setdefault(called, []).append(entity)
    speakers = _Speakers(by_entity, callers, topology)
    telling = {entity: _telling(own) for entity, own in by_entity.items()}
    affected = {entity: Affected(_findings(own, speakers), _firm(own)) for entity, own in telling.items()}
    naming = _naming(affected)
    quiet = {}
    for called, its in callers.items():
        unmeasured = measured is not None and called not in measured
        if unmeasured or len(its) > 1 or called in naming or called in history:
            quiet[called] = _UNMEASURED if unmeasured else 1.0

    graph = Blame(affected, quiet, topology)
    shares = graph.shares()
    first = min(one.onset for one in affected.values())
    found = []
    for entity in (*by_entity, *quiet):
        own = by_entity.get(entity, [])
        onset = own[0].started if own else min(affected[caller].onset for caller in callers[entity])
        change, recent = _latest(history.get(entity, ()), onset)
        by = naming.get(entity, {})
        signs = dict.fromkeys(SIGNS, 0.0) | {
            "blame": math.log(_NONE + shares[entity]),
            "named": min(1.0, math.fsum(by.values()) / MOST),
            "change": recent if own else _QUIET * recent,
        }
        if own:
            signs |= _own_signs(entity, affected[entity], first, graph)
        else:
            signs["unseen" if quiet[entity] <= 1 else "unmeasured"] = 1.0
        found.append(Suspect(entity, own, telling.get(entity, []), onset, list(by), change, signs))
    return found


def _naming(affected: Mapping[str, Affected]) -> dict[str, dict[str, float]]:
    """Who is named → by whose series, and with how many nats."""
    found: dict[str, dict[str, float]] = {}
    for entity, one in affected.items():
        for finding in one.findings:
            for other, said in finding.named.items():
                by = found.setdefault(other, {})
                by[entity] = by.get(entity, 0.0) + said
    return found


def _telling(own: list[Symptom]) -> list[Symptom]:
    return [symptom for symptom in own if symptom.head != _TOGETHER] or own


def _firm(own: Sequence[Symptom]) -> float:
    """When the first of them began that is no mere chance."""
    bar = min(_FIRM, max(nats(symptom) for symptom in own) / 2)
    return min(s.started for s in own if nats(s) >= bar or kinds.kind(s) == "silence")


def _findings(own: Sequence[Symptom], speakers: _Speakers) -> list[Finding]:
    """One for each family and kind of its series: the strongest, and the others that it speaks of."""
    strongest: dict[tuple[str, kinds.Kind], float] = {}
    spoken: dict[tuple[str, kinds.Kind], dict[str, float]] = {}
    for symptom in own:
        key = symptom.family or family(symptom), kinds.kind(symptom)
        own_nats = nats(symptom)
        strongest[key] = max(strongest.get(key, 0.0), own_nats)
        said = spoken.setdefault(key, {})
        if key[1] != "load" and own_nats > 0:
            others = speakers.named(symptom)
            for other in others:
                said[other] = max(said.get(other, 0.0), own_nats / len(others))
    silent = sum(kind == "silence" for _, kind in strongest)
    for key, most in strongest.items():
        if key[1] == "silence" and silent > 1:
            strongest[key] = max(most, _STILL)
    # Calls are slow as well where the caller itself has no time for them.
    busy = math.log1p(standing((key[1], most) for key, most in strongest.items()))
    return [
        Finding(
            most,
            key[1],
            {
                other: said if key[1] == "failure" else said / (1 + busy / math.log1p(said))
                for other, said in spoken[key].items()
            },
        )
        for key, most in strongest.items()
    ]


class _Speakers:
    """Of whom a series of an affected entity may speak: of other affected ones that do not call it, and of its own
    dependencies. (A log of a database that names its client explains nothing.)"""

    def __init__(self, affected: Iterable[str], quiet: Iterable[str], topology: Topology) -> None:
        self._affected = frozenset(affected)
        self._names = kinds.Names((*affected, *quiet))
        self._topology = topology

    def named(self, symptom: Symptom) -> list[str]:
        return [other for other in self._names.named(symptom) if self._may(symptom.entity, other)]

    def _may(self, entity: str, other: str) -> bool:
        if other not in self._affected:
            return other in self._topology.depends_on(entity)
        return entity not in self._topology.depends_on(other) or other in self._topology.depends_on(entity)


def _own_signs(entity: str, one: Affected, first: float, graph: Blame) -> dict[str, float]:
    """Those that only an affected entity has."""
    findings = one.findings
    resource = max((f.nats for f in findings if f.kind == "resource"), default=0.0)
    return {
        "onset": -math.log1p((one.onset - first) / 60),
        "resource": resource / MOST,
        "silence": min(1.0, sum(f.kind == "silence" for f in findings) / 2),
        "source": graph.source(entity),
    }


def _latest(changes: Sequence[ChangeNotice], onset: float) -> tuple[ChangeNotice | None, float]:
    """The last change of an entity before its onset, and its weight, 0 to 1 by recency."""
    for change in reversed(changes):
        age = onset - change.time.timestamp()
        if age >= -_SLACK:
            return change, 0.3 + 0.7 * math.exp(-max(0.0, age) / _FADE)
    return None, 0.0
