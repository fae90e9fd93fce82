"""`floodmark run`: the engine on a Kafka cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path

from floodmark import runtime
from floodmark.cli.console import ConfigPath, fail, read_config
from floodmark.config.models import Config
from floodmark.flow import groups
from floodmark.runtime import Route, RunError, log
from floodmark.runtime.stopping import stop_on_signals


def run(config: ConfigPath = Path("floodmark.yaml")) -> None:
    """Watch the topics of the config and publish incidents, until SIGTERM or Ctrl-C.

    Reads with consumer groups, so more processes share the partitions: start the same command again, anywhere. A
    broker that is not there is waited for. Logs go to standard error; /metrics, /healthz and /readyz are served where
    the config's `http` says. SIGTERM finishes what is in flight, commits and leaves; a second one exits at once.
    """
    settings = read_config(config)
    if not settings.inputs:
        fail(f"{config} names no `inputs`: there is nothing to watch. See deploy/floodmark.example.yaml.")
    log.configure(settings.logging.level, settings.logging.format)
    try:
        asyncio.run(_run(settings, config))
    except RunError as error:
        fail(str(error))


async def _run(config: Config, path: Path) -> None:
    with stop_on_signals() as stop:
        await runtime.run(
            config.kafka,
            routes(config),
            config.topics,
            config.http,
            idle=config.correlate.idle,
            stop=stop,
            create_with=f"floodmark topics create --config {path}",
        )


def routes(config: Config) -> list[Route]:
    """The config's work as the runtime takes it: a route for each consumer group."""

    def route(group: str) -> Route:
        factories = work[group]
        return Route(group, tuple(factories), lambda topic, partition, tasks: factories[topic](topic, partition, tasks))

    work = groups(config)
    return [route(group) for group in work]
