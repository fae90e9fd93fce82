"""`floodmark backtest`: what a budget would have cost, on recorded metrics."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table as RichTable
from rich.text import Text

from floodmark.cli.recorded import (
    NO_PLOTS,
    Arrived,
    Base64,
    Encoding,
    FilePaths,
    FormatOption,
    FramingOption,
    From,
    InputOption,
    Signal,
    TimeFormat,
    TimeOption,
    To,
    TopicOption,
    Wanted,
    Zone,
    account,
    recording,
    source,
    tell,
)
from floodmark.cli.recorded import zone as named_zone
from floodmark.cli.speaking import err, fail, out, read_config
from floodmark.cli.verdicts import FeedbackPath, read_verdicts
from floodmark.config.models import Config
from floodmark.config.quantities import budget
from floodmark.detect.feedback import Feedback
from floodmark.files.columns import Columns
from floodmark.files.notes import FileError
from floodmark.runtime import RunError
from floodmark.tuning import report
from floodmark.tuning.backtest import Backtest, Run, with_budget
from floodmark.tuning.backtest import backtest as tested
from floodmark.tuning.labels import Event, LabelError, read_events
from floodmark.tuning.recording import Recording, fits
from floodmark.tuning.trace import lines


def backtest(
    files: FilePaths = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A config; its inputs say what dumps and topics hold.")
    ] = None,
    budgets: Annotated[str, typer.Option(help="The budgets to try, with commas.")] = "1/day,1/week,1/month",
    labels: Annotated[
        Path | None, typer.Option(help="Events to be found: CSV or JSON lines of series, start and end.", exists=True)
    ] = None,
    into: Annotated[
        Path | None, typer.Option("--out", help="Write backtest.html and its pictures into this folder.")
    ] = None,
    feedback: FeedbackPath = None,
    signal: Signal = "",
    format: FormatOption = "",
    input: InputOption = "",
    framing: FramingOption = "auto",
    base64: Base64 = False,
    arrived: Arrived = "",
    topic: TopicOption = None,
    since: From = "",
    until: To = "",
    time: TimeOption = "",
    time_format: TimeFormat = "",
    zone: Zone = "UTC",
    encoding: Encoding = "",
) -> None:
    """Try alert budgets on recorded metrics: how many alarms each would have meant, and on which series.

    Each budget takes the place of `false_alarms` in every detector. All files are one stream: a series may go on from
    one to the next. A table with the columns timestamp and value is a series named as the file; in one with several
    columns of values each is a series, and the file is their entity. Series that are made of logs, spans and
    predictions count as well. Dumps and topics are read as by `floodmark replay`.
    """
    asked = [each.strip() for each in budgets.split(",") if each.strip()]
    try:
        for each in asked:
            budget(each)
    except ValueError as error:
        fail(f"--budgets: {error}", 2)
    if not asked:
        fail("--budgets: name at least one, for example 1/week.", 2)
    settings = read_config(config) if config else Config()
    said = read_verdicts(feedback, settings)
    entity = settings.detect.entity[0] if settings.detect.entity else ""
    columns = Columns(time, time_format, entity=entity, zone=named_zone(zone), encoding=encoding)
    found = source(
        Wanted(files, columns, signal, format, input, framing, base64, arrived, topic, since, until), settings
    )
    recorded = recording(found, settings)
    try:
        events = read_events(labels) if labels else []
        test = tested(settings, recorded, asked, said)
        known = test.known(events)
        tables = [report.costs(test), *([report.scores(test, known)] if known else []), report.noisiest(test)]
        for table in tables:
            if table.rows:
                out.print(_rich(table))
                out.print()
        if into is not None:
            _write(into, settings, recorded, test, known, tables, said)
    except (FileError, LabelError, RunError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    if not test.spans:
        words = "It holds no metrics that a detector watches, nor logs, spans or predictions that make series."
        err.print(words, style="yellow", soft_wrap=True)
    if len(known) < len(events):
        one = next(event for event in events if event not in known).pattern
        err.print(
            f"{len(events) - len(known):,} of {len(events):,} labelled events are of no series that was recorded "
            f"then, and do not count: {one}, for one.",
            style="yellow", markup=False, soft_wrap=True,
        )  # fmt: skip
    account(recorded, test.counts)
    tell(found.notes)


def _rich(table: report.Table) -> RichTable:
    shown = RichTable(
        title=table.title, title_justify="left", title_style="bold", caption=table.note or None, caption_justify="left",
        box=None, header_style="dim", pad_edge=False,
    )  # fmt: skip
    for i, name in enumerate(table.header):
        words = i == 0 or name in table.text
        shown.add_column(name, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for row in table.rows:
        shown.add_row(*map(Text, row))
    return shown


def _write(
    folder: Path,
    config: Config,
    recorded: Recording,
    test: Backtest,
    events: Sequence[Event],
    tables: Sequence[report.Table],
    feedback: Feedback | None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _pictures(config, recorded, test, events, feedback)
    for picture in pictures:
        (folder / picture.name).write_bytes(picture.png)
    path = folder / "backtest.html"
    path.write_text(report.page(test, tables, pictures), "utf-8")
    err.print(f"{path} with {len(pictures)} pictures", markup=False, soft_wrap=True)


def _pictures(
    config: Config, recorded: Recording, test: Backtest, events: Sequence[Event], feedback: Feedback | None
) -> list[report.Picture]:
    """The noisiest series, with the band of the budget in the middle."""
    try:
        from floodmark.tuning import plots  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        err.print(NO_PLOTS, style="yellow", markup=False, soft_wrap=True)
        return []
    keys = test.noisiest(report.NOISIEST)
    chosen = sorted(test.runs, key=lambda run: -run.rate)[len(test.runs) // 2]
    points = {key: test.spans[key].points for key in keys}
    drawn = lines(with_budget(config, chosen.rate), recorded, points, feedback)
    pictures = []
    for place, key in enumerate(keys, 1):
        series = test.spans[key].series
        runs = [Run(run.budget, run.rate, [a for a in run.alarms if a.series == key]) for run in test.runs]
        own = [event for event in events if fits(event.pattern, series)]
        png = plots.of_series(key, series.unit, drawn[key], runs, chosen.budget, own)
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", key).strip("_")[:80]
        pictures.append(report.Picture(f"{place:02d}_{name}.png", f"{key} and its alarms", png))
    return pictures
