"""A seeded infrastructure for the crash benchmark: metrics and logs of three regions, with faults, as Kafka messages.

The same seed gives the same bytes. Each series (each log source) is on one partition, every partition has series, and
events come a little out of order. Faults are correlated: a service fails along with who depends on it, now slow, now
with errors, now silent, so that there are anomalies of several kinds and incidents of several members. Some messages
are no events at all. The last three quarters of an hour are calm: what has opened is closed by event time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from kafka_side import Message

METRICS: Final = "crash.metrics"
LOGS: Final = "crash.logs"
PARTITIONS: Final = 4
STEP: Final = 10
CALM: Final = 2700
SERVICES: Final[dict[str, dict[str, list[str]]]] = {
    "web": {"depends_on": ["cart", "search"]},
    "cart": {"depends_on": ["db"]},
    "search": {"depends_on": []},
    "db": {"depends_on": []},
}
REGIONS: Final = ("eu", "us", "ap")
NAMES: Final = ("latency_ms", "error_ratio", "cpu")
KINDS: Final = ("slow", "spike", "errors", "silent")
_LINES: Final = (
    "served order {} in {} ms",
    "user {} logged in from 10.0.{}.7",
    "cache refreshed: {} entries, {} evicted",
    "GET /items/{} 200 {}",
)
_BROKEN: Final = (b"{broken", b"[1, 2", b"", b'{"timestamp": "yesterday", "name": "x", "value": 1}', b"\xff\xfe")


@dataclass(frozen=True)
class Fault:
    region: str
    service: str
    kind: str
    begin: int
    end: int


@dataclass
class Workload:
    """`hours` of events that end at `end` (epoch seconds). Another end moves them, and changes nothing else."""

    seed: int
    hours: float
    end: int
    faults: list[Fault] = field(init=False)

    def __post_init__(self) -> None:
        draw = random.Random(self.seed)
        self.faults = []
        for region in REGIONS:
            at = self.begin + draw.randrange(1200, 1800)
            while at < self.end - CALM - 900:
                length = draw.randrange(240, 780)
                service = draw.choice(list(SERVICES))
                self.faults.append(Fault(region, service, draw.choice(KINDS), at, at + length))
                at += length + draw.randrange(900, 1800)

    @property
    def begin(self) -> int:
        return self.end - int(self.hours * 3600)

    def messages(self) -> Iterator[Message]:
        """All of it, in about the order of event time; always the same."""
        draw = random.Random(self.seed + 1)
        for now in range(self.begin, self.end, STEP):
            events = [*self._metrics(draw, now), *self._logs(draw, now)]
            events.sort(key=lambda event: (event[0], event[1:4]))
            for time, topic, partition, key, value in events:
                yield Message(topic, partition, key, value, int(time * 1000))
                if draw.random() < 0.0005:
                    yield Message(topic, partition, key, draw.choice(_BROKEN) or None, int(time * 1000))

    def _metrics(self, draw: random.Random, now: int) -> Iterator[tuple[float, str, int, bytes, bytes]]:
        for index, (region, service, name) in enumerate((r, s, n) for r in REGIONS for s in SERVICES for n in NAMES):
            hit = self._hit(region, service, now)
            if hit == "silent" and name == "latency_ms":
                continue
            wave = 1 + 0.1 * math.sin(2 * math.pi * (now - self.begin) / 3600 + index)
            value = {"latency_ms": draw.gauss(50, 2), "error_ratio": abs(draw.gauss(0.01, 0.002))}.get(
                name, draw.gauss(0.4, 0.02)
            )
            value *= wave
            if name == "latency_ms" and hit in ("slow", "errors"):
                value *= 2.5
            if name == "cpu" and hit == "slow":
                value += 0.3
            if name == "error_ratio" and hit == "errors":
                value += 0.2
            if hit == "spike" and draw.random() < 0.3:
                value *= 6
            labels = {"region": region, "service": service}
            time = now + draw.random() * 9
            event = {"timestamp": round(time, 3), "name": name, "value": round(value, 6), "labels": labels}
            yield time, METRICS, index % PARTITIONS, f"{region}/{service}/{name}".encode(), orjson.dumps(event)

    def _logs(self, draw: random.Random, now: int) -> Iterator[tuple[float, str, int, bytes, bytes]]:
        for index, (region, service) in enumerate((r, s) for r in REGIONS for s in SERVICES):
            hit = self._hit(region, service, now)
            lines = [("INFO", draw.choice(_LINES).format(draw.randrange(9999), draw.randrange(200))) for _ in range(2)]
            if hit in ("errors", "slow"):
                lines += [("ERROR", f"cannot reach shard {draw.randrange(8)}: timed out") for _ in range(3)]
            for severity, body in lines:
                time = now + draw.random() * 9
                event: dict[str, Any] = {
                    "timestamp": round(time, 3),
                    "severity": severity,
                    "body": body,
                    "labels": {"region": region, "service": service},
                }
                yield time, LOGS, index % PARTITIONS, f"{region}/{service}".encode(), orjson.dumps(event)

    def _hit(self, region: str, service: str, now: int) -> str:
        """How a service fares: as the fault of its region has it, or slow because it depends on the one that fails."""
        for fault in self.faults:
            if fault.region == region and fault.begin <= now < fault.end:
                if fault.service == service:
                    return fault.kind
                if fault.service in SERVICES[service]["depends_on"] and now >= fault.begin + 30:
                    return "slow"
        return ""
