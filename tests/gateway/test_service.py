import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.config.gateway import Gateway, Source
from floodmark.config.models import Config, Http, Kafka
from floodmark.gateway import service
from floodmark.gateway.service import serve
from floodmark.runtime.errors import AddressError, SecurityError

SOURCES = {"x": Source(kind="docker", topic="t", open=True)}
NOBODY = Kafka(brokers=["127.0.0.1:1"])


def certificate(folder, name):
    """Files of a certificate for 127.0.0.1 that `name` has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return {"cert_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem")}


class Serving:
    """`serve` under way, its URL, and a stop."""

    def __init__(self, config, **more):
        self.stop, self.url = asyncio.Event(), asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(serve(config, stop=self.stop, serving=self.url.set_result, **more))

    async def __aenter__(self):
        await asyncio.wait({self.task, self.url}, return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            self.task.result()
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await self.task


async def post(url, path="x"):
    async with aiohttp.ClientSession() as session, session.post(f"{url}/{path}", data=b"{}") as answer:
        return answer.status, answer.headers.get("Retry-After")


async def test_while_kafka_is_away_it_serves_and_asks_to_come_again():
    config = Config(kafka=NOBODY, gateway=Gateway(port=0, sources=SOURCES))
    async with Serving(config) as serving:
        url = await serving.url
        assert await post(url) == (503, "5")
        assert (await post(url, "y"))[0] == 404
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(60):
                reasons = []
                while not any("127.0.0.1:1" in reason for reason in reasons):
                    async with session.get(f"{url}/readyz") as answer:
                        assert answer.status == 503
                        reasons = (await answer.json())["reasons"]
                    await asyncio.sleep(0.01)
            async with session.get(f"{url}/healthz") as answer:
                assert answer.status == 200


async def test_a_taken_port_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"cannot listen on 127.0.0.1:{port}: .*gateway.port"):
            await serve(Config(kafka=NOBODY, gateway=Gateway(port=port)), stop=asyncio.Event())


async def shown(url):
    """The certificate that is shown to a new connection."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = url.removeprefix("https://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    pem = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(pem).subject.rfc4514_string()


async def test_tls_and_a_certificate_that_is_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "LOOK_SECONDS", 0.01)
    files = certificate(tmp_path, "first")
    config = Config(kafka=NOBODY, gateway=Gateway(port=0, sources=SOURCES, **files))
    async with Serving(config) as serving:
        url = await serving.url
        assert await shown(url) == "CN=first"
        (tmp_path / "cert.pem").write_text("half of it")
        await asyncio.sleep(0.1)
        assert await shown(url) == "CN=first"
        certificate(tmp_path, "second")
        async with asyncio.timeout(30):
            while await shown(url) != "CN=second":
                await asyncio.sleep(0.05)


async def test_a_certificate_that_is_none_is_a_sentence(tmp_path):
    (tmp_path / "cert.pem").write_text("nothing")
    gateway = Gateway(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "cert.pem"))
    with pytest.raises(SecurityError, match=r"gateway\.cert_file .*cert\.pem"):
        await serve(Config(kafka=NOBODY, gateway=gateway), stop=asyncio.Event())


async def test_a_token_of_the_config_guards_the_metrics():
    config = Config(kafka=NOBODY, gateway=Gateway(port=0, sources=SOURCES), http=Http(token="m3trics"))
    async with Serving(config) as serving:
        url = await serving.url
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            assert answer.status == 401


def test_without_sources_it_says_where_to_look(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text("logging: {format: text}\n")
    found = CliRunner().invoke(app, ["gateway", "-c", str(path)])
    assert found.exit_code == 1
    assert "docs/gateway.md" in found.output


async def test_a_reload_that_meets_a_bug_is_not_the_last(monkeypatch):
    asked, taken, results = [], [], []

    async def check(kafka, gateway, create_with):
        asked.append(gateway)
        if len(asked) == 1:
            raise KeyError("a bug")
        return {"t": 7}

    class Told:
        largest = None
        take_over = staticmethod(taken.append)

        def reloaded(self, *, success):
            results.append(success)

    async def reloads():
        for port in (1, 2):
            yield Gateway(port=port, sources=SOURCES)

    monkeypatch.setattr(service, "_check_topics", check)
    told = Told()
    await service._follow(reloads(), NOBODY, told, told, told, "")
    assert results == [False, True]
    assert [gateway.port for gateway in taken] == [2]
    assert told.largest == {"t": 7}
