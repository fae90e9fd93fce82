"""What the demo tells an Alertmanager, on a pretended one; tests/integration/test_alertmanager.py has the real one."""

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from floodmark.alerts import Incident
from floodmark.cli import bell

BEGAN = datetime(2025, 6, 3, 17, tzinfo=UTC)


def incident(number: int, event: str) -> Incident:
    ended = event == "resolved"
    return Incident(
        id=f"inc-{number}", event=event, revision=2 if ended else 1, scope="default", severity="error", title="slow",
        why="it is", started_at=BEGAN, updated_at=BEGAN + timedelta(minutes=30 if ended else 1),
        resolved_at=BEGAN + timedelta(minutes=30) if ended else None, resolution="over" if ended else "",
        entities=["cart"], member_count=1, members=[], causes=[], changes=[],
    )  # fmt: skip


class Alertmanager:
    """Keeps what ends later than now."""

    def __init__(self) -> None:
        self.firing: dict[str, dict] = {}

    async def post(self, request: web.Request) -> web.Response:
        for alert in await request.json():
            name = alert["labels"]["incident"]
            if datetime.fromisoformat(alert["endsAt"]) > datetime.now(UTC):
                self.firing[name] = alert
            else:
                self.firing.pop(name, None)
        return web.Response()

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(list(self.firing.values()))


@pytest.fixture
async def there():
    app, pretended = web.Application(), Alertmanager()
    app.add_routes([web.post("/api/v2/alerts", pretended.post), web.get("/api/v2/alerts", pretended.get)])
    server = TestServer(app)
    await server.start_server()
    yield str(server.make_url("")).rstrip("/"), pretended
    await server.close()


async def test_each_incident_arrives_and_goes_though_days_pass_in_seconds(there):
    url, pretended = there
    told = [incident(1, "opened"), incident(2, "opened"), incident(1, "resolved")]
    async with bell.ringing(url, told) as rung:
        told += [incident(3, "opened"), incident(3, "resolved")]
    (found,) = rung
    assert (found.told, found.resolved, found.seen, found.firing, found.failed) == (3, 2, 3, 1, "")
    assert list(pretended.firing) == ["inc-2"]
    assert "was told 3 incidents, and of 2 that they are over; it showed 3 of them" in str(found)


async def test_what_is_not_taken_is_said(monkeypatch):
    monkeypatch.setattr(bell, "_LAST_SECONDS", 0.5)
    told = [incident(1, "opened")]
    async with bell.ringing("http://127.0.0.1:9", told) as rung:
        pass
    assert rung[0].told == 0
    assert "Not taken: 127.0.0.1:9" in str(rung[0])


async def test_without_an_alertmanager_it_says_how_to_have_one(monkeypatch):
    monkeypatch.delenv("FLOODMARK_ALERTMANAGER", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(bell.MissingAlertmanagerError, match="apt-get install prometheus-alertmanager"):
        async with bell.alertmanager():
            pass
