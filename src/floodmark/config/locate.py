"""YAML text to a tree that knows its places: every key and value with file, line and column. Never builds objects.

Only what JSON could say is understood: mappings with text keys, lists, text, numbers, truth values, null. Anchors,
aliases and merge keys (`<<`) work; tags such as !env do not. Words are YAML 1.2's: `yes` and `on` are text.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from floodmark.config.problems import Path, Problem, dotted
from floodmark.config.unreadable import explain

Scalar = str | int | float | bool | None

_NODES = 100_000
"""Most nodes of a file with its aliases written out: a few aliases of aliases can stand for billions."""
_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?\d[\d_]*")
_FLOAT = re.compile(r"[-+]?(\d[\d_]*)?(\.\d*)?([eE][-+]?\d+)?")


@dataclass(frozen=True)
class Place:
    """A place in a file, counted from 1; line 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        return Problem(self.file, self.line, self.column, dotted(path), message, hint)


@dataclass
class Located:
    """A value and where it stands.

    `value` is a scalar, a list, or a dict whose `keys` are the places of its keys. `plain` is true of a scalar without
    quotes. `written` is the text of the file if something was put in for a ${NAME} of it, else None: messages show it
    in place of the value, and nothing of what is `secret`.
    """

    value: Scalar | list[Located] | dict[str, Located]
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)
    plain: bool = False
    written: str | None = None
    secret: bool = False

    def at(self, path: Path) -> Located | None:
        """The value at a path below this one, None if there is none."""
        here: Located = self
        for part in path:
            below = here.child(part)
            if below is None:
                return None
            here = below
        return here

    def child(self, part: str | int) -> Located | None:
        if isinstance(self.value, dict):
            return self.value.get(str(part))
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None


def read_yaml(text: str, file: str) -> tuple[Located, list[Problem]]:
    """The tree of one file; an empty file is an empty mapping. What cannot be understood is left out, and a problem."""
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor may be used again
            node = yaml.compose(text)
    except MarkedYAMLError as error:
        slip = explain(error, text)
        if slip is None:
            return _nothing(file), [Place(file).problem((), "not valid YAML")]
        return _nothing(file), [Place(file, slip.line, slip.column).problem((), slip.message, slip.hint)]
    except ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        return _nothing(file), [place.problem((), "not valid YAML: a control character")]
    except (YAMLError, ValueError) as error:
        return _nothing(file), [Place(file).problem((), f"not valid YAML: {str(error).splitlines()[0]}")]
    except RecursionError:
        return _nothing(file), [Place(file).problem((), "nested too deeply")]
    if node is None or (isinstance(node, ScalarNode) and node.tag == _TAG + "null"):
        return _nothing(file), []
    reader = _Reader(file)
    try:
        located = reader.read(node, ())
    except RecursionError:  # an anchor that holds an alias to itself
        return _nothing(file), [reader.place(node).problem((), "nested too deeply (does an alias name itself?)")]
    except OverflowError as error:
        return _nothing(file), [reader.place(node).problem((), str(error))]
    if not isinstance(located.value, dict):
        found = "a list" if isinstance(located.value, list) else "a single value"
        message = f"a configuration is a mapping of sections (kafka:, inputs:, …), not {found}"
        return _nothing(file), [located.place.problem((), message)]
    return located, reader.problems


