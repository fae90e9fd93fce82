"""Several processes of the same run on one machine, kept alive by a parent that does no work of its own.

Processes, because one Python interpreter computes on one core at a time: threads would share it. To Kafka they are
members of the same groups, exactly as processes on other machines are; the parent knows nothing of partitions.

A worker's standard input is a pipe that ends when the parent does, however it died; a worker then drains and leaves.
Workers have a session of their own, so that Ctrl-C reaches the parent alone, which passes it on once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog

from floodmark.config.models import Config
from floodmark.runtime.connection import LONGEST_WAIT, stop_within

log = structlog.get_logger(__name__)

REFUSED: Final = 78
"""Exit code of a worker that says why it cannot work (sysexits.h: EX_CONFIG). Another one would say the same."""

DRAIN_SECONDS: Final = 28.0
"""How long workers may take to end after a stop, before they are killed (their own drain gives up earlier)."""


class Pace(NamedTuple):
    """Seconds: before a dead worker is started again, at first and at most (doubling), and for a stop."""

    first: float = 1.0
    longest: float = LONGEST_WAIT
    drain: float = DRAIN_SECONDS


@dataclass
class _Worker:
    number: int
    command: Sequence[str]
    process: Process | None = None
    lives: int = 0

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            try:
                self.process.send_signal(number)
            except ProcessLookupError:  # it ended just now, and the loop has not heard yet
                return


def for_worker(config: Config, number: int) -> Config:
    """The configuration of one worker: its own HTTP port, client id and, if any, static membership. Counts from 0."""
    kafka, http = config.kafka, config.http
    own = {"client_id": f"{kafka.client_id}-{number}"}
    if kafka.instance_id:
        own["instance_id"] = f"{kafka.instance_id}-{number}"
    port = http.port + number if http.port else 0
    return config.model_copy(
        update={"kafka": kafka.model_copy(update=own), "http": http.model_copy(update={"port": port})}
    )


async def supervise(commands: Iterable[Sequence[str]], pace: Pace | None = None) -> int:
    """Run the commands, the workers 0, 1, 2 …, until SIGTERM or SIGINT. Returns the exit code.

    A worker that dies is started again, after a wait that grows while it keeps dying. One that is REFUSED in its first
    life ends all with 1; in a later life it is tried again, because the others work. The first SIGTERM or SIGINT lets
    the workers drain (0 if all did, else 1), a second one kills them (128 and its number). SIGHUP is passed on.

    To be called in a loop of the main thread.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    killed: list[int] = []
    pace = pace or Pace()
    workers = [_Worker(number, command) for number, command in enumerate(commands)]

    def receive(number: signal.Signals) -> None:
        if stop.is_set():
            killed.append(128 + number)
            _send(workers, signal.SIGKILL)
            return
        log.info("stopping the workers; a second signal kills them", signal=number.name)
        stop.set()

    handlers = {
        signal.SIGTERM: lambda: receive(signal.SIGTERM),
        signal.SIGINT: lambda: receive(signal.SIGINT),
        signal.SIGHUP: lambda: _send(workers, signal.SIGHUP),
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        codes = await _until_stopped(workers, stop, pace)
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
    if killed:
        return killed[0]
    return 0 if all(code in (0, -signal.SIGTERM) for code in codes) else 1


async def _until_stopped(workers: Sequence[_Worker], stop: asyncio.Event, pace: Pace) -> list[int]:
    """The exit codes of the workers' last lives, once all have ended."""
    keeping = [asyncio.create_task(_keep(worker, stop, pace)) for worker in workers]
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, *keeping], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        _send(workers, signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=pace.drain)
        if late:
            log.error("workers did not end in time and are killed; what they held is read again", workers=len(late))
            _send(workers, signal.SIGKILL)
        return list(await asyncio.gather(*keeping))
    finally:
        stopping.cancel()
        for task in keeping:
            task.cancel()
        _send(workers, signal.SIGKILL)  # nothing to do unless this was cancelled


async def _keep(worker: _Worker, stop: asyncio.Event, pace: Pace) -> int:
    """Start the worker, again and again, until a stop or a refusal; the exit code of its last life."""
    loop = asyncio.get_running_loop()
    wait = pace.first
    while True:
        began = loop.time()
        worker.process = process = await _spawn(worker.command)
        worker.lives += 1
        log.info("worker started", worker=worker.number, pid=process.pid)
        if stop.is_set():
            worker.send(signal.SIGTERM)
        code = await process.wait()
        if stop.is_set():
            return code
        if code == REFUSED and worker.lives == 1:
            log.error("a worker cannot work; all are stopped", worker=worker.number)
            return code
        if loop.time() - began > 2 * pace.longest:
            wait = pace.first
        how = {"signal": signal.Signals(-code).name} if code < 0 else {"code": code}
        log.error(
            f"a worker ended by surprise; it is started again in {wait:.0f} s",
            worker=worker.number,
            restarts=worker.lives,
            **how,
        )
        if await stop_within(stop, wait):
            return 0
        wait = min(pace.longest, wait * 2)


async def _spawn(command: Sequence[str]) -> Process:
    """A process with SIGHUP blocked, which would kill it before it can listen: `reload_on_hangup` unblocks it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, start_new_session=True)
    finally:
        # Not what it was before: several start at once, and one would keep what another has blocked.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _send(workers: Sequence[_Worker], number: signal.Signals) -> None:
    for worker in workers:
        worker.send(number)


def parent_pipe() -> int:
    """The end that a worker has of the pipe from its parent: its standard input."""
    return sys.stdin.fileno()


@contextmanager
def stop_with_parent(stop: asyncio.Event) -> Iterator[None]:
    """In a worker: sets `stop` when the parent has gone, that is when standard input ends."""
    loop = asyncio.get_running_loop()
    pipe = parent_pipe()

    def ended() -> None:
        if not os.read(pipe, 1):
            loop.remove_reader(pipe)
            if not stop.is_set():
                log.warning("the parent process has gone; stopping")
            stop.set()

    loop.add_reader(pipe, ended)
    try:
        yield
    finally:
        loop.remove_reader(pipe)


def commands(count: int, arguments: Sequence[str]) -> list[list[str]]:
    """`python -m floodmark ARGUMENTS --worker NUMBER` for each worker, with this interpreter.

    -P: as for the installed `floodmark`, what lies in the working directory is not imported.
    """
    return [[sys.executable, "-P", "-m", "floodmark", *arguments, "--worker", str(n)] for n in range(count)]
