"""Protobuf messages declared by their fields, in a pool of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

_SUFFIXES: Final = {"*": "repeated", "?": "optional"}


def messages(package: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The classes of messages by name. A field is NAME:NUMBER:TYPE, then * if repeated, ? if its presence is told."""
    file = FileDescriptorProto(name=f"floodmark/{package}.proto", package=package, syntax="proto3")
    for name, text in fields.items():
        message = file.message_type.add(name=name)
        for each in text.split():
            field, number, type_ = each.split(":")
            label = _SUFFIXES.get(type_[-1], "")
            added = message.field.add(name=field, number=int(number), label=3 if label == "repeated" else 1)
            type_ = type_.rstrip("*?")
            if type_ in fields:
                added.type, added.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{package}.{type_}"
            else:
                added.type = FieldDescriptorProto.Type.Value(f"TYPE_{type_.upper()}")
            if label == "optional":
                added.proto3_optional, added.oneof_index = True, len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in fields}
