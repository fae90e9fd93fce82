"""The store of snapshots: whether it can be written, what is in it, and how much room there is."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from floodmark.config.models import Config, State
from floodmark.diagnose.finding import Finding, lasting, spell
from floodmark.runtime.errors import SnapshotError
from floodmark.runtime.snapshots import Snapshots, Stored

_LITTLE: Final = 1_000_000_000
"""Bytes that should be free at least, where nothing is known of the size of snapshots yet."""


async def store(config: Config, seconds: float, now: float) -> list[Finding]:
    """Ask the store, for `seconds` at most. An object store is written to, and what was written is deleted."""
    state = config.state
    if state.store is None:
        words = f"none are kept: every restart learns again from the last {lasting(state.history)}"
        return [Finding("state", "warning", "snapshots", words, "set state.store to a folder or s3://bucket/prefix")]
    folder = _folder(state)
    if folder is not None:
        return list(_of_folder(config, folder, now))
    where = state.store.rpartition("@")[2] if "@" in state.store else state.store
    try:
        async with asyncio.timeout(seconds):
            found = await Snapshots(state).tried(config.kafka.group)
    except TimeoutError:
        return [
            Finding(
                "state", "problem", where, f"does not answer in {seconds:g} s", "is endpoint right in state.options?"
            )
        ]
    except SnapshotError as error:
        return [Finding("state", "problem", where, str(error))]
    return [Finding("state", "ok", where, f"can be written; {_newest(found, now)}")]


def _folder(state: State) -> Path | None:
    assert state.store is not None
    parts = urlsplit(state.store)
    if "://" in state.store and parts.scheme != "file":
        return None
    return Path(unquote(parts.path) if parts.scheme == "file" else state.store).absolute()


def _of_folder(config: Config, folder: Path, now: float) -> Iterator[Finding]:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = "is no folder" if not nearest.is_dir() else "cannot be written by this user"
        yield Finding(
            "state", "problem", str(folder), f"{nearest} {what}", "make it writable, or name another in state.store"
        )
        return
    found = [
        Stored(*_task(path, folder), path.stat().st_size, path.stat().st_mtime) for path in folder.rglob("*.snapshot")
    ]
    tasks: dict[str, int] = {}
    for each in found:
        tasks[each.task] = max(tasks.get(each.task, 0), each.size)
    free = shutil.disk_usage(nearest).free
    need = sum(tasks.values()) * (config.state.keep + 1) - sum(each.size for each in found)
    there = "can be written" if nearest == folder else "does not exist yet, and can be made"
    words = f"{there}; {_newest(found, now)}; {free / 1e9:.1f} GB free"
    if free < max(need, 50_000_000):
        todo = "make room, or name another folder: a snapshot that is not written is learned again after a restart"
        yield Finding(
            "state", "problem", str(folder), f"{words}, and {max(need, 0) / 1e9:.1f} GB more are needed", todo
        )
    elif free < _LITTLE:
        yield Finding("state", "warning", str(folder), words, "make room")
    else:
        yield Finding("state", "ok", str(folder), words)


def _task(path: Path, folder: Path) -> tuple[str]:
    return (str(path.parent.relative_to(folder)),)


def _newest(found: list[Stored], now: float) -> str:
    if not found:
        return "no snapshots yet"
    tasks = len({each.task for each in found})
    newest = max(each.taken for each in found)
    return f"snapshots of {spell(tasks, 'task')}, the newest {lasting(max(0.0, now - newest))} old"
