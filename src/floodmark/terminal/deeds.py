"""What people did, in words: one action, all of an incident, and where it stands by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from rich.table import Column, Table
from rich.text import Text

from floodmark.actions import Action
from floodmark.fold import NO_EFFECT, Known, Life
from floodmark.terminal.words import clock, many, safe

_TEXT: Final = 400
_NAMES: Final = 5


class Deed(NamedTuple):
    """An action, and what has come of it; empty if nobody has said."""

    action: Action
    effect: str = ""


def brief(action: Action) -> str:
    """An action as a clause: "merge inc-b", "snooze until …, unless it is worse"."""
    args = action.args
    said = [
        _names(args.from_),
        many(len(args.anomalies), "anomaly") if len(args.anomalies) > _NAMES else _names(args.anomalies),
        f"playbook {safe(args.playbook, 200)}{' for' * bool(args.entity)}" if args.playbook else "",
        _names([args.entity, args.url, args.priority]),
        f"schedule {safe(args.schedule, 200)}" if args.schedule else "",
        f"to {safe(args.to, 200)}" if args.to else "",
        _selectors(args.match),
        safe(args.undoes, 200),
        f"“{safe(args.title or args.text or args.result, _TEXT)}”" if args.title or args.text or args.result else "",
        f"from {clock(args.since)}" if args.since is not None else "",
        f"until {clock(args.until)}" if args.until is not None else "",
    ]
    clause = " ".join([safe(action.verb, 40).replace("_", " "), *(each for each in said if each)])
    clause += ", unless it is worse" if args.unless == "worse" else ""
    if action.verb == "ran" and not args.ok:
        clause += ", and failed"
    return clause


def standing(life: Life) -> str:
    """Where an incident stands by people; empty if nobody has done anything that stands."""
    owner, until = safe(life.owner, 200), f"{clock(life.until)} UTC" if life.until is not None else ""
    said = {
        "acked": f"{owner} has it until {until}",
        "snoozed": f"{owner or 'somebody'} has snoozed it until {until}"
        + (", or until it is worse" if life.unless_worse else ""),
    }.get(life.state, f"{owner}'s" if owner else "")
    if life.state == "open" and life.woke:
        said = "; ".join([safe(life.woke, 300), *([f"it was {owner}'s"] if owner else [])])
    return ", ".join(each for each in (life.priority, said) if each)


def told(known: Known) -> Iterator[str]:
    """What was done to an incident, a line each, oldest first."""
    effects = dict(known.life.effects)
    for _, action in known.actions:
        yield line(Deed(action, effects.get(action.id, "")))


def line(deed: Deed) -> str:
    """What somebody did, when, and what came of it."""
    action, effect = deed
    why = f": {safe(action.reason, _TEXT)}" if action.reason else ""
    came = f" ({safe(effect, 300)})" if effect.startswith((NO_EFFECT, "done; ")) else ""
    return f"{clock(action.at)}  {safe(action.by, 200)}  {brief(action)}{why}{came}"


def trail(deeds: Iterable[Deed]) -> Table:
    """Who has done what, when, and what came of it."""
    shown = Table(
        Column("when (UTC)", no_wrap=True), Column("who", overflow="fold"), Column("what", overflow="fold"),
        Column("what came of it", overflow="fold"), box=None, header_style="bold", pad_edge=False,
    )  # fmt: skip
    for action, effect in deeds:
        what = Text(brief(action))
        if action.reason:
            what.append(f"\n{safe(action.reason, _TEXT)}")
        named = (safe(action.incident, 60), safe(action.id, 60), f"by way of {safe(action.via, 40)}")
        what.append("\n" + "  ".join(each for each in named if each), "dim")
        came = Text(safe(effect, 300), "yellow" if effect.startswith(NO_EFFECT) else "")
        shown.add_row(clock(action.at), Text(safe(action.by, 200)), what, came)
    return shown


def _names(names: Iterable[str]) -> str:
    found = [safe(each, 300) for each in names if each]
    more = len(found) - _NAMES
    return ", ".join(found[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _selectors(match: Mapping[str, str | list[str]]) -> str:
    def value(wanted: str | list[str]) -> str:
        return safe(wanted, 200) if isinstance(wanted, str) else "|".join(safe(each, 200) for each in wanted[:_NAMES])

    return ", ".join(f"{safe(name, 100)}={value(wanted)}" for name, wanted in list(match.items())[:_NAMES])
