"""/metrics, /healthz and /readyz over HTTP, on loopback unless told. Nothing can be changed through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from floodmark.config.models import Http
from floodmark.runtime.errors import AddressError
from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)


@asynccontextmanager
async def endpoint(http: Http, telemetry: Telemetry) -> AsyncIterator[str | None]:
    """Serve while entered; the value is the base URL, or None if it is not enabled.

    Raises AddressError if the address cannot be bound.
    """
    if not http.enabled:
        yield None
        return

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(telemetry.registry), headers={"Content-Type": content_type})

    async def healthz(_: web.Request) -> web.Response:  # that it answers says that the event loop is alive
        if telemetry.failure:
            return web.json_response({"status": "failed", "reason": telemetry.failure}, status=503)
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        groups = {group.name: "assigned" if group.assigned else "joining" for group in telemetry.groups}
        ready = telemetry.ready()
        body = {"status": "ready" if ready else "not ready", "groups": groups}
        return web.json_response(body, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, http.host, http.port)
        try:
            await site.start()
        except OSError as error:
            raise AddressError(
                f"The HTTP endpoint cannot listen on {http.host}:{http.port}: {error.strerror}; "
                "set http.host and http.port (0: any free port), or http.enabled: false"
            ) from error
        url = f"http://{http.host}:{runner.addresses[0][1]}"
        log.info("serving /metrics, /healthz and /readyz", url=url)
        yield url
    finally:
        await runner.cleanup()
