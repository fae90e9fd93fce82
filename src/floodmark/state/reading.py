"""Bytes to graphs. Whatever they say, no code runs but that of the caller's forms, and no memory is taken unpaid."""

from __future__ import annotations

import sys
from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any

import msgspec

from floodmark.state.columns import ABSENT, Column, blobs, cut, unpack
from floodmark.state.kinds import MAPPINGS, PLAIN, Form, Group, StateError, Tables


class Reader:
    """Bytes on their way to a graph: atoms, empty objects, then what is made whole, then the fields."""

    def __init__(
        self, codec: Tables, groups: list[Group], size: int, external: Mapping[str, object], lenient: bool
    ) -> None:
        self._codec = codec
        self._external = external
        self._lenient = lenient
        self._heap: list[Any] = []
        if sum(group.count for group in groups) > size or any(group.count < 0 for group in groups):
            raise StateError("the state claims more objects than it has bytes")
        starts = []
        for group in groups:
            starts.append(len(self._heap))
            made = self._made(group)
            if len(made) != group.count:
                raise StateError(f"the state's group {group.kind} {group.name} is not whole")
            self._heap += made
        filled = list(zip(groups, starts, strict=True))
        for kinds in (("object", "struct"), ("list", "deque"), ("set", "dict")):  # what is hashed comes after its parts
            for group, start in filled:
                if group.kind in kinds:
                    self._fill(group, self._heap[start : start + group.count])
        for group, start in filled:
            if group.fields[-1:] == ["__dict__"]:
                objects = self._heap[start : start + group.count]
                for value, attributes in zip(objects, self._values(group, len(group.fields) - 1), strict=True):
                    if type(attributes) is not dict:
                        raise StateError(f"an object of {group.name} has no attributes")
                    own = vars(value)
                    for name, attribute in attributes.items():
                        own[_interned(name)] = attribute

    def root(self, column: Column) -> Any:
        (value,) = unpack(column, 1, self._heap)
        return value

    def _values(self, group: Group, index: int, count: int | None = None) -> list[Any]:
        return unpack(group.columns[index], group.count if count is None else count, self._heap)

    def _lengths(self, group: Group) -> list[int]:
        lengths = self._values(group, 0)
        if not all(type(length) is int and length >= 0 for length in lengths):
            raise StateError("the state has lengths that are none")
        return lengths

    def _made(self, group: Group) -> list[Any]:
        """The objects of a group: whole if nothing can refer to them before they are, else empty."""
        kind, count = group.kind, group.count
        if kind == "str":
            text = group.blob.decode("utf-8", "surrogatepass")
            return cut(text, self._lengths(group))
        if kind == "bytes":
            return cut(group.blob, self._lengths(group))
        if kind == "external":
            return [self._given(name) for name in self._values(group, 0)]
        if kind == "class":
            return [self._class(name) for name in self._values(group, 0)]
        if kind == "array":
            return [array(group.name, data) for data in cut(group.blob, self._lengths(group))]
        if kind == "ndarray":
            shapes = [self._values(group, i) for i in range(len(group.columns))]
            return blobs(group.blob, group.name, list(zip(*shapes, strict=True)) if shapes else [()] * count)
        if kind == "list":
            return [[] for _ in range(count)]
        if kind == "set":
            return [set() for _ in range(count)]
        if kind == "deque":
            return [deque(maxlen=most) for most in self._values(group, 2)]
        if kind == "dict":
            return [MAPPINGS[group.name]() for _ in range(count)]
        if kind in ("object", "struct"):
            return self._empty(group)
        if kind in ("tuple", "frozenset"):
            lengths = self._lengths(group)
            items = iter(self._values(group, 1, sum(lengths)))
            whole: type = tuple if kind == "tuple" else frozenset
            return [whole(islice(items, length)) for length in lengths]
        columns = [self._values(group, i) for i in range(len(group.columns))]
        rows = zip(*columns, strict=True) if columns else [()] * count
        if kind == "named":
            return list(map(partial(tuple.__new__, self._of(group)), rows))
        if kind == "form":
            return self._formed(self._codec.forms[self._codec.named[group.name]], rows)
        raise StateError(f"the state has objects of an unknown kind, {kind}")

    def _of(self, group: Group) -> type:
        """The listed class of a group, if it still has the fields that were written."""
        class_ = self._codec.named.get(group.name)
        layout = self._codec.layouts.get(class_) if class_ is not None else None
        if class_ is None or layout is None or layout.kind != group.kind:
            raise StateError(f"the state has objects of {group.name}, which may not be rebuilt")
        fields = (*layout.fields, "__dict__") if layout.has_dict else layout.fields
        if tuple(group.fields) != fields or len(group.columns) not in (len(fields), 0):
            raise StateError(f"the state has objects of {group.name} with other fields: another release wrote it")
        return class_

    def _empty(self, group: Group) -> list[Any]:
        class_ = self._of(group)
        if group.kind == "object":
            return list(map(object.__new__, [class_] * group.count))
        # An unset field is an error to msgspec; a list in each makes Python's collector look at the object.
        nothing: dict[str, list[Any]] = {field: [] for field in _struct_fields(class_)}
        return [class_(**nothing) for _ in range(group.count)]

    def _formed(self, form: Form, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        try:
            return [form.make(*row) for row in rows]
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # a panic in Rust is no Exception
                raise StateError("the state has values that Rust cannot read") from None
            raise

    def _class(self, name: object) -> type:
        found = self._codec.named.get(str(name)) or PLAIN.get(str(name).removeprefix("builtins."))
        if found is None:
            raise StateError(f"the state names the class {name}, which may not be rebuilt")
        return found

    def _given(self, name: object) -> object:
        if not isinstance(name, str) or (name not in self._external and not self._lenient):
            raise StateError(f"the state refers to {name}, which is not given")
        return self._external.get(name)

    def _fill(self, group: Group, objects: list[Any]) -> None:
        kind = group.kind
        if kind in ("object", "struct"):
            slots = self._codec.layouts[self._of(group)].slots
            for i, slot in enumerate(slots if objects else ()):
                values = self._values(group, i)
                if any(value is ABSENT for value in values):
                    for value, field in zip(objects, values, strict=True):
                        if field is not ABSENT:
                            slot.__set__(value, field)
                else:
                    deque(map(slot.__set__, objects, values), maxlen=0)
            return
        lengths = self._lengths(group)
        total = sum(lengths)
        items = iter(self._values(group, 1, total))
        if kind == "set":
            for value, length in zip(objects, lengths, strict=True):
                value.update(islice(items, length))
        elif kind == "dict":
            pairs = zip(items, self._values(group, 2, total), strict=True)
            for value, length in zip(objects, lengths, strict=True):
                for key, item in islice(pairs, length):
                    value[key] = item
            if group.name == "defaultdict":
                for value, factory in zip(objects, self._values(group, 3), strict=True):
                    if factory is not None and not isinstance(factory, type | partial):
                        raise StateError("the state has a defaultdict whose factory is none")
                    value.default_factory = factory
        else:
            for value, length in zip(objects, lengths, strict=True):
                value.extend(islice(items, length))


def _struct_fields(class_: type) -> tuple[str, ...]:
    return class_.__struct_fields__ if issubclass(class_, msgspec.Struct) else ()


def _interned(name: object) -> str:
    if type(name) is not str:
        raise StateError("the state has an attribute whose name is no text")
    return sys.intern(name)
