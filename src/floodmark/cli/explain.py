"""`floodmark explain`: why a point alarmed, or why it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
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
from floodmark.detect.anomalies import odds, rarity
from floodmark.files.columns import Columns
from floodmark.files.notes import FileError
from floodmark.runtime import RunError
from floodmark.tuning.explain import ExplainError, Explanation, expectation, verdict
from floodmark.tuning.explain import explain as explained
from floodmark.tuning.recording import moment, shown
from floodmark.units import number, reach


def explain(
    series: Annotated[str, typer.Argument(help="Its key or name, or a glob that means no other.")] = "",
    at: Annotated[
        str, typer.Argument(help="When, in ISO 8601 (without an offset: UTC): its last point until then.")
    ] = "",
    files: FilePaths = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A config; its inputs say what dumps and topics hold.")
    ] = None,
    id: Annotated[
        str, typer.Option("--id", help="Instead of a series: an anomaly of the running engine, as its topic has it.")
    ] = "",
    again: Annotated[
        bool,
        typer.Option("--replay", help="With --id: read the inputs around it once more, and show the whole decision."),
    ] = False,
    into: Annotated[Path | None, typer.Option("--out", help="Draw the points before it into this PNG.")] = None,
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
    """Say why a point of a recorded series alarmed, or why not: each head, the level, and every guard.

    What is recorded is run through the engine up to that time, so what the series had learned by then is what is held
    against the point. It is read as `floodmark backtest` reads it, from files or from topics.

    With `--id ano-…` (or the id of an incident) it says what the running engine has told of an anomaly: which head,
    what was expected, how improbable it is, and what became of it.
    """
    settings = read_config(config) if config else Config()
    if id:
        if series or at or files:
            fail("Give --id, or a series, a time and files: not both.", 2)
        from floodmark.cli.told import tell_of  # noqa: PLC0415 - brings the Kafka client

        tell_of(settings, id, again=again, since=since, into=into)
        return
    if not series or not at:
        fail("Which series, and when? floodmark explain SERIES TIME FILES, or --id ANOMALY.", 2)
    try:
        moment_meant = moment(at)
    except ValueError as error:
        fail(str(error), 2)
    said = read_verdicts(feedback, settings)
    entity = settings.detect.entity[0] if settings.detect.entity else ""
    columns = Columns(time, time_format, entity=entity, zone=named_zone(zone), encoding=encoding)
    wanted = Wanted(files, columns, signal, format, input, framing, base64, arrived, topic, since, until)
    found = source(wanted, settings)
    recorded = recording(found, settings)
    try:
        explanation = explained(settings, recorded, series, moment_meant, said)
    except (FileError, ExplainError, RunError) as error:
        fail(str(error))
    show(explanation)
    account(recorded, {})
    tell(found.notes)
    if into is not None:
        draw(explanation, into)


def show(found: Explanation) -> None:
    """The point, what was expected of it, each head, and what had a say."""
    last, unit, name = found.last, found.series.unit, found.series.name
    x = last.judgement.context
    budget = f"{found.detector.false_alarms * 604800:.3g} a week"
    calmer = f", divided by {last.calmer:g} (feedback)" if last.calmer > 1 else ""
    out.print(Text(f"{found.series.key} at {shown(x.time)} UTC", style="bold"), soft_wrap=True)
    out.print()
    facts = Table.grid(padding=(0, 3))
    facts.add_row("value", Text(number(x.value, unit, name)))
    facts.add_row("expected", Text(expectation(found)))
    facts.add_row("combined p", Text(f"{last.judgement.p_value:.2g} ({rarity(last.judgement.p_value, last.support)})"))
    facts.add_row(
        "level", Text(f"{last.alpha:.2g} ({odds(last.alpha)}): {budget}, detector {found.detector.name}{calmer}")
    )
    out.print(Padding(facts, (0, 0, 0, 2)))
    out.print()
    out.print(Padding(_heads(found), (0, 0, 0, 2)))
    out.print()
    first, *rest = verdict(found)
    out.print(Text(first, style="bold"), soft_wrap=True)
    for sentence in rest:
        out.print(Text(f"· {sentence}"), soft_wrap=True)
    out.print(Text(f"{last.head or 'heads'}: {last.sentence}", style="italic"), soft_wrap=True)


def _heads(found: Explanation) -> Table:
    last, series = found.last, found.series
    table = Table("head", box=None, header_style="bold", pad_edge=False)
    for name in ("z", "p-value", "sees", "band"):
        table.add_column(name, justify="right")
    for reason in last.reasons:
        oddest = reason.head == last.head
        _, low, high = reason.band
        table.add_row(
            reason.head,
            f"{reason.z:+.2f}",
            f"{reason.p_value:.2g}",
            Text(number(reason.observed, series.unit, series.name)),
            Text("" if low == high else reach(low, high, series.unit, series.name)),
            style="bold" if oddest else "",
        )
    return table


def draw(found: Explanation, path: Path) -> None:
    """Draw the points before it; ends the command if that cannot be."""
    try:
        from floodmark.tuning import plots  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        fail(NO_PLOTS)
    try:
        path.write_bytes(plots.of_explanation(found))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    err.print(f"{path}", markup=False, soft_wrap=True)
