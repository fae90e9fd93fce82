"""What is particular about Elasticsearch: an answer of 200 in which every item has its own outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tellings import incident, telling

import floodmark.notify.targets.elasticsearch as module
from floodmark.config.targets import Elasticsearch
from floodmark.notify.sink import Answer, Delivered, Later, Outcome, Refused, Request

SETTINGS = Elasticsearch.model_validate({"url": "http://elastic:9200"})


async def told(*items: dict[str, Any], settings: Elasticsearch = SETTINGS) -> tuple[Outcome, Request]:
    asked: list[Request] = []

    async def elastic(request: Request) -> Answer:
        asked.append(request)
        body = {"took": 1, "errors": True, "items": [{"index": each} for each in items]}
        return Answer(200, {"retry-after": "3"}, json.dumps(body).encode())

    outcome = await module.sink(settings, elastic).deliver(telling("open", 7), {})
    return outcome, asked[0]


def failed(status: int, kind: str = "x_exception") -> dict[str, Any]:
    return {"status": status, "error": {"type": kind, "reason": "because", "caused_by": {"reason": "of\nthat"}}}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (({"status": 201}, {"status": 201}), Delivered({}, "")),
        ((failed(409), {"status": 201}), Delivered({}, "it was there already")),
        ((failed(409), failed(409)), Delivered({}, "it was there already")),
        (({"status": 201}, failed(429)), Later("status 429: x_exception: because: of that", 3.0)),
        ((failed(400), failed(503)), Later("status 503: x_exception: because: of that", 3.0)),
        (({"status": 201}, failed(400)), Refused("status 400: x_exception: because: of that")),
        ((failed(404, "index_not_found_exception"), {"status": 201}), Refused),
        (({"status": 201},), Later),
        (({}, {"status": "201"}), Later),
    ],
)
async def test_every_item_is_looked_at(items: tuple[dict[str, Any], ...], expected: Any) -> None:
    outcome, _ = await told(*items)
    assert isinstance(outcome, expected) if isinstance(expected, type) else outcome == expected


async def test_the_request_is_what_bulk_takes() -> None:
    _, request = await told({"status": 201}, {"status": 201})
    index, document, create, same = [json.loads(line) for line in request.body.splitlines()]
    key = telling("open").key
    assert index == {
        "index": {"_index": "floodmark-incidents", "_id": key, "version": 7, "version_type": "external_gte"}
    }
    assert create == {"create": {"_index": "logs-floodmark.incidents-default", "_id": f"{key}/7/t/open"}}
    assert document == same
    assert document["@timestamp"] == "2026-02-01T03:21:00+00:00"
    assert document["tags"] == ["env=production", "team=payments"]
    assert request.body.endswith(b"\n")
    assert "authorization" not in request.headers


async def test_without_a_data_stream_there_is_only_the_index() -> None:
    settings = Elasticsearch.model_validate({"url": "http://elastic:9200/", "stream": None, "index": "mine"})
    outcome, request = await told({"status": 201}, settings=settings)
    assert isinstance(outcome, Delivered)
    assert request.url == "http://elastic:9200/_bulk"
    assert request.body.count(b"\n") == 2


async def test_an_id_that_is_too_long_is_another_that_is_as_much_its_own() -> None:
    asked: list[bytes] = []

    async def elastic(request: Request) -> Answer:
        asked.append(request.body)
        return Answer(200)

    for end in "ab":
        await module.sink(SETTINGS, elastic).deliver(telling("open", key="é" * 300 + end), {})
    ids = [json.loads(each.splitlines()[0])["index"]["_id"] for each in asked]
    assert len(set(ids)) == 2
    assert all(len(each) <= 512 for each in ids)


@pytest.mark.parametrize("name", ["index-template.json", "stream-template.json"])
def test_the_templates_name_what_a_document_has(name: str) -> None:
    template = json.loads((Path(module.__file__).parent / name).read_text())
    mapped = template["template"]["mappings"]["properties"]
    full = incident(resolved_at=incident().updated_at, resolution="over", merged_into="inc-2")
    document = module.document(telling("resolve", incident=full))
    assert not list(unmapped(document, mapped))
    assert ("data_stream" in template) == (name == "stream-template.json")


def unmapped(value: dict[str, Any], mapped: dict[str, Any], where: str = "") -> Any:
    for field, each in value.items():
        if field not in mapped:
            yield f"{where}{field}"
        for one in each if isinstance(each, list) else [each]:
            if isinstance(one, dict):
                yield from unmapped(one, mapped[field]["properties"], f"{where}{field}.")
