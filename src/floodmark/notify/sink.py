"""The seam between what is to be told and who is told: a `Sink` takes one message and says what has come of it.

A sink is a folder of `targets/`, whose module has `sink(settings, exchange) -> Sink`; `settings` are its section of
`notify.targets.NAME`. It keeps no state: what a target has called something comes back as `memory`. It knows no clock,
no retry and no order: messages with one key come one after the other, never an older revision after a newer one, and
the same message again, with the same id, if it is not known whether it arrived. It speaks HTTP through the `Exchange`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct, field

from floodmark.alerts import ChangeNotice, Incident
from floodmark.requests import ModelRequest

Event = Literal["open", "update", "resolve", "digest", "change", "request", "playbook"]
"""open: it was not told before, or is open again. update: goes into what is told already. digest: many at once, in
`lines`."""


class Message(Struct, frozen=True, kw_only=True):
    """What a target is to be told, once. What is in it has been masked.

    `id` is the same at every attempt, and unique (KEY/REVISION/TARGET/…): it is what idempotent targets want. `key` is
    what all messages of one thing have in common: the id of the incident. `loud`: it may ring; else it is for whoever
    looks. `reason` says why it is told now, in a sentence. `people`: who is addressed, if anybody. `state` and `owner`:
    where it stands by what people did. `link`, `runbook`: addresses, or empty. `playbook`: what is to be run; of an
    incident, what waits for somebody to approve it. `test`: it is an example, and a playbook is only to be rehearsed.
    """

    id: str
    key: str
    event: Event
    at: datetime
    revision: int = 0
    loud: bool = False
    reason: str = ""
    people: tuple[str, ...] = ()
    state: Literal["open", "acked", "snoozed", "resolved", "merged"] = "open"
    owner: str = ""
    team: str = ""
    link: str = ""
    runbook: str = ""
    test: bool = False
    incident: Incident | None = None
    change: ChangeNotice | None = None
    request: ModelRequest | None = None
    playbook: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


class Delivered(NamedTuple):
    """It is there. `memory`: what the target called it, for the next message with that key (it replaces the last)."""

    memory: Mapping[str, str] = {}
    note: str = ""


class Later(NamedTuple):
    """It could not be taken now, for a reason in words without secrets; `after`: seconds the target asks to wait.
    `sent`: no if the target was not even asked; a sink never says so."""

    reason: str
    after: float | None = None
    sent: bool = True


class Refused(NamedTuple):
    """It will never be taken as it is, for a reason in words without secrets."""

    reason: str


Outcome = Delivered | Later | Refused


class Request(NamedTuple):
    """An HTTP request. The address and the headers may hold secrets: they are shown nowhere."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Answer(NamedTuple):
    """What came back; the names of headers are lower-case. Of the body at most 256 KiB."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""


class UnansweredError(Exception):
    """No answer came: refused, unknown host, TLS, time-out. In words without secrets. What became of the request is not
    known, so it is tried again."""


class Exchange(Protocol):
    """Sends a request and waits for its answer, within the target's time-out. Raises UnansweredError."""

    async def __call__(self, request: Request) -> Answer: ...


class Sink(Protocol):
    """A target, ready to be told things."""

    takes: frozenset[Event]
    """Which events it can be told; it is never given others."""

    async def deliver(self, message: Message, memory: Mapping[str, str]) -> Outcome:
        """Tell it. Raises UnansweredError; anything else that it raises is a bug of ours, and tried later."""
        ...


LATER = frozenset({408, 409, 425, 429})
"""Statuses below 500 that ask to try again (RFC 9110, RFC 8470, RFC 6585)."""
_LONGEST = 300


def settled(answer: Answer, memory: Mapping[str, str] | None = None) -> Outcome:
    """What a status says, where the target's documents say nothing else: 2xx is there; 408, 409, 425, 429 and 5xx come
    again; anything else will never be taken."""
    if 200 <= answer.status < 300:
        return Delivered(memory or {})
    words = " ".join(answer.body[:_LONGEST].decode("utf-8", "replace").split())
    reason = f"status {answer.status}{f': {words}' if words else ''}"
    if answer.status in LATER or answer.status >= 500:
        return Later(reason, retry_after(answer))
    return Refused(reason)


def retry_after(answer: Answer) -> float | None:
    """Seconds of a Retry-After header given as a number (RFC 9110, section 10.2.3); None if there is none such."""
    value = answer.headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else None
