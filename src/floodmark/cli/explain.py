"""`floodmark explain`: why a point alarmed, or why it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from floodmark.cli.console import err, fail, out, read_config
from floodmark.cli.files import FileError
from floodmark.cli.recorded import NO_PLOTS, account, recording
from floodmark.cli.verdicts import FeedbackPath, read_verdicts
from floodmark.config.models import Config
from floodmark.detect.anomalies import odds, rarity
from floodmark.tuning.explain import ExplainError, Explanation, expectation, verdict
from floodmark.tuning.explain import explain as explained
from floodmark.tuning.recording import moment, shown
from floodmark.units import number, reach


def explain(
    series: Annotated[str, typer.Argument(help="Its key or name, or a glob that means no other.")],
    at: Annotated[str, typer.Argument(help="When, in ISO 8601 (without an offset: UTC): its last point until then.")],
    files: Annotated[list[Path], typer.Argument(help="JSONL of native events, or CSV (also .gz).", exists=True)],
    config: Annotated[Path | None, typer.Option("--config", "-c", help="A config; its inputs do not matter.")] = None,
    into: Annotated[Path | None, typer.Option("--out", help="Draw the points before it into this PNG.")] = None,
    feedback: FeedbackPath = None,
    time: Annotated[str, typer.Option(help="CSV: the time, as a template of columns: '{Date} {Time}'.")] = "",
    time_format: Annotated[
        str, typer.Option(help="CSV: strptime format of --time, if it is no RFC 3339 or epoch.")
    ] = "",
) -> None:
    """Say why a point of a recorded series alarmed, or why not: each head, the level, and every guard.

    The files are run through the engine up to that time, so what the series had learned by then is what is held against
    the point. They are read as `floodmark backtest` reads them.
    """
    try:
        until = moment(at)
    except ValueError as error:
        fail(str(error), 2)
    settings = read_config(config) if config else Config()
    said = read_verdicts(feedback, settings)
    recorded = recording(files, settings, time, time_format)
    try:
        found = explained(settings, recorded, series, until, said)
    except (FileError, ExplainError) as error:
        fail(str(error))
    _show(found)
    account(recorded, {})
    if into is not None:
        _draw(found, into)


def _show(found: Explanation) -> None:
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


def _draw(found: Explanation, path: Path) -> None:
    try:
        from floodmark.tuning import plots  # noqa: PLC0415 - needs an extra
    except ModuleNotFoundError:
        fail(NO_PLOTS)
    try:
        path.write_bytes(plots.of_explanation(found))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    err.print(f"{path}", markup=False, soft_wrap=True)
