"""Telemetry in files as records: JSONL of native events, CSV of metrics, CSV of anything by templates.

What a line means is decided by the same decoders as under Kafka; this only gives each line the native form.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import IO, Any, NamedTuple, cast

import orjson

from floodmark.config.models import Config, Input
from floodmark.decode.decoder import EventError
from floodmark.decode.timestamps import parse
from floodmark.records import Record
from floodmark.signals import SignalName

TIME_COLUMNS = ("timestamp", "time", "ts", "datetime", "date", "@timestamp")
SIGNALS: tuple[SignalName, ...] = ("metric", "log", "prediction", "outcome", "change", "span")
_TELLING: Mapping[str, SignalName] = {
    "body": "log",
    "prediction": "prediction",
    "label": "outcome",
    "summary": "change",
    "operation": "span",
    "value": "metric",
}
"""What a native event is, by the field that only it has."""
RowBuilder = Callable[[Mapping[str, str], int], list[dict[str, Any]]]


class FileError(Exception):
    """A file that cannot be replayed, in a sentence."""


class Columns(NamedTuple):
    """How the columns of a CSV make an event. Templates hold column names in braces: "{Date} {Time}".

    `time_format` is strptime's, empty for RFC 3339 or epoch numbers. With a `body` the rows are logs, else metrics.
    `entity`: a label that gets the file's name where each column is a metric, so that two files are told apart.
    """

    time: str = ""
    time_format: str = ""
    body: str = ""
    severity: str = ""
    labels: Mapping[str, str] = {}
    entity: str = ""


class Line(NamedTuple):
    """One event of a file: `time` to merge files by (-inf if it cannot be read), `size` in bytes of the file."""

    time: float
    signal: SignalName
    value: bytes
    number: int
    size: int


def topic(path: Path, signal: SignalName) -> str:
    """The topic name under which a file's events of a signal are replayed."""
    return f"{path}:{signal}"


def with_files(config: Config, paths: list[Path]) -> Config:
    """The config with the files as its inputs, one for each signal that they may hold."""
    sources = [Input(topic=topic(path, signal), signal=signal) for path in paths for signal in SIGNALS]
    return config.model_copy(update={"inputs": sources})


def read(paths: list[Path], columns: Columns, signal: SignalName | None) -> Iterator[tuple[Record, int]]:
    """The records of the files merged by event time (each file is taken to be in order), and the bytes of each.

    Raises FileError with file and line for what is not even a row; a bad event is a record, refused by its decoder.
    """
    streams = [_tagged(path, columns, signal) for path in paths]
    for path, line in heapq.merge(*streams, key=lambda tagged: tagged[1].time):
        yield Record(topic(path, line.signal), 0, line.number, -1, None, line.value), line.size


