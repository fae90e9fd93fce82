"""Ranks the probable causes of an incident: which entity to look at first, and why.

One pure function of the symptoms, the changes and the topology: no state, no clock, and the same answer in whatever
order they are given. It weighs six signs and obeys none of them: "always the deepest failing service" helps on some
systems and hurts on others, so the topology has one vote among six.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from floodmark.alerts import Cause, ChangeNotice
from floodmark.correlate.sentences import cut, listed, readable, sentence, span
from floodmark.correlate.symptoms import LARGEST_DEVIATION, Symptom
from floodmark.correlate.topology import Topology

MOST = 5
"""Causes that are told."""


class Weights(NamedTuple):
    """How many nats of odds each sign is worth at its strongest; every sign lies between 0 and 1."""

    evidence: float = 1.2
    size: float = 1.2
    onset: float = 1.2
    dependents: float = 1.0
    kind: float = 0.8
    change: float = 2.5
    onset_scale: float = 60.0  # seconds by which coming later makes a cause 1/e as likely by onset
    change_scale: float = 900.0  # seconds of age by which a change weighs 1/e
    change_slack: float = 60.0  # a deploy is often announced a little after its first effect is measured


WEIGHTS = Weights()

# What the signal says about the cause, by words in the series' name. A full disk explains a slow caller, and a slow
# caller explains nothing.
_KINDS: tuple[tuple[float, re.Pattern[str]], ...] = (
    (
        1.0,
        re.compile(r"satur|throttl|oom|evict|restart|crash|fd|file_?desc|disk|full|pool|exhaust|leak", re.IGNORECASE),
    ),
    (0.9, re.compile(r"cpu|mem|heap|swap|gc|rss|thread|queue|backlog|lag|drift", re.IGNORECASE)),
    (0.6, re.compile(r"err|fail|fault|exception|5xx|success|reject|timeout", re.IGNORECASE)),
    (0.2, re.compile(r"latency|duration|response|p50|p9\d|time", re.IGNORECASE)),
)
_SILENT = ("stale", "flatline")
_TOGETHER = "entity"
"""The head that speaks of many series of its entity at once: beside the series themselves it says nothing new."""


class _Suspect(NamedTuple):
    """An entity with its symptoms, or without any: a changed dependency of those that have."""

    entity: str
    symptoms: list[Symptom]
    onset: float
    evidence: float
    size: float
    dependents: list[str]
    kind: float
    change: ChangeNotice | None
    change_sign: float


def rank(
    symptoms: Iterable[Symptom],
    changes: Iterable[ChangeNotice],
    topology: Topology,
    weights: Weights = WEIGHTS,
) -> list[Cause]:
    """The most probable causes, best first, at most five.

    Each entity's score is a weighted sum of six signs, and `share` its softmax over all suspects:
    how improbable its symptoms are; how far out of their bands; how early it moved; how many of the other affected
    entities depend on it; what kind of signal moved; a recent change of it. A direct dependency of an affected
    entity that was changed, but shows no symptom, is a suspect too, at half the evidence.
    """
    by_entity: dict[str, list[Symptom]] = {}
    for symptom in sorted(symptoms, key=lambda s: (s.started, s.id)):
        by_entity.setdefault(symptom.entity, []).append(symptom)
    if not by_entity:
        return []
    notices = sorted(changes, key=lambda change: (change.time, change.id))
    dependents: dict[str, list[str]] = {}
    for entity in by_entity:
        for depended_on in topology.closure(entity):
            dependents.setdefault(depended_on, []).append(entity)
    suspects = [
        _suspect(entity, own, dependents.get(entity, []), notices, weights) for entity, own in by_entity.items()
    ]
    suspects += _changed_dependencies(suspects, dependents, notices, topology, weights)
    first = min(suspect.onset for suspect in suspects)
    scored = sorted(
        ((_score(suspect, first, weights), suspect) for suspect in suspects),
        key=lambda pair: (-pair[0], pair[1].onset, pair[1].entity),
    )
    top = scored[0][0]
    total = math.fsum(math.exp(score - top) for score, _ in scored)
    return [
        Cause(
            entity=suspect.entity,
            share=round(math.exp(score - top) / total, 6),
            reason=_reason(suspect, suspects),
            anomalies=[symptom.id for symptom in suspect.symptoms],
            change=None if suspect.change is None else suspect.change.id,
        )
        for score, suspect in scored[:MOST]
    ]


def _score(suspect: _Suspect, first: float, weights: Weights) -> float:
    onset = math.exp(-(suspect.onset - first) / weights.onset_scale)
    others = max(1, len(suspect.dependents))
    return (
        weights.evidence * suspect.evidence
        + weights.size * suspect.size
        + weights.onset * onset
        # The first dependent says most; ten rather than five say little more.
        + weights.dependents * (1 - 2.0**-others if suspect.dependents else 0.0)
        + weights.kind * suspect.kind
        + weights.change * suspect.change_sign
    )


def _suspect(
    entity: str,
    own: list[Symptom],
    dependents: list[str],
    changes: Sequence[ChangeNotice],
    weights: Weights,
) -> _Suspect:
    telling = _telling(own)
    # The strongest three say how strong; that there are more says a little, so that no entity wins by being
    # measured more than others.
    strengths = sorted((math.log1p(min(s.surprise(), 16.0)) / math.log1p(16.0) for s in telling), reverse=True)[:3]
    sizes = sorted((d for s in telling if (d := s.deviation()) is not None), reverse=True)[:3]
    onset = own[0].started
    change, sign = _latest(entity, onset, changes, weights)
    return _Suspect(
        entity=entity,
        symptoms=own,
        onset=onset,
        evidence=0.8 * sum(strengths) / len(strengths) + 0.2 * (1 - 1 / len(telling)),
        size=math.log1p(median(sizes)) / math.log1p(LARGEST_DEVIATION) if sizes else 0.0,
        dependents=dependents,
        kind=max(_kind(symptom) for symptom in telling),
        change=change,
        change_sign=sign,
    )


def _changed_dependencies(
    suspects: Sequence[_Suspect],
    dependents: dict[str, list[str]],
    changes: Sequence[ChangeNotice],
    topology: Topology,
    weights: Weights,
) -> list[_Suspect]:
    found = []
    affected = {suspect.entity for suspect in suspects}
    for service in dict.fromkeys(change.service for change in changes):
        callers = [s for s in suspects if service in topology.depends_on(s.entity)]
        if service in affected or not callers:
            continue
        onset = min(caller.onset for caller in callers)
        change, sign = _latest(service, onset, changes, weights)
        if change is not None:
            evidence = max(caller.evidence for caller in callers) / 2
            sign *= 0.6  # its own symptoms would be the first to show
            found.append(_Suspect(service, [], onset, evidence, 0.0, dependents.get(service, []), 0.0, change, sign))
    return found


def _latest(
    entity: str, onset: float, changes: Sequence[ChangeNotice], weights: Weights
) -> tuple[ChangeNotice | None, float]:
    """The last change of the entity before its onset, and its weight, 0 to 1 by recency."""
    for change in reversed(changes):
        age = onset - change.time.timestamp()
        if change.service == entity and age >= -weights.change_slack:
            return change, 0.3 + 0.7 * math.exp(-max(0.0, age) / weights.change_scale)
    return None, 0.0


def _telling(own: list[Symptom]) -> list[Symptom]:
    """The symptoms of single series, if there are any."""
    return [symptom for symptom in own if symptom.head != _TOGETHER] or own


def _kind(symptom: Symptom) -> float:
    if symptom.head in _SILENT:
        return 0.9
    return next((weight for weight, words in _KINDS if words.search(symptom.name)), 0.4)


def _reason(suspect: _Suspect, suspects: Sequence[_Suspect]) -> str:
    """Why this entity, as a sentence: when it moved, what moved, who depends on it, what was changed."""
    name, parts = suspect.entity, []
    others = [other for other in suspects if other.entity != name and other.symptoms]
    if not suspect.symptoms:
        parts.append(f"{name} shows no anomaly of its own")
    elif not others:
        parts.append(f"only {name} is affected")
    else:
        next_one = min(others, key=lambda other: (other.onset, other.entity))
        lead = next_one.onset - suspect.onset
        if lead >= 1:
            parts.append(f"{name} moved first ({span(lead)} before {next_one.entity})")
        elif lead > -1:
            parts.append(f"{name} was among the first to move")
        else:
            parts.append(f"{name} moved {span(lead)} after {next_one.entity}")
    if suspect.symptoms:
        parts.append(_what(_telling(suspect.symptoms)))
    if suspect.dependents:
        verb = "depends" if len(suspect.dependents) == 1 else "depend"
        parts.append(f"{listed(suspect.dependents)} {verb} on it")
    if suspect.change is not None:
        lead = suspect.onset - suspect.change.time.timestamp()
        # "a deploy", "a config change", "a flag change"
        what = "a deploy" if suspect.change.kind == "deploy" else f"a {suspect.change.kind} change"
        when = f"came {span(lead)} earlier" if lead >= 1 else "came at the same time"
        about = f" ({cut(suspect.change.summary, 80)})" if suspect.change.summary else ""
        parts.append(f"{what}{about} {when}")
    return sentence(", ".join(parts))


def _what(own: Sequence[Symptom]) -> str:
    if own[0].head == _TOGETHER:
        return "many of its series are a little odd at once"
    silent = [symptom for symptom in own if symptom.head == "stale"]
    if silent:
        return (
            f"its {readable(silent[0].name)} fell silent"
            if len(silent) == 1
            else f"{len(silent)} of its series fell silent"
        )
    strongest = max(own, key=lambda s: (s.deviation() or 0.0, s.surprise(), s.id))
    size = strongest.deviation() or 0.0
    far = f" by {_times(size)} the width of its band" if size >= 4 else ""
    verb = "is" if len(own) == 1 else "are"
    return f"{len(own)} of its series {verb} out of band ({readable(strongest.name)}{far})"


def _times(size: float) -> str:
    # Half-widths from the middle; said in whole widths beyond it.
    widths = size / 2
    return "more than 100 times" if widths >= 100 else f"{widths:.3g} times"
