"""From the body of a POST to a record of the actions topic. The server says who, when, and from when on it holds."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec.structs import replace

from floodmark.actions import CORRELATED, OF_ALL, VERBS, Action, ActionOutcome, Arguments, new_id, wrong_with
from floodmark.alerts import SEVERITIES, Incident, content_id
from floodmark.config.models import Config
from floodmark.console.contract import Acting
from floodmark.console.folding import unpack
from floodmark.console.rights import Person, too_much, why_not
from floodmark.events import encode
from floodmark.fold import NO_EFFECT, Revision, life
from floodmark.notify.routes import facts_of
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import RunError
from floodmark.runtime.reading import existing
from floodmark.signals import Verdict

SECONDS: Final = 10.0
"""How long Kafka may take to have an action."""
_LAST: Final = 2**62
_OF_OPEN: Final = frozenset(
    {"resolve", "merge", "split", "dismiss", "ack", "unack", "assign", "snooze", "unsnooze", "page"}
)
_KEY: Final = re.compile(r"^[A-Za-z0-9_.:~-]{8,100}$")
_REASON: Final = 2_000


class RefusedError(Exception):
    """The action is not taken: HTTP's status, a sentence, and where in the body (a JSON pointer)."""

    def __init__(self, status: int, words: str, pointer: str = "") -> None:
        self.status, self.words, self.pointer = status, words, pointer
        super().__init__(words)


class NotSentError(Exception):
    """Kafka has not taken it, as far as anybody knows; its text is a sentence."""


def read(body: bytes) -> tuple[Acting, Arguments]:
    """What is asked for. Raises RefusedError with the place of what is wrong."""
    try:
        asked = msgspec.json.decode(body, type=Acting)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(400, f"The body cannot be read: {error}", pointer(str(error))) from error
    if asked.verb not in VERBS:
        raise RefusedError(400, f"There is no verb {asked.verb[:40]!r}; there are: {', '.join(VERBS)}.", "/verb")
    try:
        known = {each.encode_name for each in msgspec.structs.fields(Arguments)}
        if strange := sorted(set(asked.args) - known):
            raise RefusedError(400, f"No action has an argument {strange[0][:40]!r}.", f"/args/{escaped(strange[0])}")
        return asked, msgspec.convert(asked.args, Arguments, strict=False, str_keys=True)
    except msgspec.ValidationError as error:
        raise RefusedError(400, f"An argument cannot be read: {error}", f"/args{pointer(str(error))}") from error


def pointer(words: str) -> str:
    """The place that msgspec names (`$.a[0]`) as a JSON pointer (RFC 6901); empty if it names none."""
    found = re.search(r"`\$((?:\.[^.`\[]+|\[\d+\]|\[\.\.\.\])*)`", words)
    unknown = re.search(r"unknown field `([^`]+)`", words)
    if found is None:
        return f"/{escaped(unknown[1])}" if unknown else ""
    parts = re.findall(r"\.([^.`\[]+)|\[(\d+)\]", found[1])
    path = "".join(f"/{escaped(name or number)}" for name, number in parts)
    return f"{path}/{escaped(unknown[1])}" if unknown else path


def escaped(name: str) -> str:
    return name[:200].replace("~", "~0").replace("/", "~1")


def made(
    db: sqlite3.Connection, config: Config, person: Person, asked: Acting, args: Arguments, key: str, now: datetime
) -> Action:
    """The action, if this person may do it and it can do what it should. Raises RefusedError."""
    if key and not _KEY.match(key):
        words = "Idempotency-Key is 8 to 100 letters, digits, and _ . : ~ -."
        raise RefusedError(400, words)
    incident = known(db, asked.incident) if asked.incident else None
    if asked.verb not in OF_ALL and incident is None:
        if not asked.incident:
            raise RefusedError(400, f"{asked.verb} is about an incident: say which.", "/incident")
        raise RefusedError(404, f"There is no incident {asked.incident[:100]!r}.", "/incident")
    facts = facts_of(incident, config.services) if incident is not None else None
    if why := why_not(person, asked.verb, facts):
        raise RefusedError(403, why)
    action = Action(
        id=key or new_id(),
        verb=asked.verb,
        by=person.name,
        at=now,
        incident=incident.id if incident is not None else "",
        scope=incident.scope if incident is not None else "",
        seen=min(asked.seen or incident.revision, incident.revision) if incident is not None else 0,
        via="console",
        reason=asked.reason,
        args=args,
    )
    if why := too_much(person, action, facts):
        raise RefusedError(403, why)
    try:
        action = msgspec.json.decode(msgspec.json.encode(action), type=Action)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise RefusedError(400, f"The action would not be read: {error}", pointer(str(error))) from error
    if wrong := wrong_with(action):
        raise RefusedError(400, wrong, "/args")
    if asked.verb in CORRELATED and incident is not None:
        action = replace(action, effective=effective(db, config, incident, args.from_))
    if incident is not None and (late := too_late(db, action, incident)):
        raise RefusedError(409, late)
    return action


def known(db: sqlite3.Connection, id: str) -> Incident | None:
    found = db.execute("SELECT body FROM incident WHERE id=?", (id,)).fetchone()
    return None if found is None else unpack(found[0], Incident)


def effective(db: sqlite3.Connection, config: Config, incident: Incident, others: Sequence[str] = ()) -> datetime:
    """From when on an action on it would hold, in event time: behind what any task can have decided by now."""
    times = [(incident.watermark or incident.updated_at).timestamp()]
    others_known = [each for each in (known(db, other) for other in others) if each is not None]
    times += [(each.watermark or each.updated_at).timestamp() for each in others_known]
    reached = db.execute("SELECT max(at) FROM reached").fetchone()[0]
    newest = max([*times, *([reached] if reached is not None else [])])
    return datetime.fromtimestamp(newest, UTC) + 2 * timedelta(seconds=config.detect.tick)


