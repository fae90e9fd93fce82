"""A simulated system: services with a call graph, perhaps a model, and faults of known time and place.

By default the demo's web shop of a dozen services; `shops` makes others.

Everything follows from the seed, the start and the length: equal shops give equal bytes. It never reads a clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson

from floodmark.simulate import lines, metrics, scoring
from floodmark.simulate.faults import DAY, HOUR, MINUTE, Fault, Floats, Footprint, footprint, plan
from floodmark.simulate.message import Message
from floodmark.simulate.pods import Pod, crowd, first_pods
from floodmark.simulate.topology import MODEL, SERVICES, Services, depends_on
from floodmark.simulate.world import State, evolve

START = 1_748_908_800.0
"""Tuesday, 3 June 2025, 00:00 UTC: two ordinary weekdays follow."""

Topic = Literal["metrics", "logs", "predictions", "outcomes", "changes"]
TOPICS: tuple[Topic, ...] = ("metrics", "logs", "predictions", "outcomes", "changes")
PREFIX = "shop."
"""Before each topic's name, so that the demo's topics are told from real ones."""

WARMUP, QUIET = 15 * HOUR, 2 * HOUR

CHORES = (
    ("deploy", "release {release}: dependency updates"),
    ("deploy", "release {release}: new translations"),
    ("deploy", "release {release}: faster start"),
    ("config", "log level of http client set to info"),
    ("config", "connection pool raised from 40 to 50"),
    ("flag", "new-product-badge on for 10 % of visitors"),
    ("flag", "summer-banner on"),
)
"""Changes that harm nobody: (kind, summary)."""


class Change(NamedTuple):
    """A change that is announced. Of kind deploy, the service starts anew unless its `pods` are replaced."""

    time: float
    service: str
    kind: str
    summary: str


class Shop:
    """`days` of the shop from `start` (epoch seconds, UTC) in steps of `step` seconds.

    No fault comes in the first `warmup` seconds, nor in the last `quiet` ones: the former is for learning, the latter
    is the epilogue in which incidents resolve. Cheap to make: the world is simulated when it is first asked for.

    `services`, `faults`, `changes` and `pods` say another system than the demo's: what it is, what befalls it, what is
    announced, and which instances it has (by default as many of each service as it says, from beginning to end). With
    `faults` nothing is planned, and `warmup` and `quiet` mean nothing. A deploy restarts its service, unless
    instances of it are replaced.
    """

    def __init__(
        self,
        seed: int = 7,
        start: float = START,
        days: float = 2.0,
        step: float = MINUTE,
        *,
        warmup: float = WARMUP,
        quiet: float = QUIET,
        services: Services = SERVICES,
        faults: Sequence[Fault] | None = None,
        changes: Sequence[Change] | None = None,
        pods: Sequence[Pod] | None = None,
    ) -> None:
        if not days > 0:
            raise ValueError(f"a shop needs some days to simulate, not {days}")
        self.seed, self.start, self.days, self.step = seed, start, days, step
        self.end = start + days * DAY
        self.services = services
        if faults is None:
            faults = plan(self._rng(0), start, days, warmup=warmup, quiet=quiet)
        self.faults: list[Fault] = list(faults)
        self.changes: list[Change] = self._plan_changes() if changes is None else sorted(changes)
        self.pods: list[Pod] = first_pods(self._rng(6), services, start, self.end) if pods is None else list(pods)

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """The call graph: service → the services that it calls."""
        return depends_on(self.services)

    @cached_property
    def times(self) -> Floats:
        """When each step begins, epoch seconds, shape (steps,)."""
        return self.start + self.step * np.arange(round(self.days * DAY / self.step), dtype=np.float64)

    @cached_property
    def footprint(self) -> Footprint:
        """What faults and restarts do to each service."""
        rolled = {pod.service for pod in self.pods if pod.begin > self.start}
        deploys = [
            (change.time, change.service)
            for change in self.changes
            if change.kind == "deploy" and change.service not in rolled
        ]
        foot = footprint(self.faults, self.times, deploys, self.services)
        crowd(foot, self.pods, self.times, self.services)
        return foot

    @cached_property
    def states(self) -> dict[str, State]:
        """What went on in each service: the truth behind the telemetry."""
        return evolve(self._rng(1), self.times, self.step, self.footprint, self.services)

    def messages(self, topic: Topic) -> Iterator[Message]:
        """What is sent to one topic, in order of event time, but for a few outcomes that are up to 20 s late."""
        name = PREFIX + topic
        match topic:
            case "metrics":
                yield from metrics.messages(
                    self._rng(2),
                    name,
                    self.times,
                    step=self.step,
                    states=self.states,
                    foot=self.footprint,
                    services=self.services,
                    pods=self.pods,
                    pods_rng=self._rng(7),
                )
            case "logs":
                yield from lines.messages(
                    self._rng(3),
                    name,
                    self.times,
                    step=self.step,
                    states=self.states,
                    faults=self.faults,
                    foot=self.footprint,
                    services=self.services,
                    pods=self.pods,
                )
            case "predictions":
                yield from self._scored[0]
            case "outcomes":
                yield from self._scored[1]
            case "changes":
                for at, service, kind, summary in self.changes:
                    stamp = str(np.datetime64(round(at * 1000), "ms")) + "Z"
                    event = {"timestamp": stamp, "service": service, "kind": kind, "summary": summary}
                    yield Message(at, name, service.encode(), orjson.dumps(event), 1)

    def stream(self, topics: Sequence[Topic] = TOPICS) -> Iterator[Message]:
        """Some topics together, in the order of sending."""
        return heapq.merge(*(self.messages(topic) for topic in topics), key=lambda message: message.time)

    def events(self, topic: Topic) -> Iterator[dict[str, Any]]:
        """The events of one topic, decoded, one by one."""
        for message in self.messages(topic):
            value = orjson.loads(message.value)
            yield from value if isinstance(value, list) else [value]

    def _rng(self, part: int) -> np.random.Generator:
        """A generator of its own for each part, so that a change of one leaves the others as they are."""
        return np.random.default_rng([self.seed, part])

    @cached_property
    def _scored(self) -> tuple[list[Message], list[Message]]:
        topics = (PREFIX + "predictions", PREFIX + "outcomes")
        if MODEL not in self.services:
            return [], []
        return scoring.messages(
            self._rng(4), topics, self.times, step=self.step, state=self.states[MODEL], faults=self.faults
        )

    def _plan_changes(self) -> list[Change]:
        """The bad releases with their roll-backs, and chores that harm nobody: six a day for a dozen services.

        A chore never falls on a service within the hour before its own fault: it would be a cause by accident.
        """
        rng = self._rng(5)
        changes: list[Change] = []
        for number, fault in enumerate(self.faults):
            if fault.kind == "bad_deploy":
                bad, good = f"3.{40 + number}.0", f"3.{39 + number}.2"
                changes.append(Change(fault.start - 25.0, fault.service, "deploy", f"release {bad}"))
                changes.append(Change(fault.end - 15.0, fault.service, "deploy", f"roll back to {good}"))
        for number in range(round(0.5 * len(self.services) * self.days)):
            at = round(float(rng.uniform(self.start + HOUR, max(self.start + 2 * HOUR, self.end - HOUR))), 1)
            service = str(rng.choice(list(self.services)))
            kind, summary = CHORES[int(rng.integers(len(CHORES)))]
            if not any(f.service == service and f.start - HOUR < at < f.end + HOUR for f in self.faults):
                changes.append(Change(at, service, kind, summary.format(release=f"1.{60 + number}.0")))
        return sorted(change for change in changes if self.start <= change.time < self.end)
