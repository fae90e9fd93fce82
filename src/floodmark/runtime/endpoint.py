"""/metrics, /healthz and /readyz over HTTP, on loopback unless told. Nothing can be changed through it.

/metrics asks for `http.token` if there is one. The probes never do: they tell a kubelet no more than it needs.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from floodmark.config.http import Http
from floodmark.runtime.errors import AddressError
from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)


@asynccontextmanager
async def endpoint(http: Http, telemetry: Telemetry, section: str = "http") -> AsyncIterator[str | None]:
    """Serve while entered; the value is the base URL, or None if it is not enabled. `section`: where the
    config has it.

    Raises AddressError if the address cannot be bound.
    """
    if not http.enabled:
        yield None
        return

    async def metrics(request: web.Request) -> web.Response:
        if http.token is not None and not _bears(request, http.token.get_secret_value()):
            return web.Response(status=401, text="a bearer token is needed\n", headers={"WWW-Authenticate": "Bearer"})
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(telemetry.registry), headers={"Content-Type": content_type})

    async def healthz(_: web.Request) -> web.Response:  # that it answers says that the event loop is alive
        if telemetry.failure:
            return web.json_response({"status": "failed", "reason": telemetry.failure}, status=503)
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        groups = {
            group.name: "live" if group.live else "recovering" if group.assigned else "joining"
            for group in telemetry.groups
        }
        reasons = telemetry.reasons()
        body = {
            "status": "not ready" if reasons else "ready",
            "reasons": reasons,
            "learning": telemetry.learning(),
            "groups": groups,
        }
        return web.json_response(body, status=503 if reasons else 200)

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
                f"set {section}.host and {section}.port (0: any free port), or {section}.enabled: false"
            ) from error
        url = f"http://{http.host}:{runner.addresses[0][1]}"
        log.info("serving /metrics, /healthz and /readyz", url=url)
        yield url
    finally:
        await runner.cleanup()


def _bears(request: web.Request, token: str) -> bool:
    """Whether the request has the token (RFC 6750, section 2.1). An empty one is nobody's."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
    return same and scheme.lower() == "bearer" and token != ""
