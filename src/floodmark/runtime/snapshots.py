"""Snapshots of tasks, in a folder or an object store: written off the hot path, whole or not at all, kept a few deep.

What a state means is not known here (see framing.py for the bytes of a snapshot). An object is named
GROUP/TOPIC/PARTITION/POSITION.snapshot with the position zero-padded, so that names sort as positions do. Machines
share a store, clusters never do: two clusters need two prefixes.

Nothing that an object store answers is passed on to the operator as it is: answers echo keys and signatures.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from floodmark import __version__
from floodmark.config.models import State
from floodmark.runtime import framing
from floodmark.runtime.errors import SnapshotError
from floodmark.runtime.forking import in_child
from floodmark.runtime.storing import STORE_ERRORS, Place, failure, told
from floodmark.runtime.telemetry import Telemetry

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

log = structlog.get_logger(__name__)

PART_SECONDS = 3600.0
"""A half-written file in a folder that is older was left by a process that was killed; it is deleted."""

_ENDING = ".snapshot"
_ASIDE = ".aside"
"""A snapshot that nothing starts from: POSITION.snapshot.TIME.aside."""
_HALF = ".part"
_FETCH_BYTES = 16 * 1024 * 1024  # of one request, so that a request's timeout says nothing about a snapshot's size
_FETCHES = 4  # at once
_RETRIES = 5
_RETRY_SECONDS = 30.0
_NAME_CHARACTERS = 120
_CLIENT_OPTIONS = {  # obstore's ClientConfig; the other options are the store's
    *("allow_http", "allow_invalid_certificates", "connect_timeout", "http1_only", "http2_only", "pool_idle_timeout"),
    *("pool_max_idle_per_host", "proxy_ca_certificate", "proxy_excludes", "proxy_url", "read_timeout"),
    *("root_certificate", "timeout", "user_agent"),
}

_from_url: Callable[..., ObjectStore] = from_url  # its overloads know the options of each store; ours are the user's


class Found(NamedTuple):
    """A snapshot that was read back."""

    position: int
    """The offset of the next record when the state was taken."""
    state: bytes
    taken: float
    """Seconds since the epoch."""
    task: str = ""
    """Whose it is, if that was asked for: the store may spell it otherwise."""


class Saved(NamedTuple):
    """A snapshot that was written."""

    bytes: int
    """As stored."""
    seconds: float


class Stored(NamedTuple):
    """A snapshot that is in the store."""

    task: str
    """GROUP/TOPIC/PARTITION, as the store spells it."""
    size: int
    taken: float
    """Seconds since the epoch."""


class Kept(NamedTuple):
    """A snapshot, or one that was set aside. `name` is what the store calls it, `task` as in `Stored`."""

    name: str
    task: str
    position: int
    size: int
    written: float
    """Seconds since the epoch."""
    aside: bool


class Snapshots:
    """The snapshots of all tasks in the store that `state` names; `state.store` must not be null.

    `damaged` counts what could not be used since the start; `telemetry` counts failures, and measures.

    Raises SnapshotError if the URL or an option is wrong, or the folder cannot be written; an object store is first
    spoken to by `load` and `save`.
    """

    def __init__(self, state: State, telemetry: Telemetry | None = None) -> None:
        self.damaged = 0
        self._saves = 0
        self._keep = state.keep
        self._store, self._folder, where = _open(state)
        self._place = Place(where, self._folder)
        self._told = partial(told, telemetry, self._place)

    @property
    def busy(self) -> bool:
        """Whether a save is under way: another one would wait for it, and the state move on meanwhile."""
        return self._saves > 0

    async def save(
        self, task: str, position: int, produce: Callable[[], bytes], forked: Callable[[], object] = lambda: None
    ) -> Saved:
        """Write what `produce` returns as the state of `task` ("group/topic/partition") at `position`.

        `produce` runs in a forked child that sees the state of the moment of the fork (see forking.py for what it may
        do); there it is compressed too. `forked` is called once that picture is taken: the state must stay as it is at
        `position` until then, and may change after. At the end snapshots beyond `state.keep` are deleted; if that fails
        it is logged, for the next save tries again.

        Atomic: a folder gets a finished file by rename, after it and before its folder are synced to disk; an object
        store shows no object before its upload is complete. Raises SnapshotError if it was not written.
        """
        begun = time.monotonic()
        prefix = _prefix(task)
        name = f"{prefix}/{position:020d}{_ENDING}"
        taken = time.time()

        def write(file: BinaryIO) -> None:
            state = produce()
            framing.write(file, framing.Header(task, position, taken, __version__, len(state)), state)
            file.flush()

        self._saves += 1
        what = f"The snapshot of {task} at {position} cannot be written"
        try:
            async with self._told("save", task, what):
                if self._folder:
                    size = await self._into_folder(name, write, forked)
                else:
                    size = await self._upload(name, write, forked)
                await self._prune(prefix)
        finally:
            self._saves -= 1
        return Saved(size, time.monotonic() - begun)

    async def tried(self, group: str) -> list[Stored]:
        """Write a small object and delete it, and say which snapshots there are of the groups that begin with `group`.

        Raises SnapshotError if that cannot be done.
        """
        prefix, name = _plain(group), f"{_plain(group)}-tried-{secrets.token_hex(8)}"
        async with self._told("save", group, "The store cannot be used"):
            await obstore.put_async(self._store, name, b"written to see whether it can be")
            await obstore.delete_async(self._store, name)
            batches = [batch async for batch in obstore.list(self._store)]
        found = [meta for batch in batches for meta in batch if meta["path"].endswith(_ENDING)]
        return [
            Stored(meta["path"].rpartition("/")[0], meta["size"], meta["last_modified"].timestamp())
            for meta in found
            if meta["path"].startswith(prefix)
        ]

    async def kept(self, group: str) -> list[Kept]:
        """All snapshots of the groups that begin with `group`, also those that were set aside, by task and position.

        Raises SnapshotError.
        """
        async with self._told("load", group, "The store cannot be read"):
            batches = [batch async for batch in obstore.list(self._store)]
        prefix, found = _plain(group), []
        for meta in (meta for batch in batches for meta in batch):
            folder, _, name = meta["path"].rpartition("/")
            position = name.partition(".")[0]
            aside = name.endswith(_ASIDE)
            if folder.startswith(prefix) and position.isdecimal() and (aside or name == f"{position}{_ENDING}"):
                written = meta["last_modified"].timestamp()
                found.append(Kept(meta["path"], folder, int(position), meta["size"], written, aside))
        return sorted(found, key=lambda each: (each.task, each.position, each.written))

    async def read(self, kept: Kept) -> Found:
        """What a snapshot holds. Raises SnapshotError, also if it is damaged or of another task."""
        async with self._told("load", kept.task, f"{kept.name} cannot be read"):
            content = await self._fetch(kept.name, kept.size)
        try:
            if kept.size > framing.MAXIMUM:
                raise framing.DamagedError(f"it has {kept.size} bytes; the most is {framing.MAXIMUM}")
            header, state = await asyncio.to_thread(framing.read, content)
            if (_prefix(header.task), header.position) != (kept.task, kept.position):
                raise framing.DamagedError(f"it is of {header.task} at {header.position}")
        except framing.DamagedError as error:
            raise SnapshotError(f"{kept.name} cannot be used: {error}") from None
        return Found(header.position, state, header.taken, header.task)

    async def set_aside(self, kept: Kept, now: float) -> None:
        """Rename a snapshot, so that nothing starts from it, and nothing deletes it. Raises SnapshotError."""
        async with self._told("save", kept.task, f"{kept.name} cannot be set aside"):
            await obstore.rename_async(self._store, kept.name, f"{kept.name}.{int(now)}{_ASIDE}")

    async def bring_back(self, kept: Kept) -> None:
        """Make a snapshot of one that was set aside. Raises SnapshotError."""
        async with self._told("save", kept.task, f"{kept.name} cannot be brought back"):
            name = f"{kept.task}/{kept.position:020d}{_ENDING}"
            await obstore.rename_async(self._store, kept.name, name)

    async def load(self, task: str, at_most: int) -> Found | None:
        """The newest sound snapshot of `task` whose position is not beyond `at_most`; None if there is none.

        A damaged one, or one that a newer Floodmark wrote, is logged and counted, stays where it is until it is too
        old to be kept, and the one before it is used. One beyond `at_most` belongs to a topic that was made anew or to
        offsets that were reset: it is logged and deleted, else it would come back to life when the new offsets pass it.

        Raises SnapshotError if the store cannot be read, after a few tries.
        """
        async with self._told("load", task, f"The snapshots of {task} cannot be read"):
            return await self._newest(task, _prefix(task), at_most)

    async def _newest(self, task: str, prefix: str, at_most: int) -> Found | None:
        snapshots, _ = await self._list(prefix)
        beyond = [name for name, position, _ in snapshots if position > at_most]
        if beyond:
            log.warning(
                "snapshots from beyond the committed offset are deleted: the topic or its offsets were reset",
                task=task,
                committed=at_most,
                snapshots=len(beyond),
            )
            await obstore.delete_async(self._store, beyond)
        for name, position, size in reversed(snapshots):
            if position <= at_most and (found := await self._read(task, name, position, size)):
                return found
        return None

    async def _into_folder(self, name: str, write: Callable[[BinaryIO], None], forked: Callable[[], object]) -> int:
        """The child writes beside the target and renames: no second copy, and the syncs are off the hot path too.

        LocalStore's own put renames as well, but syncs nothing: after a power cut a whole name may hold no bytes.
        """
        assert self._folder is not None
        target = self._folder / name
        half = target.with_name(f"{target.stem}.{secrets.token_hex(4)}{_HALF}")

        def work() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            with half.open("xb") as file:
                write(file)
                os.fsync(file.fileno())
            half.replace(target)
            folder = os.open(target.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

        try:
            await in_child(work, forked=forked)
        finally:
            half.unlink(missing_ok=True)
        return target.stat().st_size

    async def _upload(self, name: str, write: Callable[[BinaryIO], None], forked: Callable[[], object]) -> int:
        """The child writes to a file without a name, which no crash can leave behind; the upload streams from it."""
        with tempfile.TemporaryFile(prefix="floodmark-") as file:
            await in_child(lambda: write(file), forked=forked)
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            await obstore.put_async(self._store, name, file, chunk_size=_FETCH_BYTES // 2, max_concurrency=_FETCHES)
            return size

    async def _read(self, task: str, name: str, position: int, size: int) -> Found | None:
        try:
            if size > framing.MAXIMUM:
                raise framing.DamagedError(f"it has {size} bytes; the most is {framing.MAXIMUM}")
            header, state = await asyncio.to_thread(framing.read, await self._fetch(name, size))
            if (header.task, header.position) != (task, position):
                raise framing.DamagedError(f"it is of {header.task} at {header.position}")
        except framing.DamagedError as error:
            self.damaged += 1
            log.error("a snapshot cannot be used; the one before it is tried", snapshot=name, reason=str(error))
            return None
        return Found(position, state, header.taken)

    async def _fetch(self, name: str, size: int) -> bytearray:
        content = bytearray(size)
        turns = asyncio.Semaphore(_FETCHES)

        async def part(start: int) -> None:
            end = min(start + _FETCH_BYTES, size)
            async with turns:
                content[start:end] = memoryview(await obstore.get_range_async(self._store, name, start=start, end=end))

        await asyncio.gather(*(part(start) for start in range(0, size, _FETCH_BYTES)))
        return content

    async def _list(self, prefix: str) -> tuple[list[tuple[str, int, int]], list[str]]:
        """Name, position and size of each snapshot in order of position, and the names of abandoned halves."""
        found: Sequence[ObjectMeta] = await obstore.list(self._store, prefix).collect_async()
        abandoned_before = datetime.now(UTC) - timedelta(seconds=PART_SECONDS)
        snapshots, abandoned = [], []
        for each in found:
            path = each["path"]
            position = path.rpartition("/")[2].removesuffix(_ENDING)
            if path.endswith(_ENDING) and position.isdecimal():
                snapshots.append((path, int(position), each["size"]))
            elif path.endswith(_HALF) and each["last_modified"] < abandoned_before:
                abandoned.append(path)
        return sorted(snapshots, key=lambda snapshot: snapshot[1]), abandoned

    async def _prune(self, prefix: str) -> None:
        try:
            snapshots, abandoned = await self._list(prefix)
            if old := [name for name, _, _ in snapshots[: -self._keep]] + abandoned:
                await obstore.delete_async(self._store, old)
        except FileNotFoundError:  # somebody deleted it first
            pass
        except STORE_ERRORS as error:
            log.warning(str(failure("Old snapshots cannot be deleted", self._place, error)))


def _open(state: State) -> tuple[ObjectStore, Path | None, str]:
    """The store, its folder if it is one, and its name without credentials."""
    if state.store is None:
        raise SnapshotError("state.store is null: no snapshots are kept")
    parts = urlsplit(state.store)
    if "://" not in state.store or parts.scheme == "file":
        folder = Path(unquote(parts.path) if parts.scheme == "file" else state.store).absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise SnapshotError(
                f"The folder {folder} of state.store cannot be written: {error.strerror}; make it writable for this "
                "user, or name another"
            ) from error
        return LocalStore(folder), folder, str(folder)
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    options = {key: value.get_secret_value() for key, value in state.options.items()}
    client = {key: value for key, value in options.items() if key in _CLIENT_OPTIONS}
    config = {key: value for key, value in options.items() if key not in _CLIENT_OPTIONS}
    if any("endpoint" in key and value.startswith("http://") for key, value in config.items()):
        client.setdefault("allow_http", "true")
    try:
        store = _from_url(
            state.store,
            config=config,
            client_options=client,
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
        )
    except (BaseError, ValueError, TypeError) as error:
        said = str(error).partition("\n")[0][:200]
        for value in sorted(options.values(), key=len, reverse=True):
            said = said.replace(value, "***") if value else said
        said = said.replace(state.store, where)
        raise SnapshotError(
            f"state.store {where} cannot be used: {said.rstrip('.')}; see obstore's names of the options, and write a "
            "folder, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
        ) from None
    return store, None, where


def _prefix(task: str) -> str:
    """The folder of a task: of its parts in characters that every store and file system takes as they are."""
    return "/".join(_plain(part) for part in task.rsplit("/", 2))


def _plain(part: str) -> str:
    """`part` with all but A-Z, a-z, 0-9, "_", "-" and inner dots as =XX; shortened with a hash if that is too long."""
    plain = "".join(
        character if re.fullmatch(r"[A-Za-z0-9_-]", character) or (character == "." and at) else _escaped(character)
        for at, character in enumerate(part)
    )
    if 0 < len(plain) <= _NAME_CHARACTERS:
        return plain
    return f"{plain[:_NAME_CHARACTERS]}={hashlib.blake2b(part.encode(), digest_size=8).hexdigest()}"


def _escaped(character: str) -> str:
    return "".join(f"={byte:02X}" for byte in character.encode())
