"""From names of a chain to targets: a schedule is who is on call, a person has targets and hours of rest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from floodmark.config.calendars import Calendar
from floodmark.config.notify import Notify
from floodmark.config.schedules import Standin, on_call
from floodmark.notify.quiet import undisturbed


class Addressed(NamedTuple):
    """`targets`: each with the people who are meant. `resting`: who hears of it later, and when. `missing`: names that
    lead to nobody."""

    targets: dict[str, list[str]]
    resting: dict[str, float]
    missing: list[str]


def person_of(name: str, notify: Notify) -> str | None:
    """The person that a name of the config, of a calendar or of another system stands for."""
    if name in notify.people:
        return name
    wanted = name.casefold()
    for person, each in notify.people.items():
        if person.casefold() == wanted or any(identity.casefold() == wanted for identity in each.identities):
            return person
    return None


def addressed(
    names: Iterable[str],
    severity: str,
    now: float,
    notify: Notify,
    standins: Iterable[Standin] = (),
    calendars: Mapping[str, Calendar] | None = None,
) -> Addressed:
    """Who is to be told, by name of schedule, person or target; of the same name in several, the first of these."""
    found = Addressed({}, {}, [])
    standins = list(standins)
    for name in names:
        person: str | None
        if name in notify.schedules:
            there = [each for each in standins if each.schedule == name]
            called = on_call(notify.schedules[name], now, there, (calendars or {}).get(name))
            person = person_of(called, notify) if called else None
        else:
            person = person_of(name, notify)
            if person is None and name in notify.targets:
                found.targets.setdefault(name, [])
                continue
        if person is None:
            found.missing.append(name)
            continue
        who = notify.people[person]
        until = undisturbed(who.quiet, severity, now, who.timezone)
        if until is not None:
            found.resting[person] = until
            continue
        for target in who.targets:
            people = found.targets.setdefault(target, [])
            if person not in people:
                people.append(person)
    return found
