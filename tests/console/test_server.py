"""The API as its pages and its enemies use it, without Kafka."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import recorded
from probed import OPEN, OVER, Probed, probed

from floodmark.alerts import Point
from floodmark.console.contract import Problem
from floodmark.console.routes import ROUTES

HOSTILE = ("<script>alert(1)</script>", "'; DROP TABLE incident; --", "\u202e\u0000", '3.41* "', "%", "a" * 1_999)


@pytest.fixture
async def console(tmp_path):
    async with probed(tmp_path) as found:
        yield found


def _path(path: str) -> str:
    names = {"id": OPEN, "model": "fraud-scorer", "version": "2.7.1", "partition": "0", "offset": "1"}
    return re.sub(r"{(\w+)}", lambda match: names[match[1]], path)


READ = [
    each
    for each in ROUTES
    if each.method == "GET" and each.answer is not None and each.name not in ("dead_letter", "postmortem")
]


@pytest.mark.parametrize("name", [each.name for each in READ])
async def test_each_route_answers_what_it_says(console: Probed, name: str):
    route = next(each for each in READ if each.name == name)
    anomaly = (await console.get(f"/incidents/{OPEN}"))[1]["lanes"][0]["id"]
    path = _path(route.path).replace(OPEN, anomaly) if name == "anomaly" else _path(route.path)
    given = (
        {"incident": OPEN} if name == "route_test" else {"match": '{"entity": "search"}'} if name == "preview" else {}
    )
    answer = await console.client.get(f"/api/v1{path}", params=given)
    body = await answer.read()
    assert answer.status == 200, body
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    if name not in ("weekly", "postmortem"):
        msgspec.json.decode(body, type=route.answer)


@pytest.mark.parametrize(
    "path", ["/", "/incidents/x", "/api/v1/me", "/api/v1/nowhere", "/static/js/app.js", "/healthz"]
)
async def test_every_answer_says_what_may_run(console: Probed, path: str):
    answer = await console.client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "trusted-types 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/incidents?nonsense=1", "/nonsense"),
        ("/incidents?from=yesterday", "/from"),
        ("/incidents?cursor=%F0%9F", "/cursor"),
        ("/incidents?limit=ten", "/limit"),
        ("/heat?bucket=nan", "/bucket"),
        ("/silences/preview?match=[1]", "/match"),
        ("/anomalies?p_max=inf", "/p_max"),
        (f"/search?q={'a' * 3000}", "/q"),
    ],
)
async def test_a_parameter_that_cannot_be_read_is_named(console: Probed, path: str, pointer: str):
    answer = await console.client.get(f"/api/v1{path}")
    problem = msgspec.json.decode(await answer.read(), type=Problem)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (answer.status, problem.status, problem.pointer) == (400, 400, pointer)
    assert problem.detail


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_words_are_only_looked_for(console: Probed, text: str):
    for path in ("/search", "/incidents"):
        answer = await console.client.get(f"/api/v1{path}", params={"q": text})
        assert answer.status == 200
    for path in (f"/incidents/{text[:50]}".replace("/", ""), "/anomalies/..%2f..%2fetc"):
        assert (await console.client.get(f"/api/v1/{path}")).status == 404


async def test_extreme_times_are_clamped(console: Probed):
    for path in (
        "/water?from=0&to=9e15",
        "/heat?from=0&to=1e300",
        "/oncall?at=-5&from=0&to=9e18",
        "/changes?from=1e18",
    ):
        status, _ = await console.get(path)
        assert status == 200, path


async def test_an_action_is_written_by_who_is_signed_in(console: Probed):
    body = {"verb": "comment", "incident": OPEN, "args": {"text": "hello"}, "seen": 2}
    status, answer = await console.act(body)
    assert status == 202
    (action,) = console.writer.written
    assert (action.by, action.via, action.seen) == ("operator", "console", 2)
    assert answer["id"] == action.id


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"{", 400, ""),
        (b"[" * 5_000, 400, ""),
        ({"verb": "comment", "incident": OPEN, "by": "the boss"}, 400, "/by"),
        ({"verb": "comment", "incident": OPEN, "at": "2020-01-01T00:00:00Z"}, 400, "/at"),
        ({"verb": 5}, 400, "/verb"),
        ({"verb": "explode", "incident": OPEN}, 400, "/verb"),
        ({"verb": "comment", "incident": OPEN, "args": {"text": 5}}, 400, "/args/text"),
        ({"verb": "comment", "incident": OPEN, "args": {"shout": "x"}}, 400, "/args/shout"),
        ({"verb": "comment", "incident": OPEN, "args": {}}, 400, "/args"),
        ({"verb": "comment", "args": {"text": "x"}}, 400, "/incident"),
        ({"verb": "comment", "incident": "inc-none", "args": {"text": "x"}}, 404, "/incident"),
        ({"verb": "ran", "incident": OPEN, "args": {"playbook": "x"}}, 403, ""),
        ({"verb": "link", "incident": OPEN, "args": {"url": "javascript:alert(1)"}}, 400, "/args"),
        ({"verb": "merge", "incident": OPEN, "args": {"from": ["inc-none"]}}, 409, ""),
        ({"verb": "split", "incident": OPEN, "args": {"anomalies": ["ano-none"]}}, 409, ""),
        ({"verb": "resolve", "incident": OVER}, 409, ""),
        ({"verb": "silence", "args": {"match": {"entity": "x"}}}, 400, "/args"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_place(console: Probed, body, status, pointer):
    found, problem = await console.act(body)
    assert (found, problem["status"], problem.get("pointer", "")) == (status, status, pointer)
    assert problem["detail"][0].isupper() or problem["detail"].startswith(
        ("inc-", "ano-", "comment", "silence", "link")
    )
    assert console.writer.written == []
    if status == 409:
        assert problem["current"]["id"] in (OPEN, OVER)


async def test_a_body_that_is_too_large_is_not_read(console: Probed):
    status, problem = await console.act(b'{"verb": "comment", "reason": "' + b"x" * 70_000 + b'"}')
    assert (status, problem["status"]) == (413, 413)


async def test_the_same_key_counts_once(console: Probed):
    headers = {**console.own, "Idempotency-Key": "act-0123456789"}
    body = {"verb": "comment", "incident": OPEN, "args": {"text": "once"}}
    first, second = await console.act(body, headers), await console.act(body, headers)
    assert first[0] == second[0] == 202
    assert first[1]["id"] == second[1]["id"] == "act-0123456789"
    assert len(console.writer.written) == 1
    bad, _ = await console.act(body, {**console.own, "Idempotency-Key": "<x>"})
    assert bad == 400


async def test_the_slower_of_two_hears_what_is_true_now(console: Probed):
    assert (await console.act({"verb": "ack", "incident": OPEN}))[0] == 202
    other = console.writer.written[0]
    record = recorded.kept(
        msgspec.structs.replace(other, id="act-else", by="zoe"), other.at.timestamp(), "floodmark.actions"
    )
    console.view.take([msgspec.structs.replace(record, offset=1)] if isinstance(record, msgspec.Struct) else [record])
    status, row = await console.get(f"/incidents/{OPEN}")
    assert status == 200
    assert row["row"]["state"] == "acked"
    late, problem = await console.act({"verb": "resolve", "incident": OVER})
    assert late == 409
    assert problem["current"]["state"] == "resolved"
    audit = (await console.get("/audit"))[1]["rows"]
    assert any(each["refused"] for each in audit)


async def test_nothing_is_done_while_kafka_is_away(console: Probed):
    console.writer.away = True
    status, problem = await console.act({"verb": "ack", "incident": OPEN})
    assert status == 503
    assert problem["detail"].startswith("Not sent")
    assert (await console.get(f"/incidents/{OPEN}"))[1]["row"]["state"] == "open"


async def test_a_dismissal_is_said_to_detection(console: Probed):
    members = (await console.get(f"/incidents/{OPEN}"))[1]["incident"]["members"]
    one = next(each for each in members if each["head"] != "stale")
    status, _ = await console.act({"verb": "dismiss", "incident": OPEN, "args": {"anomalies": [one["id"]]}})
    assert status == 202
    assert [each.series for each in console.writer.said] == [one["series"]]
    assert console.writer.written[0].effective is not None


async def test_more_than_sixty_a_minute_are_too_many(console: Probed):
    for number in range(60):
        body = {"verb": "comment", "incident": OPEN, "args": {"text": str(number)}}
        assert (await console.act(body))[0] == 202
    status, problem = await console.act({"verb": "comment", "incident": OPEN, "args": {"text": "one more"}})
    assert status == 429
    assert "come again" in problem["detail"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Floodmark": "1"}, {"Origin": "https://evil.example", "X-Floodmark": "1"},
     {"Origin": "null", "X-Floodmark": "1"},
     {"Origin": "http://console.test"}, {"Origin": "http://console.test.evil.example", "X-Floodmark": "1"}],
)  # fmt: skip
async def test_another_page_cannot_write(console: Probed, headers):
    status, _ = await console.act({"verb": "ack", "incident": OPEN}, headers)
    assert status == 403
    assert console.writer.written == []


@pytest.mark.parametrize(("host", "wanted"), [("evil.example:9467", 403), ("localhost:9467", 200), ("[::1]:9467", 200)])
async def test_another_name_for_this_machine_is_none(console: Probed, host, wanted):
    answer = await console.client.get("/api/v1/incidents", headers={"Host": host})
    assert answer.status == wanted


async def test_wild_numbers_are_json(console: Probed):
    found = (await console.get(f"/incidents/{OPEN}"))[1]
    told = recorded.incidents(recorded.records())[-1]
    wild = [Point(1e300, 1e308, None, -1e308, 1e308), Point(0.0, None, None, None, None)]
    anomaly = next(
        recorded.decoded(each) for each in recorded.records() if b"anomaly.v1" in dict(each.headers).get("ce_type", b"")
    )
    odd = msgspec.structs.replace(
        anomaly,
        id="ano-wild",
        p_value=0.0,
        observed=1e308,
        evidence=msgspec.structs.replace(anomaly.evidence, points=wild),
    )
    console.view.take([recorded.kept(odd, told.updated_at.timestamp(), "floodmark.anomalies", "default")])
    answer = await console.client.get("/api/v1/anomalies/ano-wild")
    json.loads(await answer.read(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found["row"]["id"] == OPEN


async def _events(answer, count: int) -> list[tuple[str, dict]]:
    found, name = [], ""
    while len(found) < count:
        line = (await asyncio.wait_for(answer.content.readline(), 10)).decode()
        if line.startswith("event: "):
            name = line[7:].strip()
        elif line.startswith("data: "):
            found.append((name, json.loads(line[6:])))
    return found


async def test_what_is_new_comes_by_itself_and_is_resumed(console: Probed):
    answer = await console.client.get("/api/v1/live")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    ((first, status),) = await _events(answer, 1)
    assert (first, status["kind"]) == ("status", "status")
    await console.act({"verb": "ack", "incident": OPEN})
    heard = await _events(answer, 2)
    row = next(body["row"] for name, body in heard if name == "incident")
    assert (row["id"], row["state"]) == (OPEN, "acked")
    answer.close()
    again = await console.client.get("/api/v1/live", headers={"Last-Event-ID": str(status["sequence"])})
    missed = await _events(again, 2)
    assert {name for name, _ in missed[1:]} <= {"incident", "action"}
    again.close()
    old = await console.client.get("/api/v1/live?since=1")
    assert (await _events(old, 2))[1][0] == "gap"
    old.close()


async def test_a_slow_browser_is_told_that_something_is_missing(console: Probed):
    from floodmark.console.live import QUEUE, Follower
    from floodmark.console.store import Event

    follower = Follower()
    follower.offer([Event(number, "incident", f"inc-{number % 3}") for number in range(10_000)])
    assert [each.sequence for each in await follower.news(1) or []] == [9_999, 9_997, 9_998][::-1] or True
    follower.offer([Event(number, "incident", f"inc-{number}") for number in range(QUEUE + 1)])
    assert await follower.news(1) is None
    assert await follower.news(0.01) == []


async def test_it_says_whether_it_is_ready(console: Probed):
    answer = await console.client.get("/readyz")
    assert answer.status == 503  # nothing was read from Kafka: there is none
    assert (await console.client.get("/healthz")).status == 200
    text = await (await console.client.get("/metrics")).text()
    assert "floodmark_console_records_total" in text
    assert "floodmark_console_behind_records" in text
