"""JSON messages: one event a message, or an array of events; and the native one. Never raises for what was written.

The usual message is well formed and takes one typed decode (msgspec). Only when that fails is the message taken apart,
so that one bad element of an array refuses itself and no other, and so that the NaN and Infinity that Python's
json.dumps writes, which are not JSON, are understood all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import GenericAlias
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import orjson
from msgspec.structs import replace

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.wire import EVENTS, Event, native_schemas
from floodmark.records import Record, changed
from floodmark.signals import Signal, SignalName

__all__ = ["JsonDecoder", "NativeDecoder", "in_plain_words", "native_schemas", "whole"]

E = TypeVar("E")

_BOM = b"\xef\xbb\xbf"
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class _Element(NamedTuple):
    """One event of a message: parsed (only where the text is not quite JSON), and its own text."""

    text: bytes
    parsed: Any = msgspec.UNSET


class JsonDecoder(Generic[E]):
    """Decodes JSON whose events are of the type `event`, within the limits. `admit` judges an event.

    It is given the event and the latest plausible time (epoch seconds) and raises EventError for what is refused.
    An event may leave parts of itself undecoded (`msgspec.Raw`), if `raw`; NaN and Infinity are then read as null.
    """

    def __init__(
        self, event: type[E], admit: Callable[[E, float], Signal], admission: Admission, limits: Limits, *, raw: bool
    ) -> None:
        self._event = event
        self._one: msgspec.json.Decoder[E] = msgspec.json.Decoder(event)
        self._many: msgspec.json.Decoder[list[E]] = msgspec.json.Decoder(GenericAlias(list, (event,)))
        self._limits = limits
        self._admission = admission
        self._admit = admit
        self._raw = raw

    def counts(self) -> Mapping[str, int]:
        """Repairs so far; see `Admission`."""
        return self._admission.counts

    def decode(self, record: Record) -> Decoded:
        """The events of one message, in order. Refused as a whole: empty, too_large, too_many_events, not_json."""
        value = record.value
        if not value:
            return whole("empty", "the message has no value", b"")
        if len(value) > self._limits.message:
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
            return whole("too_large", words, value)
        latest = self._admission.begin(record)
        try:
            if not value.isascii():
                value.decode()  # text that we skip over must be UTF-8 too
            if value[0] == 0x7B:  # {
                return Decoded([self._admit(self._one.decode(value), latest)], [])
            if value[0] == 0x5B and not self._maybe_too_many(value):  # [
                return self._array(self._many.decode(value), value, latest)
        except UnicodeDecodeError as error:
            if value.lstrip()[:1] not in (b"{", b"["):
                return whole("not_json", f"the message is not UTF-8: {error.reason} at byte {error.start}", value)
            return self._with_holes(record, value)
        except EventError as error:
            return Decoded([], [Refused(None, error.error, error.message, value)])
        except (msgspec.DecodeError, RecursionError):
            pass
        return self._piecewise(value, latest)

    def _with_holes(self, record: Record, value: bytes) -> Decoded:
        """A message that is not all UTF-8: what is not is read as U+FFFD, which is better than not at all."""
        found = self.decode(changed(record, value=value.decode(errors="replace").encode()))
        if found.signals:
            self._admission.counts["not_utf8"] += 1
        refused = [each if each.index is not None else replace(each, value=value) for each in found.refused]
        return Decoded(found.signals, refused)

    def _array(self, events: list[E], value: bytes, latest: float) -> Decoded:
        signals: list[Signal] = []
        refused: list[Refused] = []
        texts: list[msgspec.Raw] = []
        for index, event in enumerate(events):
            try:
                signals.append(self._admit(event, latest))
            except EventError as error:
                texts = texts or _RAW_ARRAY.decode(value)
                refused.append(Refused(index, error.error, error.message, bytes(texts[index])))
        return Decoded(signals, refused)

    def _piecewise(self, value: bytes, latest: float) -> Decoded:
        """Element by element, for a message in which something is wrong or that is not quite JSON."""
        try:
            elements, single = _take_apart(value)
        except EventError as error:
            return whole(error.error, error.message, value)
        if len(elements) > self._limits.events:
            return whole(
                "too_many_events",
                f"the message holds {len(elements)} events, more than limits.events ({self._limits.events})",
                value,
            )
        signals: list[Signal] = []
        refused: list[Refused] = []
        for index, element in enumerate(elements):
            try:
                signals.append(self._admit(self._read(element), latest))
            except EventError as error:
                text = value if single else element.text
                refused.append(Refused(None if single else index, error.error, error.message, text))
        return Decoded(signals, refused)

    def _read(self, element: _Element) -> E:
        """The wire event of one element. Raises EventError."""
        try:
            if element.parsed is msgspec.UNSET:
                return self._one.decode(element.text)
            if self._raw:
                return self._one.decode(orjson.dumps(element.parsed))
            return msgspec.convert(element.parsed, self._event)
        except orjson.JSONEncodeError as error:
            raise EventError("not_json", f"the event is not JSON: {error}") from None
        except msgspec.ValidationError as error:
            raise in_plain_words(str(error)) from None
        except RecursionError:
            raise EventError("not_json", "the event is nested too deeply") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise EventError("not_json", "the event holds half of a \\u surrogate pair, which is no text") from None

    def _maybe_too_many(self, value: bytes) -> bool:
        """Whether an array could hold more events than the limit: commas bound its elements from above."""
        limit = self._limits.events
        return len(value) > 2 * limit and value.count(b",") >= limit and len(_elements(value)) > limit


class NativeDecoder(JsonDecoder[Event]):
    """Decodes the native format of one signal."""

    def __init__(self, signal: SignalName, limits: Limits) -> None:
        admission = Admission(limits)
        super().__init__(EVENTS[signal], admission.of(signal), admission, limits, raw=False)


def whole(error: str, message: str, value: bytes) -> Decoded:
    """A message that is refused as a whole."""
    return Decoded([], [Refused(None, error, message, value)])


def _elements(value: bytes) -> list[msgspec.Raw]:
    try:
        return _RAW_ARRAY.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return []


def _take_apart(value: bytes) -> tuple[list[_Element], bool]:
    """The elements of a message, and whether it is one event rather than an array. Raises EventError `not_json`."""
    text = value.removeprefix(_BOM).strip()
    try:
        msgspec.json.decode(text, type=msgspec.Raw)  # the whole is JSON
        if text[:1] == b"[":
            return [_Element(bytes(raw)) for raw in _RAW_ARRAY.decode(text)], False
        return [_Element(text)], True
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        parsed = json.loads(text)
        if isinstance(parsed, list):
            return list(_reencoded(parsed)), False
        return list(_reencoded([parsed])), True
    except RecursionError:
        raise EventError("not_json", "the message is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, or a number with thousands of digits
        raise EventError("not_json", f"the message is not JSON: {error}") from None


def _reencoded(parsed: list[Any]) -> Iterator[_Element]:
    for element in parsed:
        try:
            yield _Element(json.dumps(element, ensure_ascii=False, separators=(",", ":")).encode(), element)
        except UnicodeEncodeError:  # half a surrogate pair: left as an escape, for the typed decode to refuse
            yield _Element(json.dumps(element, separators=(",", ":")).encode())


_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_ENUM = re.compile(r"Invalid enum value (.*?)(?: - at `\$\.(\w+)`)?$", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]+)`(.*?)(?:, got `(\w+)`)?(?: - at `(?:key in )?\$(.*)`)?$", re.DOTALL)
_AT = re.compile(r" - at `(?:key in )?\$\.?(.*)`$", re.DOTALL)
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "a truth value",
    "null": "null",
    "object": "an object",
    "array": "an array",
}


def in_plain_words(text: str) -> EventError:
    """msgspec's validation errors, which name Python's types, as sentences about JSON."""
    if match := _MISSING.match(text):
        return EventError("missing_field", f"{match[1]} is missing")
    place = _AT.search(text)
    field = place[1].replace("[...]", " (one of the values)") if place else ""
    if text.startswith("Number out of range"):
        if field == "timestamp":
            return EventError("implausible_time", "timestamp is too large a number")
        return EventError("infinite", f"{field or 'a number'} is too large for a number")
    if match := _ENUM.match(text):
        return EventError("wrong_type", f"{match[2] or 'a field'} cannot be {match[1]}")
    if match := _EXPECTED.match(text):
        if "length" in match[2]:
            return EventError("missing_field", f"{field} is empty")
        kinds = list(dict.fromkeys(_WORDS.get(kind.strip(), kind.strip()) for kind in match[1].split("|")))
        wanted = kinds[0] if len(kinds) == 1 else f"{', '.join(kinds[:-1])} or {kinds[-1]}"
        got = f", not {_WORDS.get(match[3], match[3])}" if match[3] else ""
        return EventError("wrong_type", f"{field or 'an event'} must be {wanted}{got}")
    return EventError("wrong_type", text)
