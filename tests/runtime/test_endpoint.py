import json
import socket

import aiohttp
import pytest
from prometheus_client import generate_latest

from floodmark.config.models import Http
from floodmark.runtime.endpoint import endpoint
from floodmark.runtime.errors import AddressError
from floodmark.runtime.telemetry import Telemetry


class Task:
    def counts(self):
        return {"series:evicted": 2, "points": 7}

    def sizes(self):
        return {"series": 5}

    def learning(self):
        return ["log source nginx: warming up until 15:41"]

    def skews(self):
        return [("cam7", 600.0)]


class View:
    topic, partition, task, missing, waited = "metrics", 1, Task(), 2, 31.5
    words = ()

    def troubles(self):
        return list(self.words)

    def lag(self):
        return 12

    def learning(self):
        return 1.0

    def replaying(self):
        return None

    def snapshot_age(self):
        return None


class Group:
    name, assigned, live = "floodmark-detect", False, False

    def views(self):
        return [View()]


async def get(url, authorization=None):
    headers = {"Authorization": authorization} if authorization is not None else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_ready_only_once_every_group_is_assigned():
    telemetry = Telemetry()
    async with endpoint(Http(port=0), telemetry) as url:
        assert (await get(f"{url}/readyz"))[0] == 503
        telemetry.groups = [Group()]
        status, body = await get(f"{url}/readyz")
        assert (status, "joining" in body) == (503, True)
        telemetry.groups[0].assigned = True
        status, body = await get(f"{url}/readyz")
        assert (status, "recovering" in body) == (200, True)
        telemetry.groups[0].live = True
        assert (await get(f"{url}/readyz"))[0] == 200


async def test_not_ready_is_said_with_its_reasons_and_learning_is_no_reason(monkeypatch):
    telemetry = Telemetry()
    telemetry.groups = [Group()]
    telemetry.groups[0].assigned = True
    async with endpoint(Http(port=0), telemetry) as url:
        status, body = await get(f"{url}/readyz")
        assert status == 200
        assert json.loads(body)["learning"] == ["log source nginx: warming up until 15:41"]
        monkeypatch.setattr(View, "words", tuple(f"metrics/{i} is being recovered" for i in range(25)))
        status, body = await get(f"{url}/readyz")
    reasons = json.loads(body)["reasons"]
    assert status == 503
    assert reasons[0] == "metrics/0 is being recovered"
    assert reasons[-1] == "and 5 more"
    assert "floodmark_ready 0.0" in generate_latest(telemetry.registry).decode().splitlines()


async def test_healthy_until_something_has_failed():
    telemetry = Telemetry()
    async with endpoint(Http(port=0), telemetry) as url:
        assert (await get(f"{url}/healthz"))[0] == 200
        telemetry.failure = "it broke"
        status, body = await get(f"{url}/healthz")
    assert (status, "it broke" in body) == (503, True)


async def test_metrics_read_the_tasks():
    telemetry = Telemetry()
    telemetry.groups = [Group()]
    telemetry.records.labels("metrics", 1).inc(3)
    async with endpoint(Http(port=0), telemetry) as url:
        status, body = await get(f"{url}/metrics")
    assert status == 200
    place = 'group="floodmark-detect",partition="1"'
    for line in (
        'floodmark_records_total{partition="1",topic="metrics"} 3.0',
        'floodmark_tasks{group="floodmark-detect"} 1.0',
        f'floodmark_lag_records{{{place},topic="metrics"}} 12.0',
        f'floodmark_task_events_total{{event="series",{place},reason="evicted",topic="metrics"}} 2.0',
        f'floodmark_task_events_total{{event="points",{place},reason="",topic="metrics"}} 7.0',
        'floodmark_task_state{group="floodmark-detect",kind="series",partition="1",topic="metrics"} 5.0',
        f'floodmark_correlate_missing_tasks{{{place},topic="metrics"}} 2.0',
        f'floodmark_correlate_oldest_wait_seconds{{{place},topic="metrics"}} 31.5',
        f'floodmark_clock_skew_seconds{{{place},source="cam7",topic="metrics"}} 600.0',
        "floodmark_up 1.0",
    ):
        assert line in body.splitlines()


async def test_a_taken_port_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"cannot listen on 127.0.0.1:{port}: .*http.port"):
            async with endpoint(Http(port=port), Telemetry()):
                pass
        with pytest.raises(AddressError, match=r"set notify.http.host and notify.http.port"):
            async with endpoint(Http(port=port), Telemetry(), "notify.http"):
                pass


async def test_it_can_be_off():
    async with endpoint(Http(enabled=False), Telemetry()) as url:
        assert url is None


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer m3trics", 200),
        ("bearer  m3trics", 200),
        (None, 401),
        ("Bearer", 401),
        ("Bearer m3tric", 401),
        ("Bearer m3tricsx", 401),
        ("Bearer m3trüs", 401),
        ("Basic m3trics", 401),
        ("m3trics", 401),
    ],
)
async def test_metrics_ask_for_the_token(authorization, status):
    async with endpoint(Http(port=0, token="m3trics"), Telemetry()) as url:
        found, body = await get(f"{url}/metrics", authorization)
    assert found == status
    assert ("floodmark_up" in body) == (status == 200)
    assert "m3trics" not in body


async def test_an_empty_token_is_nobodys():
    async with endpoint(Http(port=0, token=""), Telemetry()) as url:
        assert (await get(f"{url}/metrics", "Bearer "))[0] == 401


async def test_probes_need_no_token():
    async with endpoint(Http(port=0, token="m3trics"), Telemetry()) as url:
        assert (await get(f"{url}/healthz"))[0] == 200
        assert (await get(f"{url}/readyz"))[0] == 503
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
