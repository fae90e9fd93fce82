"""What a process says of itself once, beside its work: written as soon as Kafka takes it, and never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from floodmark.config.models import Kafka
from floodmark.records import Output
from floodmark.runtime.errors import MissingTopicsError, RunError, UnreachableError
from floodmark.runtime.writing import write

log = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = 5.0
_WAITING: Final = 100
"""Most that wait to be said; the oldest goes first."""


class Announcing:
    """`say` what is to be written to `topic`, from any thread; `run` writes it, until it is cancelled."""

    def __init__(
        self,
        kafka: Kafka,
        topic: str,
        write_: Callable[[Kafka, str, Output], Awaitable[object]] = write,
        again: float = _AGAIN_SECONDS,
    ) -> None:
        self._kafka, self._topic, self._write, self._again = kafka, topic, write_, again
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Output] = asyncio.Queue()

    def say(self, output: Output) -> None:
        self._loop.call_soon_threadsafe(self._put, output)

    async def run(self) -> None:
        while True:
            output = await self._waiting.get()
            while not await self._said(output):
                await asyncio.sleep(self._again)

    def _put(self, output: Output) -> None:
        if self._waiting.qsize() >= _WAITING:
            self._waiting.get_nowait()
        self._waiting.put_nowait(output)

    async def _said(self, output: Output) -> bool:
        """Whether it is written, or never can be."""
        try:
            await self._write(self._kafka, self._topic, output)
        except UnreachableError:
            return False
        except MissingTopicsError:
            log.info("not said which config runs: its topic is not there", topic=self._topic)
        except RunError as error:
            log.warning("not said which config runs", topic=self._topic, reason=str(error))
        return True
