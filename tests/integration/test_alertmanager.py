"""The target against Alertmanager itself: what is told is what its API shows."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "notify" / "targets"))

import tellings
from alertmanager import AlertmanagerUnavailableError, alertmanager

from floodmark.config.targets import Alertmanager
from floodmark.notify.sink import Answer, Delivered, Message, Refused, Request
from floodmark.notify.targets.alertmanager import silenced, sink

pytestmark = [pytest.mark.alertmanager, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        with alertmanager(port, tmp_path_factory.mktemp("alertmanager")) as url:
            yield url
    except AlertmanagerUnavailableError as error:
        pytest.skip(str(error))


class _Telling:
    """A target at it, its memory, and what its API shows of an incident."""

    def __init__(self, url: str, key: str, **section: Any) -> None:
        self.settings = Alertmanager(url=url, **section)
        self.key = key
        self.memory: Mapping[str, str] = {}
        self.ahead = 0.0

    async def __call__(self, message: Message) -> Any:
        outcome = await sink(self.settings, exchange, lambda: time.time() + self.ahead).deliver(message, self.memory)
        if isinstance(outcome, Delivered):
            self.memory = outcome.memory
        return outcome

    def message(self, event: Any, revision: int = 1, severity: str = "error", **given: Any) -> Message:
        incident = tellings.incident(revision, id=self.key, severity=severity)
        return tellings.telling(event, revision, key=self.key, incident=incident, **given)

    async def shown(self) -> list[dict[str, Any]]:
        answer = await exchange(Request("GET", f"{self.settings.url}/api/v2/alerts?filter=incident%3D%22{self.key}%22"))
        found: list[dict[str, Any]] = json.loads(answer.body)
        return found


async def exchange(request: Request) -> Answer:
    async with (
        aiohttp.ClientSession() as session,
        session.request(request.method, request.url, headers=request.headers, data=request.body) as answer,
    ):
        return Answer(answer.status, {}, await answer.read())


async def test_a_life_is_one_alert(running: str) -> None:
    it = _Telling(running, "inc-life")
    assert isinstance(await it(it.message("open")), Delivered)
    (alert,) = await it.shown()
    assert alert["labels"] == {
        "alertname": "FloodmarkIncident",
        "incident": "inc-life",
        "scope": "prod",
        "severity": "error",
    }
    assert alert["annotations"]["summary"] == "payment: errors and latency, since a deploy of payment"
    assert alert["generatorURL"].startswith("https://floodmark.example.org/")
    assert alert["status"]["state"] in ("active", "unprocessed")
    await it(it.message("update", 2, reason="another first cause"))
    (updated,) = await it.shown()
    assert updated["fingerprint"] == alert["fingerprint"]
    assert updated["annotations"]["reason"] == "another first cause"
    await it(it.message("resolve", 3))
    assert await it.shown() == []
    await it(it.message("open", 4))
    (again,) = await it.shown()
    assert again["fingerprint"] == alert["fingerprint"]


async def test_a_repetition_keeps_it_open(running: str) -> None:
    it = _Telling(running, "inc-again", again=60)
    await it(it.message("open"))
    (first,) = await it.shown()
    it.ahead = 60
    await it(it.message("update", 1))
    (second,) = await it.shown()
    assert first["endsAt"] < second["endsAt"]


async def test_worse_is_another_alert_and_the_old_one_ends(running: str) -> None:
    it = _Telling(running, "inc-worse")
    await it(it.message("open"))
    await it(it.message("update", 2, severity="critical"))
    (alert,) = await it.shown()
    assert alert["labels"]["severity"] == "critical"
    await it(it.message("resolve", 3, severity="critical"))
    assert await it.shown() == []


async def test_an_end_of_what_was_never_told_shows_nothing(running: str) -> None:
    it = _Telling(running, "inc-never")
    assert isinstance(await it(it.message("resolve")), Delivered)
    assert await it.shown() == []


async def test_hostile_text_is_taken(running: str) -> None:
    for number, (name, message) in enumerate(tellings.nasty("open")):
        it = _Telling(running, f"inc-nasty-{number}")
        assert isinstance(await it(tellings.telling("open", key=it.key, incident=message.incident)), Delivered), name
        assert len(await it.shown()) == 1, name


async def test_a_start_after_the_end_is_not_what_it_is_told(running: str) -> None:
    """It refuses an alert that ends before it began, and incidents may begin after the clock on the wall (a replay)."""
    it = _Telling(running, "inc-future")
    it.ahead = -10 * 365 * 86_400.0
    assert isinstance(await it(it.message("resolve")), Delivered)


async def test_a_batch_with_one_that_is_bad_is_refused_although_the_other_is_taken(running: str) -> None:
    """So one request has one incident."""
    it = _Telling(running, "inc-batch")

    async def spoiled(request: Request) -> Answer:
        alerts = json.loads(request.body)
        alerts.append({**alerts[0], "labels": {"bad-label": "x"}})
        return await exchange(request._replace(body=json.dumps(alerts).encode()))

    outcome = await sink(it.settings, spoiled).deliver(it.message("open"), {})
    assert isinstance(outcome, Refused)
    assert len(await it.shown()) == 1


async def test_silenced_ones_are_named(running: str) -> None:
    loud, quiet = _Telling(running, "inc-loud"), _Telling(running, "inc-quiet")
    await loud(loud.message("open"))
    await quiet(quiet.message("open"))
    silence = {
        "matchers": [{"name": "incident", "value": "inc-quiet", "isRegex": False, "isEqual": True}],
        "startsAt": _time(-5),
        "endsAt": _time(3_600),
        "createdBy": "ann",
        "comment": "known",
    }
    headers = {"content-type": "application/json"}
    made = await exchange(Request("POST", f"{running}/api/v2/silences", headers, json.dumps(silence).encode()))
    assert made.status == 200, made.body
    found: frozenset[str] | None = frozenset()
    for _ in range(100):  # it looks when it tells, a second later
        found = await silenced(quiet.settings, exchange)
        if found:
            break
        time.sleep(0.1)
    assert found == {"inc-quiet"}


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
