"""Graphs to bytes. It changes nothing of what it writes, and runs no code of the objects' classes."""

from __future__ import annotations

import types
from array import array
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np

from floodmark.state.columns import ABSENT, ColumnWriter, dtype_text, refers
from floodmark.state.kinds import ATOMS, CONTAINERS, MADE_EMPTY, PLAIN, VERSION, Group, StateError, Tables, name_of

_DEEPEST: Final = 64
"""Tuples within tuples; all else may be as deep as it likes."""


class _Pending:
    """A group that is being written: its objects, of which the first `done` have been looked into."""

    def __init__(self, number: int, kind: str, name: str, order: int, fields: tuple[str, ...]) -> None:
        self.number = number
        self.kind = kind
        self.name = name
        self.order = order
        self.fields = fields
        self.objects: list[Any] = []
        self.done = 0
        self.columns: list[ColumnWriter] = []
        self.blob: list[bytes] = []

    def column(self, index: int) -> ColumnWriter:
        while len(self.columns) <= index:
            self.columns.append(ColumnWriter())
        return self.columns[index]


class Writer:
    """One graph on its way to bytes. A reference is a code until all groups are known: group times 2^40, plus place."""

    def __init__(self, codec: Tables, external: Iterable[tuple[str, object]]) -> None:
        self._codec = codec
        self._external = {id(value): name for name, value in external}
        self._groups: list[_Pending] = []
        self._by_key: dict[tuple[object, ...], _Pending] = {}
        self._codes: dict[int, int] = {}
        self._texts: dict[str, int] = {}
        self._bytes: dict[bytes, int] = {}
        self._depth = 0
        self._group("str", "")
        self._group("bytes", "")

    def written(self, root: object) -> bytes:
        top = ColumnWriter()
        top.extend([root], self._place_all)
        while any(group.done < len(group.objects) for group in self._groups):
            for group in list(self._groups):
                batch = group.objects[group.done :]
                group.done += len(batch)
                if batch:
                    self._look_into(group, batch)
        texts, binaries = self._groups[:2]
        texts.objects, binaries.objects = list(self._texts), list(self._bytes)
        texts.column(0).extend([len(text) for text in texts.objects], self._place_all)
        texts.blob.append("".join(texts.objects).encode("utf-8", "surrogatepass"))
        binaries.column(0).extend([len(value) for value in binaries.objects], self._place_all)
        binaries.blob += binaries.objects
        ordered = sorted(self._groups, key=lambda group: (group.order, group.number))
        starts = np.zeros(len(ordered), np.int64)
        place = 0
        for group in ordered:
            starts[group.number] = place
            place += len(group.objects)
        groups = [
            Group(
                group.kind,
                group.name,
                len(group.objects),
                list(group.fields),
                [column.packed(starts) for column in group.columns],
                b"".join(group.blob),
            )
            for group in ordered
        ]
        return msgspec.msgpack.encode((VERSION, top.packed(starts), groups))

    def _group(self, kind: str, name: str, rank: int = 0, fields: tuple[str, ...] = (), key: object = None) -> _Pending:
        whole = (kind, name, rank, fields, key)
        group = self._by_key.get(whole)
        if group is None:
            order = 0 if kind in ATOMS else 1 if kind in MADE_EMPTY else 2 + rank
            group = self._by_key[whole] = _Pending(len(self._groups), kind, name, order, fields)
            self._groups.append(group)
        return group

    def _place_all(self, values: Iterable[Any]) -> list[int]:
        """The codes of values that are no atoms; those that are new are put in line."""
        codes, texts, found = self._codes, self._texts, []
        for value in values:
            if type(value) is str:
                found.append(texts.setdefault(value, len(texts)))
                continue
            code = codes.get(id(value))
            found.append(self._place(value) if code is None else code)
        return found

    def _place(self, value: Any) -> int:
        kind, codec = type(value), self._codec
        if kind is bytes:
            return (1 << 40) + self._bytes.setdefault(value, len(self._bytes))
        if id(value) in self._external:
            group = self._group("external", "")
        elif kind in CONTAINERS:
            if kind in (tuple, frozenset):
                members = list(value) if kind is tuple else _ordered(value)
                if kind is frozenset:
                    _check_plain(members)
                group = self._group(*CONTAINERS[kind], rank=self._rank(members))
            else:
                group = self._group(*CONTAINERS[kind])
        elif (layout := codec.layouts.get(kind)) is not None:
            if layout.kind == "named":
                group = self._group("named", name_of(kind), self._rank(value), layout.fields)
            else:
                fields = (*layout.fields, "__dict__") if layout.has_dict else layout.fields
                group = self._group(layout.kind, name_of(kind), fields=fields)
        elif (form := codec.forms.get(kind)) is not None:
            taken = form.take(value)
            group = self._group("form", name_of(kind), self._rank(taken), key=len(taken))
            for i, field in enumerate(taken):
                group.column(i).extend([field], self._place_all)
            group.done += 1
        elif kind is array:
            group = self._group("array", value.typecode)
        elif kind is np.ndarray:
            group = self._group("ndarray", dtype_text(value.dtype), key=value.ndim)
        elif isinstance(value, type) and (value in PLAIN.values() or codec.named.get(name_of(value)) is value):
            group = self._group("class", "")
        else:
            raise StateError(f"cannot write {name_of(kind)}: it is not among the classes that may be rebuilt")
        # A tuple's members may have led back to it through nothing but tuples only if somebody wrote C for it.
        code = self._codes[id(value)] = (group.number << 40) + len(group.objects)
        group.objects.append(value)
        return code

    def _rank(self, members: Iterable[Any]) -> int:
        """One more than that of any member that is made whole as well: members come first."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise StateError(f"cannot write tuples nested more than {_DEEPEST} deep")
        rank = -1
        for code in self._place_all(filter(refers, members)):
            rank = max(rank, self._groups[code >> 40].order - 2)
        self._depth -= 1
        return rank + 1

    def _look_into(self, group: _Pending, batch: list[Any]) -> None:
        place = self._place_all
        kind = group.kind
        if kind in ("object", "struct", "named"):
            layout = self._codec.layouts[self._codec.named[group.name]]
            for i, slot in enumerate(layout.slots):
                group.column(i).extend(_read(slot, batch), place)
            if layout.has_dict:
                group.column(len(layout.slots)).extend([vars(value) for value in batch], place)
        elif kind == "dict":
            group.column(0).extend(list(map(len, batch)), place)
            group.column(1).extend(list(chain.from_iterable(batch)), place)
            group.column(2).extend(list(chain.from_iterable(value.values() for value in batch)), place)
            if group.name == "defaultdict":
                group.column(3).extend([value.default_factory for value in batch], place)
        elif kind in ("list", "deque", "tuple", "set", "frozenset"):
            group.column(0).extend(list(map(len, batch)), place)
            members: list[Any] = [_ordered(value) for value in batch] if kind in ("set", "frozenset") else batch
            group.column(1).extend(list(chain.from_iterable(members)), place)
            if kind == "deque":
                group.column(2).extend([value.maxlen for value in batch], place)
        elif kind == "external":
            group.column(0).extend([self._external[id(value)] for value in batch], place)
        elif kind == "class":
            group.column(0).extend([name_of(value) for value in batch], place)
        elif kind == "array":
            group.column(0).extend([len(value) * value.itemsize for value in batch], place)
            group.blob += [value.tobytes() for value in batch]
        elif kind == "ndarray":
            for i in range(batch[0].ndim):
                group.column(i).extend([value.shape[i] for value in batch], place)
            group.blob += [value.tobytes() for value in batch]


_UNRANKED: Final = frozenset({str, bytes, float, bool, type(None)})


def _read(slot: Any, objects: list[Any]) -> list[Any]:
    read = slot.__get__ if isinstance(slot, types.MemberDescriptorType) else slot
    try:
        return list(map(read, objects))
    except AttributeError:
        return [_or_absent(read, value) for value in objects]


def _or_absent(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except AttributeError:
        return ABSENT


def _ordered(members: Iterable[Any]) -> list[Any]:
    """A set's members in an order that does not depend on their hashes, where they can be compared."""
    try:
        return sorted(members)
    except TypeError:
        return list(members)


def _check_plain(members: Iterable[Any]) -> None:
    for member in members:
        if type(member) in (tuple, frozenset):
            _check_plain(member)
        elif type(member) not in (*_UNRANKED, int):
            raise StateError(f"cannot write a frozenset of {name_of(type(member))}")
