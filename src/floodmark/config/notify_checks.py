"""What no single value of `notify` shows: names that lead nowhere, services of which nobody is told, and hours in which
nobody is on call. As `checks`, it works on the located tree.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path as FilePath
from typing import Final

from pydantic import ValidationError

from floodmark.config.calendars import Calendar
from floodmark.config.locate import Located, absent, items, quoted, text, values
from floodmark.config.notify import KINDS, Schedule
from floodmark.config.problems import Path, Problem, did_you_mean, dotted
from floodmark.config.quantities import clock, duration, moment
from floodmark.config.schedules import first_handoff, gaps

SELECTORS: Final = ("scope", "entity", "owner", "tier", "signal", "severity")
"""What routes can ask for besides the labels of an incident."""
_OF_CHANGES: Final = ("service", "kind", "environment", "status")
_OF_SERVICES: Final = frozenset({"entity", "owner", "tier"})
_RUN: Final = ("webhook", "argocd", "kubernetes")
_SHOWN: Final = 3


def errors(tree: Located) -> list[Problem]:
    if not isinstance(values(tree.at(("notify",))), dict):
        return []
    return [
        *_targets(tree),
        *_routes(tree),
        *_names(tree),
        *_clashes(tree),
        *_schedules(tree),
        *_hours(tree),
        *_link(tree),
    ]


def warnings(tree: Located, now: float | None = None) -> list[Problem]:
    if not isinstance(values(tree.at(("notify",))), dict):
        return []
    return [
        *_unreached(tree),
        *_untold(tree),
        *_odd_selectors(tree),
        *_owners(tree),
        *_fallbacks(tree),
        *_unheard(tree),
        *_playbooks(tree),
        *_gaps(tree, time.time() if now is None else now),
    ]


def _section(tree: Located, name: str) -> dict[str, Located]:
    here = tree.at(("notify", name))
    return here.value if here is not None and isinstance(here.value, dict) else {}


def _listed(tree: Located, name: str) -> Iterator[tuple[Path, Located]]:
    for index, item in enumerate(items(tree.at(("notify", name)))):
        yield ("notify", name, index), item


def _kinds(target: Located) -> list[str]:
    return [kind for kind in KINDS if not absent(target, kind) or _empty_section(target, kind)]


def _empty_section(target: Located, kind: str) -> bool:
    """`slack:` with nothing below is a section all the same: what it lacks is said elsewhere."""
    return isinstance(target.value, dict) and kind in target.value


def _targets(tree: Located) -> Iterator[Problem]:
    """A target has exactly one section."""
    for name, target in _section(tree, "targets").items():
        path: Path = ("notify", "targets", name)
        if not isinstance(target.value, dict):
            continue
        kinds = _kinds(target)
        if not kinds:
            yield target.place.problem(
                path, "nothing says what it is", "give it a section: slack, pagerduty, webhook, …"
            )
        elif len(kinds) > 1:
            words = f"it is {' and '.join(kinds)} at once"
            yield target.keys[kinds[1]].problem(path, words, "write two targets")


def _routes(tree: Located) -> Iterator[Problem]:
    """A route that tells nobody, and names that two routes have."""
    seen: dict[str, Path] = {}
    for path, route in _listed(tree, "routes"):
        if not isinstance(route.value, dict):
            continue
        if not items(route.child("targets")) and absent(route, "chain"):
            hint = "give it targets, a chain, or both; to tell nobody, silence or leave it out"
            yield route.place.problem(path, "it tells nobody", hint)
        name = text(route.child("name")) or "default"
        if name in seen:
            yield route.place.problem(
                path, f"has the name {name!r} of {dotted(seen[name])}", "give each route its own name"
            )
        seen.setdefault(name, path)
    for path, entry in _listed(tree, "changes"):
        match = entry.child("match")
        for label in match.value if match is not None and isinstance(match.value, dict) else ():
            if label not in _OF_CHANGES and match is not None:
                hint = did_you_mean(label, _OF_CHANGES) or f"known are {', '.join(_OF_CHANGES)}"
                yield match.keys[label].problem((*path, "match", label), f"changes have no {label!r}", hint)


def _names(tree: Located) -> Iterator[Problem]:
    """Names that lead nowhere."""
    targets, people = _section(tree, "targets"), _section(tree, "people")
    schedules = _section(tree, "schedules")
    anybody: dict[str, Located] = {**targets, **people, **schedules}
    for path, route in _listed(tree, "routes"):
        for key in ("targets", "fallback"):
            yield from _known(items(route.child(key)), (*path, key), targets, "notify.targets")
        yield from _known(
            items(route.child("playbooks")), (*path, "playbooks"), _section(tree, "playbooks"), "notify.playbooks"
        )
        chain = route.child("chain")
        if chain is not None and chain.value is not None:
            yield from _one(chain, (*path, "chain"), _section(tree, "chains"), "notify.chains")
    for section in ("requests", "changes"):
        for path, entry in _listed(tree, section):
            yield from _known(items(entry.child("targets")), (*path, "targets"), targets, "notify.targets")
    for name, person in people.items():
        yield from _known(
            items(person.child("targets")), ("notify", "people", name, "targets"), targets, "notify.targets"
        )
    for name, chain in _section(tree, "chains").items():
        at: Path = ("notify", "chains", name)
        who = "schedules, people or targets"
        for index, step in enumerate(items(chain.child("steps"))):
            yield from _known(items(step.child("notify")), (*at, "steps", index, "notify"), anybody, who)
        yield from _known(items(chain.child("fallback")), (*at, "fallback"), anybody, who)
    for name, schedule in schedules.items():
        at = ("notify", "schedules", name)
        yield from _known(items(schedule.child("rotation")), (*at, "rotation"), people, "notify.people")
        for index, layer in enumerate(items(schedule.child("layers"))):
            yield from _known(
                items(layer.child("rotation")), (*at, "layers", index, "rotation"), people, "notify.people"
            )
        for index, override in enumerate(items(schedule.child("overrides"))):
            person_ = override.child("person")
            if person_ is not None:
                yield from _one(person_, (*at, "overrides", index, "person"), people, "notify.people")
    for name, playbook in _section(tree, "playbooks").items():
        target = playbook.child("target")
        if target is None:
            continue
        at = ("notify", "playbooks", name, "target")
        yield from _one(target, at, targets, "notify.targets")
        found = targets.get(text(target) or "")
        if found is not None and (kinds := _kinds(found)) and kinds[0] not in _RUN:
            words = f"{quoted(target)} is {kinds[0]}, which runs nothing"
            yield target.place.problem(at, words, f"name a target of the kinds {', '.join(_RUN)}")


def _known(several: list[Located], path: Path, known: Mapping[str, Located], where: str) -> Iterator[Problem]:
    for index, here in enumerate(several):
        yield from _one(here, (*path, index), known, where)


def _one(here: Located, path: Path, known: Mapping[str, Located], where: str) -> Iterator[Problem]:
    name = text(here)
    if name is None or name in known:
        return
    hint = "" if here.written is not None else did_you_mean(name, known)
    listed = f"there are {', '.join(list(known)[: _SHOWN * 3])}" if known else "there are none"
    yield here.place.problem(path, f"{quoted(here)} is not among {where}", hint or listed)


def _clashes(tree: Located) -> Iterator[Problem]:
    """A chain could not tell which of them is meant."""
    seen: dict[str, str] = {}
    for section in ("targets", "people", "schedules"):
        here = tree.at(("notify", section))
        for name in _section(tree, section):
            if name in seen and here is not None:
                words = f"is the name of one of notify.{seen[name]} too: chains could not tell which is meant"
                yield here.keys[name].problem(("notify", section, name), words, "give it another name")
            seen.setdefault(name, section)


def _schedules(tree: Located) -> Iterator[Problem]:
    for name, schedule in _section(tree, "schedules").items():
        path: Path = ("notify", "schedules", name)
        if not isinstance(schedule.value, dict):
            continue
        turns = bool(items(schedule.child("rotation")) or items(schedule.child("layers")))
        if not turns and absent(schedule, "ics"):
            yield schedule.place.problem(path, "there is nobody in it", "set rotation, layers, or ics")
        elif turns and not absent(schedule, "ics"):
            yield schedule.place.problem(path, "a calendar and rotations at once", "set ics, or rotation and layers")
        yield from _turns(schedule, path)
        for index, layer in enumerate(items(schedule.child("layers"))):
            yield from _turns(layer, (*path, "layers", index))
        for index, override in enumerate(items(schedule.child("overrides"))):
            start, end = _read(override.child("from"), moment), _read(override.child("to"), moment)
            if start is not None and end is not None and end <= start:
                yield override.place.problem((*path, "overrides", index), "ends before it begins", "put to after from")
        yield from _calendar(schedule, path)


def _turns(turns: Located, path: Path) -> Iterator[Problem]:
    handoff, every = turns.child("handoff"), turns.child("every")
    if handoff is not None and isinstance(handoff.value, str):
        try:
            first_handoff(handoff.value)
        except ValueError as error:
            words = str(error) if handoff.written is None else f"{quoted(handoff)} is not a handoff"
            yield handoff.place.problem((*path, "handoff"), words)
    if every is not None and _read(every, duration) == 0:
        yield every.place.problem((*path, "every"), "a turn without a length", "write 1w, 1d or 12h")


def _calendar(schedule: Located, path: Path) -> Iterator[Problem]:
    here = schedule.child("ics")
    if here is not None and isinstance(here.value, str):
        try:
            _read_calendar(here)
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            yield here.place.problem((*path, "ics"), f"the calendar cannot be used: {said}")


def _read_calendar(here: Located) -> Calendar:
    return Calendar((FilePath(here.place.file).parent / str(here.value)).read_text(encoding="utf-8"))


def _hours(tree: Located) -> Iterator[Problem]:
    """Hours that begin and end at the same time."""
    places: list[tuple[Path, Located]] = []
    for name, person in _section(tree, "people").items():
        places.append((("notify", "people", name, "quiet"), person.child("quiet") or person))
    for path, route in _listed(tree, "routes"):
        places.append(((*path, "active"), route.child("active") or route))
    for name, schedule in _section(tree, "schedules").items():
        for index, layer in enumerate(items(schedule.child("layers"))):
            places.append((("notify", "schedules", name, "layers", index, "hours"), layer.child("hours") or layer))
    for path, several in places:
        for index, window in enumerate(items(several)):
            start, end = _read(window.child("from"), clock), _read(window.child("to"), clock)
            if start is not None and (start == end or (start, end) == (86400.0, 0.0)):
                hint = "for the whole day, write from: 00:00 and to: 24:00"
                yield window.place.problem((*path, index), "begins and ends at the same time", hint)


def _read(here: Located | None, read: object) -> float | None:
    try:
        return float(read(here.value)) if here is not None and callable(read) else None
    except ValueError:
        return None


def _link(tree: Located) -> Iterator[Problem]:
    here = tree.at(("notify", "link"))
    word = text(here)
    if here is not None and word is not None and "{incident}" not in word:
        hint = "write https://floodmark.example.org/incidents/{incident}"
        yield here.place.problem(("notify", "link"), "leads to no incident: {incident} is not in it", hint)


def _unreached(tree: Located) -> Iterator[Problem]:
    """The first route that matches has an incident."""
    routes = list(_listed(tree, "routes"))
    for path, route in routes[:-1]:
        if (
            isinstance(route.value, dict)
            and not values(route.child("match"))
            and text(route.child("severity")) in (None, "info")
        ):
            after = dotted((*path[:-1], int(path[-1]) + 1))
            words = f"matches everything, so that {after} and what follows is never reached"
            yield route.place.problem(path, words, "move it to the end, or give it a match")
            return


def _untold(tree: Located) -> Iterator[Problem]:
    """Services of which nobody is told for sure: no route matches them whatever else an incident has."""
    notify = tree.at(("notify",))
    routes = list(_listed(tree, "routes"))
    if notify is not None and not routes:
        if not items(notify.child("requests")) and not items(notify.child("changes")):
            yield notify.place.problem(("notify",), "there are no routes: nobody is told of any incident", "add one")
        return
    services = tree.child("services")
    found = services.value if services is not None and isinstance(services.value, dict) else {}
    for name, service in found.items():
        owner, tier = text(service.child("owner")) or "", service.child("tier")
        facts = {"entity": name, "owner": owner, "tier": "" if tier is None or tier.value is None else str(tier.value)}
        if not any(_certain(values(route.child("match")) or {}, facts) for _, route in routes):
            of = f" of {owner}" if owner else ""
            words = f"no route is sure to have its incidents: nobody{of} may be told of them"
            yield service.place.problem(("services", name), words, "end notify.routes with one that has no match")
            continue
    if not found and all(values(route.child("match")) for _, route in routes) and notify is not None:
        words = "no route is sure to have an incident: some may be told to nobody"
        yield routes[-1][1].place.problem(routes[-1][0], words, "end notify.routes with one that has no match")


def _certain(match: object, facts: Mapping[str, str]) -> bool:
    """Whether a route's selectors fit a service whatever else its incident has."""
    if not isinstance(match, dict) or not match.keys() <= _OF_SERVICES:
        return False
    return all(
        any(fnmatchcase(facts[name], str(each)) for each in (wanted if isinstance(wanted, list) else [wanted]))
        for name, wanted in match.items()
    )


