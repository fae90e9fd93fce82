"""`floodmark gateway`: webhooks of other systems to Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import structlog
import typer

from floodmark.cli.speaking import ConfigPath, fail, read_config
from floodmark.config.diff import diff
from floodmark.config.gateway import Gateway
from floodmark.config.loader import ConfigError, load_with_warnings
from floodmark.config.models import Config
from floodmark.gateway.service import serve
from floodmark.runtime import RunError, log
from floodmark.runtime.stopping import stop_on_signals
from floodmark.runtime.watching import fingerprint, reload_on_hangup, watching

logger = structlog.get_logger(__name__)

_AT_RESTART = ("host", "port", "cert_file", "key_file", "timeout")


def gateway(config: ConfigPath = Path("floodmark.yaml")) -> None:
    """Take webhooks of other systems over HTTP and write them to Kafka as they came, until SIGTERM.

    Each source of the config's `gateway.sources` has a path of its own, /NAME. What a request proves is checked, its
    body goes whole to the topic of the source, and only once Kafka has it the answer is 2xx; while Kafka is away it is
    503, so that senders come again. Sources that change are taken up as it runs, at once on SIGHUP. /metrics, /healthz
    and /readyz are at the same address. SIGTERM answers what is in flight and leaves; a second one exits at once.
    """
    seen = fingerprint(config)
    settings = read_config(config)
    log.configure(settings.logging.level, settings.logging.format)
    if settings.gateway is None or not settings.gateway.sources:
        _end(settings, f"{config} names no `gateway.sources`: nobody may post anything. See docs/gateway.md.")
    try:
        asyncio.run(_run(settings, config, seen))
    except RunError as error:
        _end(settings, str(error))
    except Exception:
        logger.exception("the gateway has ended by a bug in Floodmark, please report it")
        raise typer.Exit(1) from None


def _end(config: Config, sentence: str) -> None:
    """Say why it ends in the form that its log has. Leaves."""
    if config.logging.format == "text":
        fail(sentence)
    logger.critical(sentence)
    raise typer.Exit(1)


async def _run(config: Config, path: Path, seen: bytes) -> None:
    """`seen` is the fingerprint of the config's files from before they were loaded."""
    with ExitStack() as entered:
        stop = entered.enter_context(stop_on_signals())
        asked = entered.enter_context(reload_on_hangup())
        await serve(
            config,
            stop=stop,
            reloads=_reloads(watching(path, seen, asked), path, config),
            create_with=f"floodmark topics create --config {path}",
        )


async def _reloads(changes: AsyncIterable[str], path: Path, running: Config) -> AsyncIterator[Gateway | None]:
    """For each of `changes`, which say why, the section to go on with; None if it is refused.

    Nothing that is wrong with a config is raised: it is logged with its place. Only `gateway` counts here.
    """
    async for why in changes:
        try:
            loaded = await asyncio.to_thread(load_with_warnings, path)
        except ConfigError as error:
            for problem in error.problems:
                logger.error(str(problem))
            logger.error("the new config is refused; the one before it stays in use", reason=why)
            yield None
            continue
        new = loaded.config.gateway
        if new is None or not new.sources:
            logger.error("the new config is refused: it names no gateway.sources; the one before it stays", reason=why)
            yield None
            continue
        wanted = running.model_copy(update={"gateway": new})
        for change in diff(running, wanted):
            later = change.path.removeprefix("gateway.").split(".")[0] in _AT_RESTART
            logger.info(f"{change}{' (at the next restart)' * later}")
        logger.info("config reloaded", reason=why)
        before = running.gateway or Gateway()
        kept = new.model_copy(update={name: getattr(before, name) for name in _AT_RESTART})
        running = running.model_copy(update={"gateway": kept})
        yield kept
