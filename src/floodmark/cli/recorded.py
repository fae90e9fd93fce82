"""Recorded telemetry for the commands that run it: from files, or straight from topics; in any format of the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, NamedTuple, cast, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from floodmark.cli.registered import Registered
from floodmark.cli.speaking import err, fail
from floodmark.config.formats import FormatName
from floodmark.config.models import Config
from floodmark.files.columns import Columns
from floodmark.files.dumps import FRAMINGS, Framing
from floodmark.files.notes import FileError, Notes
from floodmark.files.reading import Asked, Files, Source
from floodmark.records import Record
from floodmark.signals import SignalName
from floodmark.tuning.recording import Recording, moment

NO_PLOTS: Final = "Pictures need Matplotlib, which is not installed: pip install 'floodmark[plots]'."

FilePaths = Annotated[
    list[Path] | None,
    typer.Argument(help="Tables (CSV, TSV), JSON lines, or dumps of topics; packed (gz, bz2, xz, zst) or not."),
]
Signal = Annotated[str, typer.Option(help="What the files hold, if it cannot be told: metric, log, …")]
FormatOption = Annotated[str, typer.Option("--format", help="The files are dumps of messages in this wire format.")]
InputOption = Annotated[
    str, typer.Option("--input", help="The files are dumps of the messages of this input of the config.")
]
FramingOption = Annotated[
    str, typer.Option("--framing", help=f"How messages follow each other in a dump: {', '.join(FRAMINGS)}.")
]
Base64 = Annotated[
    bool, typer.Option("--base64", help="Each line of a dump (with kcat -J: key and payload) is in base64.")
]
Arrived = Annotated[
    str,
    typer.Option(
        "--arrived",
        help="Dumps: until when their messages had come, for times without a year (file: when it was written).",
    ),
]
TimeOption = Annotated[str, typer.Option(help="Tables: the time, as a template of columns: '{Date} {Time}'.")]
TimeFormat = Annotated[
    str, typer.Option(help="Tables: strptime format of the time, where it could be read in two ways.")
]
Zone = Annotated[str, typer.Option(help="Tables: the zone of times without an offset, such as Europe/Berlin.")]
Encoding = Annotated[
    str, typer.Option(help="Encoding of the files, if it is neither UTF-8 nor told by its first bytes.")
]
TopicOption = Annotated[
    list[str] | None,
    typer.Option(
        "--topic", help="Read this input of the config from Kafka instead of files (all, if only --from is given)."
    ),
]
From = Annotated[str, typer.Option("--from", help="From Kafka: since when, 2h ago or 2026-01-31T22:00:00Z.")]
To = Annotated[str, typer.Option("--to", help="From Kafka: until when (now).")]


class Wanted(NamedTuple):
    """The options of a command that say what is to be read."""

    files: list[Path] | None
    columns: Columns = Columns()
    signal: str = ""
    format: str = ""
    input: str = ""
    framing: str = "auto"
    base64: bool = False
    arrived: str = ""
    topics: list[str] | None = None
    since: str = ""
    until: str = ""


def zone(name: str) -> ZoneInfo:
    """The zone of this name; ends the command if there is none."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        fail(f"--zone {name}: there is no such zone; write it like Europe/Berlin or UTC.", 2)


def source(wanted: Wanted, config: Config) -> Source:
    """What is to be read; ends the command with a sentence if it cannot be."""
    for option, value, known in (
        ("--signal", wanted.signal, get_args(SignalName)),
        ("--format", wanted.format, get_args(FormatName)),
        ("--framing", wanted.framing, FRAMINGS),
    ):
        if value and value not in known:
            fail(f"{option} {value}: it is one of {', '.join(known)}.")
    live = bool(wanted.topics or wanted.since or wanted.until)
    if live and wanted.files:
        fail("Give files, or a topic and --from: not both.", 2)
    try:
        return _of_topics(wanted, config) if live else _of_files(wanted, config)
    except FileError as error:
        fail(str(error))


