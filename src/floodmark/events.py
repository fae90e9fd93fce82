"""Our own records on the wire: CloudEvents 1.0 in Kafka's binary mode (attributes as `ce_*` headers, the body as is).

Bodies are JSON, described by `schemas/`. Nothing here decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from cloudevents.core.bindings.kafka import to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import (
    Absence,
    Anomaly,
    ChangeNotice,
    Dependencies,
    Incident,
    SeriesSample,
    Watermark,
    content_id,
    utc,
)
from floodmark.audits import AuditEntry
from floodmark.deliveries import Delivery
from floodmark.records import Headers, Output, Record, Stream, arrival
from floodmark.reports import ConfigLoaded, ModelReport
from floodmark.requests import ModelRequest
from floodmark.signals import Histogram, Inference, Log, Metric, Outcome, Prediction, Span, Verdict

Told = Absence | Action | Anomaly | ChangeNotice | Dependencies | Watermark | SeriesSample
Reported = ModelReport | ConfigLoaded
Placed = (
    Told | Incident | ActionOutcome | AuditEntry | Delivery | ModelRequest | Reported | Prediction | Inference | Outcome
)
Event = Placed | Metric | Histogram | Log | Span

TYPES: Final[Mapping[str, type[Event]]] = {
    "dev.floodmark.anomaly.v1": Anomaly,
    "dev.floodmark.change.v1": ChangeNotice,
    "dev.floodmark.dependencies.v1": Dependencies,
    "dev.floodmark.watermark.v1": Watermark,
    "dev.floodmark.absence.v1": Absence,
    "dev.floodmark.series-sample.v1": SeriesSample,
    "dev.floodmark.incident.v1": Incident,
    "dev.floodmark.action.v1": Action,
    "dev.floodmark.action-outcome.v1": ActionOutcome,
    "dev.floodmark.delivery.v1": Delivery,
    "dev.floodmark.model-request.v1": ModelRequest,
    "dev.floodmark.model-report.v1": ModelReport,
    "dev.floodmark.config.v1": ConfigLoaded,
    "dev.floodmark.audit-entry.v1": AuditEntry,
    "dev.floodmark.prediction.v1": Prediction,
    "dev.floodmark.inference.v1": Inference,
    "dev.floodmark.outcome.v1": Outcome,
    "dev.floodmark.metric.v1": Metric,
    "dev.floodmark.histogram.v1": Histogram,
    "dev.floodmark.log.v1": Log,
    "dev.floodmark.span.v1": Span,
}
"""CloudEvents type of every record that we write, and the body it has."""

WORDS: Final = frozenset({"dev.floodmark.watermark.v1", "dev.floodmark.absence.v1"})
"""Types of what tasks say of themselves and each other."""

_TYPE_OF: Final = {body: name for name, body in TYPES.items()}
_DECODERS: Final = {name: msgspec.json.Decoder(body) for name, body in TYPES.items()}
_ENCODER: Final = msgspec.json.Encoder()
_PREFIX: Final = "/floodmark/"
_ARRIVAL: Final = "ce_arrival"
_DIGITS: Final = 18
_JSON: Final = ("content-type", b"application/json")


class _Encoded(JSONFormat):
    """The body is JSON already: the binding only has to carry it."""

    def write_data(self, data: dict[str, Any] | str | bytes | None, datacontenttype: str | None) -> bytes:
        return data if isinstance(data, bytes) else super().write_data(data, datacontenttype)


_FORMAT: Final = _Encoded()


class MalformedEventError(ValueError):
    """A record of one of our own topics that is not one of our events."""


def encode(
    body: Placed, *, source: str, key: str | None, everywhere: bool = False, partition: int | None = None
) -> Output:
    """A body as a record of the stream where its kind belongs. `source`: the task that made it."""
    stream, identity, time, subject = _place(body, source)
    attributes = {
        "specversion": "1.0",
        "id": identity,
        "source": f"{_PREFIX}{source}",
        "type": _TYPE_OF[type(body)],
        "time": time,
        "subject": subject,
        "datacontenttype": "application/json",
    }
    message = to_binary(CloudEvent(attributes, _ENCODER.encode(body)), _FORMAT)
    name = key.encode() if key is not None else None
    return Output(stream, name, message.value, tuple(message.headers.items()), everywhere, partition)


def encode_rekeyed(body: Metric | Histogram | Log | Span, *, source: str, key: str, number: str) -> Output:
    """A signal on its way to the task of its series. `number` is unique among those of `source`.

    There are as many of these as there are events, so they carry what CloudEvents requires and no more.
    """
    headers = (
        ("ce_type", _TYPE_OF[type(body)].encode()),
        ("ce_specversion", b"1.0"),
        ("ce_id", number.encode()),
        ("ce_source", f"{_PREFIX}{source}".encode()),
        _JSON,
    )
    return Output("rekeyed", key.encode(), _ENCODER.encode(body), headers)


def maker(headers: Headers) -> str:
    """The task that made a record of ours ("topic/partition"); empty if the headers name none."""
    for name, value in headers:
        if name == "ce_source":
            return value.decode("utf-8", "replace").removeprefix(_PREFIX)
    return ""


def with_arrival(output: Output, record: Record) -> Output:
    """The output, with when the record from which it was made was here, if Kafka has a time of that which can be."""
    if math.isnan(arrival(record)):
        return output
    return output._replace(headers=(*output.headers, (_ARRIVAL, str(record.timestamp).encode())))


def made_from(record: Record) -> tuple[str, int]:
    """The task that made a record of ours, and when what it made it from was here, in Kafka's milliseconds: -1 if the
    headers do not say."""
    task, stamp = b"", -1
    for name, value in record.headers:
        if name == _ARRIVAL:
            stamp = int(value) if value and value.isdigit() and len(value) < _DIGITS else -1
        elif name == "ce_source":
            task = value
    return task.decode("utf-8", "replace"), stamp


def event_type(headers: Headers) -> str | None:
    """The CloudEvents type that a record's headers name; None if they name none."""
    for name, value in headers:
        if name == "ce_type":
            return value.decode("utf-8", "replace")
    return None


