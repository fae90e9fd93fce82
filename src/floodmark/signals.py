"""What flows in, decoded: metrics, logs, predictions, outcomes, changes.

Times are float seconds since the epoch, UTC. A signal is what a producer said, nothing derived.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct, field

MetricKind = Literal["gauge", "counter"]
ChangeKind = Literal["deploy", "config", "flag"]
Scalar = float | str | bool | None
"""A feature, a prediction or a label: a number, a category, a truth value, or missing."""


class Metric(Struct, frozen=True, gc=False, omit_defaults=True):
    """A sample of a series. `value` is None where the producer said that it has none (null, NaN)."""

    time: float
    name: str
    value: float | None
    labels: dict[str, str] = field(default_factory=dict)
    kind: MetricKind = "gauge"
    unit: str = ""


class Origin(Struct):
    """Of which series a sample is, and how it is to be read: all of a `Metric` but its time and value.

    Decoders may give the same origin with all samples of a series. `ref` belongs to the stage that takes the samples:
    by it the series is found again without looking at the labels.
    """

    name: str
    labels: dict[str, str]
    kind: MetricKind
    unit: str
    ref: int = 0


class Samples(NamedTuple):
    """Metrics in order, by column. A value that is None in a `Metric` is NaN here."""

    origins: list[Origin]
    times: list[float]
    values: list[float]


class Log(Struct, frozen=True, gc=False, omit_defaults=True):
    """A log record. `severity` is OpenTelemetry's short name: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or empty.

    `partial`: the line goes on in the next record of the same labels and attribute `stream`.
    """

    time: float
    body: str
    severity: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Scalar] = field(default_factory=dict)
    trace_id: str = ""
    partial: bool = False


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
