"""A test of a config is run: its input through the whole flow, and what came of it."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from floodmark.actions import Action, Arguments
from floodmark.alerts import Incident, content_id, utc
from floodmark.cli.acted import heeding
from floodmark.cli.registered import Registered
from floodmark.cli.replay import Seen
from floodmark.config.calendars import read_calendars
from floodmark.config.models import Actions, Config, Input
from floodmark.config.trials import Deed, FileGiven, Trial
from floodmark.events import encode
from floodmark.files.columns import Columns
from floodmark.files.dumps import FRAMINGS
from floodmark.files.notes import FileError
from floodmark.files.reading import Asked, Files
from floodmark.flow.actions import ActionsListener
from floodmark.flow.local import LocalFlow
from floodmark.notify.sink import Event
from floodmark.records import Record
from floodmark.signals import SignalName
from floodmark.trials import described
from floodmark.trials.judging import Came, Telling

_MONDAY: Final = 1_767_571_200.0
"""2026-01-05T00:00:00Z."""


class TrialError(Exception):
    """A test cannot be run. Its text says why."""


@dataclass
class _Fed:
    """What has gone into the flow so far."""

    end: float
    deeds: list[Deed] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)


def run(test: Trial, config: Config, folder: Path, begins: float | None, home: Path) -> Came:
    """What comes of a test. `folder`: where its files are; `home`: where those of the config are; `begins`: when it
    begins, None if nobody says.

    Raises TrialError.
    """
    try:
        files = [_files(given.file, config, folder) for given in test.input if given.file is not None]
        start = _start(test, files) if begins is None else begins
        events = described.events(test, start)
    except (FileError, ValueError, OSError) as error:
        raise TrialError(str(error)) from None
    signals: dict[SignalName, None] = dict.fromkeys(event.signal for event in events)
    inputs = {name: Input(topic=name, signal=signal) for signal in signals if (name := described.topic(signal))}
    partitions: dict[str, int] = {}
    for each in files:
        inputs |= {source.topic: source for source in each.inputs}
        partitions |= each.partitions
    settings = config.model_copy(update={"inputs": list(inputs.values())})
    settings = heeding(settings) if test.actions else settings
    registered = Registered(settings)
    listener = ActionsListener(settings.topics.actions, settings.actions or Actions())
    flow = LocalFlow(settings, None, partitions, registered.schemas, listener.upkeep)
    seen = Seen(lambda topic, partition, offset: _place(files, topic, partition, offset))
    fed = _Fed(start + test.for_ if events else start, sorted(test.actions, key=lambda deed: deed.at))
    try:
        for time, record in _merged(events, files):
            _act(fed, time, start, flow, seen, listener)
            for supplied in registered.supplied(iter([record])):
                seen.take(flow.process([supplied]))
            fed.end = max(fed.end, time)
        _act(fed, fed.end, start, flow, seen, listener)
        seen.take(flow.finish())
    except FileError as error:
        raise TrialError(str(error)) from None
    told = _told(test, settings, seen.revisions, fed.actions, home)
    notes = {
        what: (count, each.notes.first[what]) for each in files for what, count in each.notes.refused.items() if count
    }
    refused = {what: (count, f"at {seen.first_refusal[what]}") for what, count in seen.refused.items()}
    for outcome in seen.outcomes:
        if outcome.result == "refused":
            raise TrialError(f"the action {outcome.verb} of the test is refused: {outcome.reason}")
    return Came(start, fed.end, seen.revisions, seen.anomalies, told, notes | refused)


def _files(given: FileGiven, config: Config, folder: Path) -> Files:
    if given.framing not in FRAMINGS:
        raise FileError(f"framing: {given.framing} is not one of {', '.join(FRAMINGS)}")
    try:
        zone = ZoneInfo(given.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FileError(f"zone: there is no {given.zone}; write it like Europe/Berlin or UTC") from None
    columns = Columns(given.time, given.time_format, given.body, given.severity, given.labels, zone=zone)
    asked = Asked(
        columns, given.signal, given.format, given.input, given.framing, given.base64, given.arrived, timed=True
    )
    return Files([folder / given.path], config, asked)


def _start(test: Trial, files: list[Files]) -> float:
    """When a test begins that does not say it: with its first record, if all that it has was recorded."""
    if len(files) < len(test.input):
        return _MONDAY
    firsts = (next((time for time, _ in each.timed() if math.isfinite(time)), _MONDAY) for each in files)
    return min(firsts)


def _merged(events: list[described.Event], files: list[Files]) -> Iterator[tuple[float, Record]]:
    parts = [described.records(events), *(each.timed() for each in files)]
    return heapq.merge(*parts, key=lambda each: each[0])


def _place(files: list[Files], topic: str, partition: int, offset: int) -> str:
    for each in files:
        if any(source.topic == topic for source in each.inputs):
            return each.place(topic, partition, offset)
    return f"what is described, {topic.partition(':')[2]} {offset + 1:,}"


def _act(fed: _Fed, time: float, start: float, flow: LocalFlow, seen: Seen, listener: ActionsListener) -> None:
    """Do what people do until `time`, to the incidents that there are by then."""
    while fed.deeds and described.placed(fed.deeds[0].at, start) <= time:
        deed = fed.deeds.pop(0)
        action = _action(deed, len(fed.actions), start, seen)
        fed.actions.append(action)
        told = encode(action, source="test", key=action.key())
        here = round(action.at.timestamp() * 1000)
        record = Record(listener.topic, 0, len(fed.actions), here, told.key, told.value, told.headers)
        listener.hear(record)
        seen.take(flow.process([record]))


def _action(deed: Deed, number: int, start: float, seen: Seen) -> Action:
    at = utc(described.placed(deed.at, start))
    known: Incident | None = None
    for incident in seen.latest.values():
        if incident.merged_into is None and deed.title.casefold() in incident.title.casefold():
            known = incident
    if known is None:
        of = f" whose title holds {deed.title!r}" if deed.title else ""
        raise TrialError(f"{deed.verb} at {at:%Y-%m-%d %H:%M:%S}: there is no incident{of} by then")
    until = None if deed.until is None else utc(described.placed(deed.until, start))
    return Action(
        id=content_id("act", number, deed.verb, known.id), verb=deed.verb, by=deed.by, at=at, effective=at,
        incident=known.id, scope=known.scope, seen=known.revision, via="test", reason=deed.reason,
        args=Arguments(until=until, to=deed.to),
    )  # fmt: skip


def _told(test: Trial, config: Config, incidents: list[Incident], actions: list[Action], home: Path) -> list[Telling]:
    """Who would be told. Nobody is, and no target is asked anything."""
    if test.expect.routes is None:
        return []
    if config.notify is None:
        if test.expect.routes:
            raise TrialError("routes are expected, and the config has no `notify`")
        return []
    from floodmark.notify.dry_run import dry_run  # noqa: PLC0415 - only here, and targets are many

    try:
        calendars = read_calendars(config, home)
    except (OSError, ValueError) as error:
        raise TrialError(f"a calendar of notify.schedules cannot be read: {error}") from None
    told = dry_run(config, incidents, actions, asyncio.run(_takes(config)), calendars)
    return [
        Telling(
            each.at, each.target, each.who, each.message.event, each.message.loud,
            each.message.incident.title if each.message.incident is not None else "", each.message.reason,
        )
        for each in told
    ]  # fmt: skip


async def _takes(config: Config) -> dict[str, frozenset[Event]]:
    from floodmark.notify import exchange, sinks  # noqa: PLC0415

    if config.notify is None:
        return {}
    async with exchange.session() as session:
        return dict(sinks.takes(sinks.make(config.notify, session)))
