"""The command line. It wires: a command is a few calls into the packages below, and a sentence for each way to fail.

A command's module is imported when the command is called, because most of them bring the whole engine.

Exit codes: 0 done, 1 it could not be done (the reason is on standard error), 2 wrong usage.
"""

from __future__ import annotations

import importlib
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command

from floodmark import __version__

COMMANDS: Final = {
    "run": "Watch the topics of the config and publish incidents, until SIGTERM or Ctrl-C.",
    "demo": "See it work: a simulated web shop, eight kinds of faults, incidents as they open, and a scoreboard.",
    "check": "Check a config without a broker: every problem at once, with file:line:column.",
    "replay": "Run files through the engine and show the incidents: the same answer as under Kafka, byte for byte.",
    "backtest": "Try alert budgets on recorded metrics: how many alarms each would have meant, and on which series.",
    "explain": "Say why a point of a recorded series alarmed, or why not: each head, the level, and every guard.",
    "doctor": "Look at all that the config needs: brokers, topics, rights, inputs, clocks, the state, the engine.",
    "init": "Look at the topics, guess what they hold, and write a commented config that `floodmark check` accepts.",
    "gateway": "Take webhooks of other systems over HTTP and write them to Kafka as they came, until SIGTERM.",
    "console": "Incidents, anomalies, models, who is on call and how the engine does, as pages in a browser.",
    "incidents": "What is wrong, what was, and why: the incidents that the engine has told.",
    "notify": "Tell people of incidents, as `notify` of the config says, until SIGTERM or Ctrl-C.",
    "act": "Do something to an incident: acknowledge, assign, snooze, resolve, merge, split, dismiss, silence, …",
    "actions": "The audit trail: who has done what to which incident, when, and what came of it.",
    "schemas": "Write, check or list the JSON Schemas (draft 2020-12) of everything that goes in and comes out.",
    "topics": "The topics that a config needs.",
    "feedback": "Say that something is no anomaly, take it back, and see who has said what.",
    "models": "Ask for a model to be trained again, or for an older version of it.",
    "top": "A live page: lag, events a second, what is odd now, open incidents, dead letters, what the engines say.",
    "dead-letters": "What could not be used: show it, or send it again.",
}
"""What each command says of itself first. `dead-letters` is `dead_letters` in this package's `dead_letters`."""


class _Lazily(TyperGroup):
    """Shows the commands from `COMMANDS`; imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name in COMMANDS else command, rest


app = typer.Typer(
    name="floodmark",
    cls=_Lazily,
    help="Telemetry in Kafka becomes few, explained incidents.\n\n"
    "Start with `floodmark demo`: a simulated shop with injected faults, on a broker inside this process. "
    "Then `floodmark init --brokers HOST:9092` writes a config from what your topics hold; `floodmark check` it, "
    "create the topics, ask `floodmark doctor`, and `floodmark run`.",
    rich_markup_mode="markdown",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _load(name: str) -> Any:
    own = name.replace("-", "_")
    found = getattr(importlib.import_module(f"floodmark.cli.{own}"), own)
    if isinstance(found, typer.Typer):
        found.rich_markup_mode = "markdown"
        return get_command(found)
    single = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    single.command(name)(found)
    return get_command(single)


def _unseen() -> None:
    """In the place of a command that is not imported yet."""


for _name, _sentence in COMMANDS.items():
    app.command(_name, help=_sentence)(_unseen)


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
