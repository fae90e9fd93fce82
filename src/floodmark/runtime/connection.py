"""Reaching the cluster: settings for aiokafka, and a plain reason when no broker answers.

aiokafka's own bootstrap says only that it failed; an operator needs to know whether the port was closed, the name
unknown, the certificate wrong or the password refused, and only the first two are worth a retry.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from floodmark.config.models import Kafka, KafkaSecurity
from floodmark.runtime.certificates import expired
from floodmark.runtime.errors import AwayError, CertificateError, SecurityError, UnreachableError, refused
from floodmark.runtime.oauth import connect, hang_up, provider

log = structlog.get_logger(__name__)

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""How long a broker may take to answer before it counts as away."""
LONGEST_WAIT = 30.0
"""Cap of the exponential backoff, in seconds."""

_WRONG_NAME = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_EXPIRED = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""


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
        settings |= _sasl(security)
    return settings


def _sasl(security: KafkaSecurity) -> dict[str, Any]:
    bearer = security.sasl_mechanism == "OAUTHBEARER"
    for name in ("sasl_mechanism", *(("oauth",) if bearer else ("username", "password"))):
        if getattr(security, name) is None:
            raise SecurityError(f"kafka.security.protocol is {security.protocol} but kafka.security.{name} is not set")
    logging.getLogger("aiokafka.conn").addFilter(_withhold)
    settings: dict[str, Any] = {"sasl_mechanism": security.sasl_mechanism}
    if security.oauth is not None and bearer:
        settings["sasl_oauth_token_provider"] = provider(security.oauth)
    elif security.password is not None:
        settings["sasl_plain_username"] = security.username
        settings["sasl_plain_password"] = security.password.get_secret_value()
    return settings


def _withhold(record: logging.LogRecord) -> bool:
    """Not what aiokafka says, at DEBUG, of a SASL exchange: it writes requests whole, with the password or token."""
    said = record.args if isinstance(record.args, tuple) else ()
    return not any(type(part).__name__.startswith("SaslAuthenticate") for part in said)


def _tls(security: KafkaSecurity) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=security.ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise SecurityError(f"kafka.security.ca_file {security.ca_file} cannot be used: {error}") from error
    context.check_hostname = security.check_hostname
    if security.key_file and not security.cert_file:
        raise SecurityError("kafka.security.key_file is set but kafka.security.cert_file is not")
    if security.cert_file:
        _show_certificate(context, security)
    return context


def _show_certificate(context: ssl.SSLContext, security: KafkaSecurity) -> None:
    asked = False

    def passphrase() -> str:  # without one, OpenSSL would ask at the terminal
        nonlocal asked
        asked = True
        return security.key_password.get_secret_value() if security.key_password else ""

    assert security.cert_file is not None
    try:
        context.load_cert_chain(security.cert_file, security.key_file, passphrase)
    except OSError as error:
        if asked:
            wrong = "does not open it" if security.key_password else "is not set"
            raise SecurityError(
                f"kafka.security.key_file {security.key_file or security.cert_file} is encrypted "
                f"and kafka.security.key_password {wrong}"
            ) from None
        pair = f"{security.cert_file} with key_file {security.key_file or '(in the same file)'}"
        raise SecurityError(f"kafka.security.cert_file {pair} cannot be used: {error}") from error


@asynccontextmanager
async def connection(kafka: Kafka) -> AsyncIterator[AIOKafkaConnection]:
    """A connection to the first bootstrap server that answers a metadata request.

    Raises AwayError with the reason of each server that did not, or SecurityError, which no retry mends.
    """
    settings = client_settings(kafka)
    hosts = collect_hosts(settings.pop("bootstrap_servers"), randomize=False)
    reasons = []
    for host, port, _ in hosts:
        connected = await _greeted(host, port, kafka.security, ANSWER_SECONDS, settings)
        if isinstance(connected, str):
            reasons.append(connected)
            continue
        try:
            yield connected
        finally:
            await hang_up(connected)
        return
    raise AwayError("; ".join(reasons))


@asynccontextmanager
async def quickest(kafka: Kafka, seconds: float) -> AsyncIterator[AIOKafkaConnection]:
    """As `connection`, but all bootstrap servers are asked at once, and each has `seconds` to answer.

    What is asked on the connection later has as long. A refusal counts only if no server answers.
    """
    settings = client_settings(kafka)
    hosts = collect_hosts(settings.pop("bootstrap_servers"), randomize=False)
    asking = [asyncio.create_task(_greeted(h, p, kafka.security, seconds, settings)) for h, p, _ in hosts]
    try:
        answers = await asyncio.gather(*asking, return_exceptions=True)
        connected = [answer for answer in answers if isinstance(answer, AIOKafkaConnection)]
        for spare in connected[1:]:
            await hang_up(spare)
        if connected:
            yield connected[0]
            return
    finally:
        for task in asking:
            task.cancel()
        for answer in await asyncio.gather(*asking, return_exceptions=True):
            if isinstance(answer, AIOKafkaConnection):
                await hang_up(answer)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    raise AwayError("; ".join(str(answer) for answer in answers))


