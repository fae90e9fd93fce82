"""Mail against a real SMTP server: sign-in, TLS, threads, refusals."""

from __future__ import annotations

import logging
import ssl
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sys.path.insert(0, str(Path(__file__).parent.parent))

import tellings

from floodmark.config.targets import Email
from floodmark.notify.sink import Answer, Delivered, Later, Refused, Request, Sink, UnansweredError
from floodmark.notify.targets.email import sink

logging.getLogger("mail.log").disabled = True  # the server's own log, which outlives the streams of other tests

PASSWORD = "sm-5544332211"
pytestmark = [
    # A connection over TLS is closed by the loop after the answer; the loop of a test may be gone by then.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class _Box:
    """What has come, and who is turned away, with which answer."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refused: dict[str, str] = {}
        self.data = "250 taken"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data.startswith("250"):
            from email import message_from_bytes, policy

            assert isinstance(envelope.content, bytes)
            self.mails.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=policy.SMTP)))
        return self.data


def _signed_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    ok = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=ok, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture(params=["none", "starttls", "tls"])
def server(request: pytest.FixtureRequest, certificate: Path) -> Iterator[tuple[_Box, Email]]:
    """A server, and what the config says of it."""
    box, security = _Box(), request.param
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    options: dict[str, Any] = {"authenticator": _signed_in, "auth_require_tls": False}
    if security == "starttls":
        options |= {"tls_context": tls, "require_starttls": True, "auth_require_tls": True, "auth_required": True}
    if security == "tls":
        options |= {"ssl_context": tls}
    controller = _Controller(box, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield box, _settings(controller.port, security, certificate)
    finally:
        controller.stop()


class _Controller(Controller):
    """On whatever port is free."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def _settings(port: int, security: str, certificate: Path, **more: Any) -> Email:
    return Email.model_validate(
        {
            "host": "127.0.0.1",
            "port": port,
            "security": security,
            "username": "floodmark",
            "password": PASSWORD,
            "sender": "Floodmark <floodmark@example.org>",
            "to": ["ann@example.org", "bob@example.org"],
            "ca_file": str(certificate),
            **more,
        }
    )


def _sink(settings: Email) -> Sink:
    async def http(request: Request) -> Answer:
        raise AssertionError("mail speaks no HTTP")

    return sink(settings, http)


async def test_a_life_is_a_thread(server: tuple[_Box, Email]) -> None:
    box, settings = server
    it, memory = _sink(settings), dict[str, str]()
    for message in (tellings.telling("open", 1), tellings.telling("update", 2), tellings.telling("resolve", 3)):
        outcome = await it.deliver(message, memory)
        assert isinstance(outcome, Delivered), outcome
        memory = dict(outcome.memory)
    first, second, third = (mail for _, mail in box.mails)
    assert box.mails[0][0] == ["ann@example.org", "bob@example.org"]
    assert [str(mail["Subject"])[:12] for _, mail in box.mails] == ["payment: err", "Re: payment:", "Re: payment:"]
    assert second["In-Reply-To"] == third["In-Reply-To"] == first["Message-ID"]
    assert len({mail["Message-ID"] for _, mail in box.mails}) == 3
    assert first["References"].split()[0] == third["References"].split()[0]
    assert third.get_body(("plain",)).get_content().startswith("Resolved: payment")
    assert first["Importance"] == "high"
    assert third["Importance"] is None


async def test_who_forgets_stays_in_the_thread_and_who_repeats_has_the_same_id(server: tuple[_Box, Email]) -> None:
    box, settings = server
    for _ in range(2):
        await _sink(settings).deliver(tellings.telling("update", 2), {})
    await _sink(settings).deliver(tellings.telling("resolve", 3), {})
    first, again, later = (mail for _, mail in box.mails)
    assert first["Message-ID"] == again["Message-ID"]
    assert first["References"] == later["References"]


async def test_codes_are_settled(server: tuple[_Box, Email]) -> None:
    box, settings = server
    it, message = _sink(settings), tellings.telling("open")
    box.data = "451 try again later"
    assert await it.deliver(message, {}) == Later("SMTP status 451: try again later")
    box.data = "554 this is spam"
    assert await it.deliver(message, {}) == Refused("SMTP status 554: this is spam")
    box.data = "250 taken"
    box.refused = {"bob@example.org": "550 no such user"}
    outcome = await it.deliver(message, {})
    assert isinstance(outcome, Delivered)
    assert outcome.note == "1 of 2 recipients were refused: 550 no such user"
    box.refused = {"bob@example.org": "550 no such user", "ann@example.org": "450 greylisted"}
    assert await it.deliver(message, {}) == Later("SMTP status 450: greylisted")
    box.refused = dict.fromkeys(("bob@example.org", "ann@example.org"), "550 no such user")
    assert await it.deliver(message, {}) == Refused("SMTP status 550: no such user")
    assert len(box.mails) == 1


async def test_a_wrong_password_is_final_and_not_shown(server: tuple[_Box, Email], certificate: Path) -> None:
    _, settings = server
    wrong = _settings(settings.port, settings.security, certificate, password="wrong-password")
    outcome = await _sink(wrong).deliver(tellings.telling("open"), {})
    assert isinstance(outcome, Refused)
    assert "535" in outcome.reason
    assert "wrong-password" not in outcome.reason


async def test_hostile_text_arrives_as_text(server: tuple[_Box, Email]) -> None:
    box, settings = server
    for _, message in tellings.nasty("open"):
        assert isinstance(await _sink(settings).deliver(message, {}), Delivered)
    for to, mail in box.mails:
        assert to == ["ann@example.org", "bob@example.org"]
        assert mail["Bcc"] is None
        assert "<script" not in mail.get_body(("html",)).get_content()


async def test_who_cannot_be_reached_or_trusted_is_tried_again(certificate: Path, unused_tcp_port: int) -> None:
    for security in ("none", "tls"):
        nobody = _settings(unused_tcp_port, security, certificate)
        with pytest.raises(UnansweredError, match="no mail could be handed over"):
            await _sink(nobody).deliver(tellings.telling("open"), {})


@pytest.mark.parametrize("server", ["starttls", "tls"], indirect=True)
async def test_a_certificate_that_nobody_knows_gets_no_password(server: tuple[_Box, Email], certificate: Path) -> None:
    box, settings = server
    stranger = _settings(settings.port, settings.security, certificate, ca_file=None)
    with pytest.raises(UnansweredError, match=r"(?i)certificate"):
        await _sink(stranger).deliver(tellings.telling("open"), {})
    assert not box.mails


async def test_a_server_without_tls_gets_no_password(certificate: Path) -> None:
    box = _Box()
    controller = _Controller(box, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        with pytest.raises(UnansweredError, match="STARTTLS"):
            await _sink(_settings(controller.port, "starttls", certificate)).deliver(tellings.telling("open"), {})
    finally:
        controller.stop()
    assert not box.mails
