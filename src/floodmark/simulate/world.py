"""What happens in the shop, minute by minute: load down the call graph, slowness and failure up it.

Pure arithmetic over arrays of one value a step; it must never encode an event. All randomness is the generator's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from floodmark.simulate.faults import DAY, HOUR, Floats, Footprint
from floodmark.simulate.topology import SERVICES, Services


class State(NamedTuple):
    """One service over all steps, arrays of shape (steps,).

    `rate`: requests a second. `requests`, `failures`: counts in the step. `latency`: p95, ms. `slow`: how many times
    its usual p95. `excess`: the ratio of failures above the usual. `blamed`: dependency → the part of `excess` that it
    caused. `cpu`: 0 to 1. `memory`: bytes (0 where it is not exposed). `up`: whether it is there at all.
    """

    rate: Floats
    requests: Floats
    failures: Floats
    latency: Floats
    slow: Floats
    excess: Floats
    blamed: dict[str, Floats]
    cpu: Floats
    memory: Floats
    up: Floats


def ar1(rng: np.random.Generator, steps: int, phi: float, sigma: float) -> Floats:
    """A first-order autoregression of stationary deviation `sigma`, shape (steps,)."""
    shocks = rng.normal(0.0, sigma * (1 - phi * phi) ** 0.5, steps).tolist()
    value = float(rng.normal(0.0, sigma))
    out = []
    for shock in shocks:
        value = phi * value + shock
        out.append(value)
    return np.array(out)


def season(times: Floats) -> Floats:
    """Traffic relative to its daily mean: least at four in the morning, busiest at eight in the evening (UTC), and
    a weekend that wakes late. Shape of `times`, epoch seconds."""
    hour = (times % DAY) / HOUR
    day = np.floor(times / DAY + 3) % 7  # the epoch was a Thursday; 0 is Monday
    weekend = day >= 5
    shape = 1 + 0.38 * np.cos((hour - 17.5) / 24 * 2 * np.pi) + 0.13 * np.cos((hour - 9.0) / 12 * 2 * np.pi)
    late = 1 + 0.34 * np.cos((hour - 19.0) / 24 * 2 * np.pi) + 0.10 * np.cos((hour - 10.5) / 12 * 2 * np.pi)
    return np.where(weekend, 0.82 * late, shape)


def _lagged(values: Floats) -> Floats:
    """A caller feels most of it in the same minute, and the rest in the next."""
    before = np.concatenate([values[:1], values[:-1]])
    return 0.65 * values + 0.35 * before


def _since(steps: int, restarts: list[int]) -> Floats:
    """Steps since the last restart (a thousand before the first one)."""
    since = np.arange(steps, dtype=np.float64) + 1000
    for step in restarts:
        since[step:] = np.arange(steps - step)
    return since


def evolve(
    rng: np.random.Generator, times: Floats, step: float, foot: Footprint, services: Services = SERVICES
) -> dict[str, State]:
    """The state of every service over the steps of `step` seconds that begin at `times`."""
    steps = len(times)
    rates: dict[str, Floats] = {name: np.zeros(steps) for name in services}
    mean: dict[str, float] = {name: spec.arrivals for name, spec in services.items()}
    for name, spec in services.items():
        if spec.arrivals:
            rates[name] = spec.arrivals * season(times) * np.exp(ar1(rng, steps, 0.9, 0.03))
    for name, spec in services.items():
        rates[name] = rates[name] * foot.load[name] * np.exp(ar1(rng, steps, 0.7, 0.02))
        rates[name] *= 1 - foot.silent[name]
        for called, call in spec.calls.items():
            rates[called] = rates[called] + call.rate * rates[name]
            mean[called] += call.rate * mean[name]

    states: dict[str, State] = {}
    for name in reversed(list(services)):  # dependencies before those who call them
        spec = services[name]
        up = 1 - foot.silent[name]
        requests = rng.poisson(rates[name] * step).astype(np.float64)
        use = rates[name] / (1.55 * mean[name]) * foot.crowding[name]  # about 1 in the busiest hour
        since = _since(steps, foot.restarts[name])
        cold = np.exp(-since / 2)  # caches are empty after a restart

        idle, busy = spec.cpu or (0.0, 0.0)
        cpu = idle + (busy - idle) * use * (1 + 0.15 * cold) + ar1(rng, steps, 0.8, 0.012)
        cpu = cpu + foot.cpu[name] * (1 - cpu) + rng.normal(0, 0.006, steps)

        # A percentile of few requests jumps about.
        jitter = 0.03 + 0.35 / np.sqrt(np.maximum(requests, 4))
        own = spec.latency * (1 + 0.45 * np.minimum(use, 1.6) ** 2) * (1 + 0.12 * cold)
        usual = own.copy()
        felt = own * foot.latency[name] * np.exp(ar1(rng, steps, 0.7, 0.035))
        excess = foot.errors[name].copy()
        blamed: dict[str, Floats] = {}
        for called, call in spec.calls.items():
            other = states[called]
            share = 0.6 * min(1.0, call.rate) ** 0.5
            normal = share * services[called].latency
            usual += normal
            # What is gone is waited for until the timeout; what is slow is waited for as far as there is no fallback.
            waited = np.where(other.up > 0, other.slow, 5.0)
            felt += normal * (1 + call.coupling * (_lagged(waited) - 1))
            failing = np.where(other.up > 0, other.excess, 1.0)
            blamed[called] = min(1.0, call.rate) * call.coupling * 0.5 * _lagged(failing)
            excess += blamed[called]
            if (delay := foot.delays.get((name, called))) is not None:
                # The wire has no fallback: most of the slowest requests wait for it, and some longer than they may.
                felt += delay * min(1.0, call.rate) ** 0.5
                excess += 0.02 * (delay > 0)
        latency = felt * np.exp(rng.normal(0, 1, steps) * jitter)

        errors = spec.errors * np.exp(ar1(rng, steps, 0.8, 0.15))
        failures = rng.binomial(requests.astype(np.int64), np.clip(errors + excess, 0, 0.95)).astype(np.float64)
        settled = 1 - 0.08 * np.exp(-since / 40)  # a fresh process fills its caches within the hour
        memory = (spec.memory or 0.0) * (1 + 0.05 * use + ar1(rng, steps, 0.97, 0.008)) * settled * foot.memory[name]
        states[name] = State(
            rates[name],
            requests,
            failures,
            latency,
            felt / usual,
            excess,
            blamed,
            np.clip(cpu, 0.01, 0.995),
            memory,
            up,
        )
    return {name: states[name] for name in services}