def too_late(db: sqlite3.Connection, action: Action, incident: Incident) -> str:
    """Why an action cannot do what it should as things are now, as a sentence; empty if it can."""
    if incident.merged_into is not None and action.verb in _OF_OPEN | {"reopen"}:
        return f"{incident.id} was merged into {incident.merged_into}: that is the one to act on."
    if incident.resolved_at is not None and action.verb in _OF_OPEN:
        return f"{incident.id} is resolved; reopen it first."
    if action.verb == "reopen" and incident.resolved_at is None:
        return f"{incident.id} is open."
    members = {each.id for each in incident.members}
    if action.verb in ("split", "dismiss") and incident.member_count <= len(members):
        wanted = set(action.args.anomalies)
        if strange := sorted(wanted - members):
            return f"{strange[0][:80]} is not in {incident.id}."
        if action.verb == "split" and wanted >= members:
            return f"All of {incident.id} would leave it: name some of its anomalies."
    if action.verb == "merge":
        return _not_mergeable(db, action, incident)
    effect = _life(db, incident.id, action)
    return f"It would change nothing: {effect.removeprefix(NO_EFFECT)}." if effect else ""


def _life(db: sqlite3.Connection, id: str, action: Action) -> str:
    """The effect that the fold says the action would have, if that is none."""
    revisions = [
        Revision(number, event, SEVERITIES[severity], entities)
        for number, event, severity, entities in db.execute(
            "SELECT revision, event, severity, entities FROM revision WHERE incident=?", (id,)
        )
    ]
    done: list[tuple[int, Action]] = [
        (offset, unpack(body, Action))
        for offset, body in db.execute("SELECT offset, body FROM action WHERE incident=?", (id,))
    ]
    outcomes = [
        unpack(body, ActionOutcome) for (body,) in db.execute("SELECT body FROM outcome WHERE incident=?", (id,))
    ]
    stands = life(revisions, [*done, (_LAST, action)], action.at, outcomes=outcomes)
    effect = dict(stands.effects).get(action.id, "")
    return effect if effect.startswith(NO_EFFECT) else ""


def _not_mergeable(db: sqlite3.Connection, action: Action, into: Incident) -> str:
    for other in action.args.from_:
        source = known(db, other)
        if source is None:
            return f"There is no incident {other[:80]!r}."
        if source.id == into.id:
            return "An incident cannot be merged into itself."
        if source.merged_into is not None:
            return f"{source.id} was merged into {source.merged_into} already."
        if source.resolved_at is not None:
            return f"{source.id} is resolved; reopen it first."
        if source.scope != into.scope:
            return f"{source.id} is of another scope than {into.id}: scopes are correlated apart, so link them instead."
    return ""


def verdicts(action: Action, incident: Incident) -> list[Verdict]:
    """What a dismissal says to detection: once for each series and direction."""
    said: dict[tuple[str, str], Verdict] = {}
    for each in incident.members:
        if (
            (action.args.anomalies and each.id not in action.args.anomalies)
            or each.head == "stale"
            or each.signal == "alert"
        ):
            continue  # silence, and what others say, are not ours to make calmer
        direction: Any = "both" if each.direction == "none" else each.direction
        said[each.series, direction] = Verdict(
            id=content_id("say", action.id, each.series, direction),
            verdict="not_anomaly",
            series=each.series,
            direction=direction,
            by=action.by,
            reason=action.reason[:_REASON] or f"dismissed in {action.incident}",
            at=action.at,
        )
    return list(said.values())


class Writer:
    """Writes actions and verdicts; one producer for as long as the console runs, begun anew when it fails."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._producer: AIOKafkaProducer | None = None
        self._lock = asyncio.Lock()

    async def write(self, action: Action) -> int:
        """The offset of the action, once all replicas have it. Raises NotSentError."""
        output = encode(action, source="console", key=action.key())
        return await self._send(self._config.topics.actions, output.value, output.key, list(output.headers))

    async def say(self, verdict: Verdict) -> int:
        """Write what somebody says of a series. Raises NotSentError."""
        feedback = self._config.feedback
        if feedback is None:
            raise NotSentError("The config has no `feedback`: nobody would hear it.")
        headers: Sequence[tuple[str, bytes]] = [("content-type", b"application/json")]
        return await self._send(feedback.topic, msgspec.json.encode(verdict), None, headers, partition=0)

    async def close(self) -> None:
        async with self._lock:
            await self._drop()

    async def _send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Sequence[tuple[str, bytes]],
        partition: int | None = None,
    ) -> int:
        try:
            async with asyncio.timeout(SECONDS):
                async with self._lock:
                    if self._producer is None:
                        await existing(self._config.kafka, topic)
                        fresh = AIOKafkaProducer(
                            **client_settings(self._config.kafka), acks="all", enable_idempotence=True, linger_ms=0
                        )
                        try:
                            await fresh.start()
                        except BaseException:
                            await fresh.stop()
                            raise
                        self._producer = fresh
                    producer = self._producer
                written = await producer.send_and_wait(topic, value, key, partition=partition, headers=list(headers))
                return int(written.offset)
        except (TimeoutError, KafkaError, RunError, OSError) as error:
            async with self._lock:
                await self._drop()
            why = str(error) or "Kafka did not answer in time"
            raise NotSentError(f"Not sent, as far as is known: {why}. Do it again: it counts once.") from error

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            task = asyncio.create_task(producer.stop())
            await asyncio.wait([task], timeout=2.0)
