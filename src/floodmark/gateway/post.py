"""Bodies to Kafka: an idempotent producer with acks=all, made anew where it has failed.

The guarantee: `send` returns once all replicas in sync have the record, and until then the sender has no yes. While the
producer lives a record is written once, however often it is tried; one whose outcome was open when a producer had to be
replaced, or this process ended, can be written twice, since its sender comes again.

A record that the broker refuses leaves a gap in the producer's numbers, behind which it takes no more of that
partition: so the producer is then replaced, and what is too large is found out before, as far as that can be known.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import cramjam
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerClosed,
)

from floodmark.config.models import Kafka
from floodmark.records import Headers
from floodmark.runtime.connection import client_settings
from floodmark.runtime.errors import PermissionDeniedError, RunError, UnreachableError, refused
from floodmark.runtime.presence import Presence

log = structlog.get_logger(__name__)

MOST_BYTES: Final = 64_000_000
"""Bytes of bodies that may wait for Kafka; beyond, senders are asked to come again."""
_LARGEST: Final = 100_000_000
"""Bytes of a record that the client lets pass: what a topic takes is the broker's to say, once it is compressed."""
_BATCH_BYTES: Final = 262_144
_AROUND: Final = 500
"""Bytes of a batch beside the body: its head, the key, the headers."""
_AGAIN_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.1
_STOP_SECONDS: Final = 5.0


class LaterError(Exception):
    """It cannot be written now; the sender should come again. Its text is a sentence for the log."""


class TooLargeError(Exception):
    """The topic does not take a record as large, also not compressed."""


class Carrier(Protocol):
    """Where bodies go."""

    async def send(self, topic: str, key: bytes | None, value: bytes, headers: Headers) -> None:
        """Returns once it is safe. Raises LaterError, TooLargeError."""
        ...


class Post:
    """The `Carrier` to Kafka. `run` keeps the producer; `send` uses the one that there is."""

    def __init__(self, kafka: Kafka, presence: Presence) -> None:
        self._kafka = kafka
        self._presence = presence
        self._producer: AIOKafkaProducer | None = None
        self._broken = asyncio.Event()
        self._bytes = 0
        self.largest: Mapping[str, int] = {}
        """max.message.bytes of the topics, as far as it is known."""
        self._refused: dict[str, str] = {}  # by topic of the config: why Kafka does not take it

    def troubles(self) -> list[str]:
        """Why nothing, or not everything, would be written: a sentence each."""
        starting = [] if self._producer is not None else ["starting: the producer is not connected yet"]
        return [*starting, *self._refused.values()]

    async def run(self) -> None:
        """Keep a producer, for ever. Raises RunError for what no retry mends at the start."""
        try:
            while True:
                try:
                    await self._renew()
                except UnreachableError as error:
                    log.debug("no producer yet", reason=str(error))
                except RunError as error:
                    if self._producer is None:
                        raise
                    log.error(f"{error}; trying again")
                else:
                    await self._broken.wait()
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            producer, self._producer = self._producer, None
            if producer is not None:
                await _end(producer)

    async def send(self, topic: str, key: bytes | None, value: bytes, headers: Headers) -> None:
        producer = self._producer
        if producer is None or self._presence.away_since is not None:
            raise LaterError(self._presence.sentence() or "the producer is not connected yet")
        if self._bytes and self._bytes + len(value) > MOST_BYTES:
            raise LaterError(f"{self._bytes} bytes wait for Kafka already")
        if not _fits(value, self.largest.get(topic)):
            raise TooLargeError
        self._bytes += len(value)
        try:
            await (await producer.send(topic, value, key, headers=list(headers)))
        except (KafkaTimeoutError, ProducerClosed, KafkaConnectionError) as error:
            raise LaterError(f"topic {topic} could not be written: {error!r}") from error
        except KafkaError as error:
            if producer is self._producer:
                self._broken.set()
            if isinstance(error, MessageSizeTooLargeError):
                raise TooLargeError from None
            sentence = refused(error, self._kafka.security.username)
            if isinstance(sentence, PermissionDeniedError):
                self._refused[topic] = str(sentence)
            raise LaterError(str(sentence or f"topic {topic} could not be written: {error!r}")) from error
        finally:
            self._bytes -= len(value)
        self._refused.pop(topic, None)

    async def _renew(self) -> None:
        """A new producer in place of the one that there may be. Raises RunError, and then all is as it was."""
        producer = AIOKafkaProducer(**_settings(self._kafka))
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise UnreachableError(f"Kafka is not reachable: {error}") from error
        except KafkaError as error:
            await producer.stop()
            raise refused(error, self._kafka.security.username) or UnreachableError(repr(error)) from error
        except BaseException:
            await producer.stop()
            raise
        self._broken.clear()
        before, self._producer = self._producer, producer
        if before is None:
            log.info("connected: bodies are written to Kafka")
        else:
            log.info("connected anew: Kafka had refused a body, or the producer had failed")
            await _end(before)


async def _end(producer: AIOKafkaProducer) -> None:
    """Let a producer send what it still can, and go."""
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(_STOP_SECONDS):  # it would wait for a broker that is away
            await producer.stop()


def _fits(value: bytes, most: int | None) -> bool:
    """Whether a body fits into a batch of a topic, packed as the producer packs it."""
    if most is None or len(value) + _AROUND <= most:
        return True
    return len(cramjam.lz4.compress(value)) + _AROUND <= most


def _settings(kafka: Kafka) -> Mapping[str, Any]:
    return {
        **client_settings(kafka),
        "enable_idempotence": True,
        "acks": "all",
        "compression_type": "lz4",
        "max_request_size": _LARGEST,
        "max_batch_size": _BATCH_BYTES,
    }


def headers_of(given: Mapping[str, str], names: Sequence[str]) -> list[tuple[str, bytes]]:
    """Of a request's headers those that are named, by lower-case name, at most 1,000 bytes of each."""
    found = [(name, given.get(name)) for name in names]
    return [(name, value.encode("utf-8", "surrogateescape")[:1000]) for name, value in found if value]
