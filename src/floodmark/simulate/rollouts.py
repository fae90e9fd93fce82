"""Releases, restarts and scaling of a system whose instances are replaced one after another: most harm nobody.

What each changes, announces and replaces; that a release is bad is told as a fault, which `faults` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import numpy as np

from floodmark.simulate.faults import MINUTE, Fault, Kind
from floodmark.simulate.pods import Pod, first_pods, pod_name
from floodmark.simulate.shop import CHORES, Change
from floodmark.simulate.topology import Services

Sort = Literal["rolling", "restart", "fewer", "more", "setting"]
"""Instances replaced one by one; all at once; some gone for good; some added; or nothing but a setting."""

_SORTS: Final[Mapping[Sort, float]] = {"rolling": 0.56, "restart": 0.10, "fewer": 0.12, "more": 0.08, "setting": 0.14}
_ANNOUNCED: Final[Mapping[Sort, float]] = {
    "rolling": 0.88,
    "restart": 0.7,
    "fewer": 0.7,
    "more": 0.7,
    "setting": 1.0,
}
"""Chance that a change event tells of it."""
_BAD: Final[tuple[tuple[Kind, tuple[float, float], str], ...]] = (
    ("bad_deploy", (0.04, 0.12), "a release of {service} fails {x:.0%}"),
    ("error_burst", (0.05, 0.15), "a release of {service} fails {x:.0%}, with words known before"),
    ("latency", (1.8, 3.5), "a release of {service} answers {x:.1f} times slower"),
)
FEWEST, MOST = 2, 6
"""Instances of a service."""


class Rollout(NamedTuple):
    """What was done to a service, when (epoch seconds), and whether anyone was told."""

    time: float
    service: str
    sort: Sort
    announced: bool


class Programme(NamedTuple):
    """All of it: what harmed nobody, the bad releases as faults, what was announced, and every instance."""

    harmless: list[Rollout]
    faults: list[Fault]
    changes: list[Change]
    pods: list[Pod]


def rollouts(
    rng: np.random.Generator,
    services: Services,
    start: float,
    end: float,
    *,
    quiet: float,
    harmless: int = 200,
    bad: int = 30,
) -> Programme:
    """`harmless` rollouts and `bad` releases between `start` + `quiet` and `end`, each in its own part of the time.

    A bad release is rolled back after 15 to 35 minutes, or sooner if the time of each is short.
    """
    crew = _Crew(rng, services, start, end)
    count = harmless + bad
    slot = (end - start - quiet) / max(count, 1)
    which = set(rng.choice(count, bad, replace=False).tolist()) if bad else set()
    names = list(services)
    found = Programme([], [], [], crew.all)
    for number in range(count):
        at = round(start + quiet + slot * (number + float(rng.uniform(0.0, 0.35))), 1)
        service = names[int(rng.integers(len(names)))]
        if number in which:
            length = min(float(rng.uniform(15, 35)) * MINUTE, 0.5 * slot)
            _bad_release(rng, crew, found, at, service, length)
        else:
            _harmless(rng, crew, found, at, service)
    return found._replace(changes=sorted(found.changes))


class _Crew:
    """The instances while time goes by."""

    def __init__(self, rng: np.random.Generator, services: Services, start: float, end: float) -> None:
        self._rng, self._end = rng, end
        self.all = first_pods(rng, services, start, end)
        self._live: dict[str, list[int]] = {name: [] for name in services}
        self.release = dict.fromkeys(services, 100)
        for number, pod in enumerate(self.all):
            self._live[pod.service].append(number)

    def count(self, service: str) -> int:
        return len(self._live[service])

    def add(self, service: str, at: float) -> None:
        name = pod_name(self._rng, service, self.release[service])
        self._live[service].append(len(self.all))
        self.all.append(Pod(name, service, at, self._end, self.release[service]))

    def drop(self, service: str, at: float) -> None:
        """The oldest one ends."""
        number = self._live[service].pop(0)
        self.all[number] = self.all[number]._replace(end=at)

    def replace(self, service: str, at: float, pause: float, overlap: float) -> None:
        """All of them by new ones: the next each `pause` seconds, the old one `overlap` seconds after the new."""
        self.release[service] += 1
        for number in range(self.count(service)):
            self.add(service, at + number * pause)
            self.drop(service, at + number * pause + overlap)


def _harmless(rng: np.random.Generator, crew: _Crew, found: Programme, at: float, service: str) -> None:
    sort: Sort = list(_SORTS)[int(rng.choice(len(_SORTS), p=list(_SORTS.values())))]
    count = crew.count(service)
    if (sort == "fewer" and count <= FEWEST) or (sort == "more" and count >= MOST):
        sort = "rolling"
    kind, words = CHORES[int(rng.integers(3))]
    match sort:
        case "rolling":
            crew.replace(service, at + 20, float(rng.uniform(45, 90)), 25)
        case "restart":
            kind, words = "config", "all instances restarted for new certificates"
            crew.replace(service, at + 10, 0, 5)
        case "fewer":
            left = max(FEWEST, count - int(rng.integers(1, 3)))
            kind, words = "config", f"replicas of {service} from {count} to {left}"
            for _ in range(count - left):
                crew.drop(service, at + 15)
        case "more":
            kind, words = "config", f"replicas of {service} from {count} to {count + 1}"
            crew.add(service, at + 15)
        case "setting":
            kind, words = CHORES[3 + int(rng.integers(len(CHORES) - 3))]
    announced = bool(rng.random() < _ANNOUNCED[sort])
    found.harmless.append(Rollout(at, service, sort, announced))
    if announced:
        release = f"1.{crew.release[service]}.0"
        found.changes.append(Change(at, service, kind, words.format(release=release)))


def _bad_release(
    rng: np.random.Generator, crew: _Crew, found: Programme, at: float, service: str, length: float
) -> None:
    kind, (low, high), words = _BAD[int(rng.integers(len(_BAD)))]
    x = round(float(rng.uniform(low, high)), 3)
    before = crew.release[service]
    crew.replace(service, at + 20, 30, 25)
    found.changes.append(Change(at, service, "deploy", f"release 1.{crew.release[service]}.0"))
    crew.replace(service, at + length, 20, 15)
    found.changes.append(Change(at + length - 10, service, "deploy", f"roll back to 1.{before}.0"))
    begin, end = at // MINUTE * MINUTE + MINUTE, (at + length) // MINUTE * MINUTE + MINUTE
    name = f"F{len(found.faults) + 1:02d}"
    found.faults.append(Fault(name, kind, service, begin, end, words.format(service=service, x=x), x))
