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
    answers = await _asked(config.http, seconds)
    if not answers:
        words = f"none answers at {config.http.host}:{config.http.port}: is it running, and on this machine?"
        return [Finding("engine", "problem" if expected else "unknown", "engine", words, "floodmark run")]
    return [finding for port, body in answers.items() for finding in _said(port, body)]


def _said(port: int, body: dict[str, Any]) -> Iterator[Finding]:
    where = f"engine at port {port}"
    reasons, learning = body.get("reasons") or [], body.get("learning") or []
    for reason in reasons:
        yield Finding("engine", "problem", where, f"is not ready: {reason}")
    if not reasons:
        yield Finding("engine", "ok", where, "is ready: what arrives now would be told", more=tuple(map(str, learning)))
    elif learning:
        yield Finding("engine", "ok", where, "is still learning", more=tuple(map(str, learning)))


async def _asked(http: Http, seconds: float) -> dict[int, dict[str, Any]]:
    """What /readyz of each worker says, by port."""
    answers: dict[int, dict[str, Any]] = {}
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(http.host, http.host)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        for port in range(http.port, min(http.port + _WORKERS, 65536)):
            try:
                async with session.get(f"http://{host}:{port}/readyz") as answer:
                    body = await answer.json()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                continue  # a worker that is dead is among those that live
            if not isinstance(body, dict) or "groups" not in body:  # another program has the port
                break
            answers[port] = body
    return answers
