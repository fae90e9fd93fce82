"""What flows in, decoded: metrics, histograms, logs, spans, predictions, outcomes, changes, alerts, and what people do.

Times are float seconds since the epoch, UTC. A signal is what a producer said, nothing derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct, field

from floodmark.actions import Action

SaidKind = Literal["gauge", "counter", "delta"]
"""counter: only grows, and starts again at zero. delta: an increment since the sample before."""
MetricKind = Literal["gauge", "counter", "delta", "untyped"]
"""untyped: the producer does not say. It is a gauge, until its own values show that it is a counter."""
SpanKind = Literal["internal", "server", "client", "producer", "consumer"]
ChangeKind = Literal["deploy", "config", "flag", "rollback", "scale", "model", "restart"]
ChangeStatus = Literal["", "started", "succeeded", "failed", "cancelled"]
"""How far a change is; empty if nobody says: it is done."""
AlertStatus = Literal["firing", "resolved"]
Scalar = float | str | bool | None
"""A feature, a prediction or a label: a number, a category, a truth value, or missing."""


class Metric(Struct, frozen=True, gc=False, omit_defaults=True):
    """A sample of a series. `value` is None where the producer said that it has none (null, NaN).

    `start`: since when a counter counts, or what a delta counts; 0 if it is not said.
    """

    time: float
    name: str
    value: float | None
    labels: dict[str, str] = field(default_factory=dict)
    kind: MetricKind = "untyped"
    unit: str = ""
    start: float = 0.0


class Origin(Struct):
    """Of which series a sample is, and how it is to be read: all of a `Metric` but its times and value.

    Decoders may give the same origin with all samples of a series. `ref` and `factor` belong to the stage that takes
    the samples: by the one the series is found again without looking at the labels, the other turns values into the
    unit of the series.
    """

    name: str
    labels: dict[str, str]
    kind: MetricKind
    unit: str
    ref: int = 0
    factor: float = 1.0


class Histogram(Struct, frozen=True, gc=False, omit_defaults=True):
    """How values were distributed: since `start` if `cumulative`, else since the one before.

    `counts` has a bucket more than `bounds` has upper bounds (ascending, inclusive); both may be empty. `geometric`:
    within a bucket values are spread by ratio, not by difference.
    """

    time: float
    name: str
    count: float
    total: float | None = None
    bounds: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    unit: str = ""
    start: float = 0.0
    cumulative: bool = False
    geometric: bool = False


class Samples(NamedTuple):
    """Metrics in order, by column. A value that is None in a `Metric` is NaN here.

    `histograms`: those among them, in order, each with the place of the sample that it comes before. `shares`: how many
    samples each record has given, and how many histograms; empty if each has given one sample. `starts`: of the samples
    that have one, in order, the place and the start (see `Metric`).
    """

    origins: list[Origin]
    times: list[float]
    values: list[float]
    histograms: Sequence[tuple[int, Histogram]] = ()
    shares: Sequence[tuple[int, int]] = ()
    starts: Sequence[tuple[int, float]] = ()


class Log(Struct, frozen=True, gc=False, omit_defaults=True):
    """A log record. `severity` is OpenTelemetry's short name: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or empty.

    `partial`: the line goes on in the next record of the same labels and attribute `stream`. `count`: how many such
    lines the record stands for ("message repeated 50 times").
    """

    time: float
    body: str
    severity: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Scalar] = field(default_factory=dict)
    trace_id: str = ""
    partial: bool = False
    count: int = 1


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


class Inference(Struct, frozen=True, gc=False):
    """What a model server logged of a request: what it was asked (`features`), or what it answered; a row each.

    The halves of a request have the model and the id in common, and together are its predictions. `version` is empty
    where a half does not say it. `scores` is empty, or has an entry for each of the `predictions`.
    """

    time: float
    model: str
    version: str
    request_id: str
    answered: bool
    features: list[dict[str, Scalar]] = field(default_factory=list)
    predictions: list[Scalar] = field(default_factory=list)
    scores: list[dict[str, float]] = field(default_factory=list)


class Outcome(Struct, frozen=True, gc=False):
    """The truth about one prediction, whenever it comes."""

    time: float
    model: str
    prediction_id: str
    label: Scalar


class Change(Struct, frozen=True, gc=False, omit_defaults=True):
    """Somebody changed something: the usual first question of an incident.

    `id`: what its system calls it, the same in all that is said of one change (started, succeeded); empty: it has none.
    `version`: what is there now; `environment`: prod, staging; `url`: where to read more; `actor`: who did it.
    """

    time: float
    service: str
    kind: ChangeKind
    summary: str
    id: str = ""
    status: ChangeStatus = ""
    version: str = ""
    environment: str = ""
    url: str = ""
    actor: str = ""


class Alert(Struct, frozen=True, gc=False, omit_defaults=True):
    """What another tool says is wrong, or is so no more.

    `time`: when it was said. `started`: since when it is, epoch seconds, 0 if the tool does not say; `ended`: until
    when it was, 0 if it goes on. `fingerprint`: what the tool calls it, the same from its beginning to its end.
    `severity` is ours, or empty.
    `entity` is left to the labels (`detect.entity`).
    """

    time: float
    source: str
    fingerprint: str
    name: str
    status: AlertStatus
    started: float
    ended: float = 0.0
    severity: Literal["", "info", "warning", "error", "critical"] = ""
    summary: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    url: str = ""
    value: float | None = None


class Span(Struct, frozen=True, gc=False, omit_defaults=True):
    """A span that is over: `time` is its end, `duration` seconds. Ids are lower-case hex, or empty.

    `peer` is the service that it calls, if the producer said so.
    """

    time: float
    duration: float
    service: str
    operation: str
    kind: SpanKind = "server"
    error: bool = False
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    peer: str = ""
    labels: dict[str, str] = field(default_factory=dict)


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody says of the anomalies of a series: a record of the feedback topic.

    not_anomaly: what it does in `direction` is no anomaly; it becomes calmer there. undo: `undoes`, the id of such a
    verdict, no longer stands. Both hold from `at` and `feedback.delay` on, in event time.
    """

    id: Annotated[str, Meta(min_length=1, max_length=200, description="Unique among all records of the topic.")]
    verdict: Literal["not_anomaly", "undo"]
    series: Annotated[
        str, Meta(max_length=10_000, description="Key of the series, as anomalies have it; for not_anomaly.")
    ] = ""
    direction: Literal["up", "down", "both"] = "both"
    undoes: Annotated[str, Meta(max_length=200, description="The verdict that no longer stands; for undo.")] = ""
    by: Annotated[str, Meta(min_length=1, max_length=200, description="Who says so.")]
    reason: Annotated[str, Meta(max_length=2_000, description="Why, for whoever reads it later.")] = ""
    at: Annotated[datetime, Meta(tz=True, description="When it was said.")]

    def __post_init__(self) -> None:
        if self.verdict == "undo" and not self.undoes:
            raise ValueError("an undo must name what it `undoes`")
        if self.verdict == "not_anomaly" and not self.series:
            raise ValueError("a not_anomaly must name its `series`")
        if not 1973 <= self.at.year < 2100:
            raise ValueError("`at` is not between 1973 and 2100")


Signal = Metric | Histogram | Log | Prediction | Inference | Outcome | Change | Alert | Span | Action
SignalName = Literal["metric", "log", "prediction", "outcome", "change", "span", "alert", "action"]
