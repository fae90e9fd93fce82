"""Anomalies as they are published: one place that fills in their fields and says them in words.

The words follow one form: what is off, by how much, against what, and how often that happens by chance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from floodmark.alerts import Anomaly, Direction, Evidence, Point, Severity, content_id, utc
from floodmark.detect.series import Finding, Series
from floodmark.detect.shape import SPAN
from floodmark.units import number, reach

if TYPE_CHECKING:
    from floodmark.detect.exhaustion import Outlook
    from floodmark.detect.model import Judgement

MOMENT: Final = 0.001
"""Seconds by which the end of an anomaly is told later than anything else of it, at least."""
Band = tuple[float | None, float | None, float | None]


class Support(NamedTuple):
    """What a p-value rests on: the `points` that were learned as normal, and as how many `looks` they count for the
    head, whose windows of many points are few. `again`: there was an alarm before, so not all points were normal.
    `unit`: what they are."""

    points: int
    looks: int
    again: bool = False
    unit: str = "points"


def severity(p_value: float, alpha: float) -> Severity:
    """How far beyond the alarm level: a thousandth of it is an error. `critical` is for incidents, by their breadth."""
    return "error" if p_value <= alpha * 1e-3 else "warning"


def opened(
    series: Series,
    *,
    detector: str,
    head: str,
    start: float,
    now: float,
    direction: Direction,
    observed: float | None,
    band: Band,
    p_value: float,
    alpha: float,
    summary: str,
    evidence: Evidence,
    seen: int = 0,
    returns: int = 0,
    kpi: bool = False,
    id: str | None = None,
) -> Anomaly:
    """An anomaly that opens at event time `start`, as known at `now`. The id follows from series, head and start.

    `p_value` is the model's own. Severity and surprise are by it; what is told is not below one in `seen`. `alpha`:
    the level of a point.
    """
    expected, low, high = (_rounded(b) for b in band)
    return Anomaly(
        id=id or content_id("ano", series.key, head, f"{start:.3f}"),
        event="opened",
        scope=series.scope,
        entity=series.entity,
        signal=series.signal,
        series=series.key,
        name=series.name,
        labels=dict(series.labels),
        unit=series.unit,
        started_at=utc(start),
        updated_at=utc(now),
        ended_at=None,
        head=head,
        direction=direction,
        observed=_rounded(observed),
        expected=expected,
        low=low,
        high=high,
        p_value=max(p_value, least(seen)),
        severity=severity(p_value, alpha),
        summary=summary,
        detector=detector,
        evidence=evidence,
        surprise=surprise(p_value),
        level=float(f"{alpha:.6g}"),
        returns=returns,
        worse=series.worse,
        kpi=kpi,
    )


def surprise(p_value: float) -> float:
    """-log10 of a p-value, from 0 to 300."""
    return round(min(300.0, 0.0 - math.log10(min(1.0, max(p_value, 1e-300)))), 6)


def least(seen: int) -> float:
    """The smallest p-value that so many normal moments can vouch for (the rule of succession); 0 for none."""
    return 1 / (seen + 1) if seen else 0.0


def of_finding(
    finding: Finding, detector: str, alpha: float, now: float, first: Anomaly | None = None, *, kpi: bool = False
) -> Anomaly:
    """An anomaly for a verdict that has been reached elsewhere, told at event time `now`. `first`: the opening
    anomaly, if it is open."""
    return opened(
        finding.series,
        detector=detector,
        head=finding.head,
        start=finding.time if first is None else first.started_at.timestamp(),
        now=now,
        direction=finding.direction,
        observed=finding.observed,
        band=(finding.expected, finding.low, finding.high),
        p_value=finding.p_value,
        alpha=alpha,
        summary=finding.summary,
        evidence=finding.evidence,
        seen=finding.seen,
        kpi=kpi,
        id=None if first is None else first.id,
    )


def costing(anomaly: Anomaly, loss: float) -> Anomaly:
    """The same, of which so much has been lost so far."""
    return replace(anomaly, loss=float(f"{loss:.9g}")) if loss else anomaly


def persisting(anomaly: Anomaly, now: float, points: list[Point], returns: int = 0) -> Anomaly:
    """It is still odd at event time `now`, by the numbers and words of `anomaly`. Its evidence are the `points` that
    are new; what it opened with has been told."""
    return replace(anomaly, event="updated", updated_at=utc(now), evidence=Evidence(points=points), returns=returns)


def closed(first: Anomaly, peak: Anomaly, end: float, now: float, tail: list[Point], returns: int = 0) -> Anomaly:
    """The end of `first`: its id and start, the numbers and words of its oddest moment with the `tail` of points that
    came after it, and how long it lasted."""
    end = max(end, first.started_at.timestamp())
    lasted = end - first.started_at.timestamp()
    return replace(
        peak,
        id=first.id,
        event="closed",
        started_at=first.started_at,
        updated_at=utc(now),
        ended_at=utc(end),
        summary=f"{peak.summary}; over after {span(lasted)}" if lasted >= 1 else f"{peak.summary}; over at once",
        evidence=replace(peak.evidence, points=[*peak.evidence.points, *tail]),
        returns=returns,
    )


def say(
    series: Series,
    head: str,
    judgement: Judgement,
    observed: float,
    band: Band,
    evidence: Evidence,
    support: Support,
    outlook: Outlook | None = None,
) -> str:
    """A sentence for a point that a head found odd; `observed` is what the head held against its band."""
    if outlook is not None:
        return say_limit(series, observed, outlook)
    expected, low, high = band
    unit, name = series.unit, series.name
    what = subject(series, evidence)
    value = number(observed, unit, name)
    chance = rarity(judgement.p_value, support)
    season = {"daily": " at this time of day", "weekly": " at this hour of the week"}.get(judgement.season, "")
    if head == "flatline":
        return f"{what} has stood still at {value} although it usually moves ({chance})"
    if head == "range":
        word = "higher" if judgement.direction == "up" else "lower"
        return f"{what} is {value}, {word} than ever seen ({reach(low, high, unit, name)}; {chance})"
    if head == "level":
        word = "risen" if judgement.direction == "up" else "fallen"
        return f"the level of {what} has {word} to {value} from {number(expected, unit, name)} ({chance})"
    if head == "drift":
        word = "up" if judgement.direction == "up" else "down"
        return f"{what} has drifted {word} to {value} from {number(expected, unit, name)} ({chance})"
    if head == "variance":
        return f"{what} moves by {value} from point to point, usually by {number(expected, unit, name)} ({chance})"
    if head == "shape":
        times = number(observed / expected if expected else None, "")
        form = f"its last {SPAN} points are {times} times as far from any earlier shape as usual"
        return f"{what} has an unusual shape: {form} ({chance})"
    if head in ("forecast", "count"):
        return f"{what} is {value}, expected {reach(low, high, unit, name)}{season} ({chance})"
    return f"{what} is {value}: {head} scores it as unlike its past ({chance})"


def say_limit(series: Series, observed: float, outlook: Outlook) -> str:
    """A sentence for a series that heads for its limit, or has reached it."""
    what, limit = subject(series, Evidence()), number(outlook.limit, series.unit, series.name)
    if not outlook.left:
        side = "above" if outlook.above else "below"
        return f"{what} is {number(observed, series.unit, series.name)}, at or {side} its limit of {limit}"
    early = span(outlook.early)
    when = f"not before {early}" if outlook.late is None else f"between {early} and {span(outlook.late)}"
    pace = number(outlook.slope * 3600, series.unit, series.name)
    return f"{what} will reach {limit} in {span(outlook.left)} ({when}) at {pace} an hour"


def ahead(outlook: Outlook | None) -> dict[str, float | str]:
    """What a limit that is not reached yet adds to the facts: in how many seconds it will be."""
    return {"seconds_to_limit": round(outlook.left, 3)} if outlook is not None and outlook.left else {}


def say_stale(series: Series, silence: float, interval: float, recent: float | None) -> str:
    """A sentence for a series that has stopped coming."""
    last = f"; it was around {number(recent, series.unit, series.name)}" if recent is not None else ""
    return f"{subject(series, Evidence())} has sent nothing for {span(silence)}, usually every {span(interval)}{last}"


def say_back(time: float) -> str:
    """When a silent series should have been back, for the end of its sentence."""
    return f"; on other days it is back by {utc(time):%H:%M} UTC"


def subject(series: Series, evidence: Evidence) -> str:
    """What the sentence is about: the entity, then the series, with the labels that tell it from its sisters."""
    template = evidence.facts.get("log.record.template")
    if series.name == "log_template" and template:
        return f"{series.entity} log template “{str(template)[:120]}”"
    if series.name == "log_parameter" and template:
        return f"{series.entity} log parameter in “{_around(str(template))}”"
    if series.name == "log_mix":
        return f"the distance of {series.entity}'s log from its usual mix of templates"
    if series.name in ("log_code_errors", "log_code_error_ratio"):
        which = "number" if series.name == "log_code_errors" else "share"
        return f"the {which} of {series.labels['codes']} in {series.entity}'s log ({series.labels['field']})"
    if series.name == "log_code_mix":
        return f"the distance of {series.entity}'s codes ({series.labels['field']}) from their usual mix"
    name = series.name if series.name == series.entity else f"{series.entity} {series.name}"
    rest = ", ".join(f"{k}={v}" for k, v in series.labels.items() if v != series.entity)
    return name + (f" ({rest[:160]})" if rest else "")


def _around(template: str) -> str:
    """The marked parameter of a template, and what stands around it."""
    start = max(0, template.find("<*: ") - 60)
    return ("…" if start else "") + template[start : start + 120]


def rarity(p_value: float, support: Support) -> str:
    """How often a moment like this comes, as far as what has been seen can say: "1 in 40,000 by chance", or "never
    seen in 40 points"."""
    if p_value >= least(support.looks):
        return odds(p_value)
    return f"never seen in {support.points:,} {support.unit}{' that were normal' if support.again else ''}"


def odds(p_value: float) -> str:
    """A p-value as odds: "1 in 40,000"."""
    if p_value <= 1e-12:
        return "less than 1 in a trillion by chance"
    chances = 1 / p_value
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if chances >= size:
            return f"1 in {float(f'{chances / size:.2g}'):,.4g} {word} by chance"
    return f"1 in {float(f'{chances:.2g}'):,.0f} by chance"


def span(seconds: float) -> str:
    """A length of time in its two largest units: "1 h 5 min", "40 s"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    units = ((86400, "d"), (3600, "h"), (60, "min"))
    for i, (size, name) in enumerate(units):
        if seconds >= size:
            head, rest = divmod(seconds, size)
            if i + 1 < len(units) and rest >= units[i + 1][0]:
                return f"{head} {name} {rest // units[i + 1][0]} {units[i + 1][1]}"
            return f"{head} {name}"
    return f"{seconds} s"


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.9g}")
