"""What all verbs of `floodmark act` share: the incident that is meant, what cannot be, the writing of the action."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
import typer
from msgspec.structs import replace

from floodmark import client
from floodmark.actions import CORRELATED, Action, Arguments, Verb, new_id, wrong_with
from floodmark.alerts import Incident
from floodmark.cli.speaking import ConfigPath, fail, out, read_config
from floodmark.config.models import Config
from floodmark.config.quantities import duration
from floodmark.fold import NO_EFFECT, Book, Life
from floodmark.runtime import RunError
from floodmark.terminal.deeds import brief
from floodmark.terminal.words import clock, safe

T = TypeVar("T")
_LISTED: Final = 20
_LONGEST: Final = 20_000
"""Characters of a line: what undoes a merge names all that has moved."""
_LAST: Final = 2**62
"""An offset behind all others: that of an action which is not written yet."""
_TO_WHAT_IS_OPEN: Final = frozenset(
    {"resolve", "merge", "split", "dismiss", "ack", "unack", "assign", "snooze", "unsnooze", "page"}
)

By = Annotated[str, typer.Option(help="Who does it.", envvar="FLOODMARK_USER")]
Why = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the action as it was written, as JSON.")]
Meant = Annotated[str, typer.Argument(help="Id of the incident, or how it begins.", metavar="INCIDENT")]
Until = Annotated[str, typer.Option(help="Until when: 2026-01-31T22:00:00Z (without an offset it is UTC).")]
For = Annotated[str, typer.Option("--for", help="For how long from now on: 2h.")]
From = Annotated[str, typer.Option("--from", help="From when on: 2026-01-31T22:00:00Z (else from now on).")]
Match = Annotated[
    list[str], typer.Option(help="What it is about: service=cart, 'service=web-*'; again for more labels and values.")
]

__all__ = ["AsJson", "By", "ConfigPath", "For", "From", "Match", "Meant", "Until", "Who", "Why"]


class Who(NamedTuple):
    """What is said with every verb."""

    config: Path
    by: str
    reason: str
    as_json: bool


class Seen(NamedTuple):
    """What was looked at before something is done: the incident, and what is known of it. `others`: more incidents
    that are named, by what they were called. `reached`: event time of the engine, if it says so."""

    incident: Incident
    book: Book
    others: Mapping[str, Incident] = {}
    reached: datetime | None = None

    def life(self, now: datetime) -> Life:
        return self.book.known(self.incident.id, now).life


class Written(NamedTuple):
    """An action that was written, what was seen before (None of what is about no one incident), and how the incident
    stood until then."""

    config: Config
    action: Action
    seen: Seen | None = None
    before: Life = Life()


def settings_of(who: Who) -> Config:
    """The config, if there is somebody and a topic to write to."""
    if not who.by.strip():
        fail("--by: who does it? A name is needed, for the history (or set FLOODMARK_USER).", 2)
    settings = read_config(who.config)
    if settings.actions is None:
        fail("The config has no `actions`: add `actions: {}`, create its topic, and start the engine again.")
    return settings


def to_incident(who: Who, verb: Verb, name: str, args: Arguments, settings: Config | None = None) -> Written:
    """Do something to an incident. Ends the command, with a sentence, if it cannot be."""
    settings = settings or settings_of(who)
    seen = do(look(settings, name, args.from_, ask=verb in CORRELATED))
    if args.from_:
        args = replace(args, from_=list(dict.fromkeys(each.id for each in seen.others.values())))
    action = _action(settings, who, verb, args, seen)
    _check(action)
    before = seen.life(action.at)
    if wrong := why_not(action, seen):
        fail(safe(wrong, _LONGEST))
    _write(settings, action)
    return Written(settings, action, seen, before)


def to_none(who: Who, verb: Verb, args: Arguments, settings: Config | None = None) -> Written:
    """Do something that is about no one incident."""
    settings = settings or settings_of(who)
    action = _action(settings, who, verb, args, None)
    _check(action)
    _write(settings, action)
    return Written(settings, action)


def say(who: Who, written: Written, what: str, undo: str = "") -> None:
    """What will happen and from when, and how to undo it; or the action itself."""
    action = written.action
    if who.as_json:
        typer.echo(msgspec.json.encode(action))
        return
    subject = f"{action.incident}: " if action.incident else ""
    out.print(safe(f"{subject}{what}", _LONGEST), markup=False, soft_wrap=True)
    if action.effective is not None:
        reached = written.seen.reached if written.seen is not None else None
        now = (
            f"the engine has reached {clock(reached)} UTC"
            if reached is not None
            else "the engine has said nothing lately"
        )
        out.print(
            f"it holds from {clock(action.effective)} UTC on, in event time ({now})", markup=False, soft_wrap=True
        )
    if undo:
        out.print(safe(f"undo it with: floodmark act {undo} --by NAME", _LONGEST), markup=False, soft_wrap=True)


async def look(config: Config, name: str, others: list[str], *, ask: bool) -> Seen:
    """What there is of an incident, and of others that are named with it. `ask`: also how far the engine is."""
    topics = config.topics
    book = Book()
    found: dict[str, Incident] = {}
    revisions = await client.history(config.kafka, [name, *others], topic=topics.alerts)
    for wanted in (name, *others):
        meant = {id: each for id, each in revisions.items() if client.means(id, wanted)}
        found[wanted] = _one(meant, wanted, topics.alerts)[-1]
        for each in revisions[found[wanted].id]:
            book.take(each)
    async for deed in client.actions(config.kafka, topic=topics.actions):
        if deed.said.incident == found[name].id:
            book.take(deed.said, deed.place.offset)
    reached = await client.reached(config.kafka, topic=topics.anomalies) if ask else None
    return Seen(found[name], book, {each: found[each] for each in others}, reached)


def why_not(action: Action, seen: Seen) -> str:
    """Why an action could not do what it should; empty if it can."""
    now, verb = seen.incident, action.verb
    if verb in _TO_WHAT_IS_OPEN | {"reopen"} and now.merged_into is not None:
        return f"{now.id} was merged into {now.merged_into}: that is the one to act on."
    if verb in _TO_WHAT_IS_OPEN and now.resolved_at is not None:
        words = (
            f"{now.id} is resolved since {clock(now.resolved_at)} UTC; `floodmark act reopen {now.id}` opens it again"
        )
        calmer = ", `floodmark feedback not-anomaly --anomaly ID` makes a series calmer" if verb == "dismiss" else ""
        return f"{words}{calmer}."
    if verb == "reopen" and now.resolved_at is None:
        return f"{now.id} is open."
    if verb in ("split", "dismiss"):
        return _not_members(action, now)
    if verb == "merge":
        return next((wrong for each in seen.others.values() if (wrong := _not_mergeable(each, now))), "")
    # The fold itself says what would come of it. What is looked at was read a moment ago, so it may still be too late.
    seen.book.take(action, _LAST)
    effect = dict(seen.life(action.at).effects).get(action.id, "")
    if effect.startswith(NO_EFFECT):
        return f"{brief(action)} would change nothing: {safe(effect.removeprefix(NO_EFFECT), 300)}."
    return ""


def instant(text: str) -> datetime | None:
    """A time as it is written; None if it is not. Ends the command if it is none."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        fail(f"{safe(text, 80)} is no time such as 2026-01-31T22:00:00Z.", 2)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def end(until: str, lasting: str, start: datetime | None = None) -> datetime | None:
    """When something ends, by `--until` or `--for`; None if neither is said."""
    if until and lasting:
        fail("Say one of --until and --for.", 2)
    if not lasting:
        return instant(until)
    try:
        return (start or datetime.now(UTC)) + timedelta(seconds=duration(lasting))
    except (ValueError, OverflowError) as error:
        fail(f"--for: {error}", 2)


