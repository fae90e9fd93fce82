"""Where the command line speaks: results on standard output, everything else on standard error."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console

from floodmark.config.loader import ConfigError, load_with_warnings
from floodmark.config.models import Config

_FULL: Final = 2_000
"""Columns where nobody looks at the edge of a window: in pipes and files."""


class _Spoken(Console):
    """A console that cuts nothing in pipes and files, and leaves no spaces at the ends of lines there.

    What it writes has no colours where NO_COLOR is set; rich sees to that.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _FULL

    def print(self, *objects: Any, **options: Any) -> None:
        if ascii_only(self) and isinstance(self.file, io.TextIOWrapper):
            self.file.reconfigure(errors="replace")  # rather a ? than nothing
        if self.is_terminal:
            super().print(*objects, **options)
            return
        with self.capture() as capture:
            super().print(*objects, **options)
        text = capture.get()
        self.file.write("\n".join(line.rstrip() for line in text.split("\n")) if len(text) > 1 else text)
        self.file.flush()


out = _Spoken()
err = _Spoken(stderr=True)


def ascii_only(console: Console) -> bool:
    """Whether a terminal or file can show nothing but ASCII."""
    return not console.encoding.startswith("utf")


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