def recording(found: Source, config: Config) -> Recording:
    """All that it holds, to be run as often as is wanted. Reading it raises FileError or RunError."""

    registered = Registered(config)

    def records() -> Iterator[Record]:
        with progress("reading", found.size) as moved:
            for record in registered.supplied(found.records()):
                moved(1)
                yield record

    return Recording(records, config, found.inputs, found.place, registered.schemas)


class Moved(NamedTuple):
    """Says how far a progress bar is, and in which words."""

    bar: Progress
    task: int

    def __call__(self, steps: int, words: str = "") -> None:
        if words:
            self.bar.update(self.task, description=words)  # type: ignore[arg-type]
        self.bar.advance(self.task, steps)  # type: ignore[arg-type]


@contextmanager
def progress(words: str, total: int) -> Iterator[Moved]:
    """A bar on standard error, if that is a terminal."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=err,
        transient=True, disable=not err.is_terminal,
    )  # fmt: skip
    with bar:
        yield Moved(bar, bar.add_task(words, total=total))


def tell(notes: Notes) -> None:
    """How files were understood, and what could not be read, on standard error."""
    for sentence in notes.said:
        err.print(f"  {sentence}", style="dim", markup=False, soft_wrap=True)
    for what, n in notes.repaired.items():
        err.print(f"  {n:,} {what}; first at {notes.first[what]}", style="yellow", markup=False, soft_wrap=True)
    refusals(notes.refused, notes.first, "not read")


def refusals(counts: Mapping[str, int], first: Mapping[str, str], verb: str = "refused") -> None:
    """What was not used by class, and where the first of each was."""
    for error, n in counts.items():
        err.print(f"  {verb}, {error}: {n:,}; first at {first[error]}", style="yellow", markup=False, soft_wrap=True)
        if error == "not_a_time" and "Kafka" in first[error]:
            err.print(
                "  a dump without Kafka's times: say until when its messages had come, with --arrived", style="yellow"
            )


def account(recording: Recording, counts: Mapping[str, int]) -> None:
    """What was not used, and why, on standard error."""
    for name, n in sorted(counts.items()):
        if n and (name.startswith(("skipped:", "evicted:")) or name == "standstills"):
            err.print(f"  {name.replace(':', ' ')}: {n:,}", style="dim", markup=False)
    refusals(recording.refused, recording.first_refusal)


def _of_files(wanted: Wanted, config: Config) -> Source:
    if not wanted.files:
        fail("Which files? Name some, or read a topic with --config, --topic and --from 2h.", 2)
    asked = Asked(
        wanted.columns,
        cast("SignalName | None", wanted.signal or None),
        cast("FormatName | None", wanted.format or None),
        wanted.input,
        cast(Framing, wanted.framing or "auto"),
        wanted.base64,
        _arrived(wanted.arrived, wanted.files),
    )
    return Files(wanted.files, config, asked)


def _arrived(text: str, files: list[Path]) -> float | None:
    """Epoch seconds of --arrived; None without it."""
    if not text:
        return None
    try:
        return max(path.stat().st_mtime for path in files) if text == "file" else moment(text)
    except (OSError, ValueError) as error:
        fail(f"--arrived: {error}", 2)


def _of_topics(wanted: Wanted, config: Config) -> Source:
    from floodmark.cli.ranges import Topics, since_when  # noqa: PLC0415 - brings the Kafka client
    from floodmark.runtime import RunError  # noqa: PLC0415

    if not wanted.since:
        fail("--topic: since when? Give --from, for example --from 2h.", 2)
    try:
        since = since_when(wanted.since)
        until = since_when(wanted.until) if wanted.until else None
    except ValueError as error:
        fail(f"--from, --to: {error}", 2)
    if until is not None and until <= since:
        fail("--to: it is not after --from.", 2)
    try:
        return Topics(config, wanted.topics or [], since, until)
    except RunError as error:
        fail(str(error))


def inputs_of(found: Source, config: Config) -> Config:
    """The config with what is read as its inputs."""
    return config.model_copy(update={"inputs": list(found.inputs)})
