"""The tokens of SASL OAUTHBEARER: from a file that somebody renews, or from a token server. Never shows a token.

    FileTokens      reads the file for each connection
    ClientTokens    RFC 6749, section 4.4; keeps a token for `FRESH` of its life

aiokafka asks for a token in the midst of connecting, and what it does not know as its own error ends its background
tasks for good. So the errors raised here are both ours, with the sentence, and Kafka's: a running client logs them and
tries again.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import aiohttp
import orjson
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.errors import KafkaError

from floodmark.config.models import OAuth
from floodmark.runtime.errors import SecurityError, UnreachableError

FRESH = 0.8
"""Share of a token's life after which another is fetched (Kafka's sasl.login.refresh.window.factor)."""
ANSWER_SECONDS = 10.0
"""How long a token server may take to answer."""
CLOSE_SECONDS = 1.0
"""How long a broker may take to say goodbye."""

_LARGEST = 65_536
_KNOWN = {
    "access_denied", "invalid_client", "invalid_grant", "invalid_request", "invalid_scope", "invalid_target",
    "unauthorized_client", "unsupported_grant_type",
}  # fmt: skip
"""The errors of RFC 6749 and RFC 8707. Other words of a token server are not repeated: it was sent a secret."""


class TokenRefusedError(SecurityError, KafkaError):
    """There is no token to be had with these settings, or Kafka does not take it."""

    __str__ = Exception.__str__  # without the name that KafkaError puts before it


class TokenUnavailableError(UnreachableError, KafkaError):
    """The token server does not answer, or not now: a matter of time."""

    __str__ = Exception.__str__


@functools.lru_cache(maxsize=8)
def provider(oauth: OAuth) -> AbstractTokenProvider:
    """The one source of tokens for these settings: all clients of a process share it, and so its token."""
    if oauth.token_file:
        return FileTokens(oauth.token_file)
    if oauth.token_url and oauth.client_id and oauth.client_secret:
        return ClientTokens(oauth)
    raise SecurityError(
        "kafka.security.oauth does not say where the token comes from; "
        "set token_file, or token_url with client_id and client_secret"
    )


class FileTokens(AbstractTokenProvider):
    """Tokens that somebody else renews in a file, such as a projected service account token of Kubernetes."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    async def token(self) -> str:
        """What the file holds now. Raises TokenRefusedError."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> str:
        subject = f"kafka.security.oauth.token_file {self._file}"
        try:
            with self._file.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except OSError as error:
            raise TokenRefusedError(f"{subject} cannot be read: {error.strerror}") from error
        return _sound(content.strip(), subject)


class ClientTokens(AbstractTokenProvider):
    """Tokens that a token server gives us for our own credentials (the client credentials grant of RFC 6749)."""

    def __init__(self, oauth: OAuth, clock: Callable[[], float] | None = None) -> None:
        """`clock` counts seconds, from anywhere; default: the event loop's."""
        self._oauth = oauth
        self._clock = clock
        self._kept: str | None = None
        self._until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()

    async def token(self) -> str:
        """The token that is kept while it is fresh, else a new one. Raises TokenRefusedError, TokenUnavailableError."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # a lock, and the loop's clock, are of one loop
            self._loop, self._turn, self._kept = loop, asyncio.Lock(), None
        clock = self._clock or loop.time
        async with self._turn:  # many clients start at once: one of them asks
            if self._kept is None or clock() >= self._until:
                asked = clock()
                self._kept, life = await self._fetch()
                self._until = asked + FRESH * life
            return self._kept

    async def _fetch(self) -> tuple[str, float]:
        """A token and how many seconds it lives; 0 if the server does not say."""
        oauth = self._oauth
        assert oauth.token_url is not None
        assert oauth.client_id is not None
        assert oauth.client_secret is not None
        server = _shown(oauth.token_url)
        context = _trusted(oauth.ca_file)
        who = f"{quote_plus(oauth.client_id)}:{quote_plus(oauth.client_secret.get_secret_value())}"  # section 2.3.1
        headers = {"Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"}
        form = {"grant_type": "client_credentials"} | ({"scope": oauth.scope} if oauth.scope else {})
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as session,
                # A redirect would carry the secret to where nobody said it may go.
                session.post(oauth.token_url, data=form, headers=headers, ssl=context, allow_redirects=False) as answer,
            ):
                status, content = answer.status, await answer.content.read(_LARGEST + 1)
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or "it does not fit"
            raise TokenRefusedError(
                f"The certificate of the token server {server} is not trusted: {why}; see kafka.security.oauth.ca_file"
            ) from None
        except TimeoutError:
            raise TokenUnavailableError(
                f"The token server {server} does not answer in {ANSWER_SECONDS:.0f} s"
            ) from None
        except aiohttp.ClientConnectorError as error:
            raise TokenUnavailableError(
                f"The token server {server} is not reachable: {error.os_error.strerror or 'no connection'}"
            ) from None
        except aiohttp.ClientError as error:
            raise TokenUnavailableError(
                f"The token server {server} breaks off ({type(error).__name__}); is the address right?"
            ) from None
        body = _mapping(content)
        if status == 429 or status >= 500:
            raise TokenUnavailableError(f"The token server {server} answers {status}")
        if status != 200:
            word = body.get("error")
            reason = f"{status} {word}" if word in _KNOWN else str(status)
            raise TokenRefusedError(
                f"The token server {server} refuses client {oauth.client_id!r}: {reason}; "
                "see kafka.security.oauth: client_id, client_secret and scope"
            )
        token = body.get("access_token")
        if not isinstance(token, str) or not token:
            raise TokenRefusedError(f"The token server {server} answers without access_token; is token_url right?")
        try:
            life = max(0.0, float(body.get("expires_in") or 0))
        except (TypeError, ValueError):
            life = 0.0
        return _sound(token.encode(), f"The token of {server}"), life


def _sound(content: bytes, subject: str) -> str:
    """The token as text; RFC 7628 puts it between control characters, so it may hold none."""
    if not content:
        raise TokenRefusedError(f"{subject} is empty")
    if len(content) > _LARGEST or not all(0x21 <= byte <= 0x7E for byte in content):
        raise TokenRefusedError(
            f"{subject} is no token: it has blanks, is not ASCII, or is larger than {_LARGEST} bytes"
        )
    return content.decode("ascii")


def _shown(url: str) -> str:
    """The address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _trusted(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise TokenRefusedError(f"kafka.security.oauth.ca_file {ca_file} cannot be used: {error}") from error


def _mapping(content: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


async def connect(host: str, port: int, **settings: Any) -> AIOKafkaConnection:
    """As aiokafka's `create_conn`, except that a token that the broker refuses is an error."""
    make: Callable[..., AIOKafkaConnection] = _Connection
    connected = make(host, port, **settings)
    try:
        await connected.connect()
    except BaseException:
        await hang_up(connected)
        raise
    return connected


async def hang_up(connected: AIOKafkaConnection) -> None:
    """Close, and wait until it is closed: TLS asks the other side first."""
    closed = connected.close()
    if connected._protocol is not None:  # it was open once
        await asyncio.wait({closed}, timeout=CLOSE_SECONDS)


class _Connection(AIOKafkaConnection):
    """Notices the refusal of a token.

    A broker refuses a token with a challenge in an answer that is otherwise a success (RFC 7628, section 3.2.2).
    aiokafka takes any answer for a welcome, and the broker hangs up on what it is asked next.
    """

    def authenticator_oauth(self) -> _Challenged:
        return _Challenged(OAuthAuthenticator(sasl_oauth_token_provider=self._sasl_oauth_token_provider))


class _Challenged:
    def __init__(self, authenticator: OAuthAuthenticator) -> None:
        self._authenticator = authenticator

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        if payload:
            status = _mapping(payload).get("status") or "it does not say why"
            raise TokenRefusedError(
                f"Kafka refuses our token ({status}): has it expired, "
                "and does it have the issuer and the audience that the broker expects? See kafka.security.oauth"
            )
        step: tuple[bytes, bool] | None = await self._authenticator.step(payload)
        return step
