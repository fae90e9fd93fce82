"""Metric events in the native JSON, about 120 bytes each, for as many series as asked for; seeded.

    {"timestamp":1795397094.000,"name":"latency_ms","value":49.1873,"labels":{"service":"s-017","host":"h-000123"}}

Each series has one event a `step` of event time, in turns; the last one is now. A series' key, and with it its
partition, is always the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from kafka_side import Message

PARTITIONS = 4


@dataclass(frozen=True)
class Load:
    topic: str
    series: int
    events: int
    step: float
    """Seconds of event time between two events of a series."""
    end: float
    """Event time of the last one, epoch seconds."""
    seed: int = 7

    def messages(self) -> Iterator[Message]:
        """In order of event time."""
        gauss = random.Random(self.seed).gauss
        keys = [f"h-{number:06d}".encode() for number in range(self.series)]
        tails = [tail(number) for number in range(self.series)]
        rounds = math.ceil(self.events / self.series)
        begin = self.end - rounds * self.step
        left = self.events
        for turn in range(rounds):
            now = begin + turn * self.step
            wave = 50 + 5 * math.sin(2 * math.pi * now / 3600)
            for number in range(min(self.series, left)):
                time = now + self.step * number / self.series
                value = f'{{"timestamp":{time:.3f},"name":"latency_ms","value":{wave + gauss(0, 1):.4f}{tails[number]}'
                yield Message(self.topic, number % PARTITIONS, keys[number], value.encode(), int(time * 1000))
            left -= self.series


def tail(number: int) -> str:
    """The end of a series' events, from behind the value."""
    return f',"labels":{{"service":"s-{number % 200:03d}","host":"h-{number:06d}"}}}}'
