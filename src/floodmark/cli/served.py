"""The console beside the demo: a process of its own, as it always is, over the demo's broker."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import orjson

from floodmark.cli.free_port import free_port
from floodmark.config.models import Config

PORT: Final = 9467
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 5.0


@asynccontextmanager
async def console(config: Config) -> AsyncIterator[str]:
    """Its address while it is served, empty if it could not be started: the demo goes on without it."""
    with tempfile.TemporaryDirectory(prefix="floodmark-console-") as folder:
        port = free_port(PORT)
        path = Path(folder, "floodmark.yaml")
        path.write_bytes(orjson.dumps(_config(config, folder, port)))  # JSON is YAML
        with Path(folder, "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "floodmark", "console", "--config", str(path)),
                stdout=log,
                stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"FLOODMARK_CONFIG": str(path)},
                preexec_fn=_politely,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            yield url if await _answers(process, url) else ""
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), _STOP_SECONDS)
                except TimeoutError:
                    process.kill()
                    await process.wait()


def _politely() -> None:
    """The engine goes first: what is looked at may come a moment later."""
    os.setsid()  # Ctrl-C is the demo's to hear
    os.nice(10)


def _config(config: Config, folder: str, port: int) -> dict[str, object]:
    return {
        "kafka": {"brokers": list(config.kafka.brokers), "group": config.kafka.group},
        "topics": config.topics.model_dump(),
        "inputs": [{"topic": each.topic, "signal": each.signal} for each in config.inputs],
        "detect": {"tick": config.detect.tick},
        "services": {name: {"depends_on": list(each.depends_on)} for name, each in config.services.items()},
        "actions": {} if config.actions is not None else None,
        "console": {
            "port": port,
            "store": str(Path(folder, "console.db")),
            "engines": [f"http://127.0.0.1:{config.http.port}"] if config.http.port else [],
        },
        "logging": {"level": "warning", "format": "text"},
    }


async def _answers(process: asyncio.subprocess.Process, url: str) -> bool:
    end = time.monotonic() + _START_SECONDS
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0)) as session:
        while time.monotonic() < end and process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(f"{url}/healthz") as answer:
                    if answer.status == 200:
                        return True
            await asyncio.sleep(0.1)
    return False
