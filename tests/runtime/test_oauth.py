"""Tokens from a file and from a token server; what goes wrong is a sentence that shows neither secret nor token."""

import asyncio
import base64
import contextlib
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiokafka.errors import KafkaError

from floodmark.config.models import OAuth
from floodmark.runtime import oauth as module
from floodmark.runtime.errors import SecurityError, UnreachableError
from floodmark.runtime.oauth import ClientTokens, FileTokens, provider

SECRET = "s3cr:t/ü&"


@contextlib.asynccontextmanager
async def token_server(*answers):
    """Gives one answer after another, the last for ever; each is (status, body). Its URL and what it was asked."""
    asked = []

    async def grant(request):
        asked.append(SimpleNamespace(headers=request.headers, form=dict(await request.post())))
        status, body = answers[min(len(asked), len(answers)) - 1]
        return web.json_response(body, status=status)

    app = web.Application()
    app.add_routes([web.post("/token", grant)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/token", asked
    finally:
        await runner.cleanup()


def client(url, clock=None, **more):
    return ClientTokens(OAuth(token_url=url, client_id="me", client_secret=SECRET, **more), clock)


async def test_a_file_is_read_for_each_connection(tmp_path):
    file = tmp_path / "token"
    tokens = FileTokens(str(file))
    for token in ("one", "two"):
        file.write_text(f"{token}\n")
        assert await tokens.token() == token


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"\n", "is empty"), (b"a b", "is no token"), (b"a\x01b", "is no token")],
)
async def test_a_file_without_a_token(tmp_path, content, said):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SecurityError, match=f"kafka.security.oauth.token_file {file} {said}"):
        await FileTokens(str(file)).token()


async def test_credentials_are_sent_as_the_rfc_says():
    async with token_server((200, {"access_token": "abc"})) as (url, asked):
        assert await client(url, scope="kafka read").token() == "abc"
    (request,) = asked
    assert request.form == {"grant_type": "client_credentials", "scope": "kafka read"}
    sent = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert sent == "me:s3cr%3At%2F%C3%BC%26"  # RFC 6749, section 2.3.1: each form-encoded


async def test_a_token_is_kept_for_most_of_its_life():
    now = 1000.0
    answers = [(200, {"access_token": name, "expires_in": 100}) for name in ("one", "two")]
    async with token_server(*answers) as (url, asked):
        tokens = client(url, lambda: now)
        assert await tokens.token() == "one"
        now = 1079.9
        assert await tokens.token() == "one"
        now = 1080.0
        assert await tokens.token() == "two"
    assert len(asked) == 2


async def test_a_token_of_unknown_life_is_not_kept():
    async with token_server((200, {"access_token": "abc", "expires_in": "soon"})) as (url, asked):
        tokens = client(url)
        await tokens.token()
        await tokens.token()
    assert len(asked) == 2


async def test_many_clients_ask_once():
    async with token_server((200, {"access_token": "abc", "expires_in": 100})) as (url, asked):
        tokens = client(url)
        assert set(await asyncio.gather(*(tokens.token() for _ in range(20)))) == {"abc"}
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            (401, {"error": "invalid_client", "error_description": SECRET}),
            SecurityError,
            "refuses client 'me': 401 inv",
        ),
        ((400, {"error": SECRET}), SecurityError, "refuses client 'me': 400; see kafka.security.oauth"),
        ((302, {}), SecurityError, "refuses client 'me': 302"),
        ((200, {"id_token": "x"}), SecurityError, "without access_token"),
        ((200, ["x"]), SecurityError, "without access_token"),
        ((503, {}), UnreachableError, "answers 503"),
        ((429, {}), UnreachableError, "answers 429"),
    ],
)
async def test_a_refusal_is_final_and_a_bad_day_is_not(answer, kind, said):
    async with token_server(answer) as (url, _):
        with pytest.raises(kind, match=said) as caught:
            await client(url).token()
    assert SECRET not in str(caught.value)
    assert isinstance(caught.value, KafkaError)  # else it would end aiokafka's background tasks


async def test_a_server_that_is_away():
    async with token_server((200, {})) as (url, _):
        pass
    with pytest.raises(UnreachableError, match=rf"The token server {url} is not reachable: "):
        await client(url).token()


async def test_a_server_that_is_silent(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.4)

    gone = asyncio.Event()

    async def silent(reader, writer):
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError, match="does not answer in 0 s"):
            await client(f"http://127.0.0.1:{port}/token").token()
        await gone.wait()


async def test_a_refused_fetch_is_not_kept():
    async with token_server((503, {}), (200, {"access_token": "abc"})) as (url, _):
        tokens = client(url)
        with pytest.raises(UnreachableError):
            await tokens.token()
        assert await tokens.token() == "abc"


def test_one_source_for_the_same_settings():
    settings = {"token_url": "https://t", "client_id": "me", "client_secret": "x"}
    assert provider(OAuth(**settings)) is provider(OAuth(**settings))
    assert provider(OAuth(**settings)) is not provider(OAuth(**{**settings, "client_secret": "y"}))
    with pytest.raises(SecurityError, match="does not say where"):
        provider(OAuth(token_url="https://t"))


def test_a_source_serves_one_loop_after_another():
    async def twice():
        async with token_server((200, {"access_token": "abc", "expires_in": 100})) as (url, asked):
            tokens._oauth = OAuth(token_url=url, client_id="me", client_secret="x")
            await asyncio.gather(tokens.token(), tokens.token())
        return len(asked)

    tokens = client("")
    assert [asyncio.run(twice()), asyncio.run(twice())] == [1, 1]
