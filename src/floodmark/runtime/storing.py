"""What goes wrong with a store of snapshots, in a sentence and a kind; and how long it takes.

It must never block: whoever saves or loads waits beside the work.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import structlog
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from floodmark.runtime.errors import SnapshotError
from floodmark.runtime.forking import ChildError
from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)

SLOW_SECONDS = 15.0
"""A store that takes longer is spoken of, while it is waited for (the client gives a request up after 30 s)."""
LIMIT_SECONDS = 600.0
"""After so long a save or a load is given up."""

STORE_ERRORS = (BaseError, OSError, ValueError)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_KINDS = dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "denied")


class Place(NamedTuple):
    """A store: its name without credentials, and its folder if it is one."""

    where: str
    folder: Path | None


@asynccontextmanager
async def told(
    telemetry: Telemetry | None, place: Place, operation: Literal["save", "load"], task: str, what: str
) -> AsyncIterator[None]:
    """Entered while a store is at work for `task`: measures, says when it takes long, and makes of every failure a
    SnapshotError that begins with `what` and is counted. After `LIMIT_SECONDS` it is given up.
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    saying = loop.call_later(SLOW_SECONDS, _say_slow, place, operation, task)
    failed: SnapshotError | None = None
    try:
        async with asyncio.timeout(LIMIT_SECONDS) as limit:
            yield
    except (ChildError, *STORE_ERRORS) as error:
        if isinstance(error, TimeoutError) and limit.expired():
            reason = f"it took longer than {LIMIT_SECONDS:.0f} s; check how busy the store and the network are"
            failed = SnapshotError(f"{what} ({place.where}): {reason}", "slow")
        else:
            failed = failure(what, place, error)
        raise failed from (error if isinstance(error, ChildError) else None)
    finally:
        saying.cancel()
        if telemetry is not None:
            telemetry.store_seconds.labels(operation).observe(loop.time() - begun)
            if failed is not None:
                telemetry.store_failures.labels(failed.kind).inc()


def failure(what: str, place: Place, error: Exception) -> SnapshotError:
    """`what` and why, made of the error; nothing that an object store answers is in it but a status and a code."""
    number = _number(error)
    if number in _FULL:
        # What goes to an object store is first written to a file of its own.
        return SnapshotError(f"{what}: {_full(place.folder or Path(tempfile.gettempdir()))}", "full")
    if isinstance(error, ChildError):
        if number:
            error = OSError(number, os.strerror(number))
        else:
            return SnapshotError(f"{what} ({place.where}): {error}")
    reason, kind = _reason(error)
    return SnapshotError(f"{what} ({place.where}): {reason}", kind)


def _say_slow(place: Place, operation: str, task: str) -> None:
    store = "folder" if place.folder else "object store at"
    log.warning(
        f"The {store} {place.where} takes longer than {SLOW_SECONDS:.0f} s to {operation} a snapshot of {task}; "
        f"it is given up after {LIMIT_SECONDS:.0f} s, and other work goes on meanwhile"
    )


def _number(error: Exception) -> int:
    """The errno of an error, also of one that a child says; 0 if it has none."""
    if isinstance(error, ChildError):
        found = re.match(r"\w*Error: \[Errno (\d+)\]", str(error))
        return int(found[1]) if found else 0
    return getattr(error, "errno", None) or 0


def _full(folder: Path) -> str:
    """That a folder's disk takes no more, and how much is free on it."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return f"the disk of {folder} is full"
    return (
        f"the disk of {folder} is full, or a quota or limit is reached ({usage.free / 1e6:,.1f} MB of "
        f"{usage.total / 1e6:,.0f} MB are free); make room there, or name another place in state.store. The work goes "
        "on, and a restart reads again from the last snapshot"
    )


def _reason(error: Exception) -> tuple[str, str]:
    """What went wrong and what to check, made of the HTTP status and the server's error code alone; and its kind."""
    said = str(error)
    code = re.search(r"<Code>(\w{1,60})</Code>", said)
    status = re.search(r"status code: (\d{3})", said)
    answer = " ".join(found[1] for found in (status, code) if found)
    if code and code[1] in ("NoSuchBucket", "ContainerNotFound"):
        return f"the bucket does not exist ({answer}); create it, or correct state.store", "other"
    denied = status is not None and status[1] in ("401", "403")
    if denied or isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return (
            f"access is denied ({answer or type(error).__name__}); check the keys in state.options, and that they may "
            "list, read, write and delete there",
            "denied",
        )
    if answer:
        return f"the store answered {answer}; check state.store and state.options", "other"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}; check the folder's disk and permissions", _KINDS.get(error.errno or 0, "other")
    if isinstance(error, FileNotFoundError):
        return "it has vanished; does something else delete there?", "other"
    if "kind: Timeout" in said:
        return "it does not answer in time; check how busy the store and the network are", "slow"
    return (
        "the store cannot be reached; check its address in state.store and state.options, and that it runs",
        "unreachable",
    )
