"""What OTLP's spans and logs have in common: records within scopes within resources, in protobuf and in JSON.

Every record is read by itself, so that a bad one refuses itself and no other, and so that a message cannot make more
objects than `limits.events` records of at most a megabyte do: the outer layers of the protobuf form are walked by hand.
In OTLP/JSON ids are hex and 64-bit numbers are text, other than in protobuf's own JSON mapping.
"""

from __future__ import annotations

import base64
import binascii
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from floodmark.config.models import Limits
from floodmark.decode.decoder import Decoded, EventError, Refused
from floodmark.decode.mending import readable, strict_json, without_nulls
from floodmark.decode.protobuf import parsed, varint
from floodmark.decode.timestamps import EARLIEST, LATEST, latest
from floodmark.records import Record
from floodmark.signals import Signal

NAMES: Final = {
    "host.name": "host",
    "k8s.pod.name": "pod",
    "service.instance.id": "instance",
    "deployment.environment": "env",
    "deployment.environment.name": "env",
}
"""Resource attributes by the label that Floodmark has for them; others keep their name."""

_LARGEST: Final = 1_000_000
"""Bytes of one span or resource: what they hold takes a multiple as objects."""
_HEX = re.compile(r"[0-9a-f]+")
_WHOLE = re.compile(r"\d{1,20}", re.ASCII)


class Raw(NamedTuple):
    """One record of a message: the labels of its resource, or why they cannot be used, and its own text."""

    resource: Mapping[str, str] | EventError
    text: bytes


