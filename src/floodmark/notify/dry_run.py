"""Who would have been told of saved incidents, when, and why: a desk, whose clock is the incidents' own. Pure.

Nobody is told, and every target takes everything at once. A revision is heard at the event time that was known when it
was written, and an action when it was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from floodmark.actions import Action
from floodmark.alerts import Incident, utc
from floodmark.config.calendars import Calendar
from floodmark.config.models import Config
from floodmark.notify.desk import Desk
from floodmark.notify.sink import Delivered, Event, Message

_AFTER: Final = 86_400.0
"""How long it goes on after the last that was heard, so that holds, chains and quiet hours come to their end."""


class Told(NamedTuple):
    """What would have been told. `who`: the people who are meant, or empty: whoever looks at the target."""

    at: datetime
    target: str
    who: str
    message: Message


def dry_run(
    config: Config,
    incidents: Iterable[Incident],
    actions: Iterable[Action] = (),
    takes: Mapping[str, frozenset[Event]] | None = None,
    calendars: Mapping[str, Calendar] | None = None,
    after: float = _AFTER,
) -> list[Told]:
    """All that would have been told, in its order. `after`: seconds that are looked at beyond the last revision."""
    heard: list[tuple[float, int, Incident | Action]] = [
        *((_known(each).timestamp(), 0, each) for each in incidents),
        *((each.at.timestamp(), 1, each) for each in actions),
    ]
    heard.sort(key=lambda each: each[:2])  # what came at one time stays in its order
    desk = Desk(config, takes, calendars)
    told: list[Told] = []
    offset = 0
    for at, _, body in heard:
        _pass(desk, at, told)
        if isinstance(body, Incident):
            desk.revise(body, at)
        else:
            desk.hear(body, offset, at)
            offset += 1
        _send(desk, at, told)
    if heard:
        _pass(desk, heard[-1][0] + after, told)
    return told


def _known(incident: Incident) -> datetime:
    return max(incident.watermark or incident.updated_at, incident.updated_at)


def _pass(desk: Desk, until: float, told: list[Told]) -> None:
    """Let time pass, as far as anything is due in it."""
    while (due := desk.due()) < until:
        _send(desk, due, told)


def _send(desk: Desk, now: float, told: list[Told]) -> None:
    while jobs := desk.ready(now):
        desk.changed()
        for job in jobs:
            told.append(Told(utc(now), job.target, ", ".join(job.message.people), job.message))
            desk.settle(job, Delivered(job.memory), now)
    desk.changed()
