"""Where the command line speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from floodmark.config.loader import ConfigError, load_with_warnings
from floodmark.config.models import Config

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

ConfigPath = Annotated[
    Path,
    typer.Option("--config", "-c", help="The YAML file, or a folder of them.", envvar="FLOODMARK_CONFIG"),
]


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong and leave with an exit code."""
    err.print(message, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def read_config(path: Path) -> Config:
    """The config at a path; its problems are printed, one a line, and end the command."""
    try:
        loaded = load_with_warnings(path)
    except ConfigError as error:
        for problem in error.problems:
            err.print(str(problem), markup=False, soft_wrap=True)
        count = len(error.problems)
        fail(f"{count} problem{'s' * (count > 1)} in {path}; nothing was started.")
    for warning in loaded.warnings:
        err.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    return loaded.config
