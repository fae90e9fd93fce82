"""What is counted, as Prometheus metrics in a registry of the run's own. It must never change what a run does.

Names follow Prometheus: base units, `_total` for counters. Labels are bounded by topics, partitions and the names
that a task counts by; nothing that comes from a record is ever a label, but for the names of at most twenty sources of
a task whose clocks are wrong.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from floodmark import __version__
from floodmark.records import Skewed, Task
from floodmark.runtime.delays import Delays
from floodmark.runtime.presence import Presence
from floodmark.runtime.refusals import Refusals

_REASONS = 20
"""Most sentences of one kind in an answer."""
_STORE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


_STANDING: Final = {
    "feedback": ("floodmark_feedback_standing", "Verdicts of people that are not undone."),
    "actions": ("floodmark_maintenance_standing", "Maintenance that people have announced and not taken back."),
}


class PartitionView(Protocol):
    """A partition with its task, as the metrics see it."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def task(self) -> Task | None:
        """None until it is recovered."""
        ...

    def lag(self) -> int | None:
        """Records of the partition that were not taken yet, None before the first answer of the broker."""
        ...

    def replaying(self) -> int | None:
        """Records that are still to be replayed in silence; None while the task is being recovered."""
        ...

    def learning(self) -> int:
        """Records that a detector whose parameters changed has still to learn from."""
        ...

    def snapshot_age(self) -> float | None:
        """Seconds since the newest snapshot; None before the first."""
        ...

    @property
    def missing(self) -> int | None:
        """Of those that the task has to hear of, how many it does not hear; None where it waits for nobody."""
        ...

    @property
    def waited(self) -> float:
        """Seconds that the oldest item which waits for others has waited."""
        ...

    def troubles(self) -> list[str]:
        """Why what arrives now would not be told, in words."""
        ...


class GroupView(Protocol):
    """A consumer group, as the metrics and /readyz see it."""

    @property
    def name(self) -> str: ...

    @property
    def assigned(self) -> bool:
        """Whether the group is joined."""
        ...

    @property
    def live(self) -> bool:
        """Whether the group is joined and every partition of ours is recovered and heard."""
        ...

    def views(self) -> Iterable[PartitionView]: ...


class Reasons(Protocol):
    """Whoever knows why what arrives now would not be told."""

    @property
    def reasons(self) -> Sequence[str]: ...


