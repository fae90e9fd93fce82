"""HTTP as sinks use it: one session for all of them, a time-out of each, answers in words, nothing that follows a lie.

TLS is checked as everywhere; proxies and .netrc of the environment are not asked; a redirect is followed only to the
same host, and only where the method and the body stay (307, 308). What goes wrong is told by the host's name alone: the
rest of an address may be a secret.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from floodmark import __version__
from floodmark.notify.sink import Answer, Request, UnansweredError

MOST: Final = 262_144
"""Bytes of an answer that are read."""
_REDIRECTS: Final = 3
_FOLLOWED: Final = (307, 308)
_PIECE: Final = 65_536


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The session that all exchanges share."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"floodmark/{__version__}"},
        trust_env=False,
        auto_decompress=True,
    ) as made:
        yield made


class HttpExchange:
    """Sends requests to one target. `timeout`: seconds for an answer. Raises UnansweredError, and nothing else that a
    network does."""

    def __init__(self, session: aiohttp.ClientSession, timeout: float, ca_file: str | None = None) -> None:
        """Raises OSError if the authority's file cannot be used."""
        self._session = session
        self._seconds = timeout
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._tls: ssl.SSLContext | bool = ssl.create_default_context(cafile=ca_file) if ca_file else True

    async def __call__(self, request: Request) -> Answer:
        url = request.url
        for _ in range(_REDIRECTS):
            answer = await self._sent(request, url)
            there = urljoin(url, answer.headers.get("location", ""))
            if answer.status not in _FOLLOWED or there == url or not _same(url, there):
                break
            url = there
        return answer

    async def _sent(self, request: Request, url: str) -> Answer:
        host = _host(url)
        try:
            async with self._session.request(
                request.method,
                _as_written(url),
                data=request.body or None,
                headers=dict(request.headers),
                timeout=self._timeout,
                ssl=self._tls,
                allow_redirects=False,
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, headers, await _body(response))
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            # Without a cause: whoever logs it must not show an address.
            raise UnansweredError(f"{host}: {_reason(error, self._seconds)}") from None


def _as_written(url: str) -> URL | str:
    """The address, not put in another form if it needs none: it may be signed."""
    try:
        return URL(url, encoded=True) if url.isascii() and url.isprintable() and " " not in url else url
    except ValueError:
        return url


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(_PIECE):
        body += piece
        if len(body) >= MOST:
            response.close()
            break
    return bytes(body[:MOST])


def _same(one: str, other: str) -> bool:
    """Whether a redirect stays where it is: at the same host, on the same port, or from http to https."""
    a, b = urlsplit(one), urlsplit(other)
    if a.hostname != b.hostname:
        return False
    return (a.scheme, a.port) == (b.scheme, b.port) or (a.scheme, b.scheme, b.port) == ("http", "https", None)


def _host(url: str) -> str:
    try:
        split = urlsplit(url)
        return f"{split.hostname or 'no host'}{f':{split.port}' if split.port else ''}"
    except ValueError:
        return "the address"


def _reason(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return f"no answer in {seconds:g} s"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return "that is no address of http or https"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        inner = error.certificate_error
        return f"its certificate is not trusted: {getattr(inner, 'verify_message', '') or type(inner).__name__}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name does not resolve"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "TLS failed; is that a port that speaks it?"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, socket.gaierror):
        return "the name does not resolve"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "it hung up before it answered"
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientResponseError):
        return f"its answer cannot be read ({type(error).__name__})"
    return getattr(error, "strerror", None) or type(error).__name__
