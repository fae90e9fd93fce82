"""Which faults are injected, when and where, and what each does to the shop; deterministic by its generator.

A fault is told here and nowhere else: the world (`world`), the log lines (`lines`) and the model's events
(`scoring`) read its footprint; the scoreboard reads its time and place. It must never look at what was detected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from floodmark.simulate.topology import MODEL, SERVICES, Services, depends_on, neighbours

Floats = NDArray[np.float64]

Kind = Literal[
    "latency",
    "error_burst",
    "cpu",
    "memory_leak",
    "traffic_drop",
    "bad_deploy",
    "feature_drift",
    "silent_service",
    "network_delay",
    "exhaustion",
]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
APART = 70 * MINUTE
"""Least quiet between the end of a fault and the start of the next."""


class Fault(Struct, frozen=True):
    """An injected fault. Times are epoch seconds; `strength` is its size in the unit that the kind's footprint says.

    `peer`: where it lies between two services, the one that `service` calls.
    """

    id: str
    kind: Kind
    service: str
    start: float
    end: float
    summary: str
    strength: float
    peer: str = ""


class _Recipe(NamedTuple):
    services: tuple[str, ...]
    minutes: tuple[float, float]
    strength: tuple[float, float]
    summary: str


_RECIPES: Mapping[Kind, _Recipe] = {
    "latency": _Recipe(
        ("catalog", "search", "accounts", "inventory"), (20, 40), (3.0, 5.0), "{service} answers {x:.1f} times slower"
    ),
    "error_burst": _Recipe(
        ("payment", "accounts", "shipping", "cart"), (15, 35), (0.10, 0.20), "{x:.0%} of the requests to {service} fail"
    ),
    "cpu": _Recipe(
        ("search", "recommend", "web", "catalog"), (20, 40), (0.85, 0.95), "a runaway job takes {service}'s CPU"
    ),
    "memory_leak": _Recipe(
        ("cart", "recommend", "catalog", "accounts"), (70, 110), (1.8, 2.4), "{service} leaks memory until it is killed"
    ),
    "traffic_drop": _Recipe(("edge",), (20, 40), (0.30, 0.45), "{service} receives {x:.0%} of its traffic"),
    "bad_deploy": _Recipe(
        ("checkout", "shipping", "cart", "payment"), (20, 40), (0.06, 0.12), "a release of {service} fails {x:.0%}"
    ),
    "feature_drift": _Recipe((MODEL,), (160, 200), (2.5, 3.5), "distance_km reaches {service} {x:.1f} times too large"),
    "silent_service": _Recipe(
        ("recommend", "shipping", "inventory", "search"), (15, 30), (1.0, 1.0), "{service} stops, and says nothing more"
    ),
}

TWICE: tuple[Kind, ...] = ("latency", "error_burst", "bad_deploy", "silent_service")
"""Kinds that a full programme has two of."""


def plan(
    rng: np.random.Generator, start: float, days: float, *, warmup: float = 15 * HOUR, quiet: float = 2 * HOUR
) -> list[Fault]:
    """A programme of faults between `start` + `warmup` and the end less `quiet` seconds, at least `APART` apart.

    Two days hold twelve; a shorter time holds the first of them that fit, none if none does.
    """
    kinds: list[Kind] = [*_RECIPES, *TWICE]
    kinds = [kinds[i] for i in rng.permutation(len(kinds))]
    # Labels of the drifted predictions come hours later: leave them time to arrive.
    kinds.remove("feature_drift")
    kinds.insert(int(rng.integers(2, 7)), "feature_drift")

    room = days * DAY - quiet - warmup
    lengths: list[float] = []
    for kind in kinds:
        low, high = _RECIPES[kind].minutes
        length = round(float(rng.uniform(low, high))) * MINUTE
        if sum(lengths) + length + APART * len(lengths) > room:
            break
        lengths.append(length)
    if not lengths:
        return []

    slack = room - sum(lengths) - APART * (len(lengths) - 1)
    pauses = rng.dirichlet(np.full(len(lengths) + 1, 4.0)) * slack
    pauses[0] *= 0.3  # the audience has waited for the warm-up already

    near = neighbours(depends_on())
    faults: list[Fault] = []
    used: dict[Kind, set[str]] = {}
    at = start + warmup
    for number, (kind, length) in enumerate(zip(kinds, lengths, strict=False)):
        recipe = _RECIPES[kind]
        at += float(pauses[number])
        begin = at // MINUTE * MINUTE
        before = faults[-1].service if faults else ""
        fresh = [s for s in recipe.services if s not in used.get(kind, set())]
        other = [s for s in fresh if s != before]
        apart = [s for s in other if s not in near.get(before, set())]
        service = str(rng.choice(apart or other or fresh))
        used.setdefault(kind, set()).add(service)
        strength = float(rng.uniform(*recipe.strength))
        summary = recipe.summary.format(service=service, x=strength)
        faults.append(Fault(f"F{number + 1:02d}", kind, service, begin, begin + length, summary, strength))
        at = begin + length + APART
    return faults


class Footprint(NamedTuple):
    """What the faults and the restarts do, by service and step; arrays of shape (steps,).

    `latency`, `memory`, `load` multiply; `errors` is added to the ratio; `cpu` is how far usage is pulled towards
    1 (0 to 1); `silent` is 1 where the service is gone; `restarts` are the steps at which its process starts anew.
    `full` is how far a resource that it has is used up (0 to 1); `crowding` multiplies the work of each instance;
    `delays` are milliseconds on the way from a caller to what it calls.
    """

    latency: dict[str, Floats]
    errors: dict[str, Floats]
    cpu: dict[str, Floats]
    memory: dict[str, Floats]
    load: dict[str, Floats]
    silent: dict[str, Floats]
    restarts: dict[str, list[int]]
    full: dict[str, Floats]
    crowding: dict[str, Floats]
    delays: dict[tuple[str, str], Floats]


def envelope(times: Floats, start: float, end: float, attack: float = 120.0) -> Floats:
    """0 outside [start, end), rising to 1 over `attack` seconds and falling as fast at the end."""
    rise = np.clip((times - start + MINUTE) / attack, 0.0, 1.0)
    fall = np.clip((end - times) / attack, 0.0, 1.0)
    return np.where((times >= start) & (times < end), np.minimum(rise, fall), 0.0)


def footprint(
    faults: Sequence[Fault], times: Floats, deploys: Sequence[tuple[float, str]], services: Services = SERVICES
) -> Footprint:
    """The footprint over the steps that begin at `times`; `deploys` are (time, service) of every restart for a
    release."""

    def flat(value: float) -> dict[str, Floats]:
        return {name: np.full(times.shape, value, dtype=np.float64) for name in services}

    restarts: dict[str, list[int]] = {name: [] for name in services}
    foot = Footprint(flat(1), flat(0), flat(0), flat(1), flat(1), flat(0), restarts, flat(0), flat(1), {})

    def restart(at: float, service: str) -> None:
        step = int(np.searchsorted(times, at))
        if step < len(times):
            foot.restarts[service].append(step)

    for at, service in deploys:
        restart(at, service)
    for fault in faults:
        name, x = fault.service, fault.strength
        on = envelope(times, fault.start, fault.end)
        match fault.kind:
            case "latency":  # strength: times slower
                foot.latency[name] *= 1 + (x - 1) * on
                foot.errors[name] += 0.015 * on
            case "error_burst":  # strength: share of requests that fail
                foot.errors[name] += x * on
            case "cpu":  # strength: the part of the idle CPU that is eaten
                foot.cpu[name] += x * on
                foot.latency[name] *= 1 + 1.1 * on
            case "memory_leak":  # strength: memory at the end, times the usual
                ramp = np.clip((times - fault.start) / (fault.end - fault.start), 0, 1) * (on > 0)
                foot.memory[name] *= 1 + (x - 1) * ramp
                late = np.clip((ramp - 0.8) / 0.2, 0, 1)  # the collector works ever harder, and then the kernel kills
                foot.latency[name] *= 1 + 0.8 * late
                foot.cpu[name] += 0.3 * late
                foot.errors[name] += 0.25 * ((times >= fault.end - MINUTE) & (times < fault.end + MINUTE))
                restart(fault.end, name)
            case "traffic_drop":  # strength: share of the traffic that is left
                foot.load[name] *= 1 - (1 - x) * on
            case "bad_deploy":  # strength: share of requests that fail
                foot.errors[name] += x * on
                foot.latency[name] *= 1 + 0.9 * on
            case "silent_service":
                foot.silent[name] += (times >= fault.start) & (times < fault.end)
                restart(fault.end, name)
            case "network_delay":  # strength: milliseconds
                foot.delays[name, fault.peer] = foot.delays.get((name, fault.peer), 0.0) + x * on
            case "exhaustion":  # strength: times slower once nothing is left
                used = np.clip((times - fault.start + MINUTE) / (0.4 * (fault.end - fault.start)), 0, 1) * (on > 0)
                foot.full[name] = np.maximum(foot.full[name], used)
                foot.latency[name] *= 1 + (x - 1) * used**3
                foot.errors[name] += 0.02 * x * np.clip((used - 0.8) / 0.2, 0, 1)
            case "feature_drift":  # lives in the model's events alone
                pass
    for steps in foot.restarts.values():
        steps.sort()
    return foot
