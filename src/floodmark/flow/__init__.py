"""From a config to tasks: which topic is read by which kind of task. This is the whole topology of Floodmark.

metrics, logs, spans ────────► detect ──► anomalies ──► correlate ──► alerts
those with rekey ─ route ─► rekeyed ─► detect ─┤
predictions, outcomes ─ route ─► model events ─► detect ─┘
changes, alerts of others, what people do ─ route ─► anomalies
what people do elsewhere ─ route ─► actions
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from functools import partial

from floodmark.config.models import Config, Input
from floodmark.detect.feedback import Feedback
from floodmark.detect.upkeep import Upkeep
from floodmark.flow.actions import ActionTask
from floodmark.flow.tasks import TOLD, CorrelateTask, DetectTask, RouteTask
from floodmark.records import Schemas, Task

__all__ = [
    "TOLD",
    "ActionTask",
    "CorrelateTask",
    "DetectTask",
    "RouteTask",
    "TaskFactory",
    "groups",
    "prepare",
    "written",
]

TaskFactory = Callable[[str, int, Mapping[str, int]], Task]
"""(topic, partition, number of partitions by topic of the group) → task."""

JOINED = ("prediction", "outcome")
REKEYED = ("metric", "log", "span")


def groups(
    config: Config,
    feedback: Feedback | None = None,
    schemas: Schemas | None = None,
    upkeep: Upkeep | None = None,
) -> dict[str, dict[str, TaskFactory]]:
    """The work by consumer group: in each, the topics that it reads and what makes the task of a partition.

    Groups are in the order of the flow. A group that would read nothing is left out. `feedback`: what people say of
    anomalies, and `upkeep`: which series they are at work on, for all tasks of a process. `schemas`: of a schema
    registry, those that are needed by then.
    """
    route: dict[str, TaskFactory] = {}
    detect: dict[str, TaskFactory] = {}
    for source in config.inputs:
        if source.signal in (*JOINED, *TOLD) or source.rekey:
            route[source.topic] = partial(_route, config, source, schemas, upkeep)
        else:
            detect[source.topic] = partial(_detect, config, feedback, upkeep, source, schemas)
    for topic in _meeting_places(config):
        detect[topic] = partial(_detect, config, feedback, upkeep, None, None)
    if config.actions is not None:
        route[config.topics.actions] = partial(_act, config)
    correlate: dict[str, TaskFactory] = {config.topics.anomalies: partial(_correlate, config)}
    work = {"route": route, "detect": detect, "correlate": correlate}
    return {group: topics for group, topics in work.items() if topics}


def prepare(config: Config) -> float:
    """Load the compiled series core if the config needs it; the seconds that it took.

    A first start compiles (about ten seconds) and keeps the result beside the module, or in Numba's cache folder.
    Later ones take half a second. To be called before a group is joined: heartbeats would wait for it.
    """
    began = time.perf_counter()
    if any(source.signal == "metric" for source in config.inputs):
        importlib.import_module("floodmark.detect.bank.kernel")
    return time.perf_counter() - began


def written(config: Config) -> list[str]:
    """The topics that this config writes, and that must exist: the internal ones only where something goes through."""
    topics = config.topics
    acted = [topics.actions] if config.actions is not None else []
    own = [topics.anomalies, topics.alerts, topics.dead_letters, *acted, *_meeting_places(config)]
    audit = [topics.audit, topics.model_requests, topics.reports] if config.audit is not None else []
    reported = [topics.reports] if topics.model_events in own else []
    return list(dict.fromkeys([*own, *_of_notify(config), *audit, *reported]))


def _of_notify(config: Config) -> list[str]:
    """The topics that `floodmark notify` needs besides."""
    if config.notify is None:
        return []
    return [config.topics.deliveries, *([config.topics.model_requests] if config.notify.requests else [])]


def _meeting_places(config: Config) -> list[str]:
    """The internal topics through which inputs of this config go on their way to detection."""
    joined = any(source.signal in JOINED for source in config.inputs)
    rekeyed = any(source.rekey and source.signal in REKEYED for source in config.inputs)
    topics = {config.topics.model_events: joined, config.topics.rekeyed: rekeyed}
    return [topic for topic, needed in topics.items() if needed]


def _route(
    config: Config,
    source: Input,
    schemas: Schemas | None,
    upkeep: Upkeep | None,
    topic: str,
    partition: int,
    topics: Mapping[str, int],
) -> Task:
    joined = {each.topic for each in config.inputs if each.signal in JOINED}
    meeting = {name: topics[name] for name in sorted(joined & topics.keys())}
    return RouteTask(config, source, partition, meeting, schemas, upkeep)


def _detect(
    config: Config,
    feedback: Feedback | None,
    upkeep: Upkeep | None,
    source: Input | None,
    schemas: Schemas | None,
    topic: str,
    partition: int,
    topics: Mapping[str, int],
) -> Task:
    return DetectTask(config, source, topic, partition, sum(topics.values()), feedback, topics, schemas, upkeep)


def _act(config: Config, topic: str, partition: int, _: Mapping[str, int]) -> Task:
    return ActionTask(config, topic, partition)


def _correlate(config: Config, topic: str, partition: int, _: Mapping[str, int]) -> Task:
    return CorrelateTask(config, topic, partition)
