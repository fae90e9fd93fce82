"""Until when certificates are good: ours on disk, and the one that a broker shows. Warns before the day comes.

It must never end a run: whether a certificate is accepted is the broker's and OpenSSL's matter.
"""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from aiokafka.conn import AIOKafkaConnection

from floodmark.config.models import Kafka
from floodmark.runtime.telemetry import Telemetry

log = structlog.get_logger(__name__)

DAY = 86_400.0
WARN_DAYS = 14
"""So many days before its end a certificate is spoken of, once a day."""
LOOK_SECONDS = 60.0
"""How often our certificate is read again: it is renewed while we run."""

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"


def not_after(path: str) -> float:
    """When the first certificate of a PEM file expires, in seconds since the epoch. Raises OSError, ValueError."""
    text = Path(path).read_text(encoding="ascii", errors="replace")
    begin, end = text.find(_BEGIN), text.find(_END)
    if begin < 0 or end < begin:
        raise ValueError(f"{path} holds no certificate in PEM form")
    try:
        return _validity_end(ssl.PEM_cert_to_DER_cert(text[begin : end + len(_END)]))
    except (IndexError, ValueError) as error:
        raise ValueError(f"{path} holds a certificate that cannot be read ({error})") from None


def expired(path: str, clock: Callable[[], float] = time.time) -> str:
    """The day on which the certificate in the file expired; empty if it is good still, or cannot be read."""
    try:
        end = not_after(path)
    except (OSError, ValueError):
        return ""
    return _day(end) if end <= clock() else ""


class Expiries:
    """What is known of each certificate's end: kept as a metric, and said while the end is near, once a day each."""

    def __init__(self, telemetry: Telemetry, clock: Callable[[], float] = time.time) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._said: dict[str, int] = {}  # days left when it was last spoken of; bounded by the config

    def note(self, label: str, subject: str, end: float) -> None:
        """`label` is the metric's, `subject` how a sentence begins; `end` in seconds since the epoch."""
        self._telemetry.certificate_expiry.labels(label).set(end)
        days = math.floor((end - self._clock()) / DAY)
        if days >= WARN_DAYS:
            self._said.pop(label, None)
            return
        if self._said.get(label) == days:
            return
        self._said[label] = days
        if days < 0:
            log.error(f"{subject} has expired on {_day(end)}: new connections will be refused; renew it")
        else:
            left = "less than a day" if days == 0 else f"{days} day{'s' * (days > 1)}"
            log.warning(f"{subject} expires in {left}, on {_day(end)}; renew it")

    def note_shown(self, connected: AIOKafkaConnection) -> None:
        """The certificate that a broker shows on this connection, if it is TLS."""
        writer = connected._writer
        certificate = writer.get_extra_info("peercert") if writer is not None else None
        if certificate:
            broker = f"{connected.host}:{connected.port}"
            end = float(ssl.cert_time_to_seconds(certificate["notAfter"]))
            self.note(broker, f"The certificate of {broker}", end)


async def keep_looking(
    kafka: Kafka, expiries: Expiries, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Note the end of our own certificate, now and every `LOOK_SECONDS`. Returns at once if there is none."""
    path = kafka.security.cert_file
    unreadable = ""
    while path:
        try:
            end = not_after(path)
        except (OSError, ValueError) as error:
            if str(error) != unreadable:
                log.warning(f"When kafka.security.cert_file {path} expires cannot be told: {error}")
            unreadable = str(error)
        else:
            expiries.note(path, f"Our certificate, kafka.security.cert_file {path},", end)
            unreadable = ""
        await sleep(LOOK_SECONDS)


def _day(end: float) -> str:
    return datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _validity_end(der: bytes) -> float:
    """notAfter of an X.509 certificate (RFC 5280, section 4.1). Raises IndexError, ValueError if it is none."""
    certificate, _, _ = _element(der, 0)
    at, _, _ = _element(der, certificate)  # to-be-signed
    if der[at] == 0xA0:  # version
        _, at, _ = _element(der, at)
    for _ in range(3):  # serial number, signature algorithm, issuer
        _, at, _ = _element(der, at)
    begin, _, _ = _element(der, at)
    _, at, _ = _element(der, begin)  # notBefore
    begin, end, kind = _element(der, at)
    text = der[begin:end].decode("ascii")
    if kind == 0x17:  # UTCTime: two digits of the year, from 1950 on
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Of the DER element at an offset: where its content begins and ends, and its tag."""
    tag, length, begin = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + size]), begin + size
    if begin + length > len(der):
        raise ValueError("it is cut")
    return begin, begin + length, tag
