"""`floodmark explain --id`: what a running engine has told of an anomaly; if asked, the whole decision once more."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from floodmark.alerts import Anomaly, Incident
from floodmark.cli.explain import draw, show
from floodmark.cli.ranges import Topics, since_when
from floodmark.cli.recorded import account, recording
from floodmark.cli.speaking import ascii_only, err, fail, out
from floodmark.config.models import Config
from floodmark.detect.feedback import Feedback
from floodmark.events import MalformedEventError, decode
from floodmark.files.notes import FileError
from floodmark.flow.feedback import FeedbackListener
from floodmark.records import Record
from floodmark.runtime import RunError
from floodmark.runtime.feedback import hear_all
from floodmark.runtime.tailing import held, said_of
from floodmark.terminal.anomaly import page
from floodmark.terminal.words import safe
from floodmark.tuning.explain import ExplainError
from floodmark.tuning.explain import explain as explained

_ROUNDED: Final = 0.001
"""Times are told in milliseconds; the point itself may have been a little later."""
_AFTER: Final = 7 * 86_400
"""Seconds before an anomaly from which on incidents are looked at: one may have been open before it."""


class _Told(NamedTuple):
    """All that the topics hold of an anomaly: what was told of it, and the newest revision of the incident it is in."""

    anomaly: Sequence[Anomaly]
    incident: Incident | None
    feedback: Feedback | None


def tell_of(config: Config, id: str, *, again: bool, since: str, into: Path | None) -> None:
    """Say it, and end the command if there is nothing to say. `again`: read the inputs once more, from `since` on."""
    try:
        told = asyncio.run(_told(config, id))
    except RunError as error:
        fail(str(error))
    calmer = _calmer(told)
    out.print(page(told.anomaly, told.incident, calmer, ascii=ascii_only(out)))
    if not again:
        if into is not None:
            fail("--out: it needs the points that the heads saw; add --replay.", 2)
        err.print("the whole decision, head by head: add --replay", style="dim")
        return
    out.print()
    _again(config, told, since, into)


async def _told(config: Config, id: str) -> _Told:
    wanted = id
    if id.startswith("inc-"):
        incident = await _incident(config, lambda each: each.id == id, 0.0)
        if incident is None or not incident.members:
            fail(f"No incident {safe(id, 80)} in {config.topics.alerts}.")
        wanted = incident.members[0].id
        others = ", ".join(member.id for member in incident.members[1:6])
        if others:
            err.print(f"the most telling of {id}; also in it: {others}", style="dim", markup=False, soft_wrap=True)
    records = await said_of(config.kafka, config.topics.anomalies, lambda name: name.startswith(f"{wanted}/"))
    told = [body for record in records if isinstance(body := _body(record), Anomaly)]
    if not told:
        fail(
            f"No anomaly {safe(wanted, 80)} in the last 90 days of {config.topics.anomalies}; "
            "`floodmark incidents show` names those of an incident."
        )
    began = told[0].started_at.timestamp()
    found = await _incident(config, lambda each: any(m.id == wanted for m in each.members), began - _AFTER)
    feedback = None
    if config.feedback is not None:
        listener = FeedbackListener(config.feedback)
        await hear_all(config.kafka, listener)
        feedback = listener.feedback
    return _Told(told, found, feedback)


async def _incident(config: Config, fits: object, since: float) -> Incident | None:
    """The newest revision of the incident that fits."""
    newest: Incident | None = None
    async for record in held(config.kafka, config.topics.alerts, max(0.0, since)):
        body = _body(record)
        if isinstance(body, Incident) and fits(body) and (newest is None or body.revision >= newest.revision):  # type: ignore[operator]
            newest = body
    return newest


def _body(record: object) -> object:
    try:
        return decode(Record(*(getattr(record, name) for name in Record._fields[:7])))
    except MalformedEventError:
        return None


def _calmer(told: _Told) -> float:
    """What feedback divides the level of the series by, as it stands."""
    first = told.anomaly[0]
    return told.feedback.calmer(first.series, first.direction, math.inf) if told.feedback is not None else 1.0


def _again(config: Config, told: _Told, since: str, into: Path | None) -> None:
    first = told.anomaly[0]
    at = first.started_at.timestamp()
    try:
        begin = since_when(since) if since else at - config.state.history
    except ValueError as error:
        fail(f"--from: {error}", 2)
    names = [each.topic for each in config.inputs if each.signal in _signals(first)]
    if not names:
        fail(f"--replay: the config has no input of {first.signal}s.")
    try:
        found = Topics(config, list(dict.fromkeys(names)), begin, None)
        recorded = recording(found, config)
        explanation = explained(config, recorded, first.series, at + _ROUNDED, told.feedback)
    except (FileError, ExplainError, RunError) as error:
        fail(f"The inputs do not hold what is needed for it any more: {error}")
    err.print(
        f"from the inputs since {since or 'state.history before it'}; what the engine had learned before is not in it",
        style="dim", markup=False, soft_wrap=True,
    )  # fmt: skip
    show(explanation)
    account(recorded, {})
    if into is not None:
        draw(explanation, into)


def _signals(anomaly: Anomaly) -> tuple[str, ...]:
    return ("prediction", "outcome") if anomaly.signal == "prediction" else (anomaly.signal,)
