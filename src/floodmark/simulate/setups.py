"""The configurations of the demo: the simulated shop's, and this machine's. As near to the defaults as can be.

A setting here that differs from its default has its reason beside it: the demo is to show what a new user gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from floodmark.config.http import Http
from floodmark.config.models import (
    Config,
    Correlate,
    Detect,
    Detector,
    Guard,
    Input,
    Kafka,
    Logging,
    ModelMonitor,
    Service,
)
from floodmark.signals import SignalName
from floodmark.simulate import machine
from floodmark.simulate.shop import PREFIX, Shop, Topic
from floodmark.simulate.topology import MODEL

_SIGNALS: dict[Topic, SignalName] = {
    "metrics": "metric",
    "logs": "log",
    "predictions": "prediction",
    "outcomes": "outcome",
    "changes": "change",
}


SESSION = 600.0
"""Seconds. Nobody else could take the work over, and what was learned would be lost: the broker keeps no snapshots. So
a demo that was stopped for a while, or suspended, goes on where it was."""


def demo_config(shop: Shop, brokers: Sequence[str] = ("localhost:9092",)) -> Config:
    """The configuration under which the demo watches `shop`: its topics, its call graph, and the defaults."""
    return Config(
        kafka=Kafka(
            brokers=list(brokers),
            group="floodmark-demo",
            start="earliest",  # the shop is its own history
            session_timeout=SESSION,
        ),
        inputs=[Input(topic=PREFIX + topic, signal=signal) for topic, signal in _SIGNALS.items()],
        detect=Detect(tick=60.0),  # a simulated minute passes in some 30 ms: a watermark each is enough
        services={name: Service(depends_on=called) for name, called in shop.depends_on.items()},
        models=[ModelMonitor(match=MODEL, positive="fraud")],  # which class matters cannot be guessed
        http=Http(port=0),  # another Floodmark may run here
        logging=Logging(level="warning"),  # the console is the display's
    )


def machine_config(brokers: Sequence[str] = ("localhost:9092",)) -> Config:
    """The configuration of `floodmark demo --live`: the metrics of this machine, all of one host.

    An operator waits for hours; whoever looks at this waits for minutes. So it learns for two and a half, forgets an
    alarm after half a minute of calm, and only tells what a person at the machine would notice too.
    """
    return Config(
        kafka=Kafka(brokers=list(brokers), group="floodmark-live", start="earliest", session_timeout=SESSION),
        inputs=[Input(topic=machine.TOPIC, signal="metric")],
        detect=Detect(lateness=machine.INTERVAL, tick=machine.INTERVAL, entities=False),  # one producer, in order
        detectors=[
            *(_detector(name, match, least) for name, match, least in _NOTICED),
            Detector(name="told by others", match={"name": _TOLD_BY_OTHERS}, enabled=False),
        ],
        correlate=Correlate(
            labels=["host"],  # there is no call graph: what happens on a host belongs together
            gap=60.0,
            false_incidents=1.0 / 60,  # what a person would notice is worth telling at once
            grace=30.0,
        ),
        http=Http(port=0),
        logging=Logging(level="warning"),
    )


_NOTICED: tuple[tuple[str, str, float], ...] = (
    ("processor", "cpu_usage_ratio", 0.5),
    ("process", "process_cpu_cores", 1.5),
    ("memory", "memory_available_bytes", 2.0**30),
    ("share of memory", "*_used_ratio", 0.05),
    ("disk", "disk_*_bytes_total", 50e6),
    ("network", "network_*_bytes_total", 10e6),
    ("network errors", "network_errors_total", 10.0),
)
"""Name of a detector, its series, and the change that a person would notice: ratios, cores, bytes, bytes or errors a
second."""
_TOLD_BY_OTHERS: Final = ["cpu_core_usage_ratio", "load_average_*"]
"""What one core does is in all of them together; the load still falls minutes after what has raised it."""
_LEARNED = 75
"""Readings before a series can alarm."""
LEARNING = _LEARNED * machine.INTERVAL
"""Seconds after which this machine can be found odd."""


def _detector(name: str, match: str, least: float) -> Detector:
    return Detector(
        name=name,
        match={"name": match},
        heads=["forecast", "range", "level"],  # the others need more than minutes
        # Few points say little of what is rare, and what is small is left out by the least change.
        false_alarms=1 / 60,
        warmup=_LEARNED,
        min_deviation=Guard(absolute=least),
        refractory=30.0,
        adopt=900.0,
    )
