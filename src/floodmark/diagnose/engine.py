"""The engine that runs on this machine, asked at its endpoint whether it is ready, and what it still learns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import aiohttp

from floodmark.config.http import Http
from floodmark.config.models import Config
from floodmark.diagnose.finding import Finding

_WORKERS: Final = 64
"""Ports that are tried after the first, one for each worker of a machine."""


async def engine(config: Config, seconds: float, *, expected: bool) -> list[Finding]:
    """`expected`: whether it is a problem that none runs."""
    if not config.http.enabled:
        return [Finding("engine", "unknown", "engine", "cannot be asked: http.enabled is false")]
    answers = await _asked(config.http, seconds, _WORKERS)
    engines = {port: body for port, body in answers.items() if not _notifies(config, body)}
    found = [finding for port, body in engines.items() for finding in _said(f"engine at port {port}", body)]
    if not engines:
        words = f"none answers at {config.http.host}:{config.http.port}: is it running, and on this machine?"
        found = [Finding("engine", "problem" if expected else "unknown", "engine", words, "floodmark run")]
    return [*found, *await _notifier(config, seconds)]


async def _notifier(config: Config, seconds: float) -> list[Finding]:
    if config.notify is None or not config.notify.http.enabled:
        return []
    http = config.notify.http
    for port, body in (await _asked(http, seconds, 1)).items():
        if _notifies(config, body):
            return list(_said(f"notifier at port {port}", body))
    words = f"none answers at {http.host}:{http.port}: is it running, and on this machine?"
    return [Finding("engine", "unknown", "notifier", words, "floodmark notify")]


def _notifies(config: Config, body: dict[str, Any]) -> bool:
    return list(body["groups"]) == [f"{config.kafka.group}-notify"]


def _said(where: str, body: dict[str, Any]) -> Iterator[Finding]:
    reasons, learning = body.get("reasons") or [], body.get("learning") or []
    for reason in reasons:
        yield Finding("engine", "problem", where, f"is not ready: {reason}")
    if not reasons:
        yield Finding("engine", "ok", where, "is ready: what arrives now would be told", more=tuple(map(str, learning)))
    elif learning:
        yield Finding("engine", "ok", where, "is still learning", more=tuple(map(str, learning)))


async def _asked(http: Http, seconds: float, ports: int) -> dict[int, dict[str, Any]]:
    """What /readyz of each worker says, by port."""
    answers: dict[int, dict[str, Any]] = {}
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(http.host, http.host)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        for port in range(http.port, min(http.port + ports, 65536)):
            try:
                async with session.get(f"http://{host}:{port}/readyz") as answer:
                    body = await answer.json()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                continue  # a worker that is dead is among those that live
            if not isinstance(body, dict) or "groups" not in body:  # another program has the port
                break
            answers[port] = body
    return answers
