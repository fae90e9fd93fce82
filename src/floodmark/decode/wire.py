"""The native input formats as they stand on the wire, one struct a signal, and their JSON Schemas.

These structs are the contract with producers: what they allow is decoded, and `schemas/` is generated from them.
They only say what is well formed; what is plausible (times, limits) is judged in `floodmark.decode.native`.
Fields that are not known are ignored, so that a producer may be newer than we are.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from floodmark.actions import Verb
from floodmark.signals import ChangeKind, SaidKind, SignalName, SpanKind

Timestamp = Annotated[
    int | float | str,
    Meta(
        description="RFC 3339 with an offset (2026-01-31T12:00:00Z), or a number since the epoch in seconds, "
        "milliseconds, microseconds or nanoseconds, told apart by magnitude.",
        examples=["2026-01-31T12:00:00Z", 1769860800, 1769860800000],
    ),
]
Labels = Annotated[
    dict[str, str | int | float | bool | None] | None,
    Meta(description="What the event belongs to. Numbers and truth values become text; null ones are dropped."),
]
Value = float | str | bool | None
"""A feature, a prediction or a label: a number, a category, a truth value, or missing."""


class MetricEvent(Struct, gc=False):
    """A sample of a metric series."""

    timestamp: Timestamp
    name: Annotated[str, Meta(description="Name of the metric.", min_length=1)]
    value: Annotated[
        float | str | None,
        Meta(description='The sample. null or NaN: there is none. Text is read as a number ("0.5", "NaN", "+Inf").'),
    ]
    labels: Labels = None
    kind: Annotated[
        SaidKind | None,
        Meta(
            description="gauge; counter: only grows, and resets to zero; or delta: an increment since the sample "
            "before. Left out, it is a gauge, until its values show that it is a counter."
        ),
    ] = None
    unit: Annotated[str | None, Meta(description="Unit of the value: ms, By, %.")] = None


class LogEvent(Struct, gc=False):
    """A log record."""

    timestamp: Timestamp
    body: Annotated[
        str | dict[str, Any] | list[Any], Meta(description="The message. Anything structured is kept as JSON text.")
    ]
    severity: Annotated[
        str | int | float | None,
        Meta(description="TRACE, DEBUG, INFO, WARN, ERROR or FATAL, a usual spelling, or OpenTelemetry's 1 to 24."),
    ] = None
    labels: Labels = None
    attributes: Annotated[
        dict[str, Any] | None, Meta(description="Facts of this record alone, carried as evidence.")
    ] = None
    trace_id: Annotated[str | None, Meta(description="Trace to which the record belongs.")] = None
    count: Annotated[
        int | float | str | None, Meta(description="How many such lines the record stands for; left out, one.")
    ] = None


class PredictionEvent(Struct, gc=False):
    """What a model said about one row."""

    timestamp: Timestamp
    model: Annotated[str, Meta(description="Name of the model.", min_length=1)]
    version: Annotated[str | int | float, Meta(description="Version of the model.")]
    prediction_id: Annotated[str | int, Meta(description="Joins the prediction with its outcome.")]
    features: Annotated[dict[str, Value], Meta(description="Numbers, categories, truth values; null is missing.")]
    prediction: Annotated[Value, Meta(description="The class or the number that was predicted.")]
    scores: Annotated[dict[str, float | None] | None, Meta(description="Probability of each class.")] = None
    groups: Annotated[
        dict[str, str | int | float | bool | None] | None,
        Meta(description="Slices to monitor by: country, age band."),
    ] = None


class OutcomeEvent(Struct, gc=False):
    """The truth about one prediction, whenever it becomes known."""

    timestamp: Timestamp
    model: Annotated[str, Meta(description="Name of the model.", min_length=1)]
    prediction_id: Annotated[str | int, Meta(description="The prediction that it is about.")]
    label: Annotated[Value, Meta(description="The true class or number.")]


class ChangeEvent(Struct, gc=False):
    """Somebody changed something."""

    timestamp: Timestamp
    service: Annotated[str, Meta(description="The service that was changed.", min_length=1)]
    kind: Annotated[
        ChangeKind,
        Meta(
            description="A deployment, a configuration, a feature flag, a rollback, another number of replicas, a "
            "model, or a restart."
        ),
    ]
    summary: Annotated[str, Meta(description="What was changed, in a sentence.")]
    id: Annotated[
        str | int | None,
        Meta(description="What its system calls it: the same when it starts and when it is done, so that it is one."),
    ] = None
    status: Annotated[
        str | None,
        Meta(description="started, succeeded, failed or cancelled, or a usual spelling. Left out, it is done."),
    ] = None
    version: Annotated[str | int | float | None, Meta(description="What is there now: 2.14.0, a commit.")] = None
    environment: Annotated[str | None, Meta(description="Where: prod, staging.")] = None
    url: Annotated[str | None, Meta(description="Where to read more.")] = None
    actor: Annotated[str | None, Meta(description="Who did it.")] = None


class AlertEvent(Struct, gc=False):
    """Another tool says that something is wrong, or is so no more."""

    timestamp: Timestamp
    source: Annotated[str, Meta(description="The tool: Alertmanager, Zabbix.", min_length=1)]
    name: Annotated[str, Meta(description="What it calls this kind of trouble: HighErrorRate.", min_length=1)]
    status: Annotated[str, Meta(description="firing or resolved, or a usual spelling.")]
    fingerprint: Annotated[
        str | int | None,
        Meta(description="What the tool calls it, the same until it is resolved. Left out, its name and labels."),
    ] = None
    started: Annotated[Timestamp | None, Meta(description="Since when it is; the same until it is resolved.")] = None
    ended: Annotated[Timestamp | None, Meta(description="Until when it was.")] = None
    severity: Annotated[
        str | int | None, Meta(description="info, warning, error or critical, or a usual spelling.")
    ] = None
    summary: Annotated[str | None, Meta(description="What is wrong, in a sentence.")] = None
    labels: Labels = None
    url: Annotated[str | None, Meta(description="Where to read more.")] = None
    value: Annotated[float | str | None, Meta(description="What was measured.")] = None


class ActionEvent(Struct, gc=False):
    """Somebody has done something to an incident, elsewhere."""

    timestamp: Timestamp
    id: Annotated[str | int, Meta(description="Unique; a repetition of it changes nothing.")]
    verb: Annotated[Verb, Meta(description="What was done.")]
    by: Annotated[str, Meta(description="Who did it: ann@example.org, slack:U123.", min_length=1)]
    incident: Annotated[str | None, Meta(description="Id of the incident.")] = None
    scope: Annotated[str | None, Meta(description="Scope of the incident.")] = None
    seen: Annotated[int | None, Meta(description="Newest revision that was seen.")] = None
    via: Annotated[str | None, Meta(description="By which way it came.")] = None
    reason: Annotated[str | None, Meta(description="Why.")] = None
    text: Annotated[str | None, Meta(description="comment: what is said.")] = None
    to: Annotated[str | None, Meta(description="assign: a person.")] = None
    until: Annotated[Timestamp | None, Meta(description="ack, snooze: until when.")] = None
    priority: Annotated[str | None, Meta(description="priority: p1 to p5.")] = None
    playbook: Annotated[str | None, Meta(description="approve: which playbook.")] = None
    url: Annotated[str | None, Meta(description="link: where it leads.")] = None


class SpanEvent(Struct, gc=False):
    """A span that is over."""

    timestamp: Timestamp
    duration: Annotated[float, Meta(description="How long it took, in seconds; timestamp is its end.")]
    service: Annotated[str, Meta(description="The service that did the work.", min_length=1)]
    operation: Annotated[str, Meta(description="Name of the span: GET /cart/{id}.", min_length=1)]
    kind: Annotated[
        SpanKind | None,
        Meta(description="OpenTelemetry's kind; server (the default) and consumer spans are the service's requests."),
    ] = None
    error: Annotated[bool | None, Meta(description="Whether it failed.")] = None
    trace_id: Annotated[str | None, Meta(description="Trace to which the span belongs.")] = None
    span_id: Annotated[str | None, Meta(description="Its own id, unique in the trace.")] = None
    parent_id: Annotated[str | None, Meta(description="The span_id of the span that caused it.")] = None
    peer: Annotated[str | None, Meta(description="The service that a client or producer span calls.")] = None
    labels: Labels = None


Event = MetricEvent | LogEvent | PredictionEvent | OutcomeEvent | ChangeEvent | SpanEvent | AlertEvent | ActionEvent

EVENTS: dict[SignalName, type[Event]] = {
    "metric": MetricEvent,
    "log": LogEvent,
    "prediction": PredictionEvent,
    "outcome": OutcomeEvent,
    "change": ChangeEvent,
    "span": SpanEvent,
    "alert": AlertEvent,
    "action": ActionEvent,
}

_EXAMPLES: dict[SignalName, dict[str, object]] = {
    "metric": {
        "timestamp": "2026-01-31T12:00:00Z",
        "name": "http_request_duration_ms",
        "value": 41.7,
        "labels": {"service": "checkout", "env": "prod"},
        "kind": "gauge",
        "unit": "ms",
    },
    "log": {
        "timestamp": 1769860800123,
        "severity": "ERROR",
        "body": "payment 7041 declined: card expired",
        "labels": {"service": "payment", "env": "prod"},
        "attributes": {"order": "A-17", "attempt": 2},
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    },
    "prediction": {
        "timestamp": "2026-01-31T12:00:00Z",
        "model": "fraud",
        "version": "2026-01",
        "prediction_id": "p-7041",
        "features": {"amount": 129.5, "country": "NL", "new_customer": True},
        "prediction": "fraud",
        "scores": {"fraud": 0.91, "genuine": 0.09},
        "groups": {"country": "NL"},
    },
    "outcome": {"timestamp": "2026-02-02T08:30:00Z", "model": "fraud", "prediction_id": "p-7041", "label": "genuine"},
    "change": {
        "timestamp": "2026-01-31T11:58:30Z",
        "service": "payment",
        "kind": "deploy",
        "summary": "payment 2.14.0: new card vault client",
        "id": "deploy-7041",
        "status": "succeeded",
        "version": "2.14.0",
        "environment": "prod",
        "url": "https://ci.example.org/7041",
        "actor": "ann@example.org",
    },
    "span": {
        "timestamp": "2026-01-31T12:00:00.250Z",
        "duration": 0.25,
        "service": "payment",
        "operation": "POST /charge",
        "kind": "server",
        "error": False,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "parent_id": "53995c3f42cd8ad8",
        "labels": {"env": "prod"},
    },
    "alert": {
        "timestamp": "2026-01-31T12:01:00Z",
        "source": "Zabbix",
        "name": "HighErrorRate",
        "status": "firing",
        "fingerprint": "trigger-3117",
        "started": "2026-01-31T12:00:30Z",
        "severity": "error",
        "summary": "more than 5 % of payments fail",
        "labels": {"service": "payment", "env": "prod"},
        "url": "https://zabbix.example.org/tr/3117",
        "value": 0.38,
    },
    "action": {
        "timestamp": "2026-01-31T12:04:00Z",
        "id": "desk-9918",
        "verb": "ack",
        "by": "ann@example.org",
        "incident": "inc-4c1e5a0b9d7f2e63",
        "via": "desk",
    },
}


def native_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (draft 2020-12) of each native format by signal: one event, or an array of events."""
    schemas: dict[str, dict[str, Any]] = {}
    for signal, event in EVENTS.items():
        _, components = msgspec.json.schema_components([event], ref_template="#/$defs/{name}")
        reference = {"$ref": f"#/$defs/{event.__name__}"}
        example = _EXAMPLES[signal]
        schemas[signal] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:floodmark:schema:{signal}",
            "title": f"Floodmark {signal} message",
            "description": f"{(event.__doc__ or '').strip()} A message is one event or an array of events.",
            "anyOf": [reference, {"type": "array", "items": reference}],
            "examples": [example, [example]],
            "$defs": components,
        }
    return schemas
