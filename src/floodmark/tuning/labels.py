"""Labelled events, in which an alarm is wanted: read from CSV or JSON lines, and held against alarms."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from floodmark.detect.series import Series
from floodmark.tuning.recording import fits, moment

_FIELDS: Final = ("series", "start", "end")


class LabelError(Exception):
    """A file of labels that cannot be used, in a sentence."""


class Event(NamedTuple):
    """From `start` to `end`, epoch seconds, something was wrong with the series that a pattern means (see `fits`)."""

    pattern: str
    start: float
    end: float

    def overlaps(self, start: float, end: float) -> bool:
        """Whether it shares a moment with what lasted from `start` to `end`."""
        return start <= self.end and end >= self.start


class Period(NamedTuple):
    """An alarm of a series, for what is counted here: `told` is when one would have heard of it."""

    series: Series
    start: float
    told: float
    end: float


class Score(NamedTuple):
    """Alarms against events. `delay` is the median of the seconds from an event's start until it was told, of those
    that were found; None if none was. An alarm that was told before counts as no delay."""

    events: int
    found: int
    alarms: int
    false: int
    delay: float | None

    @property
    def recall(self) -> float | None:
        return self.found / self.events if self.events else None

    @property
    def precision(self) -> float | None:
        return 1 - self.false / self.alarms if self.alarms else None


def read_events(path: Path) -> list[Event]:
    """The events of a CSV with the columns series, start and end, or of JSON lines with these fields.

    Raises LabelError with file and line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise LabelError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error
    return [_event(row, f"{path}:{number}") for number, row in _rows(path, text)]


def score(events: Sequence[Event], periods: Iterable[Period]) -> Score:
    """An event is found by an alarm of its series at any moment of it; an alarm is false that overlaps no event."""
    delays: list[float | None] = [None] * len(events)
    alarms = false = 0
    for period in periods:
        alarms += 1
        met = [
            i
            for i, event in enumerate(events)
            if event.overlaps(period.start, period.end) and fits(event.pattern, period.series)
        ]
        false += not met
        for i in met:
            delay = max(0.0, period.told - events[i].start)
            before = delays[i]
            delays[i] = delay if before is None else min(before, delay)
    found = [delay for delay in delays if delay is not None]
    return Score(len(events), len(found), alarms, false, statistics.median(found) if found else None)


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix == ".csv":
        rows = csv.DictReader(text.splitlines())
        missing = [field for field in _FIELDS if field not in (rows.fieldnames or [])]
        if missing:
            raise LabelError(f"{path}: no column {' and no column '.join(missing)}; labels are series,start,end")
        for row in rows:
            yield rows.line_num, row
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise LabelError(f"{path}:{number}: no JSON ({error}); a file of CSV is named .csv") from error
        yield number, event if isinstance(event, dict) else {}


def _event(row: Mapping[str, Any], where: str) -> Event:
    series, start, end = (row.get(field) for field in _FIELDS)
    if not (isinstance(series, str) and isinstance(start, str) and isinstance(end, str)):
        raise LabelError(f"{where}: a label has the fields series, start and end, all of them text")
    try:
        event = Event(series.strip(), moment(start), moment(end))
    except ValueError as error:
        raise LabelError(f"{where}: {error}") from error
    if event.end < event.start:
        raise LabelError(f"{where}: the event ends before it starts")
    return event
