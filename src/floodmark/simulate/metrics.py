"""The shop's metrics as native events: one message a service, or an instance of it, and minute.

Encoding only: what the values are is decided in `world`, `gauges` and `pods`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import orjson

from floodmark.simulate.faults import Floats, Footprint
from floodmark.simulate.gauges import Series, counted, gauge
from floodmark.simulate.message import Message
from floodmark.simulate.pods import Pod, pod_series
from floodmark.simulate.topology import SERVICES, Services, ServiceSpec
from floodmark.simulate.world import State, ar1

MISSED = 0.0005
"""Share of the scrapes that fail: gaps are part of every real stream."""
_BLOCK = 512
"""Steps that are held as Python numbers at once."""


class _Target(NamedTuple):
    """What is scraped at one moment of each step: from which step on, whether each scrape succeeds, and the series."""

    key: bytes
    phase: float
    begin: int
    present: list[bool]
    series: list[Series]
    labels: dict[str, str]


def _series(
    rng: np.random.Generator, spec: ServiceSpec, state: State, full: Floats, restarts: list[int], step: float
) -> list[Series]:
    """The series of one service as a whole."""
    ratio = state.failures / np.maximum(state.requests, 1)
    out: list[Series] = []
    if spec.counters:
        out.append(Series("http_requests_total", "counter", "1", {}, counted(rng, state.requests, restarts)))
        out.append(Series("http_errors_total", "counter", "1", {}, counted(rng, state.failures, restarts)))
    else:
        out.append(Series("http_requests_per_second", "gauge", "1/s", {}, np.round(state.requests / step, 3)))
        out.append(Series("http_error_ratio", "gauge", "1", {}, np.round(ratio, 5)))
    out.append(Series("http_latency_p95_ms", "gauge", "ms", {}, np.round(state.latency, 2)))
    if spec.cpu:
        out.append(Series("cpu_usage_ratio", "gauge", "1", {}, np.round(state.cpu, 4)))
    if spec.memory:
        out.append(Series("memory_used_bytes", "gauge", "By", {}, np.round(state.memory, -4)))
    out.extend(gauge(rng, name, state, full, restarts) for name in spec.gauges)
    return out


def _calls(
    rng: np.random.Generator, name: str, services: Services, states: dict[str, State], foot: Footprint
) -> Iterator[Series]:
    """What a service tells of its calls to each dependency: requests, errors and p95, with the label `peer`."""
    for called, call in services[name].calls.items():
        other, labels = states[called], {"peer": called}
        requests = rng.poisson(call.rate * states[name].requests).astype(np.float64)
        failing = np.where(other.up > 0, other.failures / np.maximum(other.requests, 1), 0.97)
        delay = foot.delays.get((name, called), np.zeros(len(requests)))
        errors = rng.binomial(requests.astype(np.int64), np.clip(failing + 0.02 * (delay > 0), 0, 1))
        restarts = foot.restarts[name]
        noise = np.exp(ar1(rng, len(requests), 0.5, 0.05))
        waited = np.where(other.up > 0, other.latency, 5 * services[called].latency)
        yield Series("client_requests_total", "counter", "1", labels, counted(rng, requests, restarts))
        yield Series("client_errors_total", "counter", "1", labels, counted(rng, errors.astype(np.float64), restarts))
        yield Series("client_latency_p95_ms", "gauge", "ms", labels, np.round(waited * noise + 0.6 + delay, 2))


def messages(
    rng: np.random.Generator,
    topic: str,
    times: Floats,
    *,
    step: float,
    states: dict[str, State],
    foot: Footprint,
    services: Services = SERVICES,
    pods: Sequence[Pod] = (),
    pods_rng: np.random.Generator | None = None,
) -> Iterator[Message]:
    """Every scrape in time order. Each service is scraped at its own second of the step, each of `pods` soon after."""
    targets: list[_Target] = []
    for number, (name, state) in enumerate(states.items()):
        spec = services[name]
        series = _series(rng, spec, state, foot.full[name], foot.restarts[name], step)
        if spec.peers:
            series.extend(_calls(rng, name, services, states, foot))
        present = ((state.up > 0) & (rng.random(len(times)) >= MISSED)).tolist()
        phase = step * (number + 0.25) / len(states)
        targets.append(_Target(name.encode(), phase, 0, present, series, {"service": name}))
    if pods and pods_rng is not None:
        phases = {name: step * (number + 0.5) / len(states) for number, name in enumerate(states)}
        for pod, begin, found in pod_series(pods_rng, pods, times, step=step, states=states, foot=foot):
            there = states[pod.service].up[begin : begin + len(found[0].values)] > 0
            present = (there & (pods_rng.random(len(there)) >= MISSED)).tolist()
            labels = {"service": pod.service, "pod": pod.name}
            targets.append(_Target(pod.service.encode(), phases[pod.service], begin, present, found, labels))
    targets.sort(key=lambda target: target.phase)
    blocks = (range(first, min(first + _BLOCK, len(times))) for first in range(0, len(times), _BLOCK))
    return chain.from_iterable(_block(topic, times, block, targets) for block in blocks)


def _block(topic: str, times: Floats, block: range, targets: Sequence[_Target]) -> Iterator[Message]:
    """The scrapes of some steps, in time order."""
    columns = []
    for target in targets:
        first, last = max(block.start - target.begin, 0), block.stop - target.begin
        if last <= 0 or first >= len(target.present):
            continue
        heads = [
            {"name": s.name, "kind": s.kind, "unit": s.unit, "labels": {**target.labels, **s.labels}}
            for s in target.series
        ]
        values = [s.values[first:last].tolist() for s in target.series]
        columns.append((target, heads, first + target.begin, target.present[first:last], values))
    for now in block:
        for target, heads, first, present, values in columns:
            row = now - first
            if 0 <= row < len(present) and present[row]:
                time = float(times[now]) + target.phase
                stamp = round(time * 1000)
                events = [
                    {"timestamp": stamp, **head, "value": column[row]}
                    for head, column in zip(heads, values, strict=True)
                ]
                yield Message(time, topic, target.key, orjson.dumps(events), len(events))
