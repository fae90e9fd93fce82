"""`floodmark report`: what a week was like, for whoever is on call, makes models, or pays."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from floodmark.cli.acting import do
from floodmark.cli.speaking import ConfigPath, err, fail, read_config
from floodmark.config.models import Config
from floodmark.console.reporting.gathering import body_of, gather
from floodmark.console.reporting.reading import Known, Setting, newest_week, setting_of
from floodmark.console.reporting.rendering import FORMATS, Format, rendered
from floodmark.console.reporting.viewed import stored
from floodmark.console.reporting.weekly import AUDIENCES, weekly
from floodmark.console.reporting.weeks import Week, week_named, week_of
from floodmark.console.service import store_of
from floodmark.events import MalformedEventError, decode
from floodmark.files.notes import FileError, Notes
from floodmark.files.opening import opened
from floodmark.records import Record
from floodmark.runtime.errors import MissingTopicsError
from floodmark.runtime.tailing import held
from floodmark.terminal.words import safe

_CONFIG: Final = Path("floodmark.yaml")
_LATER: Final = timedelta(days=1)
"""What began before a week may have been told after that; and clocks differ."""
_SHOWN: Final = 5


def report(
    audience: Annotated[str, typer.Option(help=f"For whom: {', '.join(AUDIENCES)}.")] = "oncall",
    week: Annotated[str, typer.Option(help="Which week, such as 2026-W48 (the last that is over).")] = "",
    format: Annotated[str, typer.Option(help=f"{', '.join(FORMATS)}; left out: by the name of --out, else md.")] = "",
    out: Annotated[Path | None, typer.Option(help="Write it to this file; left out: to standard output.")] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(help="Saved JSON lines (demo --save, incidents --json, actions export) instead of Kafka."),
    ] = None,
    config: ConfigPath = _CONFIG,
) -> None:
    """What a week was like: for whoever is on call, for those who make models, or for those who pay.

    HTML is one page without scripts, made to be mailed or printed to PDF. It is compared with the week before. It reads
    the console's view, if there is one on this machine, else the topics, or with --source what was saved; a week of
    which Kafka has forgotten something is told as far as it is known.
    """
    if audience not in AUDIENCES:
        fail(f"--audience {safe(audience, 40)}: it is one of {', '.join(AUDIENCES)}.", 2)
    shown = format_of(format, out)
    try:
        wanted = week_named(week) if week else None
    except ValueError as error:
        fail(f"--week: {error}", 2)
    if source:
        setting = setting_of(read_config(config)) if config != _CONFIG or config.exists() else Setting()
        known = gather(enumerate(saved(source)), setting)
        wanted = wanted or week_of(newest_week(known))
    else:
        wanted = wanted or week_of(datetime.now(UTC)).before()
        known = _of_cluster(read_config(config), wanted)
    write(rendered(weekly(known, audience, wanted), shown), out)


def format_of(format: str, out: Path | None) -> Format:
    """The format that is asked for, or that the file's name says."""
    named = format or {".html": "html", ".htm": "html", ".json": "json"}.get(out.suffix.lower() if out else "", "md")
    if named not in FORMATS:
        fail(f"--format {safe(named, 40)}: it is one of {', '.join(FORMATS)}.", 2)
    return named


def write(text: bytes, out: Path | None) -> None:
    """Write it to a file, or say it."""
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_bytes(text)
    except OSError as error:
        fail(f"--out {out}: {error.strerror or error}")
    err.print(f"written to {out}", style="dim", markup=False, soft_wrap=True)


def saved(paths: list[Path]) -> Iterator[object]:
    """The bodies that files hold, a line each; what is none is told and left out."""
    for path in paths:
        wrong = 0
        try:
            with opened(path, Notes()) as file:
                for number, line in enumerate(file, 1):
                    if not line.strip():
                        continue
                    try:
                        yield body_of(line)
                    except ValueError as error:
                        wrong += 1
                        if wrong <= _SHOWN:
                            err.print(f"{path}:{number} is left out: {safe(str(error), 200)}", style="yellow",
                                      markup=False, soft_wrap=True)  # fmt: skip
        except FileError as error:
            fail(f"--source: {error}")
        if wrong > _SHOWN:
            err.print(f"{path}: {wrong - _SHOWN:,} more lines are left out", style="yellow", markup=False)


def _of_cluster(config: Config, week: Week) -> Known:
    """Of the console's view, if there is one here that knows all of it, for it remembers longer; else of the topics."""
    view = store_of(config)
    if view.exists() and (found := stored(view, config, week, time.time())) is not None:
        err.print(f"from the console's view in {view}", style="dim", markup=False, soft_wrap=True)
        return found
    return do(_of_topics(config, week))


async def _of_topics(config: Config, week: Week) -> Known:
    """What the topics hold of the week and the one before."""
    bodies = [pair async for pair in _told(config, week.before().start - _LATER)]
    return gather(bodies, setting_of(config))


async def _told(config: Config, since: datetime) -> AsyncIterator[tuple[int, object]]:
    topics = config.topics
    wanted = {topics.alerts: True, topics.anomalies: True, topics.reports: False, topics.model_requests: False}
    if config.actions is not None:
        wanted[topics.actions] = False
    if config.notify is not None:
        wanted[topics.deliveries] = False
    for topic, needed in wanted.items():
        try:
            async for record in held(config.kafka, topic, since.timestamp()):
                if (body := _body(record)) is not None:
                    yield record.offset, body
        except MissingTopicsError as error:
            if needed:
                raise
            err.print(f"{topic} is not in this report. {error}", style="yellow", markup=False, soft_wrap=True)


def _body(record: Any) -> object:
    """What a record of ours holds; None of what is none, or holds nothing any more."""
    if record.value is None:
        return None
    try:
        return decode(Record(record.topic, record.partition, record.offset, -1, None, record.value, record.headers))
    except (MalformedEventError, ValueError):
        return None
