"""YAML files to a `Config`, or every problem at once with its file, line and column. Never shows a secret.

One file, or a folder of *.yaml and *.yml read in order of their names: mappings are merged key by key, lists are
appended, and the same value set in two files is a problem that names both places. See `floodmark.config.secrets` for
what ${NAME} and `file:` mean. An empty value (`detectors:` with nothing below) is the default.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from floodmark.config import checks, notations, retired, secrets
from floodmark.config.locate import Located, Place, put_in, read_yaml, resolve
from floodmark.config.models import Config
from floodmark.config.problems import ConfigError, Path, Problem, SaidError, did_you_mean, nearest
from floodmark.config.shape import ROOT, Shape, fields_of, sections, shape_at

__all__ = ["ConfigError", "Loaded", "Problem", "files_of", "load", "load_as", "load_with_warnings"]

M = TypeVar("M", bound=BaseModel)
_NO_CONFIG: Final = "`floodmark init` writes one from what your topics hold; or name another with --config"


class Loaded(NamedTuple):
    """A configuration that can be used, and what is suspicious in it."""

    config: Config
    warnings: list[Problem]


def load(path: FilePath, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in a file or folder. Raises ConfigError with all that is wrong."""
    return load_with_warnings(path, environ).config


def load_with_warnings(path: FilePath, environ: Mapping[str, str] = os.environ) -> Loaded:
    """As `load`, with what is allowed but is probably not meant. Raises ConfigError with all that is wrong."""
    files, problems = files_of(path)
    tree = Located({}, Place(str(path)))
    for file in files:
        located, found = _read(file)
        problems += found
        problems += _merge(tree, located, ())
    unread = _substitute(tree, (), ROOT, environ)
    problems += unread
    gone = retired.withdraw(tree)
    config, invalid = _validate(tree, ROOT)
    errors, suspicious = checks.check(tree)
    warnings = sorted([*gone, *suspicious], key=lambda p: (p.file, p.line, p.column))
    silent = {(problem.file, problem.line, problem.column) for problem in unread}
    problems += [p for p in (*invalid, *errors) if (p.file, p.line, p.column) not in silent]
    if problems or not isinstance(config, Config):
        order = {str(file): number for number, file in enumerate(files)}
        problems.sort(key=lambda p: (order.get(p.file, -1), p.line, p.column))
        raise ConfigError(problems)
    return Loaded(config, warnings)


def load_as(file: FilePath, model: type[M], environ: Mapping[str, str] = os.environ) -> tuple[M, Located]:
    """What stands in a file that is no configuration but written like one, and where. Raises ConfigError with all that
    is wrong."""
    tree, problems = _read(file, "")
    root = Shape(model)
    problems += _substitute(tree, (), root, environ)
    read, invalid = _validate(tree, root)
    problems += [] if problems else invalid
    if problems or not isinstance(read, model):
        raise ConfigError(sorted(problems, key=lambda p: (p.line, p.column)))
    return read, tree


def files_of(path: FilePath) -> tuple[list[FilePath], list[Problem]]:
    """The files that a path stands for, in the order in which they are read, and why there are none."""
    whole = Place(str(path))
    try:
        if not path.is_dir():
            return [path], []
        entries = sorted(path.iterdir(), key=lambda entry: entry.name)
        files = [e for e in entries if e.suffix in (".yaml", ".yml") and e.name[0] != "." and not e.is_dir()]
    except OSError as error:
        return [], [whole.problem((), f"the folder cannot be read: {error.strerror}")]
    except ValueError as error:  # a NUL in the name
        return [], [whole.problem((), f"not a path: {error}")]
    if not files:
        return [], [whole.problem((), "the folder holds no *.yaml or *.yml file")]
    return files, []


