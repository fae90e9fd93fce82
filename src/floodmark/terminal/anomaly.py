"""An anomaly as a running engine has told it: the evidence in it, and what became of it, in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from floodmark.alerts import Anomaly, Incident
from floodmark.terminal.incidents import sureness
from floodmark.terminal.sparks import marks, merged, spark
from floodmark.terminal.words import COLOURS, clock, lasting, safe
from floodmark.units import number, reach

_LINES = 6


def page(
    told: Sequence[Anomaly], incident: Incident | None, calmer: float = 1.0, *, ascii: bool = False
) -> RenderableType:
    """`told`: all records of it, at least one, oldest first. `incident`: what it is in. `calmer`: what people have said
    divides the level of its series by."""
    first, last = told[0], told[-1]
    parts: list[RenderableType] = [
        Text(safe(first.summary), "bold"),
        Text(
            f"{first.id}: {first.signal} series {safe(first.series)} of {safe(first.entity)}, {last.severity}",
            COLOURS[last.severity],
        ),
        Text(),
        Padding(_facts(told), (0, 0, 0, 2)),
        Text(),
    ]
    points = merged(each.evidence.points for each in told)
    if line := spark(points, ascii=ascii):
        parts += [Padding(Text(line), (0, 0, 0, 2)), Padding(Text(marks(points), "red"), (0, 0, 0, 2)), Text()]
    parts += [Padding(Text(f"| {safe(line)}"), (0, 0, 0, 2)) for line in last.evidence.lines[-_LINES:]]
    parts += [Text(f"· {sentence}") for sentence in verdict(told, incident, calmer)]
    return Group(*parts)


def verdict(told: Sequence[Anomaly], incident: Incident | None, calmer: float = 1.0) -> list[str]:
    """Why it was told, how it went on, whether anybody heard of it, and what people have said: a sentence each."""
    first, last = told[0], told[-1]
    said = []
    if first.event != "opened":
        said.append("Its opening is not in the topic any more.")
    elif first.signal == "alert":
        said.append(f"{safe(first.detector, 80)} says so; it counts by how seldom this alert fires.")
    elif first.level > 0:
        own = 10**-first.surprise if first.surprise > 0 else first.p_value
        said.append(
            f"Level: p = {own:.2g} of the model is below {first.level:.2g}, which the budget of detector "
            f"{safe(first.detector, 80)} allows."
        )
    else:
        said.append(f"{first.head} is a test of its own: it needs no level.")
    if last.returns:
        said.append(f"It was odd again {last.returns} times after it had been normal for a while.")
    if last.ended_at is not None:
        lasted = lasting(last.ended_at - first.started_at)
        said.append(
            f"It closed at {clock(last.updated_at)}; its last odd moment was {clock(last.ended_at)}, after {lasted}."
        )
    else:
        said.append(f"It is open: at {clock(last.updated_at)} it was still odd.")
    if incident is None:
        said.append(
            "No incident names it: with what came beside it, it is no more than chance brings within the budget "
            "(correlate.false_incidents), or it is one of many in an incident, which names only the most telling."
        )
    else:
        member = next((each for each in incident.members if each.id == first.id), None)
        because = f": {safe(member.why)}" if member is not None and member.why else ""
        said.append(f"Told in {incident.id} ({safe(incident.title)}){because}.")
        if incident.by_chance > 0:
            said.append(f"Of that incident, {sureness(incident.by_chance)}.")
    if calmer > 1:
        said.append(f"Feedback: people have said that it is no anomaly; the level is divided by {calmer:g} now.")
    return said


def _facts(told: Sequence[Anomaly]) -> Table:
    first, last = told[0], told[-1]
    unit, name = first.unit, first.name
    facts = Table.grid(padding=(0, 3))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("since", f"{clock(first.started_at)} UTC")
    facts.add_row("value", Text(number(first.observed, unit, name)))
    if first.low is not None and first.high is not None:
        facts.add_row("expected", Text(reach(first.low, first.high, unit, name)))
    elif first.expected is not None:
        facts.add_row("expected", Text(number(first.expected, unit, name)))
    facts.add_row("head", f"{first.head}, {first.direction}wards" if first.direction != "none" else first.head)
    if first.signal == "alert":
        _own(facts, last)
        return facts
    facts.add_row(
        "surprise", f"{first.surprise:.3g} when it opened, {max(each.surprise for each in told):.3g} at its oddest"
    )
    facts.add_row("p-value", f"{first.p_value:.2g}, as far as what was seen before can say")
    _own(facts, last)
    return facts


def _own(facts: Table, last: Anomaly) -> None:
    """What the anomaly itself brings along."""
    for key, value in list(last.evidence.facts.items())[:12]:
        facts.add_row(safe(key, 60), Text(safe(f"{value:.6g}" if isinstance(value, float) else value)))
