"""HTTP as sinks use it, against a server on this machine."""

import asyncio
import contextlib

import pytest
from aiohttp import web

from floodmark.notify import exchange
from floodmark.notify.exchange import MOST, HttpExchange
from floodmark.notify.sink import Request, UnansweredError


@contextlib.asynccontextmanager
async def serving(handle):
    app = web.Application(client_max_size=10**9)
    app.add_routes([web.route("*", "/{path:.*}", handle)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def ask(url, timeout=2.0, **request):
    async with exchange.session() as session:
        return await HttpExchange(session, timeout)(Request(**{"method": "POST", "url": url, **request}))


async def test_a_request_arrives_as_it_is_and_the_answer_comes_back():
    async def handle(request):
        body = await request.read()
        said = f"{request.method} {request.path_qs} {request.headers['X-Key']} {body.decode()}"
        return web.Response(status=202, text=said, headers={"Retry-After": "3"})

    async with serving(handle) as url:
        answer = await ask(f"{url}/a/b?c=d%2Fe", headers={"X-Key": "k"}, body=b"hello")
    assert answer.status == 202
    assert answer.body == b"POST /a/b?c=d%2Fe k hello"
    assert answer.headers["retry-after"] == "3"


async def test_of_a_long_answer_only_the_beginning_is_read():
    async def handle(request):
        return web.Response(body=b"x" * (3 * MOST))

    async with serving(handle) as url:
        assert len((await ask(url)).body) == MOST


async def test_a_redirect_is_followed_on_the_same_host_only_and_with_the_same_body():
    async def other(request):
        pytest.fail("nothing may come here")

    async def handle(request):
        if request.path == "/here":
            raise web.HTTPTemporaryRedirect("/there")
        if request.path == "/there":
            return web.Response(body=await request.read())
        if request.path == "/found":
            raise web.HTTPFound("/there")
        if request.path == "/loop":
            raise web.HTTPPermanentRedirect("/loop?")
        raise web.HTTPTemporaryRedirect(f"{elsewhere}/")

    async with serving(other) as elsewhere, serving(handle) as url:
        followed = await ask(f"{url}/here", body=b"as it was")
        assert (followed.status, followed.body) == (200, b"as it was")
        assert (await ask(f"{url}/found")).status == 302
        assert (await ask(f"{url}/away")).status == 307
        assert (await ask(f"{url}/loop")).status == 308


async def test_what_goes_wrong_is_told_in_words_by_the_host_alone(unused_tcp_port):
    async def hang(request):
        await asyncio.sleep(60)

    async def hang_up(request):
        request.transport.close()
        return web.Response()

    cases = {
        f"http://127.0.0.1:{unused_tcp_port}/SECRET": "connection refused",
        "http://no-such-host.invalid/SECRET": "the name does not resolve",
        "ftp://example.org/SECRET": "that is no address of http or https",
        "no address/SECRET": "that is no address of http or https",
    }
    async with serving(hang) as hanging, serving(hang_up) as rude:
        cases |= {
            f"{hanging}/SECRET": "no answer in 0.3 s",
            f"{rude}/SECRET": "it hung up before it answered",
            f"{hanging.replace('http:', 'https:')}/SECRET": "TLS failed",
        }
        for url, words in cases.items():
            with pytest.raises(UnansweredError) as caught:
                await ask(url, timeout=0.3)
            assert words in str(caught.value), url
            assert "SECRET" not in str(caught.value)
            assert caught.value.__suppress_context__


async def test_proxies_of_the_environment_are_not_asked(monkeypatch, unused_tcp_port):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_tcp_port}")

    async def handle(request):
        return web.Response()

    async with serving(handle) as url:
        assert (await ask(url)).status == 200
