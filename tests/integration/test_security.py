"""Each way into a protected cluster, and each refusal, on Apache Kafka itself, with certificates of the session."""

import asyncio
import base64
import contextlib
import itertools
import logging
import ssl

import aiohttp
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from credentials import CLIENT, GUEST, KEY_PASSWORD, PASSWORD
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from floodmark.cli import app
from floodmark.config.loader import load
from floodmark.config.models import Kafka, KafkaSecurity, State, Topics
from floodmark.runtime import log, run
from floodmark.runtime.connection import client_settings, connection
from floodmark.runtime.endpoint import endpoint
from floodmark.runtime.errors import PermissionDeniedError, RunError, SecurityError, UnreachableError, refused
from floodmark.runtime.telemetry import Telemetry
from floodmark.runtime.topics import TopicSpec, create, partitions

pytestmark = pytest.mark.kafka

numbers = itertools.count()


@pytest.fixture
def name():
    """A name that no other test uses."""
    return f"security-{next(numbers)}"


@pytest.fixture
def token_file(tmp_path):
    return tmp_path / "token"


@contextlib.asynccontextmanager
async def token_server(credentials, life=600):
    """A token server under TLS for one client; its URL."""

    async def grant(request):
        known = base64.b64encode(b"floodmark:client-77aa01").decode()
        if request.headers["Authorization"] != f"Basic {known}":
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": credentials.token(life), "expires_in": life})

    application = web.Application()
    application.add_routes([web.post("/token", grant)])
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(credentials.folder / "keystore.pem")
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield f"https://127.0.0.1:{runner.addresses[0][1]}/token"
    finally:
        await runner.cleanup()


def reaching(brokers, security):
    return Kafka(brokers=[brokers], security=KafkaSecurity(**security))


async def reach(brokers, security):
    async with connection(reaching(brokers, security)):
        pass


