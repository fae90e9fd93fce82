"""From an event to its incident: how long until a read-committed consumer has it, at a steady load.

There are as many series as events a second; each reports once a second. After a minute of past that is there at the
start, and once the worker has caught up, a series jumps every quarter of a second, each time another one. Timed is from
the jump's first event being handed to the producer until its anomaly, and the incident that it makes, are read from
their topics.

An incident waits for event time: for `detect.lateness` and the next `detect.tick` of every partition. These are set to
a second each here (defaults 30 s and 10 s), or their waits would be all that is measured. Each series is a correlation
scope of its own, and the budget of false incidents so large that a jump opens one at once.
"""

from __future__ import annotations

import contextlib
import math
import random
import time
from pathlib import Path

import orjson
from confluent_kafka import Consumer, TopicPartition

from engine import Worker, until
from kafka_side import QUIET, ApacheKafka, Committed, Sender, create_topics
from measuring import MEASURED, cpu_seconds, engine_config, output_topics, pin
from metric_load import PARTITIONS, Load, tail

TOPIC, NAME = "latency", "latency-c"
SLOT = 0.02
EVERY = 0.25
LASTS = 5.0
PAST = 60
AROUND = 20.0
"""Seconds of the same load before the first jump and after the last, together."""


class Jumps:
    """Which series jump when, and when what became of it was read."""

    def __init__(self, series: int) -> None:
        self.told: dict[str, float] = {}
        """When the first event of the jump was handed over, by host."""
        self.anomalies: dict[str, float] = {}
        self.incidents: dict[str, float] = {}
        """Seconds from there on, by host."""
        self.until: dict[int, float] = {}
        self._seen: set[str] = set()
        self._series = series
        self._draw = random.Random(3)

    def begin(self, now: float) -> None:
        """Another series, of which nothing was read so far, jumps from now on."""
        while True:
            number = self._draw.randrange(self._series)
            if f"h-{number:06d}" not in self._seen and number not in self.until:
                self.until[number] = now + LASTS
                return

    def read(self, topic: str, value: bytes, now: float) -> None:
        """A record of the anomalies or the alerts topic, read at `now`."""
        event = orjson.loads(value)
        host = str(event.get("scope", "")).rpartition("=")[2]
        if host not in self.told:
            self._seen.add(host)
            return
        found = self.incidents if topic.endswith("alerts") else self.anomalies
        found.setdefault(host, now - self.told[host])


def latency(kafka: ApacheKafka, folder: Path, rate: int, seconds: float) -> None:
    """Measure for so many seconds at so many events a second, and print."""
    names = output_topics(NAME)
    create_topics(kafka.bootstrap, dict.fromkeys((TOPIC, *names.values()), PARTITIONS))
    config = engine_config(
        kafka.bootstrap,
        TOPIC,
        NAME,
        folder / NAME,
        detect={"lateness": "1s", "tick": "1s", "scope": ["host"]},
        correlate={"false_incidents": "60/hour"},
    )
    worker = Worker(config, folder, NAME)
    reader = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
            **QUIET,
        }
    )
    reader.assign([TopicPartition(names[topic], p, 0) for topic in ("anomalies", "alerts") for p in range(PARTITIONS)])
    sender = Sender(kafka.bootstrap, linger_ms=2)
    try:
        begin = math.floor(time.time())
        sender.send(Load(TOPIC, rate, PAST * rate, 1.0, float(begin)).messages())
        sender.flush()
        worker.start()
        pin(worker.pid, MEASURED)
        with contextlib.closing(Committed(kafka.bootstrap, f"{NAME}-detect", [TOPIC])) as committed:
            until(lambda: committed.total() >= PAST * rate, 120, f"catching up\n{worker.last_words()}")
        jumps = Jumps(rate)
        used = cpu_seconds(worker.pid)
        late = _steady(sender, reader, jumps, rate, float(begin), seconds)
        used = cpu_seconds(worker.pid) - used
    finally:
        worker.kill()
        reader.close()
    print(f"\n### Latency at {rate:,} events/s, {rate:,} series, lateness, tick and alone 1 s\n")
    print("| event produced until readable | p50 s | p99 s | jumps | not seen |\n|---|---|---|---|---|")
    for what, found in (("anomaly", jumps.anomalies), ("incident", jumps.incidents)):
        ages = sorted(found.values())
        if ages:
            p50, p99 = (ages[min(len(ages) - 1, int(share * len(ages)))] for share in (0.5, 0.99))
            print(f"| {what} | {p50:.3f} | {p99:.3f} | {len(jumps.told)} | {len(jumps.told) - len(ages)} |")
        else:
            print(f"| {what} | | | {len(jumps.told)} | {len(jumps.told)} |")
    share = used / (seconds + AROUND)
    print(
        f"\nThe worker used {share:.0%} of its core; the producer was at most {late:.2f} s behind.",
        flush=True,
    )


def _steady(sender: Sender, reader: Consumer, jumps: Jumps, rate: int, begin: float, seconds: float) -> float:
    """Send the load in real time and read what comes; how far behind the sending was at most.

    The series follow each other within a second of event time. What was due before we came here is sent at once.
    """
    gauss = random.Random(5).gauss
    noise = [50 + gauss(0, 1) for _ in range(65_521)]  # a prime: no series hears the same twice a second
    keys = [f"h-{number:06d}".encode() for number in range(rate)]
    tails = [tail(number) for number in range(rate)]
    sent, late = 0, 0.0
    settled = time.time() + AROUND / 2
    ends = settled + seconds
    jump = settled
    while (now := time.time()) < ends + AROUND / 2:  # what jumped last is waited for
        if jump <= now < ends - LASTS:
            jumps.begin(now)
            jump += EVERY
        due = int((now - begin) * rate)
        wave = 5 * math.sin(2 * math.pi * now / 3600)  # as in the past of `Load`
        if now > settled:
            late = max(late, (due - sent) / rate)
        while sent < due:
            number, stamp = sent % rate, begin + sent / rate
            value = wave + noise[sent % len(noise)]
            if number in jumps.until and stamp < jumps.until[number]:
                value += 200
                jumps.told.setdefault(keys[number].decode(), time.time())
            text = f'{{"timestamp":{stamp:.3f},"name":"latency_ms","value":{value:.4f}{tails[number]}'
            sender.put(TOPIC, number % PARTITIONS, keys[number], text.encode(), int(stamp * 1000))
            sent += 1
        for message in reader.consume(500, SLOT):
            value_read = message.value()
            if isinstance(value_read, bytes) and not message.error():
                jumps.read(str(message.topic()), value_read, time.time())
    return late
