"""One request, from the path to the answer. What is refused says why in a sentence; what is taken has been written.

    404 no such source · 405 not POST · 413 too large · 415 not to be decoded · 408 it takes too long to come
    401 unproven, forged or late
    429 or 503 too many, by what makes its kind come again · 503 Kafka is away
    2xx written, or written before, or a greeting

A refusal is counted by source and reason, and told in the log once a minute; neither a body nor a secret ever is.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import structlog
from aiohttp import web
from prometheus_client.exposition import choose_encoder

from floodmark.config.gateway import Gateway, Source
from floodmark.gateway import greetings, remote_write
from floodmark.gateway.kinds import ALWAYS, MANNERS, Manner
from floodmark.gateway.once import Once
from floodmark.gateway.post import Carrier, LaterError, TooLargeError, headers_of
from floodmark.gateway.rates import Rate
from floodmark.gateway.signatures import Refusal, verify
from floodmark.gateway.telemetry import Result, Telemetry

log = structlog.get_logger(__name__)

READ_SECONDS: Final = 20.0
"""How long a body may take to come."""
READING_BYTES: Final = 64_000_000
"""Bytes of bodies that are being read, of all requests together."""
AWAY_SECONDS: Final = 5
"""Retry-After where Kafka is away."""
_QUIET_SECONDS: Final = 60.0


class _RefusedError(Exception):
    """The request is refused: the answer, and what is counted."""

    def __init__(
        self, status: int, reason: str, words: str, headers: Mapping[str, str] | None = None, *, close: bool = False
    ) -> None:
        self.status, self.reason, self.words, self.headers, self.close = status, reason, words, headers, close
        super().__init__(words)


class Server:
    """Answers requests. `take_over` gives it other sources while it runs."""

    def __init__(
        self,
        gateway: Gateway,
        carrier: Carrier,
        telemetry: Telemetry,
        *,
        token: str | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`token`: the bearer token that /metrics asks for. `now` counts seconds since the epoch, `clock` any."""
        self._gateway = gateway
        self._carrier = carrier
        self._telemetry = telemetry
        self._token = token
        self._now = now
        self._clock = clock
        self._rates: dict[str, Rate] = {}
        self._reading = 0
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        self.once = Once(clock)
        telemetry.waiting = lambda: self.once.waiting

    def take_over(self, gateway: Gateway) -> None:
        """Go on with other sources; what is being answered goes on with those it began with."""
        self._gateway = gateway
        self._rates = {name: rate for name, rate in self._rates.items() if name in gateway.sources}

    def app(self) -> web.Application:
        """The application; every path of one part that is none of ours is that of a source."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_route("*", "/{name:.*}", self._posted)
        return app

    async def _healthz(self, _: web.Request) -> web.Response:  # that it answers says that the event loop is alive
        if self._telemetry.failure:
            return web.json_response({"status": "failed", "reason": self._telemetry.failure}, status=503)
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        reasons = self._telemetry.reasons()
        body = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = self._token
        if token is not None:
            same = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), token.encode())
            if not (same and token and scheme.lower() == "bearer"):
                text = "a bearer token is needed\n"
                return web.Response(status=401, text=text, headers={"WWW-Authenticate": "Bearer"})
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._telemetry.registry), headers={"Content-Type": content_type})

    async def _posted(self, request: web.Request) -> web.Response:
        began = self._clock()
        name = request.match_info["name"]
        source = self._gateway.sources.get(name)
        label = name if source is not None else ""
        try:
            if source is None:
                raise _RefusedError(404, "unknown", "there is no source of that name")
            answer = await self._taken(request, name, source)
        except _RefusedError as no:
            later = no.status in (429, 503)
            self._telemetry.count(label, "later" if later else "refused", no.reason)
            self._say(label, no, request.remote)
            answer = web.Response(status=no.status, text=f"{no.words}\n", headers=no.headers)
            if no.close:
                answer.force_close()
        if source is not None:
            self._telemetry.seconds.labels(name).observe(self._clock() - began)
        return answer

    async def _taken(self, request: web.Request, name: str, source: Source) -> web.Response:
        """The answer to what is taken. Raises _RefusedError."""
        manner = MANNERS[source.kind]
        if request.method != "POST":
            raise _RefusedError(405, "method", "only POST is taken here", {"Allow": "POST"})
        self._decodable(request, source, manner)
        body = await self._read(request, source.limit)
        proof = verify(source, request.headers, body, self._now())
        if isinstance(proof, Refusal):
            raise _RefusedError(401, proof.reason, proof.words)
        self._meter(name, source, manner)
        greeting = greetings.answer(source.kind, body)
        if greeting is not None:
            self._telemetry.count(name, "greeted")
            return web.Response(body=greeting, content_type="application/json")
        result = await self._write(name, source, manner, proof.id, request.headers, body)
        self._telemetry.count(name, result)
        if result == "taken":
            self._telemetry.bytes.labels(name).inc(len(body))
        extra: Mapping[str, str] = {}
        if source.kind == "prometheus_remote_write":
            extra = remote_write.written(request.headers.get("Content-Type", ""), body, 10 * source.limit)
        return web.Response(status=manner.taken, headers=extra)

    def _decodable(self, request: web.Request, source: Source, manner: Manner) -> None:
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in manner.encodings:
            known = ", ".join(sorted(manner.encodings - {"", "identity", "x-gzip"}))
            raise _RefusedError(
                415, "encoding", f"of content encodings {known} are understood", {"Accept-Encoding": known}
            )
        if source.kind == "prometheus_remote_write":
            words = remote_write.refusal(request.headers.get("Content-Type", ""))
            if words:
                raise _RefusedError(415, "content_type", words)

    async def _read(self, request: web.Request, limit: int) -> bytes:
        too_large = _RefusedError(413, "too_large", f"the body is larger than {limit} bytes", close=True)
        if (request.content_length or 0) > limit:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(READ_SECONDS):
                while chunk := await request.content.readany():
                    if len(body) + len(chunk) > limit:
                        raise too_large
                    if self._reading + len(chunk) > READING_BYTES:
                        words = "too many bodies are coming at once"
                        raise _RefusedError(503, "crowded", words, {"Retry-After": str(AWAY_SECONDS)}, close=True)
                    body += chunk
                    self._reading += len(chunk)
        except TimeoutError:
            raise _RefusedError(408, "slow", f"the body has not come in {READ_SECONDS:.0f} s", close=True) from None
        except (web.HTTPException, web.RequestPayloadError, ConnectionError):
            raise _RefusedError(400, "broken", "the body has broken off", close=True) from None
        finally:
            self._reading -= len(body)
        return bytes(body)

    def _meter(self, name: str, source: Source, manner: Manner) -> None:
        if not manner.metered:
            return
        now = self._clock()
        rate = self._rates.get(name)
        if rate is None or rate.per_minute != source.rate:
            rate = self._rates[name] = Rate(source.rate, now)
        if seconds := rate.take(now):
            after = {"Retry-After": str(math.ceil(seconds))}
            raise _RefusedError(manner.busy, "too_many", f"more than {source.rate} requests in a minute", after)

    async def _write(
        self, name: str, source: Source, manner: Manner, id: str, given: Mapping[str, str], body: bytes
    ) -> Result:
        received = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        headers = [
            *headers_of(given, (*ALWAYS, *manner.headers)),
            ("floodmark-source", name.encode()),
            ("floodmark-kind", source.kind.encode()),
            ("floodmark-received", received.encode()),
        ]
        key = None if manner.spread else name.encode()
        try:
            return await self.once.write(
                name,
                id,
                hashlib.blake2b(body, digest_size=16).hexdigest(),
                lambda: self._carrier.send(source.topic, key, body, headers),
                wait=min(self._gateway.timeout, 0.8 * manner.longest),
                keep=2 * source.tolerance,  # from so far ahead of our clock to as far behind it
            )
        except TooLargeError:
            words = f"a body of {len(body)} bytes is larger than the topic takes (its max.message.bytes)"
            raise _RefusedError(413, "too_large", words) from None
        except TimeoutError:
            raise self._away("Kafka has not answered in time") from None
        except LaterError as error:
            raise self._away(str(error)) from None

    def _away(self, words: str) -> _RefusedError:
        log.debug("a request is asked to come again", reason=words)
        return _RefusedError(503, "kafka", "it cannot be kept now; come again", {"Retry-After": str(AWAY_SECONDS)})

    def _say(self, source: str, no: _RefusedError, remote: str | None) -> None:
        """The first of each source and reason at once, then one a minute. Bounded by the sources and the reasons."""
        key, now = (source, no.reason), self._clock()
        since, left_out = self._said.get(key, (-math.inf, 0))
        if now - since < _QUIET_SECONDS:
            self._said[key] = (since, left_out + 1)
            return
        self._said[key] = (now, 0)
        more = {"more": f"{left_out} like it since the last line"} if left_out else {}
        log.warning(f"a request is refused: {no.words}", source=source, reason=no.reason, remote=remote, **more)