def decode(record: Record) -> Event:
    """The body of a record of ours. Raises MalformedEventError with a sentence."""
    name = event_type(record.headers)
    decoder = _DECODERS.get(name or "")
    if decoder is None:
        raise MalformedEventError(
            f"the record has no ce_type of ours ({name!r}); only Floodmark may write to this topic"
        )
    try:
        body: Event = decoder.decode(record.value or b"")
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise MalformedEventError(f"the body is not a {name}: {error}") from error
    return body


def body_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema of each published body by file stem: anomaly, change-notice, dependencies, …; and of feedback."""
    titles = {
        "anomaly": Anomaly,
        "change-notice": ChangeNotice,
        "dependencies": Dependencies,
        "watermark": Watermark,
        "absence": Absence,
        "series-sample": SeriesSample,
        "incident": Incident,
        "feedback": Verdict,
        "action": Action,
        "action-outcome": ActionOutcome,
        "delivery": Delivery,
        "model-request": ModelRequest,
        "model-report": ModelReport,
        "config-loaded": ConfigLoaded,
        "audit-entry": AuditEntry,
    }
    schemas = {}
    for stem, body in titles.items():
        schema = msgspec.json.schema(body, ref_template="#/$defs/{name}")
        schemas[stem] = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:floodmark:schema:{stem}",
            **schema,
        }
    return schemas


def _place(body: Placed, source: str) -> tuple[Stream, str, datetime, str]:
    """Stream, CloudEvents id, time and subject. The id is unique per source, but for words that are only repeated, and
    the same in a replay."""
    if isinstance(body, Anomaly):
        told = f"{body.id}/{body.event}/{body.updated_at.timestamp():.3f}"
        return "anomalies", told, body.updated_at, body.entity
    if isinstance(body, ChangeNotice):
        told = f"{body.id}/{body.status}@{body.time.timestamp():.3f}" if body.status else body.id
        return "anomalies", told, body.time, body.service
    if isinstance(body, Watermark):
        return (
            "anomalies",
            f"{body.task}@{body.time.timestamp():.3f}{'/idle' * body.idle}{'/again' * body.repeated}",
            body.time,
            body.task,
        )
    if isinstance(body, Absence):
        told = content_id("abs", body.correlator, f"{body.time.timestamp():.3f}", *body.tasks)
        return "anomalies", told, body.time, body.correlator
    if isinstance(body, Dependencies):
        return "anomalies", f"{body.task}@{body.time.timestamp():.3f}/calls", body.time, body.task
    if isinstance(body, SeriesSample):
        return "anomalies", f"{body.task}@{body.time.timestamp():.3f}/series", body.time, body.task
    if isinstance(body, Incident):
        return "alerts", f"{body.id}/{body.revision}", body.updated_at, body.id
    if isinstance(body, Action):
        return "actions", body.id, body.at, body.key()
    if isinstance(body, ActionOutcome):
        return "actions", f"{body.action}/{body.result}", body.applied_at, body.incident
    if isinstance(body, Delivery):
        return "deliveries", f"{body.target}/{body.id}/{body.result}/{body.attempts}", body.at, body.key
    if isinstance(body, ModelRequest):
        return "model_requests", body.id, body.at, body.model
    if isinstance(body, ModelReport):
        return "reports", f"{body.key()}@{body.time.timestamp():.3f}", body.time, body.model
    if isinstance(body, ConfigLoaded):
        return "reports", f"{body.key()}@{body.at.timestamp():.3f}", body.at, body.process
    if isinstance(body, AuditEntry):
        return "audit", f"{body.chain}/{body.sequence}", body.at, body.chain
    if isinstance(body, Inference):
        half = "answer" if body.answered else "request"
        return "model_events", f"{body.model}/{body.request_id}/{half}", utc(body.time), body.model
    kind = "prediction" if isinstance(body, Prediction) else "outcome"
    return "model_events", f"{body.model}/{body.prediction_id}/{kind}", utc(body.time), body.model
