"""Engines asked over HTTP: what they say, and why one says nothing."""

import socket

from floodmark.config.models import Config, Http
from floodmark.runtime.asking import engines
from floodmark.runtime.endpoint import endpoint
from floodmark.runtime.telemetry import Telemetry


def free_port():
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        return asking.getsockname()[1]


async def test_an_engine_says_whether_it_is_ready_and_its_metrics():
    port = free_port()
    async with endpoint(Http(port=port), Telemetry()):
        (named,) = await engines(Config(), [f"127.0.0.1:{port}"])
        (found, *_) = await engines(Config(http=Http(port=port)), [])
    assert named.name == found.name == f"127.0.0.1:{port}"
    assert named.trouble == ""
    assert named.readiness["reasons"]
    assert "floodmark_up 1.0" in named.metrics


async def test_why_there_is_no_answer():
    port = free_port()
    (silent,) = await engines(Config(), [f"127.0.0.1:{port}"])
    assert silent.trouble == "Connection refused: is it running?"
    (off,) = await engines(Config(http=Http(enabled=False)), [])
    assert "http.enabled is false" in off.trouble
    async with endpoint(Http.model_validate({"port": port, "token": "secret"}), Telemetry()):
        (closed,) = await engines(Config(), [f"127.0.0.1:{port}"])
        own = Config(http=Http.model_validate({"port": port, "token": "secret"}))
        (opened,) = await engines(own, [f"127.0.0.1:{port}"])
    assert closed.trouble == "/metrics answers 401: is http.token the one of the engine?"
    assert opened.trouble == ""
