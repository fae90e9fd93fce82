"""What a service exposes beside its requests, latency, processor and memory: in flight, in use, left over.

Values follow from the service's state and from how far a resource is used up; it must never know of a fault.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from floodmark.simulate.faults import Floats
from floodmark.simulate.topology import Gauge
from floodmark.simulate.world import State, ar1

CONNECTIONS = 100.0
"""Most connections of a database's pool."""


class Series(NamedTuple):
    """One series over its steps: metric, kind, unit, further labels, and values of shape (steps,)."""

    name: str
    kind: str
    unit: str
    labels: dict[str, str]
    values: Floats


def counted(rng: np.random.Generator, increments: Floats, restarts: list[int]) -> Floats:
    """A counter that has run for a while, and starts from 0 again with its process."""
    total = np.cumsum(increments) + float(rng.integers(10**5, 10**7))
    for begin in restarts:
        total[begin:] -= total[begin - 1] if begin else total[0]
    return total


def gauge(rng: np.random.Generator, name: Gauge, state: State, full: Floats, restarts: list[int]) -> Series:
    """The series `name` of a service in `state`; `full` is how far its resource is used up, 0 to 1, by step."""
    steps = len(state.rate)
    busy = state.rate * state.latency / 1000  # Little's law: how many are in flight
    noise = np.exp(ar1(rng, steps, 0.6, 0.06))
    kind, unit = "gauge", "1"
    values: Floats
    match name:
        case "active_connections":
            values = rng.poisson(40 + 12 * state.rate * noise).astype(np.float64)
        case "db_connections_in_use":
            values = np.minimum(rng.poisson(3 + 1.2 * busy * noise), CONNECTIONS).astype(np.float64)
            values = np.round(values + full * (CONNECTIONS - values), 0)
        case "queue_depth":
            values = rng.poisson(2 + 6 * busy * noise).astype(np.float64)
            values = np.round(values * (1 + 40 * full), 0)
        case "http_latency_p50_ms":
            values = np.round(0.42 * state.latency * noise, 3)
        case "http_latency_p99_ms":
            values = np.round(1.7 * state.latency * noise**2, 3)
        case "network_receive_bytes_total":
            kind, unit = "counter", "By"
            values = counted(rng, np.round(900 * state.requests * noise), restarts)
        case "network_transmit_bytes_total":
            kind, unit = "counter", "By"
            values = counted(rng, np.round(5200 * state.requests * noise), restarts)
        case "threads":
            values = rng.poisson(24 + 2 * busy * noise).astype(np.float64)
        case "gc_pause_ms":
            unit = "ms"
            values = np.round((2 + 9 * state.cpu) * noise * np.exp(rng.normal(0, 0.15, steps)), 3)
        case "open_files":
            values = rng.poisson(120 + 3 * busy * noise).astype(np.float64)
        case "disk_used_ratio":
            used = 0.45 + ar1(rng, steps, 0.995, 0.02)
            values = np.round(used + full * (0.995 - used), 4)
        case "cache_hit_ratio":
            values = np.round(0.94 + ar1(rng, steps, 0.9, 0.006) - 0.5 * full, 4)
        case "replication_lag_ms":
            unit = "ms"
            values = np.round(12 * noise * np.exp(rng.normal(0, 0.25, steps)) * (1 + 10 * full), 2)
        case "consumer_lag":
            values = np.round(rng.poisson(20 + 4 * busy * noise) + 20_000 * full)
    return Series(name, kind, unit, {}, values)
