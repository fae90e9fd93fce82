"""What people have said of anomalies, from a file: for the commands that run recorded telemetry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from floodmark.cli.speaking import err
from floodmark.config import models
from floodmark.config.models import Config
from floodmark.detect.feedback import Feedback
from floodmark.flow.feedback import FeedbackListener
from floodmark.records import Record

FeedbackPath = Annotated[
    Path | None,
    typer.Option("--feedback", help="JSONL of what people say of anomalies, as on the feedback topic.", exists=True),
]


def read_verdicts(path: Path | None, config: Config) -> Feedback | None:
    """What the file says, None without one; what is wrong with its lines is printed."""
    if path is None:
        return None
    listener = FeedbackListener(config.feedback or models.Feedback())
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            remark = listener.hear(Record(str(path), 0, number, -1, None, line))
            if remark is not None and remark.wrong:
                said = f"{path}:{number}: {remark.facts['reason']}"
                err.print(said, style="yellow", markup=False, soft_wrap=True)
    return listener.feedback
