"""Messages on their way to targets: some at a time to each, and whatever happens becomes an outcome in words.

A target has lanes of its own, so that one that hangs holds up no other. What has waited for a lane for too long goes
back to the desk, which may have something newer to say by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from floodmark.config.notify import Notify
from floodmark.notify.desk import Job
from floodmark.notify.masking import Masking
from floodmark.notify.sink import Delivered, Later, Outcome, Refused, Sink, UnansweredError

log = structlog.get_logger(__name__)

LANES: Final = 8
"""Messages on their way to one target at a time, in this process."""
WAIT_SECONDS: Final = 30.0
"""So long a message waits for a lane."""
_REQUESTS: Final = 4
"""A sink may need several requests for a message; each has the target's time-out."""
_LONGEST: Final = 500


class Posting:
    """The targets of one config, and what is on its way to them."""

    def __init__(self, config: Notify, sinks: Mapping[str, Sink], masking: Masking, wait: float = WAIT_SECONDS) -> None:
        self._sinks = sinks
        self._masking = masking
        self._wait = wait
        self._lanes = {name: asyncio.Semaphore(LANES) for name in sinks}
        self._seconds = {name: _REQUESTS * target.timeout + 5 for name, target in config.targets.items()}

    async def tell(self, job: Job, begin: Callable[[], Awaitable[bool]] | None = None) -> Outcome | None:
        """Tell a target; what has come of it. `begin` is asked when it is the message's turn: if it says no, nothing is
        sent, and the answer is None."""
        lane = self._lanes.get(job.target)
        if lane is None:
            return Refused("there is no such target in the config any more")
        try:
            async with asyncio.timeout(self._wait):
                await lane.acquire()
        except TimeoutError:
            return Later(f"the messages before it have taken longer than {self._wait:.0f} s", sent=False)
        try:
            return await self._told(job) if begin is None or await begin() else None
        finally:
            lane.release()

    async def _told(self, job: Job) -> Outcome:
        seconds = self._seconds[job.target]
        try:
            async with asyncio.timeout(seconds) as limit:
                outcome = await self._sinks[job.target].deliver(self._masking.message(job.message), job.memory)
        except UnansweredError as error:
            return Later(self._words(str(error)))
        except TimeoutError:
            if limit.expired():
                return Later(f"it took longer than {seconds:.0f} s")
            return Later("no answer in time")
        except Exception as error:
            kind = type(error).__name__
            log.exception("a target's sink raised (a bug in Floodmark, please report it)", target=job.target)
            return Later(f"a bug of ours ({kind}); see the log")
        return self._clean(outcome)

    def _clean(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Delivered):
            return outcome._replace(note=self._words(outcome.note))
        return outcome._replace(reason=self._words(outcome.reason))

    def _words(self, text: str) -> str:
        return self._masking(" ".join(text.split()))[:_LONGEST]
