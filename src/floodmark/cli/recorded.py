"""Recorded metrics from files, for the commands that tune."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from floodmark.cli.console import err
from floodmark.cli.files import Columns, read, topic
from floodmark.config.models import Config
from floodmark.records import Record
from floodmark.tuning.recording import Recording

NO_PLOTS: Final = "Pictures need Matplotlib, which is not installed: pip install 'floodmark[plots]'."


def recording(files: list[Path], config: Config, time: str, time_format: str) -> Recording:
    """The metrics of the files. Reading them raises FileError."""
    columns = Columns(time, time_format, entity=config.detect.entity[0] if config.detect.entity else "")
    topics = {topic(path, "metric") for path in files}

    def records() -> Iterator[Record]:
        with Progress(
            TextColumn("reading"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=err,
            transient=True, disable=not err.is_terminal,
        ) as bar:  # fmt: skip
            task = bar.add_task("reading", total=sum(path.stat().st_size for path in files))
            for record, size in read(files, columns, None):
                bar.advance(task, size)
                if record.topic in topics:
                    yield record

    return Recording(records, config)


def account(recording: Recording, counts: Mapping[str, int]) -> None:
    """What was not used, and why, on standard error."""
    for name, n in sorted(counts.items()):
        if name.startswith(("skipped:", "evicted:")) or name == "standstills":
            err.print(f"  {name.replace(':', ' ')}: {n:,}", style="dim", markup=False)
    for error, n in recording.refused.items():
        said = f"  refused, {error}: {n:,}; first at {recording.first_refusal[error]}"
        err.print(said, style="yellow", markup=False, soft_wrap=True)
