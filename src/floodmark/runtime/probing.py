"""Asks Kafka every few seconds whether it is there, on a connection of our own.

What the clients meet is no proof: one broker of many may be down, and a connection that hangs says nothing for 40 s. So
all bootstrap servers are asked. It must never touch a consumer or a producer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from floodmark.config.models import Kafka
from floodmark.runtime.connection import quickest
from floodmark.runtime.errors import AwayError, RunError, SecurityError
from floodmark.runtime.presence import PROBE_SECONDS, Presence

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 3.0
"""How long an answer may take. A broker that is frozen is noticed after two questions without one."""

ANEW = 1800
"""After so many questions (an hour) a second connection is tried, for what only a new one shows: certificates."""


async def watch(
    kafka: Kafka,
    presence: Presence,
    *,
    connected: Callable[[AIOKafkaConnection], None] = lambda _: None,
    admitted: Callable[[], None] = lambda: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Ask Kafka every `PROBE_SECONDS` whether it is there, for ever, and tell `presence`.

    `connected` is called with each new connection; `admitted` when Kafka takes us again after it had refused us (a
    certificate that was renewed), so that the other clients can be made anew with what it takes now.
    """
    refused = False
    while True:
        try:
            async with quickest(kafka, ANSWER_SECONDS) as connection:
                connected(connection)
                presence.back()
                if refused:
                    refused = False
                    admitted()
                while await _answers(connection, presence, sleep):
                    await _try_anew(kafka, connected)
        except AwayError as error:
            presence.away(error.reasons)
        except RunError as error:  # a refusal, or a token server that is away
            refused = refused or isinstance(error, SecurityError)
            presence.away(str(error))
        else:
            continue  # asked at once on a new connection: only if that fails too, Kafka is away
        await sleep(PROBE_SECONDS)


async def _answers(
    connection: AIOKafkaConnection, presence: Presence, sleep: Callable[[float], Awaitable[None]]
) -> bool:
    """Whether `ANEW` questions were answered; False after the first that was not."""
    for _ in range(ANEW):
        await sleep(PROBE_SECONDS)
        try:
            await connection.send(MetadataRequest([]))
        except (OSError, KafkaError):  # asyncio.TimeoutError is an OSError since 3.11
            return False
        presence.back()
    return True


async def _try_anew(kafka: Kafka, connected: Callable[[AIOKafkaConnection], None]) -> None:
    """See whether Kafka would take us again. It is there all the same, on the connections that are open."""
    try:
        async with quickest(kafka, ANSWER_SECONDS) as connection:
            connected(connection)
    except AwayError:
        return
    except RunError as error:
        log.error(f"Kafka refuses new connections, those that are open go on: {error}")