async def round_trip(kafka, topic):
    """Create a topic, write to it in a transaction, and read it back with a group, all with our own settings."""
    (report,) = await create(kafka, {topic: TopicSpec(2, 1)})
    assert report.outcome == "created"
    assert await partitions(kafka, [topic]) == {topic: 2}
    async with AIOKafkaProducer(**client_settings(kafka), transactional_id=topic) as producer, producer.transaction():
        await producer.send_and_wait(topic, b"hello")
    consumer = AIOKafkaConsumer(
        topic, **client_settings(kafka), group_id=topic, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    async with consumer, asyncio.timeout(300):
        assert (await consumer.getone()).value == b"hello"
        await consumer.commit()


WAYS = {
    "TLS": ("TLS", lambda c: c.tls()),
    "mutual TLS": ("MTLS", lambda c: c.mtls()),
    "PLAIN": ("SASLTLS", lambda c: c.sasl("PLAIN")),
    "SCRAM-SHA-256": ("SASLTLS", lambda c: c.sasl("SCRAM-SHA-256")),
    "SCRAM-SHA-512": ("SASLTLS", lambda c: c.sasl("SCRAM-SHA-512")),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_way_in(listeners, credentials, name, way):
    listener, security = WAYS[way]
    await round_trip(reaching(listeners[listener], security(credentials)), name)


async def test_a_token_of_a_file(listeners, credentials, name, token_file):
    token_file.write_text(credentials.token() + "\n")
    await round_trip(reaching(listeners["OAUTH"], credentials.oauth(token_file=str(token_file))), name)


def client_credentials(credentials, url, secret="client-77aa01"):
    return credentials.oauth(
        token_url=url, client_id="floodmark", client_secret=secret, ca_file=credentials.authority.file
    )


async def test_a_token_of_a_token_server(listeners, credentials, name):
    async with token_server(credentials) as url:
        await round_trip(reaching(listeners["OAUTH"], client_credentials(credentials, url)), name)


async def test_clients_outlive_their_tokens(listeners, credentials, name):
    """Kafka hangs up when a token has expired (KIP-368); the next connection brings a new one."""
    async with token_server(credentials, life=2) as url:
        kafka = reaching(listeners["OAUTH"], client_credentials(credentials, url))
        await create(kafka, {name: TopicSpec(1, 1)})
        settings = client_settings(kafka)
        consumer = AIOKafkaConsumer(
            name, **settings, group_id=name, auto_offset_reset="earliest", enable_auto_commit=False
        )
        async with AIOKafkaProducer(**settings, transactional_id=name) as producer, consumer, asyncio.timeout(300):
            for value in (b"before", b"after"):
                async with producer.transaction():
                    await producer.send_and_wait(name, value)
                assert (await consumer.getone()).value == value
                await asyncio.sleep(2.5 if value == b"before" else 0)


REFUSALS = {
    "wrong PLAIN password": ("SASLTLS", lambda c: c.sasl("PLAIN", password="wr0ng-pw"), "Invalid username or password"),
    "wrong SCRAM password": ("SASLTLS", lambda c: c.sasl("SCRAM-SHA-256", password="wr0ng-pw"), "user 'shop': .*SCRAM"),
    "another mechanism": ("OAUTH", lambda c: c.sasl("PLAIN"), "does not take this mechanism"),
    "unknown authority": ("TLS", lambda c: {**c.tls(), "ca_file": str(c.folder / "stranger.pem")}, "ca_file"),
    "no certificate of ours": ("MTLS", lambda c: c.tls(), "wants a certificate of ours .*cert_file"),
    "expired certificate": (
        "MTLS",
        lambda c: c.mtls("expired"),
        r"refuses us .*our certificate.*expired.pem, has expired on \d{4}-.*renew it",
    ),
    "strange certificate": ("MTLS", lambda c: c.mtls("impostor"), "refuses our certificate.*trust its authority"),
    "locked key": ("MTLS", lambda c: c.mtls() | {"key_password": None}, "is encrypted and .*key_password is not set"),
    "wrong key password": ("MTLS", lambda c: c.mtls() | {"key_password": "wr0ng-pw"}, "key_password does not open it"),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refusal_is_a_sentence(listeners, credentials, case):
    listener, security, said = REFUSALS[case]
    with pytest.raises(SecurityError, match=said) as caught:
        await reach(listeners[listener], security(credentials))
    assert not any(secret in str(caught.value) for secret in (PASSWORD, KEY_PASSWORD, "wr0ng-pw"))


async def test_a_wrong_name(listeners, credentials):
    brokers = listeners["TLS"].replace("127.0.0.1", "localhost")  # the certificate has the address only
    with pytest.raises(SecurityError, match=r"is not for that name: Hostname mismatch.*check_hostname"):
        await reach(brokers, credentials.tls())
    await reach(brokers, credentials.tls(check_hostname=False))


TOKENS = {
    "expired": lambda c: c.token(life=-60),
    "another signer": lambda c: c.token(signer=rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    "another issuer": lambda c: c.token(iss="https://elsewhere.test"),
    "another audience": lambda c: c.token(aud="elsewhere"),
    "rubbish": lambda _: "rubbish",
}


@pytest.mark.parametrize("case", TOKENS)
async def test_a_token_that_is_refused(listeners, credentials, token_file, case):
    token = TOKENS[case](credentials)
    token_file.write_text(token)
    with pytest.raises(SecurityError, match=r"Kafka refuses our token \(invalid_token\)") as caught:
        await reach(listeners["OAUTH"], credentials.oauth(token_file=str(token_file)))
    assert token not in str(caught.value)


async def test_a_token_server_that_refuses(listeners, credentials):
    async with token_server(credentials) as url:
        with pytest.raises(SecurityError, match="refuses client 'floodmark': 401 invalid_client"):
            await reach(listeners["OAUTH"], client_credentials(credentials, url, "wr0ng-secret"))
        strange = client_credentials(credentials, url)
        strange["oauth"] |= {"ca_file": str(credentials.folder / "stranger.pem")}
        with pytest.raises(SecurityError, match=r"The certificate of the token server .* is not trusted"):
            await reach(listeners["OAUTH"], strange)
    with pytest.raises(UnreachableError, match=r"The token server .* is not reachable"):
        await reach(listeners["OAUTH"], client_credentials(credentials, url))


async def test_what_a_user_may_not_do(listeners, credentials, kafka, name):
    await create(Kafka(brokers=[kafka]), {name: TopicSpec(1, 1)})
    guest = reaching(listeners["SASLTLS"], credentials.sasl("PLAIN", GUEST))
    with pytest.raises(PermissionDeniedError, match=f"does not let user 'guest' use topic {name}; grant READ"):
        await partitions(guest, [name])
    producer = AIOKafkaProducer(**client_settings(guest), transactional_id=f"{name}-0")
    try:
        with pytest.raises(Exception, match="ransactionalId") as caught:
            await producer.start()
    finally:
        await producer.stop()
    sentence = refused(caught.value, GUEST)
    assert isinstance(sentence, PermissionDeniedError)
    assert "grant WRITE and DESCRIBE on transactional id" in str(sentence)


async def speak(kafka):
    """What aiokafka itself has to say of a failure, at debug, and what it raises."""
    try:
        producer = AIOKafkaProducer(**client_settings(kafka))
    except SecurityError:
        return
    try:
        await producer.start()
    except KafkaError as error:
        logging.getLogger("floodmark").exception("%r", error)
    finally:
        await producer.stop()
        await asyncio.sleep(0.05)  # aiokafka does not wait until a connection that failed is closed


SECRETS = {
    "password": "S-pass-1b7d", "key_password": "S-key-92cc", "client_secret": "S-client-04fe",
    "token": "S-http-e6a3", "store": "S-store-5d18", "oauth token": "S-token-a4b9",
}  # fmt: skip

CONFIG = """
kafka:
  brokers: [{broker}]
  security: {security}
http: {{port: 0, token: {token}}}
state: {{options: {{secret_access_key: {store}}}}}
logging: {{level: debug}}
inputs: [{{topic: metrics, signal: metric}}]
"""


@pytest.mark.parametrize("style", ["json", "text"])
async def test_no_secret_shows_up(listeners, credentials, tmp_path, capsys, style):
    """Every way with wrong secrets at debug level; then all that was written, raised, served and shown is searched."""
    told, state = [], State(store=None)
    token_file = tmp_path / "token"
    token_file.write_text(SECRETS["oauth token"])
    ca = credentials.authority.file
    login = f"protocol: SASL_SSL, ca_file: {ca}, username: shop, password: {SECRETS['password']}"
    oauth = f"protocol: SASL_SSL, ca_file: {ca}, sasl_mechanism: OAUTHBEARER"
    ours = credentials.folder / CLIENT
    files = f"cert_file: {ours}.pem, key_file: {ours}.key"
    saved = logging.getLogger().handlers[:], logging.getLogger().level
    log.configure("debug", style)
    try:
        async with token_server(credentials) as url:
            client = f"token_url: '{url}', client_id: x, client_secret: {SECRETS['client_secret']}, ca_file: {ca}"
            for listener, security in (
                ("SASLTLS", f"{{{login}, sasl_mechanism: PLAIN}}"),
                ("SASLTLS", f"{{{login}, sasl_mechanism: SCRAM-SHA-512}}"),
                ("PLAIN", f"{{{login}, sasl_mechanism: PLAIN}}"),
                ("MTLS", f"{{protocol: SSL, ca_file: {ca}, {files}, key_password: {SECRETS['key_password']}}}"),
                ("OAUTH", f"{{{oauth}, oauth: {{token_file: {token_file}}}}}"),
                ("OAUTH", f"{{{oauth}, oauth: {{{client}}}}}"),
            ):
                file = tmp_path / "floodmark.yaml"
                broker = listeners.get(listener, listeners["TLS"])
                values = {"token": SECRETS["token"], "store": SECRETS["store"]}
                file.write_text(CONFIG.format(broker=broker, security=security, **values))
                config = load(file)
                told += [repr(config), str(config), config.model_dump_json()]
                told.append(CliRunner().invoke(app, ["check", str(file)]).output)
                try:
                    await run(config.kafka, [], Topics(), config.http, state=state, idle=1, stop=asyncio.Event())
                except RunError as error:
                    told += [str(error), repr(error), repr(error.__cause__)]
                    logging.getLogger("floodmark").exception("as a bug would be logged")
                else:
                    pytest.fail(f"{security} was let in")
                await speak(config.kafka)
        telemetry = Telemetry()
        async with endpoint(config.http, telemetry) as url, aiohttp.ClientSession() as session:
            for authorization in (f"Bearer {SECRETS['token']}", f"Bearer {SECRETS['token']}x"):
                async with session.get(f"{url}/metrics", headers={"Authorization": authorization}) as answer:
                    told.append(f"{answer.status} {answer.headers} {await answer.text()}")
    finally:
        logging.getLogger().handlers[:], level = saved
        logging.getLogger().setLevel(level)
    written = capsys.readouterr()
    told += [written.out, written.err]
    assert "Request to" in written.err  # debug is on
    assert "200 " in "".join(told)
    for what, secret in SECRETS.items():
        assert not [text for text in told if secret in text], what
