"""What is counted, as Prometheus metrics in a registry of the run's own. It must never change what a run does.

Names follow Prometheus: base units, `_total` for counters. Labels are bounded by topics, partitions and the names
that a task counts by; nothing that comes from a record is ever a label.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from floodmark import __version__
from floodmark.records import Task

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PartitionView(Protocol):
    """A partition with its task, as the metrics see it."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def task(self) -> Task: ...

    def lag(self) -> int | None:
        """Records of the partition that were not taken yet, None before the first answer of the broker."""
        ...


class GroupView(Protocol):
    """A consumer group, as the metrics and /readyz see it."""

    @property
    def name(self) -> str: ...

    @property
    def assigned(self) -> bool:
        """Whether the group is joined and its partitions are in work."""
        ...

    def views(self) -> Iterable[PartitionView]: ...


class Telemetry(Collector):
    """The run's counters, and a collector over the live tasks. `groups` and `failure` are set by the run."""

    def __init__(self) -> None:
        self.groups: Sequence[GroupView] = ()
        self.failure = ""
        self.registry = registry = CollectorRegistry()
        place = ("topic", "partition")
        self.records = Counter("floodmark_records", "Records processed.", place, registry=registry)
        self.outputs = Counter("floodmark_outputs", "Records written and acknowledged.", ("stream",), registry=registry)
        self.dead_letters = Counter("floodmark_dead_letters", "Records put in the dead letters.", registry=registry)
        self.failures = Counter(
            "floodmark_process_failures",
            "Records on which a task raised (a bug in the task).",
            place,
            registry=registry,
        )
        self.oversize = Counter(
            "floodmark_oversize_outputs", "Outputs cut because the topic takes no message as large.", registry=registry
        )
        self.resends = Counter("floodmark_resends", "Batches of outputs that had to be sent again.", registry=registry)
        self.commits = Counter("floodmark_commits", "Offset commits that succeeded.", ("group",), registry=registry)
        self.rebalances = Counter("floodmark_rebalances", "Assignments received.", ("group",), registry=registry)
        self.process_seconds = Histogram(
            "floodmark_process_seconds",
            "Time to process one slice of records.",
            ("group",),
            buckets=_SECONDS,
            registry=registry,
        )
        registry.register(self)
        ProcessCollector(registry=registry)

    def ready(self) -> bool:
        """Whether every group is joined, assigned and in work, and nothing has failed."""
        return bool(self.groups) and not self.failure and all(group.assigned for group in self.groups)

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("floodmark_build_info", "The version.", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        yield GaugeMetricFamily("floodmark_up", "1 unless the run has failed.", value=float(not self.failure))
        yield GaugeMetricFamily(
            "floodmark_ready", "1 if every group is joined and assigned.", value=float(self.ready())
        )
        tasks = GaugeMetricFamily("floodmark_tasks", "Tasks in work: one a partition.", labels=("group",))
        place = ("group", "topic", "partition")
        lag = GaugeMetricFamily("floodmark_lag_records", "Records not taken yet.", labels=place)
        events = CounterMetricFamily(
            "floodmark_task_events", "What tasks took, skipped and refused.", labels=(*place, "event", "reason")
        )
        state = GaugeMetricFamily("floodmark_task_state", "State held by tasks, by kind.", labels=(*place, "kind"))
        for group in self.groups:
            views = list(group.views())
            tasks.add_metric((group.name,), len(views))
            for view in views:
                where = (group.name, view.topic, str(view.partition))
                behind = view.lag()
                if behind is not None:
                    lag.add_metric(where, behind)
                for name, count in view.task.counts().items():
                    event, _, reason = name.partition(":")
                    events.add_metric((*where, event, reason), count)
                for kind, size in view.task.sizes().items():
                    state.add_metric((*where, kind), size)
        yield from (tasks, lag, events, state)
