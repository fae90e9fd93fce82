"""Columns of values as bytes: one field of all objects of a class. It knows nothing of objects.

A column is a tag for each value (one for all where they are alike) and the numbers and references in their order.
Integers are kept in as few bytes as their range needs; floats are bit exact.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from math import prod
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

_NONE, _FALSE, _TRUE, _ABSENT, _INT, _FLOAT, _REF = range(7)
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_WIDTHS: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.int64}
_PLACES: Final = (1 << 40) - 1
_NUMERIC: Final = re.compile(r"[<>|=](?:b1|[iuf][1248]|f16|c(?:8|16|32))")

ABSENT: Final = object()
"""Stands for a slot that was never set."""

Text = TypeVar("Text", str, bytes)


class Integers(msgspec.Struct, array_like=True):
    """`data`: what each is above `base`, in `width` bytes."""

    base: int
    width: int
    data: bytes


class Column(msgspec.Struct, array_like=True):
    """`tags`: one byte for each value, or a single one if all are numbers or references alike."""

    tags: bytes
    integers: Integers
    floats: bytes
    references: Integers


class ColumnWriter:
    """A column that is being written, batch by batch."""

    __slots__ = ("_floats", "_integers", "_references", "_tags")

    def __init__(self) -> None:
        self._tags: list[tuple[int, int] | bytes] = []
        self._integers: list[NDArray[np.int64]] = []
        self._floats: list[bytes] = []
        self._references: list[NDArray[np.int64]] = []

    def extend(self, values: list[Any], place: Callable[[Iterable[Any]], list[int]]) -> None:
        """Take values; `place` gives the codes of those that are neither numbers nor None."""
        kinds = set(map(type, values))
        if len(kinds) == 1:
            (kind,) = kinds
            if kind is float:
                self._floats.append(array("d", values).tobytes())
                self._tags.append((_FLOAT, len(values)))
                return
            if kind is int and (integers := _integers(values)) is not None:
                self._integers.append(integers)
                self._tags.append((_INT, len(values)))
                return
        if not kinds & _ATOMIC:
            self._references.append(np.array(place(values), np.int64))
            self._tags.append((_REF, len(values)))
            return
        tags = bytes(map(_tag, values))
        self._tags.append(tags)
        self._integers.append(np.array([v for v, tag in zip(values, tags, strict=True) if tag == _INT], np.int64))
        self._floats.append(array("d", [v for v, tag in zip(values, tags, strict=True) if tag == _FLOAT]).tobytes())
        self._references.append(
            np.array(place([v for v, tag in zip(values, tags, strict=True) if tag == _REF]), np.int64)
        )

    def packed(self, starts: NDArray[np.int64]) -> Column:
        """The column, its codes turned into places of the heap: `starts` are those of the groups."""
        alike = {tags[0] for tags in self._tags if isinstance(tags, tuple)}
        if len(alike) == 1 and all(isinstance(tags, tuple) for tags in self._tags):
            written = bytes(alike)
        else:
            written = b"".join(bytes([tags[0]]) * tags[1] if isinstance(tags, tuple) else tags for tags in self._tags)
        codes = np.concatenate(self._references) if self._references else np.empty(0, np.int64)
        integers = np.concatenate(self._integers) if self._integers else np.empty(0, np.int64)
        places = starts[codes >> 40] + (codes & _PLACES)
        return Column(written, _narrowed(integers), b"".join(self._floats), _narrowed(places))


def unpack(column: Column, count: int, heap: Sequence[Any]) -> list[Any]:
    """The `count` values of a column; references are places of `heap`.

    Raises ValueError, LookupError or TypeError if it is unsound.
    """
    integers, references = _widened(column.integers), _widened(column.references)
    floats = array("d", column.floats).tolist()
    if len(references) and not 0 <= int(references.min()) <= int(references.max()) < len(heap):
        raise IndexError("a reference leads nowhere")
    objects = list(map(heap.__getitem__, references.tolist()))
    if len(integers) + len(floats) + len(objects) == count and len(column.tags) <= 1:
        found: list[Any] = {_INT: integers.tolist(), _FLOAT: floats, _REF: objects}[column.tags[0]] if count else []
    else:
        tags = np.frombuffer(column.tags, np.uint8)
        found = np.array(_CONSTANTS, object)[tags].tolist()
        for tag, values in ((_INT, integers.tolist()), (_FLOAT, floats), (_REF, objects)):
            for place, value in zip(np.flatnonzero(tags == tag).tolist(), values, strict=True):
                found[place] = value
    if len(found) != count:
        raise ValueError("a column is not whole")
    return found


def cut(whole: Text, lengths: list[int]) -> list[Text]:
    """A text or bytes in pieces of these lengths."""
    ends = list(accumulate(lengths))
    if (ends[-1] if ends else 0) != len(whole):
        raise ValueError("pieces do not make the whole")
    return [whole[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def dtype_text(dtype: np.dtype[Any]) -> str:
    """The name of a numeric dtype, or of a flat structure of such. Raises TypeError for others (objects, text)."""
    if dtype.names is None:
        if not _NUMERIC.fullmatch(dtype.str):
            raise TypeError(f"arrays of {dtype} are not numeric")
        return dtype.str
    fields = [(name, dtype_text(dtype.fields[name][0]), int(dtype.fields[name][1])) for name in dtype.names]  # type: ignore[index]
    return msgspec.json.encode((fields, dtype.itemsize)).decode()


def dtype_of(text: str) -> np.dtype[Any]:
    """The dtype of such a name. Raises ValueError for any other text."""
    if _NUMERIC.fullmatch(text):
        return np.dtype(text)
    fields, size = msgspec.json.decode(text, type=tuple[list[tuple[str, str, int]], int])
    if not all(_NUMERIC.fullmatch(form) for _, form, _ in fields) or not 0 < size < 1 << 20:
        raise ValueError("the dtype is not numeric")
    spec = {"names": [f[0] for f in fields], "formats": [f[1] for f in fields], "offsets": [f[2] for f in fields]}
    return np.dtype({**spec, "itemsize": size})  # type: ignore[call-overload,no-any-return]


def blobs(blob: bytes, dtype_name: str, shapes: list[tuple[int, ...]]) -> list[NDArray[Any]]:
    """Arrays one after the other, each with memory of its own."""
    dtype = dtype_of(dtype_name)
    if not all(type(size) is int and size >= 0 for shape in shapes for size in shape):
        raise ValueError("an array has a size that is none")
    pieces = cut(blob, [prod(shape) * dtype.itemsize for shape in shapes])
    return [np.frombuffer(piece, dtype).reshape(shape).copy() for piece, shape in zip(pieces, shapes, strict=True)]


_CONSTANTS: Final = [None, False, True, ABSENT, None, None, None]
_ATOMIC: Final = frozenset({type(None), bool, int, float, object})


def refers(value: object) -> bool:
    """Whether a value is written as a reference: it is no None, bool, float, or integer of 64 bits."""
    return _tag(value) == _REF


def _tag(value: object) -> int:
    kind = type(value)
    if kind is float:
        return _FLOAT
    if kind is int:
        return _INT if _SMALLEST <= value <= _LARGEST else _REF  # type: ignore[operator]
    if kind is bool:
        return _TRUE if value else _FALSE
    if value is None:
        return _NONE
    return _ABSENT if value is ABSENT else _REF


def _integers(values: list[int]) -> NDArray[np.int64] | None:
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return None


def _narrowed(values: NDArray[np.int64]) -> Integers:
    if not len(values):
        return Integers(0, 1, b"")
    low, high = int(values.min()), int(values.max())
    width = next((width for width in (1, 2, 4) if high - low < 1 << 8 * width), 8)
    base = low if width < 8 else 0
    return Integers(base, width, (values - base).astype(_WIDTHS[width]).tobytes())


def _widened(integers: Integers) -> NDArray[np.int64]:
    if not _SMALLEST <= integers.base <= _LARGEST:
        raise ValueError("integers have a base that is none")
    found = np.frombuffer(integers.data, _WIDTHS[integers.width]).astype(np.int64)
    return found + integers.base if integers.width < 8 else found
