"""`floodmark incidents`: what is wrong, what was, and why; read from the alerts topic, by nobody's group."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
import typer
from rich.padding import Padding
from rich.text import Text

from floodmark import client
from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import SEVERITIES, Anomaly, Incident
from floodmark.cli.ranges import since_when
from floodmark.cli.speaking import ConfigPath, ascii_only, err, fail, out, read_config
from floodmark.config.models import Config
from floodmark.deliveries import Delivery
from floodmark.events import MalformedEventError, decode, event_type
from floodmark.fold import Book, Known
from floodmark.records import Record
from floodmark.runtime import RunError
from floodmark.runtime.errors import MissingTopicsError
from floodmark.runtime.tailing import followed, held, said_of, together
from floodmark.terminal.deeds import Deed, line, standing
from floodmark.terminal.incidents import Filter, evidence_of, is_open, listed, table, told, whole
from floodmark.terminal.sparks import merged
from floodmark.terminal.words import COLOURS, clock, safe

T = TypeVar("T")
_BEFORE: Final = timedelta(hours=1)
"""How long before an incident the anomalies of it are looked for."""
_AFTER: Final = 600.0
"""Seconds after its last revision in which something may be told of its anomalies."""
_FOLLOWED: Final = 1_000
"""Incidents that are remembered while they are followed."""
_LONG_AGO: Final = "30d"
_DELIVERY: Final = "dev.floodmark.delivery.v1"

Service = Annotated[str, typer.Option(help="Only those of this service (or a glob: 'web-*').")]
Worse = Annotated[str, typer.Option("--severity", help="Only those as severe as this, or worse.")]
Open = Annotated[bool, typer.Option("--open", help="Only those that are open.")]
Since = Annotated[str, typer.Option(help="Only what was told since: 2h (ago), or 2026-01-31T22:00:00Z.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON a line, exactly as it is in the topic.")]

incidents = typer.Typer(
    help="What is wrong, what was, and why: the incidents that the engine has told.",
    invoke_without_command=True,
    add_completion=False,
)


@incidents.callback()
def list_(
    context: typer.Context,
    service: Service = "",
    severity: Worse = "info",
    only_open: Open = False,
    since: Since = _LONG_AGO,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """What is wrong, what was, and why: the incidents that the engine has told.

    Lists the newest revision of each, open ones first. `tail` follows what is told, `show ID` tells all of one.
    """
    if context.invoked_subcommand is not None:
        return
    settings, chosen = read_config(config), _filter(service, severity, only_open)
    found, book = _do(_newest(settings, _since(since)))
    chosen_ones = listed((each.incident for each in found.values()), chosen, limit)
    if as_json:
        for each in chosen_ones:
            typer.echo(found[each.id].value)
        return
    if not chosen_ones:
        narrow = service or only_open or severity != "info" or since != _LONG_AGO
        out.print(f"No incidents{' like these' if narrow else ''} in {settings.topics.alerts}.", markup=False)
        return
    out.print(table(chosen_ones, _standings(settings, book, chosen_ones)))


@incidents.command()
def tail(
    service: Service = "",
    severity: Worse = "info",
    since: Since = "",
    limit: Annotated[int, typer.Option(min=0, help="End after so many (0: go on until Ctrl-C).")] = 0,
    as_json: AsJson = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Follow: each revision in plain words as it comes, what is new in it, until Ctrl-C."""
    settings, chosen = read_config(config), _filter(service, severity, only_open=False)
    with suppress(KeyboardInterrupt):
        _do(_follow(settings, chosen, _since(since) if since else None, limit, as_json=as_json))


