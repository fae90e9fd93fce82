"""What the chaos benchmark's infrastructure says, second by second, as Kafka messages: noise, faults, odd records.

The same seed, phase, begin and start give the same bytes. Event time is real time. In each topic half of the
partitions are silent, as the keys of a few producers leave them. Five services, each in six regions, send metrics and
log lines; two further sources have clocks that are off by an hour, in the same partitions; now and then a record is
poison, or its Kafka time is wild.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from itertools import product
from typing import Final, NamedTuple

import orjson

from chaos_plan import CLOCKS, REGIONS, SERVICES, Fault, Oddity, Phase
from kafka_side import Message

PARTITIONS: Final = 6
METRIC_PARTITIONS: Final = (0, 1, 4)
LOG_PARTITIONS: Final = (1, 3, 5)
HUGE: Final = 200_000
"""Bytes of a huge message: beyond `limits.message` of the benchmark's config, within what Kafka takes."""
POISON_KEY: Final = b"poison-"
_LINES: Final = ("served order {} in {} ms", "user {} logged in from 10.0.{}.7", "GET /items/{} 200 {}")
_WEEK: Final = 7 * 86400


class Event(NamedTuple):
    """What a source says at `time` (epoch seconds, real time)."""

    time: float
    topic: str
    partition: int
    key: bytes
    value: bytes
    kafka_ms: int | None = None
    """Kafka's time, if it is not `time`."""


class Traffic:
    """The infrastructure of one phase. It speaks from `begin` on (whole epoch seconds); until `start` all is well."""

    def __init__(self, seed: int, phase: Phase, metrics: str, logs: str, begin: int) -> None:
        self.start: int | None = None
        """When the phase starts, in whole epoch seconds; set it once that is known."""
        self._begin = begin
        self._seed = seed
        self._phase = phase
        self._metrics = metrics
        self._logs = logs

    def second(self, now: int) -> list[Message]:
        """All that is said from `now` until a second later, in the order of real time."""
        draw = random.Random(f"{self._seed}/{self._phase.name}/{now - self._begin}")
        since = -math.inf if self.start is None else now - self.start
        events = [
            *self._services(draw, now, since),
            *self._clocks(draw, now, since),
            *self._odd(draw, now, since),
        ]
        events.sort(key=lambda event: event[:4])
        return [
            Message(
                event.topic,
                event.partition,
                event.key,
                event.value,
                round(event.time * 1000) if event.kafka_ms is None else event.kafka_ms,
            )
            for event in events
        ]

    def poison(self) -> set[bytes]:
        """The keys of all poison of the phase. They are in their dead letters, too."""
        return {_poison_key(oddity) for oddity in self._phase.oddities if oddity.kind.startswith("poison")}

    def _services(self, draw: random.Random, now: int, since: float) -> Iterator[Event]:
        for index, (service, region) in enumerate(product(SERVICES, REGIONS)):
            fault = self._fault(service, region, since)
            slow = fault is not None and fault.kind in ("slow", "both")
            failing = fault is not None and fault.kind in ("errors", "both")
            yield self._metric(draw, now, service, "latency_ms", draw.gauss(50, 2) * (10 if slow else 1), index)
            yield self._metric(draw, now, service, "cpu", draw.gauss(0.4, 0.02), index)
            for _ in range(0 if failing else 2):
                line = draw.choice(_LINES).format(draw.randrange(9999), draw.randrange(200))
                yield self._log(draw, now, service, "INFO", line, index)
            for _ in range(20 if failing else 0):
                yield self._log(draw, now, service, "ERROR", f"cannot reach shard {draw.randrange(8)}", index)

    def _clocks(self, draw: random.Random, now: int, since: float) -> Iterator[Event]:
        for index, (source, off) in enumerate(CLOCKS.items()):
            begin = self._phase.clocks.get(source)
            if begin is not None and since >= begin:
                yield self._metric(draw, now, source, "temperature", draw.gauss(20, 0.3), index, off)
                yield self._log(draw, now, source, "INFO", f"frame {draw.randrange(99999)} stored", index, off)

    def _odd(self, draw: random.Random, now: int, since: float) -> Iterator[Event]:
        for oddity in self._phase.oddities:
            if since <= oddity.at < since + 1:
                family, kind = oddity.kind.split()
                metric = oddity.number // 2 % 2 == 0
                if family == "poison":
                    topic = self._metrics if metric else self._logs
                    partitions = METRIC_PARTITIONS if metric else LOG_PARTITIONS
                    partition = partitions[oddity.number % len(partitions)]
                    yield Event(now + 0.5, topic, partition, _poison_key(oddity), _poison(draw, kind))
                    continue
                source = f"gateway-{oddity.number % 3}"
                event = (
                    self._metric(draw, now, source, "queue", draw.gauss(5, 0.2), oddity.number)
                    if metric
                    else self._log(draw, now, source, "INFO", "queue looked at", oddity.number)
                )
                yield event._replace(kafka_ms=_wild(event.time, kind))

    def _fault(self, service: str, region: str, since: float) -> Fault | None:
        hits = (fault for fault in self._phase.faults if (fault.service, fault.region) == (service, region))
        return next((fault for fault in hits if fault.at <= since < fault.end), None)

    def _metric(
        self, draw: random.Random, now: int, source: str, name: str, value: float, index: int, off: float = 0.0
    ) -> Event:
        time = now + draw.random()
        labels = {"service": source, "region": REGIONS[index % len(REGIONS)]}
        body = {"timestamp": round(time + off, 3), "name": name, "value": round(value, 4), "labels": labels}
        partition = METRIC_PARTITIONS[index % len(METRIC_PARTITIONS)]
        return Event(time, self._metrics, partition, f"{source}/{labels['region']}/{name}".encode(), orjson.dumps(body))

    def _log(
        self, draw: random.Random, now: int, source: str, severity: str, line: str, index: int, off: float = 0.0
    ) -> Event:
        time = now + draw.random()
        labels = {"service": source, "region": REGIONS[index % len(REGIONS)]}
        body = {"timestamp": round(time + off, 3), "severity": severity, "body": line, "labels": labels}
        partition = LOG_PARTITIONS[index % len(LOG_PARTITIONS)]
        return Event(time, self._logs, partition, f"{source}/{labels['region']}".encode(), orjson.dumps(body))


def _poison_key(oddity: Oddity) -> bytes:
    return POISON_KEY + str(oddity.number).encode()


def _poison(draw: random.Random, kind: str) -> bytes:
    if kind == "text":
        return b"{broken, this is"
    if kind == "binary":
        return b"\xff\x00" + draw.randbytes(300)
    if kind == "huge":
        return b'{"timestamp": 1, "name": "' + b"x" * HUGE + b'"}'
    return b'{"timestamp": "yesterday", "name": "x", "value": 1, "body": "x"}'


def _wild(time: float, kind: str) -> int:
    """Kafka's time, which should be milliseconds."""
    if kind == "microseconds":
        return round(time * 1e6)
    if kind == "seconds":
        return round(time)
    if kind == "zero":
        return 0
    return round((time + _WEEK) * 1000)
