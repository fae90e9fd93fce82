"""Engines asked over HTTP for /readyz and /metrics, and Kafka for how far groups are. Changes nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from floodmark.config.models import Config, Kafka
from floodmark.runtime.connection import client_settings
from floodmark.runtime.reading import in_words

_SECONDS: Final = 3.0
_WORKERS: Final = 64
"""Ports that are tried after the first, one for each worker of a machine."""


class Answer(NamedTuple):
    """What an engine said: /readyz and the text of /metrics; or `trouble`, why it said nothing."""

    name: str
    trouble: str = ""
    readiness: Mapping[str, Any] = {}
    metrics: str = ""


async def engines(config: Config, named: Sequence[str]) -> list[Answer]:
    """The engines at these addresses (host:port); without any, those on this machine as `http` has them."""
    token = config.http.token.get_secret_value() if config.http.token is not None else ""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession(timeout=timeout) as session:
        if named:
            return list(await asyncio.gather(*(_ask(session, each, headers) for each in named)))
        if not config.http.enabled:
            return [Answer("here", "http.enabled is false in the config")]
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.http.host, config.http.host)
        ports = range(config.http.port, min(config.http.port + _WORKERS, 65536))
        answers = await asyncio.gather(*(_ask(session, f"{host}:{port}", headers) for port in ports))
        found = [answer for answer in answers if not answer.trouble]
        return found or [answers[0]]


async def _ask(session: aiohttp.ClientSession, name: str, headers: Mapping[str, str]) -> Answer:
    try:
        async with session.get(f"http://{name}/readyz") as answer:
            readiness = await answer.json()
        if not isinstance(readiness, dict) or "groups" not in readiness:
            return Answer(name, "it is no engine of ours")
        async with session.get(f"http://{name}/metrics", headers=headers) as answer:
            text = await answer.text() if answer.status == 200 else ""
            trouble = "" if text else f"/metrics answers {answer.status}: is http.token the one of the engine?"
    except TimeoutError:
        return Answer(name, f"no answer within {_SECONDS:.0f} s")
    except (aiohttp.ClientError, ValueError) as error:
        reason = str(error)
        if isinstance(error, aiohttp.ClientConnectorError) and (number := error.os_error.errno):
            reason = os.strerror(number)
        return Answer(name, f"{reason or type(error).__name__}: is it running?")
    return Answer(name, trouble, readiness, text)


async def progress(
    kafka: Kafka, groups: Mapping[str, Sequence[TopicPartition]]
) -> list[tuple[str, TopicPartition, int, int | None]]:
    """Of each group and partition: where it ends, and the offset that is committed (None: none). Raises RunError."""
    admin = AIOKafkaAdminClient(**client_settings(kafka))
    found: list[tuple[str, TopicPartition, int, int | None]] = []
    with in_words(kafka):
        try:
            await admin.start()
            sources = sorted({source for some in groups.values() for source in some})
            ends = await _ends(kafka, sources)
            for group, some in groups.items():
                try:
                    committed: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(group)
                except KafkaError as error:
                    if error.retriable or "Coordinator" in type(error).__name__:  # a group that never was
                        committed = {}
                    else:
                        raise
                for source in some:
                    offset = committed[source].offset if source in committed else -1
                    found.append((group, source, ends[source], offset if offset >= 0 else None))
        finally:
            await admin.close()
    return found


async def _ends(kafka: Kafka, sources: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(**client_settings(kafka), enable_auto_commit=False)
    try:
        await consumer.start()
        return dict(await consumer.end_offsets(list(sources)))
    finally:
        await consumer.stop()
