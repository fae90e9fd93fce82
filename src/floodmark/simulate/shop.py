"""The simulated web shop: a dozen services with a call graph, one model, and faults of known time and place.

Everything follows from the seed, the start and the length: equal shops give equal bytes. It never reads a clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import numpy as np
import orjson

from floodmark.simulate import lines, metrics, scoring
from floodmark.simulate.faults import DAY, HOUR, MINUTE, Fault, Floats, Footprint, footprint, plan
from floodmark.simulate.message import Message
from floodmark.simulate.topology import MODEL, SERVICES, depends_on
from floodmark.simulate.world import State, evolve

START = 1_748_908_800.0
"""Tuesday, 3 June 2025, 00:00 UTC: two ordinary weekdays follow."""

Topic = Literal["metrics", "logs", "predictions", "outcomes", "changes"]
TOPICS: tuple[Topic, ...] = ("metrics", "logs", "predictions", "outcomes", "changes")
PREFIX = "shop."
"""Before each topic's name, so that the demo's topics are told from real ones."""

WARMUP, QUIET = 15 * HOUR, 2 * HOUR

_CHORES = (
    ("deploy", "release {release}: dependency updates"),
    ("deploy", "release {release}: new translations"),
    ("deploy", "release {release}: faster start"),
    ("config", "log level of http client set to info"),
    ("config", "connection pool raised from 40 to 50"),
    ("flag", "new-product-badge on for 10 % of visitors"),
    ("flag", "summer-banner on"),
)


class Shop:
    """`days` of the shop from `start` (epoch seconds, UTC) in steps of `step` seconds.

    No fault comes in the first `warmup` seconds, nor in the last `quiet` ones: the former is for learning, the latter
    is the epilogue in which incidents resolve. Cheap to make: the world is simulated when it is first asked for.
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
    ) -> None:
        if not days > 0:
            raise ValueError(f"a shop needs some days to simulate, not {days}")
        self.seed, self.start, self.days, self.step = seed, start, days, step
        self.end = start + days * DAY
        self.faults: list[Fault] = plan(self._rng(0), start, days, warmup=warmup, quiet=quiet)
        self._changes = self._plan_changes()

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """The call graph: service → the services that it calls."""
        return depends_on()

    @cached_property
    def times(self) -> Floats:
        """When each step begins, epoch seconds, shape (steps,)."""
        return self.start + self.step * np.arange(round(self.days * DAY / self.step), dtype=np.float64)

    @cached_property
    def footprint(self) -> Footprint:
        """What faults and restarts do to each service."""
        deploys = [(at, service) for at, service, kind, _ in self._changes if kind == "deploy"]
        return footprint(self.faults, self.times, deploys)

    @cached_property
    def states(self) -> dict[str, State]:
        """What went on in each service: the truth behind the telemetry."""
        return evolve(self._rng(1), self.times, self.step, self.footprint)

    def messages(self, topic: Topic) -> Iterator[Message]:
        """What is sent to one topic, in order of event time, but for a few outcomes that are up to 20 s late."""
        name = PREFIX + topic
        match topic:
            case "metrics":
                yield from metrics.messages(
                    self._rng(2), name, self.times, step=self.step, states=self.states, foot=self.footprint
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
                )
            case "predictions":
                yield from self._scored[0]
            case "outcomes":
                yield from self._scored[1]
            case "changes":
                for at, service, kind, summary in self._changes:
                    stamp = str(np.datetime64(round(at * 1000), "ms")) + "Z"
                    event = {"timestamp": stamp, "service": service, "kind": kind, "summary": summary}
                    yield Message(at, name, service.encode(), orjson.dumps(event), 1)

    def stream(self) -> Iterator[Message]:
        """All topics together, in the order of sending."""
        return heapq.merge(*(self.messages(topic) for topic in TOPICS), key=lambda message: message.time)

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
        return scoring.messages(
            self._rng(4), topics, self.times, step=self.step, state=self.states[MODEL], faults=self.faults
        )

    def _plan_changes(self) -> list[tuple[float, str, str, str]]:
        """(time, service, kind, summary): the bad releases with their roll-backs, and chores that harm nobody.

        A chore never falls on a service within the hour before its own fault: it would be a cause by accident.
        """
        rng = self._rng(5)
        changes: list[tuple[float, str, str, str]] = []
        for number, fault in enumerate(self.faults):
            if fault.kind == "bad_deploy":
                bad, good = f"3.{40 + number}.0", f"3.{39 + number}.2"
                changes.append((fault.start - 25.0, fault.service, "deploy", f"release {bad}"))
                changes.append((fault.end - 15.0, fault.service, "deploy", f"roll back to {good}"))
        for number in range(round(6 * self.days)):
            at = round(float(rng.uniform(self.start + HOUR, max(self.start + 2 * HOUR, self.end - HOUR))), 1)
            service = str(rng.choice(list(SERVICES)))
            kind, summary = _CHORES[int(rng.integers(len(_CHORES)))]
            if not any(f.service == service and f.start - HOUR < at < f.end + HOUR for f in self.faults):
                changes.append((at, service, kind, summary.format(release=f"1.{60 + number}.0")))
        changes = [change for change in changes if self.start <= change[0] < self.end]
        return sorted(changes)
