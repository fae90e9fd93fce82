"""Why the cluster cannot be reached, in a sentence; and when it is tried again."""

import asyncio
import logging
import socket
import ssl

import pytest
from aiokafka.protocol.admin import SaslAuthenticateRequest
from aiokafka.protocol.metadata import MetadataRequest
from structlog.testing import capture_logs

from floodmark.config.models import Kafka, KafkaSecurity
from floodmark.runtime import connection as module
from floodmark.runtime.connection import client_settings, connection, retrying, stop_within
from floodmark.runtime.errors import SecurityError, UnreachableError


@pytest.fixture
def closed_port():
    with socket.socket() as bound:  # bound and not listening: refused, and nobody else gets it
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def reach(*brokers, **security):
    async with connection(Kafka(brokers=list(brokers), security=KafkaSecurity(**security))):
        pass


async def test_a_closed_port(closed_port):
    with pytest.raises(UnreachableError) as caught:
        await reach(f"127.0.0.1:{closed_port}")
    assert str(caught.value) == f"Kafka is not reachable at 127.0.0.1:{closed_port}: connection refused"


async def test_a_name_of_two_addresses(closed_port):
    with pytest.raises(UnreachableError, match=rf"localhost:{closed_port}: connection refused"):
        await reach(f"localhost:{closed_port}")


async def test_every_broker_has_its_reason(closed_port, monkeypatch):
    async def unresolved(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    real = module.connect

    async def either(host, *rest, **settings):
        return await (unresolved if "invalid" in host else real)(host, *rest, **settings)

    monkeypatch.setattr(module, "connect", either)
    reasons = rf"127.0.0.1:{closed_port}: connection refused; no.such.host.invalid:9092: the name does not resolve"
    with pytest.raises(UnreachableError, match=reasons):
        await reach(f"127.0.0.1:{closed_port}", "no.such.host.invalid")


async def server(answer):
    """A server that does `answer(reader, writer)`; the port, and how to close it."""

    async def serve(reader, writer):
        try:
            await answer(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    return listening, listening.sockets[0].getsockname()[1]


async def hang_up(reader, writer):
    await reader.read(4)


async def test_a_port_that_hangs_up():
    listening, port = await server(hang_up)
    async with listening:
        with pytest.raises(UnreachableError, match=r"it hangs up \(kafka.security.protocol is PLAINTEXT"):
            await reach(f"127.0.0.1:{port}")


async def test_tls_to_a_port_without_it_is_not_retried():
    async def plain(reader, writer):
        await reader.read(100)
        writer.write(b"this is no TLS\n")
        await writer.drain()

    listening, port = await server(plain)
    async with listening:
        with pytest.raises(SecurityError, match=r"is kafka.security.protocol right\?"):
            await reach(f"127.0.0.1:{port}", protocol="SSL")


async def test_no_answer_counts_as_away(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)

    async def silent(reader, writer):
        await reader.read()

    listening, port = await server(silent)
    async with listening:
        with pytest.raises(UnreachableError, match="no answer in 0 s"):
            await reach(f"127.0.0.1:{port}")


async def test_backoff_doubles_to_its_cap_and_says_each_wait():
    waits = []
    left = 8

    async def attempt():
        nonlocal left
        left -= 1
        if left:
            raise UnreachableError("Kafka is not reachable at localhost:9092: connection refused")
        return "reached"

    async def stopped(seconds):
        waits.append(seconds)
        return False

    with capture_logs() as logs:
        assert await retrying(attempt, stopped, jitter=lambda: 0.0) == "reached"
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert logs[1]["event"] == "Kafka is not reachable at localhost:9092: connection refused; retrying in 2 s"


async def test_jitter_only_shortens_a_wait():
    waits = []

    async def attempt():
        raise UnreachableError("away")

    async def stopped(seconds):
        waits.append(seconds)
        return len(waits) == 3

    with capture_logs():
        assert await retrying(attempt, stopped, jitter=lambda: 1.0) is None
    assert waits == [0.75, 1.5, 3.0]


async def test_other_errors_are_not_retried():
    async def attempt():
        raise SecurityError("no")

    with pytest.raises(SecurityError):
        await retrying(attempt, None)


async def test_a_stop_ends_a_wait():
    stop = asyncio.Event()
    assert not await stop_within(stop, 0)
    stop.set()
    assert await stop_within(stop, 1000)


def settings(**security):
    return client_settings(Kafka(brokers=["b:1"], security=KafkaSecurity(**security)))


def test_sasl_settings():
    made = settings(protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512", username="u", password="p")
    assert made == {
        "bootstrap_servers": ["b:1"],
        "client_id": "floodmark",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


def test_tls_settings_verify_the_broker():
    context = settings(protocol="SSL")["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("security", "said"),
    [
        ({"protocol": "SASL_SSL", "username": "u", "password": "p"}, "kafka.security.sasl_mechanism is not set"),
        ({"protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}, "kafka.security.username is not set"),
        ({"protocol": "SSL", "ca_file": "/nowhere/ca.pem"}, "ca_file /nowhere/ca.pem cannot be used: .*No such file"),
        ({"protocol": "SSL", "cert_file": "/nowhere/me.pem"}, "cert_file /nowhere/me.pem .*No such file"),
        ({"protocol": "SSL", "key_file": "/nowhere/me.key"}, "cert_file is not"),
        ({"protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"}, "kafka.security.oauth is not set"),
        ({"protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "oauth": {}}, "oauth does not say where"),
    ],
)
def test_settings_that_cannot_work(security, said):
    with pytest.raises(SecurityError, match=said):
        settings(**security)


def test_the_name_in_a_certificate_can_be_left_unchecked():
    context = settings(protocol="SSL", check_hostname=False)["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.check_hostname


def test_clients_of_one_config_share_a_token_source():
    oauth = {"protocol": "SASL_PLAINTEXT", "sasl_mechanism": "OAUTHBEARER", "oauth": {"token_file": "/nowhere"}}
    made = settings(**oauth)
    assert made["sasl_oauth_token_provider"] is settings(**oauth)["sasl_oauth_token_provider"]
    assert "sasl_plain_password" not in made


def test_a_sasl_exchange_is_not_logged(caplog):
    settings(protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", username="u", password="p")
    logger = logging.getLogger("aiokafka.conn")
    with caplog.at_level(logging.DEBUG):
        for request in (SaslAuthenticateRequest(b"\0u\0hunter2"), MetadataRequest([])):
            logger.debug("Request to %s:%d %d: %s", "b", 1, 2, request.prepare({36: (0, 1), 3: (0, 5)}))
    assert "hunter2" not in caplog.text
    assert "MetadataRequest" in caplog.text
