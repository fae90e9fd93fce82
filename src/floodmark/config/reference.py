"""The configuration's reference, made from its models: a JSON Schema for editors, and a page for people.

Nothing is said here that the models do not say: descriptions are the docstrings of their attributes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from floodmark.config.models import Config
from floodmark.config.shape import Shape, fields_of, sections, shape_of

_SUBSTITUTION = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "m"), (1.0, "s"), (0.001, "ms"))
_PERIODS = ((3600.0, "hour"), (86400.0, "day"), (604800.0, "week"), (2592000.0, "month"))
_SIZES = ((1_000_000, "MB"), (1_048_576, "MiB"), (1_000, "kB"), (1_024, "KiB"))


def json_schema(
    whole: type[BaseModel] = Config, name: str = "config", title: str = "Floodmark configuration"
) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a configuration file, for completion and checks in editors. `whole`: the model of
    another file that is written so.

    Defaults are shown as people write them, and ${NAME} is allowed wherever a number or a word is.
    """
    schema = whole.model_json_schema()
    for _, model in sections(whole):
        properties = schema["properties"] if model is whole else schema["$defs"][model.__name__]["properties"]
        for key, info in fields_of(model).items():
            shape = shape_of(info.annotation, tuple(info.metadata))
            if shape.quantity() and "default" in properties[key]:
                properties[key]["default"] = human(info.default, shape)
            elif isinstance(info.default, BaseModel):
                properties[key].pop("default", None)  # it says no more than the section's own keys do
    definitions = {name: _open(node) for name, node in schema.pop("$defs").items()}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:floodmark:schema:{name}",
        "title": title,
    }
    return {**head, **_open({k: v for k, v in schema.items() if k != "title"}), "$defs": definitions}


def _open(node: Any) -> Any:
    """The same schema with ${NAME} allowed in place of every number, truth value, and word of a list."""
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    opened = {key: value if key in ("default", "enum", "const") else _open(value) for key, value in node.items()}
    closed = opened.get("type") in ("integer", "number", "boolean") or not opened.keys().isdisjoint(("enum", "const"))
    if closed or ("pattern" in opened and opened.get("type") == "string"):
        about = {key: opened.pop(key) for key in ("title", "description", "default") if key in opened}
        return {**about, "anyOf": [opened, _SUBSTITUTION]}
    return opened


def markdown_reference() -> str:
    """docs/configuration.md: how files are read, then one table a section."""
    lines = [_INTRODUCTION]
    for path, model in sections():
        lines += [f"## {f'`{path}`' if path else 'Sections'}", "", _about(model), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for name, info in fields_of(model).items():
            shape = shape_of(info.annotation, tuple(info.metadata))
            below = f"{path}.{name}" if path else name
            cells = (
                f"`{name}`",
                _type(shape, below),
                _default(info, shape),
                " ".join((info.description or "").split()),
            )
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_INTRODUCTION = """\
<!-- Made from src/floodmark/config/models.py; change that instead. -->
# Configuration

A configuration is one YAML file, or a folder of `*.yaml` and `*.yml` files that are read in order of their names:
mappings are merged key by key, lists are appended, and the same value set in two files is an error that names both.
Every key has a default except those marked *required*; an empty file is valid. Unknown keys are errors.
`floodmark check` shows every error at once, with its line, and needs no broker.

**Durations** are written like `30s`, `5m`, `1h30m`, `1d`, or as a number of seconds. **Budgets** are written like
`1/week`, `3/day`, `0.5/month` (per `hour`, `day`, `week` or `month`). **Sizes** are written like `1MB`, `512KiB`, or as
a number of bytes. **Times** are written like `2026-01-31T22:00:00+01:00`, always with an offset or `Z`; **times of
day** like `22:30`, and `24:00` is the end of the day.

**Environment.** `${NAME}` anywhere in a value is replaced by the environment variable, `${NAME:-default}` by the
default if the variable is not set or empty, and `$${` stands for `${` itself. Put quotes around it inside of `[ ]` and
`{ }`. A variable that is not set is an error.

**Secrets.** A secret can also be `file:PATH`: the file's text is the secret, without the newline at its end. A relative
path is seen from the folder of the configuration file. Secrets are shown in no message and no log.
"""


def _about(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _type(shape: Shape, path: str) -> str:
    if shape.section() is not None and get_origin(shape.type) not in (list, dict):
        return "[section](#" + _anchor(path) + ")"
    if get_origin(shape.type) in (list, dict):
        item = shape_of(get_args(shape.type)[-1])
        if item.section() is not None:
            kind, suffix = ("list of", "[]") if get_origin(shape.type) is list else ("mapping of names to", ".NAME")
            return f"{kind} [sections](#{_anchor(path + suffix)})"
        if get_origin(shape.type) is dict:
            return "mapping" if item.type is Any else f"mapping of text to {item.words()}"
    words = shape.words()
    for article in ("a ", "an "):
        words = words.removeprefix(article)
    return words.partition(" such as ")[0] + _bounds_after_example(words) if shape.quantity() else words


def _bounds_after_example(words: str) -> str:
    for sign in (" ≥ ", " > ", " ≤ ", " < ", " from "):
        if sign in words:
            return sign + words.split(sign, 1)[1]
    return ""


def _anchor(path: str) -> str:
    return "".join(character for character in path.lower() if character.isalnum() or character in "-_")


def _default(info: FieldInfo, shape: Shape) -> str:
    if info.default is PydanticUndefined:
        return "*required*"
    if info.default is None or isinstance(info.default, BaseModel):
        return ""
    return f"`{human(info.default, shape)}`"


def human(value: Any, shape: Shape) -> str:
    """A value as it is written in a configuration: 1/week rather than 0.0000016534, 30s rather than 30.0."""
    quantity = shape.quantity()
    if quantity in ("duration", "offset"):
        return _duration(value)
    if quantity == "budget":
        return _budget(value)
    if quantity == "size":
        return _size(value)
    if quantity == "clock":
        return f"{value // 3600:02.0f}:{value % 3600 // 60:02.0f}"
    if quantity == "moment":
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    plain = to_jsonable_python(value)
    if isinstance(plain, list):
        return f"[{', '.join(map(str, plain))}]"
    if isinstance(plain, bool):
        return str(plain).lower()
    return str(plain)


def _duration(seconds: float) -> str:
    """The largest unit that divides it; seconds if none does."""
    for unit, name in _UNITS:
        count = seconds / unit
        if count >= 1 and abs(count - round(count)) < 1e-9:
            return f"{round(count)}{name}"
    return f"{seconds:g}s"


def _budget(rate: float) -> str:
    """The shortest period in which it is a whole number; else per month."""
    for period, name in _PERIODS:
        count = rate * period
        if count >= 1 - 1e-9 and abs(count - round(count)) < 1e-6:
            return f"{round(count)}/{name}"
    return f"{rate * 2592000.0:g}/month"


def _size(count: int) -> str:
    for unit, name in _SIZES:
        if count % unit == 0:
            return f"{count // unit}{name}"
    return str(count)
