"""Who is on call, what is muted, and where an incident would go: as notify itself would decide it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from floodmark.actions import Action
from floodmark.alerts import Incident
from floodmark.config.models import Config
from floodmark.config.notify import Notify, Schedule
from floodmark.config.schedules import Standin, gaps, next_handoff, on_call
from floodmark.console.contract import (
    Deliveries,
    OnCall,
    RouteRow,
    RouteTest,
    ScheduleRow,
    Shift,
    SilencePreview,
    SilenceRow,
)
from floodmark.console.folding import Meant, unpack
from floodmark.console.queries.cursors import MOST, after, cursor
from floodmark.console.queries.rows import COLUMNS, moment, rows
from floodmark.deliveries import Delivery
from floodmark.notify.dry_run import dry_run
from floodmark.notify.routes import facts_of, fits, route_of

_WEEK: Final = 7 * 86_400.0
_STEP: Final = 3600.0
"""Between two looks at who is on call; where it changes, it is looked for to the minute."""
_EXACT: Final = 60.0
_MOST_SHIFTS: Final = 400
_LOOKED_AT: Final = 1_000
"""Incidents that are held against silences, the newest."""
_MONTH: Final = 40 * 86_400.0
"""The longest silence, and some."""


class _Known(NamedTuple):
    """An incident as silences see it."""

    id: str
    start: float
    end: float
    open: bool
    facts: Mapping[str, tuple[str, ...]]


def oncall(
    db: sqlite3.Connection, config: Config, at: float, since: float | None = None, until: float | None = None
) -> OnCall:
    """Who is on call at a time, and in the days around it; what is muted; where what goes."""
    notify = config.notify
    since = at - 86_400.0 if since is None else since
    until = since + 8 * 86_400.0 if until is None else min(until, since + 5 * _WEEK)
    standins = _standins(db, notify)
    return OnCall(
        schedules=[
            _schedule(name, each, [s for s in standins if s.schedule == name], at, since, until)
            for name, each in (notify.schedules.items() if notify is not None else ())
        ],
        silences=silences(db, config, at),
        routes=[_route(config, number) for number in range(len(notify.routes))] if notify is not None else [],
        people={name: _rules(notify, name) for name in notify.people} if notify is not None else {},
        failed=deliveries(db, failed=True, limit=20).deliveries,
        configured=notify is not None,
    )


def silences(db: sqlite3.Connection, config: Config, now: float) -> list[SilenceRow]:
    """Silences and maintenance that hold, are to come, or were over within a week; what each mutes now."""
    found = _acts(db, ("silence", "maintain"), now - 40 * 86_400.0)
    undone = {each.args.undoes: each.at for each in _acts(db, ("unsilence", "unmaintain"), now - 40 * 86_400.0)}
    shown: list[SilenceRow] = []
    known = _known(db, config, now - _MONTH, now) if found else []
    meant: dict[bytes, list[_Known]] = {}
    for each in found:
        since = each.args.since or each.at
        until = each.args.until or each.at
        if each.id in undone:
            until = min(until, undone[each.id])
        if until.timestamp() < now - _WEEK:
            continue
        over = until.timestamp() <= now
        holds = not over and since.timestamp() <= now
        match = dict(each.args.match)
        key = msgspec.json.encode((match, "" if match else each.incident))
        if key not in meant:
            meant[key] = [one for one in known if _under(match, each, one)]
        under = list(_between(meant[key], since.timestamp(), min(until.timestamp(), now)))
        mutes = [one.id for one in under if one.open] if holds else []
        row = SilenceRow(
            id=each.id,
            verb="silence" if each.verb == "silence" else "maintain",
            by=each.by,
            reason=each.reason,
            match=match,
            since=since,
            until=until,
            over=over,
            mutes=mutes[:50],
            muted=len(under),
        )
        shown.append(row)
    return sorted(shown, key=lambda row: (row.over, row.until))


def preview(db: sqlite3.Connection, config: Config, match: Mapping[str, str | list[str]], now: float) -> SilencePreview:
    """What a silence of these selectors would mute now, and would have muted in the last seven days."""
    if not match:
        return SilencePreview(
            now=[], week=0, problem="A silence that names nothing mutes nothing: say what it is about."
        )
    wrong = [name for name, value in match.items() if not name or not value]
    if wrong:
        return SilencePreview(now=[], week=0, problem="Each selector has a name and a value.")
    known = _known(db, config, now - _WEEK, now)
    under = [each for each in known if fits(match, each.facts)]
    ids = [each.id for each in under if each.open]
    marks = ",".join("?" * len(ids[:100]))
    found = db.execute(f"SELECT {COLUMNS} FROM incident WHERE id IN ({marks})", ids[:100]).fetchall()
    return SilencePreview(now=rows(found), week=len(under), problem="")


def route_test(db: sqlite3.Connection, config: Config, id: str) -> RouteTest | None:
    """Where an incident would go if it opened now as it is; None if there is no such incident."""
    found = db.execute(
        "SELECT body FROM revision WHERE incident=? AND body IS NOT NULL ORDER BY revision LIMIT 50", (id,)
    ).fetchall()
    if not found:
        return None
    told = [unpack(body, Incident) for (body,) in found]
    if config.notify is None:
        return RouteTest(route="", steps=[], why="`notify` is not in the config: nobody is told.")
    worst = told[-1]
    route = route_of(worst, config)
    if route is None:
        why = "No route matches it: nobody is told. A route without `match` at the end would have it."
        return RouteTest(route="", steps=[], why=why)
    start = (told[0].watermark or told[0].started_at).timestamp()
    steps = []
    for each in dry_run(config, told, after=4 * 3600.0):
        who = f"{each.who} by {each.target}" if each.who else each.target
        steps.append((max(0.0, each.at.timestamp() - start), f"{who}: {each.message.event.replace('_', ' ')}"))
    why = f"It is the first route that matches: {_selectors(route.match) or 'it matches everything'}."
    return RouteTest(route=route.name, steps=steps[:100], why=why)


def deliveries(
    db: sqlite3.Connection, *, failed: bool = False, incident: str | None = None, start: str = "", limit: int = 100
) -> Deliveries:
    """What was told, the newest first. Raises CursorError."""
    limit = max(1, min(limit, MOST))
    where, values = ["1"], []
    if failed:
        where.append("result IN ('refused', 'dead', 'waiting')")
    if incident:
        where.append("incident = ?")
        values.append(incident)
    if start:
        key = after(start, 1)
        where.append("at < ?")
        values.append(key[0])
    found = db.execute(
        f"SELECT at, body FROM delivery WHERE {' AND '.join(where)} ORDER BY at DESC LIMIT ?", [*values, limit + 1]
    ).fetchall()
    page = found[:limit]
    following = cursor(page[-1][0]) if len(found) > limit else None
    return Deliveries(deliveries=[_shown(unpack(body, Delivery)) for _, body in page], next=following)


def _shown(sent: Delivery) -> Delivery:
    """Without what the target called it: that may open a door."""
    return replace(sent, memory={})


def _schedule(
    name: str, schedule: Schedule, standins: list[Standin], at: float, since: float, until: float
) -> ScheduleRow:
    if schedule.ics is not None:
        return ScheduleRow(
            name=name, timezone=schedule.timezone, now="", next="", next_at=None, shifts=[], gaps=[]
        )  # the calendar's file is where notify is
    shifts: list[Shift] = []
    plain = schedule.model_copy(update={"overrides": []}) if standins or schedule.overrides else None

    def ask(when: float) -> tuple[str, bool]:
        person = on_call(schedule, when, standins) or ""
        return person, plain is not None and person != (on_call(plain, when) or "")

    edges = [edge for each in standins for edge in (each.since, each.until) if since < edge < until]
    step = max(_STEP, (until - since) / 1_000)
    times = sorted({*(since + n * step for n in range(int((until - since) / step) + 1)), *edges, until})
    here, begun = ask(since), since
    for before, after_ in pairwise(times):
        there = ask(after_)
        if there == here:
            continue
        low, high = before, after_
        while high - low > _EXACT:
            middle = (low + high) / 2
            low, high = (middle, high) if ask(middle) == here else (low, middle)
        whole = high // _EXACT * _EXACT
        edge = whole if whole > low else high
        if len(shifts) < _MOST_SHIFTS:
            shifts.append(Shift(here[0], begun, edge, here[1]))
        here, begun = there, edge
    if begun < until and len(shifts) < _MOST_SHIFTS:
        shifts.append(Shift(here[0], begun, until, here[1]))
    current = on_call(schedule, at, standins) or ""
    following = next((each for each in shifts if each.start > at and each.person and each.person != current), None)
    if following is None:
        later = next_handoff(schedule, at)
        person = on_call(schedule, later + 1, standins) or ""
        following = Shift(person, later, later, False) if person else None
    return ScheduleRow(
        name=name,
        timezone=schedule.timezone,
        now=current,
        next=following.person if following else "",
        next_at=moment(following.start) if following else None,
        shifts=[each for each in shifts if each.person],
        gaps=gaps(schedule, at),
    )


def _standins(db: sqlite3.Connection, notify: Notify | None) -> list[Standin]:
    found = []
    for each in _acts(db, ("override", "handover"), 0.0):
        if notify is None or each.args.schedule not in notify.schedules:
            continue
        start = (each.args.since or each.at).timestamp()
        end = (
            each.args.until.timestamp()
            if each.args.until
            else next_handoff(notify.schedules[each.args.schedule], start)
        )
        found.append(Standin(each.args.schedule, each.args.to, start, end))
    return found


def _acts(db: sqlite3.Connection, verbs: tuple[str, ...], since: float) -> list[Action]:
    marks = ",".join("?" * len(verbs))
    found = db.execute(
        f"SELECT body FROM action WHERE verb IN ({marks}) AND at >= ? ORDER BY at, id LIMIT 1000", (*verbs, since)
    )
    return [unpack(body, Action) for (body,) in found]


def _known(db: sqlite3.Connection, config: Config, since: float, until: float) -> list[_Known]:
    """Incidents that went on at some moment between two times, the newest first."""
    found = db.execute(
        "SELECT id, started, ended, grp, meant FROM incident WHERE started <= ? AND (ended IS NULL OR ended >= ?) "
        "ORDER BY started DESC LIMIT ?",
        (until, since, _LOOKED_AT),
    )
    return [
        _Known(
            id,
            start,
            float("inf") if end is None else end,
            group in ("needs", "handled"),
            facts_of(cast(Incident, _MEANT.decode(meant)), config.services),  # all that it asks an incident for
        )
        for id, start, end, group, meant in found
    ]


def _between(known: list[_Known], since: float, until: float) -> Iterator[_Known]:
    return (each for each in known if since < until and each.start <= until and each.end >= since)


def _under(match: Mapping[str, str | list[str]], silence: Action, told: _Known) -> bool:
    return fits(match, told.facts) if match else bool(silence.incident) and silence.incident == told.id


_MEANT: Final = msgspec.json.Decoder(Meant)


def _route(config: Config, number: int) -> RouteRow:
    assert config.notify is not None
    route = config.notify.routes[number]
    chain = config.notify.chains.get(route.chain or "")
    steps = []
    if chain is not None:
        waited = 0.0
        for each in chain.steps:
            when = f"after {waited / 60:.0f} min" if waited else "at once"
            steps.append(f"{', '.join(each.notify)}, {when}")
            waited += each.wait
        if chain.repeat > 1:
            steps.append(f"again, {chain.repeat} times in all")
        if chain.fallback:
            steps.append(f"at last {', '.join(chain.fallback)}")
    return RouteRow(
        name=route.name, match=dict(route.match), targets=list(route.targets), chain=route.chain or "", steps=steps
    )


def _rules(notify: Notify, name: str) -> list[str]:
    person = notify.people[name]
    said = [f"by {', '.join(person.targets)}", f"clocks of {person.timezone}"]
    said += [f"undisturbed {_clock(each.from_)} to {_clock(each.to)}, but for {each.below}" for each in person.quiet]
    return said


def _selectors(match: Mapping[str, str | list[str]]) -> str:
    return ", ".join(
        f"{name} {value if isinstance(value, str) else ' or '.join(value)}" for name, value in match.items()
    )


def _clock(seconds: float) -> str:
    """Seconds of a day as the time on a clock."""
    return f"{int(seconds) // 3600:02}:{int(seconds) % 3600 // 60:02}"