def _odd_selectors(tree: Located) -> Iterator[Problem]:
    """Any label may be asked for; one that is nearly the name of something else is a slip."""
    for path, route in _listed(tree, "routes"):
        match = route.child("match")
        for label in match.value if match is not None and isinstance(match.value, dict) else ():
            if label in SELECTORS or match is None:
                continue
            hint = did_you_mean(label.rstrip("s") if label.rstrip("s") in SELECTORS else label, SELECTORS)
            if hint:
                words = f"asks for a label {label!r} of incidents"
                yield match.keys[label].problem((*path, "match", label), words, hint)


def _owners(tree: Located) -> Iterator[Problem]:
    """An owner that no service has."""
    services = tree.child("services")
    found = services.value if services is not None and isinstance(services.value, dict) else {}
    owners = {owner for each in found.values() if (owner := text(each.child("owner")))}
    for path, route in _listed(tree, "routes"):
        here = route.at(("match", "owner"))
        for word in (items(here) or [here]) if here is not None else ():
            name = text(word)
            if word is not None and name and not any(fnmatchcase(owner, name) for owner in owners):
                hint = "" if word.written is not None else did_you_mean(name, owners)
                words = f"no service has the owner {quoted(word)}"
                yield word.place.problem((*path, "match", "owner"), words, hint or "set services.NAME.owner")


