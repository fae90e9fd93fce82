"""`floodmark state`: the snapshots of what was learned, compared, and a way back to an older one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec
import typer
from rich.table import Column, Table
from rich.text import Text

from floodmark.cli.speaking import ConfigPath, fail, out, read_config
from floodmark.config.models import Config
from floodmark.detect import snapshots as shaping
from floodmark.flow.learned import Difference, Picture, difference, learned
from floodmark.runtime import RunError
from floodmark.runtime.rollback import Plan, carry_out, place_of, plan, running
from floodmark.runtime.snapshots import Kept, Snapshots
from floodmark.state import StateError
from floodmark.terminal.words import safe

T = TypeVar("T")
_CONFIG: Final = Path("floodmark.yaml")
_LISTED: Final = 15
_DETECT: Final = "-detect"

Meant = Annotated[str, typer.Argument(help="The task: TOPIC/PARTITION, or GROUP/TOPIC/PARTITION.", metavar="TASK")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

state = typer.Typer(
    help="What detection has learned: its snapshots, what differs between two, and a way back.",
    no_args_is_help=True,
    add_completion=False,
)


class _Row(NamedTuple):
    """A snapshot, and what is in it as far as it can be read; `unread` says why not."""

    kept: Kept
    picture: Picture | None
    unread: str


@state.command("list")
def list_(
    task: Annotated[str, typer.Option(help="Only this task: TOPIC/PARTITION, or GROUP/TOPIC/PARTITION.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Do not look into them.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = _CONFIG,
) -> None:
    """The snapshots by task: at which offset, when, how large, how many series, and by which settings."""
    settings = read_config(config)
    store = _store(settings)
    found = [each for each in _do(store.kept(settings.kafka.group)) if not task or _means(each.task, task)]
    rows = [_Row(each, None, "") for each in found] if quick else _do(_read(store, found))
    if as_json:
        for row in rows:
            typer.echo(msgspec.json.encode(_as_json(settings, row)))
        return
    if not rows:
        out.print(f"There are no snapshots{f' of {task}' if task else ''} in {settings.state.store}.", markup=False)
        return
    table = Table(
        Column("task", overflow="fold"), Column("offset", justify="right", no_wrap=True),
        Column("written (UTC)", no_wrap=True),
        *(Column(each, justify="right", no_wrap=True) for each in ("size", "series", "logs", "models")),
        Column("settings", overflow="fold"), box=None, header_style="bold",
    )  # fmt: skip
    for row in rows:
        kept, seen = row.kept, row.picture
        counts = ("", "", "") if seen is None else (len(seen.series), seen.log_sources, seen.models)
        cells = (
            kept.task, f"{kept.position:,}", f"{datetime.fromtimestamp(kept.written, UTC):%Y-%m-%d %H:%M:%S}",
            f"{kept.size / 1e6:.1f} MB", *(f"{each:,}" if each != "" else "" for each in counts),
            _said(settings, row),
        )  # fmt: skip
        table.add_row(*(Text(safe(cell, 300)) for cell in cells))
    out.print(table)


@state.command()
def diff(
    task: Meant,
    before: Annotated[int | None, typer.Argument(help="Offset of one snapshot (the last but one).")] = None,
    after: Annotated[int | None, typer.Argument(help="Offset of the other (the newest).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most series that are shown of each kind.")] = _LISTED,
    as_json: AsJson = False,
    config: ConfigPath = _CONFIG,
) -> None:
    """What was learned between two snapshots of a task: series that came or went, and which changed most."""
    settings = read_config(config)
    store = _store(settings)
    mine = _of(_do(store.kept(settings.kafka.group)), task)
    if before is None and len(mine) < 2:
        fail(f"There is only one snapshot of {mine[0].task}: nothing to compare it with.")
    first = _at(mine, before) if before is not None else mine[-2]
    second = _at(mine, after) if after is not None else mine[-1]
    pictures = []
    for row in _do(_read(store, [first, second])):
        if row.picture is None:
            fail(f"{row.kept.task} at {row.kept.position}: {row.unread}")
        pictures.append(row.picture)
    one, other = pictures
    found = difference(one, other)
    if as_json:
        typer.echo(
            msgspec.json.encode({"task": first.task, "before": first.position, "after": second.position,
                                 "settings": _changed(one, other), **found._asdict()})
        )  # fmt: skip
        return
    _tell(first, second, one, other, found, limit)


@state.command()
def rollback(
    task: Meant,
    offset: Annotated[int, typer.Argument(help="Offset of the snapshot to start from; see `floodmark state list`.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    config: ConfigPath = _CONFIG,
) -> None:
    """Make a task start from an older snapshot, while no engine of its group runs.

    Newer ones are set aside, not deleted, and can be gone back to. At its next start the task replays, in silence,
    what has come since the older one; nothing is told twice. With the same config the same would be learned again: it
    is for a config that has changed, such as `maintenance` over what should not have been learned.
    """
    settings = read_config(config)
    store = _store(settings)
    everything = _do(store.kept(settings.kafka.group))
    start = _at(_of(everything, task, aside=True), offset)
    content = _do(store.read(start))
    if place_of(content.task)[0].endswith(_DETECT):
        try:
            learned(content.state)
        except StateError as error:
            fail(f"{start.task} at {offset} cannot be started from: {error}")
    found = _do(plan(settings.kafka, everything, start, content.task))
    _explain(found)
    if found.refused:
        fail(f"This cannot be done: {found.refused}.")
    if dry_run:
        out.print("Nothing was done (--dry-run).")
        return
    _do(carry_out(store, found, time.time()))
    if late := _do(running(settings.kafka, found.group)):
        fail(f"It was done, but an engine has started meanwhile, perhaps from a newer snapshot: {late}.")
    out.print(f"Done. {start.task} starts from offset {start.position:,}.", markup=False)


def _tell(first: Kept, second: Kept, one: Picture, other: Picture, found: Difference, limit: int) -> None:
    span = f"{first.position:,} → {second.position:,}"
    counts = f"{len(one.series):,} series, then {len(other.series):,}"
    out.print(f"{first.task}, offsets {span}: {counts}", style="bold", markup=False, soft_wrap=True)
    if parts := _changed(one, other):
        out.print(f"Settings changed between them: {', '.join(parts)}.", markup=False)
    for words, keys in (("came", found.came), ("went", found.went)):
        if keys:
            out.print(f"{len(keys):,} {words}:", markup=False)
        for key in keys[:limit]:
            out.print(f"  {safe(key, 300)}", markup=False, soft_wrap=True)
        _more(len(keys), limit)
    if found.changed:
        out.print(f"{len(found.changed):,} changed, most first:", markup=False)
    for shift in found.changed[:limit]:
        out.print(f"  {safe(shift.key, 300)}: {'; '.join(shift.words)}", markup=False, soft_wrap=True)
    _more(len(found.changed), limit)
    out.print(f"{found.same:,} are about as they were.", markup=False)


def _more(count: int, limit: int) -> None:
    if count > limit:
        out.print(f"  and {count - limit:,} more", markup=False)


def _explain(found: Plan) -> None:
    start = found.start
    committed = "none" if found.committed is None else f"{found.committed:,}"
    out.print(f"{start.task}: start from the snapshot at offset {start.position:,}", markup=False, soft_wrap=True)
    out.print(f"  committed offset {committed}; the topic holds {found.oldest:,} to {found.end:,}", markup=False)
    if not found.refused:
        out.print(
            f"  replayed in silence: offsets {start.position:,} to {committed} ({found.replayed:,})", markup=False
        )
    for each in found.aside:
        out.print(f"  set aside: {each.name}", markup=False, soft_wrap=True)
    if found.back:
        out.print(f"  brought back: {start.name}", markup=False, soft_wrap=True)


def _said(config: Config, row: _Row) -> str:
    """How the settings of a snapshot are to those of now, in words."""
    words = [row.unread] if row.unread else []
    if row.picture is not None:
        now = shaping.shapes(config)
        other = [part for part, shape in sorted(row.picture.shapes.items()) if now.get(part) != shape]
        words.append(f"others: {', '.join(other)}" if other else "as now")
    return "; ".join([*words, *(["set aside"] if row.kept.aside else [])])


def _changed(one: Picture, other: Picture) -> list[str]:
    parts = sorted(one.shapes.keys() | other.shapes.keys())
    return [part for part in parts if one.shapes.get(part) != other.shapes.get(part)]


def _as_json(config: Config, row: _Row) -> dict[str, Any]:
    kept, seen = row.kept, row.picture
    body: dict[str, Any] = {
        "task": kept.task, "offset": kept.position, "written": datetime.fromtimestamp(kept.written, UTC),
        "bytes": kept.size, "aside": kept.aside,
    }  # fmt: skip
    if seen is not None:
        now = shaping.shapes(config)
        body |= {
            "series": len(seen.series), "log_sources": seen.log_sources, "models": seen.models,
            "made_by": seen.made_by, "settings": dict(seen.shapes),
            "settings_differ": [part for part, shape in sorted(seen.shapes.items()) if now.get(part) != shape],
        }  # fmt: skip
    return body | ({"unread": row.unread} if row.unread else {})


async def _read(store: Snapshots, found: list[Kept]) -> list[_Row]:
    """What is in each; only those of detect tasks are looked into."""
    rows = []
    for kept in found:
        if not place_of(kept.task)[0].endswith(_DETECT):
            rows.append(_Row(kept, None, "not of detection"))
            continue
        try:
            content = await store.read(kept)
            rows.append(_Row(kept, await asyncio.to_thread(learned, content.state), ""))
        except (RunError, StateError) as error:
            rows.append(_Row(kept, None, str(error)))
    return rows


def _of(found: list[Kept], task: str, *, aside: bool = False) -> list[Kept]:
    """The snapshots of the task that is meant; ends the command if that is none, or several."""
    mine = [each for each in found if _means(each.task, task) and (aside or not each.aside)]
    names = sorted({each.task for each in mine})
    if len(names) > 1:
        fail(f"{task} may be {' or '.join(names)}: name one of these.", 2)
    if not names:
        known = ", ".join(sorted({each.task for each in found})) or "none"
        fail(f"There is no snapshot of {task}; there is of: {known}.")
    return mine


def _at(mine: list[Kept], offset: int) -> Kept:
    """The snapshot at an offset, one that is not set aside first."""
    for each in sorted(mine, key=lambda each: (each.aside, -each.written)):
        if each.position == offset:
            return each
    known = ", ".join(f"{each.position}" for each in mine)
    return fail(f"There is no snapshot of {mine[0].task} at {offset}; there is at {known}.")


def _means(task: str, wanted: str) -> bool:
    return task == wanted or task.endswith(f"/{wanted}")


def _store(config: Config) -> Snapshots:
    if config.state.store is None:
        fail("state.store is null: no snapshots are kept.")
    try:
        return Snapshots(config.state)
    except RunError as error:
        fail(str(error))


def _do(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RunError as error:
        fail(str(error))
