"""What the configuration's models expect at each path, in words and in types. Validates nothing."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from floodmark.config import mapping, quantities
from floodmark.config.models import Config
from floodmark.config.problems import Path

_QUANTITIES = {
    quantities.duration: "duration",
    quantities.budget: "budget",
    quantities.size: "size",
    quantities.clock: "clock",
    quantities.moment: "moment",
    quantities.offset: "offset",
    quantities.timezone: "timezone",
    mapping.source: "source",
    mapping.stamp_format: "stamp_format",
}
_FORMS = {
    "duration": "a duration such as 30s, 5m, 2h or 1d",
    "budget": "an alert budget such as 1/week, 3/day or 0.5/month",
    "size": "a size such as 1MB or 512KiB",
    "clock": "a time of day such as 06:00 or 22:30",
    "moment": "a time with its offset such as 2026-01-31T22:00:00Z or 2026-01-31T22:00:00+01:00",
    "offset": "a time since the start such as 90m or 2h, or one such as 2026-01-31T22:00:00Z",
    "timezone": "the name of a timezone such as Europe/Berlin or UTC",
    "source": "a source such as a.b[0], a.b ?? none or =prod",
    "stamp_format": "a format of times such as s, ms, us, ns or %d/%m/%Y %H:%M:%S",
}


class Shape(NamedTuple):
    """A type with pydantic's metadata about it."""

    type: Any
    metadata: tuple[Any, ...] = ()

    def alternatives(self) -> list[Shape]:
        """The members of a union except None; itself if it is none."""
        if get_origin(self.type) in (Union, types.UnionType):
            members = [member for member in get_args(self.type) if member is not type(None)]
            return [shape_of(member, self.metadata) for member in members]
        return [self]

    def section(self) -> type[BaseModel] | None:
        """The model, if a section is expected here."""
        for shape in self.alternatives():
            if isinstance(shape.type, type) and issubclass(shape.type, BaseModel):
                return shape.type
        return None

    def child(self, part: str | int) -> Shape | None:
        """What is expected below, at a key or an index; None if nothing is."""
        for shape in self.alternatives():
            if (model := shape.section()) is not None and part in (fields := fields_of(model)):
                info = fields[str(part)]
                return shape_of(info.annotation, tuple(info.metadata))
            arguments = get_args(shape.type)
            if get_origin(shape.type) is list and isinstance(part, int):
                return shape_of(arguments[0])
            if get_origin(shape.type) is dict and isinstance(part, str):
                return shape_of(arguments[1])
        return None

    def choices(self) -> list[str]:
        """The words that are allowed, if it is one of a few."""
        found: list[str] = []
        for shape in self.alternatives():
            if get_origin(shape.type) is not Literal:
                return []
            found += map(str, get_args(shape.type))
        return found

    def quantity(self) -> str | None:
        """duration, budget, size, clock, moment, offset, timezone, source or stamp_format, if it is one."""
        for item in self.metadata:
            if isinstance(item, BeforeValidator) and item.func in _QUANTITIES:
                return _QUANTITIES[item.func]
        return None

    def meant(self) -> str | None:
        """As `quantity`, also if it may be left out, and pattern for a regular expression."""
        for shape in self.alternatives():
            if any(isinstance(item, BeforeValidator) and item.func is quantities.pattern for item in shape.metadata):
                return "pattern"
            if found := shape.quantity():
                return found
        return None

    def container(self) -> bool:
        """Whether only a section, a mapping or a list fits."""
        optional = self.type is not Any and type(None) in get_args(self.type)
        return not optional and all(
            shape.section() is not None or get_origin(shape.type) in (list, dict) for shape in self.alternatives()
        )

    def text(self) -> bool:
        """Whether text is expected, so that a value that looks like a number stays text."""
        return any(shape.type in (str, SecretStr) for shape in self.alternatives()) or bool(self.choices())

    def secret(self) -> bool:
        return any(shape.type is SecretStr for shape in self.alternatives())

    def secretive(self) -> bool:
        """Whether it is a secret, or may hold one."""
        if self.secret():
            return True
        for shape in self.alternatives():
            if (model := shape.section()) is not None and shape.type is model:
                return any(shape_of(i.annotation, tuple(i.metadata)).secretive() for i in fields_of(model).values())
            if get_origin(shape.type) in (list, dict) and shape_of(get_args(shape.type)[-1]).secretive():
                return True
        return False

    def words(self, plural: bool = False) -> str:
        """What is expected, for a sentence that begins "expected …"."""
        return " or ".join(dict.fromkeys(shape._one_in_words(plural) for shape in self.alternatives()))

    def _one_in_words(self, plural: bool) -> str:
        if quantity := self.quantity():
            return _FORMS[quantity] + self._bounds("s" if quantity == "duration" else "")
        if choices := self.choices():
            return f"one of {', '.join(choices)}"
        if self.section() is not None:
            return "sections" if plural else "a section with keys"
        arguments = get_args(self.type)
        if get_origin(self.type) is list:
            inner = shape_of(arguments[0])
            least = self._bound(annotated_types.MinLen, "min_length")
            items = "" if inner.section() is not None else f" of {inner.words(plural=True)}"
            return ("a non-empty list" if least else "a list") + items
        if get_origin(self.type) is dict:
            return "a mapping"
        names = {str: "text", SecretStr: "text", int: "a whole number", float: "a number", bool: "true or false"}
        word = names.get(self.type, "a value")
        if word == "text" and self._bound(annotated_types.MinLen, "min_length"):
            return "text that is not empty"
        return word + self._bounds("")

    def _bounds(self, unit: str) -> str:
        low, above = self._bound(annotated_types.Ge, "ge"), self._bound(annotated_types.Gt, "gt")
        high, below = self._bound(annotated_types.Le, "le"), self._bound(annotated_types.Lt, "lt")
        if low is not None and high is not None:
            return f" from {low}{unit} to {high}{unit}"
        signs = (("≥", low), (">", above), ("≤", high), ("<", below))
        bounds = [f"{sign} {bound}{unit}" for sign, bound in signs if bound is not None]
        return f" {' and '.join(bounds)}" if bounds else ""

    def _bound(self, kind: type, name: str) -> Any:
        return next((getattr(item, name) for item in self.metadata if isinstance(item, kind)), None)


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of an annotation, with what Annotated says taken apart."""
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        return Shape(annotation, (*metadata, *more))
    return Shape(annotation, metadata)


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a section by the keys that a file has for them, where the field's own name is no Python word."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


ROOT = Shape(Config)


def shape_at(path: Path, root: Shape = ROOT) -> Shape | None:
    """What is expected at a path of the configuration; None below free values (`parameters`) and unknown keys."""
    shape: Shape | None = root
    for part in path:
        shape = shape.child(part) if shape is not None else None
    return shape


def sections(model: type[BaseModel] = Config, path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every section with its path, as in `kafka.security`, `inputs[]`, `services.NAME`; the whole first, as ""."""
    yield path, model
    for name, info in fields_of(model).items():
        below = f"{path}.{name}" if path else name
        shape = shape_of(info.annotation, tuple(info.metadata))
        if (section := shape.section()) is not None:
            yield from sections(section, below)
        elif get_origin(shape.type) in (list, dict):
            item = shape_of(typing.get_args(shape.type)[-1])
            if (section := item.section()) is not None:
                yield from sections(section, below + ("[]" if get_origin(shape.type) is list else ".NAME"))