def _fallbacks(tree: Located) -> Iterator[Problem]:
    for path, route in _listed(tree, "routes"):
        own = {text(each) for each in items(route.child("targets"))}
        for index, here in enumerate(items(route.child("fallback"))):
            if text(here) in own:
                words = f"{quoted(here)} stands in for itself"
                yield here.place.problem((*path, "fallback", index), words, "name another target")


def _unheard(tree: Located) -> Iterator[Problem]:
    """Chains that nothing but the end of an incident stops."""
    if not absent(tree, "actions") or tree.child("actions") is not None:
        return
    for path, route in _listed(tree, "routes"):
        if (chain := route.child("chain")) is not None and text(chain) is not None:
            words = "whoever is called cannot say that they have it: nobody's actions are heard"
            yield chain.place.problem((*path, "chain"), words, "add a section actions:")


def _playbooks(tree: Located) -> Iterator[Problem]:
    for name, playbook in _section(tree, "playbooks").items():
        path: Path = ("notify", "playbooks", name)
        if not items(playbook.child("services")):
            hint = "list the services that it may be run for"
            yield playbook.place.problem(path, "it may be run for no service", hint)
        if (
            text(playbook.child("mode")) in (None, "propose")
            and absent(tree, "actions")
            and tree.child("actions") is None
        ):
            words = "it waits for somebody to approve, and nobody's actions are heard"
            yield playbook.place.problem(path, words, "add a section actions:")


def _gaps(tree: Located, now: float) -> Iterator[Problem]:
    """Hours of the next 30 days in which nobody is on call."""
    for name, schedule in _section(tree, "schedules").items():
        try:
            found = Schedule.model_validate(values(schedule))
            ics = schedule.child("ics")
            calendar = _read_calendar(ics) if ics is not None and ics.value else None
            empty = gaps(found, now, calendar)
        except (ValidationError, ValueError, OSError, TypeError):
            continue  # the others say so
        if empty and (found.rotation or found.layers or calendar is not None):
            hours = sum(end - start for start, end in empty) / 3600
            start, end = (datetime.fromtimestamp(each, UTC) for each in empty[0])
            times = f"from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
            words = f"nobody is on call in {hours:.0f} hours of the next 30 days, first {times}"
            hint = "add a layer, or let chains go on to somebody else"
            yield schedule.place.problem(("notify", "schedules", name), words, hint)
