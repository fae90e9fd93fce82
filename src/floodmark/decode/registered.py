"""The frame that the serialisers of a schema registry put around a value, and what is in it as JSON.

JSON needs no more than to be taken out. Avro and Protobuf need the schema, which is handed in: nothing here asks a
registry. Source: Confluent's "Wire format" (also of ids in headers), Apicurio's ids of eight bytes, AWS Glue's header.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from io import BytesIO
from typing import Any, Final, NamedTuple
from uuid import UUID

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType
from google.protobuf import descriptor_pool, message_factory, struct_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message

from floodmark.decode.decoder import EventError
from floodmark.decode.packing import unpacked
from floodmark.records import Record, Schema, Schemas

HEADER: Final = "__value_schema_id"
"""Where Confluent's newer serialisers put the id: a byte 1, then a UUID."""
_GLUE: Final = 18
"""Bytes of AWS Glue's header: version 3, how it is compressed (0 or 5), and a UUID."""
_KEPT: Final = 200
"""Schemas that are kept parsed."""
_NO_SUCH: Final = "unknown_schema"
_BROKEN: Final = (
    *(ValueError, TypeError, LookupError, EOFError, OverflowError, AttributeError, RecursionError),
    *(ArithmeticError, struct.error, DecodeError, MemoryError),
    *(SchemaParseException, UnknownType, SchemaResolutionError),
)


class Frame(NamedTuple):
    """The id of a schema (None: of AWS Glue's registry), and where the data begins."""

    schema: int | str | None
    start: int


def frame_of(value: bytes) -> Frame | None:
    """The frame with which a value begins, if it begins with one."""
    if value[0] == 0 and len(value) > 5:
        if any(value[1:5]):
            return Frame(int.from_bytes(value[1:5], "big"), 5)
        if len(value) > 9 and any(value[5:9]):
            return Frame(int.from_bytes(value[1:9], "big"), 9)
    if value[0] == 3 and len(value) > _GLUE and value[1] in (0, 5):
        return Frame(None, _GLUE)
    return None


def told_in_header(value: bytes) -> tuple[str, bytes] | None:
    """The UUID of a schema, and what follows it (Protobuf's place of the message)."""
    if not value or value[0] != 1 or len(value) < 17:
        return None
    return str(UUID(bytes=bytes(value[1:17]))), bytes(value[17:])


def schemas_needed(records: Iterable[Record]) -> set[int | str]:
    """The ids of the schemas without which these records may not be read. A look at each record; it never raises."""
    found: set[int | str] = set()
    for record in records:
        value = record.value
        if not value:
            continue
        if value[0] == 0 and (frame := frame_of(value[:10])) is not None and frame.schema is not None:
            found.add(frame.schema)
        for name, text in record.headers or ():
            if name == HEADER and (told := told_in_header(text)) is not None:
                found.add(told[0])
    return found


def without_frame(frame: Frame, value: bytes, schemas: Schemas | None, most: int, *, protobuf: bool) -> bytes:
    """What is in the frame: JSON, or the message itself if the format within is Protobuf. Raises EventError."""
    data = value[frame.start :]
    if frame.schema is None:
        return _of_glue(value, data, most)
    schema = schemas.get(frame.schema) if schemas is not None else None
    if protobuf:
        return data[_indexes(data)[1] :]
    if isinstance(schema, Schema):
        return data if schema.kind == "JSON" else _read(frame.schema, schema, data, most)
    if _looks_like_json(data):
        return data
    words = f"the value is framed with schema {frame.schema} of a schema registry"
    if schemas is None:
        raise EventError(_NO_SUCH, f"{words}: to read it, say where the registry is (schema_registry.url)")
    raise EventError(_NO_SUCH, f"{words}, which cannot be had: {schema or 'it was not asked for'}")


def _of_glue(value: bytes, data: bytes, most: int) -> bytes:
    plain = unpacked("zlib", data, most) if value[1] else data
    if _looks_like_json(plain):
        return plain
    identity = UUID(bytes=value[2:_GLUE])
    words = f"the value is framed with schema {identity} of AWS Glue's registry: of that, only JSON can be read"
    raise EventError(_NO_SUCH, words)


