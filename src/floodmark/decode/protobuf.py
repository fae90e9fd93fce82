"""Protobuf that the parser refuses as a whole: what in it is sound, and where it is not.

Only for what was refused: the plain path never comes here. A message that is one of many (a point, a metric, a series)
and cannot be read is left out and told by its place; text that is no UTF-8 is read with U+FFFD and counted
(`not_utf8`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from floodmark.decode.decoder import EventError

_DEEPEST = 32


class Field(NamedTuple):
    """A field of a message: its number and type on the wire, all of its bytes, and those of its value alone."""

    number: int
    wire: int
    whole: memoryview
    value: memoryview


class Mender:
    """Of one message: `refuse` is told the place of each member that had to be left out, and why.

    It ends early in a message of more fields than such messages have, since each takes as long as hundreds of bytes.
    """

    def __init__(self, size: int, refuse: Callable[[str, str], None], counts: Counter[str]) -> None:
        self._left = 100 + size // 8
        self._refuse = refuse
        self._counts = counts

    def mended(self, of: Descriptor, data: memoryview, path: str = "", depth: int = 0) -> bytes:
        """The message without what cannot be read. Raises EventError `not_protobuf` if that is the message itself."""
        out = bytearray()
        found: Counter[int] = Counter()
        for field in fields(data):
            self._left -= 1
            if self._left < 0:
                raise EventError("too_many_events", "the message has more fields than others of its size")
            known = of.fields_by_number.get(field.number)
            found[field.number] += 1
            if known is None or field.wire != 2 or known.type not in (known.TYPE_STRING, known.TYPE_MESSAGE):
                out += field.whole
                continue
            try:
                value = self._member(known, field, f"{path}{known.name}", found[field.number] - 1, depth)
            except EventError as error:
                if not _many(known) or error.error == "too_many_events":
                    raise
                self._left -= 10
                self._refuse(f"{path}{known.name}[{found[field.number] - 1}]", error.message)
                continue
            if value is None:
                out += field.whole
            else:
                out += _encoded(field.number << 3 | 2) + _encoded(len(value)) + value
        return bytes(out)

    def _member(self, known: FieldDescriptor, field: Field, path: str, index: int, depth: int) -> bytes | None:
        """A value that had to be changed; None if it is sound. Raises EventError if it cannot be read at all."""
        if known.type == known.TYPE_STRING:
            try:
                str(field.value, "utf-8")
                return None
            except UnicodeDecodeError:
                self._counts["not_utf8"] += 1
                return bytes(field.value).decode(errors="replace").encode()
        of: Any = known.message_type
        if _parses(of, bytes(field.value)):
            return None
        if depth >= _DEEPEST:
            raise EventError("not_protobuf", "it is nested too deeply")
        value = self.mended(of, field.value, f"{path}[{index}]." if _many(known) else f"{path}.", depth + 1)
        if not _parses(of, value):
            raise EventError("not_protobuf", "it is no protobuf of its kind")
        return value


def parsed(kind: Any, data: bytes, counts: Counter[str], refuse: Callable[[str, str], None] | None = None) -> Any:
    """A message of a kind; what in it cannot be read is told to `refuse`, else left out and counted
    (`members_dropped`). Raises EventError `not_protobuf`."""
    try:
        return kind.FromString(data)
    except DecodeError:
        return kind.FromString(sound(kind, data, counts, refuse))


def sound(kind: Any, data: bytes, counts: Counter[str], refuse: Callable[[str, str], None] | None = None) -> bytes:
    """A message that `kind` has refused, without what cannot be read; see `parsed`. Raises EventError."""

    def drop(path: str, why: str) -> None:
        counts["members_dropped"] += 1

    value = Mender(len(data), refuse or drop, counts).mended(kind.DESCRIPTOR, memoryview(data))
    if not _parses(kind.DESCRIPTOR, value):
        raise EventError("not_protobuf", "it is no protobuf of its kind")
    return value


def fields(data: memoryview) -> Iterator[Field]:
    """The fields of a message, in order. Raises EventError `not_protobuf` where they cannot be told apart."""
    at, size = 0, len(data)
    while at < size:
        start = at
        tag, at = varint(data, at)
        wire = tag & 7
        value = at
        if wire == 0:
            _, at = varint(data, at)
        elif wire == 2:
            length, value = varint(data, at)
            at = value + length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise EventError("not_protobuf", f"it is no protobuf: wire type {wire}")
        if at > size:
            raise EventError("not_protobuf", "it is no protobuf: it ends within a field")
        yield Field(tag >> 3, wire, data[start:at], data[value:at])


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number at a place, and the place after it. Raises EventError `not_protobuf`."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise EventError("not_protobuf", "it is no protobuf: a number does not end")


def _encoded(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@cache
def _class(of: Descriptor) -> Any:
    return GetMessageClass(of)


def _parses(of: Descriptor, data: bytes) -> bool:
    try:
        _class(of).FromString(data)
    except DecodeError:
        return False
    return True


def _many(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)
