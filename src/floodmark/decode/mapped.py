"""Anybody's JSON, by a mapping of the config (`fields`), to what the native format has.

Of every event a native one is made, which is then judged as any other; what is missing is told with the path at which
nothing was. A message is one event, an array of events, or has its events at a path. Numbers in
text are numbers where a number is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import orjson

from floodmark.config.mapping import ALL, ALWAYS, NESTED, REQUIRED, UNITS, Fields, place
from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.native import in_plain_words, whole
from floodmark.decode.phases import kind_of
from floodmark.decode.severities import on_scale
from floodmark.decode.timestamps import EARLIEST, LATEST, parse
from floodmark.decode.wire import EVENTS
from floodmark.records import Record
from floodmark.signals import SignalName

_MISSING: Final = object()

Get = Callable[[Any], Any]
"""What is at a place of an event; `_MISSING` if nothing is."""


class MappedDecoder:
    """Decodes JSON events of one signal by a mapping. Counts are those of `Admission`."""

    def __init__(self, signal: SignalName, fields: Fields, limits: Limits) -> None:
        self._limits = limits
        self._admission = Admission(limits)
        self._admit = self._admission.of(signal)
        self._event = EVENTS[signal]
        self._events = _get(fields.events) if fields.events is not None else None
        self._when = _clock(fields)
        given = {name: value for name, value in fields if value is not None and name not in (*ALWAYS, "severity_scale")}
        self._values = {name: _get(text) for name, text in given.pop("values", {}).items()}
        self._one = {name: (_get(text), text) for name, text in given.items() if name not in NESTED}
        self._many = {
            name: [(key, _get(text)) for key, text in given[name].items()] for name in given if name in NESTED
        }
        self._needed = REQUIRED[signal]
        self._of_change = signal == "change"
        self._scale = _scale(fields) if signal == "log" else None

    def counts(self) -> Mapping[str, int]:
        return self._admission.counts

    def decode(self, record: Record) -> Decoded:
        """The events of a message, in order. Refused as a whole: empty, too_large, too_many_events, not_json."""
        value = record.value
        if not value:
            return whole("empty", "the message has no value", b"")
        if len(value) > self._limits.message:
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
            return whole("too_large", words, value)
        latest = self._admission.begin(record)
        try:
            events, alone = self._taken_apart(value)
        except EventError as error:
            return whole(error.error, error.message, value)
        if len(events) * max(1, len(self._values)) > self._limits.events:
            words = f"the message holds more events than limits.events ({self._limits.events})"
            return whole("too_many_events", words, value)
        found = Decoded([], [])
        for index, event in enumerate(events):
            for native in self._native(event):
                try:
                    if isinstance(native, EventError):
                        raise native
                    made = msgspec.convert(native, self._event, strict=False)
                    found.signals.append(self._admit(made, latest))
                except msgspec.ValidationError as error:
                    found.refused.append(_refused(in_plain_words(str(error)), event, value if alone else None, index))
                except EventError as error:
                    found.refused.append(_refused(error, event, value if alone else None, index))
        return found

    def _taken_apart(self, value: bytes) -> tuple[list[Any], bool]:
        """The events, and whether the message is one. Raises EventError."""
        try:
            if not value.isascii():
                value = self._admission.utf8(value).encode()
            said = parsed(value)
        except ValueError as error:
            raise EventError("not_json", f"the message is not JSON: {str(error)[:200]}") from None
        if self._events is not None:
            said = [self._events(each) for each in (said if isinstance(said, list) else [said])]
            said = [event for each in said for event in (each if isinstance(each, list) else [each])]
            if _MISSING in said:
                raise EventError("missing_field", "there is nothing where the events of the message should be")
            return said, False
        return (said, False) if isinstance(said, list) else ([said], True)

    def _native(self, event: Any) -> Iterator[dict[str, Any] | EventError]:
        """The native events of one event, or why there is none."""
        try:
            made = self._made(event)
        except EventError as error:
            yield error
            return
        if not self._values:
            yield made
        for name, get in self._values.items():
            value = get(event)
            if value is not _MISSING:
                yield {**made, "name": name, "value": value}

    def _made(self, event: Any) -> dict[str, Any]:
        when = self._when
        made = {"timestamp": self._admission.arrival() if when is None else when(event)}
        for name, (get, text) in self._one.items():
            value = get(event)
            if name == "severity" and self._scale is not None:
                if value is not _MISSING and value is not None:
                    made[name] = self._scale(value, event) or (value if isinstance(value, str) else "")
            elif value is not _MISSING:
                made[name] = (kind_of(value) or value) if name == "kind" and self._of_change else value
            elif name in self._needed:
                raise EventError("missing_field", f"{name} is missing: there is nothing at {text}")
        for name, members in self._many.items():
            inner: dict[str, Any] = {}
            for key, get in members:
                value = get(event)
                if key == ALL:
                    if isinstance(value, dict):
                        inner.update((k, v) for k, v in value.items() if not isinstance(v, dict | list))
                elif value is not _MISSING:
                    inner[key] = value
            made[name] = inner
        return made


def _refused(error: EventError, event: Any, value: bytes | None, index: int) -> Refused:
    """`value`: the message, if it is one event."""
    if value is not None:
        return Refused(None, error.error, error.message, value)
    return Refused(index, error.error, error.message, json.dumps(event, separators=(",", ":")).encode())


def parsed(text: bytes) -> Any:
    """Raises ValueError. Python's json.dumps writes NaN and Infinity, which are not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        if b"NaN" not in text and b"Infinity" not in text:
            raise
    try:
        parsed = json.loads(text)
        json.dumps(parsed, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return parsed
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _get(source: str) -> Get:
    path, otherwise = place(source)
    if path is None:
        return lambda _: otherwise
    if otherwise is None and len(path) == 1 and isinstance(path[0], str):
        key = path[0]
        return lambda event: event.get(key, _MISSING) if isinstance(event, dict) else _MISSING
    steps = path

    def get(event: Any) -> Any:
        event = _at(event, steps)
        return event if otherwise is None or not (event is _MISSING or event is None) else otherwise

    return get


def _at(event: Any, steps: tuple[str | int, ...]) -> Any:
    """What is at a path. Where a name leads nowhere, names that follow one another may be one with dots in it."""
    for i, step in enumerate(steps):
        if isinstance(step, str):
            if not isinstance(event, dict):
                return _MISSING
            inner = event.get(step, _MISSING)
            if inner is _MISSING or (
                i + 1 < len(steps) and isinstance(steps[i + 1], str) and not isinstance(inner, dict)
            ):
                return inner if i + 1 == len(steps) else _dotted(event, steps[i:])
            event = inner
        elif isinstance(event, list) and -len(event) <= step < len(event):
            event = event[step]
        else:
            return _MISSING
    return event


def _dotted(event: dict[str, Any], steps: tuple[str | int, ...]) -> Any:
    name = str(steps[0])
    for i, step in enumerate(steps[1:8], 2):
        if not isinstance(step, str):
            break
        name = f"{name}.{step}"
        if name in event:
            return _at(event[name], steps[i:])
    return _MISSING


def _scale(fields: Fields) -> Callable[[Any, Any], str] | None:
    """What reads the severity of an event of logs: a name, or a number of the scale that the config names, or that
    follows from the name of the field and from what is beside it."""
    if fields.severity is None:
        return None
    given = fields.severity_scale
    path = place(fields.severity).path or ()
    last = str(path[-1]).lower() if path else ""

    def read(value: Any, event: Any) -> str:
        scale = given
        if scale is None and "number" in last:
            scale = "opentelemetry"
        elif scale is None and last == "levelno":
            scale = "python"
        elif scale is None and isinstance(event, dict) and _is_gelf(event):
            scale = "syslog"
        return on_scale(value, scale) or ("" if scale is not None else on_scale(value, "syslog"))

    return read


def _is_gelf(event: dict[str, Any]) -> bool:
    return "short_message" in event or "syslog_severity" in event or "PRIORITY" in event


def _clock(fields: Fields) -> Get | None:
    """What reads the timestamp of an event; None if there is none to read."""
    if fields.timestamp is None:
        return None
    get, source, form = _get(fields.timestamp), fields.timestamp, fields.timestamp_format
    zone = ZoneInfo(fields.timezone)

    def plain(event: Any) -> Any:
        value = get(event)
        if value is _MISSING or value is None:
            raise EventError("missing_field", f"timestamp is missing: there is nothing at {source}")
        return value

    def counted(event: Any) -> float:
        value = plain(event)
        try:
            seconds = float(value) / UNITS[str(form)]
        except (TypeError, ValueError, OverflowError):
            raise EventError("not_a_time", f"timestamp {str(value)[:60]!r} is no number of {form}") from None
        if not EARLIEST <= seconds < LATEST:
            raise EventError("implausible_time", f"timestamp {value!s:.60} {form} is not between 1973 and 2100")
        return seconds

    def written(event: Any) -> float:
        value = plain(event)
        try:
            moment = datetime.strptime(str(value)[:200], str(form))  # noqa: DTZ007 - the next line gives it a zone
            seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp()
        except (ValueError, OverflowError) as error:
            raise EventError(
                "not_a_time", f"timestamp {str(value)[:60]!r} is not of the form {form}: {error}"
            ) from None
        return parse(seconds)

    return plain if form is None else counted if form in UNITS else written
