"""`run`: consumer groups from the first connection to the last commit. Wires; knows no stage and no format."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog

from floodmark.config.models import Http, Kafka, Topics
from floodmark.records import Output, Stream
from floodmark.runtime.connection import connection, retrying, stop_within
from floodmark.runtime.endpoint import endpoint
from floodmark.runtime.errors import DrainError, MissingTopicsError
from floodmark.runtime.group import Group, Route
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.topics import largest_messages, missing

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 25.0
"""How long a stop may take to deliver what is in flight (Kubernetes kills after 30 s)."""


async def run(
    kafka: Kafka,
    routes: Sequence[Route],
    topics: Topics,
    http: Http,
    *,
    idle: float,
    stop: asyncio.Event,
    embedded: bool = False,
    ready: asyncio.Event | None = None,
    on_output: Callable[[Output], None] | None = None,
    create_with: str = "floodmark topics create",
) -> None:
    """Run every route's group until `stop` is set, then drain: finish, deliver, commit, leave, disconnect.

    A cluster that does not answer is waited for, for ever, with one sentence an attempt. `embedded` says that the
    broker is `EmbeddedBroker`: topics are created by use and not looked for. `ready` is set once all groups are joined
    and at work. `on_output` is called with each output after it is acknowledged. `create_with` is the command that
    creates missing topics, for the message.

    Raises RunError (MissingTopicsError, SecurityError, PermissionDeniedError, AddressError, DrainError) with a sentence
    for the operator; any other exception is a bug.
    """
    telemetry = Telemetry()
    streams: dict[Stream, str] = {
        "anomalies": topics.anomalies,
        "alerts": topics.alerts,
        "dead_letters": topics.dead_letters,
        "model_events": topics.model_events,
    }
    inputs = dict.fromkeys(topic for route in routes for topic in route.topics)
    # The model events are written only where somebody reads them too: without model inputs the topic is not needed.
    needed = dict.fromkeys([*inputs, topics.anomalies, topics.alerts, topics.dead_letters])

    async def attempt() -> None:
        """One life: join, work until `stop` or a failure, drain. UnreachableError asks for another one."""
        async with connection(kafka):
            pass
        largest: dict[str, int] = {}
        if not embedded:
            if absent := await missing(kafka, needed):
                raise MissingTopicsError(absent, create_with)
            largest = await largest_messages(kafka, [topic for topic in streams.values() if topic in needed])
        groups = [
            Group(kafka, route, streams, telemetry, idle=idle, largest=largest, on_output=on_output) for route in routes
        ]
        telemetry.groups = groups
        starts = [asyncio.create_task(group.start()) for group in groups]
        started = asyncio.gather(*starts)
        try:
            await _first(stopping, started)
            if not started.done():
                return
            started.result()
            if ready is not None:
                ready.set()
            log.info("running", groups=[group.name for group in groups], topics=list(inputs))
            await _first(stopping, *(group.failed for group in groups))
        finally:
            started.cancel()
            for start in starts:  # gather leaves the others running when one fails
                start.cancel()
            await asyncio.wait(starts)
            await _drain(groups)

    async with endpoint(http, telemetry):
        stopping = asyncio.create_task(stop.wait())
        try:
            await retrying(attempt, partial(stop_within, stop))
        except Exception as error:
            telemetry.failure = str(error)
            raise
        finally:
            stopping.cancel()
    log.info("stopped")


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _drain(groups: Sequence[Group]) -> None:
    """Drain all groups; raises what made one fail, or DrainError if it takes longer than `DRAIN_SECONDS`."""
    draining = [asyncio.create_task(group.drain()) for group in groups]
    _, late = await asyncio.wait(draining, timeout=DRAIN_SECONDS)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=1)
    for group in groups:
        if group.failed.done():
            group.failed.result()
    if late:
        raise DrainError(
            f"Not all that was in flight could be delivered in {DRAIN_SECONDS:.0f} s; "
            "nothing is lost, it is read again at the next start"
        )
    for task in draining:
        task.result()
