"""What the console counts, as Prometheus metrics in a registry of its own. Topics and routes are labels; nothing that a
request or a record says ever is."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from typing import Final

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
from floodmark.console.queries.status import Lag

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Telemetry(Collector):
    """Counters, and what is asked when somebody reads them."""

    def __init__(self) -> None:
        self.lag: Callable[[], Lag] = lambda: Lag(0, 0.0, True, "")
        self.size: Callable[[], int] = lambda: 0
        self.rebuilds: Callable[[], int] = lambda: 0
        self.counts: Callable[[], Mapping[tuple[str, str], int]] = dict
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more a counter that nobody asks for
        self.registry = registry = CollectorRegistry()
        self.requests = Histogram(
            "floodmark_console_requests_seconds",
            "Time from a request's head to its answer.",
            ("route", "status"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.clients = Gauge("floodmark_console_sse_clients", "Browsers that follow live events.", registry=registry)
        self.gaps = Counter(
            "floodmark_console_sse_gaps", "Browsers that were too slow and had to ask again.", registry=registry
        )
        self.actions = Counter(
            "floodmark_actions",
            "Actions by verb and result: written, refused, or failed.",
            ("verb", "result"),
            registry=registry,
        )
        self.reloads = Counter("floodmark_config_reloads", "Reloads of the config.", ("result",), registry=registry)
        info = Gauge("floodmark_build_info", "The release.", ("version", "python"), registry=registry)
        info.labels(__version__, platform.python_version()).set(1)
        ProcessCollector(registry=registry)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        records = CounterMetricFamily(
            "floodmark_console_records",
            "Records read, by what came of them: taken, old or wrong.",
            labels=("topic", "result"),
        )
        for (topic, result), count in sorted(self.counts().items()):
            records.add_metric((topic, result), count)
        yield records
        lag = self.lag()
        yield GaugeMetricFamily("floodmark_console_behind_records", "Records that are not read yet.", lag.records)
        yield GaugeMetricFamily(
            "floodmark_console_behind_seconds",
            "Age of the newest record that is read, while some are not.",
            lag.seconds,
        )
        yield GaugeMetricFamily("floodmark_console_store_bytes", "Size of the view's files.", self.size())
        yield CounterMetricFamily(
            "floodmark_console_rebuilds", "Views that could not be used and were begun anew.", self.rebuilds()
        )