def _read(file: FilePath, hint: str = _NO_CONFIG) -> tuple[Located, list[Problem]]:
    place = Place(str(file))
    nothing = Located({}, place)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return nothing, [place.problem((), "there is no such file or folder", hint)]
    except OSError as error:
        return nothing, [place.problem((), f"the file cannot be read: {error.strerror}")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        at = Place(str(file), before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        return nothing, [at.problem((), "the file is not UTF-8 text")]
    return read_yaml(text, str(file))


def _merge(into: Located, other: Located, path: Path) -> list[Problem]:
    """Put the sections of one more file into the tree."""
    if isinstance(into.value, dict) and isinstance(other.value, dict):
        problems: list[Problem] = []
        for name, value in other.value.items():
            here = into.value.get(name)
            if here is None or here.value is None:
                into.value[name] = value
                into.keys[name] = other.keys[name]
            elif value.value is not None:
                problems += _merge(here, value, (*path, name))
        return problems
    if isinstance(into.value, list) and isinstance(other.value, list):
        into.value += other.value
        return []
    first = f"{into.place.file}:{into.place.line}:{into.place.column}"
    return [other.place.problem(path, f"set twice; it is already set at {first}", "remove one of the two")]


def _substitute(here: Located, path: Path, shape: Shape | None, environ: Mapping[str, str]) -> list[Problem]:
    """Put the environment and secret files into the scalars, in place."""
    problems: list[Problem] = []
    here.secret = shape is not None and shape.secret()
    if isinstance(here.value, dict):
        for name, below in here.value.items():
            problems += _substitute(below, (*path, name), _below(shape, name), environ)
    elif isinstance(here.value, list):
        for index, below in enumerate(here.value):
            problems += _substitute(below, (*path, index), _below(shape, index), environ)
    elif isinstance(here.value, str):
        text = here.value
        try:
            if here.secret and text.startswith("file:"):
                name = text.removeprefix("file:")
                folder = FilePath(here.place.file).parent
                here.value = secrets.read_secret(secrets.substitute(name, environ), folder, name)
                here.written = text
            elif (replaced := secrets.substitute(text, environ)) != text:
                here.written = text
                free = shape is None or shape.type is Any
                whole = here.plain or (text.startswith("${") and text.find("}") == len(text) - 1)
                retyped = whole if free else shape is not None and not shape.text()
                here.value = resolve(replaced) if retyped else replaced
        except LookupError as error:
            problems.append(here.place.problem(path, str(error.args[0])))
    return problems


def _below(shape: Shape | None, part: str | int) -> Shape | None:
    return shape.child(part) if shape is not None else None


def _plain(here: Located, shape: Shape | None) -> Any:
    """The values alone. An empty section is one of defaults; an empty list or mapping is as if it were not there."""
    if isinstance(here.value, dict):
        values = {}
        for name, below in here.value.items():
            expected = _below(shape, name)
            if below.value is not None or expected is None or not expected.container():
                values[name] = _plain(below, expected)
            elif expected.section() is not None:
                values[name] = {}
        return values
    if isinstance(here.value, list):
        return [_plain(below, _below(shape, index)) for index, below in enumerate(here.value)]
    return here.value


def _validate(tree: Located, root: Shape) -> tuple[BaseModel | None, list[Problem]]:
    try:
        return root.type.model_validate(_plain(tree, root)), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    # Outside of the handler, so that pydantic's error, which shows values, is no context of ours.
    return None, _explain(details, tree, root)


def _explain(details: Iterable[ErrorDetails], tree: Located, root: Shape) -> list[Problem]:
    """pydantic's errors in plain words, at their places. Several about one value (the members of a union) are one."""
    problems: dict[Path, Problem] = {}
    missing: list[Path] = []
    meant: set[Path] = set()
    wrong: list[tuple[Path, str]] = []
    for detail in details:
        path = _path_in(tree, detail["loc"])
        if detail["type"] == "missing":
            missing.append((*path, detail["loc"][-1]))
        elif detail["type"] == "extra_forbidden":
            problems[path] = _unknown_key(path, tree, root)
            section = _section_at(path[:-1], root)
            if suggestion := notations.meant(str(path[-1]), section) or nearest(str(path[-1]), section):
                meant.add((*path[:-1], suggestion))
        elif isinstance(said := detail.get("ctx", {}).get("error"), SaidError):
            here = tree.at(path)
            problems[path] = (here.place if here is not None else tree.place).problem(path, str(said))
        else:
            wrong.append((path, detail["msg"]))
    for path, message in wrong:
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other, _ in wrong)
        here = tree.at(path)
        if here is not None and not deeper:
            problems[path] = _wrong_value(path, here, message, root)
    for path in missing:
        parent = tree.at(path[:-1])
        if parent is not None and path not in meant:
            model = _model_at(path[:-1], root)
            about = (fields_of(model)[str(path[-1])].description or "") if model else ""
            problems[path] = parent.place.problem(path[:-1], f"{path[-1]!r} is missing", about.rstrip("."))
    return list(problems.values())


def _path_in(tree: Located, location: tuple[int | str, ...]) -> Path:
    """pydantic's location without the parts that name members of a union, which no file has."""
    here = tree
    path: Path = ()
    for part in location:
        below = here.child(part)
        if below is not None:
            here, path = below, (*path, part)
    return path


def _model_at(path: Path, root: Shape) -> Any:
    shape = shape_at(path, root)
    return shape.section() if shape is not None else None


def _section_at(path: Path, root: Shape) -> list[str]:
    model = _model_at(path, root)
    return list(fields_of(model)) if model is not None else []


def _unknown_key(path: Path, tree: Located, root: Shape) -> Problem:
    key = str(path[-1])
    parent = tree.at(path[:-1])
    place = parent.keys[key] if parent is not None else tree.place
    known = _section_at(path[:-1], root)
    hint = notations.of_key(key, known, str(path[-2]) if len(path) > 1 else "") or did_you_mean(key, known)
    if not hint:
        homes = [name for name, model in sections(root.type) if key in fields_of(model)]
        hint = f"it belongs to {homes[0] or 'the top'}" if len(homes) == 1 else f"known are {', '.join(known)}"
    return place.problem(path[:-1], f"unknown key {key!r}", hint)


def _wrong_value(path: Path, here: Located, message: str, root: Shape) -> Problem:
    shape = shape_at(path, root)
    if shape is None:
        text = message if here.written is None and not here.secret else "the value does not fit"
        return here.place.problem(path, text)
    choices, key = shape.choices(), str(next((part for part in reversed(path) if isinstance(part, str)), ""))
    open_to_all = not (put_in(here) or here.secret)
    words, model = shape.words(), shape.section()
    known = list(fields_of(model)) if model is not None else choices
    quantity = shape.meant()
    form = notations.of_value(here, key, quantity, known, words) if open_to_all else ""
    held = shape.secretive()  # where a secret is expected further down, somebody may have written it here
    if held and any(word in form for word in _texts(here)):
        form = ""
    if choices and isinstance(here.value, str):
        return here.place.problem(path, f"{_shown(here)} is not one of {', '.join(choices)}", form)
    if quantity == "pattern":  # it says itself what is wrong
        said = message.removeprefix("Value error, ") if open_to_all else f"{_shown(here)} is not a regular expression"
        return here.place.problem(path, said)
    quote = shape.text() and isinstance(here.value, int | float) and not here.secret
    got = "" if here.secret or (held and isinstance(here.value, str)) else f", got {_shown(here)}"
    return here.place.problem(path, f"expected {words}{got}", "put it in quotes" if quote else form)


def _texts(here: Located) -> Iterator[str]:
    if isinstance(here.value, dict | list):
        for below in here.value.values() if isinstance(here.value, dict) else here.value:
            yield from _texts(below)
    elif here.value is not None:
        yield str(here.value)


def _shown(here: Located) -> str:
    """A value as a message may show it: what stands in the file, never what was put in."""
    if here.written is not None:
        return f"the value of {here.written!r}"
    if isinstance(here.value, dict):
        return "a mapping"
    if isinstance(here.value, list):
        return "an empty list" if not here.value else "a list"
    if here.value is None:
        return "nothing"
    if isinstance(here.value, bool):
        return str(here.value).lower()
    text = repr(here.value)
    return text if len(text) <= 60 else f"{text[:57]}…"
