"""Object graphs as bytes and back. It must never run code that the bytes ask for.

A class is rebuilt only if the caller has listed it: an empty instance is made with `__new__` and its fields are set, by
no method of its own. Bytes name classes and values of the caller, they never import and never resolve a dotted path.

The form is columnar: all objects of a class are one group, and each of their fields is one column of numbers, strings
or references. That is compact, as fast as loops in C, needs no recursion however deep the graph is, and keeps shared
references and cycles for nothing. Every size in the bytes is paid for by bytes that are there.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from floodmark.state.columns import Column
from floodmark.state.kinds import FORMS, VERSION, Form, Group, StateError, Tables, layout_of, name_of
from floodmark.state.reading import Reader
from floodmark.state.writing import Writer

_FAULTS: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, MemoryError)
"""What Python raises over bytes that make no sense. (Among them UnicodeDecodeError and msgspec's DecodeError.)"""


class Codec:
    """Writes and reads graphs of plain data, NumPy arrays, and objects of the classes that it is given.

    Plain data: None, bool, int, float, str, bytes, datetime (UTC or naive), tuple, list, dict, set, frozenset,
    OrderedDict, Counter, defaultdict, deque, array.array, numeric NumPy arrays and scalars, random.Random. `classes`
    may have slots, a `__dict__`, or both; be NamedTuples or msgspec Structs; such a class as a value (a defaultdict's
    factory) is written by its name. `forms` are classes that need another way.
    """

    def __init__(self, classes: Iterable[type], forms: Mapping[type, Form] | None = None) -> None:
        all_forms = {**FORMS, **(forms or {})}
        layouts = {class_: layout for class_ in classes if (layout := layout_of(class_)) is not None}
        self._tables = Tables(layouts, all_forms, {name_of(class_): class_ for class_ in (*layouts, *all_forms)})

    def dumps(self, root: object, external: Iterable[tuple[str, object]] = ()) -> bytes:
        """The graph from `root` on. Objects of `external` are written by their names, which may repeat.

        Raises StateError, naming the class, if the graph holds what cannot be written. The same graph gives the same
        bytes (sets of mixed types excepted).
        """
        return Writer(self._tables, external).written(root)

    def loads(self, data: bytes, external: Mapping[str, object] | None = None, *, lenient: bool = False) -> Any:
        """The graph again. `external` gives the objects by name; one that is not among them is None if `lenient`.

        Raises StateError if the bytes are not a graph of these classes. What fields hold is not checked.
        """
        collecting = gc.isenabled()
        gc.disable()  # all that is made here is alive: looking through it again and again would take half of the time
        try:
            version, root, groups = msgspec.msgpack.decode(data, type=tuple[int, Column, list[Group]])
            if version != VERSION:
                raise StateError(f"the state has format {version}; this release reads format {VERSION}")
            return Reader(self._tables, groups, len(data), external or {}, lenient).root(root)
        except _FAULTS as error:
            raise StateError(f"the state is damaged or of another release ({type(error).__name__}: {error})") from None
        finally:
            if collecting:
                gc.enable()
