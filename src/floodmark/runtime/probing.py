"""Asks Kafka every few seconds whether it is there, on a connection of our own.

What the clients meet is no proof: one broker of many may be down, and a connection that hangs says nothing for 40 s. So
all bootstrap servers are asked. It must never touch a consumer or a producer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from floodmark.config.models import Kafka
from floodmark.runtime.connection import quickest
from floodmark.runtime.errors import AwayError, RunError, SecurityError
from floodmark.runtime.presence import PROBE_SECONDS, Presence

ANSWER_SECONDS = 3.0
"""How long an answer may take. A broker that is frozen is noticed after two questions without one."""


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
                await _until_silent(connection, presence, sleep)
        except AwayError as error:
            presence.away(error.reasons)
        except RunError as error:  # a refusal, or a token server that is away
            refused = refused or isinstance(error, SecurityError)
            presence.away(str(error))
        else:
            continue  # asked at once on a new connection: only if that fails too, Kafka is away
        await sleep(PROBE_SECONDS)


async def _until_silent(
    connection: AIOKafkaConnection, presence: Presence, sleep: Callable[[float], Awaitable[None]]
) -> None:
    while True:
        await sleep(PROBE_SECONDS)
        try:
            await connection.send(MetadataRequest([]))
        except (OSError, KafkaError):  # asyncio.TimeoutError is an OSError since 3.11
            return
        presence.back()
