"""River models by their dotted name and parameters, as a config names them. Imports nothing but River.

    model: river.anomaly.HalfSpaceTrees
    parameters: {n_trees: 25, window_size: 250}

A parameter that is itself a model is a mapping with the one key that names it:

    model: river.anomaly.OneClassSVM
    parameters: {nu: 0.1, optimizer: {river.optim.SGD: {lr: 0.01}}}

Detectors that score a target (GaussianScorer, StandardAbsoluteDeviation, PredictiveAnomalyDetection) take the point's
value as the target, with no features.

A class that takes a `seed` and is given none gets `SEED`, so that the same input gives the same scores.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from river.base import AnomalyDetector, Base, SupervisedAnomalyDetector
from river.compose import Pipeline

from floodmark.config.problems import Path, did_you_mean
from floodmark.config.river_target import OneSeries

SEED = 42
_DOTTED = re.compile(r"river(\.[A-Za-z][A-Za-z0-9_]*)+", re.ASCII)
_UNFIT = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError)
"""What River's constructors and models raise when parameters do not suit them."""


class RiverModelError(Exception):
    """A model cannot be built. `at` leads from `parameters` to what is wrong; None if that is the model's name."""

    def __init__(self, message: str, at: Path | None, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.at = at
        self.hint = hint


def build(dotted: str, parameters: Mapping[str, Any], scale: bool) -> AnomalyDetector | Pipeline:
    """A fresh anomaly detector, behind a MinMaxScaler if `scale`. Raises RiverModelError, in words for a person."""
    detector = _build_detector(dotted, parameters)
    if not scale:
        return detector
    from river.preprocessing import MinMaxScaler  # noqa: PLC0415 - it brings SciPy, and few name a model

    return MinMaxScaler() | detector


def prove(dotted: str, parameters: Mapping[str, Any], scale: bool) -> None:
    """Build the model and let it see a few points, because River's constructors rarely look at their parameters.

    Raises RiverModelError, in words for a person.
    """
    detector = build(dotted, parameters, scale)
    score = 0.0
    try:
        for step in range(32):
            point: dict[Hashable, Any] = {"value": step * 7 % 11 / 10}
            score = detector.score_one(point)
            detector.learn_one(point)
    except _UNFIT as error:
        raise RiverModelError(f"{dotted} does not run with these parameters: {_said(error)}", ()) from None
    if not math.isfinite(score):
        raise RiverModelError(f"{dotted} scores {score} on a plain series with these parameters", ())


def _build_detector(dotted: str, parameters: Mapping[str, Any]) -> AnomalyDetector:
    model = _find(dotted, None)
    if not issubclass(model, AnomalyDetector | SupervisedAnomalyDetector) or inspect.isabstract(model):
        hint = "name one like river.anomaly.HalfSpaceTrees"
        raise RiverModelError(f"{dotted} is not an anomaly detector", None, hint)
    detector = _construct(dotted, model, parameters, ())
    if isinstance(detector, SupervisedAnomalyDetector):
        return OneSeries(detector)
    if not isinstance(detector, AnomalyDetector):
        raise RiverModelError(f"{dotted} is not an anomaly detector", None)
    return detector


def _find(dotted: str, at: Path | None) -> type:
    """The class of a dotted name: by modules of River, and what they hold that River itself defines."""
    if not _DOTTED.fullmatch(dotted):
        raise RiverModelError(f"{dotted!r} does not name a model of River", at, "write it like river.anomaly.LODA")
    *parents, name = dotted.split(".")
    module = importlib.import_module("river")
    for depth in range(2, len(parents) + 1):
        package = module
        path = ".".join(parents[:depth])
        try:
            module = importlib.import_module(path)
        except ImportError as error:
            if error.name is not None and error.name.startswith("river"):
                known = [info.name for info in pkgutil.iter_modules(getattr(package, "__path__", []))]
                hint = did_you_mean(parents[depth - 1], known)
                raise RiverModelError(f"River has no {path}", at, hint) from None
            raise RiverModelError(f"{path} cannot be imported: {error}", at) from None
    found = getattr(module, name, None)
    if not (inspect.isclass(found) and issubclass(found, Base)):
        known = [n for n, value in vars(module).items() if inspect.isclass(value) and issubclass(value, Base)]
        raise RiverModelError(f"{module.__name__} has no model {name}", at, did_you_mean(name, known))
    if found.__module__.split(".")[0] not in ("river", "river_rust"):
        raise RiverModelError(f"{dotted} is not River's own", at)
    return found


def _construct(dotted: str, model: type, parameters: Mapping[str, Any], at: Path) -> Any:
    signature = inspect.signature(model)
    takes = signature.parameters
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    arguments: dict[str, Any] = {}
    for name, value in parameters.items():
        if name not in takes and not free:
            hint = did_you_mean(name, takes) or (f"it takes {', '.join(takes)}" if takes else "it takes none")
            raise RiverModelError(f"{dotted} has no parameter {name!r}", (*at, name), hint)
        _check_kind(dotted, takes.get(name), value, (*at, name))
        arguments[name] = _value(value, (*at, name))
    needed = _needed(takes.values())
    absent = [name for name in needed if name not in arguments]
    if absent:
        raise RiverModelError(f"{dotted} needs the parameter {absent[0]!r}", at)
    if "seed" in takes and arguments.get("seed") is None:
        arguments["seed"] = SEED
    try:
        return model(**arguments)
    except _UNFIT as error:
        raise RiverModelError(f"{dotted} cannot be built with these parameters: {_said(error)}", at) from None


def _needed(parameters: Iterable[inspect.Parameter]) -> list[str]:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variadic]


def _value(value: Any, at: Path) -> Any:
    """A parameter's value, with the models that are named in it built."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((name, parameters),) = value.items()
            if isinstance(name, str) and name.startswith("river."):
                below = (*at, name)
                if not isinstance(parameters or {}, Mapping):
                    raise RiverModelError(f"the parameters of {name} must be a mapping", below)
                return _construct(name, _find(name, below), parameters or {}, below)
        return {name: _value(item, (*at, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_value(item, (*at, index)) for index, item in enumerate(value)]
    return value


def _check_kind(dotted: str, parameter: inspect.Parameter | None, value: Any, at: Path) -> None:
    """Refuse a value that its annotation or the kind of its default rules out. River itself seldom checks."""
    if parameter is None:
        return
    annotation = parameter.annotation if isinstance(parameter.annotation, str) else ""
    words = {word.strip() for word in annotation.split("|")} if annotation else set()
    if not words and type(parameter.default) in (int, float, bool):
        # 1e3 as the default of an unannotated parameter does not mean that 1000 is wrong, nor 10 that 10.5 is.
        words = {"bool"} if isinstance(parameter.default, bool) else {"float"}
    if not words or not words <= {"int", "float", "bool", "str", "None"}:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = (
        ("float" in words and number)
        or ("int" in words and number and isinstance(value, int))
        or ("bool" in words and isinstance(value, bool))
        or ("str" in words and isinstance(value, str))
        or ("None" in words and value is None)
    )
    if not fits:
        names = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "None": "null"}
        expected = " or ".join(names[word] for word in names if word in words)
        got = {str: "text", bool: str(value).lower(), type(None): "nothing", dict: "a mapping", list: "a list"}
        raise RiverModelError(f"{dotted} expects {expected} here, not {got.get(type(value), 'that')}", at)


def _said(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