class RecordDecoder(ABC):
    """What all share: limits, labels, ids, times. `counts` are the repairs so far: attributes_cut (of resources, beyond
    the limits), id_dropped (of a wrong length), id_base64 (in JSON), and what each adds."""

    noun: ClassVar[str]
    """What a record is called."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def decode(self, record: Record) -> Decoded:
        """The records of one message, in order. Refused as a whole: empty, too_large, too_many_events, not_json,
        not_protobuf."""
        value = record.value
        if not value:
            return Decoded([], [Refused(None, "empty", "the message has no value", b"")])
        latest = self._begin(record)
        records: list[Raw] = []
        try:
            if len(value) > self._limits.message:
                words = f"the message has {len(value)} bytes, more than limits.message ({self._limits.message})"
                raise EventError("too_large", words)
            for raw in self._records(value):
                records.append(raw)
                if len(records) > self._limits.events:
                    words = f"the message holds more {self.noun}s than limits.events ({self._limits.events})"
                    raise EventError("too_many_events", words)
        except EventError as error:
            return Decoded([], [Refused(None, error.error, error.message, value)])
        out = Decoded([], [])
        for index, (resource, text) in enumerate(records):
            try:
                if isinstance(resource, EventError):
                    raise resource
                if len(text) > _LARGEST:
                    raise EventError("too_large", f"the {self.noun} has {len(text)} bytes, more than {_LARGEST}")
                out.signals.append(self._signal(resource, text, latest))
            except EventError as error:
                out.refused.append(Refused(index, error.error, error.message, text))
            except RecursionError:
                words = f"the {self.noun} is nested too deeply"
                out.refused.append(Refused(index, "wrong_type", words, text))
        return out

    def _begin(self, record: Record) -> float:
        """The latest plausible time of what is in the message, in epoch seconds."""
        return latest(record, self._limits.ahead)

    @abstractmethod
    def _records(self, value: bytes) -> Iterator[Raw]:
        """The records of a message, in order. Raises EventError if it is none."""

    @abstractmethod
    def _signal(self, labels: Mapping[str, str], text: bytes, latest: float) -> Signal:
        """The signal of a record; `latest`: epoch seconds. Raises EventError."""

    def _time(self, field: str, nanoseconds: int, latest: float) -> float:
        """Epoch seconds. Raises EventError."""
        time = nanoseconds / 1_000_000_000  # of whole numbers, so that it is rounded once
        if not EARLIEST <= time < LATEST:
            raise EventError("implausible_time", f"{field} {nanoseconds} is not between 1973 and 2100")
        if time > latest:
            raise EventError("from_the_future", f"{field} is later than Kafka's time by more than limits.ahead")
        return time

    def _labels(self, attributes: Mapping[str, str]) -> Mapping[str, str]:
        """The labels that the attributes of a resource are."""
        service = attributes.get("service.name", "")
        labels = {"service": service[: self._limits.label]} if service else {}
        for name, value in attributes.items():
            label = NAMES.get(name, name)
            if name == "service.name" or not value or label == "service":
                continue
            if max(len(label), len(value)) > self._limits.label or len(labels) >= self._limits.labels:
                self._counts["attributes_cut"] += 1
            else:
                labels[label] = value
        return labels

    def _id(self, data: bytes, size: int) -> str:
        """Hex; empty if it is no id. One of zeros only is no id, and usual for the parent of a root."""
        if not any(data):
            return ""
        if len(data) != size:
            self._counts["id_dropped"] += 1
            return ""
        return data.hex()


class ProtoRecords(RecordDecoder):
    """Records in protobuf: field 1 of a message are groups, 1 of a group is its resource, 2 are scopes, 2 of a scope
    its records. Scopes were libraries once, in field 1000."""

    def _records(self, value: bytes) -> Iterator[Raw]:
        walk = Walk(len(value))
        for group in walk.embedded(memoryview(value), 1):
            resource: Mapping[str, str] | EventError = {}
            try:
                scopes = walk.embedded(group, 2, 1000)
                for own in walk.embedded(group, 1):
                    resource = self._resource(bytes(own))
            except EventError as error:
                yield _unreadable("a resource", error, group)
                continue
            for scope in scopes:
                try:
                    records = walk.embedded(scope, 2)
                except EventError as error:
                    yield _unreadable("a scope", error, scope)
                    continue
                for record in records:
                    yield Raw(resource, bytes(record))

    def _resource(self, text: bytes) -> Mapping[str, str] | EventError:
        if len(text) > _LARGEST:
            return EventError("too_large", f"the resource has {len(text)} bytes, more than {_LARGEST}")
        try:
            resource = parsed(Resource, text, self._counts)
        except EventError as error:
            return EventError("not_protobuf", f"the resource cannot be read: {error.message}")
        return self._labels({each.key: of_any(each.value) for each in resource.attributes})


def _unreadable(what: str, error: EventError, text: memoryview) -> Raw:
    """A part of the message of which nothing can be read. Raises EventError if the message as a whole is too large."""
    if error.error == "too_many_events":
        raise error
    return Raw(EventError(error.error, f"{what} of the message cannot be read: {error.message}"), bytes(text))


class Json(msgspec.Struct, rename="camel", gc=False):
    """Producers may leave out, or write null for, whatever is empty."""


class JsonAttribute(Json):
    key: str | None = None
    value: Any = None


class JsonResource(Json):
    attributes: list[JsonAttribute | None] | None = None


class JsonScope(Json):
    spans: list[msgspec.Raw] | None = None
    log_records: list[msgspec.Raw] | None = None
    logs: list[msgspec.Raw] | None = None


class JsonGroup(Json):
    """Scopes were instrumentation libraries once, and their log records logs."""

    resource: JsonResource | None = None
    scope_spans: list[JsonScope] | None = None
    scope_logs: list[JsonScope] | None = None
    instrumentation_library_spans: list[JsonScope] | None = None
    instrumentation_library_logs: list[JsonScope] | None = None


class JsonMessage(Json):
    resource_spans: list[JsonGroup] | msgspec.UnsetType | None = msgspec.UNSET
    resource_logs: list[JsonGroup] | msgspec.UnsetType | None = msgspec.UNSET


_MESSAGE: Final = msgspec.json.Decoder(JsonMessage)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NULL: Final = b"null"


class JsonRecords(RecordDecoder):
    """Records in JSON."""

    names: ClassVar[tuple[str, tuple[str, ...], tuple[str, ...]]]
    """Of the field of the groups in a message, and those of the scopes in a group and of the records in a scope."""

    @abstractmethod
    def _groups(self, message: JsonMessage) -> list[JsonGroup] | msgspec.UnsetType | None: ...

    @abstractmethod
    def _scopes(self, group: JsonGroup) -> Iterable[list[msgspec.Raw] | None]: ...

    def _records(self, value: bytes) -> Iterator[Raw]:
        try:
            value.decode()  # text that we skip over must be UTF-8 too
            groups = self._groups(_MESSAGE.decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield from self._piecewise(value)
            return
        if groups is msgspec.UNSET:
            raise EventError("wrong_type", f"the message holds no {self.noun}s of OTLP: {self.names[0]} is missing")
        for group in groups or ():
            labels = self._labels(texts((group.resource and group.resource.attributes) or []))
            for records in self._scopes(group):
                for record in records or ():
                    yield Raw(labels, bytes(record))

    def _piecewise(self, value: bytes) -> Iterator[Raw]:
        """Of a message of which a part is not as it should be: each part that is so refuses itself."""
        outer, inner, own = self.names
        try:
            message = _members_of(strict_json(value, self._counts), "the message")
            if outer not in message:
                raise EventError("wrong_type", f"the message holds no {self.noun}s of OTLP: {outer} is missing")
            for group in _array(message, outer, ""):
                if isinstance(group, Raw):
                    yield group
                    continue
                labels = self._labels(texts(self._attributes(group.get("resource", msgspec.Raw(_NULL)))))
                for scope in (scope for name in inner for scope in _array(group, name, f"{outer}.")):
                    if isinstance(scope, Raw):
                        yield scope
                        continue
                    for name in own:
                        yield from _elements(scope, name, f"{inner[0]}.", labels)
        except RecursionError:
            raise EventError("not_json", "the message is nested too deeply") from None

    def _attributes(self, resource: msgspec.Raw) -> list[JsonAttribute]:
        """Of a resource, those that can be read; others are left out and counted."""
        try:
            found = without_nulls(msgspec.json.decode(readable(bytes(resource), self._counts)))
        except (EventError, msgspec.DecodeError):
            found = ""
        attributes = found.get("attributes", []) if isinstance(found, dict) else found
        if not isinstance(attributes, list):
            self._counts["members_dropped"] += attributes is not None
            return []
        kept: list[JsonAttribute] = []
        for each in attributes:
            try:
                kept.append(msgspec.convert(each, JsonAttribute))
            except msgspec.ValidationError:
                self._counts["members_dropped"] += 1
        return kept

    def _text_id(self, text: str | None, size: int) -> str:
        """Hex, as OTLP says, or base64, as those write it who use protobuf's own mapping."""
        lower = (text or "").lower()
        if len(lower) == 2 * size and _HEX.fullmatch(lower):
            return lower if lower.strip("0") else ""
        try:
            data = base64.b64decode(text or "", validate=True)
        except (binascii.Error, ValueError):
            data = b"\xff"
        found = self._id(data, size)
        self._counts["id_base64"] += bool(found)
        return found


