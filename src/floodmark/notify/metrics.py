"""What the notifier counts, as Prometheus metrics. Labels are names of the config and of our own, never of a record."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from floodmark.notify.desk import Desk, Job
from floodmark.notify.sink import Delivered, Later, Outcome

_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
_NAMED: Final = {
    "throttled": "Messages that had to wait because their target may not be told more often.",
    "silenced": "Messages that a silence, or quiet hours, have muted.",
    "escalations": "Steps of chains that were gone on to, because nobody had acknowledged.",
    "unreachable": "Messages that were given up: refused for good, or tried for notify.dead.",
}
"""Counters of a desk that have a metric of their own; all others are events."""


class View(Protocol):
    """A partition, as the metrics see it."""

    @property
    def desk(self) -> Desk | None: ...


class Metrics(Collector):
    """Counters, and a collector over the desks at work. `views` is set by the group."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.views: Callable[[], list[View]] = list
        self._before: Tally[str] = Tally()
        self.sent = Counter(
            "floodmark_notify_sent",
            "Messages by what came of them: delivered, later (it is tried again), or refused.",
            ("target", "result"),
            registry=registry,
        )
        self.delay = Histogram(
            "floodmark_notify_delay_seconds",
            "From a revision being safe in Kafka to its being delivered, with the time that it was held on purpose.",
            ("target",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.records = Counter(
            "floodmark_notify_records", "Records read, by result: taken or wrong.", ("result",), registry=registry
        )
        registry.register(self)

    def count(self, job: Job, outcome: Outcome) -> None:
        """A message was answered."""
        result = "delivered" if isinstance(outcome, Delivered) else "later" if isinstance(outcome, Later) else "refused"
        self.sent.labels(job.target, result).inc()

    def retire(self, desk: Desk) -> None:
        """A desk is given up: what it has counted stays counted."""
        self._before.update(desk.counts())

    def collect(self) -> Iterator[Metric]:
        desks = [view.desk for view in self.views() if view.desk is not None]
        counts = Tally(self._before)
        for desk in desks:
            counts.update(desk.counts())
        for name, words in _NAMED.items():
            total = sum(count for each, count in counts.items() if each.partition(":")[0] == name)
            yield CounterMetricFamily(f"floodmark_notify_{name}", words, value=total)
        events = CounterMetricFamily(
            "floodmark_notify_events", "What desks have taken, told and left out.", labels=("event", "reason")
        )
        for each, count in sorted(counts.items()):
            event, _, reason = each.partition(":")
            if event not in _NAMED:
                events.add_metric((event, reason), count)
        yield events
        sizes = [desk.sizes() for desk in desks]
        yield GaugeMetricFamily(
            "floodmark_notify_pending",
            "Messages that are not delivered yet.",
            value=sum(each.get("pending", 0) for each in sizes),
        )
        yield GaugeMetricFamily(
            "floodmark_notify_oldest_pending_seconds",
            "For how long the oldest of them has not been delivered.",
            value=max((each.get("oldest", 0.0) for each in sizes), default=0.0),
        )
        state = GaugeMetricFamily("floodmark_notify_state", "State held by desks, by kind.", labels=("kind",))
        for kind in sorted({kind for each in sizes for kind in each} - {"oldest"}):
            state.add_metric((kind,), sum(each.get(kind, 0) for each in sizes))
        yield state


class Delays:
    """When revisions were safe in Kafka, to tell how late they are delivered. Bounded."""

    _MOST: Final = 10_000

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock
        self._since: OrderedDict[tuple[str, int], float] = OrderedDict()

    def come(self, incident: str, revision: int, at: float) -> None:
        """A revision; `at`: Kafka's time of it, in seconds."""
        self._since[incident, revision] = at
        if len(self._since) > self._MOST:
            self._since.popitem(last=False)

    def told(self, job: Job, outcome: Outcome) -> None:
        since = self._since.get((job.message.key, job.message.revision))
        if since is not None and isinstance(outcome, Delivered):
            self._metrics.delay.labels(job.target).observe(max(0.0, self._clock() - since))
