"""The engine on the embedded broker, as both demos run it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from floodmark import runtime
from floodmark.cli.run import routes
from floodmark.config.models import Config
from floodmark.runtime.progress import Progress
from floodmark.simulate.watcher import Watcher


@asynccontextmanager
async def engine(
    config: Config, stop: asyncio.Event, watcher: Watcher, progress: Progress, *, patience: float
) -> AsyncIterator[asyncio.Task[None]]:
    """The engine on the embedded broker, ready or failed, for as long as the context lasts; its task.

    `patience`: `correlate`'s, in seconds; all tasks are in this process, so that a slow one is all that can be missing.
    Leaving sets `stop` and raises RunError if it had failed.
    """
    ready = asyncio.Event()
    running = asyncio.create_task(
        runtime.run(
            config.kafka,
            routes(config),
            config.topics,
            config.http,
            state=config.state,
            idle=config.correlate.idle,
            patience=patience,
            stop=stop,
            embedded=True,
            ready=ready,
            on_output=watcher.see,
            progress=progress,
        )
    )
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        yield running
    finally:
        stop.set()
        waiting.cancel()
        await running
