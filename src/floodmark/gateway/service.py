"""`serve`: the gateway from the first connection to the last acknowledgement. Wires; looks at no request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from floodmark.config.gateway import Gateway
from floodmark.config.models import Config, Kafka
from floodmark.gateway.post import Post
from floodmark.gateway.server import Server
from floodmark.gateway.telemetry import Telemetry
from floodmark.runtime import probing
from floodmark.runtime.connection import retrying, stop_within
from floodmark.runtime.errors import AddressError, MissingTopicsError, RunError, SecurityError
from floodmark.runtime.log import folding
from floodmark.runtime.topics import largest_messages, missing

log = structlog.get_logger(__name__)

DRAIN_SECONDS: Final = 20.0
"""How long a stop may take: what is being answered is answered, what waits for Kafka is waited for."""
LOOK_SECONDS: Final = 60.0
"""How often the files of the certificate are looked at: they are renewed while we run."""


async def serve(
    config: Config,
    *,
    stop: asyncio.Event,
    reloads: AsyncIterator[Gateway | None] | None = None,
    create_with: str = "floodmark topics create",
    serving: Callable[[str], None] = lambda _: None,
) -> None:
    """Take requests until `stop` is set, then drain.

    A cluster that does not answer is waited for, for ever; meanwhile senders are asked to come again. `reloads` are the
    sections to go on with, None for one that was refused. `serving` is called with the base URL once it listens.

    Raises RunError (AddressError, MissingTopicsError, SecurityError, PermissionDeniedError) with a sentence for the
    operator; any other exception is a bug.
    """
    gateway = config.gateway or Gateway()
    telemetry = Telemetry()
    post = Post(config.kafka, telemetry.presence)
    telemetry.troubles = post.troubles
    token = config.http.token.get_secret_value() if config.http.token is not None else None
    server = Server(gateway, post, telemetry, token=token)
    context = _tls(gateway)
    working = asyncio.create_task(_working(config.kafka, gateway, post, stop, create_with))
    watches = [asyncio.create_task(probing.watch(config.kafka, telemetry.presence))]
    if context is not None:
        watches.append(asyncio.create_task(_renewing(gateway, context)))
    if reloads is not None:
        watches.append(asyncio.create_task(_follow(reloads, config.kafka, post, server, telemetry, create_with)))
    stopping = asyncio.create_task(stop.wait())
    try:
        with folding(lambda: telemetry.presence.away_since is not None):
            async with listening(gateway, server, context) as url:
                serving(url)
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done() and not stop.is_set():
                working.result()
            if left := await server.once.drain(DRAIN_SECONDS):
                log.warning("Kafka has not answered for some bodies; their senders were asked to come again", left=left)
    finally:
        tasks = (*watches, stopping, working)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    log.info("stopped")


async def _working(kafka: Kafka, gateway: Gateway, post: Post, stop: asyncio.Event, create_with: str) -> None:
    """Look for the topics, then keep the producer. Raises RunError."""

    async def look() -> None:
        post.largest = await _check_topics(kafka, gateway, create_with)

    # That Kafka is away is said by whoever asks it every few seconds.
    await retrying(look, lambda seconds: stop_within(stop, seconds), away=lambda _: None)
    if not stop.is_set():
        await post.run()


async def _check_topics(kafka: Kafka, gateway: Gateway, create_with: str) -> Mapping[str, int]:
    """The largest message of each topic. Raises MissingTopicsError if one is not there, and what a connection does."""
    names = sorted({source.topic for source in gateway.sources.values()})
    if absent := await missing(kafka, names):
        raise MissingTopicsError(absent, create_with)
    largest = await largest_messages(kafka, names)
    for name, source in gateway.sources.items():
        if source.limit > largest[source.topic]:
            words = "bodies up to limit may be too large for the topic, unless they compress well"
            log.info(words, source=name, limit=source.limit, max_message_bytes=largest[source.topic])
    return largest


async def _follow(
    reloads: AsyncIterator[Gateway | None],
    kafka: Kafka,
    post: Post,
    server: Server,
    telemetry: Telemetry,
    create_with: str,
) -> None:
    """Take over the sources of each config that comes, if their topics are there."""
    async for gateway in reloads:
        taken = gateway is not None
        if gateway is not None:
            try:
                post.largest = await _check_topics(kafka, gateway, create_with)
            except RunError as error:
                log.error("the new config cannot be taken up; the old one stays", reason=str(error))
                taken = False
            except Exception:  # the next one is still to be heard of
                log.exception("the new config cannot be taken up (a bug in Floodmark, please report it)")
                taken = False
            else:
                server.take_over(gateway)
        telemetry.reloaded(success=taken)


@asynccontextmanager
async def listening(gateway: Gateway, server: Server, context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """Serve while entered; the value is the base URL. Leaving answers what is being answered. Raises AddressError."""
    # A body is handed on as it came, and a signature is that of what came: nothing is unpacked on the way.
    runner = web.AppRunner(
        server.app(),
        access_log=None,
        auto_decompress=False,
        shutdown_timeout=DRAIN_SECONDS,
        handle_signals=False,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, gateway.host, gateway.port, ssl_context=context)
        try:
            await site.start()
        except OSError as error:
            raise AddressError(
                f"The gateway cannot listen on {gateway.host}:{gateway.port}: {error.strerror}; "
                "set gateway.host and gateway.port (0: any free port)"
            ) from error
        url = f"http{'s' * (context is not None)}://{gateway.host}:{runner.addresses[0][1]}"
        log.info("taking webhooks", url=url, sources=sorted(gateway.sources))
        yield url
    finally:
        await runner.cleanup()


def _tls(gateway: Gateway) -> ssl.SSLContext | None:
    """None without a certificate. Raises SecurityError."""
    if gateway.cert_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(gateway, context)
    return context


def _load(gateway: Gateway, context: ssl.SSLContext) -> None:
    assert gateway.cert_file is not None
    try:
        context.load_cert_chain(gateway.cert_file, gateway.key_file, lambda: "")  # else OpenSSL asks at the terminal
    except OSError as error:  # ssl.SSLError is one too
        pair = f"{gateway.cert_file} with key_file {gateway.key_file or '(in the same file)'}"
        raise SecurityError(f"gateway.cert_file {pair} cannot be used: {error}") from error


async def _renewing(gateway: Gateway, context: ssl.SSLContext) -> None:
    """New connections get the certificate as its files are now."""
    known = await asyncio.to_thread(_content, gateway)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        found = await asyncio.to_thread(_content, gateway)
        if found == known:
            continue
        try:
            _tls(gateway)  # tried on one of its own: half of a new pair would break the one in use
            _load(gateway, context)
        except SecurityError as error:
            log.error(f"{error}; the one before stays in use")
        else:
            known = found
            log.info("the certificate is another one now: new connections get it")


def _content(gateway: Gateway) -> list[bytes]:
    found = []
    for name in (gateway.cert_file, gateway.key_file):
        try:
            found.append(Path(name).read_bytes() if name is not None else b"")
        except OSError:
            found.append(b"")
    return found
