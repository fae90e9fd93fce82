"""The week of those who pay: what incidents have cost, where, for how long, and whether that grows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from floodmark.alerts import SEVERITIES, Impact
from floodmark.console.reporting.document import Report, ReportBar, Section, Table
from floodmark.console.reporting.phrases import NOTHING, SENTENCE, beside, lasted, named, share, was
from floodmark.console.reporting.reading import Fate, Known, Told, told
from floodmark.console.reporting.weeks import Week
from floodmark.terminal.words import many, safe
from floodmark.units import number

_MOST: Final = 5
_WEEK: Final = 604_800.0


def business(known: Known, week: Week) -> Report:
    """The report for those who pay."""
    now, before = told(known, week), told(known, week.before())
    sections = [_cost(now, before), _kpis(now), _dearest(now), _tiers(known, now, before), _without(now, before)]
    return Report(title="What incidents have cost", period=week.said(), sections=sections)


def losses(fates: Iterable[Fate]) -> dict[str, float]:
    """What was lost in all, by unit: what is counted in different things is not added. Of a KPI that several incidents
    have at once, each has its own loss."""
    found: dict[str, float] = defaultdict(float)
    for each in fates:
        for impact in each.incident.impact:
            if 0 < impact.loss < float("inf"):
                found[_unit(impact)] += impact.loss
    return dict(sorted(found.items()))


def _unit(impact: Impact) -> str:
    return impact.unit or "of no unit"


def _said(value: float, unit: str) -> str:
    return f"{value:,.0f} of no unit" if unit == "of no unit" else number(value, unit)


def _cost(now: Told, before: Told) -> Section:
    here, then = losses(now.fates), losses(before.fates)
    costly = sum(bool(each.incident.impact) for each in now.fates)
    if not here and not then:
        return Section(
            heading="What it cost",
            paragraphs=[
                f"{many(len(now.fates), 'incident')}{beside(len(now.fates), len(before.fates), before.known)}; "
                "none of them was seen in a KPI.",
                "What something costs is known of series that are declared as KPIs (a detector's `kpi`).",
            ],
        )
    rows = [
        [named(unit), _said(here.get(unit, 0.0), unit), _said(then.get(unit, 0.0), unit) if before.known else NOTHING,
         f"{here.get(unit, 0.0) / then[unit] - 1:+.0%}" if then.get(unit) else NOTHING]
        for unit in sorted({*here, *then})
    ]  # fmt: skip
    said = ", ".join(_said(value, unit) for unit, value in here.items()) or "nothing"
    return Section(
        heading="What it cost",
        paragraphs=[
            f"{said} lost in this week, in {costly:,} of {many(len(now.fates), 'incident')}.",
            "A loss is how much a KPI was worse than expected, over the time in which it was; different units are not "
            "added.",
        ],
        table=Table(columns=["Unit", "This week", "The week before", "Change"], rows=rows),
    )


def _kpis(now: Told) -> Section:
    by: dict[tuple[str, str, str], list[Impact]] = defaultdict(list)
    for each in now.fates:
        for impact in each.incident.impact:
            by[impact.entity, impact.name, _unit(impact)].append(impact)
    if not by:
        return Section(heading="Which KPIs", paragraphs=["None was worse than expected."])
    found = [(sum(max(0.0, each.loss) for each in impacts), key, impacts) for key, impacts in sorted(by.items())]
    found.sort(key=lambda each: -each[0])
    rows = [
        [named(entity), named(name), _said(loss, unit), _worst(impacts), f"{len(impacts):,}"]
        for loss, (entity, name, unit), impacts in found
    ]
    most = {unit: max(loss for loss, key, _ in found if key[2] == unit) for _, (_, _, unit), _ in found}
    return Section(
        heading="Which KPIs",
        paragraphs=["How much each lost, and how far it was off at worst, of what was told last of each incident."],
        table=Table(columns=["Service", "KPI", "Lost", "At worst", "Incidents"], rows=rows),
        bars=[
            ReportBar(label=f"{named(entity)} {named(name)} ({unit})", value=loss, of=most[unit] or 1.0)
            for loss, (entity, name, unit), _ in found[:_MOST]
        ],
    )


def _worst(impacts: list[Impact]) -> str:
    shares = [each.share for each in impacts if each.share is not None]
    return f"{max(shares, key=abs):+.0%}" if shares else NOTHING


def _dearest(now: Told) -> Section:
    """The dearest of each unit, since different units cannot be ranked."""
    found = []
    for unit in losses(now.fates):
        own = [(sum(max(0.0, i.loss) for i in each.incident.impact if _unit(i) == unit), each) for each in now.fates]
        found += [(loss, unit, each) for loss, each in own if loss > 0]
    found.sort(key=lambda each: (each[1], -each[0], each[2].incident.id))
    taken: Counter[str] = Counter()
    rows = []
    for loss, unit, each in found:
        taken[unit] += 1
        if taken[unit] > _MOST:
            continue
        cause = each.incident.causes[0] if each.incident.causes else None
        rows.append([_said(loss, unit), safe(each.incident.title, SENTENCE),
                     safe(cause.reason, SENTENCE) if cause is not None else NOTHING,
                     lasted(each.resolved) if each.resolved is not None else "goes on",
                     named(each.incident.id)])  # fmt: skip
    return Section(
        heading="The five that cost most",
        paragraphs=["By unit, the dearest first."] if rows else ["Nothing cost anything that is known."],
        table=Table(columns=["Cost", "Incident", "Probable cause", "Open for", "Id"], rows=rows) if rows else None,
    )


def _tiers(known: Known, now: Told, before: Told) -> Section:
    tiers = known.setting.tiers

    def by_tier(week: Told) -> Counter[str]:
        return Counter(_tier(each, tiers) for each in week.fates)

    here, then = by_tier(now), by_tier(before)
    rows = []
    for tier in sorted({*here, *then}):
        own = [each for each in now.fates if _tier(each, tiers) == tier]
        levels = Counter(each.severity for each in own)
        said = ", ".join(f"{levels[level]:,} {level}" for level in reversed(SEVERITIES) if levels[level]) or NOTHING
        rows.append([tier, f"{here[tier]:,}", was(then[tier], before.known), said,
                     lasted(_union((each for each in own), now))])  # fmt: skip
    return Section(
        heading="Which services, by what depends on them",
        paragraphs=[
            "An incident counts for the service of the lowest tier in it: 0 and 1 carry the most."
            if tiers
            else "No service has a tier in the config (`services.NAME.tier`), so all count alike."
        ],
        table=Table(columns=["Tier", "Incidents", "The week before", "Of these", "Hours with one"], rows=rows)
        if rows
        else None,
    )


def _tier(fate: Fate, tiers: dict[str, int]) -> str:
    found = [tiers[each] for each in fate.incident.entities if each in tiers]
    return f"tier {min(found)}" if found else "no tier"


def _without(now: Told, before: Told) -> Section:
    """Time without an incident that hurts: of error or worse."""
    bad, then = _union(_severe(now), now), _union(_severe(before), before)
    said = (
        f"{share(_WEEK - bad, _WEEK)} of the week was without an incident of severity error or worse: "
        f"{lasted(_WEEK - bad)} of 7 days"
    )
    bars = [ReportBar(label="without, this week (hours)", value=round((_WEEK - bad) / 3600, 1), of=168.0)]
    if before.known:
        said += f" (the week before: {share(_WEEK - then, _WEEK)})"
        bars.append(
            ReportBar(label="without, the week before (hours)", value=round((_WEEK - then) / 3600, 1), of=168.0)
        )
    return Section(heading="Time without", paragraphs=[f"{said}."], bars=bars)


def _severe(week: Told) -> Iterable[Fate]:
    return (each for each in week.fates if each.severity in ("error", "critical") and not each.dismissed)


def _union(fates: Iterable[Fate], week: Told) -> float:
    """Seconds of the week in which at least one of them was; one that goes on is known to have until its last word."""
    spans: list[tuple[datetime, datetime]] = []
    for each in fates:
        end = each.incident.resolved_at or each.incident.updated_at
        spans.append((max(each.incident.started_at, week.week.start), min(end, week.week.end)))
    total, reached = 0.0, week.week.start
    for start, end in sorted(spans):
        begin = max(start, reached)
        if end > begin:
            total += (end - begin).total_seconds()
            reached = end
    return total
