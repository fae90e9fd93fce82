"""The audit trail: what people do and say, what the engine is told to run, and what is asked of models, as entries.

A task an audited partition, and a chain a task (`floodmark.audits`). Its state is the end of its chain, which the audit
topic has itself: whoever takes the partition over reads it there, once the old owner is fenced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec

from floodmark.actions import Action, ActionOutcome
from floodmark.alerts import utc
from floodmark.audits import AuditedRecord, AuditEntry, AuditKind, Head, digest, link, sealed
from floodmark.config.models import Config
from floodmark.events import MalformedEventError, decode, encode
from floodmark.records import EARLIEST, Awaited, Output, Record, Task, arrival
from floodmark.reports import ConfigLoaded, ModelReport
from floodmark.requests import ModelRequest
from floodmark.signals import Verdict
from floodmark.state import StateError

GROUP: Final = "audit"
_WORDS: Final = 600
"""Characters of what was done."""
_COPIED: Final = 300_000
"""Bytes of a copy: an entry has to fit into a message."""
_HEAD: Final = msgspec.json.Decoder(Head)
_VERDICT: Final = msgspec.json.Decoder(Verdict)


class Said(NamedTuple):
    """What an entry says of a record."""

    at: datetime
    kind: AuditKind
    who: str
    what: str
    incident: str = ""
    details: Mapping[str, str] = {}


def audited(config: Config) -> list[str]:
    """The topics that are audited; none if there is no `audit`."""
    if config.audit is None:
        return []
    topics = config.topics
    feedback = [config.feedback.topic] if config.feedback is not None else []
    acted = [topics.actions] if config.actions is not None else []
    return [*acted, *feedback, topics.model_requests, topics.reports]


def chain_of(group: str, topic: str, partition: int) -> str:
    return f"{group}/{topic}/{partition}"


def tasks(config: Config) -> dict[str, partial[AuditTask]]:
    """What makes the task of a partition, by topic; (topic, partition, number of partitions by topic) → task."""
    return {topic: partial(AuditTask, config) for topic in audited(config)}


def keys(config: Config) -> list[bytes]:
    """With which entries may be signed, that of now first."""
    if config.audit is None or config.audit.key is None:
        return []
    return [key.get_secret_value().encode() for key in (config.audit.key, *config.audit.old_keys)]


def resuming(
    config: Config, read: Callable[[str, Sequence[bytes]], Awaitable[bytes | None]]
) -> Callable[[str, int], Awaitable[bytes | None]]:
    """What gets the state of a task; `read` finds the end of a chain whose entries are signed by one of the keys."""
    return lambda topic, partition: read(chain_of(config.kafka.group, topic, partition), keys(config))


def heard(config: Config, record: Record) -> Said | None:
    """What an entry says of a record; None of what is not audited."""
    feedback = config.feedback.topic if config.feedback is not None else None
    try:
        body = _VERDICT.decode(record.value or b"") if record.topic == feedback else decode(record)
    except (MalformedEventError, ValueError, RecursionError) as error:
        at = arrival(record)
        return Said(
            utc(at if at >= EARLIEST else 0.0), "unreadable", "", f"a record that cannot be read: {str(error)[:200]}"
        )
    if isinstance(body, Action):
        return _action(body)
    if isinstance(body, ActionOutcome):
        why = f": {body.reason}" if body.reason else ""
        what = f"{body.verb} ({body.action}) is {body.result}{why}"
        made = {"made": body.made} if body.made else {}
        return Said(body.applied_at, "outcome", "", what, body.incident, {"action": body.action, **made})
    if isinstance(body, Verdict):
        about = (
            f"undoes {body.undoes}" if body.verdict == "undo" else f"{body.direction} of {body.series} is no anomaly"
        )
        why = f": {body.reason}" if body.reason else ""
        return Said(body.at, "verdict", body.by, f"{about}{why}", "", {"id": body.id})
    if isinstance(body, ModelRequest):
        version = f" {body.version}" if body.version else ""
        what = f"asks to {body.kind} {body.model}{version}: {body.why}"
        return Said(body.at, "request", body.by, what, body.incident, {"id": body.id, "model": body.model})
    if isinstance(body, ConfigLoaded):
        return _config(body)
    if isinstance(body, ModelReport):
        return None
    name = type(body).__name__
    return Said(utc(max(arrival(record), 0.0)), "unreadable", "", f"a {name}, which does not belong here")


def _action(action: Action) -> Said:
    args = msgspec.to_builtins(action.args)
    said = "; ".join(f"{name}: {_short(value)}" for name, value in args.items())
    about = f" {action.incident}" if action.incident else ""
    what = f"{action.verb}{about}{f' ({said})' if said else ''}{f': {action.reason}' if action.reason else ''}"
    seen = {"seen": str(action.seen)} if action.seen else {}
    details = {"id": action.id, "verb": action.verb, "via": action.via, **seen}
    return Said(action.at, "action", action.by, what, action.incident, details)


def _config(body: ConfigLoaded) -> Said:
    if body.problems:
        what = f"a newer config is refused, {body.hash[:12]} goes on: {'; '.join(body.problems[:3])}"
    elif body.previous and body.previous != body.hash:
        what = f"config {body.hash[:12]} is loaded, in place of {body.previous[:12]}"
    else:
        what = f"config {body.hash[:12]} is loaded"
    details = {"hash": body.hash, "previous": body.previous, "version": body.version}
    return Said(body.at, "config", body.process, what, "", {name: value for name, value in details.items() if value})


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 100 else f"{text[:99]}…"


class AuditTask:
    """The chain of one partition of what is audited."""

    def __init__(self, config: Config, topic: str, partition: int, _: Mapping[str, int]) -> None:
        self._config = config
        self._chain = chain_of(config.kafka.group, topic, partition)
        self._source = f"{GROUP}/{topic}/{partition}"
        self._key = next(iter(keys(config)), None)
        self._head = Head(0, "")
        self._counts: Counter[str] = Counter()

    def process(self, records: Sequence[Record]) -> list[Output]:
        return [output for record in records for output in self._entry(record)]

    def _entry(self, record: Record) -> list[Output]:
        said = heard(self._config, record)
        if said is None:
            return []
        bare = AuditEntry(
            chain=self._chain,
            sequence=self._head.sequence + 1,
            previous=self._head.link,
            at=said.at,
            kind=said.kind,
            who=said.who[:200],
            what=said.what if len(said.what) <= _WORDS else f"{said.what[: _WORDS - 1]}…",
            record=AuditedRecord(topic=record.topic, partition=record.partition, offset=record.offset),
            digest=digest(record.key, record.value, record.headers),
            incident=said.incident[:200],
            details={name: value[:200] for name, value in said.details.items()},
            copy=_copy(record.value),
        )
        output = encode(sealed(bare, self._key), source=self._source, key=self._chain)
        self._head = Head(bare.sequence, link(output.value or b""))
        self._counts[f"audited:{said.kind}"] += 1
        return [output]

    def speak(self, *, idle: bool) -> list[Output]:
        return []

    def awaited(self) -> Awaited | None:
        return None

    def forgo(self, names: Sequence[str], silent: float) -> list[Output]:
        return []

    def learning(self) -> Sequence[str]:
        return ()

    def counts(self) -> Mapping[str, int]:
        return self._counts

    def sizes(self) -> Mapping[str, int]:
        return {}

    def remarks(self) -> list[str]:
        return []

    def snapshot(self) -> bytes:
        return msgspec.json.encode(self._head)

    def restore(self, state: bytes) -> Mapping[str, int]:
        """`state`: the end of the chain, as `snapshot` has it."""
        try:
            self._head = _HEAD.decode(state)
        except (ValueError, RecursionError) as error:
            raise StateError(f"this is no end of a chain: {error}") from None
        return {}

    def graft(self, warmed: Task) -> None:
        """There is nothing to take over."""


def _copy(value: bytes | None) -> str:
    """The value as text, if it is text and fits."""
    if value is None or len(value) > _COPIED:
        return ""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return ""
    return text if len(msgspec.json.encode(text)) <= _COPIED else ""
