"""How late people are told: from the record that was odd to the anomaly, and on to the incident.

Two times are told of each. The delay runs from the event's own time to the moment at which what we say of it is safe in
Kafka: it holds everything, the producer's batching, the backlog, our work and our hesitation. The decision is the part
that is event time alone: how much more had to be seen before it was said, on any machine and in any replay.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry, Histogram

from floodmark.records import Output, Stream

_BUCKETS: Final = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1800.0, 3600.0)
_STAGES: Final[dict[Stream, Literal["anomaly", "incident"]]] = {"anomalies": "anomaly", "alerts": "incident"}


class _Opened(Struct):
    """What anomalies and incidents have in common, so far as it matters here."""

    event: str
    started_at: datetime
    updated_at: datetime
    told: str = ""


_decode = msgspec.json.Decoder(_Opened).decode
_TYPES: Final = (b"dev.floodmark.anomaly.v1", b"dev.floodmark.incident.v1")


class Delays:
    """The histograms; `hear` is called with each output once it is safe."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._delay = Histogram(
            "floodmark_delay_seconds",
            "From the time of the first odd record to the anomaly, or the incident, being safe in Kafka.",
            ("stage",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._decision = Histogram(
            "floodmark_decision_seconds",
            "The part of the delay that is event time: how much more was seen before it was said.",
            ("stage",),
            buckets=_BUCKETS,
            registry=registry,
        )

    def hear(self, output: Output) -> None:
        """An output is safe. Only what is told first counts: what is told again was told before."""
        stage = _STAGES.get(output.stream)
        if stage is None or not output.value or not any(v in _TYPES for k, v in output.headers if k == "ce_type"):
            return
        try:
            body = _decode(output.value)
        except msgspec.MsgspecError:
            return  # not of the form that we write: whoever reads the topic will say so
        if body.event != "opened" and not body.told:
            return
        begun = body.started_at.timestamp()
        self._delay.labels(stage).observe(max(0.0, self._clock() - begun))
        self._decision.labels(stage).observe(max(0.0, body.updated_at.timestamp() - begun))