class Walk:
    """A walk over the outer layers of a message. It ends early in one of more fields than its spans could need, since
    each takes as long as hundreds of bytes of a span."""

    def __init__(self, size: int) -> None:
        self._left = 100 + size // 8

    def embedded(self, data: memoryview, *wanted: int) -> list[memoryview]:
        """The embedded messages of some fields, in order. Raises EventError `not_protobuf` or `too_many_events`."""
        found = []
        at, size = 0, len(data)
        while at < size:  # as `protobuf.fields` does, at less cost
            self._left -= 1
            if self._left < 0:
                raise EventError("too_many_events", "the message has more fields than spans of its size have")
            tag, at = varint(data, at)
            wire = tag & 7
            if wire == 0:
                _, at = varint(data, at)
                continue
            if wire == 2:
                length, at = varint(data, at)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise EventError("not_protobuf", f"it is no protobuf of its format: wire type {wire}")
            end = at + length
            if end > size:
                raise EventError("not_protobuf", "it is no protobuf of its format: it ends within a field")
            if wire == 2 and tag >> 3 in wanted:
                found.append(data[at:end])
            at = end
        return found


def wires(data: memoryview) -> Mapping[int, int]:
    """The wire type of each field at the beginning of a message, as far as it can be read: its first fifty."""
    found: dict[int, int] = {}
    at = 0
    try:
        for _ in range(50):
            if at >= len(data):
                break
            tag, at = varint(data, at)
            wire = found[tag >> 3] = tag & 7
            if wire == 0:
                _, at = varint(data, at)
            elif wire == 2:
                length, at = varint(data, at)
                at += length
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
            else:
                break
    except EventError:
        pass
    return found


