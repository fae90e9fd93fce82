"""What a graph may hold: how each class is taken apart and told in bytes. It never takes anything apart itself."""

from __future__ import annotations

import types
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from operator import itemgetter
from random import Random
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from floodmark.state.columns import Column, dtype_of, dtype_text

VERSION: Final = 1
"""The form of the bytes."""
PLAIN: Final = {type_.__name__: type_ for type_ in (bool, int, float, str, tuple, list, dict, set)}


class StateError(Exception):
    """A graph holds what cannot be written, or bytes are not a sound graph."""


class Form(NamedTuple):
    """A class that is rebuilt from its value rather than from its fields.

    `take` gives an object's value as a tuple of plain data (numbers, text, bytes, tuples of them); `make` makes the
    object again. It is code of the caller's, runs on data that may be anything, and may raise.
    """

    take: Callable[[Any], tuple[Any, ...]]
    make: Callable[..., Any]


def name_of(class_: type) -> str:
    """How the bytes name a class."""
    return f"{class_.__module__}.{class_.__qualname__}"


def classes_in(modules: Mapping[str, types.ModuleType], *packages: str) -> list[type]:
    """The classes that the modules of some packages define, of those that are loaded (`sys.modules`)."""
    prefixes = tuple(f"{package}." for package in packages)
    return [
        value
        for name, module in sorted(modules.items())
        if f"{name}.".startswith(prefixes)
        for value in list(vars(module).values())
        if isinstance(value, type) and value.__module__ == name
    ]


class Layout(NamedTuple):
    """How instances are taken apart. `kind`: object, struct or named (tuple)."""

    kind: str
    fields: tuple[str, ...]
    slots: tuple[Any, ...]
    has_dict: bool


class Tables(NamedTuple):
    """The classes of a codec: those rebuilt from their fields, those from their value, and both by name."""

    layouts: dict[type, Layout]
    forms: dict[type, Form]
    named: dict[str, type]


def layout_of(class_: type) -> Layout | None:
    """None for a class that is no class of objects, or whose instances hold what Python cannot see (in C or Rust)."""
    if issubclass(class_, tuple):
        fields = getattr(class_, "_fields", None)
        if fields is None or tuple not in class_.__bases__:
            return None
        return Layout("named", tuple(fields), tuple(map(itemgetter, range(len(fields)))), has_dict=False)
    slots = {
        f"{base.__name__}.{name}": member
        for base in class_.__mro__
        for name, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType)
    }
    if issubclass(class_, msgspec.Struct):
        if hasattr(class_, "__post_init__"):  # it would run when an empty one is made
            return None
        return Layout("struct", tuple(slots), tuple(slots.values()), has_dict=False)
    if issubclass(class_, type | Enum) or hasattr(class_, "__del__"):
        return None
    try:
        empty = object.__new__(class_)
    except TypeError:
        return None
    return Layout("object", tuple(slots), tuple(slots.values()), hasattr(empty, "__dict__"))


def _random(version: int, words: bytes, position: int, gauss: float | None) -> Random:
    made = Random()
    made.setstate((version, (*array("I", words), position), gauss))
    return made


def _partial(function: type, arguments: tuple[Any, ...]) -> partial[Any]:
    if function not in PLAIN.values() or type(arguments) is not tuple:
        raise StateError("a partial may only make plain data")
    return partial(function, *arguments)


def _take_partial(value: partial[Any]) -> tuple[Any, ...]:
    if value.keywords or value.func not in PLAIN.values():
        raise StateError(f"cannot write {value!r:.100}: a partial may only make plain data")
    return value.func, value.args


def _take_datetime(value: datetime) -> tuple[Any, ...]:
    if value.tzinfo not in (None, UTC):
        raise StateError(f"cannot write {value!r}: only UTC and naive times")
    return (value.isoformat(),)


def _take_random(value: Random) -> tuple[Any, ...]:
    version, words, gauss = value.getstate()
    return version, array("I", words[:-1]).tobytes(), words[-1], gauss


def _scalar(dtype: str, data: bytes) -> object:
    return np.frombuffer(data, dtype_of(dtype))[0]


FORMS: Final[dict[type, Form]] = {
    int: Form(lambda value: (hex(value),), lambda text: int(text, 16)),  # those beyond 64 bits
    datetime: Form(_take_datetime, datetime.fromisoformat),
    Random: Form(_take_random, _random),
    partial: Form(_take_partial, _partial),
    **{
        np.dtype(code).type: Form(lambda value: (dtype_text(value.dtype), value.tobytes()), _scalar)
        for code in "?bBhHiIlLqQefdFD"
    },
}
MAPPINGS: Final[dict[str, type]] = {class_.__name__: class_ for class_ in (dict, OrderedDict, Counter, defaultdict)}
CONTAINERS: Final[dict[type, tuple[str, str]]] = {
    list: ("list", ""),
    set: ("set", ""),
    deque: ("deque", ""),
    tuple: ("tuple", ""),
    frozenset: ("frozenset", ""),
    **{class_: ("dict", name) for name, class_ in MAPPINGS.items()},
}


class Group(msgspec.Struct, array_like=True):
    """All objects of one kind and name. Atoms come first, then what can be made empty, then what cannot."""

    kind: str
    name: str
    count: int
    fields: list[str]
    columns: list[Column]
    blob: bytes


ATOMS: Final = ("str", "bytes", "external", "class")
MADE_EMPTY: Final = ("list", "set", "deque", "dict", "array", "ndarray", "object", "struct")