def _tagged(path: Path, columns: Columns, signal: SignalName | None) -> Iterator[tuple[Path, Line]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            kind = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
            if kind == ".csv":
                lines = _csv(path, cast(IO[bytes], file), columns, signal)
            elif kind in (".jsonl", ".ndjson", ".json"):
                lines = _jsonl(path, file, signal)
            else:
                raise FileError(f"{path}: only .csv and .jsonl files (also .gz) can be replayed")
            for line in lines:
                yield path, line
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error


def _jsonl(path: Path, file: Iterable[bytes], signal: SignalName | None) -> Iterator[Line]:
    for number, raw in enumerate(file, 1):
        text = raw.strip()
        if not text:
            continue
        event: Any = None
        with suppress(orjson.JSONDecodeError):
            event = orjson.loads(text)
        if isinstance(event, list) and event:
            event = event[0]
        fields = event if isinstance(event, dict) else {}
        found = signal or _signal(fields)
        if found is None:
            raise FileError(
                f"{path}:{number}: this is no native event (it has none of the fields {', '.join(_TELLING)}); "
                "give --signal if you know what it is"
            )
        yield Line(_time(fields.get("timestamp")), found, text, number, len(raw))


def _csv(path: Path, file: IO[bytes], columns: Columns, signal: SignalName | None) -> Iterator[Line]:
    with io.TextIOWrapper(file, "utf-8", newline="") as text:
        rows = csv.DictReader(text)
        header = list(rows.fieldnames or [])
        build = _event_of_row(path, header, columns, signal)
        for row in rows:
            number = rows.line_num
            size = sum(len(value) + 1 for value in row.values() if isinstance(value, str))
            for event in build(row, number):
                found: SignalName = "log" if columns.body else "metric"
                yield Line(_time(event["timestamp"]), found, orjson.dumps(event), number, size)
                size = 0


def _event_of_row(path: Path, header: list[str], columns: Columns, signal: SignalName | None) -> RowBuilder:
    """What makes the native events of a row, chosen once by the header."""
    lower = {name.lower(): name for name in header}
    time = columns.time or next((f"{{{lower[name]}}}" for name in TIME_COLUMNS if name in lower), "")
    templates = {"time": time, "body": columns.body, "severity": columns.severity, **columns.labels}
    for option, template in templates.items():
        for name in (field for _, field, _, _ in Formatter().parse(template) if field is not None):
            if name not in header:
                raise FileError(f"{path}: no column {name!r} (for {option}); it has: {', '.join(header)}")
    if not time:
        raise FileError(f"{path}: which column is the time? Give --time, for example --time '{{{header[0]}}}'")
    if signal not in (None, "metric", "log"):
        raise FileError(f"{path}: a CSV can hold metrics or logs; {signal}s come as JSONL")

    def stamp(row: Mapping[str, str], number: int) -> str | float:
        text = time.format_map(row)
        if not columns.time_format:
            return _plain_time(text)
        try:
            moment = datetime.strptime(text, columns.time_format)  # noqa: DTZ007  made aware in the next line
        except ValueError as error:
            raise FileError(f"{path}:{number}: {error}") from error
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def log(row: Mapping[str, str], number: int) -> list[dict[str, Any]]:
        labels = {label: template.format_map(row) for label, template in columns.labels.items()}
        return [
            {
                "timestamp": stamp(row, number),
                "severity": columns.severity.format_map(row),
                "body": columns.body.format_map(row),
                "labels": labels or {"service": path.name.split(".")[0]},
            }
        ]

    time_fields = {field for _, field, _, _ in Formatter().parse(time)}
    measured = [lower["value"]] if "value" in lower else [name for name in header if name not in time_fields]
    name_column = lower.get("name") if "value" in lower else None
    whose = {columns.entity: path.name.split(".")[0]} if columns.entity and "value" not in lower else {}
    label_columns = [n for n in header if "value" in lower and n not in {*time_fields, *measured, name_column, "label"}]

    def metrics(row: Mapping[str, str], number: int) -> list[dict[str, Any]]:
        when = stamp(row, number)
        labels = {name: row[name] for name in label_columns if row[name]} or whose
        events = []
        for column in measured:
            text = row[column]
            if text is None or not text.strip():
                continue
            name = row[name_column] if name_column else path.name.split(".")[0] if column.lower() == "value" else column
            value: float | str = text
            with suppress(ValueError):
                value = float(text)
            events.append({"timestamp": when, "name": name, "value": value, "labels": labels})
        return events

    return log if columns.body else metrics


def _signal(event: Mapping[str, Any]) -> SignalName | None:
    return next((signal for field, signal in _TELLING.items() if field in event), None)


def _plain_time(text: str) -> str | float:
    """A number stays one; a time without an offset is UTC in a CSV (in a message it would be refused)."""
    with suppress(ValueError):
        return float(text)
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return text if moment.tzinfo else moment.replace(tzinfo=UTC).timestamp()
    return text


def _time(value: object) -> float:
    """Event time for merging; what has none is first, and refused by its decoder."""
    with suppress(EventError):
        if isinstance(value, str | int | float):
            return parse(value)
    return float("-inf")
