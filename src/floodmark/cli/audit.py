"""`floodmark audit`: the audit trail as a table, proven, and as a file."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer
from rich.table import Column, Table
from rich.text import Text

from floodmark import client
from floodmark.audits import KINDS, AuditEntry, Chain, Flaw, Head, Source, Stored, compare, digest, examine, opened
from floodmark.cli.ranges import since_when
from floodmark.cli.speaking import ConfigPath, err, fail, out, read_config
from floodmark.config.models import Config
from floodmark.flow.audit import GROUP, audited, chain_of, heard, keys
from floodmark.records import Record
from floodmark.runtime import RunError
from floodmark.runtime.chains import entries
from floodmark.runtime.reading import reading, records
from floodmark.terminal.words import safe

T = TypeVar("T")
_CONFIG: Final = Path("floodmark.yaml")
_SHOWN: Final = 50
_COLUMNS: Final = ("at", "kind", "who", "what", "incident", "chain", "sequence", "digest")

Who = Annotated[str, typer.Option("--who", help="Only what this person, or process, did.")]
Kind = Annotated[str, typer.Option("--kind", help=f"Only this: {', '.join(KINDS)}.")]
Since = Annotated[str, typer.Option(help="Only what was done since: 2h (ago), or 2026-01-31T22:00:00Z.")]
OfIncident = Annotated[str, typer.Option("--incident", help="Only what is about this incident (or how its id begins).")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

audit = typer.Typer(
    help="The audit trail: what was done, by whom, and the proof that nothing of it was changed.",
    no_args_is_help=True,
    add_completion=False,
)


@audit.command("list")
def list_(
    who: Who = "", kind: Kind = "", since: Since = "", incident: OfIncident = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: AsJson = False, config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """What was done, the newest last. Proves nothing: see `floodmark audit verify`."""
    settings = _settings(config)
    found = _chosen(settings, who, kind, since, incident)[-limit:]
    if as_json:
        for _, entry in found:
            typer.echo(msgspec.json.encode(entry))
        return
    if not found:
        out.print(f"Nothing {'like this ' if who or kind or since or incident else ''}is in the audit trail yet.")
        return
    table = Table(
        Column("at (UTC)", no_wrap=True), "kind", "who", Column("what", overflow="fold"), Column("entry", no_wrap=True),
        box=None, header_style="bold",
    )  # fmt: skip
    for _, entry in found:
        place = f"{entry.record.topic}/{entry.record.partition}#{entry.sequence}"
        cells = (f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", entry.kind, entry.who, entry.what, place)
        table.add_row(*(Text(safe(cell, 700)) for cell in cells))
    out.print(table)


@audit.command()
def verify(
    anchor: Annotated[
        Path | None,
        typer.Option(
            help="Ends of chains that an earlier `floodmark audit verify --json` has said, kept elsewhere.", exists=True
        ),
    ] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Entries from before the first that is signed need no signature.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigPath = _CONFIG,
) -> None:
    """Prove every chain: no entry is missing, changed, put in, doubled or out of order; with `audit.key`, each is
    signed; and where the records are still there that they are about, these are what they were.

    Exit codes: 0 all is sound, 1 something is not, or cannot be read.
    """
    settings = _settings(config)
    try:
        anchors = None if anchor is None else msgspec.json.decode(anchor.read_bytes(), type=_Ends).heads
    except (OSError, ValueError) as error:
        fail(f"--anchor {anchor}: it cannot be read: {error}", 2)
    kept = _do(_sources(settings))  # first: what is audited by then has its entry
    stored = _do(entries(settings.kafka, settings.topics.audit))
    chains, flaws = examine(stored, keys(settings), anchors, unsigned=unsigned)
    for name, source in kept.items():
        flaws += compare(name, chains.get(name), source)
    if as_json:
        typer.echo(msgspec.json.encode(_Ends({name: each.head for name, each in chains.items()}, not flaws, flaws)))
    else:
        _show(settings, chains, flaws, kept)
    if flaws:
        raise typer.Exit(1)


@audit.command()
def export(
    who: Who = "", kind: Kind = "", since: Since = "", incident: OfIncident = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="As a table for a spreadsheet, without the proof.")] = False,
    config: ConfigPath = _CONFIG,
) -> None:  # fmt: skip
    """The entries as JSON lines, each as its bytes stand in the topic, so that a chain can be proven from the file."""
    settings = _settings(config)
    found = _chosen(settings, who, kind, since, incident)
    if not as_csv:
        for stored, _ in found:
            typer.echo(stored.value or b"")
        return
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for _, entry in found:
        row = [str(getattr(entry, name)) for name in _COLUMNS]
        writer.writerow([f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in row])
    typer.echo(text.getvalue(), nl=False)


class _Ends(msgspec.Struct, frozen=True):
    """What `verify --json` says."""

    heads: dict[str, Head]
    sound: bool = True
    flaws: list[Flaw] = msgspec.field(default_factory=list)


def _show(config: Config, chains: Mapping[str, Chain], flaws: list[Flaw], kept: Mapping[str, Source]) -> None:
    table = Table(
        "chain", Column("entries", justify="right"), Column("compared", justify="right"), Column("end", no_wrap=True),
        box=None, header_style="bold",
    )  # fmt: skip
    for name, chain in chains.items():
        source = kept[name].digests if name in kept else {}
        compared = len(source.keys() & chain.sound.keys())
        end = f"{chain.head.sequence}  {chain.head.link[:16]}"
        table.add_row(Text(safe(name, 200)), f"{chain.entries:,}", f"{compared:,}", end)
    out.print(table)
    for flaw in flaws[:_SHOWN]:
        where = f" at {config.topics.audit}/{flaw.place}" if flaw.place else ""
        err.print(
            safe(f"{flaw.chain or '(no chain)'}{where}: {flaw.words}", 700), style="red", markup=False, soft_wrap=True
        )
    if len(flaws) > _SHOWN:
        err.print(f"and {len(flaws) - _SHOWN:,} more; --json has all", style="red", markup=False)
    unsigned = sum(chain.unsigned for chain in chains.values())
    total = sum(chain.entries for chain in chains.values())
    if flaws:
        err.print(f"The audit trail is not sound: {len(flaws):,} found in {total:,} entries.", style="bold red")
        return
    signed = "" if not keys(config) else f", {total - unsigned:,} of them signed"
    out.print(f"The audit trail is sound: {total:,} entries{signed} in {len(chains):,} chains.", markup=False)


def _chosen(config: Config, who: str, kind: str, since: str, incident: str) -> list[tuple[Stored, AuditEntry]]:
    """The entries that are meant, by when they were done."""
    if kind and kind not in KINDS:
        fail(f"--kind {safe(kind, 40)}: it is one of {', '.join(KINDS)}.", 2)
    try:
        start = datetime.fromtimestamp(since_when(since), UTC) if since else None
    except (ValueError, OverflowError, OSError) as error:
        fail(f"--since: {error}", 2)
    read = ((stored, opened(stored.value)) for stored in _do(entries(config.kafka, config.topics.audit)))
    found = [
        (stored, entry)
        for stored, entry in read
        if entry is not None
        and who in ("", entry.who)
        and kind in ("", entry.kind)
        and (start is None or entry.at >= start)
        and (not incident or client.means(entry.incident, incident))
    ]
    return sorted(found, key=lambda pair: (pair[1].at, pair[1].chain, pair[1].sequence))


async def _sources(config: Config) -> dict[str, Source]:
    """What each chain is of, as far as it is audited by now."""
    found: dict[str, Source] = {}
    group = f"{config.kafka.group}-{GROUP}"
    for topic in audited(config):
        async with reading(config.kafka, topic, group) as (consumer, sources):
            for source in sources:
                until = await consumer.committed(source)
                if until is None:
                    continue
                oldest = (await consumer.beginning_offsets([source]))[source]
                digests: dict[int, str] = {}
                async for each in records(consumer, source, 0, 0):
                    record = Record(
                        topic, source.partition, each.offset, each.timestamp, each.key, each.value, each.headers
                    )
                    if each.offset < until and heard(config, record) is not None:
                        digests[each.offset] = digest(each.key, each.value, each.headers)
                found[chain_of(config.kafka.group, topic, source.partition)] = Source(
                    digests, oldest, until, topic == config.topics.reports
                )
    return found


def _do(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RunError as error:
        fail(str(error))


def _settings(path: Path) -> Config:
    settings = read_config(path)
    if settings.audit is None:
        fail("The config has no `audit`: add `audit: {}`, create its topic (floodmark topics create), and start again.")
    return settings
