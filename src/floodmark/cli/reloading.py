"""What a changed configuration means for a run: refused with every problem, or said line by line and handed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from typing import NamedTuple

import structlog

from floodmark.config.diff import diff, effective
from floodmark.config.loader import ConfigError, Loaded
from floodmark.config.models import Config
from floodmark.runtime import Route
from floodmark.runtime.log import configure
from floodmark.runtime.reload import Reload

log = structlog.get_logger(__name__)


class Taken(NamedTuple):
    """What comes of a change: the config to go on with, or None if the new one was refused; and why, in words."""

    config: Config | None
    why: str


async def configs(
    changes: AsyncIterable[str], load: Callable[[], Loaded], running: Config, lacking: Callable[[Config], str]
) -> AsyncIterator[Taken]:
    """For each of `changes`, which say why, the config that can be gone on with without a restart.

    `running` is what runs now; a config is compared with that, so what waits for a restart is said again each time.
    `lacking` says why a config cannot be taken up at all, or nothing. The level and format of the log are changed here.
    Nothing that is wrong with a config is raised: it is logged with its place.
    """
    async for why in changes:
        try:
            loaded = await asyncio.to_thread(load)  # building a River model to try it can take a second
        except ConfigError as error:
            for problem in error.problems:
                log.error(str(problem))
            yield _refused(why, f"{len(error.problems)} problem{'s' * (len(error.problems) > 1)}")
            continue
        for warning in loaded.warnings:
            log.warning(str(warning))
        if lack := lacking(loaded.config):
            yield _refused(why, lack)
            continue
        found = diff(running, loaded.config)
        for change in found:
            log.info(str(change))
        later = sum(change.restart for change in found)
        if found:
            log.info("config reloaded", reason=why, applied=len(found) - later, at_the_next_restart=later)
        else:
            log.info("config read again: nothing changed", reason=why)
        before, running = running, effective(running, loaded.config)
        if running.logging != before.logging:
            configure(running.logging.level, running.logging.format)
        yield Taken(running, why)


async def reloads(
    changes: AsyncIterable[str],
    load: Callable[[], Loaded],
    running: Config,
    routes: Sequence[Route],
    make_routes: Callable[[Config], Sequence[Route]],
) -> AsyncIterator[Reload]:
    """For each of `changes`, which say why, what the engine should go on with. `running` and `routes` are what it began
    with."""
    before = running
    async for config, why in configs(changes, load, running, _lacking):
        if config is None:
            yield Reload(None, why)
            continue
        if config != before.model_copy(update={"logging": config.logging}):
            routes = make_routes(config)
        before = config
        yield Reload(routes, why)


def _lacking(config: Config) -> str:
    return "" if config.inputs else "it names no inputs"


def _refused(why: str, what: str) -> Taken:
    log.error(f"the new config is refused: {what}; the one before it stays in use", reason=why)
    return Taken(None, what)