class _Reader:
    """Turns the nodes of one file into `Located`s."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._nodes = 0

    def place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def read(self, node: Node, path: Path) -> Located:
        self._nodes += 1
        if self._nodes > _NODES:
            raise OverflowError(f"more than {_NODES} values, aliases included")
        place = self.place(node)
        if isinstance(node, MappingNode):
            return self._mapping(node, path, place)
        if isinstance(node, SequenceNode):
            items = [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            return Located(items, place)
        scalar = self._scalar(str(node.tag).removeprefix(_TAG), str(node.value), path, place)
        return Located(scalar, place, plain=getattr(node, "style", None) is None)

    def _mapping(self, node: MappingNode, path: Path, place: Place) -> Located:
        located: dict[str, Located] = {}
        keys: dict[str, Place] = {}
        merged: list[Located] = []
        for key, value in node.value:
            at = self.place(key)
            if not isinstance(key, ScalarNode):
                hint = "{{ … }} of a template was not filled in; or put it in quotes" if self._braces(node, key) else ""
                self.problems.append(at.problem(path, "a key must be text", hint))
            elif key.tag == _TAG + "merge":
                below = self.read(value, path)
                merged += below.value if isinstance(below.value, list) else [below]
            elif key.value in keys:
                first = keys[key.value]
                message = f"the key is written twice; the first is on line {first.line}"
                self.problems.append(at.problem((*path, key.value), message))
            else:
                keys[key.value] = at
                located[key.value] = self.read(value, (*path, key.value))
        for source in merged:  # what is written here goes before what is merged in
            if isinstance(source.value, dict):
                for name, below in source.value.items():
                    located.setdefault(name, below)
                    keys.setdefault(name, source.keys[name])
            else:
                self.problems.append(source.place.problem(path, "<< can only merge mappings"))
        return Located(located, place, keys)

    @staticmethod
    def _braces(node: MappingNode, key: Node) -> bool:
        """Whether the key is a mapping right at the beginning of one: {{ … }}."""
        return isinstance(key, MappingNode) and key.start_mark.index == node.start_mark.index + 1

    def _scalar(self, kind: str, text: str, path: Path, place: Place) -> Scalar:
        if kind.startswith("!"):
            self.problems.append(place.problem(path, f"the tag {kind} is not supported; write the value itself"))
            return None
        return typed(text, kind)


def resolve(text: str) -> Scalar:
    """What YAML 1.2 takes plain text for: a number, a truth value, null, or text. For values of the environment."""
    lower = text.lower()
    if lower in ("true", "false") and text in (lower, lower.title(), lower.upper()):
        return typed(text, "bool")
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if _INT.fullmatch(text):
        return typed(text, "int")
    if re.search(r"\d", text) and _FLOAT.fullmatch(text):
        return typed(text, "float")
    return text


def typed(text: str, kind: str) -> Scalar:
    """The value of a scalar's text for the last word of its YAML tag. What does not fit (a timestamp, …) stays text."""
    try:
        if kind == "bool":
            return text.lower() == "true"
        if kind == "null":
            return None
        if kind == "int":
            digits = text.replace("_", "")
            return int(digits, 0) if re.match(r"[-+]?0[xob]", digits) else int(digits)
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".Inf", "inf").replace(".nan", "nan"))
    except ValueError:
        pass
    return text


def _nothing(file: str) -> Located:
    return Located({}, Place(file))


def items(here: Located | None) -> list[Located]:
    """Its items, if it is a list; none otherwise."""
    return here.value if here is not None and isinstance(here.value, list) else []


def text(here: Located | None) -> str | None:
    """The text that it is, None if it is none."""
    return here.value if here is not None and isinstance(here.value, str) else None


def absent(section: Located, key: str) -> bool:
    """Whether the section has nothing under the key."""
    here = section.child(key)
    return here is None or here.value is None or here.value == ""


def quoted(here: Located) -> str:
    """As a message may show it: never what was put in from outside."""
    return f"the value of {here.written!r}" if here.written is not None else repr(here.value)


def values(here: Located | None) -> Any:
    """The plain value, without its places."""
    if here is None:
        return None
    if isinstance(here.value, dict):
        return {name: values(below) for name, below in here.value.items()}
    if isinstance(here.value, list):
        return [values(below) for below in here.value]
    return here.value


def put_in(here: Located) -> bool:
    """Whether anything in it came from the environment or a file."""
    if isinstance(here.value, dict):
        return any(map(put_in, here.value.values()))
    if isinstance(here.value, list):
        return any(map(put_in, here.value))
    return here.written is not None
