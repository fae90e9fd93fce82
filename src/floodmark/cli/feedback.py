"""`floodmark feedback`: say that something is no anomaly, take it back, and see who has said what.

What a record holds was written by anybody: nothing of it reaches the terminal but printable text.
"""

from __future__ import annotations

import asyncio
import math
import re
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
import typer
from rich.table import Column, Table
from rich.text import Text

from floodmark.alerts import Anomaly, Direction
from floodmark.cli.dead_letters import printable
from floodmark.cli.speaking import ConfigPath, err, fail, out, read_config
from floodmark.config import models
from floodmark.config.models import Config
from floodmark.detect.feedback import CALMEST, Feedback
from floodmark.flow.feedback import FeedbackListener
from floodmark.runtime import RunError
from floodmark.runtime.feedback import find_anomaly, hear_all, say
from floodmark.signals import Verdict

T = TypeVar("T")
Way = Literal["up", "down", "both"]
_WAYS: Final[dict[Way, tuple[Direction, ...]]] = {"up": ("up",), "down": ("down",), "both": ("up", "down")}

By = Annotated[str, typer.Option(help="Who says so.")]

_LABEL: Final = r'[^"={},]+="(?:[^"\\]|\\.)*"'
_KEY: Final = re.compile(rf"([^{{}}]+)(?:\{{({_LABEL}(?:,{_LABEL})*)\}})?")

feedback = typer.Typer(
    help="Say that something is no anomaly, take it back, and see who has said what.",
    no_args_is_help=True,
    add_completion=False,
)


@feedback.command("not-anomaly")
def not_anomaly(
    by: By,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads it later.")],
    series: Annotated[str, typer.Option(help='Key of the series, as anomalies have it: latency{service="cart"}.')] = "",
    anomaly: Annotated[str, typer.Option(help="Or an anomaly of the last seven days, by its id: ano-….")] = "",
    direction: Annotated[
        Way | None, typer.Option(help="Where it is to be calmer (the anomaly's own; else both).")
    ] = None,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Make a series calmer: from now on its points must be ten times as odd to alarm in that direction.

    Up to three times for one series and direction. It holds from `feedback.delay` after now, in event time, and in the
    running engine; `undo` takes it back.
    """
    if bool(series) == bool(anomaly):
        fail("Say which: --series KEY or --anomaly ID.", 2)
    settings = read_config(config)
    topic = _settings(settings)
    if series:
        series = canonical(series)
    else:
        found = _anomaly(settings, anomaly)
        series, direction = found.series, direction or ("both" if found.direction == "none" else found.direction)
    verdict = Verdict(
        id=_new_id(),
        verdict="not_anomaly",
        series=series,
        direction=direction or "both",
        by=_named(by),
        reason=reason,
        at=datetime.now(UTC),
    )
    heard, ways = _heard(settings, topic), _WAYS[verdict.direction]
    if all(heard.calmer(verdict.series, way, math.inf) >= CALMEST for way in ways):
        err.print("It is as calm as it can be already; this is noted, and counts if another is undone.", style="yellow")
    _say(settings, topic, verdict)
    start = verdict.at + timedelta(seconds=topic.delay)
    out.print(f"{printable(verdict.series)} ({verdict.direction}) is calmer from {_time(start)} on", markup=False)
    out.print(f"undo it with: floodmark feedback undo {verdict.id} --by NAME", markup=False, soft_wrap=True)


@feedback.command()
def undo(
    id: Annotated[str, typer.Argument(help="What `list` shows as id.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Take back what somebody has said; it stays in the history."""
    settings = read_config(config)
    topic = _settings(settings)
    heard = _heard(settings, topic)
    wanted = next((each for each in heard.verdicts() if each.id == id and each.verdict == "not_anomaly"), None)
    if wanted is None:
        fail(f"Nobody has said {printable(id)}; `floodmark feedback list --all` shows what was said.")
    if (undone := heard.undo_of(wanted)) is not None:
        fail(f"It is undone already, by {printable(undone.by)} at {_time(undone.at)}.")
    verdict = Verdict(id=_new_id(), verdict="undo", undoes=id, by=_named(by), reason=reason, at=datetime.now(UTC))
    _say(settings, topic, verdict)
    start = verdict.at + timedelta(seconds=topic.delay)
    out.print(
        f"{printable(wanted.series)} ({wanted.direction}) is less calm again from {_time(start)} on",
        markup=False, soft_wrap=True,
    )  # fmt: skip


@feedback.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also what was undone.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="All records as JSON lines, as `floodmark replay --feedback` takes them.")
    ] = False,
    config: ConfigPath = Path("floodmark.yaml"),
) -> None:
    """Who has said what and when, and whether it stands."""
    settings = read_config(config)
    heard = _heard(settings, _settings(settings))
    if as_json:
        for each in heard.verdicts():
            typer.echo(msgspec.json.encode(each))
        return
    table = Table(
        Column("said (UTC)", no_wrap=True), "by", Column("series", overflow="fold"), "direction",
        Column("reason", overflow="fold"), Column("id", no_wrap=True), "stands", box=None, header_style="bold",
    )  # fmt: skip
    for each in heard.verdicts():
        undone = heard.undo_of(each)
        if each.verdict == "undo" or (undone is not None and not everything):
            continue
        stands = "yes" if undone is None else f"undone by {printable(undone.by, 60)}, {_time(undone.at)}"
        cells = (each.by, each.series, each.direction, each.reason, each.id)
        table.add_row(_time(each.at), *(Text(printable(cell)) for cell in cells), Text(stands))
    out.print(table if table.row_count else "Nothing stands." if not everything else "Nothing was said.")