async def _greeted(
    host: str, port: int, security: KafkaSecurity, seconds: float, settings: dict[str, Any]
) -> AIOKafkaConnection | str:
    """A connection on which the broker has answered, or the reason why there is none. Raises SecurityError."""
    connected = None
    try:
        connected = await connect(host, port, request_timeout_ms=int(seconds * 1000), **settings)
        await connected.send(MetadataRequest([]))
    except (OSError, KafkaError) as error:  # asyncio.TimeoutError is an OSError since 3.11
        if connected is not None:
            await hang_up(connected)
        return f"{host}:{port}: {_reason(error, host, port, security, seconds)}"
    except BaseException:
        if connected is not None:
            await hang_up(connected)
        raise
    return connected


def _reason(error: OSError | KafkaError, host: str, port: int, security: KafkaSecurity, seconds: float) -> str:
    if isinstance(error, UnreachableError):  # of the token server
        return str(error)
    if isinstance(error, SecurityError):
        raise error
    # In TLS 1.3 the broker's opinion of our certificate comes after the handshake, in place of its first answer.
    tls = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(tls, ssl.SSLError):
        raise _tls_refused(tls, f"{host}:{port}", security) from error
    if isinstance(error, KafkaError):
        if sentence := refused(error, security.username):
            raise sentence from error
        if ours := _expired(security):  # a broker may hang up before its alert is read
            raise CertificateError(f"{host}:{port} hangs up: {ours}; renew it") from error
        return f"it hangs up ({_hint(security)})"
    if isinstance(error, TimeoutError):
        return f"no answer in {seconds:.0f} s"
    if isinstance(error, socket.gaierror):
        return "the name does not resolve"
    # asyncio folds the errors of a name's several addresses into one text
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return "connection refused"
    return error.strerror or str(error) or type(error).__name__


def _tls_refused(error: ssl.SSLError, broker: str, security: KafkaSecurity) -> SecurityError:
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _WRONG_NAME:
            return CertificateError(
                f"The certificate of {broker} is not for that name: {error.verify_message.rstrip('.')}; "
                "write in kafka.brokers a name that the certificate has, or see kafka.security.check_hostname"
            )
        if error.verify_code == _EXPIRED:
            return CertificateError(f"The certificate of {broker} has expired; renew it at the broker")
        return CertificateError(
            f"The certificate of {broker} is not trusted: {error.verify_message}; see kafka.security.ca_file"
        )
    if "alert" in reason and not security.cert_file and ("certificate" in reason or "handshake" in reason):
        return CertificateError(
            f"{broker} wants a certificate of ours ({reason}); set kafka.security.cert_file and kafka.security.key_file"
        )
    if "alert" in reason and ("certificate" in reason or "unknown ca" in reason):
        if ours := _expired(security):
            return CertificateError(f"{broker} refuses us ({reason}): {ours}; renew it")
        return CertificateError(
            f"{broker} refuses our certificate, kafka.security.cert_file {security.cert_file} ({reason}): "
            "has it expired, and does the broker trust its authority?"
        )
    return SecurityError(f"TLS with {broker} failed: {reason}; is kafka.security.protocol right?")


def _expired(security: KafkaSecurity) -> str:
    """That our certificate has expired, and when; empty if it has not, or there is none."""
    if not security.cert_file or not security.protocol.endswith("SSL") or not (day := expired(security.cert_file)):
        return ""
    return f"our certificate, kafka.security.cert_file {security.cert_file}, has expired on {day}"


def _hint(security: KafkaSecurity) -> str:
    return f"kafka.security.protocol is {security.protocol}: is that what this port speaks?"


async def retrying(
    attempt: Callable[[], Awaitable[T]],
    stopped: Callable[[float], Awaitable[bool]],
    jitter: Callable[[], float] = random.random,
    away: Callable[[str], None] | None = None,
) -> T | None:
    """The result of `attempt`, tried again for ever while it raises UnreachableError.

    Waits 1, 2, 4 … up to `LONGEST_WAIT` seconds, less up to a quarter of jitter; from 1 again after an attempt that
    held for twice that. `stopped(seconds)` waits that long and says whether a stop was asked for meanwhile; then the
    result is None. Where no server answers, `away` is told the reasons in place of the log. Other errors pass through.
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
            if away is not None and isinstance(error, AwayError):
                away(error.reasons)
            else:
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
