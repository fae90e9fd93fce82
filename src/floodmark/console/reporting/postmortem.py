"""What there is to say of one incident when it is over, and blanks for what only people know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from floodmark.actions import Action
from floodmark.alerts import ChangeNotice, Incident, Member, Point
from floodmark.console.reporting.document import Report, Section, Table
from floodmark.console.reporting.phrases import NOTHING, SENTENCE, lasted, listed, named
from floodmark.console.reporting.reading import fate
from floodmark.deliveries import Delivery
from floodmark.fold import NO_EFFECT, Known
from floodmark.terminal.deeds import brief
from floodmark.terminal.incidents import changes, state
from floodmark.terminal.sparks import spark
from floodmark.terminal.words import clock, many, safe
from floodmark.units import number, reach

_SERIES: Final = 20
_LINES: Final = 12
_ENTRIES: Final = 200
_BLANKS: Final = 3
BLANK: Final = "…………"
_TRIED: Final = frozenset({"comment", "link", "propose", "approve", "ran", "page", "good_catch", "wrong_cause"})

Entry = tuple[datetime, str, str]
"""When, what, who."""


def postmortem(
    revisions: Sequence[Incident],
    known: Known | None = None,
    *,
    deliveries: Iterable[Delivery] = (),
    points: Mapping[str, Sequence[Point]] | None = None,
    nearby: Iterable[ChangeNotice] = (),
) -> Report:
    """The document. `revisions`: at least one, oldest first. `known`: what people did. `points`: of its members, by
    their id; those of which none are known have their numbers alone. `nearby`: what else changed about then."""
    now = revisions[-1]
    actions = [action for _, action in known.actions] if known is not None else []
    effects = dict(known.life.effects) if known is not None else {}
    end = now.resolved_at or now.updated_at
    sections = [
        _summary(revisions, known),
        _impact(now),
        _timeline(revisions, actions, effects, deliveries),
        _causes(now),
        _changes(now, nearby),
        _evidence(now, points or {}),
        _lines(now),
        _tried(actions, effects),
        Section(
            heading="What people are to add",
            paragraphs=[
                f"How did customers notice, and what did they see? {BLANK}",
                f"What was the root cause, and was the first probable cause above right? {BLANK}",
                f"What helped, what was tried in vain, and what was luck? {BLANK}",
                f"Could it have been noticed before {clock(revisions[0].updated_at)} UTC, and by what? {BLANK}",
                f"Which questions are open? {BLANK}",
            ],
        ),
        Section(
            heading="What is to be done",
            table=Table(columns=["What", "Who", "Until when", "Done"], rows=[[BLANK] * 3 + ["☐"]] * _BLANKS),
        ),
    ]
    period = f"{clock(now.started_at)} to {clock(end)} UTC, {named(now.id)}, revision {now.revision}"
    return Report(title=f"Post-mortem: {safe(now.title, SENTENCE)}", period=period, sections=sections)


def _summary(revisions: Sequence[Incident], known: Known | None) -> Section:
    now = revisions[-1]
    actions = known.actions if known is not None else []
    own = fate(revisions, actions)
    said = [
        f"{safe(now.title, SENTENCE)}. Severity {now.severity}, {state(now)}. {safe(now.why, SENTENCE)}",
        f"It began at {clock(now.started_at)} UTC, was told {lasted((own.opened - now.started_at).total_seconds())} "
        "later"
        + (f", taken by {named(own.by)}" if own.by else ", taken by nobody")
        + (f" {lasted(own.taken)} after that" if own.taken is not None and own.by else "")
        + (f", and over {lasted(own.resolved)} after it was told." if own.resolved is not None else ", and goes on."),
        f"{many(now.member_count, 'anomaly')} in {many(len(now.entities), 'service')}: "
        f"{listed([named(each) for each in now.entities], 12)}.",
    ]
    if own.after:
        said.append("It was over before it was told.")
    if now.resolution:
        said.append(f"How it ended: {safe(now.resolution, SENTENCE)}")
    return Section(heading="Summary", paragraphs=said)


def _impact(now: Incident) -> Section:
    if not now.impact:
        return Section(heading="Impact", paragraphs=[f"No KPI was seen to suffer. What did it cost? {BLANK}"])
    rows = [
        [named(each.entity), named(each.name), f"{each.share:+.0%}" if each.share is not None else NOTHING,
         number(each.loss, each.unit) if each.loss else NOTHING, clock(each.since), safe(each.summary, SENTENCE)]
        for each in now.impact
    ]  # fmt: skip
    columns = ["Service", "KPI", "Off what was expected", "Lost", "Since (UTC)", "In words"]
    return Section(heading="Impact", table=Table(columns=columns, rows=rows))


def _timeline(
    revisions: Sequence[Incident],
    actions: Sequence[Action],
    effects: Mapping[str, str],
    deliveries: Iterable[Delivery],
) -> Section:
    entries = [*_told(revisions), *_done(actions, effects), *_sent(deliveries)]
    entries += [(each.time, safe(f"{each.said()}: {each.summary}", SENTENCE), named(each.actor))
                for each in revisions[-1].changes]  # fmt: skip
    entries.append((revisions[-1].started_at, "the first of it was odd", "Floodmark, in hindsight"))
    entries.sort(key=lambda each: each[0])
    rows = [[clock(at), what, who] for at, what, who in entries[:_ENTRIES]]
    more = len(entries) - len(rows)
    said = ["What the engine and deliveries say is by event time; what people did, by the clock on the wall."]
    if more > 0:
        said.append(f"{more:,} later entries are left out.")
    return Section(heading="Timeline", paragraphs=said, table=Table(columns=["When (UTC)", "What", "Who"], rows=rows))


def _told(revisions: Sequence[Incident]) -> Iterator[Entry]:
    before: Incident | None = None
    for each in revisions:
        fresh = changes(before, each) if before is not None else [safe(each.title, SENTENCE)]
        words = "; ".join(fresh) or many(each.member_count, "anomaly")
        yield each.updated_at, f"{each.event}: {safe(words, SENTENCE)}", "Floodmark"
        before = each


def _done(actions: Sequence[Action], effects: Mapping[str, str]) -> Iterator[Entry]:
    for each in actions:
        why = f": {safe(each.reason, SENTENCE)}" if each.reason else ""
        yield each.at, f"{brief(each)}{why}{_effect(effects.get(each.id, ''))}", named(each.by)


def _effect(said: str) -> str:
    return f" ({safe(said, SENTENCE)})" if said.startswith((NO_EFFECT, "done; ")) else ""


def _sent(deliveries: Iterable[Delivery]) -> Iterator[Entry]:
    for each in deliveries:
        why = f": {safe(each.reason, SENTENCE)}" if each.reason else ""
        yield each.at, f"{each.result} to {named(each.target)} ({named(each.event)}){why}", "notify"


def _causes(now: Incident) -> Section:
    rows = []
    for each in now.causes:
        signs = ", ".join(f"{named(name)} {value:.2f}" for name, value in each.signs.items())
        rows.append([named(each.entity), f"{each.share:.0%}", safe(each.reason, 600), signs or NOTHING])
    return Section(
        heading="Probable causes",
        paragraphs=[
            "By the engine, which sees telemetry and not the world: how probable each is among what is affected or "
            "changed, and the signs that this is made of."
            if rows
            else f"The engine names none. {BLANK}"
        ],
        table=Table(columns=["Cause", "How probable", "Why", "Signs"], rows=rows) if rows else None,
    )


def _changes(now: Incident, nearby: Iterable[ChangeNotice]) -> Section:
    own = {each.id for each in now.changes}
    found = [*now.changes, *(each for each in nearby if each.id not in own)]
    rows = [
        [clock(each.time), named(each.said()), safe(each.summary, SENTENCE), named(each.actor) or NOTHING,
         "in the incident" if each.id in own else "nearby"]
        for each in sorted(found, key=lambda change: change.time)
    ]  # fmt: skip
    columns = ["When (UTC)", "What", "Summary", "By", "Where"]
    return Section(
        heading="What changed",
        paragraphs=[] if rows else ["No change is known of about then."],
        table=Table(columns=columns, rows=rows[:_ENTRIES]) if rows else None,
    )


def _evidence(now: Incident, points: Mapping[str, Sequence[Point]]) -> Section:
    rows = [[*_member(each), spark(points.get(each.id, ())) or NOTHING] for each in now.members[:_SERIES]]
    more = now.member_count - len(rows)
    columns = ["Service", "Series", "Odd (UTC)", "Seen", "Expected", "So it is", "Picture"]
    return Section(
        heading="Evidence",
        paragraphs=[f"The most telling; {many(more, 'anomaly')} more are not shown."] if more > 0 else [],
        table=Table(columns=columns, rows=rows),
    )


def _member(member: Member) -> list[str]:
    until = f" to {clock(member.ended_at)}" if member.ended_at is not None else ", goes on"
    band = member.low is not None or member.high is not None
    expected = reach(member.low, member.high, member.unit, member.name) if band else (
        number(member.expected, member.unit, member.name) if member.expected is not None else NOTHING
    )  # fmt: skip
    seen = number(member.observed, member.unit, member.name) if member.observed is not None else NOTHING
    return [named(member.entity), named(member.name or member.series), f"{clock(member.started_at)}{until}", seen,
            expected, safe(member.summary, SENTENCE)]  # fmt: skip


def _lines(now: Incident) -> Section:
    lines = [each for each in now.lines if each][:_LINES]
    rows = [[safe(each, 500)] for each in lines]
    return Section(
        heading="Log lines that say most",
        paragraphs=[] if rows else ["None."],
        table=Table(columns=["Line"], rows=rows) if rows else None,
    )


def _tried(actions: Sequence[Action], effects: Mapping[str, str]) -> Section:
    rows = [
        [clock(each.at), named(each.by), brief(each), safe(each.reason, SENTENCE) or NOTHING,
         safe(effects.get(each.id, ""), SENTENCE) or NOTHING]
        for each in actions if each.verb in _TRIED or each.verb in ("resolve", "merge", "split", "dismiss", "reopen")
    ]  # fmt: skip
    return Section(
        heading="What was tried",
        paragraphs=[f"And what else was done, outside of this? {BLANK}"]
        if rows
        else [f"Nobody has noted anything. What was done? {BLANK}"],
        table=Table(columns=["When (UTC)", "Who", "What", "Why", "What came of it"], rows=rows[:_ENTRIES])
        if rows
        else None,
    )
