"""The command line. It wires: a command is a few calls into the packages below, and a sentence for each way to fail.

Exit codes: 0 done, 1 it could not be done (the reason is on standard error), 2 wrong usage.
"""

from __future__ import annotations

from typing import Annotated

import typer

from floodmark import __version__
from floodmark.cli.check import check
from floodmark.cli.demo import demo
from floodmark.cli.replay import replay
from floodmark.cli.run import run
from floodmark.cli.schemas import schemas
from floodmark.cli.topics import topics

app = typer.Typer(
    name="floodmark",
    help="Telemetry in Kafka becomes few, explained incidents.\n\n"
    "Start with `floodmark demo`: a simulated shop with injected faults, on a broker inside this process. "
    "Then write a config (see deploy/floodmark.example.yaml), `floodmark check` it, try it on files with "
    "`floodmark replay`, create the topics, and `floodmark run`.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(run)
app.command()(demo)
app.command()(check)
app.command()(replay)
app.command()(schemas)
app.add_typer(topics, name="topics")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"floodmark {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that hold for every command."""
