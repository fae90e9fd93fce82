"""OpenTelemetry's log records (OTLP LogsData, ExportLogsServiceRequest), in protobuf and in JSON. Never raises for what
a producer wrote.

The time is `timeUnixNano`, else when it was observed, else Kafka's. The severity is that of the text if it is known,
else of the number, else what the body itself says. A body that is no text becomes JSON text. Attributes that are no
scalars become JSON text as well, and are evidence only; the labels are those of the resource.

Source: the OpenTelemetry logs data model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.bodies import facts
from floodmark.decode.decoder import EventError
from floodmark.decode.native import in_plain_words
from floodmark.decode.otlp_json import value_of as json_value
from floodmark.decode.otlp_proto import value_of as proto_value
from floodmark.decode.otlp_records import (
    Json,
    JsonAttribute,
    JsonGroup,
    JsonMessage,
    JsonRecords,
    ProtoRecords,
    RecordDecoder,
    nanoseconds,
)
from floodmark.decode.protobuf import parsed
from floodmark.decode.severities import severity
from floodmark.records import Record
from floodmark.signals import Log


class _LogDecoder(RecordDecoder):
    """What the forms share. `counts` has also those of `Admission`."""

    noun = "log record"

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._admission = Admission(limits)
        self._counts = self._admission.counts

    def _begin(self, record: Record) -> float:
        return self._admission.begin(record)

    def _log(
        self,
        labels: Mapping[str, str],
        time: int,
        observed: int,
        severities: tuple[str, int],
        body: Any,
        attributes: Mapping[str, Any],
        trace: str,
        latest: float,
    ) -> Log:
        """`time` and `observed`: nanoseconds, 0 for none. Raises EventError."""
        if time or observed:
            when = self._time("timeUnixNano" if time else "observedTimeUnixNano", time or observed, latest)
        else:
            when = self._admission.arrival()
        if not isinstance(body, str):
            body = self._admission.text(_readable(body)) if body is not None else ""
        text, number = severities
        level = (severity(text) if text else "") or severity(number) or facts(body).severity
        kept = self._admission.attributes(_readable(attributes)) if attributes else {}
        return self._admission.line(when, body.rstrip("\r\n"), level, dict(labels), kept, trace)


class ProtoLogDecoder(ProtoRecords, _LogDecoder):
    """`otlp_proto`: ExportLogsServiceRequest, which is LogsData on the wire."""

    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Log:
        try:
            record = parsed(LogRecord, text, self._counts)
        except EventError as error:
            raise EventError("not_protobuf", f"the log record cannot be read: {error.message}") from None
        return self._log(
            labels,
            record.time_unix_nano,
            record.observed_time_unix_nano,
            (record.severity_text, record.severity_number),
            proto_value(record.body),
            {each.key: proto_value(each.value) for each in record.attributes},
            self._id(record.trace_id, 16),
            latest,
        )


class _JsonLog(Json):
    time_unix_nano: int | float | str | None = None
    observed_time_unix_nano: int | float | str | None = None
    severity_number: int | str | None = None
    severity_text: str | None = None
    body: Any = None
    attributes: list[JsonAttribute | None] | None = None
    trace_id: str | None = None


_LOG: Final = msgspec.json.Decoder(_JsonLog)


class JsonLogDecoder(JsonRecords, _LogDecoder):
    """`otlp_json`: OTLP/JSON, one LogsData a message."""

    names = ("resourceLogs", ("scopeLogs", "instrumentationLibraryLogs"), ("logRecords", "logs"))

    def _groups(self, message: JsonMessage) -> list[JsonGroup] | msgspec.UnsetType | None:
        return message.resource_logs

    def _scopes(self, group: JsonGroup) -> Iterable[list[msgspec.Raw] | None]:
        scopes = (*(group.scope_logs or ()), *(group.instrumentation_library_logs or ()))
        return (records for scope in scopes for records in (scope.log_records, scope.logs))

    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Log:
        try:
            record = _LOG.decode(text)
            body = json_value(record.body)
            attributes = {each.key: json_value(each.value) for each in record.attributes or () if each and each.key}
        except (ValueError, OverflowError, RecursionError) as error:  # msgspec's errors are ValueErrors
            words = in_plain_words(str(error)[:200])
            raise EventError(words.error, f"the log record cannot be read: {words.message}") from None
        number = record.severity_number or 0
        return self._log(
            labels,
            nanoseconds("timeUnixNano", record.time_unix_nano),
            nanoseconds("observedTimeUnixNano", record.observed_time_unix_nano),
            (record.severity_text or "", number if isinstance(number, int) else _NUMBERS.get(number, 0)),
            body,
            attributes,
            self._text_id(record.trace_id, 16),
            latest,
        )


_NUMBERS: Final = {
    f"SEVERITY_NUMBER_{name}{step}": 4 * place + int(step or 1)
    for place, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for step in ("", "2", "3", "4")
}
"""Names of the enumeration, which some write."""


def _readable(value: Any) -> Any:
    """A value without bytes, which JSON lacks: as text if they are text, else hex."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, Mapping):
        return {str(key): _readable(each) for key, each in value.items()}
    return [_readable(each) for each in value] if isinstance(value, list) else value
