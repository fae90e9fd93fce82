"""What a detect stage has learned as bytes: which classes may be rebuilt, and which settings shape which part.

It must never hold a setting that may change: config values are written by name only, and the names tell what of them
shapes the state. River's models of the config are bytes of their own, one for each way in which one is configured, so
that one that cannot be written or read costs nothing but itself.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from importlib.metadata import version
from typing import Any, Final

from msgspec import Struct
from msgspec.msgpack import Decoder
from river._river_rust.vectordict import VectorDict

from floodmark.config.models import Config, Detector, ModelMonitor
from floodmark.config.river_models import RiverModelError, build
from floodmark.config.river_target import OneSeries
from floodmark.detect.logs.miner import Memo
from floodmark.state import Codec, Form, StateError, classes_in

MADE_BY: Final = f"12 river {version('river')}"
"""The form of the state. To be raised when a class that is not told apart by its slots means something else."""
_RUST: Final = ("river._river_rust.stats", "river._river_rust.drift")


class Snapshot(Struct, array_like=True, forbid_unknown_fields=True):
    """`shapes`: the settings that shaped each part, digested. `monitored`: whether there are monitors of models in it.

    `models`: River's, by how they are configured.
    """

    made_by: str
    monitored: bool
    shapes: dict[str, str]
    state: bytes
    models: dict[str, bytes]


_decoder = Decoder(Snapshot)


def opened(data: bytes) -> Snapshot:
    """Raises StateError if the bytes are no snapshot, or one of another release."""
    try:
        snapshot = _decoder.decode(data)
    except ValueError as error:
        raise StateError(f"this is no snapshot of a detect task: {error}") from None
    if snapshot.made_by != MADE_BY:
        raise StateError(f"the snapshot is of another release ({snapshot.made_by}; this one is {MADE_BY})")
    return snapshot


def shapes(config: Config) -> dict[str, str]:
    """What shapes the parts of the state: where it differs, the part is of no use."""
    detect, logs = config.detect, config.logs
    return {
        "identity": digest([detect.entity, detect.scope]),
        "logs": digest(
            [
                logs.source,
                logs.window,
                logs.similarity,
                logs.session,
                logs.code_fields,
                [list(mask) for mask in logs.masks],
            ]
        ),
        "spans": digest([config.spans.window]),
        "detectors": digest([each.model_dump(mode="json") for each in (*config.detectors, *config.maintenance)]),
    }


def shape_of(detector: Detector) -> str:
    """What of a detector shapes the models of its series; all else of it may change at any time."""
    shape: list[object] = [sorted(detector.heads), detector.model, detector.parameters, detector.scale]
    shape += ["limit"] * (detector.limit is not None) + ([detector.kind] if detector.kind else [])
    return digest(shape)


def shape_of_monitor(monitor: ModelMonitor) -> str:
    """What of a monitor shapes what it has learned."""
    return digest([monitor.task, monitor.positive, monitor.window, monitor.every, monitor.reference])


def digest(value: object) -> str:
    """Equal for equal settings."""
    text = json.dumps(value, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@cache
def codec(*, monitored: bool) -> Codec:
    """For all of our own state, and what it uses of River: for monitors of models, River's ADWIN as well."""
    if monitored:
        importlib.import_module("river.drift")  # slow to import, and mostly not there yet
    packages = ("floodmark.detect", "floodmark.alerts", "floodmark.signals", "river.stats", "river.drift")
    return Codec(classes_in(sys.modules, *packages), forms())


def named_models(models: Mapping[str, tuple[Detector, list[object]]]) -> Iterator[tuple[str, object]]:
    """Each of River's models by the name that the state has for it: its shape and its number."""
    return ((f"river:{shape}:{i}", model) for shape, (_, alike) in models.items() for i, model in enumerate(alike))


def write_models(models: Mapping[str, tuple[Detector, list[object]]]) -> dict[str, bytes]:
    """River's models by the shape of their detector. What cannot be written is not in the answer."""
    written = {}
    for shape, (detector, alike) in models.items():
        try:
            written[shape] = _river().dumps(alike, _functions(detector))
        except StateError:  # the answer says so: it is learned again after a restore
            continue
    return written


def read_models(written: Mapping[str, bytes], detectors: Iterable[Detector]) -> Iterator[tuple[str, object]]:
    """Shape and number as one name, and the model, of those that the detectors still name."""
    wanted = {shape_of(detector): detector for detector in detectors if detector.model}
    for shape, data in written.items():
        if shape not in wanted:
            continue
        functions = dict(_functions(wanted[shape]))  # first: it loads the modules that are needed
        found = _river().loads(data, functions)
        if not isinstance(found, list):
            raise StateError("the snapshot's models are no list")
        yield from ((f"river:{shape}:{i}", model) for i, model in enumerate(found))


def _river() -> Codec:
    """For models that a config names. River's modules are loaded when a model is built, so it is made each time."""
    return Codec([*classes_in(sys.modules, "river"), OneSeries], forms())


def _functions(detector: Detector) -> list[tuple[str, object]]:
    """The functions that a fresh model of this detector holds (a distance, a link): only these may be referred to."""
    found: dict[str, object] = {}
    try:
        waiting: list[object] = [build(detector.model or "", detector.parameters, detector.scale)]
    except RiverModelError:
        return []
    seen = set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, type | types.ModuleType):
            continue
        seen.add(id(value))
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType):
            found.setdefault(f"{value.__module__}.{value.__qualname__}", value)
        else:
            waiting += gc.get_referents(value)
    return list(found.items())


def forms() -> dict[type, Form]:
    """How River's parts in Rust are written: by their own serialisation of plain data. Memos come back empty."""
    found = {class_: Form(_take_rust, partial(_make_rust, class_)) for class_ in _rust_classes()}
    found[Memo] = Form(lambda _: (), Memo)
    found[VectorDict] = Form(_take_vector, lambda keys, values: VectorDict(dict(zip(keys, values, strict=True))))
    return found


def _rust_classes() -> list[type]:
    modules = [sys.modules[name] for name in _RUST]
    return [value for module in modules for value in vars(module).values() if isinstance(value, type)]


def _take_rust(value: Any) -> tuple[Any, ...]:
    """The constructor's arguments and the state, which is plain data serialised by Rust."""
    _, (_, *arguments), state = value.__reduce_ex__(2)[:3]
    return *arguments, state


def _make_rust(class_: Any, *values: Any) -> object:
    *arguments, state = values
    made = class_.__new__(class_, *arguments)
    made.__setstate__(state)
    return made


def _take_vector(value: Any) -> tuple[Any, ...]:
    """A VectorDict as River's linear models hold it between two points: without a mask or a default."""
    try:
        value[_NOWHERE]
    except KeyError:
        items = value.to_dict()
        return tuple(items), tuple(items.values())
    value.pop(_NOWHERE)
    raise StateError("cannot write a VectorDict that has a default")


_NOWHERE: Final = "\0"
