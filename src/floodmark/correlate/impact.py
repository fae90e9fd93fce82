"""What an incident costs, by the series that were declared KPIs: by how much they are off now, and how much is lost.

Pure functions of symptoms: the members of an incident, and KPIs that are odd beside it. It must never decide what is an
incident.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from floodmark.alerts import Impact, utc
from floodmark.correlate.naming import Labels
from floodmark.correlate.sentences import moment, readable
from floodmark.correlate.symptoms import Symptom
from floodmark.correlate.titles import labels_in_common
from floodmark.units import change, figure, parsed

_MOST: Final = 5
"""KPIs that are told."""
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LEAST: Final = 0.005
"""A smaller share is none to be told."""


def impacts(members: Iterable[Symptom], beside: Iterable[Symptom] = ()) -> list[Impact]:
    """What each KPI that is hurt has lost, the greatest share first: of members, and of those `beside` the incident,
    which must be open. Each series once, five at most."""
    hurt: dict[str, Symptom] = {}
    for symptom in (*members, *beside):
        if symptom.kpi and symptom.harm() >= 0 and symptom.direction != "none":
            hurt.setdefault(symptom.series, symptom)
    found = sorted(hurt.values(), key=lambda s: (-abs(_share(s) or 0.0), -s.loss, s.started, s.series))[:_MOST]
    common = labels_in_common(found)
    return [_impact(symptom, common if len(found) > 1 else symptom.labels) for symptom in found]


def brief(symptoms: Iterable[Symptom], beside: Iterable[Symptom] = ()) -> tuple[str, str]:
    """The one that is hurt most, as the end of a title: its name, and by how much; empty if none is hurt now."""
    for impact in impacts(symptoms, beside):
        if impact.share is not None and abs(impact.share) >= _LEAST:
            return readable(impact.name), _percent(impact.share)
    return "", ""


def told(found: Sequence[Impact]) -> str:
    """All of them, as a sentence; empty if there is none."""
    return "; ".join(impact.summary for impact in found)


def _impact(symptom: Symptom, common: dict[str, str]) -> Impact:
    share = _share(symptom)
    return Impact(
        entity=symptom.entity,
        series=symptom.series,
        name=symptom.name,
        unit=symptom.unit,
        since=utc(symptom.started),
        share=None if share is None else round(share, 4),
        loss=symptom.loss,
        summary=_summary(symptom, share, common),
    )


def _summary(symptom: Symptom, share: float | None, common: dict[str, str]) -> str:
    """ "orders -32 %, about 410 below expected since 14:02 UTC"."""
    name = f"{readable(symptom.name)}{Labels(symptom.labels, symptom.entity, common.items()).suffix()}"
    start = moment(symptom.started)
    side = "above" if symptom.direction == "up" else "below"
    lost = _lost(symptom)
    if symptom.ended is not None:
        how_much = f"about {lost} {side} expected" if lost else f"{side} expected"
        return f"{name} {how_much} from {start} to {moment(symptom.ended, symptom.started)}"
    if share is None or abs(share) < _LEAST:
        now = change(symptom.latest_expected, symptom.latest_observed, parsed(symptom.unit, symptom.name))
        first = f"{name} {now}".rstrip()
    else:
        first = f"{name} {_percent(share)}"
    return f"{first}, about {lost} {side} expected since {start}" if lost else f"{first} since {start}"


def _share(symptom: Symptom) -> float | None:
    """By how much it is off what is expected now; None where that is over, or cannot be said as a share."""
    observed, expected = symptom.latest_observed, symptom.latest_expected
    if symptom.ended is not None or observed is None or expected is None or expected <= 0:
        return None
    share = observed / expected - 1
    return share if math.isfinite(share) else None


def _lost(symptom: Symptom) -> str:
    """How much in all, of what is a count or comes at a rate; empty otherwise: "percent seconds" says nothing."""
    unit = parsed(symptom.unit, symptom.name)
    counted = unit.per in _SECONDS or (symptom.signal != "metric" and symptom.unit in ("requests", "lines", ""))
    if not symptom.loss or not counted or unit.share or unit.word == "%":
        return ""
    # A unit such as EUR/min has been added up to EUR; of a pace that only the name says the loss is in unit seconds.
    loss = symptom.loss if "/" in symptom.unit else symptom.loss / _SECONDS.get(unit.per, 1.0)
    bare = unit._replace(per="", word="" if unit.counted else unit.word, counted=False)
    return change(None, float(f"{loss:.2g}"), bare)


def _percent(share: float) -> str:
    """ "+8.5 %"; what is less has a true minus."""
    sign = "\N{MINUS SIGN}" if share < 0 else "+"
    return f"{sign}{figure(100 * abs(share), 2)} %"
