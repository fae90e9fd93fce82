"""Until when a certificate is good: read from the file, said before the day comes, and after."""

import asyncio
import datetime
import ssl
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from floodmark.config.models import Kafka, KafkaSecurity
from floodmark.runtime.certificates import DAY, Expiries, expired, keep_looking, not_after
from floodmark.runtime.connection import connection
from floodmark.runtime.errors import CertificateError
from floodmark.runtime.telemetry import Telemetry

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)


def written(path, end, begin=None):
    """A certificate for 127.0.0.1, signed by itself, with its key in the same file."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker ü")])
    made = (
        x509.CertificateBuilder(name, name, KEY.public_key(), x509.random_serial_number())
        .not_valid_before(begin or end - datetime.timedelta(days=90))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(KEY, hashes.SHA256())
    )
    key = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(b"of a chain\n" + made.public_bytes(serialization.Encoding.PEM) + key)
    return str(path)


@pytest.mark.parametrize(
    "end",
    [
        NOW,
        datetime.datetime(2049, 12, 31, 23, 59, 59, tzinfo=datetime.UTC),
        datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC),  # from here on it is written with four digits of the year
        datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC),
    ],
)
def test_the_end_is_read_from_the_file(tmp_path, end):
    assert not_after(written(tmp_path / "me.pem", end)) == end.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_certificate_is_said(tmp_path, text):
    path = tmp_path / "me.pem"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"me.pem holds"):
        not_after(str(path))
    assert expired(str(path)) == ""


def test_the_end_is_said_two_weeks_before_and_once_a_day():
    clock = SimpleNamespace(now=NOW.timestamp())
    telemetry = Telemetry()
    expiries = Expiries(telemetry, lambda: clock.now)
    end = clock.now + 20 * DAY
    with capture_logs() as logs:
        for _ in range(22 * 24):
            expiries.note("me.pem", "Our certificate me.pem", end)
            clock.now += DAY / 24
    said = [line["event"] for line in logs]
    assert said[0] == "Our certificate me.pem expires in 13 days, on 2026-06-21 12:00 UTC; renew it"
    assert said[12:14] == [
        "Our certificate me.pem expires in 1 day, on 2026-06-21 12:00 UTC; renew it",
        "Our certificate me.pem expires in less than a day, on 2026-06-21 12:00 UTC; renew it",
    ]
    assert said[14] == (
        "Our certificate me.pem has expired on 2026-06-21 12:00 UTC: new connections will be refused; renew it"
    )
    assert len(said) == 16
    name = "floodmark_certificate_expiry_timestamp_seconds"
    assert telemetry.registry.get_sample_value(name, {"file": "me.pem"}) == end


async def looked(path, *between):
    """What is said as our file is looked at, with what happens between two looks."""
    telemetry, left = Telemetry(), list(between)

    async def sleep(_):
        if not left:
            raise asyncio.CancelledError
        left.pop(0)()

    kafka = Kafka(security=KafkaSecurity(cert_file=path))
    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await keep_looking(kafka, Expiries(telemetry, NOW.timestamp), sleep)
    return [line["event"] for line in logs], telemetry


async def test_a_certificate_that_is_renewed_is_spoken_of_no_more(tmp_path):
    file = tmp_path / "me.pem"
    path, renewed = written(file, NOW + datetime.timedelta(days=2)), NOW + datetime.timedelta(days=90)
    said, telemetry = await looked(path, lambda: None, lambda: written(file, renewed), lambda: None)
    assert len(said) == 1
    name = "floodmark_certificate_expiry_timestamp_seconds"
    assert telemetry.registry.get_sample_value(name, {"file": path}) == renewed.timestamp()


async def test_a_certificate_that_cannot_be_read_is_said_once(tmp_path):
    said, _ = await looked(str(tmp_path / "me.pem"), lambda: None, lambda: None)
    assert len(said) == 1
    assert "When kafka.security.cert_file" in said[0]


async def test_without_a_certificate_of_ours_nobody_looks():
    await keep_looking(Kafka(), Expiries(Telemetry()))


async def serving(path, **client):
    """What `connection` says of a TLS port with the certificate of `path`, which asks for one if `client` has one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client["cert_file"])

    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    security = KafkaSecurity(protocol="SSL", ca_file=path, **client)
    async with server:
        with pytest.raises(CertificateError) as caught:
            async with connection(Kafka(brokers=[f"localhost:{port}"], security=security)):
                pass
    return str(caught.value)


async def test_a_broker_whose_certificate_has_expired_is_said(tmp_path):
    path = written(tmp_path / "broker.pem", datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1))
    assert "has expired; renew it at the broker" in await serving(path)


async def test_ours_that_has_expired_is_said_with_the_day(tmp_path):
    now = datetime.datetime.now(datetime.UTC)
    broker = written(tmp_path / "broker.pem", now + datetime.timedelta(days=30))
    ours = written(tmp_path / "me.pem", datetime.datetime(2020, 5, 17, 9, 30, tzinfo=datetime.UTC))
    said = await serving(broker, cert_file=ours)
    assert f"our certificate, kafka.security.cert_file {ours}, has expired on 2020-05-17 09:30 UTC; renew it" in said


def test_what_a_broker_shows_is_noted():
    telemetry = Telemetry()
    shown = {"notAfter": "Jun  1 12:00:00 2046 GMT"}
    connected = SimpleNamespace(_writer=SimpleNamespace(get_extra_info=lambda _: shown), host="b", port=9093)
    Expiries(telemetry).note_shown(connected)
    name = "floodmark_certificate_expiry_timestamp_seconds"
    expected = datetime.datetime(2046, 6, 1, 12, tzinfo=datetime.UTC).timestamp()
    assert telemetry.registry.get_sample_value(name, {"file": "b:9093"}) == expected
    connected._writer = SimpleNamespace(get_extra_info=lambda _: None)  # without TLS
    connected.host = "c"
    Expiries(telemetry).note_shown(connected)
    assert telemetry.registry.get_sample_value(name, {"file": "c:9093"}) is None