def canonical(key: str) -> str:
    """The key with its labels in order. Ends the command if it is no key."""
    match = _KEY.fullmatch(key)
    if match is None:
        fail(f'--series {printable(key)}: write it as anomalies have it, such as latency{{service="cart"}}.', 2)
    name, labels = match.groups()
    if not labels:
        return str(name)
    ordered = sorted(re.findall(_LABEL, labels), key=lambda label: label.partition("=")[0])
    return f"{name}{{{','.join(ordered)}}}"


def _anomaly(config: Config, id: str) -> Anomaly:
    body = _do(find_anomaly(config.kafka, config.topics.anomalies, id))
    if body is None:
        fail(f"No anomaly {printable(id)} in the last seven days of {config.topics.anomalies}; give --series instead.")
    try:
        found = msgspec.json.decode(body, type=Anomaly)
    except msgspec.MsgspecError as error:
        fail(f"What {config.topics.anomalies} holds of {printable(id)} is no anomaly: {error}")
    if found.head == "stale":
        fail(f"{printable(found.series)} was silent, which feedback does not change; leave `stale` out of its `heads`.")
    return found


def _heard(config: Config, settings: models.Feedback) -> Feedback:
    """All that was said; what is wrong with it is printed."""
    listener = FeedbackListener(settings)
    for line in _do(hear_all(config.kafka, listener)):
        err.print(printable(line, 600), style="yellow", markup=False, soft_wrap=True)
    return listener.feedback


def _say(config: Config, settings: models.Feedback, verdict: Verdict) -> None:
    body = msgspec.json.encode(verdict)
    try:
        msgspec.json.decode(body, type=Verdict)
    except msgspec.ValidationError as error:
        fail(f"The verdict would not be read: {error}", 2)
    _do(say(config.kafka, settings.topic, body))


def _settings(config: Config) -> models.Feedback:
    if config.feedback is None:
        fail("The config has no `feedback`: add `feedback: {}`, create its topic, and start the engine again.")
    return config.feedback


def _new_id() -> str:
    return f"say-{uuid.uuid4().hex[:12]}"


def _named(by: str) -> str:
    return by.strip() or fail("--by: a name is needed, for the history.", 2)


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _do(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except RunError as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