def _looks_like_json(data: bytes) -> bool:
    return data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _read(identity: int | str, schema: Schema, data: bytes, most: int) -> bytes:
    try:
        found = _of_avro(schema, data) if schema.kind == "AVRO" else _of_protobuf(schema, data)
        # Infinity is written as Python writes it: to be refused as what it is.
        text = json.dumps(found, default=_plain, ensure_ascii=False, separators=(",", ":")).encode()
    except _BROKEN as error:
        words = f"the value cannot be read by schema {identity} ({schema.kind}): {type(error).__name__} {error}"
        raise EventError("malformed", words[:300]) from None
    if len(text) > most:
        raise EventError("too_large", f"the message has more than limits.message ({most}) bytes as JSON")
    return text


def _of_avro(schema: Schema, data: bytes) -> Any:
    source = BytesIO(data)
    found = fastavro.schemaless_reader(source, _avro(schema), None)
    if source.read(1):
        raise ValueError("there is more than the schema says")
    return found


@lru_cache(maxsize=_KEPT)
def _avro(schema: Schema) -> Any:
    named: dict[str, Any] = {}
    parsed: Any = None
    for part in schema.parts:
        parsed = fastavro.parse_schema(json.loads(part), named_schemas=named)
    return parsed


def _plain(value: object) -> object:
    """What JSON has no word for. Logical times become what a timestamp may be."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z"
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _of_protobuf(schema: Schema, data: bytes) -> Any:
    path, start = _indexes(data)
    return _as_object(_message(schema, path).FromString(data[start:]))


def _indexes(data: bytes) -> tuple[tuple[int, ...], int]:
    """Which message of the schema's file the data is, and where that begins: numbers of nested messages, zigzag."""
    count, at = _zigzag(data, 0)
    if not 0 <= count <= 20:
        raise EventError("malformed", "the value is framed as Protobuf, and does not say which message it is")
    path = []
    for _ in range(count):
        index, at = _zigzag(data, at)
        path.append(index)
    return tuple(path) or (0,), at


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 35, 7):
        byte = data[at] if at < len(data) else 0
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return (number >> 1) ^ -(number & 1), at


@lru_cache(maxsize=_KEPT)
def _message(schema: Schema, path: tuple[int, ...]) -> Any:
    """The class of a message of the last file."""
    pool = descriptor_pool.DescriptorPool()
    files = [FileDescriptorProto.FromString(part) for part in schema.parts]
    known = {file.name for file in files}
    for file in files:
        for name in file.dependency:
            if name not in known:  # google/protobuf/timestamp.proto and its like, which everybody has
                known.add(name)
                own = FileDescriptorProto()
                descriptor_pool.Default().FindFileByName(name).CopyToProto(own)
                pool.Add(own)
        pool.Add(file)
    inner: Any = files[-1].message_type[path[0]]
    names = [inner.name]
    for index in path[1:]:
        inner = inner.nested_type[index]
        names.append(inner.name)
    name = ".".join(([files[-1].package] if files[-1].package else []) + names)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


_KNOWN: Final = (struct_pb2, timestamp_pb2, wrappers_pb2)  # to be in the default pool


def _as_object(message: Message) -> Any:
    """As JSON is made of a message, but with the names of its schema, numbers of 64 bits as such, and with what is
    zero."""
    kind = message.DESCRIPTOR
    if kind.full_name.startswith("google.protobuf."):
        return MessageToDict(message)
    found: dict[str, Any] = {}
    for field in kind.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            entry = field.message_type
            if entry is not None and entry.GetOptions().map_entry:
                inner = entry.fields_by_name["value"]
                found[field.name] = {_key(key): _cell(inner, value[key]) for key in value}
            else:
                found[field.name] = [_cell(field, each) for each in value]
        elif not field.has_presence or message.HasField(field.name):
            found[field.name] = _cell(field, value)
    return found


def _cell(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _as_object(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named is not None else value
    return value


def _key(key: object) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)