@incidents.command()
def show(
    id: Annotated[str, typer.Argument(help="Its id, or how it begins; or the id of an anomaly in it.")],
    as_json: AsJson = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """All of one: what, where, since when, how sure, causes, each anomaly with its points, lines, each revision."""
    settings = read_config(config)
    revisions = _do(_revisions(settings, _one(settings, id)))
    if as_json:
        for each in revisions:
            typer.echo(each.value)
        return
    members = evidence_of(_do(_members(settings, revisions[-1])))
    known = _do(_known(settings, [each.incident for each in revisions]))
    out.print(whole([each.incident for each in revisions], members, known, ascii=ascii_only(out)))


@incidents.command()
def postmortem(
    id: Annotated[str, typer.Argument(help="Its id, or how it begins; or the id of an anomaly in it.")],
    format: Annotated[str, typer.Option(help="md, html or json; left out: by the name of --out, else md.")] = "",
    to: Annotated[Path | None, typer.Option("--out", help="Write it to this file.")] = None,
    source: Annotated[
        list[Path] | None, typer.Option(help="Saved JSON lines, such as those of `demo --save`, instead of Kafka.")
    ] = None,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """A post-mortem to be finished by people: what is known of one, as Markdown or a page, with blanks for the rest."""
    from floodmark.cli.report import format_of, saved, write  # noqa: PLC0415 - only where it is asked for
    from floodmark.console.reporting.gathering import gather  # noqa: PLC0415
    from floodmark.console.reporting.postmortem import postmortem as document  # noqa: PLC0415
    from floodmark.console.reporting.reading import Setting  # noqa: PLC0415
    from floodmark.console.reporting.rendering import rendered  # noqa: PLC0415

    shown = format_of(format, to)
    if source:
        held = gather(enumerate(saved(source)), Setting())
        name = _chosen([each for each in held.revisions if client.means(each, id)], id, "what was saved")
        book = Book()
        for each in held.revisions[name]:
            book.take(each)
        for offset, action in held.actions.get(name, ()):
            book.take(action, offset)
        report = document(held.revisions[name], book.known(name, datetime.now(UTC)))
    else:
        settings = read_config(config)
        revisions = _do(_revisions(settings, _one(settings, id)))
        incidents = [each.incident for each in revisions]
        evidence = evidence_of(_do(_members(settings, revisions[-1])))
        report = document(
            incidents,
            _do(_known(settings, incidents)),
            deliveries=_do(_deliveries(settings, incidents[-1].id)) if settings.notify is not None else (),
            points={name: merged(each.points for each in told) for name, told in evidence.items()},
        )
    write(rendered(report, shown), to)


class _Revision(NamedTuple):
    """A revision, the bytes in which it was told, and when (Kafka's time in epoch seconds)."""

    incident: Incident
    value: bytes
    told: float


def _one(settings: Config, id: str) -> str:
    """The incident that an id, or how it begins, means; ends the command if it is none, or several."""
    return _chosen(_do(_meant(settings, id)), id, settings.topics.alerts)


def _chosen(ids: list[str], id: str, where: str) -> str:
    if not ids:
        fail(f"No incident in {where} is {safe(id, 80)}, or has such an anomaly; `floodmark incidents` lists them.")
    exact = [each for each in ids if each == id]
    if len(ids) > 1 and not exact:
        fail(
            f"{safe(id, 80)} means {len(ids)} incidents; name one of them:\n  "
            + "\n  ".join(safe(each, 200) for each in ids[:20])
        )
    return (exact or ids)[0]


async def _all(config: Config, since: float) -> AsyncIterator[_Revision]:
    async for record in held(config.kafka, config.topics.alerts, since):
        if (incident := _incident(record)) is not None:
            yield _Revision(incident, record.value, record.timestamp / 1000)


async def _newest(config: Config, since: float) -> tuple[dict[str, _Revision], Book]:
    """The newest revision of each incident that was told of since, and what was done to them."""
    found: dict[str, _Revision] = {}
    book = Book()
    async for each in _all(config, since):
        book.take(each.incident)
        known = found.get(each.incident.id)
        if known is None or each.incident.revision >= known.incident.revision:
            found[each.incident.id] = each
    await _note_deeds(config, book)
    return found, book


async def _known(config: Config, revisions: list[Incident]) -> Known:
    """Where an incident stands, and what was done to it."""
    book = Book()
    for each in revisions:
        book.take(each)
    await _note_deeds(config, book)
    return book.known(revisions[-1].id, datetime.now(UTC))


async def _note_deeds(config: Config, book: Book) -> None:
    """What people did to the incidents that the book has, if the config says that they do."""
    if config.actions is None:
        return
    try:
        async for deed in client.actions(config.kafka, topic=config.topics.actions):
            if deed.said.incident in book:
                book.take(deed.said, deed.place.offset)
    except MissingTopicsError as error:
        err.print(f"What people did is not known. {error}", style="yellow", markup=False, soft_wrap=True)


def _standings(config: Config, book: Book, incidents: Sequence[Incident]) -> dict[str, str]:
    """Where incidents stand by people; nothing if the config does not say that people do anything."""
    if config.actions is None:
        return {}
    now = datetime.now(UTC)
    return {each.id: standing(book.known(each.id, now).life) for each in incidents}


async def _meant(config: Config, id: str) -> list[str]:
    """The incidents that an id, or how it begins, means."""
    return sorted({each.incident.id async for each in _all(config, 0.0) if _means(id, each.incident)})


async def _revisions(config: Config, id: str) -> list[_Revision]:
    """All that was told of an incident, oldest first."""
    found = [each async for each in _all(config, 0.0) if each.incident.id == id]
    return sorted(found, key=lambda each: each.incident.revision)


async def _members(config: Config, newest: _Revision) -> list[Anomaly]:
    """What the anomalies topic holds of the members of an incident."""
    incident = newest.incident
    ids = {member.id for member in incident.members}
    since = (incident.started_at - _BEFORE).timestamp()
    until = math.inf if is_open(incident) else newest.told + _AFTER
    records = await said_of(config.kafka, config.topics.anomalies, lambda id: id.partition("/")[0] in ids, since, until)
    bodies = [_body(record) for record in records]
    return [each for each in bodies if isinstance(each, Anomaly)]


async def _deliveries(config: Config, incident: str) -> list[Delivery]:
    """What has come of telling people of an incident."""
    found: dict[bytes | None, Delivery] = {}
    try:
        async for record in held(config.kafka, config.topics.deliveries, 0.0):
            if event_type(record.headers) != _DELIVERY or record.value is None:
                continue  # what the notifier remembers lies there as well
            if isinstance(body := _body(record), Delivery) and body.key == incident:
                found[record.key] = body
    except MissingTopicsError as error:
        err.print(f"Whom it was told is not known. {error}", style="yellow", markup=False, soft_wrap=True)
    return list(found.values())


async def _follow(config: Config, chosen: Filter, since: float | None, limit: int, *, as_json: bool) -> None:
    known: dict[str, Incident] = {}
    book = Book(_FOLLOWED)
    number = 0
    if not as_json and since is None:
        err.print(f"following {config.topics.alerts} from now on; Ctrl-C ends it", style="dim", markup=False)
    topics = [config.topics.alerts]
    if config.actions is not None and not as_json:
        topics.append(config.topics.actions)
    async with aclosing(together(*(followed(config.kafka, topic, since) for topic in topics))) as following:
        async for records in following:
            for record in records:
                body = _body(record)
                if isinstance(body, Action | ActionOutcome):
                    _say_deed(book, body, record.offset, chosen)
                if not isinstance(body, Incident):
                    continue
                incident = body
                book.take(incident)
                before, known[incident.id] = known.get(incident.id), incident
                if not chosen.takes(incident):
                    continue
                if as_json:
                    typer.echo(record.value)
                else:
                    _say(incident, before)
                number += 1
                if number == limit:
                    return


def _say(incident: Incident, before: Incident | None) -> None:
    head, *more = told(incident, before)
    out.print(Text(head, COLOURS[incident.severity]), soft_wrap=True)
    for each in more:
        out.print(Padding(Text(each), (0, 0, 0, 4)))


def _say_deed(book: Book, said: Action | ActionOutcome, offset: int, chosen: Filter) -> None:
    """What somebody did, or why the engine did not do it; what it did is told by a revision."""
    name = book.take(said, offset)
    known = book.known(name, datetime.now(UTC))
    if known.incident is not None and not chosen.takes(known.incident):
        return
    if known.incident is None and chosen != Filter():
        return
    subject = f"({safe(name, 60)})" if name else ""
    if isinstance(said, Action):
        effects = dict(known.life.effects) if known.incident is not None else {}
        out.print(Text(f"{line(Deed(said, effects.get(said.id, '')))}  {subject}", "cyan"), soft_wrap=True)
    elif said.result == "refused":
        words = f"{clock(said.applied_at)}  not done: {safe(said.verb, 40)}: {safe(said.reason)}  {subject}"
        out.print(Text(words, "yellow"), soft_wrap=True)


def _incident(record: Any) -> Incident | None:
    body = _body(record)
    return body if isinstance(body, Incident) else None


def _body(record: Any) -> object:
    """What a record of ours holds; None, and a word on standard error, if it is none."""
    try:
        return decode(Record(record.topic, record.partition, record.offset, -1, None, record.value, record.headers))
    except (MalformedEventError, msgspec.MsgspecError) as error:
        place = f"{record.topic}/{record.partition}@{record.offset}"
        err.print(f"{place} is left out: {safe(str(error), 300)}", style="yellow", markup=False, soft_wrap=True)
        return None


def _means(id: str, incident: Incident) -> bool:
    return (
        incident.id.startswith(id)
        or any(member.id == id for member in incident.members)
        or (incident.id.removeprefix("inc-").startswith(id))
    )


def _filter(service: str, severity: str, only_open: bool) -> Filter:
    if severity not in SEVERITIES:
        fail(f"--severity {severity}: it is one of {', '.join(SEVERITIES)}.", 2)
    return Filter(service, severity, only_open)


def _since(text: str) -> float:
    try:
        return since_when(text)
    except ValueError as error:
        fail(f"--since: {error}", 2)


def _do(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RunError as error:
        fail(str(error))
