"""Files of tests to their models, or every problem at once with its line: also what no single value shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any, Final

from floodmark.config.loader import load_as
from floodmark.config.locate import Located, items
from floodmark.config.problems import ConfigError, Path, Problem
from floodmark.config.quantities import duration, offset
from floodmark.config.trials import Given, Trials
from floodmark.trials.notation import series, values

_KINDS: Final = tuple(Given.model_fields)
_OF_STEPS: Final = ("by", "times", "to")


def read(file: FilePath) -> tuple[Trials, Located]:
    """The tests of a file, and where each value stands. Raises ConfigError with all that is wrong."""
    found, tree = load_as(file, Trials)
    problems = sorted(_problems(tree), key=lambda p: (p.line, p.column))
    if problems:
        raise ConfigError(problems)
    return found, tree


def found_in(path: FilePath) -> list[FilePath]:
    """The files of tests that a path stands for: itself, or of a folder all *.test.yaml in it and below."""
    if not path.is_dir():
        return [path]
    return sorted(each for ending in ("yaml", "yml") for each in path.rglob(f"*.test.{ending}") if each.is_file())


def beside(config: FilePath) -> list[FilePath]:
    """The files of tests that belong to a config: those beside it, and those in the folder `tests` beside it."""
    folder = config if config.is_dir() else config.parent
    near = sorted(each for ending in ("yaml", "yml") for each in folder.glob(f"*.test.{ending}") if each.is_file())
    return [*near, *found_in(folder / "tests")] if (folder / "tests").is_dir() else near


def _problems(tree: Located) -> Iterator[Problem]:
    names: dict[str, Located] = {}
    for number, test in enumerate(items(tree.child("tests"))):
        path: Path = ("tests", number)
        name = test.child("name")
        if name is not None and str(name.value) in names:
            line = names[str(name.value)].place.line
            yield name.place.problem((*path, "name"), f"another test has this name (line {line})")
        elif name is not None:
            names[str(name.value)] = name
        for index, given in enumerate(items(test.child("input"))):
            yield from _given(given, (*path, "input", index))
        yield from _spans(test.child("expect"), (*path, "expect"))


def _given(given: Located, path: Path) -> Iterator[Problem]:
    kinds = [kind for kind in _KINDS if (here := given.child(kind)) is not None and here.value is not None]
    if len(kinds) != 1:
        what = "it is none" if not kinds else f"it is {' and '.join(kinds)}"
        hint = f"begin each entry with one of {', '.join(_KINDS)}"
        yield given.place.problem(path, f"an entry is one thing that comes in, and {what}", hint)
    for kind in kinds:
        here = given.child(kind)
        if here is None:
            continue
        if kind == "series":
            yield from _readable(here.child("name"), (*path, kind, "name"), series)
            if here.child("values") is None and here.child("level") is None:
                yield here.place.problem((*path, kind), "it says neither `values` nor `level`, so it has no values")
        if kind in ("series", "logs"):
            yield from _course(here, (*path, kind))
        features = here.child("features")
        if features is not None and isinstance(features.value, dict):
            for name, feature in features.value.items():
                yield from _course(feature, (*path, kind, "features", name))


def _course(here: Located, path: Path) -> Iterator[Problem]:
    yield from _readable(here.child("values"), (*path, "values"), values)
    if here.child("values") is not None and here.child("level") is not None:
        yield here.place.problem(path, "it says both `values` and `level`", "leave one of them out")
    for index, step in enumerate(items(here.child("steps"))):
        said = [name for name in _OF_STEPS if step.child(name) is not None]
        below = (*path, "steps", index)
        if len(said) != 1:
            words = "nothing that changes" if not said else f"{' and '.join(said)} at once"
            yield step.place.problem(below, f"a step says {words}", f"write one of {', '.join(_OF_STEPS)}")
        slowly = step.child("slowly")
        if slowly is not None and slowly.value is True and step.child("for") is None:
            yield slowly.place.problem((*below, "slowly"), "it does not say over which time", "add `for: 30m`")


def _readable(here: Located | None, path: Path, read: Callable[[str], Any]) -> Iterator[Problem]:
    if here is None or here.value is None:
        return
    try:
        read(str(here.value))
    except ValueError as error:
        yield here.place.problem(path, str(error))


def _spans(expected: Located | None, path: Path) -> Iterator[Problem]:
    """Times that end before they begin, and counts that nothing can fit."""
    for kind in ("incidents", "none", "anomalies", "routes"):
        for index, each in enumerate(items(expected.child(kind) if expected is not None else None)):
            below = (*path, kind, index)
            first, last = _time(each.child("from")), _time(each.child("to"))
            end = each.child("to")
            if first is not None and last is not None and end is not None and last <= first:
                yield end.place.problem((*below, "to"), "it is not after `from`")
            count, least, most = (each.child(name) for name in ("count", "at_least", "at_most"))
            if count is not None and (least is not None or most is not None):
                yield count.place.problem((*below, "count"), "leave it out, or `at_least` and `at_most`")
            if least is not None and most is not None and _number(least) > _number(most):
                yield most.place.problem((*below, "at_most"), "it is less than `at_least`")


def _time(here: Located | None) -> float | None:
    """As a number that can be compared with another of its kind; None if it is not said."""
    if here is None or here.value is None:
        return None
    try:
        found = offset(here.value)
        duration(here.value)
    except ValueError:
        return None
    return found


def _number(here: Located) -> float:
    return here.value if isinstance(here.value, int | float) else 0.0
