"""Read incidents and write actions from a program of your own. docs/client.md shows how.

All of it reads committed records only, joins no consumer group and commits nothing, so it disturbs nobody. `kafka` is
the bootstrap servers ("localhost:9092", or several), or the `kafka` section of a config, for a protected cluster.
What Kafka refuses raises `floodmark.runtime.RunError`, whose text is a sentence. A record that is not one of ours is
left out, and told to the log named floodmark.client.

Importing this module brings nothing but the contract; Kafka's client comes with the first call.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from floodmark.actions import Action, ActionOutcome, wrong_with
from floodmark.alerts import Incident, Watermark
from floodmark.events import MalformedEventError, decode, encode, event_type
from floodmark.fold import ACK, Book
from floodmark.records import Record

if TYPE_CHECKING:
    from floodmark.config.models import Kafka

    Cluster = str | Sequence[str] | Kafka
    """Bootstrap servers, or how to reach them."""

ALERTS: Final = "floodmark.alerts"
ACTIONS: Final = "floodmark.actions"
ANOMALIES: Final = "floodmark.anomalies"
BEGINNING: Final = datetime.fromtimestamp(0, UTC)
"""Since ever."""

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


class Deed(NamedTuple):
    """A record of the actions topic, and where it lies: what somebody did, or what the engine made of that."""

    said: Action | ActionOutcome
    place: Place


class NotMeantError(ValueError):
    """An action that nobody could follow; its text says what is wrong with it."""


async def incidents(
    kafka: Cluster, *, topic: str = ALERTS, since: datetime | None = None
) -> AsyncGenerator[Incident, None]:
    """Each revision of each incident as it is told, until nobody asks any more: from now on, or `since` a time."""
    async with aclosing(_followed(kafka, topic, since)) as following:
        async for record in following:
            if isinstance(body := _body(record), Incident):
                yield body


async def told(kafka: Cluster, *, topic: str = ALERTS, since: datetime = BEGINNING) -> AsyncIterator[Incident]:
    """Each revision that the topic has by now, by partition and in the order of offsets."""
    async for record in _held(kafka, topic, since):
        if isinstance(body := _body(record), Incident):
            yield body


async def actions(kafka: Cluster, *, topic: str = ACTIONS, since: datetime = BEGINNING) -> AsyncIterator[Deed]:
    """What people have done so far, and what the engine made of it, by partition and in the order of offsets."""
    async for record in _held(kafka, topic, since):
        if (deed := _deed(record)) is not None:
            yield deed


async def follow(
    kafka: Cluster, *, alerts: str = ALERTS, actions: str = ACTIONS, since: datetime | None = None
) -> AsyncGenerator[Incident | Deed, None]:
    """Revisions, actions and outcomes as they come, until nobody asks any more. The two topics have no common order:
    `floodmark.fold` makes one answer of them all the same."""
    from floodmark.runtime.tailing import together  # noqa: PLC0415 - see above

    streams = (_followed(kafka, alerts, since), _followed(kafka, actions, since))
    async with aclosing(together(*streams)) as both:
        async for record in both:
            if record.topic == actions:
                if (deed := _deed(record)) is not None:
                    yield deed
            elif isinstance(body := _body(record), Incident):
                yield body


async def latest(kafka: Cluster, *, topic: str = ALERTS, since: datetime = BEGINNING) -> dict[str, Incident]:
    """The newest revision of each incident of which something was told since, by its id."""
    found: dict[str, Incident] = {}
    async for each in told(kafka, topic=topic, since=since):
        if each.id not in found or each.revision >= found[each.id].revision:
            found[each.id] = each
    return found


def means(id: str, begins: str) -> bool:
    """Whether an id is meant by how it begins, with or without its inc-."""
    return id.startswith((begins, f"inc-{begins}"))


async def history(kafka: Cluster, begins: str | Collection[str], *, topic: str = ALERTS) -> dict[str, list[Incident]]:
    """All revisions of the incidents whose id begins with what is given, or with one of that; oldest first, by id."""
    found: dict[str, dict[int, Incident]] = {}
    wanted = [begins] if isinstance(begins, str) else begins
    async for record in _held(kafka, topic, BEGINNING):
        name = _named(record)
        if any(means(name, each) for each in wanted) and isinstance(body := _body(record), Incident):
            found.setdefault(body.id, {})[body.revision] = body
    return {id: [one[number] for number in sorted(one)] for id, one in found.items()}


async def book(
    kafka: Cluster,
    *,
    alerts: str = ALERTS,
    actions: str = ACTIONS,
    since: datetime = BEGINNING,
    most: int = 5_000,
    ack: timedelta = ACK,
) -> Book:
    """Where each incident of which something was told since stands, by the engine and by people."""
    found = Book(most, ack)
    async for each in told(kafka, topic=alerts, since=since):
        found.take(each)
    async for record in _held(kafka, actions, BEGINNING):
        if (deed := _deed(record)) is not None and deed.said.incident in found:
            found.take(deed.said, deed.place.offset)
    return found


async def reached(kafka: Cluster, *, topic: str = ANOMALIES) -> datetime | None:
    """The event time that the engine has reached, by the newest watermarks in the anomalies topic; None if it has said
    none lately."""
    from floodmark.runtime.tailing import last_of  # noqa: PLC0415 - see above

    words = await last_of(_section(kafka), topic, lambda each: event_type(each.headers) == _WATERMARK)
    return max((body.time for each in words if isinstance(body := _body(each), Watermark)), default=None)


async def act(kafka: Cluster, action: Action, *, topic: str = ACTIONS) -> Place:
    """Write an action; returns once all replicas have it. Raises NotMeantError.

    To write the same action again (its id is the same) changes nothing, so that whoever is not sure may do so.
    """
    output = encode(checked(action), source=action.via, key=action.key())
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 - see above

    from floodmark.runtime.connection import client_settings  # noqa: PLC0415
    from floodmark.runtime.reading import existing, in_words  # noqa: PLC0415

    section = _section(kafka)
    await existing(section, topic)  # or the producer might create it, with the broker's own retention
    producer = AIOKafkaProducer(**client_settings(section), acks="all", enable_idempotence=True)
    with in_words(section):
        try:
            await producer.start()
            written = await producer.send_and_wait(topic, output.value, output.key, headers=list(output.headers))
        finally:
            await producer.stop()
    return Place(topic, written.partition, written.offset)


def checked(action: Action) -> Action:
    """The action, if others can read and follow it. Raises NotMeantError."""
    try:
        read = msgspec.json.decode(msgspec.json.encode(action), type=Action)
    except msgspec.ValidationError as error:
        raise NotMeantError(f"The action would not be read: {error}") from error
    except UnicodeEncodeError as error:
        raise NotMeantError("The action would not be read: a text in it is no Unicode") from error
    if wrong := wrong_with(read):
        raise NotMeantError(wrong)
    return read


_SAID: Final = 300
_WATERMARK: Final = "dev.floodmark.watermark.v1"


async def _held(kafka: Cluster, topic: str, since: datetime) -> AsyncIterator[Any]:
    from floodmark.runtime.tailing import held  # noqa: PLC0415 - see above

    async for record in held(_section(kafka), topic, since.timestamp()):
        yield record


async def _followed(kafka: Cluster, topic: str, since: datetime | None) -> AsyncGenerator[Any, None]:
    from floodmark.runtime.tailing import followed  # noqa: PLC0415 - see above

    start = None if since is None else since.timestamp()
    async with aclosing(followed(_section(kafka), topic, start)) as following:
        async for records in following:
            for record in records:
                yield record


def _deed(record: Any) -> Deed | None:
    body = _body(record)
    place = Place(record.topic, record.partition, record.offset)
    return Deed(body, place) if isinstance(body, Action | ActionOutcome) else None


def _named(record: Any) -> str:
    return next((value.decode("utf-8", "replace") for name, value in record.headers if name == "ce_id"), "")


def _body(record: Any) -> object:
    """What a record of ours holds; None if it is none."""
    try:
        return decode(Record(record.topic, record.partition, record.offset, -1, None, record.value, record.headers))
    except (MalformedEventError, msgspec.MsgspecError) as error:
        said = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(error)[:_SAID])
        log.warning("%s/%s@%s is left out: %s", record.topic, record.partition, record.offset, said)
        return None


def _section(kafka: Cluster) -> Kafka:
    from floodmark.config.models import Kafka  # noqa: PLC0415 - see above

    if isinstance(kafka, Kafka):
        return kafka
    return Kafka(brokers=kafka.split(",") if isinstance(kafka, str) else list(kafka))
