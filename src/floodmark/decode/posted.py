"""What the formats of webhooks and of events of platforms share: a message is an object of JSON, or several, and each
says zero or more things of several kinds. An input asks for one kind; the rest is passed over, and counted.

A format is a function, `Read`: from an object to events of `floodmark.decode.wire`, which are then judged as native
ones are. Where a system lets its users write the body, a native event will do as well. Never raises for what was
written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from floodmark.config.models import Limits
from floodmark.decode.admit import Admission
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.mapped import parsed
from floodmark.decode.native import in_plain_words, whole
from floodmark.decode.wire import EVENTS, ActionEvent, AlertEvent, ChangeEvent, Event
from floodmark.records import Record
from floodmark.signals import SignalName

Json = Mapping[str, Any]
_NATIVE: Final[tuple[tuple[type[Event], tuple[str, ...]], ...]] = (
    (ChangeEvent, ("timestamp", "service", "kind", "summary")),
    (AlertEvent, ("timestamp", "source", "name", "status")),
    (ActionEvent, ("timestamp", "id", "verb", "by")),
)
"""Native events, and the fields by which they are known."""
_NUMBERS: Final = re.compile(r"#?\d[\w.:/-]*")


class Post(NamedTuple):
    """What is known of a message beside its body. `here`: Kafka's time of it in epoch seconds; None if it has none."""

    headers: Mapping[str, str]
    here: float | None

    def moment(self, *candidates: Any) -> int | float | str:
        """The first that can be a time, else when the message was here. Raises EventError if nothing is."""
        for each in candidates:
            if (found := stamp(each)) is not None:
                return found
        if self.here is None:
            raise EventError("missing_field", "the event has no time, and Kafka's time of the message is not known")
        return self.here

    def arrival(self, *candidates: Any) -> int | float | str:
        """When the message was here; if that is not known, the first that can be a time. Raises EventError."""
        return self.here if self.here is not None else self.moment(*candidates)


Read = Callable[[Json, Post], Iterator[Event]]
"""The events of one object. Raises EventError if it is nothing of the format."""


class PostedDecoder:
    """Decodes one signal of a format. Counts: those of `Admission`, and `passed_over`: objects that say nothing of that
    signal."""

    def __init__(
        self, read: Read, signal: SignalName, limits: Limits, unfold: Callable[[bytes], list[Any]] | None = None
    ) -> None:
        """`unfold`: the objects of a message as it came, for a format that is no plain JSON. Raises EventError."""
        self._read = read
        self._unfold = unfold
        self._event = EVENTS[signal]
        self._limits = limits
        self._admission = Admission(limits)
        self._admit = self._admission.of(signal)

    def counts(self) -> Mapping[str, int]:
        return self._admission.counts

    def decode(self, record: Record) -> Decoded:
        """What a message says, in its order. Refused as a whole: empty, too_large, too_many_events, not_json."""
        value = record.value
        if not value:
            return whole("empty", "the message has no value", b"")
        if len(value) > self._limits.message:
            words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
            return whole("too_large", words, value)
        latest = self._admission.begin(record)
        try:
            found = self._unfold(value) if self._unfold is not None else objects(self._sound(value))
        except EventError as error:
            return whole(error.error, error.message, value)
        alone = len(found) == 1 and value.lstrip()[:1] != b"["
        headers = {name.lower(): text.decode("utf-8", "replace")[:1_000] for name, text in record.headers if text}
        post = Post(headers, self._admission.kafkas)
        decoded = Decoded([], [])
        for index, each in enumerate(found):
            try:
                events = self._events(each, post)
                if len(decoded.signals) + len(events) > self._limits.events:
                    words = f"the message holds more events than limits.events ({self._limits.events})"
                    return whole("too_many_events", words, value)
                self._admission.counts["passed_over"] += not events
                for event in events:
                    self._one(event, latest, decoded, None if alone else index, value, each)
            except EventError as error:
                decoded.refused.append(_refused(error, None if alone else index, value, each))
        return decoded

    def _sound(self, value: bytes) -> bytes:
        return value if value.isascii() else self._admission.utf8(value).encode()

    def _events(self, each: Any, post: Post) -> list[Event]:
        """The events of the signal in one object. Raises EventError."""
        if not isinstance(each, dict):
            raise EventError("wrong_type", "the event is no object")
        found: Iterator[Event] = _native(each) or self._read(each, post)
        return [event for event in islice(found, self._limits.events + 1) if isinstance(event, self._event)]

    def _one(self, event: Event, latest: float, into: Decoded, index: int | None, value: bytes, each: Any) -> None:
        try:
            into.signals.append(self._admit(event, latest))
        except EventError as error:
            into.refused.append(_refused(error, index, value, each))


def objects(value: bytes) -> list[Any]:
    """The objects of a message of JSON. Raises EventError."""
    try:
        found = parsed(value.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise EventError("not_json", f"the message is not JSON: {str(error)[:200]}") from None
    return found if isinstance(found, list) else [found]


def at(owner: Any, *path: str) -> Any:
    """What is at a path of names; None if nothing is."""
    for name in path:
        if not isinstance(owner, dict):
            return None
        owner = owner.get(name)
    return owner


def found(owner: Any, *paths: str) -> Any:
    """What is at the first of these paths that leads somewhere: "rule.name" is a name within, or one with a dot."""
    for path in paths:
        value = at(owner, *path.split("."))
        if value is None and isinstance(owner, dict):
            value = owner.get(path)
        if value is not None and value != "":
            return value
    return None


def text(owner: Any, *paths: str) -> str:
    """The same as text; empty for what is neither text nor a number."""
    value = found(owner, *paths)
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) in (int, float) and abs(value) < 1e15 else ""


def each(owner: Any, *path: str) -> list[Any]:
    """The elements at a path; none if there is no list."""
    value = at(owner, *path)
    return value if isinstance(value, list) else []


def plain(owner: Any) -> dict[str, str | int | float | bool | None]:
    """Its members that are no objects and no lists: what labels are made of."""
    if not isinstance(owner, dict):
        return {}
    return {name: value for name, value in owner.items() if not isinstance(value, dict | list)}


def stamp(value: Any) -> int | float | str | None:
    """What may be a time; None for all else."""
    return value if type(value) in (int, float, str) and value else None


def steady(title: str) -> str:
    """A title without its numbers, so that what comes again is called the same again."""
    return _NUMBERS.sub("#", title)[:100].strip()


def last(path: str) -> str:
    """The last part of a path: what a project, a job or an image is called."""
    return path.rstrip("/").rpartition("/")[2]


def _native(said: Json) -> Iterator[Event] | None:
    """The native event that it is, if it has the looks of one. Raises EventError."""
    for kind, fields in _NATIVE:
        if all(name in said for name in fields):
            try:
                return iter([msgspec.convert(said, kind, strict=False)])
            except (msgspec.ValidationError, RecursionError) as error:
                raise in_plain_words(str(error)) from None
    return None


def _refused(error: EventError, index: int | None, value: bytes, each: Any) -> Refused:
    if index is None:
        return Refused(None, error.error, error.message, value)
    try:
        return Refused(index, error.error, error.message, orjson.dumps(each))
    except orjson.JSONEncodeError:
        return Refused(index, error.error, error.message, value)
