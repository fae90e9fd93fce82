"""`floodmark actions`: the audit trail, as a table and as a file that a replay takes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
import typer
from msgspec.structs import replace

from floodmark import client
from floodmark.actions import CORRELATED, VERBS, Action, ActionOutcome
from floodmark.alerts import Incident
from floodmark.cli.acting import do
from floodmark.cli.ranges import since_when
from floodmark.cli.speaking import ConfigPath, fail, out, read_config
from floodmark.client import Deed as Record
from floodmark.config.models import Config
from floodmark.fold import Book
from floodmark.terminal.deeds import Deed, trail
from floodmark.terminal.words import safe

_CONFIG: Final = Path("floodmark.yaml")

OfIncident = Annotated[str, typer.Option("--incident", help="Only those of this incident (or how its id begins).")]
OfPerson = Annotated[str, typer.Option("--by", help="Only what this person did.")]
OfVerb = Annotated[str, typer.Option("--verb", help="Only these: ack, merge, …")]
Since = Annotated[str, typer.Option(help="Only what was done since: 2h (ago), or 2026-01-31T22:00:00Z.")]

actions = typer.Typer(
    help="The audit trail: who has done what to which incident, when, and what came of it.",
    no_args_is_help=True,
    add_completion=False,
)


class Choice(NamedTuple):
    """Which actions are meant; what is empty means all."""

    incident: str = ""
    by: str = ""
    verb: str = ""
    since: datetime | None = None

    def takes(self, action: Action) -> bool:
        return (
            (not self.incident or client.means(action.incident, self.incident))
            and (not self.by or action.by == self.by)
            and (not self.verb or action.verb == self.verb)
            and (self.since is None or action.at >= self.since)
        )


@actions.command("list")
def list_(
    incident: OfIncident = "", by: OfPerson = "", verb: OfVerb = "", since: Since = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with what came of it.")] = False,
    config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """Who has done what, when, and what came of it; the newest last."""
    settings, chosen = _settings(config), _choice(incident, by, verb, since)
    found = do(_trail(settings, chosen))[-limit:]
    if as_json:
        for action, effect in found:
            typer.echo(msgspec.json.encode({**msgspec.to_builtins(action), "effect": effect}))
        return
    if not found:
        narrow = incident or by or verb or since
        out.print(f"Nobody has done anything{' like this' if narrow else ''} yet.", markup=False)
        return
    out.print(trail(found))


@actions.command()
def export(
    incident: OfIncident = "", by: OfPerson = "", verb: OfVerb = "", since: Since = "", config: ConfigPath = _CONFIG
) -> None:
    """All actions as JSON lines, as `floodmark replay --actions` takes them.

    What the engine has heard is given the time from which on it held, so that a replay gives the same incidents.
    """
    settings, chosen = _settings(config), _choice(incident, by, verb, since)
    for action in do(_held(settings)):
        if chosen.takes(action):
            typer.echo(msgspec.json.encode(action))


def exported(records: Iterable[Record]) -> list[Action]:
    """Each action once, in the order in which they were written, with what the engine has said first of when they hold:
    one that reads the topic anew, as another consumer group, says it again, and may refuse what was applied then."""
    found: dict[str, Action] = {}
    applied: dict[str, datetime] = {}
    for record in records:
        if isinstance(record.said, ActionOutcome):
            applied.setdefault(record.said.action, record.said.applied_at)
        else:
            found.setdefault(record.said.id, record.said)
    return [
        replace(action, effective=applied[id]) if action.verb in CORRELATED and id in applied else action
        for id, action in sorted(found.items(), key=lambda pair: (pair[1].at, pair[0]))
    ]


async def _held(config: Config) -> list[Action]:
    return exported([each async for each in client.actions(config.kafka, topic=config.topics.actions)])


async def _trail(config: Config, chosen: Choice) -> list[Deed]:
    """The actions that are meant, oldest first, with what the engine and the fold say of them."""
    records = [each async for each in client.actions(config.kafka, topic=config.topics.actions)]
    wanted = {each.said.id: each.said for each in reversed(records) if isinstance(each.said, Action)}
    wanted = {id: action for id, action in wanted.items() if chosen.takes(action)}
    ids = {each.incident for each in wanted.values() if each.incident}
    book = Book(most=max(len(ids), 1))
    if ids:
        for revision in await _revisions(config, ids):
            book.take(revision)
        for record in records:
            if record.said.incident in ids:
                book.take(record.said, record.place.offset)
    now = datetime.now(UTC)
    effects = {id: effect for name in ids for id, effect in book.known(name, now).life.effects}
    return [
        Deed(each, effects.get(each.id, "")) for each in sorted(wanted.values(), key=lambda each: (each.at, each.id))
    ]


async def _revisions(config: Config, ids: set[str]) -> list[Incident]:
    told = client.told(config.kafka, topic=config.topics.alerts)
    return [each async for each in told if each.id in ids]


def _settings(path: Path) -> Config:
    settings = read_config(path)
    if settings.actions is None:
        fail("The config has no `actions`: add `actions: {}`, create its topic, and start the engine again.")
    return settings


def _choice(incident: str, by: str, verb: str, since: str) -> Choice:
    if verb and verb.replace("-", "_") not in VERBS:
        fail(f"--verb {safe(verb, 40)}: it is one of {', '.join(VERBS)}.", 2)
    try:
        start = datetime.fromtimestamp(since_when(since), UTC) if since else None
    except (ValueError, OverflowError, OSError) as error:
        fail(f"--since: {error}", 2)
    return Choice(incident, by, verb.replace("-", "_"), start)
