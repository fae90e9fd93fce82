"""Work on a frozen picture of this process: a forked child sees all memory as it was at the fork.

What the child does must be plain: encode, compress, write a file, all in its one thread. It must never touch the
event loop, a network client, a log or a lock that another thread of the parent may hold; those exist in it as memory
only, without the threads that serve them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator

TIMEOUT_SECONDS = 600.0
"""Longest time that a child may take; then it is killed."""

_NICE = 10
_REASON_BYTES = 2_000
_DONE = b"\0"  # what the child says through its pipe when all went well; else the reason, or nothing if it was killed
_PR_SET_PDEATHSIG = 1  # prctl(2)
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None  # found before any fork: dlopen takes locks

_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = weakref.WeakKeyDictionary()


class ChildError(Exception):
    """The work was not done; the text is the child's reason, or how it ended."""


async def in_child(
    work: Callable[[], object], timeout: float = TIMEOUT_SECONDS, forked: Callable[[], object] = lambda: None
) -> None:
    """Run `work` in a forked copy of this process and wait for its end; the event loop turns meanwhile.

    The child sees the state of the moment of the fork; what it changes is lost with it, except in files. One child at
    a time: a second call waits for its turn, and its picture is of the moment when that comes. `forked` is called as
    soon as the picture is taken: until then the caller must not change what `work` looks at. Cancelling kills the
    child. Raises ChildError if `work` raises, is killed, or takes longer than `timeout` seconds.

    Python 3.12 and later warn of a fork while there are other threads (aiokafka's and obstore's helpers, asyncio's
    executor): a lock that one of them holds stays locked in the child for ever. It is sound here because CPython and
    the C library mend their own locks at a fork, and `work` takes no others; so exactly that warning is silenced. If
    it deadlocks all the same, the timeout ends it, and no state of the parent is touched.

    The child holds the parent's sockets open until it ends, and uses none. It ignores SIGINT, SIGTERM and SIGHUP (sent
    to the group, they are for the parent, which may want the result to stop in order) and is killed when the parent's
    forking thread ends, by whatever cause.

    Only Linux forks. On macOS the system's libraries do not stand it, and Windows has none: there `work` runs in line,
    and the event loop waits.
    """
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        if sys.platform != "linux":
            _in_line(work)
            forked()
            return
        with _frozen():
            pid, pipe = _fork(work)
            try:
                forked()
                async with asyncio.timeout(timeout):
                    verdict = await _read_to_end(pipe)
            except TimeoutError:
                raise ChildError(f"it took longer than {timeout:g} s and was killed") from None
            finally:
                os.close(pipe)
                ended = _reap(pid)
    if verdict == _DONE:
        return
    if verdict:
        raise ChildError(verdict.decode(errors="replace"))
    raise ChildError(f"it was killed by {ended}")


def _fork(work: Callable[[], object]) -> tuple[int, int]:
    """The child's pid and the end of a pipe that gives its verdict, then ends with it."""
    parent = os.getpid()
    reading, writing = os.pipe()
    # No signal may reach the child before it has let go of the parent's handlers and of the loop's wakeup socket,
    # through which the parent would take the child's signals for its own.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=r".*multi-threaded, use of fork\(\) may lead", category=DeprecationWarning
            )
            pid = os.fork()
        if pid == 0:
            _child(work, parent, reading, writing, mask)
    except BaseException:
        os.close(reading)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(writing)
    os.set_blocking(reading, False)
    return pid, reading


def _child(
    work: Callable[[], object], parent: int, reading: int, writing: int, mask: set[signal.Signals | int]
) -> None:
    """The whole life of the child. Never returns, so that nothing of the parent's (finally, atexit, buffers) runs."""
    verdict = b"it could not be begun"
    try:
        gc.disable()  # a collection would write to every object's header, and so copy every page
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before it could be bound to us
            os._exit(1)
        os.close(reading)
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.nice(_NICE)
        work()
        verdict = _DONE
    finally:
        error = sys.exc_info()[1]
        if error is not None:
            verdict = f"{type(error).__name__}: {error}".encode(errors="replace")[:_REASON_BYTES]
        os.write(writing, verdict)  # shorter than a pipe's buffer: it never waits
        os._exit(0)


async def _read_to_end(pipe: int) -> bytes:
    """What comes through `pipe` until all who could write to it are gone."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(pipe, readable.set)
    said = b""
    try:
        while True:
            await readable.wait()
            readable.clear()
            with contextlib.suppress(BlockingIOError):
                if not (part := os.read(pipe, 4096)):
                    return said
                said += part
    finally:
        loop.remove_reader(pipe)


def _reap(pid: int) -> str:
    """End the child if it still lives, leave no zombie, and say what killed it.

    A child that closed its pipe has no more to do than to vanish, so the kill and the wait change nothing for it. It
    is sent anyway: a child that is stopped (SIGSTOP) would otherwise hold the event loop.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:  # somebody reaps all children of this process, for example with SIGCHLD ignored
        return "a signal that is not known"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Keep the collector from all objects that exist now: as it walks them it writes to them, and each page that the
    parent writes to while the child lives is copied."""
    ours = gc.get_freeze_count() == 0  # else the whole process keeps them frozen, and we must not undo it
    if ours:
        gc.freeze()
    try:
        yield
    finally:
        if ours:
            gc.unfreeze()


def _in_line(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:
        raise ChildError(f"{type(error).__name__}: {error}") from error