class Telemetry(Collector):
    """The run's counters, and a collector over the live tasks. `groups`, `failure`, `damaged` (snapshots that could not
    be read back), `standing` (how much of what people said stands, of the feedback and of the actions, if they are
    heard) and `oversight` (of partitions that are not read by this process) are set by the run; `presence`, `refusals`
    and `delays` are told by it."""

    def __init__(self) -> None:
        self.groups: Sequence[GroupView] = ()
        self.failure = ""
        self.presence = Presence()
        self.damaged: Callable[[], int] = lambda: 0
        self.oversight: Reasons | None = None
        self.standing: dict[str, Callable[[], int]] = {}
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more a counter that nobody asks for
        self.registry = registry = CollectorRegistry()
        self.refusals = Refusals()
        self.delays = Delays(registry)
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
        self.transactions = Counter(
            "floodmark_transactions",
            "Commits of outputs and offsets, by result: committed, aborted, or plain (embedded broker).",
            ("group", "result"),
            registry=registry,
        )
        self.fenced = Counter(
            "floodmark_fenced",
            "Tasks that stopped because another owner had taken over.",
            ("group",),
            registry=registry,
        )
        self.recoveries = Counter(
            "floodmark_recoveries",
            "Tasks begun, by what they went on from: snapshot, history or nothing.",
            ("group", "origin"),
            registry=registry,
        )
        self.replayed = Counter("floodmark_records_replayed", "Records replayed in silence.", place, registry=registry)
        self.lost = Counter(
            "floodmark_records_lost", "Records that retention deleted before they were read.", place, registry=registry
        )
        self.snapshots = Counter(
            "floodmark_snapshots",
            "Snapshots, by result: saved, failed, or unusable.",
            ("group", "result"),
            registry=registry,
        )
        self.snapshot_bytes = Gauge(
            "floodmark_snapshot_bytes", "Size of the newest snapshot, compressed.", ("group", *place), registry=registry
        )
        self.reloads = Counter("floodmark_config_reloads", "Reloads of the config.", ("result",), registry=registry)
        self.reload_successful = Gauge(
            "floodmark_config_last_reload_successful",
            "1 if the last (re)load of the config was right.",
            registry=registry,
        )
        self.reload_time = Gauge(
            "floodmark_config_last_reload_success_timestamp_seconds",
            "When a config was last taken over, in seconds since the epoch.",
            registry=registry,
        )
        self.rebalances = Counter("floodmark_rebalances", "Assignments received.", ("group",), registry=registry)
        self.process_seconds = Histogram(
            "floodmark_process_seconds",
            "Time to process one slice of records.",
            ("group",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.heard = {
            what: Counter(
                f"floodmark_{what}_records",
                f"Records of the {what} topic that were read, by result: taken or wrong.",
                ("result",),
                registry=registry,
            )
            for what in ("feedback", "actions")
        }
        self.store_failures = Counter(
            "floodmark_state_store_failures",
            "Snapshots that could not be written or read, by reason: full, slow, denied, unreachable, or other.",
            ("reason",),
            registry=registry,
        )
        self.store_seconds = Histogram(
            "floodmark_state_store_seconds",
            "Time to save or load a snapshot, also where it failed.",
            ("operation",),
            buckets=_STORE_SECONDS,
            registry=registry,
        )
        self.certificate_expiry = Gauge(
            "floodmark_certificate_expiry_timestamp_seconds",
            "When a certificate expires, in seconds since the epoch: of our file, or of a broker's listener.",
            ("file",),
            registry=registry,
        )
        self.host_pauses = Counter(
            "floodmark_host_pauses",
            "Times that this process stood still: host suspended, machine or process stopped, event loop held up.",
            registry=registry,
        )
        self.host_pause_seconds = Counter(
            "floodmark_host_pause_seconds", "Time that this process stood still.", registry=registry
        )
        self.clock_steps = Counter(
            "floodmark_clock_steps", "Times that somebody set the host's clock by seconds or more.", registry=registry
        )
        registry.register(self)
        ProcessCollector(registry=registry)

    def ready(self) -> bool:
        """Whether what arrives now would be told."""
        return not self.reasons()

    def reasons(self) -> list[str]:
        """Why what arrives now would not be told: a sentence each, at most `_REASONS`; empty if it would."""
        if self.failure:
            return [self.failure]
        if away := self.presence.sentence():
            return [away]
        if not self.groups:
            return ["starting: no consumer group is joined yet"]
        reasons = []
        for group in self.groups:
            if not group.assigned:
                reasons.append(f"group {group.name} is being joined")
                continue
            for view in group.views():
                reasons += view.troubles()
        if self.oversight is not None:
            reasons += self.oversight.reasons
        more = len(reasons) - _REASONS
        return [*reasons[:_REASONS], f"and {more} more"] if more > 0 else reasons

    def learning(self) -> list[str]:
        """What is not judged yet because too little is known of it: a sentence each, at most `_REASONS`."""
        tasks = (view.task for group in self.groups for view in group.views())
        words = [sentence for task in tasks if task is not None for sentence in task.learning()]
        return words[:_REASONS]

    def reloaded(self, *, success: bool, now: float) -> None:
        """A config was loaded at `now` (seconds since the epoch), or refused."""
        self.reloads.labels("success" if success else "failure").inc()
        self.reload_successful.set(float(success))
        if success:
            self.reload_time.set(now)

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("floodmark_build_info", "The version.", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        yield GaugeMetricFamily("floodmark_up", "1 unless the run has failed.", value=float(not self.failure))
        yield GaugeMetricFamily("floodmark_ready", "1 if what arrives now would be told.", value=float(self.ready()))
        yield GaugeMetricFamily(
            "floodmark_kafka_away_seconds",
            "For how long Kafka has been away; 0 if it is there.",
            value=self.presence.seconds(),
        )
        yield CounterMetricFamily(
            "floodmark_kafka_outages", "Times that no server of Kafka answered.", value=self.presence.outages
        )
        yield CounterMetricFamily(
            "floodmark_snapshots_damaged", "Snapshots that could not be read back.", value=self.damaged()
        )
        for what, (name, words) in _STANDING.items():
            if what in self.standing:
                yield GaugeMetricFamily(name, words, value=self.standing[what]())
        tasks = GaugeMetricFamily("floodmark_tasks", "Tasks in work: one a partition.", labels=("group",))
        place = ("group", "topic", "partition")
        replay = GaugeMetricFamily(
            "floodmark_replay_records", "Records still to be replayed in silence after a start.", labels=place
        )
        learning = GaugeMetricFamily(
            "floodmark_warmup_records", "Records that changed detectors have still to learn from.", labels=place
        )
        age = GaugeMetricFamily("floodmark_snapshot_age_seconds", "Time since the newest snapshot.", labels=place)
        lag = GaugeMetricFamily("floodmark_lag_records", "Records not taken yet.", labels=place)
        missing = GaugeMetricFamily(
            "floodmark_correlate_missing_tasks",
            "Tasks before this one that it does not hear, or not yet.",
            labels=place,
        )
        waited = GaugeMetricFamily(
            "floodmark_correlate_oldest_wait_seconds",
            "Time that the oldest anomaly has waited for the words of detect tasks (model events: of route tasks).",
            labels=place,
        )
        events = CounterMetricFamily(
            "floodmark_task_events", "What tasks took, skipped and refused.", labels=(*place, "event", "reason")
        )
        state = GaugeMetricFamily("floodmark_task_state", "State held by tasks, by kind.", labels=(*place, "kind"))
        skew = GaugeMetricFamily(
            "floodmark_clock_skew_seconds",
            "By how much the clock of a source is fast (slow: below zero); the most wrong ones of each task.",
            labels=(*place, "source"),
        )
        for group in self.groups:
            views = list(group.views())
            tasks.add_metric((group.name,), len(views))
            for view in views:
                where = (group.name, view.topic, str(view.partition))
                behind = view.lag()
                if behind is not None:
                    lag.add_metric(where, behind)
                learning.add_metric(where, view.learning())
                if view.missing is not None:
                    missing.add_metric(where, view.missing)
                    waited.add_metric(where, view.waited)
                for family, value in ((replay, view.replaying()), (age, view.snapshot_age())):
                    if value is not None:
                        family.add_metric(where, value)
                if view.task is None:
                    continue
                for name, count in view.task.counts().items():
                    event, _, reason = name.partition(":")
                    events.add_metric((*where, event, reason), count)
                for kind, size in view.task.sizes().items():
                    state.add_metric((*where, kind), size)
                if isinstance(view.task, Skewed):
                    for source, seconds in dict(view.task.skews()).items():
                        skew.add_metric((*where, source), seconds)
        yield from (tasks, lag, replay, learning, age, missing, waited, events, state, skew)
