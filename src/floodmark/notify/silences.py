"""What mutes messages for a while: `silence` and `unsilence`. Detection goes on, and what is muted is counted.

A silence says a quarter of an hour before its end what is still open under it, and what is open when it ends is told in
one message. Both are digests; the desk makes them of what `Ending` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple

from floodmark.actions import Action
from floodmark.config.models import Config
from floodmark.config.schedules import Standin, next_handoff
from floodmark.notify.cases import Case, Ledger, Silence
from floodmark.notify.routes import facts_of, fits

LONGEST: Final = 30 * 86400.0
WARNED: Final = 900.0
"""How long before its end a silence says so."""
_REASON: Final = 300
_MOST: Final = 1_000
"""Silences, and people who stand in, that are held; the oldest are forgotten first."""


class Ending(NamedTuple):
    """A silence that ends soon, or has ended: what is open under it is to be told."""

    silence: Silence
    what: Literal["soon", "over"]


def heard(action: Action, ledger: Ledger, config: Config, now: float) -> bool:
    """Take in what is about no one incident. Whether anything has changed."""
    args, at = action.args, action.at.timestamp()
    if action.verb == "silence":
        until = min(args.until.timestamp() if args.until is not None else at + 3600.0, at + LONGEST)
        if until <= now or action.id in ledger.undone or action.id in ledger.silences:
            return False
        ledger.silences[action.id] = Silence(
            action.id, action.by, at, until, dict(args.match), action.incident, action.reason[:_REASON]
        )
        _bound(ledger.silences)
        return True
    if action.verb == "unsilence":
        known = ledger.silences.get(args.undoes)
        if args.undoes in ledger.undone:
            return False
        ledger.undone = [*ledger.undone, args.undoes][-_MOST:]
        if known is not None:
            known.until = min(known.until, now)
        return True
    if action.verb in ("override", "handover") and args.to and action.id not in ledger.standins:
        schedules = config.notify.schedules if config.notify is not None else {}
        since = args.since.timestamp() if args.since is not None else at
        if args.until is not None:
            until = args.until.timestamp()
        else:
            until = next_handoff(schedules[args.schedule], since) if args.schedule in schedules else since
        if until <= now:
            return False
        ledger.standins[action.id] = Standin(args.schedule, args.to, since, until)
        _bound(ledger.standins)
        return True
    return False


def silence_of(case: Case, ledger: Ledger, config: Config, now: float) -> Silence | None:
    """The silence that mutes an incident now."""
    if not ledger.silences:
        return None
    facts = facts_of(case.newest(), config.services)
    for each in ledger.silences.values():
        if each.since <= now < each.until and _mutes(each, case.key, facts):
            return each
    return None


def _mutes(silence: Silence, incident: str, facts: Mapping[str, tuple[str, ...]]) -> bool:
    """One that names nothing mutes nothing."""
    if silence.incident and silence.incident != incident:
        return False
    return bool(silence.incident or silence.match) and fits(silence.match, facts)


def endings(ledger: Ledger, now: float) -> Iterator[Ending]:
    """What is to be said now; each is given once. Those that are over are forgotten, as are people who stood in."""
    for key, each in list(ledger.silences.items()):
        if each.until <= now:
            del ledger.silences[key]
            yield Ending(each, "over")
        elif not each.warned and each.until - WARNED <= now:
            each.warned = True
            if each.until - each.since > WARNED:
                yield Ending(each, "soon")
    for key, standin in list(ledger.standins.items()):
        if standin.until <= now:
            del ledger.standins[key]


def due(ledger: Ledger) -> float:
    """When there is next something to say."""
    times = (each.until if each.warned else each.until - WARNED for each in ledger.silences.values())
    return min(times, default=float("inf"))


def _bound(held: dict[str, Silence] | dict[str, Standin]) -> None:
    while len(held) > _MOST:
        del held[next(iter(held))]
