"""Ranks the probable causes of an incident: which entity to look at first, and why.

One pure function of the symptoms, the changes and the topology: no state, no clock, and the same answer in whatever
order they are given. It weighs the signs of `signs.py` and obeys none of them: "always the deepest failing service"
helps on some systems and hurts on others. The weights are those of a conditional logit, fitted on known faults by
`benchmarks/causes.py`; so `share` is a probability, as far as other systems are like those.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from floodmark.alerts import Cause, ChangeNotice
from floodmark.correlate.reasons import reason
from floodmark.correlate.signs import SIGNS, suspects
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.topology import Topology

MOST: Final = 5
"""Causes that are told."""
_WORTH_TELLING: Final = 0.02
"""The share from which on one is told that shows nothing and was not changed."""


class Fitted(msgspec.Struct, forbid_unknown_fields=True):
    """What `causes.json` holds: nats of odds for one unit of each sign, and where they come from."""

    weights: dict[str, float]
    about: str = ""


def _load() -> Mapping[str, float]:
    weights = msgspec.json.decode(Path(__file__).with_suffix(".json").read_bytes(), type=Fitted).weights
    if sorted(weights) != sorted(SIGNS):
        raise ValueError(f"causes.json has weights of {sorted(weights)}, and the signs are {sorted(SIGNS)}")
    return weights


WEIGHTS: Final[Mapping[str, float]] = _load()


def rank(
    symptoms: Iterable[Symptom],
    changes: Iterable[ChangeNotice],
    topology: Topology,
    weights: Mapping[str, float] = WEIGHTS,
    *,
    measured: Container[str] | None = None,
) -> list[Cause]:
    """The most probable causes, best first, at most five.

    A suspect's score is the weighted sum of its signs, and `share` the softmax over all suspects. Suspects are the
    affected entities, and dependencies of theirs without symptoms that there is a reason to suspect; of those, the
    improbable ones are not told. `measured`: the entities that are known to have series, if that is known; what has
    none (a third party) is suspected sooner.
    """
    found = suspects(symptoms, changes, topology, measured)
    scores = [math.fsum(weights[sign] * value for sign, value in suspect.signs.items()) for suspect in found]
    top = max(scores, default=0.0)
    total = math.fsum(math.exp(score - top) for score in scores)
    scored = sorted(zip(scores, found, strict=True), key=lambda pair: (-pair[0], pair[1].onset, pair[1].entity))
    causes: list[Cause] = []
    for score, suspect in scored:
        if len(causes) == MOST:
            break
        share = math.exp(score - top) / total
        if not suspect.symptoms and suspect.change is None and share < _WORTH_TELLING:
            continue
        causes.append(
            Cause(
                entity=suspect.entity,
                share=round(share, 6),
                reason=reason(suspect, found, topology),
                anomalies=[symptom.id for symptom in suspect.symptoms],
                change=None if suspect.change is None else suspect.change.id,
                signs={sign: round(value, 3) for sign, value in suspect.signs.items() if value},
            )
        )
    return causes
