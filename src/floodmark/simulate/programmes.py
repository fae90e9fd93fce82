"""Programmes of faults for a system of any shape: in bursts minutes apart, or one every two hours.

Which, when and where; what a fault does is in `faults`. Deterministic by the generator that is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from floodmark.simulate.faults import HOUR, MINUTE, Fault, Kind
from floodmark.simulate.topology import ServiceKind, Services, depends_on, neighbours


class _Size(NamedTuple):
    """What a fault of a kind is like: from and to which strength, what nothing at all would be, and its words."""

    strength: tuple[float, float]
    nothing: float
    summary: str


_SIZES: Final[Mapping[Kind, _Size]] = {
    "latency": _Size((2.5, 5.0), 1.0, "{service} answers {x:.1f} times slower"),
    "error_burst": _Size((0.06, 0.20), 0.0, "{x:.0%} of the requests to {service} fail"),
    "cpu": _Size((0.6, 0.95), 0.0, "a runaway job takes {service}'s CPU"),
    "memory_leak": _Size((1.6, 2.4), 1.0, "{service} leaks memory until it is killed"),
    "traffic_drop": _Size((0.30, 0.50), 1.0, "{service} receives {x:.0%} of its traffic"),
    "bad_deploy": _Size((0.06, 0.15), 0.0, "a release of {service} fails {x:.0%}"),
    "silent_service": _Size((1.0, 1.0), 0.0, "{service} stops, and says nothing more"),
    "network_delay": _Size((60.0, 250.0), 0.0, "calls of {service} to {peer} take {x:.0f} ms longer"),
    "exhaustion": _Size((3.0, 6.0), 1.0, "{service} runs out of what it serves from"),
}
_KINDS: Final[Mapping[ServiceKind, tuple[Kind, ...]]] = {
    "service": ("latency", "error_burst", "cpu", "memory_leak", "bad_deploy", "network_delay", "silent_service"),
    "database": ("exhaustion", "exhaustion", "latency", "error_burst", "cpu"),
    "cache": ("exhaustion", "latency", "error_burst", "silent_service"),
    "queue": ("exhaustion", "exhaustion", "latency", "error_burst"),
    "external": ("latency", "error_burst"),
}
"""What can happen to each, the likelier ones twice."""
LEAVES, NEAR, SAME, AT_THE_DOOR = 0.5, 0.55, 0.08, 0.04
"""Chances in a burst: that a fault is in a leaf; within two calls of the one before; in the very same service; and
that it is a loss of traffic."""


def bursts(rng: np.random.Generator, services: Services, begin: float, end: float, count: int = 45) -> list[Fault]:
    """`count` faults of 4 to 12 minutes between `begin` and `end`, 5 to 60 minutes apart: several soon after each
    other, and then a pause. Fewer if they do not fit."""
    faults: list[Fault] = []
    starts: list[float] = []
    at, left = 0.0, 0
    while len(starts) < count:
        starts.append(at)
        left = int(rng.integers(2, 6)) if left == 0 else left - 1
        at += float(rng.uniform(6, 18) if left else rng.uniform(30, 60)) * MINUTE
    room = end - begin - 15 * MINUTE
    stretch = room / starts[-1] if starts[-1] > room else 1.0  # never wider than said, but closer if it must be
    starts = [(begin + at * max(stretch, 0.6)) // MINUTE * MINUTE for at in starts]
    before = ""
    for number, start in enumerate(starts):
        following = starts[number + 1] if number + 1 < len(starts) else end
        length = min(float(rng.integers(4, 13)) * MINUTE, max((following - start) // MINUTE - 2, 3) * MINUTE)
        if start + length > end:
            break
        service = _place(rng, services, before)
        faults.append(_fault(rng, services, len(faults), service, start, start + length, 1.0))
        before = service
    return faults


def steady(
    rng: np.random.Generator, services: Services, begin: float, end: float, apart: float = 2 * HOUR
) -> list[Fault]:
    """A fault every `apart` seconds, a quarter of that sooner or later, of 10 to 25 minutes; one in three is faint:
    down to a third of its kind's least strength."""
    faults: list[Fault] = []
    at, before = begin, ""
    while at + apart < end:
        start = (at + float(rng.uniform(0, apart / 4))) // MINUTE * MINUTE
        length = float(rng.integers(10, 26)) * MINUTE
        service = _place(rng, services, before)
        size = float(rng.uniform(1 / 3, 1)) if rng.random() < 1 / 3 else 1.0
        faults.append(_fault(rng, services, len(faults), service, start, start + length, size))
        at, before = at + apart, service
    return faults


def _place(rng: np.random.Generator, services: Services, before: str) -> str:
    graph = depends_on(services)
    draw = rng.random()
    if before and draw < SAME:
        return before
    able = [name for name in services if name != before]
    if before and draw < SAME + NEAR:
        near = neighbours(graph)
        around = near[before] | {name for other in near[before] for name in near[other]}
        able = [name for name in able if name in around] or able
    leaves = [name for name in able if not graph[name]]
    inner = [name for name in able if graph[name]]
    wanted = leaves if leaves and (rng.random() < LEAVES or not inner) else inner
    return str(rng.choice(wanted))


def _fault(
    rng: np.random.Generator, services: Services, number: int, service: str, start: float, end: float, size: float
) -> Fault:
    spec = services[service]
    able = [kind for kind in _KINDS[spec.kind] if kind != "network_delay" or spec.calls]
    able = [kind for kind in able if kind != "memory_leak" or spec.memory]
    kind = able[int(rng.integers(len(able)))]
    if spec.arrivals or (spec.calls and rng.random() < AT_THE_DOOR):
        kind = "traffic_drop"
    if kind == "silent_service":
        size = 1.0  # there is no little of it
    low, high = _SIZES[kind].strength
    whole = float(rng.uniform(low, high))
    nothing = _SIZES[kind].nothing
    x = round(whole if size == 1.0 else nothing + size * ((high if kind == "traffic_drop" else low) - nothing), 3)
    peer = str(rng.choice(list(spec.calls))) if kind == "network_delay" else ""
    summary = _SIZES[kind].summary.format(service=service, peer=peer, x=x)
    return Fault(f"F{number + 1:02d}", kind, service, start, end, summary, x, peer)
