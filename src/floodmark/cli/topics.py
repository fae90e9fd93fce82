"""`floodmark topics`: the topics that a config needs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

from floodmark.cli.console import ConfigPath, fail, out, read_config
from floodmark.config.models import Config
from floodmark.flow import written
from floodmark.runtime import RunError
from floodmark.runtime.topics import TopicSpec
from floodmark.runtime.topics import create as create_topics

_FOR_EVER: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Of the feedback and of actions, whose history is the audit trail."""

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
        reports = asyncio.run(create_topics(settings.kafka, _wanted(settings, partitions, replication, inputs)))
    except RunError as error:
        fail(str(error))
    for report in reports:
        out.print(f"{report.outcome:<9} {report.name}{f'  {report.detail}' if report.detail else ''}", markup=False)
    if any(report.outcome == "failed" for report in reports):
        raise typer.Exit(1)


def _wanted(config: Config, partitions: int, replication: int, inputs: bool) -> dict[str, TopicSpec]:
    spec = TopicSpec(partitions, replication)
    names = written(config)
    if inputs:
        names = [source.topic for source in config.inputs] + names
    wanted = dict.fromkeys(names, spec)
    if config.actions is not None:
        wanted[config.topics.actions] = TopicSpec(partitions, replication, _FOR_EVER)
    if config.feedback is not None:
        wanted[config.feedback.topic] = TopicSpec(1, replication, _FOR_EVER)
    return wanted
