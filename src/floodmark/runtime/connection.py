"""Reaching the cluster: settings for aiokafka, and a plain reason when no broker answers.

aiokafka's own bootstrap says only that it failed; an operator needs to know whether the port was closed, the name
unknown, the certificate wrong or the password refused, and only the first two are worth a retry.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from floodmark.config.models import Kafka, KafkaSecurity
from floodmark.runtime.errors import SecurityError, UnreachableError, refused

log = structlog.get_logger(__name__)

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""How long a broker may take to answer before it counts as away."""
LONGEST_WAIT = 30.0
"""Cap of the exponential backoff, in seconds."""


def client_settings(kafka: Kafka) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client takes. Raises SecurityError if they cannot work together."""
    security = kafka.security
    settings: dict[str, Any] = {
        "bootstrap_servers": list(kafka.brokers),
        "client_id": kafka.client_id,
        "security_protocol": security.protocol,
    }
    if security.protocol in ("SSL", "SASL_SSL"):
        settings["ssl_context"] = _tls(security)
    if security.protocol.startswith("SASL_"):
        for name in ("sasl_mechanism", "username", "password"):
            if getattr(security, name) is None:
                raise SecurityError(
                    f"kafka.security.protocol is {security.protocol} but kafka.security.{name} is not set"
                )
        assert security.password is not None
        settings["sasl_mechanism"] = security.sasl_mechanism
        settings["sasl_plain_username"] = security.username
        settings["sasl_plain_password"] = security.password.get_secret_value()
    return settings


def _tls(security: KafkaSecurity) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=security.ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise SecurityError(f"kafka.security.ca_file {security.ca_file} cannot be used: {error}") from error
    if security.key_file and not security.cert_file:
        raise SecurityError("kafka.security.key_file is set but kafka.security.cert_file is not")
    if security.cert_file:
        try:
            context.load_cert_chain(security.cert_file, security.key_file)
        except OSError as error:
            pair = f"{security.cert_file} with key_file {security.key_file or '(in the same file)'}"
            raise SecurityError(f"kafka.security.cert_file {pair} cannot be used: {error}") from error
    return context


@asynccontextmanager
async def connection(kafka: Kafka) -> AsyncIterator[AIOKafkaConnection]:
    """A connection to the first bootstrap server that answers a metadata request.

    Raises UnreachableError with the reason of each server that did not, or SecurityError, which no retry mends.
    """
    settings = client_settings(kafka)
    hosts = collect_hosts(settings.pop("bootstrap_servers"), randomize=False)
    reasons = []
    for host, port, _ in hosts:
        try:
            connected = await create_conn(host, port, request_timeout_ms=int(ANSWER_SECONDS * 1000), **settings)
        except (OSError, KafkaError) as error:  # asyncio.TimeoutError is an OSError since 3.11
            reasons.append(f"{host}:{port}: {_reason(error, host, port, kafka.security)}")
            continue
        try:
            await connected.send(MetadataRequest([]))
        except (OSError, KafkaError):
            connected.close()
            reasons.append(f"{host}:{port}: it hangs up ({_hint(kafka.security)})")
            continue
        try:
            yield connected
        finally:
            connected.close()
        return
    raise UnreachableError(f"Kafka is not reachable at {'; '.join(reasons)}")


def _reason(error: OSError | KafkaError, host: str, port: int, security: KafkaSecurity) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        raise SecurityError(
            f"The certificate of {host}:{port} is not trusted: {error.verify_message}; see kafka.security.ca_file"
        ) from error
    if isinstance(error, ssl.SSLError):
        raise SecurityError(
            f"TLS with {host}:{port} failed: {error.reason or error}; is kafka.security.protocol right?"
        ) from error
    if isinstance(error, KafkaError):
        if sentence := refused(error, security.username):
            raise sentence from error
        return f"it hangs up ({_hint(security)})"
    if isinstance(error, TimeoutError):
        return f"no answer in {ANSWER_SECONDS:.0f} s"
    if isinstance(error, socket.gaierror):
        return "the name does not resolve"
    # asyncio folds the errors of a name's several addresses into one text
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__


def _hint(security: KafkaSecurity) -> str:
    return f"kafka.security.protocol is {security.protocol}: is that what this port speaks?"


async def retrying(
    attempt: Callable[[], Awaitable[T]],
    stopped: Callable[[float], Awaitable[bool]],
    jitter: Callable[[], float] = random.random,
) -> T | None:
    """The result of `attempt`, tried again for ever while it raises UnreachableError.

    Waits 1, 2, 4 … up to `LONGEST_WAIT` seconds, less up to a quarter of jitter; from 1 again after an attempt that
    held for twice that. `stopped(seconds)` waits that long and says whether a stop was asked for meanwhile; then the
    result is None. Other errors pass through.
    """
    wait = 1.0
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            return await attempt()
        except UnreachableError as error:
            if loop.time() - began > 2 * LONGEST_WAIT:
                wait = 1.0
            seconds = wait * (1 - 0.25 * jitter())
            log.warning(f"{error}; retrying in {seconds:.0f} s")
            if await stopped(seconds):
                return None
            wait = min(LONGEST_WAIT, wait * 2)


async def stop_within(stop: asyncio.Event, seconds: float) -> bool:
    """Whether `stop` is set before `seconds` are over."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