def selectors(match: list[str]) -> dict[str, str | list[str]]:
    """`--match service=cart --match service=web` as a mapping. Ends the command if one of them is none."""
    found: dict[str, list[str]] = {}
    for each in match:
        name, equals, value = each.partition("=")
        if not equals or not name.strip() or not value.strip():
            fail(f"--match {safe(each, 80)}: write it as label=value, such as service=cart or 'service=web-*'.", 2)
        found.setdefault(name.strip(), []).append(value.strip())
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def quoted(text: str) -> str:
    """A word for a shell, safe to be shown."""
    return shlex.quote(safe(text, 200))


def do(work: Coroutine[Any, Any, T]) -> T:
    """What Kafka refuses ends the command with a sentence."""
    try:
        return asyncio.run(work)
    except RunError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _action(config: Config, who: Who, verb: Verb, args: Arguments, seen: Seen | None) -> Action:
    action = Action(
        id=new_id(), verb=verb, by=who.by.strip(), at=datetime.now(UTC), reason=who.reason, args=args, via="cli"
    )
    if seen is None:
        return action
    incident, effective = seen.incident, None
    if verb in CORRELATED:
        known = [each.watermark or each.updated_at for each in (incident, *seen.others.values())]
        newest = max(known if seen.reached is None else [*known, seen.reached])
        effective = newest + 2 * timedelta(seconds=config.detect.tick)
    return replace(action, incident=incident.id, scope=incident.scope, seen=incident.revision, effective=effective)


def _check(action: Action) -> None:
    if wrong := wrong_with(action):
        fail(wrong, 2)


def _write(config: Config, action: Action) -> None:
    try:
        do(client.act(config.kafka, action, topic=config.topics.actions))
    except client.NotMeantError as error:
        fail(str(error), 2)


def _one(found: Mapping[str, list[Incident]], name: str, topic: str) -> list[Incident]:
    """The one that is meant."""
    if name in found:
        return found[name]
    if not found:
        fail(f"No incident in {topic} is {safe(name, 80)}; `floodmark incidents` lists them.")
    if len(found) > 1:
        ids = [safe(each, 200) for each in sorted(found)]
        more = f"\n  and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
        fail(f"{safe(name, 80)} means {len(ids)} incidents; name one of them:\n  " + "\n  ".join(ids[:_LISTED]) + more)
    return next(iter(found.values()))


def _not_members(action: Action, now: Incident) -> str:
    known, wanted = {each.id for each in now.members}, set(action.args.anomalies)
    all_told = now.member_count <= len(now.members)
    if all_told and (strange := sorted(wanted - known)):
        return f"{safe(strange[0], 80)} is not in {now.id}; `floodmark incidents show {now.id}` names those that are."
    if action.verb == "split" and all_told and wanted >= known:
        return f"All of {now.id} would leave it: name some of its anomalies."
    return ""


def _not_mergeable(source: Incident, into: Incident) -> str:
    if source.id == into.id:
        return "An incident cannot be merged into itself."
    if source.merged_into is not None:
        return f"{source.id} was merged into {source.merged_into} already."
    if source.resolved_at is not None:
        return f"{source.id} is resolved since {clock(source.resolved_at)} UTC; reopen it first."
    if source.scope != into.scope:
        return (
            f"{source.id} is of the scope {safe(source.scope, 80) or '(none)'}, {into.id} of "
            f"{safe(into.scope, 80) or '(none)'}: scopes are correlated apart, so link them instead."
        )
    return ""
