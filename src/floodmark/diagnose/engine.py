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
    """The engine, and what runs beside it, if the config has them. `expected`: whether it is a problem that no engine
    runs."""
    found = await _engine(config, seconds, expected=expected)
    return [*found, *await _notifier(config, seconds), *await _gateway(config, seconds)]


async def _engine(config: Config, seconds: float, *, expected: bool) -> list[Finding]:
    if not config.http.enabled:
        return [Finding("engine", "unknown", "engine", "cannot be asked: http.enabled is false")]
    answers = await _asked(config.http, seconds, _WORKERS)
    engines = {port: body for port, body in answers.items() if not _notifies(config, body)}
    found = [finding for port, body in engines.items() for finding in _said(f"engine at port {port}", body)]
    if not engines:
        words = f"none answers at {config.http.host}:{config.http.port}: is it running, and on this machine?"
        found = [Finding("engine", "problem" if expected else "unknown", "engine", words, "floodmark run")]
    return found


async def _gateway(config: Config, seconds: float) -> list[Finding]:
    gateway = config.gateway
    if gateway is None or not gateway.sources or not gateway.port:
        return []
    scheme = "https" if gateway.cert_file else "http"
    body = await _body(f"{scheme}://{_reached(gateway.host)}:{gateway.port}/readyz", seconds)
    if body is None or "status" not in body or "groups" in body:
        words = f"none answers at {gateway.host}:{gateway.port}: is it running, and on this machine?"
        return [Finding("engine", "unknown", "gateway", words, "floodmark gateway")]
    where = f"gateway at port {gateway.port}"
    reasons = body.get("reasons") or []
    if not reasons:
        return [Finding("engine", "ok", where, "is ready: what is posted is written to Kafka")]
    return [Finding("engine", "problem", where, f"is not ready: {reason}") for reason in reasons]


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
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        for port in range(http.port, min(http.port + ports, 65536)):
            try:
                async with session.get(f"http://{_reached(http.host)}:{port}/readyz") as answer:
                    body = await answer.json()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                continue  # a worker that is dead is among those that live
            if not isinstance(body, dict) or "groups" not in body:  # another program has the port
                break
            answers[port] = body
    return answers


async def _body(url: str, seconds: float) -> dict[str, Any] | None:
    """What an endpoint of this machine says; its certificate, which is made for another name, is not checked."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
        try:
            async with session.get(url, ssl=False) as answer:
                body = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
    return body if isinstance(body, dict) else None


def _reached(host: str) -> str:
    """Where an address that is bound is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
