"""The shop's metrics as native events: one message a service and minute, holding all its samples.

Encoding only: what the values are is decided in `world`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson

from floodmark.simulate.faults import Floats, Footprint
from floodmark.simulate.message import Message
from floodmark.simulate.topology import SERVICES
from floodmark.simulate.world import State, ar1

MISSED = 0.0005
"""Share of the scrapes that fail: gaps are part of every real stream."""


def _counted(rng: np.random.Generator, increments: Floats, restarts: list[int]) -> Floats:
    """A counter that has run for a while, and starts from 0 again with its process."""
    total = np.cumsum(increments) + float(rng.integers(10**5, 10**7))
    for begin in restarts:
        total[begin:] -= total[begin - 1] if begin else total[0]
    return total


def _series(
    rng: np.random.Generator, name: str, state: State, restarts: list[int], step: float
) -> list[tuple[str, str, str, Floats]]:
    """(metric, kind, unit, values) of one service."""
    spec = SERVICES[name]
    steps = len(state.rate)
    ratio = state.failures / np.maximum(state.requests, 1)
    out: list[tuple[str, str, str, Floats]] = []
    if spec.counters:
        out.append(("http_requests_total", "counter", "1", _counted(rng, state.requests, restarts)))
        out.append(("http_errors_total", "counter", "1", _counted(rng, state.failures, restarts)))
    else:
        out.append(("http_requests_per_second", "gauge", "1/s", np.round(state.requests / step, 3)))
        out.append(("http_error_ratio", "gauge", "1", np.round(ratio, 5)))
    out.append(("http_latency_p95_ms", "gauge", "ms", np.round(state.latency, 2)))
    out.append(("cpu_usage_ratio", "gauge", "1", np.round(state.cpu, 4)))
    if spec.memory:
        out.append(("memory_used_bytes", "gauge", "By", np.round(state.memory, -4)))
    for gauge in spec.gauges:
        busy = state.rate * state.latency / 1000  # Little's law: how many are in flight
        noise = np.exp(ar1(rng, steps, 0.6, 0.06))
        if gauge == "active_connections":
            values = rng.poisson(40 + 12 * state.rate * noise)
        elif gauge == "db_connections_in_use":
            values = np.minimum(rng.poisson(3 + 1.2 * busy * noise), 100)
        else:
            values = rng.poisson(2 + 6 * busy * noise)
        out.append((gauge, "gauge", "1", values.astype(np.float64)))
    return out


def messages(
    rng: np.random.Generator, topic: str, times: Floats, *, step: float, states: dict[str, State], foot: Footprint
) -> Iterator[Message]:
    """Every scrape in time order. Each service is scraped at its own second of the step."""
    columns = []
    for number, (name, state) in enumerate(states.items()):
        series = _series(rng, name, state, foot.restarts[name], step)
        heads = [
            {"name": metric, "kind": kind, "unit": unit, "labels": {"service": name}}
            for metric, kind, unit, _ in series
        ]
        present = ((state.up > 0) & (rng.random(len(times)) >= MISSED)).tolist()
        phase = step * (number + 0.25) / len(states)
        columns.append((name.encode(), phase, heads, present, [v.tolist() for *_, v in series]))
    for now, at in enumerate(times.tolist()):
        for key, phase, heads, present, values in columns:
            if present[now]:
                time = at + phase
                stamp = round(time * 1000)
                events = [
                    {"timestamp": stamp, **head, "value": column[now]}
                    for head, column in zip(heads, values, strict=True)
                ]
                yield Message(time, topic, key, orjson.dumps(events), len(events))
