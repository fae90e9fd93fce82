"""What changed between two configurations, in lines for people, and how much of it a run can take up as it goes.

Things of a list that have a name (inputs by topic, detectors by name, model monitors by match) are the same thing
wherever they stand in it. The value of a secret is never shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, SecretStr

from floodmark.config.models import Config, Correlate, Detector, Input, ModelMonitor
from floodmark.config.reference import human
from floodmark.config.shape import Shape, shape_of

_NAMES: Final[Mapping[type, str]] = {Input: "topic", Detector: "name", ModelMonitor: "match"}
"""What an element of a list is known by."""

_AT_RESTART: Final = ("kafka", "schema_registry", "topics", "state", "feedback", "actions", "http")
"""Sections that are read once, when connections, producers and listeners are made."""
_ONCE: Final = ("correlate.idle", "notify.http")
"""And these parts of others."""

_LONGEST: Final = 200
"""Characters of a value that are shown."""


class Change(NamedTuple):
    """One thing that is not as it was, with its values as they are written in a file.

    `old` is None of what was not there before, `new` of what is there no more; both are None of a secret. `restart`:
    a run goes on with the old value until it is started again.
    """

    path: str
    old: str | None
    new: str | None
    restart: bool

    def __str__(self) -> str:
        later = " (at the next restart)" if self.restart else ""
        if self.old is None:
            what = "(secret changed)" if self.new is None else f"added {self.new}"
        else:
            what = f"removed {self.old}" if self.new is None else f"{self.old} → {self.new}"
        return f"{self.path}: {what}{later}"


def diff(old: Config, new: Config) -> list[Change]:
    """Every difference, in the order of the sections. Empty exactly if the two are equal."""
    return list(_section("", old, new))


def effective(running: Config, wanted: Config) -> Config:
    """What a run can have without a restart: `wanted`, but for what is read only once, which stays as it runs."""
    kept: dict[str, Any] = {name: getattr(running, name) for name in _AT_RESTART}
    correlate: Correlate = wanted.correlate.model_copy(update={"idle": running.correlate.idle})
    notify = wanted.notify
    if notify is not None and running.notify is not None:
        notify = notify.model_copy(update={"http": running.notify.http})
    return wanted.model_copy(update={**kept, "correlate": correlate, "notify": notify})


def _restart(path: str) -> bool:
    return path.partition(".")[0] in _AT_RESTART or any(f"{path}.".startswith(f"{each}.") for each in _ONCE)


def _section(path: str, old: BaseModel, new: BaseModel) -> Iterator[Change]:
    for name, info in type(old).model_fields.items():
        shape = shape_of(info.annotation, tuple(info.metadata))
        below = f"{path}.{name}" if path else name
        yield from _value(below, getattr(old, name), getattr(new, name), shape)


def _value(path: str, old: Any, new: Any, shape: Shape | None) -> Iterator[Change]:
    if old == new:
        return
    if shape is not None and shape.secret():
        yield Change(path, None, None, _restart(path))
    elif isinstance(old, BaseModel) and isinstance(new, BaseModel):
        yield from _section(path, old, new)
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _mapping(path, old, new, shape)
    elif isinstance(old, list) and isinstance(new, list) and _element(shape) in _NAMES:
        yield from _named(path, old, new, shape)
    else:
        yield Change(path, _written(old, shape), _written(new, shape), _restart(path))


def _mapping(path: str, old: Mapping[str, Any], new: Mapping[str, Any], shape: Shape | None) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        below = shape.child(name) if shape is not None else None
        where = f"{path}.{name}"
        if name in old and name in new:
            yield from _value(where, old[name], new[name], below)
        elif below is not None and below.secret():
            yield Change(where, None, None, _restart(path))
        else:
            yield Change(
                where,
                _written(old[name], below) if name in old else None,
                _written(new[name], below) if name in new else None,
                _restart(path),
            )


def _named(path: str, old: Sequence[BaseModel], new: Sequence[BaseModel], shape: Shape | None) -> Iterator[Change]:
    before, after = _by_name(old), _by_name(new)
    element = shape.child(0) if shape is not None else None
    for name in dict.fromkeys((*before, *after)):
        where = f"{path}[{name}]"
        if name in before and name in after:
            yield from _section(where, before[name], after[name])
        elif name in before:
            yield Change(where, _written(before[name], element), None, _restart(path))
        else:
            yield Change(where, None, _written(after[name], element), _restart(path))
    # The first match wins: which one that is depends on the order of those that were there before.
    stayed = [name for name in before if name in after]
    now = [name for name in after if name in before]
    if stayed != now:
        yield Change(f"order of {path}", _cut(", ".join(stayed)), _cut(", ".join(now)), _restart(path))


def _by_name(elements: Sequence[BaseModel]) -> dict[str, BaseModel]:
    """The elements by their name; of several with one name, the second is `name#2`."""
    seen: Counter[str] = Counter()
    found: dict[str, BaseModel] = {}
    for element in elements:
        name = str(getattr(element, _NAMES[type(element)]))
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = element
    return found


def _element(shape: Shape | None) -> type | None:
    """What a list holds, if that is a section."""
    item = shape.child(0) if shape is not None else None
    return item.section() if item is not None else None


def _written(value: Any, shape: Shape | None) -> str:
    return _cut(_plain(value, shape))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plain(value: Any, shape: Shape | None) -> str:
    """A value as one line of YAML, near enough to be read. A section shows what is not as by default."""
    if isinstance(value, SecretStr) or (shape is not None and shape.secret() and value is not None):
        return "(secret)"
    if value is None:
        return "null"
    if isinstance(value, BaseModel):
        own = Shape(type(value))
        set_here = {
            info.alias or name: getattr(value, name)
            for name, info in type(value).model_fields.items()
            if info.is_required() or getattr(value, name) != info.get_default(call_default_factory=True)
        }
        return _flow(set_here, own)
    if isinstance(value, dict):
        return _flow(value, shape)
    if isinstance(value, list):
        return f"[{', '.join(_plain(item, shape.child(0) if shape is not None else None) for item in value)}]"
    if value == "":
        return "''"
    return human(value, shape if shape is not None else Shape(Any))


def _flow(values: Mapping[str, Any], shape: Shape | None) -> str:
    parts = (f"{k}: {_plain(v, shape.child(k) if shape is not None else None)}" for k, v in values.items())
    return f"{{{', '.join(parts)}}}"
