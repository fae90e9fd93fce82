"""`floodmark check --online`: the cluster and the running engine of a config, asked. Changes nothing."""

from __future__ import annotations

from typing import Final, NamedTuple

import aiohttp

from floodmark.config.models import Config
from floodmark.flow import written
from floodmark.runtime.topics import partitions

_SECONDS: Final = 5.0
_WORKERS: Final = 64
"""Ports that are tried after the first, one for each worker of a machine."""


class Online(NamedTuple):
    """What is not as it should be (`wrong`), and what else there is to say; sentences."""

    wrong: list[str]
    said: list[str]


async def ask(config: Config) -> Online:
    """Ask Kafka for the topics, and the engine on this machine (`http.port` and those after it) how it is.

    Raises UnreachableError, SecurityError, PermissionDeniedError.
    """
    found = await partitions(config.kafka, [*(source.topic for source in config.inputs), *written(config)])
    wrong = [f"Kafka has no topic {name}; make it with: floodmark topics create" for name in found if not found[name]]
    there = [f"{name} ({count})" for name, count in found.items() if count]
    said = [f"Kafka answers. Topics, and their partitions: {', '.join(there) or 'none'}."]
    if not config.http.enabled:
        return Online(wrong, [*said, "The engine cannot be asked: http.enabled is false."])
    answers = await _engines(config)
    if not answers:
        where = f"{config.http.host}:{config.http.port}"
        return Online([*wrong, f"No engine answers at {where}: is it running, and on this machine?"], said)
    for port, body in answers.items():
        reasons, learning = body.get("reasons") or [], body.get("learning") or []
        wrong += [f"The engine at port {port} is not ready: {reason}." for reason in reasons]
        if not reasons:
            said.append(f"The engine at port {port} is ready: what arrives now would be told.")
        said += [f"{sentence}." for sentence in learning]
    return Online(wrong, said)


async def _engines(config: Config) -> dict[int, dict[str, list[str]]]:
    """What /readyz of each worker says, by port."""
    answers: dict[int, dict[str, list[str]]] = {}
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(config.http.host, config.http.host)
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for port in range(config.http.port, min(config.http.port + _WORKERS, 65536)):
            try:
                async with session.get(f"http://{host}:{port}/readyz") as answer:
                    body = await answer.json()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                continue  # a worker that is dead is among those that live
            if not isinstance(body, dict) or "groups" not in body:  # another program has the port
                break
            answers[port] = body
    return answers
