"""What a simulated service is, and the demo's shop: its services and who calls whom. Data only: no random number.

The figures are round numbers of a middling web shop. Rates follow from the traffic at `edge` and from the calls a
request makes; they are not written down twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

EDGE_RATE = 90.0
"""Requests a second at `edge`, averaged over a day."""

MODEL = "fraud-scorer"
"""The service that is also a model: its predictions carry this name, and so meet its metrics in one entity."""
MODEL_VERSION = "2.7.1"


class Call(NamedTuple):
    """How a caller uses a dependency.

    `rate`: calls for each request of the caller. `coupling`: the share of a dependency's failures, and of its slowness,
    that the caller's own users feel (1: no fallback at all; 0.1: a well-kept circuit breaker).
    """

    rate: float
    coupling: float


ServiceKind = Literal["service", "database", "cache", "queue", "external"]
Gauge = Literal[
    "active_connections",
    "db_connections_in_use",
    "queue_depth",
    "http_latency_p50_ms",
    "http_latency_p99_ms",
    "network_receive_bytes_total",
    "network_transmit_bytes_total",
    "threads",
    "gc_pause_ms",
    "open_files",
    "disk_used_ratio",
    "cache_hit_ratio",
    "replication_lag_ms",
    "consumer_lag",
]


class ServiceSpec(NamedTuple):
    """A service: what it calls, how it behaves when well, and which metrics it exposes.

    `latency`: own p95 without its dependencies, ms. `errors`: ratio when well. `cpu`: idle and busiest-hour usage,
    ratio (None: not ours, so not known). `memory`: resident bytes (None: not exposed). `counters`: requests and errors
    as counters, not as gauges. `gauges`: what else it exposes. `arrivals`: requests a second from outside, averaged
    over a day. `pods`: instances that have series of their own. `peers`: it tells its calls to each dependency.
    """

    calls: Mapping[str, Call]
    latency: float
    errors: float
    cpu: tuple[float, float] | None
    memory: float | None
    counters: bool
    gauges: Sequence[Gauge] = ()
    arrivals: float = 0.0
    pods: int = 0
    peers: bool = False
    kind: ServiceKind = "service"


Services = Mapping[str, ServiceSpec]
"""Callers before what they call: the order of load's way down."""


MB = 1e6

SERVICES: dict[str, ServiceSpec] = {
    "edge": ServiceSpec(
        {"web": Call(0.8, 0.8)}, 12, 0.001, (0.08, 0.42), None, True, ("active_connections",), EDGE_RATE
    ),
    "web": ServiceSpec(
        {
            "search": Call(0.25, 0.5),
            "recommend": Call(0.4, 0.15),
            "catalog": Call(0.6, 0.5),
            "checkout": Call(0.05, 0.9),
            "cart": Call(0.2, 0.6),
            "accounts": Call(0.25, 0.5),
        },
        45,
        0.002,
        (0.10, 0.55),
        920 * MB,
        True,
    ),
    "search": ServiceSpec({"catalog": Call(0.5, 0.3)}, 80, 0.002, (0.12, 0.62), 2600 * MB, False),
    "recommend": ServiceSpec({"catalog": Call(0.3, 0.3)}, 60, 0.003, (0.15, 0.58), 1900 * MB, True),
    "catalog": ServiceSpec({"inventory": Call(0.4, 0.35)}, 25, 0.001, (0.08, 0.48), 1200 * MB, True),
    "checkout": ServiceSpec(
        {
            "cart": Call(1.0, 0.6),
            "payment": Call(0.9, 0.9),
            "shipping": Call(1.0, 0.7),
            "accounts": Call(0.5, 0.4),
        },
        70,
        0.003,
        (0.06, 0.35),
        680 * MB,
        True,
        ("db_connections_in_use",),
    ),
    "cart": ServiceSpec({"inventory": Call(0.5, 0.3)}, 18, 0.001, (0.06, 0.36), 540 * MB, False),
    "payment": ServiceSpec({"fraud-scorer": Call(0.06, 0.2)}, 180, 0.006, (0.05, 0.28), None, True),
    "fraud-scorer": ServiceSpec({}, 55, 0.002, (0.06, 0.30), 1500 * MB, True),
    "accounts": ServiceSpec({}, 22, 0.002, (0.07, 0.40), 610 * MB, False, ("db_connections_in_use",)),
    "shipping": ServiceSpec({"inventory": Call(0.8, 0.5)}, 90, 0.004, (0.05, 0.26), None, True, ("queue_depth",)),
    "inventory": ServiceSpec({}, 15, 0.001, (0.09, 0.50), 830 * MB, False, ("db_connections_in_use",)),
}


def depends_on(services: Services = SERVICES) -> dict[str, list[str]]:
    """The call graph as a configuration's `services` has it: service → the services that it calls."""
    return {name: list(spec.calls) for name, spec in services.items()}


def neighbours(graph: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Service → its callers and what it calls (one hop, both ways), itself not included."""
    near: dict[str, set[str]] = {name: set() for name in graph}
    for caller, called in graph.items():
        for name in called:
            near[caller].add(name)
            near.setdefault(name, set()).add(caller)
    return near


def downstream(graph: Mapping[str, Sequence[str]], service: str) -> set[str]:
    """All that `service` calls, directly or not."""
    found: set[str] = set()
    todo = list(graph.get(service, ()))
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(graph.get(name, ()))
    return found
