"""`run`: consumer groups from the first connection to the last commit. Wires; knows no stage and no format."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, get_args

import structlog

from floodmark.config.http import Http
from floodmark.config.models import Kafka, State, Topics
from floodmark.records import Listener, Output, Record, Stream
from floodmark.runtime import certificates, pauses, probing
from floodmark.runtime.certificates import Expiries
from floodmark.runtime.connection import connection, retrying, stop_within
from floodmark.runtime.delivery import Mail
from floodmark.runtime.endpoint import endpoint
from floodmark.runtime.errors import (
    AwayError,
    CertificateError,
    DrainError,
    MissingTopicsError,
    RunError,
    UnreachableError,
)
from floodmark.runtime.group import Group, Route, Setting
from floodmark.runtime.listening import Listening
from floodmark.runtime.log import folding
from floodmark.runtime.oversight import Oversight
from floodmark.runtime.progress import Progress
from floodmark.runtime.registry import Registry
from floodmark.runtime.reload import Reload
from floodmark.runtime.snapshots import Snapshots
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.topics import largest_messages, missing
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

_ALWAYS: tuple[Stream, ...] = ("anomalies", "alerts", "dead_letters")

DRAIN_SECONDS = 25.0
"""How long a stop may take to deliver what is in flight (Kubernetes kills after 30 s)."""
WATCH_AGAIN_SECONDS = 60.0
ASK_AGAIN_SECONDS = 3.0
"""Pause before Kafka is asked a second time for a topic that it does not know."""


async def run(
    kafka: Kafka,
    routes: Sequence[Route],
    topics: Topics,
    http: Http,
    *,
    state: State,
    idle: float,
    stop: asyncio.Event,
    patience: float = 30.0,
    embedded: bool = False,
    ready: asyncio.Event | None = None,
    on_output: Callable[[Output], None] | None = None,
    create_with: str = "floodmark topics create",
    reloads: AsyncIterator[Reload] | None = None,
    listeners: Sequence[Listener] = (),
    progress: Progress | None = None,
    hide: Callable[[str], str] | None = None,
    registry: Registry | None = None,
) -> None:
    """Run every route's group until `stop` is set, then drain: finish, commit, save, leave, disconnect.

    A cluster that does not answer is waited for, for ever; that it is away, and that it is back, is said once.
    `embedded` says that the broker is `EmbeddedBroker`: topics are created by use and not looked for, delivery is at
    least once, and no snapshots are kept, for they would outlive the broker. `ready` is set once all tasks are
    recovered and heard. `idle` and `patience` are `correlate`'s. `on_output` is called with each output after it is
    committed. `create_with` is the command that creates missing topics, for the message. `reloads` are the configs to
    go on with. Each of `listeners` has heard all of its topic before a task begins, and goes on hearing.
    `progress` is told the groups. `hide` takes secrets out of what our log shows of a record (without it: nothing).
    `registry` has the schemas that records need; it is closed at the end.

    Raises RunError (MissingTopicsError, SecurityError, PermissionDeniedError, AddressError, SnapshotError, DrainError)
    with a sentence for the operator; any other exception is a bug.
    """
    run_ = _Run(kafka, routes, topics, state, idle, patience, stop, embedded, ready, on_output, create_with, listeners)
    run_.progress = progress
    run_.telemetry.refusals.hide = hide
    run_.supply = registry.supply if registry is not None else None
    async with endpoint(http, run_.telemetry), registry or contextlib.nullcontext():
        watches = [asyncio.create_task(_lasting(watch)) for watch in run_.watches()]
        if reloads is not None:
            watches.append(asyncio.create_task(run_.follow(reloads)))
        try:
            with folding(lambda: run_.telemetry.presence.away_since is not None):
                await retrying(run_.lives, run_.stopped, away=run_.telemetry.presence.away)
        except Exception as error:
            run_.telemetry.failure = str(error)
            raise
        finally:
            run_.stopping.cancel()
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
    log.info("stopped")


class _Run:
    """The lives of one run: each has groups of its own; routes, counters and the snapshot store outlive them."""

    def __init__(
        self,
        kafka: Kafka,
        routes: Sequence[Route],
        topics: Topics,
        state: State,
        idle: float,
        patience: float,
        stop: asyncio.Event,
        embedded: bool,
        ready: asyncio.Event | None,
        on_output: Callable[[Output], None] | None,
        create_with: str,
        listeners: Sequence[Listener],
    ) -> None:
        self.telemetry = Telemetry()
        self.progress: Progress | None = None
        self.supply: Callable[[Sequence[Record]], Awaitable[None]] | None = None
        self.telemetry.oversight = self._oversight = Oversight(kafka, patience)
        self.telemetry.standing = {listener.what: listener.standing for listener in listeners}
        self.telemetry.reloaded(success=True, now=time.time())
        self.stopping = asyncio.create_task(stop.wait())
        self._kafka = kafka
        self._routes = routes
        self._state = state
        self._idle = idle
        self._patience = patience
        self._stop = stop
        self._embedded = embedded
        self._ready = ready
        self._on_output = on_output
        self._create_with = create_with
        self._listeners = listeners
        self._streams: Mapping[Stream, str] = {name: getattr(topics, name) for name in get_args(Stream)}
        kept = state.store is not None and not embedded
        self._snapshots = Snapshots(state, self.telemetry) if kept else None
        if self._snapshots is not None:
            self.telemetry.damaged = partial(getattr, self._snapshots, "damaged")
        self._turns = Turns()
        self._lived = False
        self._groups: list[Group] = []
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def watches(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What looks, for as long as the run lasts, at what is around it."""
        kafka, there, expiries = self._kafka, self.telemetry.presence, Expiries(self.telemetry)
        looking: list[Callable[[], Coroutine[Any, Any, None]]] = [partial(pauses.keep_looking, self.telemetry)]
        if not self._embedded:
            looking += [
                partial(certificates.keep_looking, kafka, expiries),
                partial(probing.watch, kafka, there, connected=expiries.note_shown, admitted=self._join_anew),
            ]
        return looking

    async def stopped(self, seconds: float) -> bool:
        """Whether a stop is asked for within `seconds`; they are over early when Kafka comes back."""
        there = self.telemetry.presence
        if there.away_since is None:
            return await stop_within(self._stop, seconds)
        back = asyncio.create_task(there.returned.wait())
        try:
            await asyncio.wait({back, self.stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            back.cancel()
        return self._stop.is_set()

    def _join_anew(self) -> None:
        log.info("Kafka takes us again: joining anew, with the certificates as they are now")
        if not self._changed.done():
            self._changed.set_result(None)

    async def lives(self) -> None:
        """One life after another, until stopped. UnreachableError asks for a pause first."""
        while not self._stop.is_set():
            self._changed = asyncio.get_running_loop().create_future()
            await self._life()

    async def follow(self, reloads: AsyncIterator[Reload]) -> None:
        """Take over each config that comes: into the tasks as they are, or into new groups if topics differ."""
        async for reload in reloads:
            try:
                taken = reload.routes is not None and await self._take_over(reload.routes)
            except RunError as error:
                log.error("the new config cannot be taken up; the old one stays", reason=str(error))
                taken = False
            except Exception:
                log.exception("the new config cannot be taken up (a bug in Floodmark, please report it)")
                taken = False
            self.telemetry.reloaded(success=taken, now=time.time())

    async def _take_over(self, routes: Sequence[Route]) -> bool:
        """Go on with other routes. Raises MissingTopicsError, UnreachableError before anything has changed."""
        before = self._routes
        if routes is before:
            return True
        if [(r.group, r.topics) for r in before] != [(r.group, r.topics) for r in routes]:
            await self._check_topics(routes)
            self._routes = routes
            log.info("the topics have changed: joining anew")
            if not self._changed.done():
                self._changed.set_result(None)
        else:
            self._routes = routes
            pairs = zip(self._groups, routes, strict=False)  # none between two lives: the next one takes it
            await asyncio.gather(*(group.reload(route) for group, route in pairs))
        return True

    async def _life(self) -> None:
        """Join, work until a stop, a failure or other topics, drain."""
        groups = await self._prepared()
        self.telemetry.groups = self._groups = groups
        if self.progress is not None:
            self.progress.groups = groups
        listening = [Listening(self._kafka, each, self.telemetry, self._turns) for each in self._listeners]
        heard = asyncio.create_task(_all_started(listening))
        starts = [heard, *(asyncio.create_task(_after(heard, group.start)) for group in groups)]
        failed = [*(group.failed for group in groups), *(each.failed for each in listening)]
        started = asyncio.gather(*starts)
        try:
            await _first(self.stopping, started, self._changed)
            if not started.done():
                return
            started.result()
            if self._ready is not None:
                self._ready.set()
            log.info("running", groups=[group.name for group in groups])
            overseeing = (
                asyncio.create_task(_lasting(partial(self._oversight.run, groups))) if not self._embedded else None
            )
            try:
                await _first(self.stopping, self._changed, *failed)
            finally:
                if overseeing is not None:
                    overseeing.cancel()
                    await asyncio.wait({overseeing})
        finally:
            self._groups = []
            if self.progress is not None:
                self.progress.groups = ()
            started.cancel()
            for start in starts:  # gather leaves the others running when one fails
                start.cancel()
            await asyncio.wait(starts)
            try:
                await _drain(groups, for_good=self._stop.is_set())
            finally:
                for each in listening:
                    await each.stop()
        for each in listening:
            if each.failed.done():
                each.failed.result()

    async def _prepared(self) -> list[Group]:
        """The groups of this life, not started, once the cluster answers and has all that is needed."""
        kafka, streams = self._kafka, self._streams
        try:
            async with connection(kafka):
                self.telemetry.presence.back()
        except CertificateError as error:
            if not self._lived:
                raise
            raise AwayError(str(error)) from error  # certificates are renewed, and read again by each life
        largest: dict[str, int] = {}
        if self._embedded:
            log.info("embedded broker: it cannot fence, nor keep transactional offsets; delivery is at least once")
        else:
            needed = await self._check_topics(self._routes)
            largest = await largest_messages(kafka, [topic for topic in streams.values() if topic in needed])
            if self._snapshots is None:
                log.warning("no snapshots are kept (state.store is null): a restart learns again from the recent past")
        setting = Setting(
            kafka=kafka,
            state=self._state,
            mail=Mail(streams, largest, self.telemetry, self._on_output, self._turns),
            telemetry=self.telemetry,
            snapshots=self._snapshots,
            idle=self._idle,
            patience=self._patience,
            embedded=self._embedded,
            turns=self._turns,
            supply=self.supply,
            internal=frozenset(streams.values()),
        )
        self._lived = True
        return [Group(route, setting) for route in self._routes]

    async def _check_topics(self, routes: Sequence[Route]) -> set[str]:
        """The topics that the routes need. Raises MissingTopicsError if Kafka says twice that one is not there."""
        inputs = {topic for route in routes for topic in route.topics}
        inputs |= {listener.topic for listener in self._listeners}
        # Internal topics are written only where somebody reads them too: without such inputs they are not needed.
        needed = inputs | {self._streams[name] for name in _ALWAYS}
        if not self._embedded and (absent := await missing(self._kafka, needed)):
            # A broker that has only just begun may not know yet what it has.
            names = ", ".join(absent)
            log.warning(f"Kafka does not know {names}; asking once more in {ASK_AGAIN_SECONDS:.0f} s")
            if not await stop_within(self._stop, ASK_AGAIN_SECONDS) and (absent := await missing(self._kafka, absent)):
                raise MissingTopicsError(absent, self._create_with)
        return needed


async def _lasting(watch: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A watch that is begun again if it fails: a bug in what only looks must not end or mislead the run."""
    while True:
        try:
            await watch()
        except Exception:
            log.exception("a watch has failed (a bug in Floodmark, please report it); it begins again in a minute")
            await asyncio.sleep(WATCH_AGAIN_SECONDS)
        else:
            return


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _all_started(listening: Sequence[Listening]) -> None:
    for each in listening:
        await each.start()


async def _after(first: asyncio.Task[None], start: Callable[[], Awaitable[None]]) -> None:
    await first
    await start()


async def _drain(groups: Sequence[Group], *, for_good: bool) -> None:
    """Drain all groups; raises what made one fail, or DrainError if it takes longer than `DRAIN_SECONDS`; if it is not
    for good, UnreachableError: the next life reads again what was in flight."""
    draining = [asyncio.create_task(group.drain()) for group in groups]
    _, late = await asyncio.wait(draining, timeout=DRAIN_SECONDS)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=1)
    for group in groups:
        if group.failed.done():
            group.failed.result()
    if late and not for_good:
        raise UnreachableError(f"Not all that was in flight could be delivered in {DRAIN_SECONDS:.0f} s")
    if late:
        raise DrainError(
            f"Not all that was in flight could be delivered in {DRAIN_SECONDS:.0f} s; "
            "nothing is lost, it is read again at the next start"
        )
    for task in draining:
        task.result()
