"""The configurations of the demo: the simulated shop's, and this machine's. As near to the defaults as can be.

A setting here that differs from its default has its reason beside it: the demo is to show what a new user gets.
"""

from __future__ import annotations

from collections.abc import Sequence

from floodmark.config.models import Config, Correlate, Detect, Http, Input, Kafka, Logging, ModelMonitor, Service
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
    """The configuration of `floodmark demo --live`: the metrics of this machine, all of one host."""
    return Config(
        kafka=Kafka(brokers=list(brokers), group="floodmark-live", start="earliest"),
        inputs=[Input(topic=machine.TOPIC, signal="metric")],
        correlate=Correlate(labels=["host"]),  # there is no call graph: what happens on a host belongs together
        http=Http(port=0),
        logging=Logging(level="warning"),
    )
