"""`floodmark dead-letters`: see what could not be used, and send it again once the reason is gone.

What a letter holds was written by anybody: nothing of it reaches the terminal but printable text.
"""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Column, Table
from rich.text import Text

from floodmark.cli.speaking import ConfigPath, err, fail, out, read_config
from floodmark.config.quantities import duration
from floodmark.letters import Letter
from floodmark.runtime import RunError
from floodmark.runtime.dead_letters import Choice, Retried, Survey, survey
from floodmark.runtime.dead_letters import retry as send_again

T = TypeVar("T")

_CUT = 400
"""Characters shown of a value."""
_LISTED = 20
"""Letters listed by a retry; the rest is counted."""

Since = Annotated[str, typer.Option(help="Only letters of this long ago and younger: 30m, 1h, 2d.")]
OfTopic = Annotated[str, typer.Option("--topic", help="Only what came from this topic.")]
OfError = Annotated[str, typer.Option("--error", help="Only this class of error: not_json, missing_field, …")]

dead_letters = typer.Typer(
    help="What could not be used: show it, or send it again.", no_args_is_help=True, add_completion=False
)


@dead_letters.command()
def show(
    config: ConfigPath = Path("floodmark.yaml"),
    since: Since = "",
    topic: OfTopic = "",
    error: OfError = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    value: Annotated[bool, typer.Option("--value", help="Show what they hold, too (cut, and made safe).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, values whole.")] = False,
) -> None:
    """Show the newest dead letters, why they are, and how many there are by error. Changes nothing."""
    settings = read_config(config)
    found = _do(survey(settings.kafka, settings.topics, _choice(topic, error, since), limit))
    if as_json:
        for letter in found.newest:
            typer.echo(json.dumps(as_object(letter)))
        return
    if not found.newest:
        out.print(f"No dead letters{' like these' if topic or error or since else ''}.")
        return
    out.print(_table(found.newest, values=value))
    out.print()
    _summary(found)


@dead_letters.command()
def retry(
    config: ConfigPath = Path("floodmark.yaml"),
    since: Since = "",
    topic: OfTopic = "",
    error: OfError = "",
    everything: Annotated[bool, typer.Option("--all", help="Also what was sent again before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")] = False,
) -> None:
    """Send dead letters again to the topic and partition they came from, key and value untouched.

    Each letter is sent again once, however often this is called, killed, or called with other filters; `--all` sends
    it once more. One that fails again is a new dead letter, and counts its retries in the header floodmark.retry.
    """
    settings = read_config(config)
    listed: list[Letter] = []

    def told(letter: Letter) -> None:
        if dry_run and len(listed) < _LISTED:
            listed.append(letter)

    choice = _choice(topic, error, since)
    done = _do(send_again(settings.kafka, settings.topics, choice, everything=everything, dry=dry_run, told=told))
    if listed:
        out.print(_table(listed, values=False))
        if done.sent.total() > len(listed):
            out.print(f"… and {done.sent.total() - len(listed):,} more")
    _say(done, dry=dry_run)


def as_object(letter: Letter) -> dict[str, Any]:
    """A letter as JSON. A key or value that is not UTF-8 is under `key_base64` or `value_base64`."""
    partition, offset = letter.place
    found: dict[str, Any] = {
        "time": _time(letter.timestamp),
        "partition": letter.partition,
        "offset": letter.offset,
        "origin": {"topic": letter.origin, "partition": partition, "offset": offset, "element": letter.element},
        "stage": letter.stage,
        "error": letter.error,
        "message": letter.message,
        "retries": letter.retries,
    }
    for name, held in (("key", letter.key), ("value", letter.value)):
        try:
            found[name] = None if held is None else held.decode()
        except UnicodeDecodeError:
            found[f"{name}_base64"] = b64encode(held or b"").decode()
    return found


def printable(held: bytes | str, most: int = _CUT) -> str:
    """Text that is safe in a terminal: what is not printable as an escape, and cut after `most` characters."""
    text = held[: 4 * most].decode("utf-8", "backslashreplace") if isinstance(held, bytes) else held
    rest = len(held) - most if len(text) > most else 0
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most])
    return f"{shown}… ({rest:,} more)" if rest > 0 else shown


def origin(letter: Letter) -> str:
    """topic/partition@offset, and the place within an array: where a letter came from."""
    if not letter.origin:
        return "?"
    partition, offset = ("?" if number is None else number for number in letter.place)
    element = "" if letter.element is None else f"[{letter.element}]"
    return printable(f"{letter.origin}/{partition}@{offset}{element}", 200)


def _table(letters: list[Letter], *, values: bool) -> Table:
    table = Table(
        "time (UTC)", Column("from", overflow="fold"), "stage", "error", Column("message", overflow="fold"),
        Column("bytes", justify="right"), box=None, header_style="bold",
    )  # fmt: skip
    for letter in letters:
        message = Text(printable(letter.message, 300))
        if values:
            message.append("\n" + ("(left out)" if letter.value is None else printable(letter.value)), style="dim")
        table.add_row(
            _time(letter.timestamp)[:19].replace("T", " "),
            Text(origin(letter)),
            Text(printable(letter.stage, 20)),
            Text(printable(letter.error, 60)),
            message,
            "" if letter.value is None else f"{len(letter.value):,}",
        )
    return table


def _summary(found: Survey) -> None:
    total = found.errors.total()
    out.print(f"{total:,} dead letter{'s' if total != 1 else ''}, {len(found.newest):,} shown", style="bold")
    for name, count in sorted(found.errors.items(), key=lambda pair: (-pair[1], pair[0])):
        out.print(f"  {count:>9,}  {printable(name, 60)}", markup=False)


def _say(done: Retried, *, dry: bool) -> None:
    if not done.sent and not done.kept:
        out.print("Nothing to send again.")
    for name, count in sorted(done.sent.items()):
        verb = "would be sent" if dry else "sent"
        out.print(f"{_letters(count)} {verb} to {printable(name, 249)}", markup=False, soft_wrap=True)
    for reason, count in sorted(done.kept.items()):
        err.print(f"{_letters(count)} not sent: {printable(reason, 400)}", style="yellow", markup=False, soft_wrap=True)


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'s' if count != 1 else ''}"


def _choice(topic: str, error: str, since: str) -> Choice:
    try:
        start = int((time.time() - duration(since)) * 1000) if since else 0
    except ValueError as problem:
        fail(f"--since: {problem}")
    return Choice(topic, error, start)


def _time(milliseconds: int) -> str:
    return (
        datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds") if milliseconds >= 0 else ""
    )


def _do(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RunError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
