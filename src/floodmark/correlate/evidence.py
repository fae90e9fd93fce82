"""How improbable a group of anomalies is: what each says, by how much they repeat each other, and all of it together.

The evidence of an anomaly is in nats beyond the level at which its series alarms: where nothing is wrong it is
exponential with mean 1, if the series is calibrated. The evidence of several is put together by Fisher's method, less
what is only said twice; that so many came at once is evidence, too. See docs/detection.md, "Incidents".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from floodmark.alerts import Anomaly
from floodmark.correlate import kinds
from floodmark.correlate.nulls import Null
from floodmark.correlate.symptoms import Symptom, strength

MOST: Final = 14.0
"""Nats: no series says more, since what is beyond is read off the extrapolation of a tail."""
POINTS: Final = frozenset(
    ("forecast", "range", "level", "drift", "variance", "shape", "flatline", "count", "entity", "stale")
)
"""Heads that judge each point of what models do, too."""
_TESTED: Final = 0.5
"""What the nats of a test are worth: it takes values for independent that are not."""
UNKNOWN_LEVEL: Final = 60 / 86_400
"""The level of an anomaly that does not say it (of an older release): a point a minute at one alarm a day."""
_FAMILIES: Final = 60
"""Families that count; beyond them nothing is left to prove."""
_ECHOES: Final = 8
"""The strongest families of an entity, of which another one may be an echo."""
_LOAD: Final = 0.7
"""How much of an echo it is that more work, or less, is felt elsewhere too: by others, and in what it uses."""
_HEARSAY: Final = 0.7
"""And that another tool says so of an entity that is odd anyway: it looks at the same series."""
_USUAL: Final = 4.0
"""Changes for which the prior of their effects counts."""
_EXPECTED: Final = 0.3
_UNEXPECTED: Final = 1e-5
"""Prior share of changes that move a series of the entity; and that bring errors or slowness."""
_HARM: Final = re.compile(r"err|fail|fault|exception|5xx|latenc|p9\d|duration|success|timeout|reject", re.IGNORECASE)
_NOVELTY: Final = ("log_new_templates", "log_rare_templates")


class Row(NamedTuple):
    """What a family of an entity says, in nats; how usual it is after a change that there was (0: none); of which kind
    of trouble it is a sign, and where it goes. `told`: another tool says so."""

    nats: float
    entity: str
    family: str
    usual: float = 0.0
    kind: str = "other"
    direction: str = "none"
    told: bool = False


def nats(symptom: Symptom) -> float:
    """Evidence of one series, 0 to 14; a limit that the operator has set is certain."""
    return _nats(symptom, symptom.strength)


def nats_of(anomaly: Anomaly) -> float:
    """The same of an anomaly that is no member of anything."""
    return _nats(anomaly, strength(anomaly))


def is_found(said: Symptom | Anomaly) -> bool:
    """Whether a test has found, once, that something is no longer as it was: so it is of predictions only. All else
    judges each point, be it a head of our own, a limit or a model of River."""
    return said.signal == "prediction" and said.head not in POINTS


def _nats(said: Symptom | Anomaly, strength: float) -> float:
    if said.head == "limit":
        return MOST
    beyond = max(0.0, math.log(said.level or UNKNOWN_LEVEL) + strength * math.log(10.0))
    return min(MOST, _TESTED * beyond if is_found(said) else beyond)


def family(symptom: Symptom) -> str:
    """What a series measures, so that cpu1 and cpu2, or two new lines of a log, are not two witnesses."""
    name = symptom.name
    if name in _NOVELTY or (name == "log_template" and symptom.head == "count" and (symptom.expected or 0.0) < 1):
        return "log_novelty"
    return re.sub(r"\d+", "", name)


def is_harmless(symptom: Symptom) -> bool:
    """Whether it goes in the direction that hurts nobody."""
    return symptom.worse != "both" and symptom.direction not in (symptom.worse, "none")


def evident(symptom: Symptom, null: Null) -> tuple[float, float]:
    """The nats of a symptom, less what a change of its entity explains: that is no more improbable than that such a
    change does it. And how usual it is that it does."""
    own = nats(symptom)
    if not symptom.change:
        return own, 0.0
    changes, moved, mean = null.effects(symptom.change, symptom.family)
    prior = _UNEXPECTED if _HARM.search(symptom.name) and not is_harmless(symptom) else _EXPECTED
    usual = moved * min(1.0, math.exp(-(own - mean) / 2)) if moved else 0.0  # how many changes brought it as far
    share = (usual + _USUAL * prior) / (changes + _USUAL)
    return (-math.log(share + (1 - share) * math.exp(-own)) if share < 1 else 0.0), share


def rows(symptoms: Iterable[Symptom], null: Null) -> list[Row]:
    """The families of all symptoms that hurt, each by its strongest, strongest first."""
    found: dict[tuple[str, str], Row] = {}
    for symptom in symptoms:
        if is_harmless(symptom):
            continue
        key = symptom.entity, symptom.family
        said, usual = evident(symptom, null)
        if key not in found or (said, -usual) > (found[key].nats, -found[key].usual):
            found[key] = Row(said, *key, usual, kinds.kind(symptom), symptom.direction, symptom.signal == "alert")
    return sorted(found.values(), key=lambda row: (-row.nats, row.entity, row.family))


def surprise(strongest_first: Sequence[Row], null: Null, chance: float) -> float:
    """How improbable it is that a group says so much by chance, in nats.

    `chance`: the probability that its neighbourhood brings another family meanwhile anyway. Where r is how probable a
    family is given the others of its entity, it counts as 1 - r of a witness, and its presence is worth -ln r:

        S = -ln P(Gamma(sum of (1 - r)) >= sum of (1 - r) nats)
            - sum of ln max(r, chance) - (entities - 1) ln max(q, chance)

    (R. A. Fisher, Statistical Methods for Research Workers, 1925, section 21.1, of witnesses that are not independent).
    """
    total = witnesses = presence = 0.0
    heard: dict[str, list[str]] = {}
    loads = {row.direction for row in strongest_first if row.kind == "load"} - {"none"}
    loaded: set[str] = set()
    hearsay: set[str] = set()
    strongest = [(row.entity, row.family) for row in strongest_first[:_ECHOES]]
    for i, row in enumerate(strongest_first[:_FAMILIES]):
        own = heard.setdefault(row.entity, [])
        echo = 0.0
        for other in own:
            echo = max(echo, null.echo(other, row.family))
        if len(heard) > 1:
            for entity, other in strongest[:i]:
                if entity != row.entity:
                    echo = max(echo, null.spread(other, row.family))
        if row.direction in loads and row.kind in ("load", "resource"):
            if row.direction in loaded:
                echo = max(echo, _LOAD)
            loaded.add(row.direction)
        if own and (row.told or row.entity in hearsay):
            echo = max(echo, _HEARSAY)
        if row.told:
            hearsay.add(row.entity)
        if own:
            presence -= math.log(min(1.0, max(echo, chance, row.usual)))
        elif i:
            presence -= math.log(min(0.9, max(echo, null.company(len(heard) - 1), chance, row.usual)))
        if len(own) < _ECHOES:
            own.append(row.family)
        total += (1 - echo) * row.nats
        witnesses += 1 - echo
    return presence - ln_gamma_tail(witnesses, total)


def ln_gamma_tail(shape: float, total: float) -> float:
    """ln P(sum of `shape` standard exponentials >= `total`); between whole numbers by the line between the
    logarithms (Erlang's distribution has a closed form only there)."""
    if total <= 0:
        return 0.0
    low, high = max(1, math.floor(shape)), max(1, math.ceil(shape))
    at_low = _ln_erlang_tail(low, total)
    return at_low if low == high else at_low + (shape - low) * (_ln_erlang_tail(high, total) - at_low)


def _ln_erlang_tail(shape: int, total: float) -> float:
    logs = [i * math.log(total) - math.lgamma(i + 1) for i in range(shape)]
    top = max(logs)
    return min(0.0, top - total + math.log(sum(math.exp(x - top) for x in logs)))


def ln_poisson_tail(least: int, mean: float) -> float:
    """ln P(Poisson(`mean`) >= `least`)."""
    if least <= 0:
        return 0.0
    if least <= mean + 1:
        below = sum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(least))
        return math.log(max(1e-12, 1 - below))
    term, i = 1.0, least
    total = term
    while term > 1e-12 * total:
        i += 1
        term *= mean / i
        total += term
    return min(0.0, least * math.log(mean) - mean - math.lgamma(least + 1) + math.log(total))
