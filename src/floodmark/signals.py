"""What flows in, decoded: metrics, logs, predictions, outcomes, changes.

Times are float seconds since the epoch, UTC. A signal is what a producer said, nothing derived.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

MetricKind = Literal["gauge", "counter"]
ChangeKind = Literal["deploy", "config", "flag"]
Scalar = float | str | bool | None
"""A feature, a prediction or a label: a number, a category, a truth value, or missing."""


class Metric(Struct, frozen=True, gc=False):
    """A sample of a series. `value` is None where the producer said that it has none (null, NaN)."""

    time: float
    name: str
    value: float | None
    labels: dict[str, str] = field(default_factory=dict)
    kind: MetricKind = "gauge"
    unit: str = ""


class Log(Struct, frozen=True, gc=False):
    """A log record. `severity` is OpenTelemetry's short name: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or empty."""

    time: float
    body: str
    severity: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Scalar] = field(default_factory=dict)
    trace_id: str = ""


class Prediction(Struct, frozen=True, gc=False):
    """What a model said about one row. `scores` are probabilities by class; `groups` are slices to monitor by."""

    time: float
    model: str
    version: str
    prediction_id: str
    features: dict[str, Scalar]
    prediction: Scalar
    scores: dict[str, float] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)


class Outcome(Struct, frozen=True, gc=False):
    """The truth about one prediction, whenever it comes."""

    time: float
    model: str
    prediction_id: str
    label: Scalar


class Change(Struct, frozen=True, gc=False):
    """Somebody changed something: the usual first question of an incident."""

    time: float
    service: str
    kind: ChangeKind
    summary: str


Signal = Metric | Log | Prediction | Outcome | Change
SignalName = Literal["metric", "log", "prediction", "outcome", "change"]
