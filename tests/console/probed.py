"""A console without Kafka: the real server over a view of the recording, and a writer that remembers."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import recorded
from aiohttp.test_utils import TestClient, TestServer

from floodmark.actions import Action
from floodmark.config.loader import load_with_warnings
from floodmark.config.models import Config
from floodmark.console.acting import NotSentError, Writer
from floodmark.console.auth import Doorkeeper
from floodmark.console.engines import Asked
from floodmark.console.reader import Reader
from floodmark.console.server import Server
from floodmark.console.store import View
from floodmark.console.telemetry import Telemetry
from floodmark.events import encode
from floodmark.signals import Verdict

OPEN = "inc-8a142974dd25e2c3"
OVER = "inc-8b48d4e1af602032"


class Remembering(Writer):
    """Instead of Kafka: what was written is read by the view at once. `away`: it takes nothing."""

    def __init__(self, config: Config, view: View) -> None:
        super().__init__(config)
        self.view = view
        self.written: list[Action] = []
        self.said: list[Verdict] = []
        self.away = False
        self.told: Any = lambda _: None

    async def write(self, action: Action) -> int:
        if self.away:
            raise NotSentError("Not sent, as far as is known: Kafka is away. Do it again: it counts once.")
        self.written.append(action)
        offset = 1_000 + len(self.written)
        out = encode(action, source="console", key=action.key())
        at = round(action.at.timestamp() * 1000)
        record = recorded.Kept("floodmark.actions", 0, offset, at, out.key, out.value, tuple(out.headers))
        self.told(self.view.take([record]))
        return offset

    async def say(self, verdict: Verdict) -> int:
        self.said.append(verdict)
        return len(self.said)


class Probed:
    """`client` asks; `own` are the headers of its own page."""

    def __init__(
        self, client: TestClient[Any, Any], server: Server, writer: Remembering, view: View, base: str
    ) -> None:
        self.client, self.server, self.writer, self.view = client, server, writer, view
        self.own = {"Origin": base, "X-Floodmark": "1"}

    async def get(self, path: str, **more: Any) -> tuple[int, Any]:
        answer = await self.client.get(f"/api/v1{path}", **more)
        return answer.status, await answer.json()

    async def act(self, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        answer = await self.client.post("/api/v1/actions", data=data, headers=self.own if headers is None else headers)
        return answer.status, await answer.json()


@cache
def _filled() -> bytes:
    """The file of a view that has read the recording."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "floodmark.yaml")
        path.write_text(recorded.CONFIG.replace("BROKERS", "localhost:1"))
        view = View(Path(folder, "console.db"), load_with_warnings(path).config)
        view.take(recorded.records())
        view.close()
        return Path(folder, "console.db").read_bytes()


@contextlib.asynccontextmanager
async def probed(folder: Path, more: str = "", base: str = "http://console.test") -> AsyncIterator[Probed]:
    """A console of this config beside that of the recording."""
    path = folder / "floodmark.yaml"
    path.write_text(recorded.CONFIG.replace("BROKERS", "localhost:1") + more)
    config = load_with_warnings(path).config
    (folder / "console.db").write_bytes(_filled())
    view = View(folder / "console.db", config)
    writer = Remembering(config, view)
    door = Doorkeeper(config.console, folder / "sessions.db", base)
    reader = Reader(config, view, lambda _: None)
    server = Server(config, view, reader, writer, door, Asked([]), Telemetry(), base)
    writer.told = server.crowd.tell
    client = TestClient(TestServer(server.app()))
    await client.start_server()
    try:
        yield Probed(client, server, writer, view, base)
    finally:
        server.stop()
        await client.close()
        door.sessions.close()
        view.close()
