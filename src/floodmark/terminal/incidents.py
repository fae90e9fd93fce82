"""Incidents as an operator reads them: the list, one as a whole, and each revision in words as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from floodmark.alerts import Anomaly, Evidence, Incident, Member, Point, Severity
from floodmark.fold import Known
from floodmark.terminal.deeds import standing
from floodmark.terminal.deeds import told as done_by
from floodmark.terminal.sparks import WIDTH, marks, merged, outside, spark
from floodmark.terminal.words import COLOURS, at_least, clock, lasting, many, safe
from floodmark.units import number, reach

_CHANCE: Final = ((31_557_600.0, "year"), (2_629_800.0, "month"), (604_800.0, "week"), (86_400.0, "day"))
_SERVICES: Final = 4
_LINES: Final = 8


class Filter(NamedTuple):
    """Which incidents are meant; what is empty means all. `service` may be a glob; `severity`: that or worse."""

    service: str = ""
    severity: Severity = "info"
    open: bool = False

    def takes(self, incident: Incident) -> bool:
        if self.open and not is_open(incident):
            return False
        if not at_least(incident.severity, self.severity):
            return False
        return not self.service or any(fnmatchcase(each, self.service) for each in incident.entities)


def is_open(incident: Incident) -> bool:
    return incident.resolved_at is None and incident.merged_into is None


def newest(revisions: Iterable[Incident]) -> dict[str, Incident]:
    """The newest revision of each incident, by its id."""
    found: dict[str, Incident] = {}
    for each in revisions:
        known = found.get(each.id)
        if known is None or each.revision >= known.revision:
            found[each.id] = each
    return found


def listed(incidents: Iterable[Incident], chosen: Filter, limit: int) -> list[Incident]:
    """Those that are meant, open ones first, then the youngest first; merged ones are within others."""
    wanted = [each for each in incidents if each.merged_into is None and chosen.takes(each)]
    return sorted(wanted, key=lambda each: (not is_open(each), -each.started_at.timestamp(), each.id))[:limit]


def table(incidents: Sequence[Incident], people: Mapping[str, str] | None = None) -> Table:
    """The list. `people`: where those stand by what people did, by id."""
    shown = Table(
        Column("since (UTC)", no_wrap=True), "severity", Column("state", no_wrap=True),
        Column("title", overflow="fold"),
        Column("services", overflow="fold"), Column("members", justify="right"), Column("id", no_wrap=True),
        box=None, header_style="bold", pad_edge=False,
    )  # fmt: skip
    for each in incidents:
        stands = (people or {}).get(each.id, "")
        shown.add_row(
            clock(each.started_at),
            Text(each.severity, COLOURS[each.severity]),
            Text(state(each), "" if is_open(each) else "dim"),
            Text(safe(each.title)).append(f"  ({stands})" if stands else "", "dim"),
            Text(services(each)),
            f"{each.member_count:,}",
            Text(safe(each.id, 200)),
        )
    return shown


def state(incident: Incident) -> str:
    """Open, or what became of it, and when."""
    if incident.merged_into is not None:
        return f"merged into {safe(incident.merged_into, 200)}"
    if incident.resolved_at is None:
        return "open again" if incident.event == "reopened" else "open"
    return f"resolved after {lasting(incident.resolved_at - incident.started_at)}"


def services(incident: Incident) -> str:
    more = len(incident.entities) - _SERVICES
    named = ", ".join(safe(each, 60) for each in incident.entities[:_SERVICES])
    return f"{named} and {more} more" if more > 0 else named


def told(incident: Incident, before: Incident | None) -> list[str]:
    """A revision in words: a line for it, and further ones for what is new in it. `before`: the one before it."""
    what = f"{incident.event:<8}  {incident.severity:<8}  {safe(incident.title)}  ({safe(incident.id, 200)})"
    head = f"{clock(incident.updated_at)}  {what}"
    if incident.event == "merged":
        return [head, f"it is one with {safe(incident.merged_into or '', 200)} now"]
    said = []
    if before is None or incident.event in ("opened", "reopened"):
        said.append(f"why: {safe(incident.why)}")
        said += [f"first cause: {safe(each.entity)}: {safe(each.reason)}" for each in incident.causes[:1]]
    else:
        said += changes(before, incident)
    if incident.event == "resolved":
        lasted = lasting((incident.resolved_at or incident.updated_at) - incident.started_at)
        said.append(f"after {lasted}: {safe(incident.resolution) or 'nothing is odd any more'}")
    return [head, *said]


def changes(before: Incident, now: Incident) -> list[str]:
    """What a revision has that the one before it had not."""
    said = []
    if now.severity != before.severity:
        said.append(f"severity {before.severity} → {now.severity}")
    if now.title != before.title:
        said.append(f"title: {safe(now.title)}")
    done = {each.id for each in before.acts}
    for each in now.acts:
        if each.id not in done:
            why = f": {safe(each.reason)}" if each.reason else ""
            said.append(f"{safe(each.by, 200)} did {safe(each.verb, 40).replace('_', ' ')}{why}")
    known = {each.id for each in before.members}
    fresh = [each for each in now.members if each.id not in known]
    said += [f"new: {safe(each.summary)}" for each in fresh[:3]]
    if len(fresh) > 3:
        said.append(f"new: {len(fresh) - 3:,} more")
    ended = {each.id for each in before.members if each.ended_at is None}
    over = [each for each in now.members if each.id in ended and each.ended_at is not None]
    if over:
        said.append(
            f"over: {', '.join(safe(each.series, 80) for each in over[:3])}{' and more' if len(over) > 3 else ''}"
        )
    if now.causes and (not before.causes or before.causes[0].entity != now.causes[0].entity):
        said.append(f"first cause: {safe(now.causes[0].entity)}: {safe(now.causes[0].reason)}")
    seen = {each.id for each in before.changes}
    said += [f"change: {safe(each.said())}: {safe(each.summary)}" for each in now.changes if each.id not in seen]
    return said


def whole(
    revisions: Sequence[Incident],
    evidence: Mapping[str, Sequence[Evidence]],
    known: Known | None = None,
    *,
    ascii: bool = False,
) -> RenderableType:
    """An incident with all there is to say of it. `revisions`: at least one, oldest first. `evidence`: what was told of
    its members, by their id. `known`: what people did to it."""
    now = revisions[-1]
    parts: list[RenderableType] = [
        Text(safe(now.title), "bold"),
        Text(
            f"{safe(now.id, 200)}, revision {now.revision}: {state(now)}, severity {now.severity}",
            COLOURS[now.severity],
        ),
        Text(),
        _facts(now, standing(known.life) if known is not None else ""),
        Text(),
        Text(many(now.member_count, "anomaly") + _cut(now), "bold"),
    ]
    for member in now.members:
        parts += _member(member, evidence.get(member.id, ()), ascii=ascii)
    for title, rows in (
        ("Probable causes", [f"{each.share:4.0%}  {safe(each.entity)}: {safe(each.reason)}" for each in now.causes]),
        ("What it costs", [safe(each.summary) for each in now.impact]),
        (
            "What changed before",
            [f"{clock(e.time)}  {safe(e.said())}: {safe(e.summary)}" for e in now.changes],
        ),
        ("Log lines that say most", [safe(line) for line in _lines(now, evidence)]),
        ("What people did", list(done_by(known)) if known is not None else []),
        ("Revisions", list(timeline(revisions))),
    ):
        if rows:
            parts += [Text(), Text(title, "bold"), *(_indented(row) for row in rows)]
    return Group(*parts)


def timeline(revisions: Sequence[Incident]) -> Iterator[str]:
    """What each revision said that was new."""
    before: Incident | None = None
    for each in revisions:
        fresh = changes(before, each) if before is not None else [safe(each.title)]
        words = "; ".join(fresh) or many(each.member_count, "anomaly")
        yield f"{clock(each.updated_at)}  {each.revision:>3}  {each.event:<8}  {words}"
        before = each


def _facts(incident: Incident, people: str) -> Table:
    facts = Table.grid(padding=(0, 3))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    until = f" until {clock(incident.resolved_at)}" if incident.resolved_at is not None else ""
    lasted = lasting((incident.resolved_at or incident.updated_at) - incident.started_at)
    least = "" if until else "at least "  # what goes on lasts longer than until its newest revision
    facts.add_row("  since", f"{clock(incident.started_at)}{until} UTC ({least}{lasted})")
    facts.add_row("  where", Text(safe(", ".join(incident.entities)) + _labels(incident.labels)))
    if people:
        facts.add_row("  people", Text(people))
    facts.add_row("  why", Text(safe(incident.why)))
    if incident.by_chance > 0:
        facts.add_row("  how sure", Text(sureness(incident.by_chance)))
    if incident.resolution:
        facts.add_row("  resolved", Text(safe(incident.resolution)))
    return facts


def sureness(by_chance: float) -> str:
    """How often as much as this happens where nothing is wrong."""
    for length, name in _CHANCE:
        if by_chance >= length * 0.95:
            times = by_chance / length
            often = f"once in {times:,.0f} {name}s" if times >= 1.5 else f"once a {name}"
            return f"as much as this happens by chance about {often} in this scope"
    return f"as much as this happens by chance every {max(1.0, by_chance / 3600):.0f} h in this scope"


def _member(member: Member, evidence: Sequence[Evidence], *, ascii: bool) -> list[RenderableType]:
    over = f"until {clock(member.ended_at)}" if member.ended_at is not None else "still odd"
    parts: list[RenderableType] = [
        _indented(f"· {safe(member.summary)}"),
        _indented(
            f"{safe(member.series)}  {safe(member.head)}, since {clock(member.started_at)}, {over}  {safe(member.id)}",
            4,
            "dim",
        ),
    ]
    points = merged(each.points for each in evidence)
    if line := spark(points, ascii=ascii):
        shown = points[-WIDTH:]
        drawn = Text()
        for block, point in zip(line, shown, strict=True):
            drawn.append(block, "red" if outside(point) else "")
        drawn.append(f"  {_scale(member, shown)}", "dim")
        parts.append(Padding(drawn, (0, 0, 0, 4)))
        if under := marks(points):
            parts.append(_indented(under, 4, "red"))
    if member.why:
        parts.append(_indented(f"here because: {safe(member.why)}", 4))
    return parts


def _scale(member: Member, points: Sequence[Point]) -> str:
    """What the line lies between, and what was expected."""
    values = [point.observed for point in points if point.observed is not None]
    said = f"{reach(min(values), max(values), member.unit, member.name)}" if values else ""
    band = next((p for p in reversed(points) if p.low is not None and p.high is not None), None)
    low, high = (band.low, band.high) if band is not None else (member.low, member.high)
    if low is not None and high is not None:
        said += f", expected {reach(low, high, member.unit, member.name)}"
    elif member.expected is not None:
        said += f", expected {number(member.expected, member.unit, member.name)}"
    return said


def _lines(incident: Incident, evidence: Mapping[str, Sequence[Evidence]]) -> list[str]:
    found = list(incident.lines)
    for member in incident.members:
        for each in evidence.get(member.id, ()):
            found += [line for line in each.lines if line not in found]
    return found[:_LINES]


def _labels(labels: Mapping[str, str]) -> str:
    return f" ({', '.join(f'{safe(k, 60)}={safe(v, 60)}' for k, v in labels.items())})" if labels else ""


def _cut(incident: Incident) -> str:
    kept = len(incident.members)
    return f", of which {kept:,} are the most telling" if kept < incident.member_count else ""


def _indented(text: str, by: int = 2, style: str = "") -> Padding:
    return Padding(Text(text, style), (0, 0, 0, by))


def evidence_of(anomalies: Iterable[Anomaly]) -> dict[str, list[Evidence]]:
    """What was told of anomalies, by their id, in the order in which it was told."""
    found: dict[str, list[Evidence]] = {}
    for each in anomalies:
        found.setdefault(each.id, []).append(each.evidence)
    return found
