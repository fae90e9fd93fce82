"""The dead-letter topic, read and sent again. It must never change or delete a letter.

How a retry neither loses nor doubles: letters go back to their topics in transactions, and what has been sent is noted
in the same transaction. The note has two parts. The committed offset of the group GROUP-dead-letters says that all
letters before it are done. Where a filter leaves letters out, the offset stays before the first of these, and a
receipt, a record of the dead-letter topic itself ("12-40,57", offsets of its own partition), says what was sent beyond
it. A receipt lies behind the letters that it names, so whoever reads from the committed offset on meets it, and
retention deletes it after them.

The order is that of any task (law 3): start the producer, whose fixed transactional.id ends what an earlier retry
had begun and fences one that still runs; then read what is done; then send.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from floodmark.config.models import Kafka, Topics
from floodmark.letters import Letter, again, read, receipt, receipt_of
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import FencedError
from floodmark.runtime.reading import in_words, reading, records
from floodmark.runtime.topics import partitions

_LARGEST: Final = 100_000_000
"""Bytes of a message that the client lets pass: the topic it came from took it once, and its broker decides."""
_BATCH: Final = 500
"""Most letters of one transaction."""
_BATCH_BYTES: Final = 4_000_000
"""More bytes than these are not added to a transaction that has a letter."""


class Choice(NamedTuple):
    """Which letters are meant; what is empty means all. `since` in ms since the epoch."""

    topic: str = ""
    error: str = ""
    since: int = 0

    def takes(self, letter: Letter) -> bool:
        return (
            (not self.topic or letter.origin == self.topic)
            and (not self.error or letter.error == self.error)
            and letter.timestamp >= self.since
        )


@dataclass
class Survey:
    """What there is: the newest letters, oldest first, and how many there are by error."""

    newest: list[Letter]
    errors: Counter[str]


@dataclass
class Retried:
    """What a retry did: letters sent by topic, letters that cannot be sent by the reason."""

    sent: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)


def why_not(letter: Letter, ours: Collection[str]) -> str:
    """Why a letter can never be sent again; empty if it can."""
    if letter.value is None:
        return "the value was left out, since it was too large"
    if not letter.origin:
        return "it does not say where it came from"
    if letter.origin in ours:
        return f"it came from a topic that Floodmark itself writes ({letter.origin})"
    return ""


class Progress:
    """What is done of one partition of the dead letters: all before `base`, and the offsets in `beyond`."""

    def __init__(self, committed: int) -> None:
        self.base = committed
        self.beyond: set[int] = set()
        self._stuck = False

    def done(self, offset: int) -> bool:
        return offset < self.base or offset in self.beyond

    def passed(self, offset: int, *, over: bool) -> bool:
        """The letter at `offset`, the next in order, was looked at; `over`: it is not to be looked at again.

        Returns whether that needs a receipt, because `base` cannot say it.
        """
        if offset < self.base:
            return False
        known = offset in self.beyond
        if not over and not known:
            self._stuck = True
        if not self._stuck:
            self.base = offset + 1
            self.beyond.discard(offset)
            return False
        if over:
            self.beyond.add(offset)
        return over and not known


async def survey(kafka: Kafka, topics: Topics, choice: Choice, limit: int) -> Survey:
    """The letters that `choice` takes. Holds `limit` of them a partition. Raises RunError."""
    newest: list[Letter] = []
    errors: Counter[str] = Counter()
    async with reading(kafka, topics.dead_letters) as (consumer, sources):
        for source in sources:
            kept: deque[Letter] = deque(maxlen=limit)
            async for record in records(consumer, source, 0, choice.since):
                letter = read(record)
                if receipt_of(record.headers) is None and choice.takes(letter):
                    kept.append(letter)
                    errors[letter.error] += 1
            newest += kept
    newest.sort(key=lambda letter: (letter.timestamp, letter.partition, letter.offset))
    return Survey(newest[len(newest) - min(limit, len(newest)) :], errors)


async def retry(
    kafka: Kafka,
    topics: Topics,
    choice: Choice,
    *,
    everything: bool = False,
    dry: bool = False,
    told: Callable[[Letter], None] = lambda _: None,
) -> Retried:
    """Send the letters that `choice` takes again, each to the topic and partition that it came from.

    What an earlier retry has sent is left out, unless `everything`. `dry` sends nothing. `told` hears of each letter
    as it is sent (or would be). Letters that can never be sent are passed over, and counted once; those of a topic
    that does not exist now are kept for later. Raises RunError, FencedError if another retry has begun.
    """
    group = f"{kafka.group}-dead-letters"
    answer = Retried()
    async with (
        _fence(kafka, group, dry=dry) as producer,
        reading(kafka, topics.dead_letters, group) as (consumer, sources),
    ):
        progress = {source: await _progress(consumer, source) for source in sources}
        found: dict[str, int | None] = {}
        for source in sources:
            begin = 0 if everything else progress[source].base
            batch = _Batch(source, progress[source], group)
            async for record in records(consumer, source, begin, 0):
                if receipt_of(record.headers) is not None:
                    continue
                letter = read(record)
                if letter.origin and letter.origin not in found:
                    found |= await partitions(kafka, [letter.origin])
                wanted = choice.takes(letter) and (everything or not batch.progress.done(letter.offset))
                reason = why_not(letter, set(topics.model_dump().values())) if wanted else ""
                count = found.get(letter.origin)
                if wanted and not reason and count is None:
                    answer.kept[f"its topic {letter.origin} does not exist"] += 1
                    batch.pass_by(letter, over=False)
                elif reason:
                    answer.kept[reason] += 1
                    batch.pass_by(letter, over=True)
                elif wanted:
                    answer.sent[letter.origin] += 1
                    told(letter)
                    batch.send(letter, count or 0)
                else:
                    batch.pass_by(letter, over=False)
                if batch.full:
                    await batch.commit(producer)
            await batch.commit(producer)
    return answer


class _Batch:
    """What the next transaction of a partition holds."""

    def __init__(self, source: TopicPartition, progress: Progress, group: str) -> None:
        self.progress = progress
        self._source = source
        self._group = group
        self._committed = progress.base
        self._messages: list[tuple[str, bytes | None, bytes | None, int | None, list[tuple[str, bytes]]]] = []
        self._bytes = 0
        self._noted: list[int] = []

    @property
    def full(self) -> bool:
        return max(len(self._messages), len(self._noted)) >= _BATCH or self._bytes >= _BATCH_BYTES

    def send(self, letter: Letter, count: int) -> None:
        """To its own partition, if its topic still has that: a series must not move for having been a dead letter."""
        place = letter.place[0]
        partition = place if place is not None and place < count else None
        self._messages.append((letter.origin, letter.value, letter.key, partition, again(letter)))
        self._bytes += len(letter.value or b"")
        self.pass_by(letter, over=True)

    def pass_by(self, letter: Letter, *, over: bool) -> None:
        if self.progress.passed(letter.offset, over=over):
            self._noted.append(letter.offset)

    async def commit(self, producer: AIOKafkaProducer | None) -> None:
        """All of it in one transaction, with what says that it is done; nothing if there is no producer (a dry run)."""
        messages, noted, base = self._messages, self._noted, self.progress.base
        self._messages, self._noted, self._bytes = [], [], 0
        if producer is None or not (messages or noted or base > self._committed):
            return
        await producer.begin_transaction()
        waiting = [
            await producer.send(topic, value, key, partition, headers=headers)
            for topic, value, key, partition, headers in messages
        ]
        if noted:
            note = [receipt(noted)]
            waiting.append(await producer.send(self._source.topic, b"", None, self._source.partition, headers=note))
        for acknowledged in waiting:
            await acknowledged
        if base > self._committed:
            await producer.send_offsets_to_transaction({self._source: base}, self._group)
        await producer.commit_transaction()
        self._committed = base


async def _progress(consumer: AIOKafkaConsumer, source: TopicPartition) -> Progress:
    """What earlier retries have done of a partition. Takes memory for each letter that they sent beyond the offset."""
    consumer.assign([source])
    progress = Progress(await consumer.committed(source) or 0)
    async for record in records(consumer, source, progress.base, 0):
        for offsets in receipt_of(record.headers) or []:
            # A letter lies before its receipt, whatever the receipt says.
            progress.beyond.update(range(max(offsets.start, progress.base), min(offsets.stop, record.offset)))
    return progress


@asynccontextmanager
async def _fence(kafka: Kafka, group: str, *, dry: bool) -> AsyncIterator[AIOKafkaProducer | None]:
    """The producer of retries: an earlier one can do nothing more. None for a dry run, which disturbs nobody."""
    if dry:
        yield None
        return
    producer = AIOKafkaProducer(
        **client_settings(kafka),
        transactional_id=group,
        enable_idempotence=True,
        acks="all",
        compression_type="lz4",
        max_request_size=_LARGEST,
    )
    with in_words(kafka):
        try:
            await producer.start()
            yield producer
        except (ProducerFenced, InvalidProducerEpoch) as error:
            sentence = "Another `floodmark dead-letters retry` has begun; this one stops, and what it sent is noted"
            raise FencedError(sentence) from error
        finally:
            await producer.stop()
