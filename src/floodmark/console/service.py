"""`serve`: the console from its first request to its last. Wires; answers nothing itself."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from floodmark.config.console import Console
from floodmark.config.models import Config
from floodmark.console.acting import Writer
from floodmark.console.auth import Doorkeeper
from floodmark.console.engines import Asked
from floodmark.console.reader import Reader
from floodmark.console.server import Server
from floodmark.console.store import Event, View
from floodmark.console.telemetry import Telemetry
from floodmark.runtime import probing
from floodmark.runtime.errors import AddressError, SecurityError

log = structlog.get_logger(__name__)

_DRAIN: Final = 3.0
_TICK: Final = 5.0
_TRIM: Final = 600.0


async def serve(
    config: Config,
    *,
    stop: asyncio.Event,
    reloads: AsyncIterator[Config | None] | None = None,
    serving: Callable[[str], None] = lambda _: None,
    store: Path | None = None,
    engines: Sequence[str] = (),
) -> None:
    """Serve until `stop` is set. A cluster that does not answer is waited for; the pages show what is known meanwhile.

    `serving` is called with the address once it listens; `store`: another file of the view than the config's;
    `engines`: more of them to ask. Raises RunError (AddressError, SecurityError), and OSError if the view has no place.
    """
    console = config.console
    path = store or store_of(config)
    view = await asyncio.to_thread(View, path, config)
    if view.rebuilt:
        log.warning("the view is begun anew", reason=view.rebuilt)
    telemetry = Telemetry()
    try:
        context = _tls(console)
        base = console.url.rstrip("/")
        async with _listening(console, context) as (runner_of, bound):
            door = Doorkeeper(console, path.with_name(f"{path.stem}-sessions.db"), base or bound)
            token = config.http.token.get_secret_value() if config.http.token is not None else None
            asked = Asked([*console.engines, *engines], token)
            crowd: list[Server] = []

            def told(events: Sequence[Event]) -> None:
                for each in crowd:
                    each.crowd.tell(events)

            reader, writer = Reader(config, view, told), Writer(config)
            server = Server(config, view, reader, writer, door, asked, telemetry, base or bound)
            crowd.append(server)
            telemetry.lag, telemetry.size = reader.lag, view.size
            telemetry.rebuilds, telemetry.counts = lambda: view.rebuilds, lambda: view.counts
            work = [
                asyncio.create_task(reader.run()),
                asyncio.create_task(asked.run()),
                asyncio.create_task(probing.watch(config.kafka, reader.presence)),
                asyncio.create_task(_by_the_clock(view, told)),
            ]
            if reloads is not None:
                work.append(asyncio.create_task(_follow(reloads, view, server, telemetry)))
            async with runner_of(server.app()) as url:
                gc.freeze()  # what is there now stays; answers are many small things that go at once
                gc.set_threshold(100_000, 20, 20)
                serving(base or url)
                await stop.wait()
                server.stop()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await writer.close()
            door.sessions.close()
    finally:
        await asyncio.to_thread(view.close)
    log.info("stopped")


def store_of(config: Config) -> Path:
    """The file of the view; one for each group of engines, in the user's cache, if the config names none."""
    if config.console.store:
        return Path(config.console.store)
    name = "".join(each if each.isalnum() or each in "-_." else "-" for each in config.kafka.group)
    cache = os.environ.get("XDG_CACHE_HOME")
    return Path(cache or Path.home() / ".cache", "floodmark", f"console-{name}.db")


async def _by_the_clock(view: View, told: Callable[[Sequence[Event]], None]) -> None:
    """What runs out, and what is old."""
    looked = 0.0
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_TICK)
        try:
            if news := await asyncio.to_thread(view.tick):
                told(news)
            if loop.time() - looked > _TRIM:
                looked = loop.time()
                await asyncio.to_thread(view.trim)
        except Exception:
            log.exception("the view could not be looked after; it is tried again")


async def _follow(reloads: AsyncIterator[Config | None], view: View, server: Server, telemetry: Telemetry) -> None:
    async for config in reloads:
        if config is not None:
            view.take_over(config)
            server.take_over(config)
        telemetry.reloads.labels("success" if config is not None else "failure").inc()


@asynccontextmanager
async def _listening(
    console: Console, context: ssl.SSLContext | None
) -> AsyncIterator[tuple[Callable[[web.Application], _Serving], str]]:
    """The port is taken before the server is made, for what it is called by is in its cookies and checks."""
    family = socket.AF_INET6 if ":" in console.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((console.host, console.port))
        except OSError as error:
            raise AddressError(
                f"The console cannot listen on {console.host}:{console.port}: {error.strerror}; "
                "set console.host and console.port (0: any free port)"
            ) from error
        host = f"[{console.host}]" if ":" in console.host else console.host
        url = f"http{'s' * (context is not None)}://{host}:{listener.getsockname()[1]}"
        yield (lambda app: _Serving(app, listener, context, url)), url
    finally:
        listener.close()


class _Serving:
    """An application on a port, while it is entered."""

    def __init__(self, app: web.Application, listener: socket.socket, context: ssl.SSLContext | None, url: str) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN, handle_signals=False)
        self._listener, self._context, self._url = listener, context, url

    async def __aenter__(self) -> str:
        await self._runner.setup()
        site = web.SockSite(self._runner, self._listener, ssl_context=self._context)
        await site.start()
        log.info("the console is served", url=self._url)
        return self._url

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def _tls(console: Console) -> ssl.SSLContext | None:
    """None without a certificate. Raises SecurityError."""
    if console.cert_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(console.cert_file, console.key_file, lambda: "")
    except OSError as error:
        pair = f"{console.cert_file} with key_file {console.key_file or '(in the same file)'}"
        raise SecurityError(f"console.cert_file {pair} cannot be used: {error}") from error
    return context
