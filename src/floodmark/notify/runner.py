"""`floodmark notify`: from the first connection to the last commit. Wires; knows no route and no target.

It lives as the engine does: a cluster that is away is waited for, and that is said once; a stop finishes what is under
way; another config is taken up as it runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import aiohttp
import structlog

from floodmark.config.calendars import Calendar, read_calendars
from floodmark.config.models import Config
from floodmark.notify import aside, exchange, sinks
from floodmark.notify.desk import Desk
from floodmark.notify.group import Group, Setting, Work
from floodmark.notify.hearing import Hearing
from floodmark.notify.masking import Masking, cover, covering
from floodmark.notify.metrics import Metrics
from floodmark.notify.posting import Posting
from floodmark.notify.sink import Event, Sink
from floodmark.records import Stream
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
from floodmark.runtime.listening import Listening
from floodmark.runtime.log import folding
from floodmark.runtime.oversight import Oversight
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.topics import largest_messages, partitions
from floodmark.runtime.turns import Turns

log = structlog.get_logger(__name__)

DRAIN_SECONDS: Final = 25.0
"""How long a stop may take (Kubernetes kills after 30 s)."""
_ASK_AGAIN_SECONDS: Final = 3.0
_AGAIN_SECONDS: Final = 60.0

MakeDesk = Callable[[Config, Mapping[str, frozenset[Event]], Mapping[str, Calendar]], Desk]
MakeSinks = Callable[[Config, aiohttp.ClientSession], Mapping[str, Sink]]


class Reloaded(NamedTuple):
    """A config to go on with; None: it was refused, and the one before it stays."""

    config: Config | None


def _targets(config: Config, session: aiohttp.ClientSession) -> Mapping[str, Sink]:
    assert config.notify is not None
    return sinks.make(config.notify, session)


async def run(
    config: Config,
    *,
    stop: asyncio.Event,
    ready: asyncio.Event | None = None,
    reloads: AsyncIterator[Reloaded] | None = None,
    folder: Path | None = None,
    create_with: str = "floodmark topics create",
    embedded: bool = False,
    make_desk: MakeDesk = Desk,
    make_sinks: MakeSinks = _targets,
) -> None:
    """Tell people of incidents until `stop` is set; then finish what is under way, commit, leave.

    The config has `notify`; what it names by a relative path is in `folder`. `ready` is set once all desks of the first
    assignment are at work. `embedded`: as for `floodmark.runtime.run`. Raises RunError with a sentence for the
    operator; any other exception is a bug.
    """
    assert config.notify is not None
    async with AsyncExitStack() as entered:
        masking = Masking(config)
        entered.enter_context(covering(masking))
        session = await entered.enter_async_context(exchange.session())
        here = folder or Path()
        run_ = _Run(config, masking, session, stop, ready, here, create_with, embedded, make_desk, make_sinks)
        await entered.enter_async_context(endpoint(config.notify.http, run_.telemetry, "notify.http"))
        entered.enter_context(folding(lambda: run_.telemetry.presence.away_since is not None))
        watches = [asyncio.create_task(_lasting(watch)) for watch in run_.watches()]
        if reloads is not None:
            watches.append(asyncio.create_task(run_.follow(reloads)))
        try:
            await retrying(run_.lives, run_.stopped, away=run_.telemetry.presence.away)
        except Exception as error:
            run_.telemetry.failure = masking(str(error))
            raise
        finally:
            run_.stopping.cancel()
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
    log.info("stopped")


class _Run:
    """The lives of one run: each has a group of its own; counters, targets and what people do outlive them."""

    def __init__(
        self,
        config: Config,
        masking: Masking,
        session: aiohttp.ClientSession,
        stop: asyncio.Event,
        ready: asyncio.Event | None,
        folder: Path,
        create_with: str,
        embedded: bool,
        make_desk: MakeDesk,
        make_sinks: MakeSinks,
    ) -> None:
        self.telemetry = Telemetry()
        self.telemetry.oversight = self._oversight = Oversight(config.kafka, config.correlate.patience)
        self.telemetry.reloaded(success=True, now=time.time())
        self.stopping = asyncio.create_task(stop.wait())
        self._metrics = Metrics(self.telemetry.registry)
        self._masking = masking
        self._session = session
        self._stop = stop
        self._ready = ready
        self._folder = folder
        self._create_with = create_with
        self._embedded = embedded
        self._make_desk = make_desk
        self._make_sinks = make_sinks
        self._work = self._worked(config)
        self._turns = Turns()
        self._lived = False
        self._group: Group | None = None
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _worked(self, config: Config) -> Work:
        """What a config means. Raises RunError for a target that cannot be made, and a calendar that cannot be read."""
        assert config.notify is not None
        made = self._make_sinks(config, self._session)
        posting = Posting(config.notify, made, self._masking)
        try:
            calendars = read_calendars(config, self._folder)
        except (OSError, ValueError) as error:
            raise RunError(f"A calendar of notify.schedules cannot be read: {error}") from error
        silences = sinks.silences(config.notify, self._session)
        if silences and config.actions is None:
            log.warning(
                "silences of Alertmanager are not heeded, since the config has no `actions`", targets=[*silences]
            )
        return Work(config, posting, partial(self._make_desk, config, sinks.takes(made), calendars), silences)

    def watches(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What looks, for as long as the run lasts, at what is around it."""
        kafka, there, expiries = self._work.config.kafka, self.telemetry.presence, Expiries(self.telemetry)
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

    async def follow(self, reloads: AsyncIterator[Reloaded]) -> None:
        """Take over each config that comes."""
        async for config, *_ in reloads:
            cover(self._masking)
            try:
                taken = config is not None and await self._take_over(config)
            except RunError as error:
                log.error("the new config cannot be taken up; the old one stays", reason=str(error))
                taken = False
            except Exception:
                log.exception("the new config cannot be taken up (a bug in Floodmark, please report it)")
                taken = False
            self.telemetry.reloaded(success=taken, now=time.time())

    async def _take_over(self, config: Config) -> bool:
        if config == self._work.config:
            return True
        self._masking.learn(config)
        work = self._worked(config)
        counts = await self._counts(config)
        before, self._work = self._work, work  # between two lives, the next one takes it
        if (before.config.actions is None) != (config.actions is None):
            log.info("whether people act has changed: joining anew")
            if not self._changed.done():
                self._changed.set_result(None)
        elif self._group is not None:
            await self._group.reload(work, counts)
        return True

    async def _life(self) -> None:
        """Join, work until a stop or a failure, drain."""
        work = self._work
        kafka, topics = work.config.kafka, work.config.topics
        await self._greet()
        counts = await self._counts(work.config)
        hearing = Hearing(topics.actions) if work.config.actions is not None else None
        listening = Listening(kafka, hearing, self.telemetry, self._turns) if hearing is not None else None
        streams: Mapping[Stream, str] = {name: getattr(topics, name) for name in get_args(Stream)}
        written = {topics.deliveries, topics.dead_letters} | ({topics.actions} if hearing is not None else set())
        largest = {} if self._embedded else await largest_messages(kafka, sorted(written))
        mail = Mail(streams, largest, self.telemetry, None, self._turns)
        setting = Setting(mail, self._turns, self.telemetry, self._metrics, hearing, counts, self._embedded)
        group = Group(work, setting)
        self.telemetry.groups = (group,)
        self._metrics.views = lambda: list(group.views())
        started = asyncio.create_task(_in_order(listening, group))
        failed = [each.failed for each in (group, listening) if each is not None]
        try:
            await _first(self.stopping, started, self._changed)
            if not started.done():
                return
            started.result()
            self._group, self._lived = group, True
            if self._ready is not None:
                self._ready.set()
            log.info("running", group=group.name, targets=len(work.config.notify.targets if work.config.notify else ()))
            overseeing = None if self._embedded else asyncio.create_task(_lasting(self._overseen(group)))
            try:
                await _first(self.stopping, self._changed, *failed)
            finally:
                if overseeing is not None:
                    overseeing.cancel()
                    await asyncio.wait({overseeing})
        finally:
            self._group = None
            started.cancel()
            await asyncio.wait({started})
            try:
                await _drain(group, for_good=self._stop.is_set())
            finally:
                if listening is not None:
                    await listening.stop()
        for each in failed:
            if each.done():
                each.result()

    def _overseen(self, group: Group) -> Callable[[], Coroutine[Any, Any, None]]:
        return lambda: self._oversight.run([group])

    async def _greet(self) -> None:
        """Return once the cluster answers. Raises AwayError, SecurityError."""
        try:
            async with connection(self._work.config.kafka):
                self.telemetry.presence.back()
        except CertificateError as error:
            if not self._lived:
                raise
            raise AwayError(str(error)) from error  # certificates are renewed, and read again by each life

    async def _counts(self, config: Config) -> dict[str, int]:
        """The partitions of all topics that a config needs. Raises RunError if they are not as they must be."""
        topics = config.topics
        needed = [topics.alerts, topics.deliveries, topics.dead_letters, *aside.topics_of(config)]
        needed += [topics.actions] if config.actions is not None else []
        found = await partitions(config.kafka, needed)
        if not self._embedded and (absent := [name for name, count in found.items() if not count]):
            # A broker that has only just begun may not know yet what it has.
            log.warning(f"Kafka does not know {', '.join(absent)}; asking once more in {_ASK_AGAIN_SECONDS:.0f} s")
            await stop_within(self._stop, _ASK_AGAIN_SECONDS)
            found |= await partitions(config.kafka, absent)
            if absent := [name for name in needed if not found[name]]:
                raise MissingTopicsError(sorted(absent), self._create_with)
        counts = {name: count or 1 for name, count in found.items()}
        if counts[topics.deliveries] < counts[topics.alerts] and not self._embedded:
            raise RunError(
                f"Topic {topics.deliveries} has {counts[topics.deliveries]} partitions, and {topics.alerts} has "
                f"{counts[topics.alerts]}: it needs as many, since what is told of a partition is kept in that of the "
                f"same number. Add partitions to {topics.deliveries}"
            )
        return counts


async def _in_order(listening: Listening | None, group: Group) -> None:
    """What people did is heard before a desk begins."""
    if listening is not None:
        await listening.start()
    await group.start()


async def _drain(group: Group, *, for_good: bool) -> None:
    draining = asyncio.create_task(group.drain())
    _, late = await asyncio.wait({draining}, timeout=DRAIN_SECONDS)
    if late:
        draining.cancel()
        await asyncio.wait(late, timeout=1)
        words = f"Not all that was under way could be committed in {DRAIN_SECONDS:.0f} s"
        if for_good:
            raise DrainError(f"{words}; nothing is lost, it is sent again at the next start")
        raise UnreachableError(words)
    if group.failed.done():
        group.failed.result()
    draining.result()


async def _lasting(watch: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A watch that is begun again if it fails: a bug in what only looks must not end or mislead the run."""
    while True:
        try:
            await watch()
        except Exception:
            log.exception("a watch has failed (a bug in Floodmark, please report it); it begins again in a minute")
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            return


async def _first(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
