"""Examples for targets, marked as such, to see that they arrive: `floodmark notify test`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from msgspec.structs import replace

from floodmark.alerts import Cause, ChangeNotice, Incident, Member
from floodmark.config.models import Config
from floodmark.config.notify import Notify, Route
from floodmark.notify import exchange, sinks
from floodmark.notify.desk import Job
from floodmark.notify.masking import Masking
from floodmark.notify.posting import Posting
from floodmark.notify.sink import Delivered, Event, Message
from floodmark.requests import ModelRequest

_SENT: Final[tuple[Event, ...]] = ("open", "change", "request", "digest", "playbook")
"""What is sent, the first of these that a target takes; a playbook never: it would do something."""


class Sent(NamedTuple):
    """What came of an example."""

    target: str
    event: str
    ok: bool
    words: str


def reached(notify: Notify, route: Route) -> list[str]:
    """The targets of all whom a route can tell, now or later."""
    names = [*route.targets, *route.fallback]
    if route.chain is not None and route.chain in notify.chains:
        chain = notify.chains[route.chain]
        names += [name for step in chain.steps for name in step.notify] + chain.fallback
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(_targets(notify, name))
    return list(found)


async def send(config: Config, targets: list[str]) -> list[Sent]:
    """Send an example to each of the targets, and what ends it. Raises RunError for a target that cannot be made."""
    assert config.notify is not None
    masking = Masking(config)
    async with exchange.session() as session:
        made = sinks.make(config.notify, session)
        posting = Posting(config.notify, made, masking)
        return [sent for name in targets for sent in [*await _sent(posting, name, made[name].takes)]]


async def _sent(posting: Posting, target: str, takes: frozenset[Event]) -> list[Sent]:
    event = next((each for each in _SENT if each in takes), None)
    if event is None or event == "playbook":
        return [Sent(target, event or "", True, "not tried: whatever it is told, it does")]
    first = message(target, event, datetime.now(UTC))
    outcome = await posting.tell(Job(target, first, {}))
    found = [_said(target, event, outcome)]
    if isinstance(outcome, Delivered) and event == "open" and "resolve" in takes:
        over = resolved(first)
        found.append(_said(target, "resolve", await posting.tell(Job(target, over, outcome.memory))))
    return found


def _said(target: str, event: str, outcome: object) -> Sent:
    if isinstance(outcome, Delivered):
        return Sent(target, event, True, f"delivered{f': {outcome.note}' if outcome.note else ''}")
    reason = getattr(outcome, "reason", "nothing came of it")
    return Sent(target, event, False, f"not delivered: {reason}")


def message(target: str, event: Event, now: datetime) -> Message:
    """An example of an event, with a key of its own."""
    key = f"test-{secrets.token_hex(6)}"
    base = Message(
        id=f"{key}/1/{target}", key=key, event=event, at=now, revision=1, test=True,
        reason="this is an example, sent by hand to see that it arrives; nothing is wrong",
    )  # fmt: skip
    notice = ChangeNotice(
        id=key, scope="", time=now, service="example", kind="deploy", summary="an example of a change",
        status="succeeded", version="1.0.1",
    )  # fmt: skip
    if event == "change":
        return replace(base, change=notice)
    if event == "request":
        asked = ModelRequest(
            id=key, kind="evaluate", model="example", why="an example of a request", by="floodmark", at=now
        )
        return replace(base, request=asked)
    if event == "digest":
        return replace(base, lines=("an example of many incidents told as one",))
    return replace(base, incident=_incident(key, now, notice))


def resolved(opened: Message) -> Message:
    """The message that ends an example."""
    incident = opened.incident
    assert incident is not None
    end, why = opened.at, "it was an example"
    over = replace(incident, event="resolved", revision=2, resolved_at=end, updated_at=end, resolution=why)
    identity = f"{opened.key}/2/{opened.id.rpartition('/')[2]}"
    reason = "the example is over"
    return replace(opened, id=identity, event="resolve", revision=2, state="resolved", reason=reason, incident=over)


def _incident(key: str, now: datetime, change: ChangeNotice) -> Incident:
    since = now - timedelta(minutes=3)
    member = Member(
        id=f"ano-{key}", entity="example", signal="metric", series='latency{service="example"}', head="range",
        direction="up", started_at=since, ended_at=None, p_value=1e-6, severity="warning",
        summary="latency is 900 ms, expected 110 to 130 ms", why="an example",
    )  # fmt: skip
    reason = "an example: it was changed a minute before"
    cause = Cause(entity="example", share=1.0, reason=reason, anomalies=[member.id], change=change.id)
    return Incident(
        id=key, event="opened", revision=1, scope="", severity="warning", title="An example of an incident",
        why="one anomaly, made up", started_at=since, updated_at=now, resolved_at=None, resolution="",
        entities=["example"], member_count=1, members=[member], causes=[cause], changes=[change], watermark=now,
    )  # fmt: skip


def _targets(notify: Notify, name: str) -> Iterator[str]:
    """A target, or those of a person, or of all who are ever on call in a schedule."""
    if name in notify.targets:
        yield name
    elif name in notify.people:
        yield from notify.people[name].targets
    elif name in notify.schedules:
        schedule = notify.schedules[name]
        people = [*schedule.rotation, *(person for layer in schedule.layers for person in layer.rotation)]
        people += [each.person for each in schedule.overrides]
        for person in people:
            if person in notify.people:
                yield from notify.people[person].targets
