"""What people have done to incidents, from a file: for the commands that run recorded telemetry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from floodmark.actions import CORRELATED, Action
from floodmark.cli.speaking import err
from floodmark.config.models import Actions, Config
from floodmark.detect.upkeep import Upkeep
from floodmark.events import encode
from floodmark.flow.actions import ActionsListener
from floodmark.records import Record

ActionsPath = Annotated[
    Path | None,
    typer.Option(
        "--actions", help="JSONL of what people did to incidents, as `floodmark actions export` writes it.", exists=True
    ),
]
_CUT: Final = 300
"""Characters of what is said of a line: it may quote it."""


def heeding(config: Config) -> Config:
    """The config, with the engine told to listen to actions."""
    return config if config.actions is not None else config.model_copy(update={"actions": Actions()})


def read_actions(path: Path, config: Config) -> tuple[list[Record], Upkeep]:
    """What the file says, as records of the actions topic, and the maintenance that it announces; what is wrong with
    its lines is printed.

    What changes incidents holds from its `effective` on. Without it, it is taken to hold from when it was done.
    """
    decoder, records, untimed = msgspec.json.Decoder(Action), [], 0
    listener = ActionsListener(config.topics.actions, config.actions or Actions())
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            action = decoder.decode(line)
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            _tell(f"{path}:{number}: this is no action: {str(error)[:_CUT]}")
            continue
        if action.effective is None and action.verb in CORRELATED:
            untimed += 1
            action = msgspec.structs.replace(action, effective=action.at)
        told = encode(action, source=str(path), key=action.key())
        record = Record(config.topics.actions, 0, number, -1, told.key, told.value, told.headers)
        remark = listener.hear(record)
        if remark is not None and remark.wrong:
            _tell(f"{path}:{number}: {remark.facts['reason']}")
        records.append(record)
    if untimed:
        words = "1 action does" if untimed == 1 else f"{untimed:,} actions do"
        _tell(f"{path}: {words} not say from when on it holds (effective): taken to be when it was done")
    return records, listener.upkeep


def _tell(words: str) -> None:
    err.print(words, style="yellow", markup=False, soft_wrap=True)
