import asyncio
import contextlib
import gzip
import json
import logging

import aiohttp
import cramjam
import pytest
import structlog
from prometheus_client import generate_latest

from floodmark.config.gateway import Gateway, Source
from floodmark.gateway import server as serving
from floodmark.gateway.kinds import MANNERS
from floodmark.gateway.post import LaterError, TooLargeError
from floodmark.gateway.server import Server
from floodmark.gateway.service import listening
from floodmark.gateway.telemetry import Telemetry
from floodmark.runtime.log import configure

from . import signing
from .signing import NOW, OLD, SECRET, SHOWING, SIGNED, TIMED

ALL = [*SIGNED, *SHOWING]
BODY = b'{"said": "hunter2 is nobody\'s business"}'


@pytest.fixture
def debugged():
    """Our log at its loudest, and afterwards as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure("debug")
    yield
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


class Carrier:
    """Keeps what it is sent."""

    def __init__(self):
        self.sent, self.wrong = [], None
        self.let = asyncio.Event()
        self.let.set()

    async def send(self, topic, key, value, headers):
        await self.let.wait()
        if self.wrong is not None:
            raise self.wrong
        self.sent.append((topic, key, value, dict(headers)))


class Clock:
    """The time that the server is told."""

    def __init__(self):
        self.now, self.ticks = float(NOW), 0.0


class Place:
    def __init__(self, url, carrier, telemetry, server, clock, session, stop):
        self.stop = stop
        self.url, self.carrier, self.telemetry = url, carrier, telemetry
        self.server, self.clock, self.session = server, clock, session

    async def post(self, headers, body=BODY, path="it", method="POST"):
        """The status, text and headers of the answer."""
        async with self.session.request(method, f"{self.url}/{path}", data=body, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers

    async def get(self, path, headers=None):
        async with self.session.get(f"{self.url}/{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    def count(self, result, reason="", source="it"):
        return self.telemetry.requests.labels(source, result, reason)._value.get()


@contextlib.asynccontextmanager
async def gateway(kind, token=None, timeout=5.0, **more):
    given = {"secret": SECRET, "username": "floodmark", "header": "X-Floodmark-Key"} | more
    source = Source(kind=kind, topic="topic", **given)
    carrier, telemetry, clock = Carrier(), Telemetry(), Clock()
    settings = Gateway(port=0, timeout=timeout, sources={"it": source})
    server = Server(settings, carrier, telemetry, token=token, now=lambda: clock.now, clock=lambda: clock.ticks)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        listener = await stack.enter_async_context(contextlib.AsyncExitStack())
        url = await listener.enter_async_context(listening(settings, server, None))
        yield Place(url, carrier, telemetry, server, clock, session, listener.aclose)


def asked(kind, way, secret=SECRET, body=BODY, now=NOW):
    """The headers of a request."""
    more = {"content-type": "application/json"}
    if kind == "prometheus_remote_write":
        more = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
    return way(secret, body, now) | more


@pytest.mark.parametrize(("kind", "way"), ALL)
async def test_what_is_proven_is_written_as_it_came(kind, way):
    async with gateway(kind) as at:
        status, text, _ = await at.post(asked(kind, way))
        assert (status, text) == (MANNERS[kind].taken, "")
        ((topic, key, value, headers),) = at.carrier.sent
        assert (topic, value) == ("topic", BODY)
        assert key == (None if kind == "prometheus_remote_write" else b"it")
        assert headers["floodmark-source"] == b"it"
        assert headers["floodmark-kind"] == kind.encode()
        assert headers["floodmark-received"] == b"2026-09-21T14:13:20.000Z"
        assert headers["content-type"].startswith(b"application/")
        assert not any(SECRET.encode() in value for value in headers.values())
        assert not any("signature" in name or name in ("authorization", "x-gitlab-token") for name in headers)
        assert at.count("taken") == 1


@pytest.mark.parametrize(("kind", "way"), ALL)
async def test_forged_is_401_and_nothing_is_written_nor_said(kind, way, capsys, debugged):
    async with gateway(kind) as at:
        status, text, _ = await at.post(asked(kind, way, secret="a wrong one, shown"))
        assert status == 401
        assert at.carrier.sent == []
        assert at.count("refused", "forged") == 1
        status, said, _ = await at.post({})
        unproven = kind == "prometheus_remote_write" or at.count("refused", "unproven") == 1
        assert (status, unproven) == ((415 if kind == "prometheus_remote_write" else 401), True)
    log = capsys.readouterr().err
    assert "forged" in log
    for secret in (SECRET, "a wrong one", "hunter2", *asked(kind, way, secret="a wrong one, shown").values()):
        assert len(secret) < 20 or secret not in log + text + said


@pytest.mark.parametrize(("kind", "way"), TIMED)
async def test_late_is_401(kind, way):
    async with gateway(kind) as at:
        status, _, _ = await at.post(asked(kind, way, now=NOW - 301))
        assert (status, at.carrier.sent, at.count("refused", "late")) == (401, [], 1)


@pytest.mark.parametrize(("kind", "way"), TIMED)
async def test_what_was_ahead_of_our_clock_is_known_for_as_long_as_it_is_not_late(kind, way):
    async with gateway(kind) as at:
        headers = asked(kind, way, now=NOW + 299)
        for seconds in (0, 301, 297):
            at.clock.now, at.clock.ticks = at.clock.now + seconds, at.clock.ticks + seconds
            assert (await at.post(headers))[0] == MANNERS[kind].taken
        assert len(at.carrier.sent) == 1


@pytest.mark.parametrize(("kind", "way"), ALL)
async def test_the_secret_before_is_taken(kind, way):
    async with gateway(kind, previous=OLD) as at:
        assert (await at.post(asked(kind, way, secret=OLD)))[0] == MANNERS[kind].taken
        assert len(at.carrier.sent) == 1


@pytest.mark.parametrize(("kind", "way"), SIGNED)
async def test_what_is_replayed_is_answered_and_written_once(kind, way):
    async with gateway(kind) as at:
        for _ in range(3):
            assert (await at.post(asked(kind, way)))[0] == 200
        assert len(at.carrier.sent) == (3 if kind == "wandb" else 1)
        assert at.count("repeated") == (0 if kind == "wandb" else 2)


@pytest.mark.parametrize("kind", sorted(MANNERS))
async def test_other_methods_are_405_and_too_much_is_413(kind):
    async with gateway(kind, open=True, limit=100) as at:
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            status, _, headers = await at.post({}, method=method)
            assert (status, headers["Allow"]) == (405, "POST")
        assert (await at.post(asked(kind, signing.bearer), bytes(101)))[0] == 413

        async def chunks():
            for _ in range(20):
                yield bytes(10)

        assert (await at.post(asked(kind, signing.bearer), chunks()))[0] == 413
        assert (at.carrier.sent, at.count("refused", "too_large")) == ([], 2)
        assert (await at.post(asked(kind, signing.bearer), bytes(100)))[0] == MANNERS[kind].taken


@pytest.mark.parametrize(("kind", "way"), ALL)
async def test_kafka_away_is_503_and_the_one_that_comes_again_is_written_once(kind, way):
    async with gateway(kind) as at:
        at.carrier.wrong = LaterError("Kafka has been away since 12:00:00 UTC")
        status, text, headers = await at.post(asked(kind, way))
        assert (status, headers["Retry-After"], at.carrier.sent) == (503, "5", [])
        assert "Kafka" not in text
        at.carrier.wrong = None
        assert (await at.post(asked(kind, way)))[0] == MANNERS[kind].taken
        assert len(at.carrier.sent) == 1
        assert (at.count("later", "kafka"), at.count("taken")) == (1, 1)


@pytest.mark.parametrize(("kind", "way"), [("gitlab", signing.gitlab), ("alertmanager", signing.bearer)])
async def test_a_slow_kafka_is_503_and_what_it_takes_later_is_not_written_again(kind, way):
    async with gateway(kind, timeout=0.05) as at:
        at.carrier.let.clear()
        for _ in range(2):
            assert (await at.post(asked(kind, way)))[0] == 503
        assert "floodmark_gateway_waiting 1.0" in generate_latest(at.telemetry.registry).decode()
        at.carrier.let.set()
        assert (await at.post(asked(kind, way)))[0] == 200
        assert len(at.carrier.sent) == 1


async def test_what_a_topic_does_not_take_is_413():
    async with gateway("jira", open=True) as at:
        at.carrier.wrong = TooLargeError()
        status, text, _ = await at.post({})
        assert (status, "max.message.bytes" in text) == (413, True)


@pytest.mark.parametrize("kind", sorted(MANNERS))
async def test_too_many_are_asked_to_come_again_in_the_way_that_the_kind_obeys(kind):
    async with gateway(kind, open=True, rate=2) as at:
        found = [await at.post(asked(kind, signing.bearer), b"%d" % number) for number in range(3)]
        if kind == "prometheus_remote_write":
            assert [status for status, _, _ in found] == [204] * 3
            return
        assert [status for status, _, _ in found] == [200, 200, MANNERS[kind].busy]
        assert found[-1][2]["Retry-After"] == "30"
        assert at.count("later", "too_many") == 1
        at.clock.ticks = 30
        assert (await at.post(asked(kind, signing.bearer), b"9"))[0] == 200


async def test_who_forges_uses_up_nobodys_rate():
    async with gateway("gitlab", rate=1) as at:
        for _ in range(5):
            assert (await at.post(asked("gitlab", signing.gitlab, secret="wrong")))[0] == 401
        assert (await at.post(asked("gitlab", signing.gitlab)))[0] == 200


async def test_no_source_is_404_whatever_its_name():
    async with gateway("gitlab") as at:
        for path in ("other", "it/more", "it/", "", "..%2fit", "healthz/x", "%00"):
            assert (await at.post({}, path=path))[0] == 404, path
        assert at.count("refused", "unknown", source="") == 7


async def test_a_slow_sender_is_408(monkeypatch):
    monkeypatch.setattr(serving, "READ_SECONDS", 0.05)
    async with gateway("gitlab", open=True) as at:

        async def chunks():
            yield b"{"
            await asyncio.sleep(1)
            yield b"}"

        assert (await at.post({}, chunks()))[0] == 408


async def test_too_many_bodies_at_once_are_503(monkeypatch):
    monkeypatch.setattr(serving, "READING_BYTES", 50)
    async with gateway("gitlab", open=True) as at:
        assert (await at.post({}, bytes(60)))[0] == 503
        assert at.server._reading == 0
        assert (await at.post({}, bytes(40)))[0] == 200


async def test_a_packed_body_stays_packed_and_its_signature_is_that_of_what_came():
    packed = gzip.compress(BODY)
    async with gateway("jira") as at:
        headers = signing.hub(SECRET, packed, NOW) | {"content-encoding": "gzip"}
        assert (await at.post(headers, packed))[0] == 200
        assert at.carrier.sent[0][2] == packed
        assert at.carrier.sent[0][3]["content-encoding"] == b"gzip"
        status, text, answer = await at.post({"content-encoding": "br"}, packed)
        assert (status, "gzip" in text, "gzip" in answer["Accept-Encoding"]) == (415, True, True)


async def test_slack_asks_whether_somebody_is_there():
    body = b'{"token": "t", "challenge": "3eZbrw1aB", "type": "url_verification"}'
    async with gateway("slack") as at:
        status, text, _ = await at.post(signing.slack(SECRET, body, NOW), body)
        assert (status, json.loads(text), at.carrier.sent) == (200, {"challenge": "3eZbrw1aB"}, [])
        assert at.count("greeted") == 1
        for other in (b'{"url_verification": ', b'["url_verification"]', b"payload=%7B%22type%22url_verification"):
            assert (await at.post(signing.slack(SECRET, other, NOW), other))[1] == ""
        assert len(at.carrier.sent) == 3
        assert (await at.post(signing.slack("wrong", body, NOW), body))[0] == 401


async def test_a_form_of_slack_goes_on_as_it_came():
    body = b"payload=%7B%22type%22%3A%22block_actions%22%7D"
    headers = signing.slack(SECRET, body, NOW) | {"content-type": "application/x-www-form-urlencoded"}
    async with gateway("slack") as at:
        assert (await at.post(headers, body))[:2] == (200, "")
        assert at.carrier.sent[0][2:] == (body, at.carrier.sent[0][3])
        assert at.carrier.sent[0][3]["content-type"] == b"application/x-www-form-urlencoded"


async def test_headers_that_decoding_wants_go_along_under_their_own_names():
    async with gateway("gitlab") as at:
        await at.post(
            asked("gitlab", signing.gitlab) | {"cookie": "c", "x-other": "o", "x-gitlab-instance": "x" * 3000}
        )
        headers = at.carrier.sent[0][3]
        assert headers["x-gitlab-event"] == b"Deployment Hook"
        assert headers["idempotency-key"] == b"7c1a"
        assert len(headers["x-gitlab-instance"]) == 1000
        assert not {"cookie", "x-other", "x-gitlab-token"} & set(headers)


async def test_remote_write_of_the_second_version_is_told_what_was_written():
    body = bytes(cramjam.snappy.compress_raw(b"\x2a\x02\x12\x00"))
    kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    async with gateway("prometheus_remote_write") as at:
        headers = signing.bearer(SECRET, body, NOW) | {"content-type": kind, "content-encoding": "snappy"}
        status, _, answer = await at.post(headers, body)
        assert (status, answer["X-Prometheus-Remote-Write-Samples-Written"]) == (204, "1")
        assert at.carrier.sent[0][3]["content-type"] == kind.encode()
        assert (await at.post(headers | {"content-encoding": "gzip"}, body))[0] == 415
        assert (await at.post(headers | {"content-type": "application/json"}, body))[0] == 415


async def test_other_sources_are_taken_over_while_it_runs():
    async with gateway("gitlab") as at:
        new = Gateway(sources={"new": Source(kind="docker", topic="t", secret=SECRET)})
        at.server.take_over(new)
        assert (await at.post(asked("gitlab", signing.gitlab)))[0] == 404
        assert (await at.post(asked("docker", signing.bearer), path="new"))[0] == 200


async def test_probes_and_metrics():
    async with gateway("gitlab", token="m3trics") as at:
        await at.post(asked("gitlab", signing.gitlab))
        assert (await at.get("healthz"))[0] == 200
        assert (await at.get("readyz"))[0] == 200
        assert (await at.get("metrics"))[0] == 401
        status, text = await at.get("metrics", {"authorization": "Bearer m3trics"})
        assert status == 200
        for line in (
            'floodmark_gateway_requests_total{reason="",result="taken",source="it"} 1.0',
            f'floodmark_gateway_bytes_total{{source="it"}} {float(len(BODY))}',
            "floodmark_ready 1.0",
            "floodmark_up 1.0",
        ):
            assert line in text.splitlines()
        at.telemetry.presence.away("kafka:9092: connection refused")
        status, text = await at.get("readyz")
        assert (status, "connection refused" in text) == (503, True)
        at.telemetry.failure = "it broke"
        assert (await at.get("healthz"))[0] == 503


async def test_a_refusal_is_told_once_a_minute():
    with structlog.testing.capture_logs() as lines:
        async with gateway("gitlab") as at:
            for _ in range(50):
                await at.post({})
            at.clock.ticks = 61
            await at.post({})
    told = [line for line in lines if "refused" in line["event"]]
    assert [(line["source"], line["reason"], line["log_level"]) for line in told] == [("it", "unproven", "warning")] * 2
    assert told[1]["more"] == "49 like it since the last line"


async def test_what_is_no_http_is_not_shown_in_the_log(capsys, debugged):
    async with gateway("gitlab") as at:
        host, _, port = at.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /it HTTP/1.1\r\nX-Gitlab-Token: " + b"hunter2" * 5000 + b"\r\n\r\n")
        assert b" 400 " in (await reader.readline())
        writer.close()
    assert "hunter2" not in capsys.readouterr().err


async def test_what_is_being_answered_when_it_stops_is_answered():
    place = contextlib.AsyncExitStack()
    at = await place.enter_async_context(gateway("gitlab", open=True))
    at.carrier.let.clear()
    posted = asyncio.create_task(at.post({}))
    async with asyncio.timeout(30):
        while at.server.once.waiting == 0:
            await asyncio.sleep(0.001)

    async def let():
        await asyncio.sleep(0.05)
        at.carrier.let.set()
        return await posted

    answered = asyncio.create_task(let())
    await at.stop()
    status, _, _ = await answered
    assert (status, len(at.carrier.sent)) == (200, 1)
    with pytest.raises(aiohttp.ClientError):
        await at.post({})
    await place.aclose()