def first_embedded(value: bytes) -> memoryview:
    """The first field of a message, if that is field 1 and an embedded message that fits; else nothing."""
    data = memoryview(value)
    if value[:1] != b"\n":
        return data[:0]
    try:
        length, at = varint(data, 1)
    except EventError:
        return data[:0]
    return data[at : at + length] if at + length <= len(data) else data[:0]


def of_any(value: AnyValue) -> str:
    """An attribute's value as text; empty for what is no scalar."""
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return str(getattr(value, kind)) if kind in ("string_value", "int_value", "double_value") else ""


def texts(attributes: Iterable[JsonAttribute | None]) -> dict[str, str]:
    """The scalar attributes as text."""
    found = {}
    for each in attributes:
        if each is None or not each.key or not isinstance(each.value, dict):
            continue
        for name, value in each.value.items():
            if name == "boolValue":
                found[each.key] = "true" if value else "false"
            elif name in ("stringValue", "intValue", "doubleValue") and isinstance(value, str | int | float):
                found[each.key] = str(value)
    return found


def nanoseconds(field: str, value: int | float | str | None) -> int:
    if isinstance(value, str) and value and not _WHOLE.fullmatch(value):
        raise EventError("not_a_time", f"{field} {value[:60]!r} is no whole number of nanoseconds")
    number = int(value or 0)
    if not 0 <= number < 2**64:
        raise EventError("implausible_time", f"{field} is no number of nanoseconds of 64 bits")
    return number


def _members_of(text: bytes, place: str) -> dict[str, msgspec.Raw]:
    try:
        return _FIELDS.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EventError("wrong_type", f"{place} must be an object") from None


def _array(owner: Mapping[str, msgspec.Raw], name: str, path: str) -> Iterator[Raw | dict[str, msgspec.Raw]]:
    """The objects of an array; of what is none, the reason."""
    for each in _elements(owner, name, path, {}):
        if isinstance(each.resource, EventError):
            yield each
            continue
        try:
            yield _members_of(each.text, f"one of {path}{name}")
        except EventError as error:
            yield Raw(error, each.text)


def _elements(owner: Mapping[str, msgspec.Raw], name: str, path: str, labels: Mapping[str, str]) -> Iterator[Raw]:
    """The elements of an array as they were written; of what is no array, the reason."""
    text = bytes(owner.get(name, _NULL))
    if text == _NULL:
        return
    try:
        for each in _ELEMENTS.decode(text):
            yield Raw(labels, bytes(each))
    except msgspec.DecodeError:
        yield Raw(EventError("wrong_type", f"{path}{name} must be an array"), text)


def enum(value: int | str | None, prefix: str, names: tuple[str, ...]) -> int:
    """A number of an enumeration, or its name, which some write; 0 for what is unknown."""
    if isinstance(value, str):
        name = value.removeprefix(prefix)
        return names.index(name) if name in names else 0
    return value or 0
