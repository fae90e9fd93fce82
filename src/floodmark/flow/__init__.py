"""From a config to tasks: which topic is read by which kind of task. This is the whole topology of Floodmark.

metrics, logs ───────────────► detect ──► anomalies ──► correlate ──► alerts
predictions, outcomes ─ route ─► model events ─► detect ─┘
changes ─ route ─────────────────────────────► anomalies
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from floodmark.config.models import Config, Input
from floodmark.flow.tasks import CorrelateTask, DetectTask, RouteTask
from floodmark.records import Task

__all__ = ["JOINED", "CorrelateTask", "DetectTask", "RouteTask", "TaskFactory", "groups"]

TaskFactory = Callable[[str, int, int], Task]
"""(topic, partition, number of tasks in the group) → task."""

JOINED = ("prediction", "outcome")


def groups(config: Config) -> dict[str, dict[str, TaskFactory]]:
    """The work by consumer group: in each, the topics that it reads and what makes the task of a partition.

    Groups are in the order of the flow. A group that would read nothing is left out.
    """
    route: dict[str, TaskFactory] = {}
    detect: dict[str, TaskFactory] = {}
    for source in config.inputs:
        if source.signal in (*JOINED, "change"):
            route[source.topic] = partial(_route, config, source)
        else:
            detect[source.topic] = partial(_detect, config, source)
    if any(source.signal in JOINED for source in config.inputs):
        detect[config.topics.model_events] = partial(_detect, config, None)
    correlate: dict[str, TaskFactory] = {config.topics.anomalies: partial(_correlate, config)}
    work = {"route": route, "detect": detect, "correlate": correlate}
    return {group: topics for group, topics in work.items() if topics}


def _route(config: Config, source: Input, topic: str, partition: int, _: int) -> Task:
    return RouteTask(config, source, partition)


def _detect(config: Config, source: Input | None, topic: str, partition: int, tasks: int) -> Task:
    return DetectTask(config, source, topic, partition, tasks)


def _correlate(config: Config, topic: str, partition: int, _: int) -> Task:
    return CorrelateTask(config, topic, partition)
