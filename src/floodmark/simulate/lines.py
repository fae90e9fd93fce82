"""The shop's log lines as native events: templates with parameters, as frequent as traffic and trouble make them.

Drawn by array and formatted once; it must never hold a fault's name, only its footprint in the services' states.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from floodmark.simulate.faults import HOUR, MINUTE, Fault, Floats, Footprint, envelope
from floodmark.simulate.message import Message
from floodmark.simulate.pods import Pod
from floodmark.simulate.templates import BOOT, BUGS, GENERIC_BUG, KILLED, NOVELTIES, UPSTREAM, Template, templates_of
from floodmark.simulate.topology import SERVICES, Services, ServiceSpec
from floodmark.simulate.world import State

Draw = Callable[[np.random.Generator, int, Floats], Sequence[object]]
"""(generator, how many, the service's p95 at each) → the parameter of each line."""

VOLUME = 0.92
"""Lines per line that the templates name: thins or thickens the whole log."""
MOST_FAILURES = 9.0
"""Failure lines a minute at most: a service in trouble logs a sample."""

_CITIES = np.array(["Porto", "Ghent", "Turin", "Leipzig", "Malmo", "Graz", "Lyon", "Gdansk"])
_WORDS = np.array(["lamp", "kettle", "rucksack", "headphones", "notebook", "mug", "desk", "bicycle", "rug", "tent"])


def _integers(low: int, high: int) -> Draw:
    return lambda rng, n, _: rng.integers(low, high, n).tolist()


def _hex(rng: np.random.Generator, n: int, _: Floats) -> Sequence[object]:
    return [f"{value:08x}" for value in rng.integers(1 << 28, 1 << 32, n).tolist()]


def _ip(rng: np.random.Generator, n: int, _: Floats) -> Sequence[object]:
    return [f"10.{a}.{b}.{c}" for a, b, c in rng.integers(1, 255, (n, 3)).tolist()]


def _ms(rng: np.random.Generator, n: int, p95: Floats) -> Sequence[object]:
    """Lognormal durations whose 95th percentile is `p95`."""
    sigma = 0.5
    return list(np.maximum(1, p95 * np.exp(sigma * (rng.normal(0, 1, n) - 1.645))).astype(np.int64).tolist())


def _money(rng: np.random.Generator, n: int, _: Floats) -> Sequence[object]:
    return [f"{value:.2f}" for value in rng.lognormal(3.6, 0.8, n).tolist()]


FIELDS: dict[str, Draw] = {
    "id": _integers(10_000, 999_999),
    "n": _integers(2, 48),
    "bytes": _integers(500, 90_000),
    "status": _integers(503, 505),
    "hex": _hex,
    "ip": _ip,
    "ms": _ms,
    "money": _money,
    "city": lambda rng, n, _: rng.choice(_CITIES, n).tolist(),
    "word": lambda rng, n, _: rng.choice(_WORDS, n).tolist(),
}

_FIELD = re.compile(r"\{(\w+)\}")
_Line = tuple[float, str, str, str]
"""(time, service, severity, body)"""


def _write(rng: np.random.Generator, text: str, times: Floats, p95: Floats) -> list[str]:
    """`text` with its parameters drawn, one body for each of `times`."""
    fields = _FIELD.findall(text)
    if not fields:
        return [text] * len(times)
    form = _FIELD.sub("%s", text.replace("%", "%%"))
    columns = [FIELDS[field](rng, len(times), p95) for field in fields]
    return [form % row for row in zip(*columns, strict=True)]


def _spread(rng: np.random.Generator, times: Floats, step: float, rate: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Poisson moments, `rate` of them a minute: (epoch seconds, the step of each), unsorted within a step."""
    steps = np.repeat(np.arange(len(times)), rng.poisson(rate * step / MINUTE))
    return times[steps] + rng.random(len(steps)) * step, steps


def _rate(template: Template, state: State) -> Floats:
    """Lines a minute of a template over the steps."""
    load: Floats = state.rate / max(float(state.rate.mean()), 1e-9)
    usual: Floats = template.rate * load
    match template.role:
        case "traffic":
            return usual
        case "background":
            return np.full(load.shape, template.rate)
        case "slow":
            complaints: Floats = np.minimum(4.0, 1.6 * np.maximum(state.slow - 1.25, 0))
            return usual + complaints
        case "failure":
            own: Floats = np.maximum(state.excess - sum(state.blamed.values(), np.zeros(1)), 0)
            failures: Floats = np.minimum(MOST_FAILURES, 70 * own)
            return usual + failures


def _service(
    rng: np.random.Generator, name: str, spec: ServiceSpec, state: State, times: Floats, step: float
) -> list[_Line]:
    """The lines of one service that follow from its state."""
    lines: list[_Line] = []

    def emit(severity: str, text: str, rate: Floats) -> None:
        at, steps = _spread(rng, times, step, rate * state.up * VOLUME)
        bodies = _write(rng, text, at, state.latency[steps])
        lines.extend(zip(at.tolist(), [name] * len(bodies), [severity] * len(bodies), bodies, strict=True))

    for template in templates_of(name, spec.kind):
        emit(template.severity, template.text, _rate(template, state))
    for called in spec.calls:
        excess = np.minimum(MOST_FAILURES, 60 * state.blamed[called])
        emit("ERROR", UPSTREAM.replace("{peer}", called), 0.03 * (state.rate / state.rate.mean()) + excess)
    return lines


def _release(number: int) -> str:
    return f"{2 + number // 40}.{number % 40}.0"


def _special(
    rng: np.random.Generator,
    times: Floats,
    *,
    step: float,
    faults: Sequence[Fault],
    foot: Footprint,
    states: dict[str, State],
    services: Services,
    pods: Sequence[Pod],
) -> list[_Line]:
    """Lines of single moments: starts, kills, bugs of a release, and what happens once a month."""
    lines: list[_Line] = []
    for number, (name, restarts) in enumerate(foot.restarts.items()):
        for count, at in enumerate([times[0], *times[restarts].tolist()]):
            moment = float(at)
            for text in BOOT:  # the first start is that of the simulation: the words are known from then on
                moment += float(rng.uniform(0.5, 2.0))
                lines.append((moment, name, "INFO", text.format(release=_release(7 * number + count))))
    for pod in pods:
        if pod.begin > times[0]:
            lines.extend(
                (pod.begin - 4 + 2 * i, pod.service, "INFO", text.format(release=_release(pod.release)))
                for i, text in enumerate(BOOT)
            )
    for fault in faults:
        if fault.kind == "memory_leak":
            limit = int((services[fault.service].memory or 0.0) * fault.strength / 1e6)
            lines.append((fault.end - 20, fault.service, "FATAL", KILLED.format(limit=limit)))
        if fault.kind == "bad_deploy":
            rate = envelope(times, fault.start, fault.end) * min(MOST_FAILURES, 60 * fault.strength)
            at, steps = _spread(rng, times, step, rate)
            bodies = _write(rng, BUGS.get(fault.service, GENERIC_BUG), at, states[fault.service].latency[steps])
            lines.extend((t, fault.service, "ERROR", body) for t, body in zip(at.tolist(), bodies, strict=True))
    if times[-1] - times[0] > 12 * HOUR:
        for service, text in NOVELTIES:
            if service not in services:
                continue
            at = np.array([times[0] + float(rng.uniform(6 * HOUR, times[-1] - times[0] - HOUR))])
            body = _write(rng, text, at, np.array([50.0]))[0]
            lines.append((float(at[0]), service, "INFO", body))
    return lines


def messages(
    rng: np.random.Generator,
    topic: str,
    times: Floats,
    *,
    step: float,
    states: dict[str, State],
    faults: Sequence[Fault],
    foot: Footprint,
    services: Services = SERVICES,
    pods: Sequence[Pod] = (),
) -> Iterator[Message]:
    """Every line, one event a message, in time order. The label `pod` is one of those that live; of a service that has
    no `pods`, one of three."""
    lines: list[_Line] = []
    for name, state in states.items():
        lines.extend(_service(rng, name, services[name], state, times, step))
    special = _special(rng, times, step=step, faults=faults, foot=foot, states=states, services=services, pods=pods)
    lines.extend(special)
    lines.sort()
    stamps = np.datetime_as_string(np.array([round(line[0] * 1000) for line in lines], "datetime64[ms]")).tolist()
    choices = rng.integers(0, 3, len(lines)).tolist()
    alive = _Alive(pods)
    for (at, name, severity, body), stamp, choice in zip(lines, stamps, choices, strict=True):
        labels = {"service": name, "pod": alive.one(at, name, choice)}
        event = {"timestamp": stamp + "Z", "severity": severity, "body": body, "labels": labels}
        yield Message(at, topic, name.encode(), orjson.dumps(event), 1)


class _Alive:
    """Which instances of each service live, for one who asks in time order."""

    def __init__(self, pods: Sequence[Pod]) -> None:
        self._coming = sorted(pods, key=lambda pod: (-pod.begin, pod.name))  # the next one last
        self._now: dict[str, list[Pod]] = {}

    def one(self, at: float, service: str, choice: int) -> str:
        """The name of one that lives, or of the last that did."""
        while self._coming and self._coming[-1].begin - MINUTE / 6 <= at:
            pod = self._coming.pop()
            self._now.setdefault(pod.service, []).append(pod)
        own = self._now.get(service)
        if own is None:
            return f"{service}-{choice}"
        while len(own) > 1 and any(pod.end <= at for pod in own):
            own.remove(min(own, key=lambda pod: pod.end))
        return own[choice % len(own)].name
