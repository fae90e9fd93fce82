"""Notices that a configuration is no longer what was loaded: by reading it every few seconds, or at once on SIGHUP.

Content is compared, not times or events: a ConfigMap is a symlink that is swapped for another one, which inotify on
the file does not see and which may bring an older time. It must never load or judge a configuration.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from floodmark.config.loader import files_of
from floodmark.runtime.connection import stop_within

POLL_SECONDS = 2.0
"""Time between two looks. A change is taken up once two looks agree, so after two to four seconds."""

_SECRET = re.compile(rb"\bfile:([^\s'\",}\]]+)")
_LONGEST = 16_000_000
"""Bytes of a file that are looked at: a path may name a device that never ends."""


def fingerprint(path: Path) -> bytes:
    """Digest of all that a load of `path` reads: the file or the folder's files, and the secret files that they name.

    A file that cannot be read counts by the reason, so its coming and going are changes too. Names of secret files
    that hold spaces or ${…} are not seen.
    """
    digest = hashlib.blake2b(digest_size=16)
    files, problems = files_of(path)
    for problem in problems:
        digest.update(problem.message.encode())
    secrets: dict[Path, None] = {}
    for file in files:
        content = _content(file)
        _add(digest, file, content)
        for name in _SECRET.findall(content):
            secrets[file.parent / Path(name.decode(errors="replace")).expanduser()] = None
    for secret in secrets:
        _add(digest, secret, _content(secret))
    return digest.digest()


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(_LONGEST)
    except (OSError, ValueError) as error:
        return f"unreadable: {getattr(error, 'strerror', None) or error}".encode()


def _add(digest: hashlib.blake2b, file: Path, content: bytes) -> None:
    for part in (str(file).encode(errors="surrogateescape"), content):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)


async def watching(
    path: Path,
    known: bytes,
    asked: asyncio.Event,
    *,
    interval: float = POLL_SECONDS,
    read: Callable[[Path], bytes] = fingerprint,
    wait: Callable[[asyncio.Event, float], Awaitable[bool]] = stop_within,
) -> AsyncIterator[str]:
    """Yields why the configuration should be read again: because it was `asked` for, or because its content changed.

    `known` is the fingerprint from before the configuration in use was loaded, so that no change is missed. A change
    counts once two looks in a row see the same new content: a file that is half written is left alone. `asked` is
    cleared when it is heard, and is not made to wait. `wait(event, seconds)` says whether the event was set in time.
    """
    suspected: bytes | None = None
    while True:
        hurried = await wait(asked, interval)
        asked.clear()
        seen = await asyncio.to_thread(read, path)
        if hurried:
            known, suspected = seen, None
            yield "SIGHUP"
        elif seen == known:
            suspected = None
        elif seen == suspected:
            known, suspected = seen, None
            yield "its content changed"
        else:
            suspected = seen


@contextmanager
def reload_on_hangup() -> Iterator[asyncio.Event]:
    """An event that is set by each SIGHUP, which no longer ends the process.

    To be entered inside a running loop of the main thread. A parent may have started us
    with SIGHUP blocked, so that one that came too early waits: it is heard now.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    try:
        yield asked
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
