"""The instances of a service: when each lives, what it does to the service while it is young, and its own series.

Instances come and go by releases and scaling alone; what happens to the service happens to all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from floodmark.simulate.faults import Floats, Footprint
from floodmark.simulate.gauges import Series, counted
from floodmark.simulate.topology import Services
from floodmark.simulate.world import State

_LETTERS = np.array(list("bcdfghjklmnpqrstvwxz2456789"))
_FRESH = 20.0
"""Steps over which a new instance fills its caches."""


class Pod(NamedTuple):
    """One instance: it takes requests from `begin` until `end`, epoch seconds. `release`: a number that grows."""

    name: str
    service: str
    begin: float
    end: float
    release: int


def pod_name(rng: np.random.Generator, service: str, release: int) -> str:
    """As a deployment names them: "cart-7d4f2-x8k2p", a part for the release and one for the pod."""
    return f"{service}-{release * 7919 % 0xFFFFF:05x}-{''.join(rng.choice(_LETTERS, 5))}"


def first_pods(rng: np.random.Generator, services: Services, start: float, end: float) -> list[Pod]:
    """The instances that are there from `start` on, and stay."""
    return [
        Pod(pod_name(rng, name, number + 1), name, start, end, number + 1)
        for number, (name, spec) in enumerate(services.items())
        for _ in range(spec.pods)
    ]


def crowd(foot: Footprint, pods: Sequence[Pod], times: Floats, services: Services) -> None:
    """Write into `foot` what the coming and going of instances does to their services as a whole.

    Memory is the mean of the instances, a little lower while some are young; fewer instances have more work each.
    """
    step = float(times[1] - times[0]) if len(times) > 1 else 60.0
    for name, own in _by_service(pods).items():
        if all(pod.begin <= times[0] and pod.end > times[-1] for pod in own):
            continue  # always the same ones
        count, young = np.zeros(len(times)), np.zeros(len(times))
        for pod in own:
            begin, end = _life(pod, times)
            count[begin:end] += 1
            if pod.begin > times[0]:
                young[begin:end] += np.exp(-np.arange(end - begin) * step / 60.0 / _FRESH)
        count = np.maximum(count, 1)
        foot.memory[name] *= 1 - 0.2 * young / count
        foot.latency[name] *= 1 + 0.06 * young / count
        foot.crowding[name] *= services[name].pods / count


def pod_series(
    rng: np.random.Generator,
    pods: Sequence[Pod],
    times: Floats,
    *,
    step: float,
    states: Mapping[str, State],
    foot: Footprint,
) -> Iterator[tuple[Pod, int, list[Series]]]:
    """(instance, its first step, its series from there until its end), for all that live for a step or more."""
    for name, own in _by_service(pods).items():
        state = states[name]
        weights = rng.lognormal(0.0, 0.06, len(own))  # no balancer is fair
        lives = [_life(pod, times) for pod in own]
        total, count = np.full(len(times), 1e-9), np.zeros(len(times))
        for weight, (begin, end) in zip(weights.tolist(), lives, strict=True):
            total[begin:end] += weight
            count[begin:end] += 1
        ratio = np.clip(state.failures / np.maximum(state.requests, 1), 0, 1)
        for pod, weight, (begin, end) in zip(own, weights.tolist(), lives, strict=True):
            n = end - begin
            if n < 1:
                continue
            part = slice(begin, end)
            share = weight / total[part]
            age = np.arange(n) * step / 60.0 + (0 if pod.begin > times[0] else 10_000)
            cold = np.exp(-age / _FRESH)
            wander = _walks(rng, n, 3)
            requests = rng.poisson(state.requests[part] * share * np.exp(0.02 * wander[0])).astype(np.float64)
            failures = rng.binomial(requests.astype(np.int64), ratio[part]).astype(np.float64)
            restarts = [at - begin for at in foot.restarts[name] if begin < at < end]
            cpu = state.cpu[part] * share * count[part] * np.exp(0.05 * wander[1] + rng.normal(0, 0.03, n))
            jitter = 0.05 + 0.4 / np.sqrt(np.maximum(requests, 4))
            latency = state.latency[part] * (1 + 0.1 * cold) * np.exp(rng.normal(0, 1, n) * jitter)
            found = [
                Series("pod_requests_total", "counter", "1", {}, _own_count(rng, requests, restarts, pod, times)),
                Series("pod_errors_total", "counter", "1", {}, _own_count(rng, failures, restarts, pod, times)),
                Series("pod_latency_p95_ms", "gauge", "ms", {}, np.round(latency, 2)),
                Series("pod_cpu_usage_ratio", "gauge", "1", {}, np.round(np.clip(cpu, 0.005, 1), 4)),
            ]
            if state.memory.any():
                memory = state.memory[part] * (1 - 0.25 * cold) * np.exp(0.03 * wander[2])
                found.append(Series("pod_memory_used_bytes", "gauge", "By", {}, np.round(memory, -4)))
                rate = requests * 5000 * np.exp(rng.normal(0, 0.05, n))
                sent = _own_count(rng, np.round(rate), restarts, pod, times)
                found.append(Series("pod_network_transmit_bytes_total", "counter", "By", {}, sent))
            yield pod, begin, found


def _by_service(pods: Sequence[Pod]) -> dict[str, list[Pod]]:
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        found.setdefault(pod.service, []).append(pod)
    return found


def _life(pod: Pod, times: Floats) -> tuple[int, int]:
    """The steps in which it takes requests: first, and one past the last."""
    begin, end = np.searchsorted(times, [pod.begin, pod.end])
    return int(begin), int(end)


def _own_count(rng: np.random.Generator, increments: Floats, restarts: list[int], pod: Pod, times: Floats) -> Floats:
    """A counter that began with its instance."""
    if pod.begin > times[0]:
        return np.cumsum(increments)
    return counted(rng, increments, restarts)


def _walks(rng: np.random.Generator, steps: int, count: int) -> Floats:
    """Slow autoregressions of deviation 1, shape (count, steps); by blocks of an hour, as nobody looks closer."""
    knots = rng.normal(0.0, 1.0, (count, steps // 60 + 2))
    at = np.arange(steps) / 60.0
    grid = np.arange(knots.shape[1])
    return np.stack([np.interp(at, grid, row) for row in knots])
