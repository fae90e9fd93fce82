"""What the gateway counts, as Prometheus metrics in a registry of its own.

Sources are labels, as the config names them; nothing that a request says ever is. A path that is no source counts under
an empty name.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from typing import Literal

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
from floodmark.runtime.presence import Presence

Result = Literal["taken", "repeated", "greeted", "refused", "later"]
"""taken: written. repeated: it was written before. greeted: it only asked whether we are there. refused: for good, 4xx.
later: the sender is asked to come again, 429 or 503."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry(Collector):
    """Counters, and what is asked when somebody reads them."""

    def __init__(self) -> None:
        self.presence = Presence()
        self.failure = ""
        self.waiting: Callable[[], int] = lambda: 0
        self.troubles: Callable[[], list[str]] = list
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more a counter that nobody asks for
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "floodmark_gateway_requests",
            "Requests by result: taken, repeated, greeted, refused (for good) or later; and the reason.",
            ("source", "result", "reason"),
            registry=registry,
        )
        self.bytes = Counter("floodmark_gateway_bytes", "Bytes of bodies written.", ("source",), registry=registry)
        self.seconds = Histogram(
            "floodmark_gateway_seconds",
            "Time from the end of a request's head to its answer.",
            ("source",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.reloads = Counter("floodmark_config_reloads", "Reloads of the config.", ("result",), registry=registry)
        self.reload_successful = Gauge(
            "floodmark_config_last_reload_successful",
            "1 if the last (re)load of the config was right.",
            registry=registry,
        )
        self.reload_successful.set(1)
        registry.register(self)
        ProcessCollector(registry=registry)

    def count(self, source: str, result: Result, reason: str = "") -> None:
        """A request of a source has been answered."""
        self.requests.labels(source, result, reason).inc()

    def reloaded(self, *, success: bool) -> None:
        """A config was taken over, or refused."""
        self.reloads.labels("success" if success else "failure").inc()
        self.reload_successful.set(float(success))

    def reasons(self) -> list[str]:
        """Why what is posted now would not be written: a sentence each; empty if it would."""
        if self.failure:
            return [self.failure]
        if away := self.presence.sentence():
            return [away]
        return self.troubles()

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("floodmark_build_info", "The version.", labels=("version", "python"))
        build.add_metric((__version__, platform.python_version()), 1)
        yield build
        yield GaugeMetricFamily("floodmark_up", "1 unless the gateway has failed.", value=float(not self.failure))
        ready = GaugeMetricFamily("floodmark_ready", "1 if what is posted now would be written.")
        ready.add_metric((), float(not self.reasons()))
        yield ready
        yield GaugeMetricFamily(
            "floodmark_kafka_away_seconds",
            "For how long Kafka has been away; 0 if it is there.",
            value=self.presence.seconds(),
        )
        yield CounterMetricFamily(
            "floodmark_kafka_outages", "Times that no server of Kafka answered.", value=self.presence.outages
        )
        yield GaugeMetricFamily(
            "floodmark_gateway_waiting", "Bodies that Kafka has not acknowledged yet.", value=float(self.waiting())
        )
