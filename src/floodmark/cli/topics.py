"""`floodmark topics`: the topics that a config needs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from floodmark.cli.speaking import ConfigPath, fail, out, read_config
from floodmark.config.models import Config
from floodmark.flow import written
from floodmark.runtime import RunError
from floodmark.runtime.topics import TopicReport, TopicSpec
from floodmark.runtime.topics import create as create_topics
from floodmark.runtime.topics import partitions as partitions_of

_FOR_EVER: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Of the feedback, of actions and of the audit trail, whose history is what they are for."""
_NEWEST: Final = {"cleanup.policy": "compact", "max.message.bytes": "4194304"}
"""Of the deliveries: the newest of each key holds. It may be as large as an incident and all that waits to be told."""

topics = typer.Typer(help="The topics that a config needs.", no_args_is_help=True, add_completion=False)


@topics.callback()
def _group() -> None:
    """Topics are never created by `run`: who may create topics is the cluster's business."""


@topics.command()
def create(
    config: ConfigPath = Path("floodmark.yaml"),
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of each topic that is created.")] = 4,
    replication: Annotated[int, typer.Option(help="Replicas (-1: the broker's default).")] = -1,
    inputs: Annotated[bool, typer.Option(help="Create the input topics too, if they are not there.")] = True,
) -> None:
    """Create what is missing; what exists is left as it is. Doing it again changes nothing."""
    settings = read_config(config)
    try:
        reports = asyncio.run(_create(settings, _wanted(settings, partitions, replication, inputs)))
    except RunError as error:
        fail(str(error))
    for report in reports:
        out.print(f"{report.outcome:<9} {report.name}{f'  {report.detail}' if report.detail else ''}", markup=False)
    if any(report.outcome == "failed" for report in reports):
        raise typer.Exit(1)


async def _create(config: Config, wanted: dict[str, TopicSpec]) -> list[TopicReport]:
    """The deliveries have as many partitions as the alerts, also where those are there already."""
    topics = config.topics
    if topics.deliveries in wanted and (there := (await partitions_of(config.kafka, [topics.alerts]))[topics.alerts]):
        wanted[topics.deliveries] = replace(wanted[topics.deliveries], partitions=there)
    return await create_topics(config.kafka, wanted)


def _wanted(config: Config, partitions: int, replication: int, inputs: bool) -> dict[str, TopicSpec]:
    spec = TopicSpec(partitions, replication)
    names = written(config)
    if inputs:
        posted = config.gateway.sources.values() if config.gateway is not None else ()
        names = [source.topic for source in (*config.inputs, *posted)] + names
    wanted = dict.fromkeys(names, spec)
    if config.actions is not None:
        wanted[config.topics.actions] = TopicSpec(partitions, replication, _FOR_EVER)
    if config.feedback is not None:
        wanted[config.feedback.topic] = TopicSpec(1, replication, _FOR_EVER)
    wanted[config.topics.reports] = TopicSpec(partitions, replication, _NEWEST)
    if config.audit is not None:
        wanted[config.topics.audit] = TopicSpec(1, replication, _FOR_EVER)
    if config.notify is not None:
        wanted[config.topics.deliveries] = TopicSpec(partitions, replication, _NEWEST)
    return wanted
