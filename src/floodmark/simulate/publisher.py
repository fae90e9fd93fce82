"""The parent's side of the publisher process: start it, give it credit, end it.

It must never leave an orphan behind.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from floodmark.simulate.faults import MINUTE
from floodmark.simulate.publish import BOUND, PublishError
from floodmark.simulate.shop import Shop

_PATIENCE = 5.0
"""Seconds that the process has to end after SIGTERM, before it is killed."""


class Publisher:
    """The running process. `events`, `time` and `done` are what it last said of itself; `time` is event time."""

    def __init__(self, process: Process, start: float) -> None:
        self._process = process
        self._told = start
        self.events = 0
        self.time = start
        self.done = False
        self._output = asyncio.create_task(self._read())
        self._errors = asyncio.create_task(self._complaints())

    def reached(self, time: float) -> None:
        """The consumers have handled all up to event time `time`. Cheap: progress of less than a minute is not told."""
        pipe = self._process.stdin
        if pipe is None or pipe.is_closing() or self._process.returncode is not None or time < self._told + MINUTE:
            return
        self._told = time
        pipe.write(f"reached {time:.3f}\n".encode())

    async def wait(self) -> None:
        """Return when all is published, or the process was stopped. Raises PublishError if it failed."""
        status = await self._process.wait()
        await self._output
        if status != 0 and not self.done:
            words = (await self._errors).strip().splitlines()
            raise PublishError(words[-1] if words else f"The publisher ended with status {status}.")

    async def stop(self) -> None:
        """End the process if it still runs, and wait until it has."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _PATIENCE)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        await asyncio.gather(self._output, self._errors)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = orjson.loads(line)
            self.events, self.time, self.done = said["events"], said["time"], said["done"]

    async def _complaints(self) -> str:
        """The last of standard error; bounded, and read on so that the process never waits for us."""
        assert self._process.stderr is not None
        kept = b""
        while piece := await self._process.stderr.read(4096):
            kept = (kept + piece)[-4096:]
        return kept.decode("utf-8", "replace")


@asynccontextmanager
async def publishing(bootstrap: str, shop: Shop, *, bound: float = BOUND) -> AsyncIterator[Publisher]:
    """Publish `shop` from another process for as long as the context lasts; leaving it stops the process."""
    arguments = {"bootstrap": bootstrap, "seed": shop.seed, "start": shop.start, "days": shop.days, "bound": bound}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "floodmark.simulate.publish",
        *(f"--{name}={value}" for name, value in arguments.items()),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    publisher = Publisher(process, shop.start)
    try:
        yield publisher
    finally:
        await publisher.stop()
